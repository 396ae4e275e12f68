package tui

import (
	"context"
	"errors"
	"time"

	tea "charm.land/bubbletea/v2"

	"accord/recordings/rfb"
)

// Pictures is one screen of a recording. The player calls it from one goroutine
// at a time, and not at all once [Play] has returned.
type Pictures interface {
	// Screen is where the picture is that was gone to last.
	Screen() *rfb.Screen
	// Seek goes to the picture of a time.
	Seek(ctx context.Context, at time.Duration) (Moment, error)
	// Look reads on, for a while, for what happened when. More reports that
	// there is something left to read.
	Look(ctx context.Context) (p Pulse, more bool)
	Length() time.Duration
	// Broken says, in a sentence, what can't be read; "" for nothing.
	Broken() string
}

// Moment is a place in a recorded screen.
type Moment struct {
	At     time.Duration // of the last change that is shown
	Next   time.Duration // of the next; -1 at the end
	Paused bool          // the visit is paused here
}

// Pulse is what happened, in order.
type Pulse struct {
	Changes []time.Duration // the picture
	Inputs  []time.Duration // key or mouse
	Marks   []Bookmark
}

// Bookmark is a place that one can jump to. Its text must be clean.
type Bookmark struct {
	At   time.Duration
	Text string
}

// gallery works on a recorded screen in a goroutine of its own: towards the
// picture that is wanted, and then through the rest for what happened when.
type gallery struct {
	from   Pictures
	wanted chan time.Duration // the newest only
	found  chan finding
	cancel context.CancelFunc
	done   chan struct{}
}

// finding is what a gallery has come to.
type finding struct {
	progress
	paused bool
	pulse  *Pulse // nil for nothing new
}

func openGallery(ctx context.Context, from Pictures) *gallery {
	ctx, cancel := context.WithCancel(ctx)
	g := &gallery{from: from, wanted: make(chan time.Duration, 1), found: make(chan finding), cancel: cancel, done: make(chan struct{})}
	go g.run(ctx)
	return g
}

// close waits for its goroutine.
func (g *gallery) close() {
	g.cancel()
	<-g.done
}

// want asks for a time in place of the one asked for before.
func (g *gallery) want(at time.Duration) {
	select {
	case <-g.wanted:
	default:
	}
	g.wanted <- at
}

func (g *gallery) run(ctx context.Context) {
	defer close(g.done)
	more := true
	for {
		var f finding
		select {
		case at := <-g.wanted:
			m, err := g.from.Seek(ctx, at)
			f.progress = progress{reached: true, at: at, last: m.At, next: m.Next, length: g.from.Length(), known: true, more: more}
			f.paused = m.Paused
			if why := g.from.Broken(); why != "" {
				f.broken = errors.New(why)
			}
			if err != nil {
				f.broken = err
			}
		case <-ctx.Done():
			return
		case <-ready(more):
			var p Pulse
			p, more = g.from.Look(ctx)
			f.pulse = &p
		}
		select {
		case g.found <- f:
		case <-ctx.Done():
			return
		}
	}
}

// ready is a channel that can be received from at once, or never.
func ready(now bool) <-chan struct{} {
	if !now {
		return nil
	}
	c := make(chan struct{})
	close(c)
	return c
}

// deck are the player's controls around a picture: the player itself, which is
// told the keys and the time, and what it has found out of the screen that is
// played.
type deck struct {
	*playScreen
	gallery *gallery
	asked   time.Duration // the time last asked for
	paused  bool
	pulses  *pulses
	drawn   strip
}

// marks are those of the screen and of its visit.
func (d *deck) marks() []bookmark {
	return mixed(d.pulses.marks, d.reels[d.which].others, d.rec.Tracks[d.which].Pictures.Length())
}

// playPictures shows the screen track that the player is at, until its viewer
// leaves or turns to a shell.
func (s *playScreen) playPictures(ctx context.Context, t *Terminal) error {
	track := s.rec.Tracks[s.which]
	if t.getenv("NO_COLOR") != "" {
		s.done = true
		return Notice(ctx, t, Note{Title: s.rec.Title, Lines: []string{s.ph.Say("PlayPicture", "Name", track.Name, "Length", clock(track.Pictures.Length()))}})
	}
	able, err := t.ask(ctx)
	if err != nil {
		return err
	}
	d := &deck{playScreen: s, gallery: openGallery(ctx, track.Pictures), asked: -1, pulses: s.pulsesOf(s.which)}
	defer d.gallery.close()
	s.shown, s.last = progress{reel: s.reels[s.which], length: track.Pictures.Length(), known: true, marks: d.marks()}, time.Time{}
	s.at = s.within(s.at)
	show := ScreenShow{Screen: track.Pictures.Screen(), Device: track.Name, Title: s.rec.Title, Frozen: d.frozen}
	m := newScreenModel(newPage(t), show, able)
	m.deck = d
	m.poll(t.Banner)
	d.seek()
	defer m.hands.close()
	end := m.run(ctx, t)
	if errors.Is(end, ErrBack) {
		return nil
	}
	return end
}

func (d *deck) frozen() string {
	if d.paused {
		return d.ph.Say("PlayPaused")
	}
	return ""
}

// findings is where news of the screen come from; nil without a deck.
func (d *deck) findings() <-chan finding {
	if d == nil {
		return nil
	}
	return d.gallery.found
}

// take takes them.
func (d *deck) take(f finding) {
	if f.pulse != nil {
		d.pulses.add(*f.pulse)
		d.shown.marks = d.marks()
		return
	}
	f.marks, f.reel = d.marks(), d.reels[d.which]
	d.shown, d.paused = f.progress, f.paused
}

// pace is how often a deck wants to be asked for the time.
const pace = 50 * time.Millisecond

// tick plays on.
func (d *deck) tick(now time.Time) {
	d.step(now)
	d.seek()
}

// seek asks for the picture of the time that is wanted.
func (d *deck) seek() {
	if d.at != d.asked {
		d.asked = d.at
		d.gallery.want(d.at)
	}
}

// key is for the player's keys; over reports that the picture is left.
func (d *deck) key(k tea.Key) (over bool) {
	d.press(tea.KeyPressMsg(k))
	d.seek()
	return d.done || d.turned()
}

// turned reports that the player has turned to another track than that which the
// gallery is of.
func (d *deck) turned() bool {
	return d.rec.Tracks[d.which].Pictures != d.gallery.from
}

// moving are the keys of the picture, by those of a screen that is looked at.
func moving(key string) (string, bool) {
	switch key {
	case "ctrl+left", "ctrl+right", "ctrl+up", "ctrl+down":
		return key[len("ctrl+"):], true
	case "z":
		return "+", true
	case "Z", "shift+z":
		return "-", true
	case "x":
		return "1", true
	case "f":
		return "0", true
	}
	return "", false
}
