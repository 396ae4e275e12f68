package agent

import (
	"maps"
	"slices"
	"sync"
	"time"

	"accord/tui"
)

// What the mirror of a visit may take.
const (
	// mirrorKeeps is how much of a terminal's last output is kept, in bytes, so
	// that who comes to watch sees what is there. It is copied as it passes;
	// no emulator runs on the device while nobody watches. An emulator takes
	// up to a second for a MiB: this much keeps a screen's keys waiting for an
	// eighth of that at most.
	mirrorKeeps = 128 << 10
	// mirrorPiece bounds one event that is no new start.
	mirrorPiece = 16 << 10
	// mirrorEvery is how often a screen is told: more than it could show would
	// only make it slow.
	mirrorEvery = 33 * time.Millisecond
	// mirrorAgain is how soon a screen that fell behind starts over again.
	mirrorAgain = 500 * time.Millisecond
	// mirrorSizes bounds the changes of a window's size that are kept.
	mirrorSizes = 64
	// mirrorGone is how many terminals that have ended are still shown.
	mirrorGone = 4
)

// mirror holds what the terminals of a visit show, for the device's user. Who
// writes to it never waits: a screen that is slow misses what lies between and
// starts over.
type mirror struct {
	mu       sync.Mutex
	count    int
	shells   []*reflection              // in the order of their numbers
	watchers map[chan struct{}]struct{} // each is woken when there is something
}

// reflection is one terminal. Its mirror's lock guards it.
type reflection struct {
	mirror *mirror
	number int // from 1, and the same for the visit's whole life
	mine   bool
	ring   []byte // the last bytes, byte n of all at n % mirrorKeeps once full
	total  int64
	sizes  []sizeFrom
	gone   bool
}

// sizeFrom is a window's size from a byte on.
type sizeFrom struct {
	at            int64
	width, height int
}

// add makes the reflection of a terminal. mine says that the user may type in
// it too.
func (m *mirror) add(width, height int, mine bool) *reflection {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.count++
	r := &reflection{mirror: m, number: m.count, mine: mine, sizes: []sizeFrom{{0, width, height}}}
	m.shells = append(m.shells, r)
	m.wake()
	return r
}

// wake tells those who watch. The caller holds mu.
func (m *mirror) wake() {
	for w := range m.watchers {
		signalTo(w)
	}
}

// write keeps output. On a nil reflection, of a session without a terminal, it
// does nothing.
func (r *reflection) write(p []byte) {
	if r == nil || len(p) == 0 {
		return
	}
	m := r.mirror
	m.mu.Lock()
	defer m.mu.Unlock()
	if cut := len(p) - mirrorKeeps; cut > 0 {
		p, r.total = p[cut:], r.total+int64(cut)
		if len(r.ring) < mirrorKeeps {
			r.ring = make([]byte, mirrorKeeps)
		}
	}
	at := int(r.total % mirrorKeeps)
	r.total += int64(len(p))
	if room := mirrorKeeps - len(r.ring); room > 0 {
		n := min(room, len(p))
		r.ring, p, at = append(r.ring, p[:n]...), p[n:], (at+n)%mirrorKeeps
	}
	for len(p) > 0 {
		n := copy(r.ring[at:], p)
		p, at = p[n:], (at+n)%mirrorKeeps
	}
	m.wake()
}

// resize notes a change of the window.
func (r *reflection) resize(width, height int) {
	if r == nil {
		return
	}
	m := r.mirror
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := len(r.sizes); r.sizes[n-1].at == r.total {
		r.sizes = r.sizes[:n-1]
	}
	r.sizes = append(r.sizes, sizeFrom{r.total, width, height})
	for len(r.sizes) > 1 && (len(r.sizes) > mirrorSizes || r.sizes[1].at <= r.first()) {
		r.sizes = r.sizes[1:]
	}
	m.wake()
}

