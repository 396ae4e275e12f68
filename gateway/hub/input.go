package hub

import (
	"errors"
	"image"
	"slices"
	"time"

	"accord/recordings/rfb"
)

// owed is what went down on the device and was let go when the connection was
// about to end, or had: the device may not have heard of it.
type owed struct {
	keys    map[uint32]struct{}
	buttons bool
	at      image.Point
}

// repay lets go of it on a new connection. The caller holds mu.
func (h *Hub) repay() {
	for keysym := range h.owed.keys {
		h.sent(h.client.Key(false, keysym))
	}
	if h.owed.buttons {
		h.sent(h.client.Pointer(h.owed.at.X, h.owed.at.Y, 0))
	}
	h.owed = owed{keys: make(map[uint32]struct{})}
}

// sent looks at what came of sending something that must arrive. Where it does
// not, the connection is given up: on a device that does not read, no key stays
// down. The caller holds mu.
func (h *Hub) sent(err error) {
	if errors.Is(err, rfb.ErrBusy) && h.cut != nil {
		h.cut(errDeaf)
	}
}

// Release lets go of all that is held down. It is called when hands are taken
// off the device.
func (h *Hub) Release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.letGo()
}

// letGo is Release; it says whether there was anything. The caller holds mu.
func (h *Hub) letGo() (held bool) {
	for _, s := range h.seats {
		for keysym := range s.keys {
			held, h.owed.keys[keysym] = true, struct{}{}
		}
		if s.buttons != 0 {
			held, h.owed.buttons, h.owed.at = true, true, s.at
		}
		s.letGo()
	}
	return held
}

// letGo lets go of what a seat holds down. The caller holds the hub's mu.
func (s *Seat) letGo() {
	held := s.keys
	s.keys = make(map[uint32]struct{})
	for keysym := range held {
		s.hub.lift(keysym)
	}
	if s.buttons != 0 {
		s.buttons = 0
		s.hub.press(s.at, 0)
	}
}

// lift has a key go up, unless somebody else holds it down too. The caller holds
// mu.
func (h *Hub) lift(keysym uint32) {
	if h.client == nil || slices.ContainsFunc(h.seats, func(s *Seat) bool { _, holds := s.keys[keysym]; return holds }) {
		return
	}
	h.sent(h.client.Key(false, keysym))
}

// press moves the mouse; true when the device was told. Letting go must arrive.
// The caller holds mu.
func (h *Hub) press(at image.Point, buttons uint8) bool {
	if h.client == nil {
		return false
	}
	err := h.client.Pointer(at.X, at.Y, buttons)
	if buttons == 0 {
		h.sent(err)
	}
	return err == nil
}

// handsOff is how long everybody's hands wait after the user has moved the mouse.
const handsOff = 2 * time.Second

// Where the mouse was sent is remembered so long and so often: a server reports
// it late, and rounded.
const (
	sentMost = 64
	sentFor  = 5 * time.Second
	nearby   = 2 // pixels
)

// hands tell the user's own mouse from those of the seats, by what the device
// says of where it is.
type hands struct {
	sent  []sent
	until time.Time // the user's
}

type sent struct {
	at   image.Point
	when time.Time
}

// caused notes where the mouse was sent.
func (h *hands) caused(at image.Point, now time.Time) {
	if len(h.sent) >= sentMost {
		h.sent = slices.Delete(h.sent, 0, 1)
	}
	h.sent = append(h.sent, sent{at, now})
}

// moved says whether it was the user who moved the mouse there. Then everybody
// else waits.
func (h *hands) moved(at image.Point, now time.Time) bool {
	for _, s := range h.sent {
		if d := at.Sub(s.at); now.Sub(s.when) < sentFor && max(d.X, -d.X) <= nearby && max(d.Y, -d.Y) <= nearby {
			return false
		}
	}
	h.until = now.Add(handsOff)
	return true
}

// free says whether others than the user may have their hands on the device.
func (h *hands) free(now time.Time) bool { return !now.Before(h.until) }
