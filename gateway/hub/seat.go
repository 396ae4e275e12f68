package hub

import (
	"context"
	"errors"
	"image"
	"slices"
	"time"
)

// Right is something that may be done with a screen.
type Right int

// The rights.
const (
	See     Right = iota // look at it
	Control              // type, move the mouse, change its size
	Get                  // read what is copied on the device
	Put                  // replace it
)

// Clip is a text on its way between the device and a seat.
type Clip struct {
	In   bool // towards the device
	Text string
}

// MaxClip bounds a text that is copied, in bytes. What is longer is dropped.
const MaxClip = 64 << 10

// SeatOptions say who looks.
type SeatOptions struct {
	// May says what its owner may do. It is asked at every event, and must not
	// wait.
	May func(Right) bool
	// Did is told that its owner has done something with the device; nil tells
	// nobody.
	Did func()
	// Clipped notes a text before it is handed on; after an error it isn't.
	Clipped func(Clip) error
	Bell    func()            // the device rang; nil for those who don't hear
	Copied  func(text string) // something was copied on the device; likewise
	// Monitor is the only one that a VNC viewer is shown, counted from 1; 0 is all.
	Monitor int
}

// Seat is somebody who looks at a screen, and may have hands on it.
type Seat struct {
	hub *Hub
	o   SeatOptions

	// Guarded by the hub.
	keys    map[uint32]struct{} // those that it holds down
	buttons uint8
	at      image.Point
	left    bool

	resizing bool // asked, and not answered
}

// keysMost is as many keys as one seat holds down.
const keysMost = 32

// ErrMayNot reports a seat that may not see the screen.
var ErrMayNot = errors.New("the screen may not be seen in this visit, or not any more")

// Sit takes a seat. Its owner must leave it.
func (h *Hub) Sit(o SeatOptions) (*Seat, error) {
	if !o.May(See) {
		return nil, ErrMayNot
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ctx.Err() != nil {
		return nil, context.Cause(h.ctx)
	}
	s := &Seat{hub: h, o: o, keys: make(map[uint32]struct{})}
	h.seats = append(h.seats, s)
	h.pace()
	return s, nil
}

// Leave gives the seat back. What it held down is let go.
func (s *Seat) Leave() {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.left {
		return
	}
	s.left = true
	s.letGo()
	h.seats = slices.DeleteFunc(h.seats, func(o *Seat) bool { return o == s })
	h.pace()
}

// Controls says whether the seat's hands reach the device now.
func (s *Seat) Controls() bool {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	return s.reaches()
}

// reaches is Controls. The caller holds mu.
func (s *Seat) reaches() bool {
	h := s.hub
	return !s.left && h.ctx.Err() == nil && h.client != nil && !h.pausing && s.o.May(See) && s.o.May(Control) && h.hands.free(time.Now())
}

// Key is a key of the seat's going down or up, by its X keysym.
func (s *Seat) Key(down bool, keysym uint32) {
	h := s.hub
	h.mu.Lock()
	_, holds := s.keys[keysym]
	switch {
	case !s.reaches(), !down && !holds, down && !holds && len(s.keys) >= keysMost:
		h.mu.Unlock()
		return
	case down && h.client.Key(true, keysym) != nil:
		h.mu.Unlock()
		return // the device does not read
	case down:
		s.keys[keysym] = struct{}{}
	default:
		delete(s.keys, keysym)
		h.lift(keysym)
	}
	h.mu.Unlock()
	h.record.Key(down, keysym)
	s.did()
}

// Pointer is the seat's mouse: where it is, and which buttons are down.
func (s *Seat) Pointer(x, y int, buttons uint8) {
	h := s.hub
	width, height := h.screen.Size()
	if x < 0 || y < 0 || x >= width || y >= height {
		return
	}
	h.mu.Lock()
	if !s.reaches() || !h.press(image.Pt(x, y), buttons) {
		h.mu.Unlock()
		return
	}
	s.at, s.buttons = image.Pt(x, y), buttons
	h.hands.caused(s.at, time.Now())
	h.mu.Unlock()
	h.record.Pointer(x, y, buttons)
	s.did()
}

// Put replaces what is copied on the device.
func (s *Seat) Put(text string) {
	h := s.hub
	h.mu.Lock()
	client := h.client
	may := !s.left && client != nil && !h.pausing && s.o.May(See) && s.o.May(Put)
	h.mu.Unlock()
	if !may || text == "" || len(text) > MaxClip || s.clip(Clip{In: true, Text: text}) != nil {
		return
	}
	h.record.Clip(true, text)
	_ = client.Cut(text) // one that the device has no room for is lost, like a key
	s.did()
}

// Resize asks the device for a screen of another size. It does not wait for the
// answer; the picture has it.
func (s *Seat) Resize(width, height int) error {
	h := s.hub
	h.mu.Lock()
	client, ok := h.client, s.reaches() && !s.resizing
	s.resizing = s.resizing || ok
	h.mu.Unlock()
	if !ok {
		return errors.New("the size of the device's screen can't be changed now")
	}
	s.did()
	go func() { // ends with the answer, soon, or with the connection
		_ = client.Resize(width, height)
		h.mu.Lock()
		defer h.mu.Unlock()
		s.resizing = false
	}()
	return nil
}

func (s *Seat) did() {
	if s.o.Did != nil {
		s.o.Did()
	}
}

func (s *Seat) clip(c Clip) error {
	if s.o.Clipped == nil {
		return nil
	}
	return s.o.Clipped(c)
}

// copied hands on what was copied on the device, to those who may read it. It is
// recorded once somebody does.
func (h *Hub) copied(ctx context.Context, text string) {
	if text == "" || len(text) > MaxClip || !h.passes(ctx) {
		return
	}
	recorded := false
	for _, s := range h.all() {
		if ctx.Err() != nil {
			return // paused, or over
		}
		if s.o.Copied == nil || !s.o.May(See) || !s.o.May(Get) || s.clip(Clip{Text: text}) != nil {
			continue
		}
		if !recorded {
			recorded = true
			h.record.Clip(false, text)
		}
		s.o.Copied(text)
	}
}
