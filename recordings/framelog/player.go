package framelog

import (
	"context"
	"errors"
	"image"
	"io"
	"sort"
	"time"

	"accord/recordings/rfb"
)

// Player is a place in a file, and the picture there. Many can be had of one
// [Reader]; they are for one goroutine at a time, all together.
type Player struct {
	log    *Reader
	in     *stream
	next   int  // the chunk that comes next
	opened bool // the stream is in the one before it
	first  bool // its first picture is not whole yet

	kind byte // of the record whose head was read
	n    int  // bytes of its body
	at   uint32
	has  bool

	now    uint32 // ms: of the last record applied
	frame  *rfb.Frame
	state  rfb.State
	paused bool
	lossy  int // level
	need   int // pixels that the first picture still lacks
	row    *rfb.Frame

	damage  rfb.Damage
	whole   bool // everything has changed since the last Show
	changed bool // the state has
	events  events
}

// Event is what happened beside the picture.
type Event struct {
	At   time.Duration
	Kind EventKind
	// X, Y and Buttons are of a pointer.
	X, Y    int
	Buttons uint8
	Mark    Mark
	Clip    Clip
}

// Clip is a text that went through a clipboard.
type Clip struct {
	In     bool // to the device
	Length int
	Sum    [32]byte // SHA-256
	Text   string   // as it was found; empty where it was not kept
}

// EventKind says what an [Event] is.
type EventKind byte

// The kinds of events.
const (
	EventKey     EventKind = recPress
	EventPointer EventKind = recPointer
	EventBell    EventKind = recBell
	EventMark    EventKind = recMark
	EventClip    EventKind = recClip
)

// maxEvents bounds what a player keeps between two calls of Events, and what is
// told of one chunk; maxWords the bytes of their texts.
const (
	maxEvents = 10_000
	maxWords  = 4 << 20
)

// Play begins before the first picture. The caller ends it with [Player.Close].
func (r *Reader) Play() (*Player, error) {
	in, err := newStream(r.src)
	if err != nil {
		return nil, err
	}
	row, err := rfb.NewFrame(256, 256)
	if err != nil {
		return nil, err
	}
	return &Player{log: r, in: in, row: row}, nil
}

// Close gives its memory back.
func (p *Player) Close() { p.in.close() }

// Frame is the picture, nil before the first. It may be read until the next call.
func (p *Player) Frame() *rfb.Frame { return p.frame }

// State is what is shown besides. Its name is as it was found.
func (p *Player) State() rfb.State { return p.state }

// At is the time of the picture.
func (p *Player) At() time.Duration { return duration(p.now) }

// Paused reports that the visit is paused here.
func (p *Player) Paused() bool { return p.paused }

// Lossy reports that parts of the picture may be lossy here.
func (p *Player) Lossy() bool { return p.lossy == levelJPEG }

// Events gives what has happened on the way since the last call. A seek
// forgets what lies between.
func (p *Player) Events() []Event {
	list := p.events.list
	p.events = events{}
	return list
}

// Show brings a screen to the picture.
func (p *Player) Show(s *rfb.Screen) {
	if p.frame == nil {
		return
	}
	if p.whole {
		p.damage = rfb.Damage{Rects: []image.Rectangle{p.frame.Bounds()}}
	}
	if p.whole || len(p.damage.Rects)+len(p.damage.Copies) > 0 {
		s.Commit(p.frame, p.damage)
	}
	if p.changed {
		state := p.state
		s.Change(func(rfb.State) rfb.State { return state })
	}
	p.damage, p.whole, p.changed = rfb.Damage{}, false, false
}

// Next is the time of the next record; false at the end.
func (p *Player) Next() (time.Duration, bool) {
	for p.opened {
		if p.has {
			return duration(max(p.at, p.now)), true
		}
		p.peek()
	}
	for p.next < len(p.log.chunks) && p.log.chunks[p.next].bad {
		p.next++
	}
	if p.next == len(p.log.chunks) {
		return 0, false
	}
	return duration(max(p.log.chunks[p.next].start, p.now)), true
}

