package tui

import (
	"context"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"
)

// Track is one shell or screen of a recording: it has a Source, or Pictures. Its
// name must be clean.
type Track struct {
	Name     string
	Source   Source
	Pictures Pictures
	Offset   time.Duration // of its start since the start of the visit
}

// Recording is what [Play] plays. All its text must be clean, but for what
// the sources give: that is only ever drawn as cells.
type Recording struct {
	Title  string
	Notice string // a sentence such as "interrupted: the gateway stopped"
	Tracks []Track
	First  int         // the track to begin with
	Story  []Happening // what else happened, in order
}

// Play shows a recording until its viewer leaves: nil, or [ErrLeft] on Ctrl-C
// and for a lost terminal. In the line mode it prints the screens as they are
// at the end.
func Play(ctx context.Context, t *Terminal, rec Recording) error {
	if t.Plain() {
		return plainPlay(ctx, t, rec)
	}
	inner, cancel := context.WithCancel(ctx)
	p := newPage(t)
	rec = withStory(rec, p.ph, Size{p.width, p.height})
	s := newPlayScreen(inner, p, rec)
	defer s.close()
	defer cancel()
	if len(rec.Tracks) == 0 {
		return Notice(ctx, t, Note{Title: s.ph.Say("TechPlayNothing"), Lines: []string{rec.Title, rec.Notice}})
	}
	if err := s.play(ctx, t); err != nil {
		return err
	}
	if s.left {
		return ErrLeft
	}
	return nil
}

// play shows shells and screens in turn, as the viewer chooses.
func (s *playScreen) play(ctx context.Context, t *Terminal) error {
	for !s.done {
		show := func() error { return run(ctx, t, s) }
		if s.rec.Tracks[s.which].Pictures != nil {
			show = func() error { return s.playPictures(ctx, t) }
		}
		s.busy, s.ticking, s.last = false, false, time.Time{}
		if err := show(); err != nil {
			return err
		}
	}
	return nil
}

const (
	// frameEvery is the pace of pictures while playing.
	frameEvery = 33 * time.Millisecond
	// idleMost is how much of a pause is played when pauses are skipped.
	idleMost = 2 * time.Second
	// sloppy is how near before a mark the way back goes to the mark before.
	sloppy = time.Second
)

type frameMsg time.Time

type playScreen struct {
	page
	pane
	rec   Recording
	reels []*reel
	// pulses are of the screens, by track.
	pulses []*pulses
	work   func(*reel, time.Duration) tea.Cmd

	which   int
	at      time.Duration // what is, or shall be, in the picture
	shown   progress      // what is
	busy    bool          // a slice of work is under way
	playing bool
	ticking bool // a frameMsg is under way
	last    time.Time
	speed   float64
	skip    bool
	told    string // a passing remark
	help    bool
	done    bool
	left    bool
}

func newPlayScreen(ctx context.Context, p page, rec Recording) *playScreen {
	s := &playScreen{page: p, rec: rec, which: rec.First, speed: 1, skip: true, playing: true, told: rec.Notice}
	for _, track := range rec.Tracks {
		r := newReel(track.Source)
		if _, is := track.Source.(*story); !is {
			r.others = p.ph.marksWithin(rec.Story, track)
		}
		s.reels = append(s.reels, r)
	}
	s.pulses = make([]*pulses, len(rec.Tracks))
	s.work = func(r *reel, to time.Duration) tea.Cmd {
		return func() tea.Msg { return r.work(ctx, to) }
	}
	return s
}

// close waits for the work under way; its context has ended.
func (s *playScreen) close() {
	for _, r := range s.reels {
		r.close()
	}
}

func (s *playScreen) Init() tea.Cmd { return tea.Batch(s.pump(), s.tick()) }
func (s *playScreen) Done() bool    { return s.done || s.rec.Tracks[s.which].Pictures != nil }
func (s *playScreen) Title() string { return s.rec.Title }

// pump starts the next slice of work, if there is any and none is under way.
func (s *playScreen) pump() tea.Cmd {
	current := s.shown.reel == s.reels[s.which] && s.shown.reached && s.shown.at == s.at
	if s.busy || s.Done() || current && !s.shown.more {
		return nil
	}
	s.busy = true
	return s.work(s.reels[s.which], s.at)
}

// tick asks for the next step of playing.
func (s *playScreen) tick() tea.Cmd {
	if s.ticking || !s.playing {
		return nil
	}
	s.ticking = true
	return tea.Tick(frameEvery, func(t time.Time) tea.Msg { return frameMsg(t) })
}

