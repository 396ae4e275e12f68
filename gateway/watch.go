package gateway

import (
	"errors"
	"slices"
	"sync"
	"time"

	"accord/policy"
	"accord/recordings"
	"accord/tui"
	"accord/wire"
)

// Who besides the technician is in an open visit, and what follows from it.

// aloneMost is how long a visit that a colleague must watch goes on without one.
// Until then nothing is forwarded in it.
const aloneMost = 5 * time.Minute

// watchersMost is as many as a [wire.Presence] names.
const watchersMost = 32

// Bounds of what is kept for who comes later.
const (
	spokenMost = 50 // lines that were said
	shellsMost = 32 // shells, those that have ended first to go
)

// watcher is somebody who watches a visit.
type watcher struct {
	person
	hands bool // guarded by the audience
}

// role is what lets them.
func (w *watcher) role() string {
	if w.Has(policy.Supervisor) {
		return "supervisor"
	}
	return "colleague"
}

// uttered is a line that was said; nobody's name is the user's.
type uttered struct{ from, text string }

// onStage is a shell of the visit, for those who watch.
type onStage struct {
	shell *recordings.Shell
	name  string
	in    *hands // nil once it has ended
}

// audience is the company of a visit. Its lock is taken last.
type audience struct {
	needed bool        // a colleague must watch
	end    func(error) // ends the visit

	mu       sync.Mutex
	watchers []*watcher
	shells   []*onStage
	lines    []uttered
	paused   bool
	over     bool
	open     chan struct{} // closed while bytes may flow; nil where that needs nobody
	alone    *time.Timer   // runs while nobody watches who must
	changed  chan struct{} // closed and replaced at each change
}

func newAudience(needed bool, end func(error)) *audience {
	a := &audience{needed: needed, end: end, changed: make(chan struct{})}
	if needed {
		a.open = make(chan struct{})
	}
	return a
}

// nobodyWatched ends a visit that a colleague had to watch.
const nobodyWatched = "A colleague must watch this visit, and for 5 minutes nobody did."

// begin starts the time that the visit may be alone.
func (a *audience) begin() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.needed && !a.over && a.alone == nil {
		a.alone = time.AfterFunc(aloneMost, func() { a.end(ending{byGateway, nobodyWatched}) })
	}
	a.settle()
}

// finish says that the visit is over: whoever waits for something waits no
// more.
func (a *audience) finish() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
	a.settle()
}

// settle brings the gate in line with who is there, and says that something
// has changed. The caller holds mu.
func (a *audience) settle() {
	switch {
	case a.over:
		if a.alone != nil {
			a.alone.Stop()
		}
	case !a.needed:
	case len(a.watchers) > 0 && !isClosed(a.open):
		close(a.open)
		if a.alone != nil {
			a.alone.Stop()
		}
	case len(a.watchers) == 0 && isClosed(a.open):
		a.open = make(chan struct{})
		a.alone.Reset(aloneMost)
	}
	close(a.changed)
	a.changed = make(chan struct{})
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// held reports whether nothing flows because nobody watches.
func (a *audience) held() bool {
	if !a.needed {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.watchers) == 0
}

// pass waits until bytes may flow. False means that they may not any more:
// stop was closed first. Where nobody must watch it costs one look.
func (a *audience) pass(stop <-chan struct{}) bool {
	if !a.needed {
		return true
	}
	for {
		a.mu.Lock()
		open := a.open
		a.mu.Unlock()
		if isClosed(open) {
			return true
		}
		select {
		case <-open:
		case <-stop:
			return false
		}
	}
}

// errCrowd is one watcher too many.
var errCrowd = errors.New("as many people as can watch this visit already")

// join counts a watcher in.
func (a *audience) join(w *watcher) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		return errors.New("the visit is over")
	}
	if len(a.watchers) >= watchersMost {
		return errCrowd
	}
	a.watchers = append(a.watchers, w)
	a.settle()
	return nil
}

// leave counts a watcher out and says whether nobody is left where somebody
// must be.
func (a *audience) leave(w *watcher) (alone bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.watchers = slices.DeleteFunc(a.watchers, func(o *watcher) bool { return o == w })
	a.settle()
	return a.needed && len(a.watchers) == 0 && !a.over
}

// handsOn says whether a watcher types too.
func (a *audience) handsOn(w *watcher, on bool) (changed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if w.hands == on {
		return false
	}
	w.hands = on
	a.settle()
	return true
}

// typing reports whether a watcher types too.
func (a *audience) typing(w *watcher) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return w.hands
}

// hear keeps a line for the screens.
func (a *audience) hear(line uttered) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lines = append(a.lines, line)
	a.lines = a.lines[max(len(a.lines)-spokenMost, 0):]
	a.settle()
}

// pause says whether the user has paused the visit.
func (a *audience) pause(on bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.paused = on
	a.settle()
}

// enter shows a shell to those who watch; done says that it has ended.
func (a *audience) enter(s *onStage) (done func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.shells) >= shellsMost {
		i := max(slices.IndexFunc(a.shells, func(o *onStage) bool { return o.in == nil }), 0)
		a.shells = slices.Delete(a.shells, i, i+1)
	}
	a.shells = append(a.shells, s)
	a.settle()
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		s.in = nil
		a.settle()
	}
}

// into finds what takes keys for a shell, or nil.
func (a *audience) into(shell string) *hands {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.shells {
		if s.shell.Name() == shell {
			return s.in
		}
	}
	return nil
}

// next is closed at the next change.
func (a *audience) next() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.changed
}

// watching lists who is there.
func (a *audience) watching() []*watcher {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.watchers)
}

// names are they, for screens.
func (a *audience) names() []tui.Watcher {
	var list []tui.Watcher
	for _, w := range a.present() {
		list = append(list, tui.Watcher{Name: w.Name, Hands: w.Hands})
	}
	return list
}

// present names who is there, for the device.
func (a *audience) present() []wire.Watcher {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := make([]wire.Watcher, 0, len(a.watchers))
	for _, w := range a.watchers {
		list = append(list, wire.Watcher{Name: w.Name, Full: wire.Clean(w.Full, wire.MaxName), Hands: w.hands})
	}
	return list
}

// change says that something has changed that the audience does not keep.
func (a *audience) change() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.settle()
}

// isPaused reports whether the user has paused the visit.
func (a *audience) isPaused() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.paused
}
