package tui

import "sync"

// hands send keys and the pointer to the device, in order, from a goroutine of
// their own: a device that takes them slowly doesn't hold up the picture.
type hands struct {
	toKey     func(down bool, keysym uint32)
	toPointer func(x, y int, buttons uint8)

	mu    sync.Mutex // guards queue and ended
	queue []gesture
	ended bool
	wake  chan struct{} // holds one token while there is something in queue
	done  chan struct{}
}

// gesture is one key, or where the pointer is.
type gesture struct {
	isKey, down bool
	keysym      uint32
	x, y        int
	buttons     uint8
}

// gesturesMost bounds what waits for a device: a paste, and typing ahead of it.
// Beyond that nothing is pressed; releases always go.
const gesturesMost = 4 * pasteMost

func newHands(key func(bool, uint32), pointer func(int, int, uint8)) *hands {
	h := &hands{toKey: key, toPointer: pointer, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go h.run()
	return h
}

func (h *hands) run() {
	defer close(h.done)
	for range h.wake {
		h.mu.Lock()
		queue, ended := h.queue, h.ended
		h.queue = nil
		h.mu.Unlock()
		for _, g := range queue {
			switch {
			case g.isKey && h.toKey != nil:
				h.toKey(g.down, g.keysym)
			case !g.isKey && h.toPointer != nil:
				h.toPointer(g.x, g.y, g.buttons)
			}
		}
		if ended {
			return
		}
	}
}

func (h *hands) key(down bool, keysym uint32) {
	h.send(gesture{isKey: true, down: down, keysym: keysym})
}

func (h *hands) pointer(x, y int, buttons uint8) { h.send(gesture{x: x, y: y, buttons: buttons}) }

func (h *hands) send(g gesture) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := len(h.queue)
	switch {
	case h.ended:
		return
	case n > 0 && !g.isKey && !h.queue[n-1].isKey && h.queue[n-1].buttons == g.buttons:
		h.queue[n-1] = g // only where it is now
	case n >= gesturesMost && (g.down || g.buttons != 0):
		return
	default:
		h.queue = append(h.queue, g)
	}
	h.rouse()
}

func (h *hands) rouse() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// close sends what is left and waits for it.
func (h *hands) close() {
	h.mu.Lock()
	h.ended = true
	h.rouse()
	h.mu.Unlock()
	<-h.done
}
