package rfb

import (
	"image"
	"slices"
	"sync"
)

// Screen is the one picture of a device's screen, with one writer and any number
// of readers. All methods may be called from any goroutine.
type Screen struct {
	mu    sync.RWMutex // readers hold it while they look; they do no I/O meanwhile
	frame *Frame       // nil before the first commit
	state State
	views map[*View]struct{}
}

// State is what a screen shows besides its pixels. Nothing in it is changed once
// it is handed out.
type State struct {
	Name     string
	Cursor   *Cursor // nil: as the viewer likes
	Pointer  image.Point
	Monitors []Monitor
}

// Damage is what has changed in a [Frame] since it was last committed. A copy's
// target need not be among the rectangles.
type Damage struct {
	Rects  []image.Rectangle
	Copies []Copy // in the order in which they were made
}

// NewScreen is a screen without a picture.
func NewScreen() *Screen { return &Screen{views: make(map[*View]struct{})} }

// Commit shows the parts of from that have changed. The screen keeps its own
// copy. A first picture, or one of another size, has changed everywhere.
func (s *Screen) Commit(from *Frame, d Damage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.frame == nil || s.frame.Width != from.Width || s.frame.Height != from.Height {
		s.frame = &Frame{from.Width, from.Height, slices.Clone(from.Pix)}
		for v := range s.views {
			v.resized(s.frame)
		}
		return
	}
	whole := s.frame.Bounds()
	for _, c := range d.Copies {
		if c.To.Empty() || !c.To.In(whole) || !c.To.Sub(c.To.Min).Add(c.From).In(whole) {
			continue // the writer checks what it is told; this one was not made in the frame
		}
		s.frame.CopyFrom(from, c.To)
		for v := range s.views {
			v.copied(c)
		}
	}
	for _, r := range d.Rects {
		r = r.Intersect(whole)
		s.frame.CopyFrom(from, r)
		for v := range s.views {
			v.dirty.mark(r)
		}
	}
	for v := range s.views {
		v.wake()
	}
}

// Change alters the state: the function gets a copy and returns the new one.
func (s *Screen) Change(with func(State) State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = with(s.state)
	for v := range s.views {
		v.state = true
		v.wake()
	}
}

// State is what the screen shows besides its pixels.
func (s *Screen) State() State {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.state
}

// Part is where one of the monitors is in the picture, counted from 1; the whole
// picture for 0, and for one that is not there, which ok tells.
func (s *Screen) Part(monitor int) (part image.Rectangle, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.frame == nil {
		return image.Rectangle{}, false
	}
	return partOf(monitor, s.state.Monitors, s.frame.Bounds())
}

func partOf(monitor int, list []Monitor, whole image.Rectangle) (part image.Rectangle, ok bool) {
	if monitor == 0 {
		return whole, true
	}
	if monitor > 0 && monitor <= len(list) {
		if part := list[monitor-1].Bounds.Intersect(whole); !part.Empty() {
			return part, true
		}
	}
	return whole, false
}

// Size is that of the picture, 0 by 0 while there is none.
func (s *Screen) Size() (width, height int) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.frame == nil {
		return 0, 0
	}
	return s.frame.Width, s.frame.Height
}

// View begins to look; for the new reader everything has changed. The caller
// ends it with [View.Close].
func (s *Screen) View() *View {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := &View{screen: s, news: make(chan struct{}, 1), state: true}
	s.views[v] = struct{}{}
	if s.frame != nil {
		v.resized(s.frame)
	}
	return v
}

// viewCopies bounds the copies that a view remembers between two looks; of more
// it knows only what they have changed.
const viewCopies = 64

// View is one reader of a [Screen]. Its methods are for one goroutine.
type View struct {
	screen *Screen
	news   chan struct{} // holds one token while there is something to take

	// The screen's lock guards these.
	dirty  grid
	size   bool // another size, or the first
	state  bool // another state
	copies []Copy
}

// Changes is what a reader has not seen yet.
type Changes struct {
	// Frame is the whole picture as it is now. It may be read only until the
	// function that got it returns.
	Frame *Frame
	// Rects cover all that has changed, targets of copies among it; they don't
	// overlap, and lie on a grid of 16 pixels but for the edges.
	Rects []image.Rectangle
	// Copies were made since the last look, in this order, among other changes.
	// They are a hint: what lies at a target now is in Frame and Rects.
	Copies []Copy
	// Resized says that the picture has another size than at the last look, or
	// is the first; then all of it has changed.
	Resized bool
	// State is what else is shown; Restated says that it has changed.
	State    State
	Restated bool
}

// News holds a token while there may be something to take.
func (v *View) News() <-chan struct{} { return v.news }

// Take calls look with what has changed since the last call, once there is a
// picture, and reports whether it did. While look runs nobody can write to the
// screen: it does no input or output.
func (v *View) Take(look func(Changes)) bool {
	s := v.screen
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.frame == nil || !v.dirty.any && !v.size && !v.state {
		return false
	}
	c := Changes{Frame: s.frame, Copies: v.copies, Resized: v.size, State: s.state, Restated: v.state}
	if v.dirty.any {
		c.Rects = v.dirty.rects(s.frame.Bounds())
		v.dirty.clear()
	}
	v.size, v.state, v.copies = false, false, nil
	look(c)
	return true
}

// Invalidate makes the next look find r changed.
func (v *View) Invalidate(r image.Rectangle) {
	v.screen.mu.Lock()
	defer v.screen.mu.Unlock()
	if v.screen.frame != nil {
		v.dirty.mark(r.Intersect(v.screen.frame.Bounds()))
		v.wake()
	}
}

// Close ends it. Nothing is taken afterwards.
func (v *View) Close() {
	v.screen.mu.Lock()
	defer v.screen.mu.Unlock()
	delete(v.screen.views, v)
}

func (v *View) wake() {
	if !v.dirty.any && !v.size && !v.state {
		return
	}
	select {
	case v.news <- struct{}{}:
	default:
	}
}

func (v *View) resized(f *Frame) {
	v.dirty = newGrid(f.Width, f.Height)
	v.dirty.mark(f.Bounds())
	v.size, v.copies = true, nil
	v.wake()
}

func (v *View) copied(c Copy) {
	if len(v.copies) < viewCopies {
		v.copies = append(v.copies, c)
	}
	v.dirty.mark(c.To)
}
