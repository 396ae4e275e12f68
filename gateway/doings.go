package gateway

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"sync"
	"time"

	"accord/replay"
	"accord/tui"
)

// doingsMost bounds what is kept of a visit's doings for who comes to watch; the
// recording has all of it.
const doingsMost = 500

// doings are what a visit does besides its shells and its screen: files and
// connections. Who watches sees them as one more shell, a line for each.
type doings struct {
	mu    sync.Mutex
	story replay.Story
	list  []tui.Happening
	left  int // out of the list, at its beginning
	over  bool
	grown chan struct{} // closed and replaced when there is more, or nothing more will come
}

func newDoings() *doings {
	return &doings{story: replay.Story{Begins: true}, grown: make(chan struct{})}
}

// happens puts an event on the visit's timeline, and tells who watches.
func (v *visit) happens(kind string, data any) error {
	if err := v.rec.Event(kind, data); err != nil {
		return err
	}
	text, err := json.Marshal(data)
	if err == nil && v.doings.add(time.Since(v.openedAt), kind, text) {
		v.audience.change()
	}
	return nil
}

// add takes an event, and reports whether it is the first that people read.
func (d *doings) add(at time.Duration, kind string, data []byte) (first bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	h, tells := d.story.Tell(kind, data)
	if !tells || d.over {
		return false
	}
	h.At = at
	if d.list = append(d.list, h); len(d.list) >= 2*doingsMost {
		d.left += len(d.list) - doingsMost
		d.list = slices.Clone(d.list[len(d.list)-doingsMost:])
	}
	d.announce()
	return d.left == 0 && len(d.list) == 1
}

// end says that nothing more will come.
func (d *doings) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.over {
		d.over = true
		d.announce()
	}
}

// announce wakes who waits. The caller holds mu.
func (d *doings) announce() {
	close(d.grown)
	d.grown = make(chan struct{})
}

// doingsID is the doings' among the names of shells, which are names of files.
const doingsID = "doings"

// live are the doings as a shell; false where there are none. Where a shell goes
// on it is that which is looked at first.
func (d *doings) live(ph *tui.Phrases, shells bool) (tui.LiveShell, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return tui.LiveShell{
		ID: doingsID, Name: ph.Say("StoryName"), Ended: d.over, Second: shells, Told: true,
		Follow: func() (tui.Tail, error) { return &doingsTail{of: d, ph: ph}, nil },
	}, len(d.list) > 0
}

// doingsTail reads them for one who watches.
type doingsTail struct {
	of    *doings
	ph    *tui.Phrases
	next  int // how many have been read
	grown <-chan struct{}
	ended bool
}

// The size of the picture that lines are drawn in.
const (
	doingsWidth  = 80
	doingsHeight = 22
)

func (t *doingsTail) Header() (width, height int, title string) {
	return doingsWidth, doingsHeight, t.ph.Say("StoryName")
}

func (t *doingsTail) Next() (tui.Event, error) {
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	t.next = max(t.next, t.of.left)
	if t.next-t.of.left >= len(t.of.list) {
		t.grown, t.ended = t.of.grown, t.of.over
		return tui.Event{}, io.EOF
	}
	h := t.of.list[t.next-t.of.left]
	t.next++
	return tui.Event{At: h.At, Kind: tui.EventOutput, Data: []byte(t.ph.StoryLine(h) + "\r\n")}, nil
}

func (t *doingsTail) Wait(ctx context.Context) error {
	if t.ended {
		return io.EOF
	}
	select {
	case <-t.grown:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (t *doingsTail) Close() {}
