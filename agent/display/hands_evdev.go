//go:build linux || freebsd

package display

import (
	"context"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Inputs is where Linux keeps the devices that people touch, and FreeBSD those that
// it tells of in the same way (evdev(4)).
const Inputs = "/dev/input"

// handsAgain is how often Hands looks for devices that were plugged in.
const handsAgain = 2 * time.Second

// Hands calls moved each time somebody touches a keyboard, mouse, touchpad or
// touchscreen of this machine, until ctx ends; when it returns, nothing of it is
// left. What a VNC server types doesn't come from there. It learns that a key was
// touched and forgets which. Only root, or who is in the group input, can look;
// for others it finds no device.
func Hands(ctx context.Context, inputs string, moved func()) {
	tick := time.NewTicker(handsAgain)
	defer tick.Stop()
	h := hands{moved: moved, open: make(map[string]*os.File)}
	for {
		h.look(inputs)
		select {
		case <-tick.C:
		case <-ctx.Done():
			h.close()
			return
		}
	}
}

// hands are the devices that are being watched.
type hands struct {
	moved func()
	mu    sync.Mutex // guards open
	open  map[string]*os.File
	all   sync.WaitGroup
}

// look opens the devices that are not open yet.
func (h *hands) look(inputs string) {
	paths, err := filepath.Glob(filepath.Join(inputs, "event*"))
	if err != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, path := range paths {
		if h.open[path] != nil {
			continue
		}
		f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0) // so that Close ends a Read
		if err != nil {
			continue // not ours to see, or gone again
		}
		h.open[path] = f
		h.all.Go(func() {
			watch(f, h.moved)
			h.mu.Lock()
			defer h.mu.Unlock()
			delete(h.open, path)
			_ = f.Close()
		})
	}
}

func (h *hands) close() {
	h.mu.Lock()
	for _, f := range h.open {
		_ = f.Close()
	}
	h.mu.Unlock()
	h.all.Wait()
}

// Kinds of input events (linux/input-event-codes.h).
const (
	eventKey      = 1 // and buttons, and that a finger has come down
	eventRelative = 2 // a mouse
	eventAbsolute = 3 // a finger, and sensors that nobody touches
)

// eventTime is the size of the time at the begin of an input_event, two longs.
const eventTime = 2 * (32 << (^uint(0) >> 63)) / 8

// watch reads a device's events (input.txt of Linux: time, type, code, value).
// Positions count only of a device that has buttons: else they may be those of a
// sensor.
func watch(f io.Reader, moved func()) {
	buttons := false
	event := make([]byte, eventTime+8)
	for {
		if _, err := io.ReadFull(f, event); err != nil {
			return
		}
		switch binary.NativeEndian.Uint16(event[eventTime:]) {
		case eventKey:
			buttons = true
			moved()
		case eventRelative:
			moved()
		case eventAbsolute:
			if buttons {
				moved()
			}
		}
	}
}
