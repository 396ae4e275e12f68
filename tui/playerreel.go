package tui

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"time"
)

// Kinds of [Event], as in asciicast v2.
const (
	EventOutput = "o"
	EventResize = "r"
	EventMark   = "m"
)

// Event is one event of a recorded shell. Kinds that the player has no use for
// are passed over.
type Event struct {
	At            time.Duration // since the shell's start; never before the event before
	Kind          string
	Data          []byte // output as it was; the text of a mark
	Width, Height int    // of an EventResize
}

// Source is one shell of a recording. The player calls it from one goroutine
// at a time, and not at all once [Play] has returned.
type Source interface {
	// Header returns the size of the terminal in cells and its title.
	Header() (width, height int, title string)
	// ReadAt reads the event at a position, 0 for the first, and returns the
	// position of the one after it. The error is io.EOF at the end; any other
	// says, in a sentence, why what follows can't be read. An Event's Data is
	// valid until the next call.
	ReadAt(pos int64) (ev Event, next int64, err error)
}

const (
	// sliceWork is how long one slice of work may take, so that keys are
	// answered in between.
	sliceWork = 25 * time.Millisecond
	// checkpointWork is how much work lies between two checkpoints at first,
	// which bounds the work of a seek.
	checkpointWork = 20 * time.Millisecond
	// checkpointBytes bounds the memory of all checkpoints of a reel.
	checkpointBytes = 48 << 20
	// aheadWork bounds the work done ahead of the viewer.
	aheadWork = time.Minute
)

// checkpoint is a place in a recording that one can go on from.
type checkpoint struct {
	place
	state *snapshot
}

// place is how far a recording has been fed to the emulator.
type place struct {
	pos int64         // of the next event
	at  time.Duration // of the last event fed
	cut int           // bytes of the next event that are fed already
}

// bookmark is an [EventMark].
type bookmark struct {
	at   time.Duration
	text string
}

// reel turns one shell of a recording into pictures. Its work comes in slices,
// each from a command of the player; mu keeps two of them apart.
type reel struct {
	mu     sync.Mutex
	src    Source
	em     *emulation // nil until the first slice
	here   place
	points []checkpoint // ascending; the first is the start
	spaced time.Duration
	worked time.Duration // since the last checkpoint
	shot   *frame        // the picture at shotAt
	shotAt place

	front       checkpoint // how far the work ahead has come; no state: not begun
	frontWorked time.Duration
	ahead       time.Duration // spent on it
	ended       bool          // it is finished

	scan   int64 // position of the look at length and marks
	length time.Duration
	marks  []bookmark
	others []bookmark // of the visit, not of the shell itself
	known  bool       // the scan has come to the end
	broken error
	limit  int64 // position from which on the emulator fails; -1 for none
}

func newReel(src Source) *reel { return &reel{src: src, spaced: checkpointWork, limit: -1} }

// progress is what a slice of work has come to.
type progress struct {
	reel    *reel
	reached bool // the picture is of the time asked for
	at      time.Duration
	frame   *frame
	last    time.Duration // time of the last event in the picture
	next    time.Duration // time of the next event; -1 at the end
	length  time.Duration
	marks   []bookmark
	known   bool // length and marks are final
	more    bool // there is work left to do ahead
	broken  error
}

// work goes towards the picture at the time to; then, with what is left of the
// slice, it looks at the rest of the recording.
func (r *reel) work(ctx context.Context, to time.Duration) progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ctx.Err() != nil {
		return progress{reel: r, at: to}
	}
	if r.em == nil {
		width, height, _ := r.src.Header()
		r.em = newEmulation(width, height)
		r.points = []checkpoint{{state: r.em.save()}}
	}
	end := time.Now().Add(sliceWork)
	reached, next := r.seek(ctx, to, end)
	p := progress{reel: r, at: to, reached: reached, next: next, last: r.here.at, frame: r.picture()}
	if reached {
		r.look(ctx, end)
		r.goAhead(ctx, end)
	}
	p.length, p.marks, p.known, p.broken = r.length, mixed(r.marks, r.others, r.length), r.known, r.broken
	p.more = !r.known || !r.ended
	return p
}

// picture is the screen as it is here.
func (r *reel) picture() *frame {
	if r.shot == nil || r.shotAt != r.here {
		r.shot, r.shotAt = r.em.frame(), r.here
	}
	return r.shot
}