func (s *playScreen) Update(msg tea.Msg) tea.Cmd {
	s.observe(msg)
	switch msg := msg.(type) {
	case progress:
		s.busy = false
		if msg.reel == s.reels[s.which] && msg.frame != nil {
			s.shown = msg
			s.at = s.within(s.at)
		}
	case frameMsg:
		s.ticking = false
		s.step(time.Time(msg))
	case tea.KeyPressMsg:
		s.press(msg)
	}
	return tea.Batch(s.pump(), s.tick())
}

// step plays on to a new time of the clock.
func (s *playScreen) step(now time.Time) {
	passed := now.Sub(s.last)
	began := s.last.IsZero()
	s.last = now
	if !s.playing || began || passed <= 0 || !s.showing() {
		return
	}
	// After a stall, as of a stopped terminal, play on from where it was.
	s.at += time.Duration(float64(min(passed, time.Second)) * s.speed)
	p := s.shown
	if s.skip && p.next > p.last+idleMost && s.at > p.last+idleMost && s.at < p.next {
		s.at = p.next
	}
	if p.known && s.at >= p.length {
		s.playing = false
	}
	s.at = s.within(s.at)
}

// showing reports whether the picture is of the track and near the time
// wanted, so that playing may go on.
func (s *playScreen) showing() bool {
	return s.shown.reel == s.reels[s.which] && s.shown.reached
}

// within keeps a time inside of the recording, once its length is known.
func (s *playScreen) within(at time.Duration) time.Duration {
	if s.shown.reel != s.reels[s.which] || !s.shown.known {
		return max(at, 0)
	}
	return max(0, min(at, s.shown.length))
}

func (s *playScreen) press(msg tea.KeyPressMsg) {
	if s.help && msg.String() != "ctrl+c" {
		s.help = false
		return
	}
	s.told = ""
	switch key := msg.String(); key {
	case "ctrl+c":
		s.done, s.left = true, true
	case "q", "esc":
		s.done = true
	case "?":
		s.help = true
	case "space":
		s.toggle()
	case "i":
		s.skip = !s.skip
	case "tab":
		s.turnTo((s.which + 1) % len(s.reels))
	case "shift+tab":
		s.turnTo((s.which + len(s.reels) - 1) % len(s.reels))
	case "m":
		s.toMark(1)
	case "M":
		s.toMark(-1)
	default:
		s.travel(key)
	}
}

// toggle pauses and plays; at the end it plays from the start.
func (s *playScreen) toggle() {
	s.playing = !s.playing
	s.last = time.Time{}
	if s.playing && s.shown.known && s.at >= s.shown.length {
		s.at = 0
	}
}

// travel is for the keys that move in time, in space, and change the speed.
func (s *playScreen) travel(key string) {
	if s.pane.travel(key, s.shown.frame, s.room()) {
		return
	}
	switch key {
	case "left":
		s.at -= 5 * time.Second
	case "right":
		s.at += 5 * time.Second
	case "shift+left", "pgup":
		s.at -= time.Minute
	case "shift+right", "pgdown":
		s.at += time.Minute
	case "home":
		s.at = 0
	case "end":
		s.at = s.shown.length
	case "+", "=":
		s.speed = min(s.speed*2, 16)
	case "-":
		s.speed = max(s.speed/2, 0.5)
	default:
		if len(key) == 1 && key >= "1" && key <= "9" {
			s.speed = float64(key[0] - '0')
		}
	}
	s.at = s.within(s.at)
}

// turnTo shows another shell, at the same time of the visit.
func (s *playScreen) turnTo(which int) {
	if which == s.which {
		return
	}
	s.at = max(0, s.at+s.rec.Tracks[s.which].Offset-s.rec.Tracks[which].Offset)
	s.which, s.panned = which, false
}

// toMark goes to the next mark, or the one before.
func (s *playScreen) toMark(by int) {
	marks := s.shown.marks
	i := slices.IndexFunc(marks, func(m bookmark) bool { return m.at > s.at })
	if by < 0 {
		i = -1
		for j, m := range marks {
			if m.at < s.at-sloppy {
				i = j
			}
		}
	}
	if i < 0 {
		s.told = s.ph.Say("TechPlayNoMark")
		return
	}
	s.at, s.told = marks[i].at, s.ph.Say("TechPlayMark", "N", i+1, "Text", marks[i].text)
}