// end says that the terminal is gone. Of those that are, the last stay.
func (r *reflection) end() {
	if r == nil {
		return
	}
	m := r.mirror
	m.mu.Lock()
	defer m.mu.Unlock()
	r.gone = true
	gone := 0
	for i, s := range slices.Backward(m.shells) {
		if s.gone {
			if gone++; gone > mirrorGone {
				m.shells = slices.Delete(slices.Clone(m.shells), i, i+1)
			}
		}
	}
	m.wake()
}

// first is the oldest byte that is kept.
func (r *reflection) first() int64 { return r.total - int64(len(r.ring)) }

// sizeAt is the window's size at a byte, and the byte at which it changes next.
func (r *reflection) sizeAt(at int64) (now sizeFrom, next int64) {
	now, next = r.sizes[0], r.total
	for _, s := range r.sizes[1:] {
		if s.at > at {
			return now, min(s.at, next)
		}
		now = s
	}
	return now, next
}

// piece copies kept bytes from one to another.
func (r *reflection) piece(from, to int64) []byte {
	p := make([]byte, 0, to-from)
	for from < to {
		at := from % mirrorKeeps
		n := min(to-from, int64(len(r.ring))-at)
		p = append(p, r.ring[at:at+n]...)
		from += n
	}
	return p
}

// watching is where one screen is in the terminals of a visit.
type watching struct {
	mirror *mirror
	visit  string
	wake   chan struct{}
	seen   map[int]*place // by the terminal's number
	told   bool           // that it has all there was
}

// place is how far a screen is in one terminal.
type place struct {
	at            int64
	width, height int
	anew          time.Time // when it last started over; zero: not yet
	gone          bool
}

// watch begins to look; the caller ends it with leave.
func (m *mirror) watch(visit string) *watching {
	w := &watching{mirror: m, visit: visit, wake: make(chan struct{}, 1), seen: make(map[int]*place)}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.watchers == nil {
		m.watchers = make(map[chan struct{}]struct{})
	}
	m.watchers[w.wake] = struct{}{}
	return w
}

func (w *watching) leave() {
	w.mirror.mu.Lock()
	defer w.mirror.mu.Unlock()
	delete(w.mirror.watchers, w.wake)
}

// next is what is new since the last call, a piece of each terminal. more says
// that there is more already.
func (w *watching) next(now time.Time) (events []tui.Mirrored, more bool) {
	m := w.mirror
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.shells {
		e, news, left := w.of(r, now)
		if news {
			events = append(events, e)
		}
		more = more || left
	}
	maps.DeleteFunc(w.seen, func(number int, _ *place) bool {
		return !slices.ContainsFunc(m.shells, func(r *reflection) bool { return r.number == number })
	})
	if !more && !w.told {
		w.told = true
		events = append(events, tui.Mirrored{Visit: w.visit, Current: true})
	}
	return events, more
}

// of is what is new of one terminal. The caller holds the mirror's lock.
func (w *watching) of(r *reflection, now time.Time) (e tui.Mirrored, news, more bool) {
	p := w.seen[r.number]
	if p == nil {
		p = &place{}
		w.seen[r.number] = p
	}
	e = tui.Mirrored{Visit: w.visit, Shell: r.number, Mine: r.mine}
	if p.anew.IsZero() || p.at < r.first() {
		if !p.anew.IsZero() && now.Sub(p.anew) < mirrorAgain {
			return e, false, true
		}
		e.Reset, p.anew, p.at = true, now, r.first()
	}
	size, until := r.sizeAt(p.at)
	if !e.Reset {
		until = min(until, p.at+mirrorPiece)
	}
	e.Data, e.Width, e.Height, e.Gone = r.piece(p.at, until), size.width, size.height, r.gone && until == r.total
	news = e.Reset || len(e.Data) > 0 || e.Gone != p.gone || size.width != p.width || size.height != p.height
	p.at, p.width, p.height, p.gone = until, size.width, size.height, e.Gone
	then, _ := r.sizeAt(until)
	return e, news, until < r.total || then != size
}
