package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"accord/recordings/rfb"
)

// connection is one connection to the device's screen. It returns when the
// connection is over, or is not waited for any more.
func (h *Hub) connection() error {
	opening, cancel := context.WithTimeout(h.ctx, openTime)
	conn, err := h.o.Open(opening)
	cancel()
	if err != nil {
		return err
	}
	ctx, cut := context.WithCancelCause(h.ctx)
	defer cut(errOver)
	h.mu.Lock()
	h.cut = cut
	if h.pausing {
		cut(errPaused)
	}
	h.mu.Unlock()
	// Closing writes, and so may wait as long as the link lasts.
	defer context.AfterFunc(ctx, func() { go func() { _ = conn.Close() }() })()
	ended, spoken := make(chan struct{}), error(nil)
	go func() {
		defer close(ended)
		spoken = h.speak(ctx, conn)
		_ = conn.Close()
	}()
	select {
	case <-ended:
		return spoken
	case <-ctx.Done():
	}
	timer := time.NewTimer(closeTime)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
	}
	return context.Cause(ctx)
}

// speak is the RFB on a connection, until it ends.
func (h *Hub) speak(ctx context.Context, conn io.ReadWriteCloser) error {
	var late, attached atomic.Bool
	hangUp := func() { late.Store(true); _ = conn.Close() }
	greeting := time.AfterFunc(greetTime, hangUp)
	defer greeting.Stop()
	client, err := rfb.NewClient(conn, rfb.ClientOptions{
		Commit: func(f *rfb.Frame, d rfb.Damage) error {
			greeting.Stop()
			return h.commit(ctx, f, d)
		},
		Change: func(with func(rfb.State) rfb.State) {
			if attached.Load() { // before, it is the name alone
				h.change(ctx, with)
			}
		},
		Bell: func() { h.bell(ctx) },
		Cut:  func(text []byte) { h.copied(ctx, string(text)) },
	})
	if err == nil {
		if !h.attach(ctx, client) {
			return context.Cause(ctx)
		}
		defer h.detach(client)
		greeting.Reset(firstTime)
		attached.Store(true)
		err = client.Run()
	}
	switch {
	case late.Load():
		return errors.New("the device's screen shows nothing")
	case err == nil, errors.Is(err, io.EOF):
		return errors.New("the device has closed its screen")
	}
	return fmt.Errorf("the device's screen can't be shown: %w", err)
}

// attach makes a client the one that input goes to.
func (h *Hub) attach(ctx context.Context, client *rfb.Client) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ctx.Err() != nil {
		return false
	}
	h.client = client
	h.pace()
	h.repay()
	return true
}

// detach gives it up.
func (h *Hub) detach(client *rfb.Client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.client == client {
		h.letGo()
		h.client = nil
	}
}

// pace has the client ask as often as somebody looks. The caller holds mu.
func (h *Hub) pace() {
	if h.client == nil {
		return
	}
	if len(h.seats) > 0 {
		h.client.Pace(watched)
	} else {
		h.client.Pace(unwatched)
	}
}

// passes waits until something of the device may be shown.
func (h *Hub) passes(ctx context.Context) bool {
	return h.o.Pass == nil || h.o.Pass(ctx.Done())
}

// commit shows a picture, once the recorder has kept up with those before it.
func (h *Hub) commit(ctx context.Context, f *rfb.Frame, d rfb.Damage) error {
	if !h.passes(ctx) {
		return context.Cause(ctx)
	}
	if err := h.record.Gate(ctx); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	h.screen.Commit(f, d)
	if !h.first {
		h.first = true
		close(h.shown)
	}
	return nil
}

// change shows what else than pixels the device shows.
func (h *Hub) change(ctx context.Context, with func(rfb.State) rfb.State) {
	if !h.passes(ctx) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	before := h.screen.State()
	h.screen.Change(func(s rfb.State) rfb.State {
		name := s.Name
		s = with(s)
		s.Name = name
		return s
	})
	if at := h.screen.State().Pointer; at != before.Pointer && h.hands.moved(at, time.Now()) {
		h.letGo() // the user has taken the mouse
	}
}

func (h *Hub) bell(ctx context.Context) {
	if !h.passes(ctx) || ctx.Err() != nil {
		return
	}
	h.record.Bell()
	for _, s := range h.all() {
		if s.o.Bell != nil {
			s.o.Bell()
		}
	}
}