// seek feeds events up to the time to, from the nearest place before it. It
// reports whether it got there before end, and the time of the next event.
func (r *reel) seek(ctx context.Context, to time.Duration, end time.Time) (reached bool, next time.Duration) {
	i := r.pointBefore(to)
	if p := r.points[i]; to < r.here.at || p.pos > r.here.pos {
		r.turn(p)
	}
	for {
		ev, after, ok := r.read(r.here.pos)
		if !ok {
			return true, -1
		}
		if at := max(ev.At, r.here.at); at > to {
			return true, at
		}
		r.feed(ev, after)
		if ctx.Err() != nil || !time.Now().Before(end) {
			return false, -1
		}
	}
}

// pointBefore finds the last checkpoint that is not after to.
func (r *reel) pointBefore(to time.Duration) int {
	i, _ := slices.BinarySearchFunc(r.points, to, func(p checkpoint, to time.Duration) int {
		if p.at <= to {
			return -1
		}
		return 1
	})
	return max(i-1, 0)
}

// turn goes back or on to a checkpoint.
func (r *reel) turn(p checkpoint) {
	if err := r.em.guarded(func() { r.em.restore(p.state) }); err != nil {
		r.broken, r.limit = err, 0
	}
	r.here, r.worked = p.place, 0
}

// read reads an event; not ok is the end of what can be shown.
func (r *reel) read(pos int64) (ev Event, next int64, ok bool) {
	if r.limit >= 0 && pos >= r.limit {
		return ev, 0, false
	}
	ev, next, err := r.src.ReadAt(pos)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		r.broken = err
	case err == nil && next > pos:
		return ev, next, true
	}
	return ev, 0, false
}

// feed gives one event, or a piece of a long one, to the emulator.
func (r *reel) feed(ev Event, after int64) {
	began := time.Now()
	r.here.at = max(ev.At, r.here.at)
	var err error
	done := true
	switch ev.Kind {
	case EventOutput:
		data := ev.Data[min(r.here.cut, len(ev.Data)):]
		n := min(len(data), writeAtOnce)
		err = r.em.write(data[:n])
		r.here.cut += n
		done = n == len(data)
	case EventResize:
		err = r.em.resize(ev.Width, ev.Height)
	}
	if err != nil {
		r.broken, r.limit = err, r.here.pos
		return
	}
	if done {
		r.here.pos, r.here.cut = after, 0
	}
	r.worked += time.Since(began)
	r.keep()
}

// keep makes a checkpoint where enough work lies behind the last one.
func (r *reel) keep() {
	last := r.points[len(r.points)-1]
	if r.worked < r.spaced || r.here.cut > 0 || r.here.pos <= last.pos {
		return
	}
	r.points = append(r.points, checkpoint{r.here, r.em.save()})
	r.worked = 0
	total := 0
	for _, p := range r.points {
		total += p.state.bytes()
	}
	if total > checkpointBytes && len(r.points) > 3 {
		r.thin()
	}
}

// thin drops every second checkpoint, and makes the next ones rarer.
func (r *reel) thin() {
	kept := r.points[:0]
	for i, p := range r.points {
		if i%2 == 0 {
			kept = append(kept, p)
		}
	}
	clear(r.points[len(kept):])
	r.points, r.spaced = kept, 2*r.spaced
}

// look reads on for the length and the marks.
func (r *reel) look(ctx context.Context, end time.Time) {
	for !r.known && ctx.Err() == nil && time.Now().Before(end) {
		ev, next, ok := r.read(r.scan)
		if !ok {
			r.known = true
			return
		}
		r.scan, r.length = next, max(r.length, ev.At)
		if ev.Kind == EventMark && len(r.marks) < mostMarks {
			r.marks = append(r.marks, bookmark{r.length, shownText(ev.Data)})
		}
	}
}

// mostMarks bounds the marks of one shell.
const mostMarks = 1000

// goAhead makes checkpoints of what the viewer has not seen yet, so that a
// later seek finds them.
func (r *reel) goAhead(ctx context.Context, end time.Time) {
	if !r.known || r.ended || !time.Now().Before(end) {
		return
	}
	back, worked := checkpoint{r.here, r.em.save()}, r.worked
	if r.front.state != nil && r.front.pos > r.points[len(r.points)-1].pos {
		r.turn(r.front)
		r.worked = r.frontWorked
	} else {
		r.turn(r.points[len(r.points)-1])
	}
	began := time.Now()
	for ctx.Err() == nil && time.Now().Before(end) {
		ev, after, ok := r.read(r.here.pos)
		if !ok {
			r.ended = true
			break
		}
		r.feed(ev, after)
	}
	r.ahead += time.Since(began)
	r.front, r.frontWorked = checkpoint{r.here, r.em.save()}, r.worked
	if r.ended = r.ended || r.ahead > aheadWork; r.ended {
		r.front = checkpoint{}
	}
	r.turn(back)
	r.worked = worked
}

// close waits until no slice is at work.
func (r *reel) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.em, r.points = nil, nil
}