// Step applies the records of the next moment. Damage is no error: the picture
// stays as it is until the next chunk. The error is the context's, or io.EOF at
// the end.
func (p *Player) Step(ctx context.Context) error {
	at, ok := p.Next()
	if !ok {
		return io.EOF
	}
	if !p.opened {
		p.enter()
	}
	for p.opened {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !p.has {
			p.peek()
			continue
		}
		if duration(max(p.at, p.now)) > at {
			break
		}
		p.has = false
		p.now = max(p.at, p.now)
		if err := p.apply(); err != nil {
			p.leave(err)
		}
	}
	if p.opened && p.first {
		if p.need > 0 {
			p.leave(errDamaged)
		}
		p.first = false
	}
	return nil
}

// enter opens the chunk that comes next.
func (p *Player) enter() {
	c := p.log.chunks[p.next]
	p.next++
	p.opened, p.first, p.has = true, true, false
	p.need = c.width * c.height
	if err := p.in.open(c, false); err != nil {
		p.leave(err)
	}
}

// peek reads the head of the next record, or leaves the chunk.
func (p *Player) peek() {
	kind, n, err := p.in.next()
	if err == nil && p.next < len(p.log.chunks) && p.in.now > p.log.chunks[p.next].start {
		err = errDamaged
	}
	if err != nil {
		p.leave(err)
		return
	}
	p.kind, p.n, p.at, p.has = kind, n, p.in.now, true
}

// leave ends the reading of a chunk; the next record is that of the next one. A
// chunk without its whole first picture is of no use.
func (p *Player) leave(why error) {
	p.opened, p.has = false, false
	c := &p.log.chunks[p.next-1]
	c.bad = c.bad || p.first && p.need > 0
	if errors.Is(why, io.EOF) && !c.bad || c.told {
		return
	}
	to := max(c.end, p.now)
	if p.next < len(p.log.chunks) {
		to = p.log.chunks[p.next].start
	}
	c.told = true
	p.log.gap(max(p.now, c.start), to, whyDamaged)
}

// Seek goes to the picture of a time: the last record that is not after it. A
// time before the first picture is that of the first.
func (p *Player) Seek(ctx context.Context, t time.Duration) error {
	to, err := millis(t)
	if err != nil {
		return err
	}
	for {
		i := p.log.before(to)
		if i < 0 {
			return nil
		}
		if p.next-1 != i || p.now > to {
			p.jump(i)
		}
		last := duration(max(to, p.log.chunks[i].start))
		for at, ok := p.Next(); ok && at <= last; at, ok = p.Next() {
			if err := p.Step(ctx); err != nil {
				return err
			}
		}
		if !p.log.chunks[i].bad {
			return nil
		}
	}
}

// before finds the last chunk of use that does not begin after a time, or the
// first one; -1 if there is none.
func (r *Reader) before(to uint32) int {
	from := sort.Search(len(r.chunks), func(i int) bool { return r.chunks[i].start > to })
	for i := from - 1; i >= 0; i-- {
		if !r.chunks[i].bad {
			return i
		}
	}
	for i := from; i < len(r.chunks); i++ {
		if !r.chunks[i].bad {
			return i
		}
	}
	return -1
}

// jump makes chunk i the one that comes next.
func (p *Player) jump(i int) {
	p.next, p.opened, p.has, p.now = i, false, false, 0
	p.state, p.changed = rfb.State{}, true
	p.paused, p.lossy, p.events = false, levelExact, events{}
}

// apply does what the record says whose head was read.
func (p *Player) apply() error {
	if p.kind == recTiles {
		return p.tiles()
	}
	body, err := p.in.read(p.n)
	if err != nil {
		return err
	}
	switch p.kind {
	case recSize:
		return p.size(body)
	case recKey:
		if p.frame == nil {
			return errDamaged
		}
		p.need = p.frame.Width * p.frame.Height
	case recCopy:
		return p.copy(body)
	case recCursor:
		return p.cursor(body)
	case recAt:
		if _, ok := shorts(body, &p.state.Pointer.X, &p.state.Pointer.Y); !ok {
			return errDamaged
		}
		p.changed = true
	case recPress, recPointer, recBell, recMark, recClip:
		p.event(body)
	}
	return nil
}

// Redraw makes the next [Player.Show] show everything, on a screen that has
// another picture now.
func (p *Player) Redraw() { p.whole, p.changed = true, true }
