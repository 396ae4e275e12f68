package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"accord/recordings/rfb"
)

// Recorder keeps what the screen shows and what is done to it. Its methods may
// be called from any goroutine.
type Recorder interface {
	// Gate waits while the recorder is behind. After an error no new picture may
	// be shown.
	Gate(ctx context.Context) error
	Key(down bool, keysym uint32) // which key it was is kept only where the visit says so
	Pointer(x, y int, buttons uint8)
	Clip(in bool, text string)
	Bell()
	Paused(on bool)
	Close() error
}

// Options are what a hub is made of.
type Options struct {
	Name   string // of the device: the title of viewers
	Frozen string // the title while the visit is paused
	// Open opens the device's screen as RFB without security. It is called again
	// after each pause.
	Open func(context.Context) (io.ReadWriteCloser, error)
	// Record begins to record the picture.
	Record func(*rfb.Screen) (Recorder, error)
	// Pass waits until pictures may flow; false when stop was closed first.
	Pass func(stop <-chan struct{}) bool
}

// How long things may take.
const (
	openTime  = 30 * time.Second       // until the device has opened its screen; it may have to start one
	greetTime = 10 * time.Second       // the handshake on it
	firstTime = 10 * time.Second       // until there is a picture
	flushTime = 100 * time.Millisecond // until it is on its way that keys go up
	// closeTime is how long a device may take to close what was closed here.
	closeTime = time.Second
	// wordTime is how long after the loss of the screen word of a pause may come:
	// the device cuts first and tells afterwards.
	wordTime = 2 * time.Second
)

// Least time between two requests for news, while somebody looks and while only
// the recorder does.
const (
	watched   = 50 * time.Millisecond
	unwatched = 500 * time.Millisecond
)

// Hub is the screen of one visit, from its first reader to its end. All methods
// may be called from any goroutine.
type Hub struct {
	o      Options
	screen *rfb.Screen
	record Recorder

	ctx   context.Context //nolint:containedctx // its life is the hub's
	end   context.CancelCauseFunc
	shown chan struct{} // closed when there is a picture
	done  chan struct{} // closed when nothing of it is left

	mu      sync.Mutex // pictures are committed under it, so that a pause has begun for all of them or for none
	first   bool       // there was a picture
	pausing bool
	pauses  int           // begun so far
	moved   chan struct{} // closed and replaced when pausing changes
	cut     context.CancelCauseFunc
	client  *rfb.Client // nil while there is no connection
	seats   []*Seat

	owed  owed  // what may be down on the device though nobody holds it
	hands hands // whose the mouse is
}

// New begins to record and to look at the device's screen. The caller must
// [Hub.Close] it.
func New(o Options) (*Hub, error) {
	h := &Hub{
		o: o, screen: rfb.NewScreen(), shown: make(chan struct{}), done: make(chan struct{}),
		moved: make(chan struct{}), owed: owed{keys: make(map[uint32]struct{})},
	}
	h.entitle(false)
	var err error
	if h.record, err = o.Record(h.screen); err != nil {
		return nil, err
	}
	h.ctx, h.end = context.WithCancelCause(context.Background())
	go h.run()
	return h, nil
}

// Screen is the picture, for those who read it.
func (h *Hub) Screen() *rfb.Screen { return h.screen }

// Context ends with the screen; its cause says why.
func (h *Hub) Context() context.Context { return h.ctx }

// Done is closed when nothing of the hub is left and the recording of the screen
// is closed.
func (h *Hub) Done() <-chan struct{} { return h.done }

// End ends the screen for a reason, and waits for nothing.
func (h *Hub) End(cause error) { h.end(cause) }

// Close ends the screen for a reason, if it has not ended, and waits until nothing
// of it is left. What is held down on the device is let go first.
func (h *Hub) Close(cause error) {
	h.mu.Lock()
	held := h.letGo()
	h.mu.Unlock()
	if held {
		timer := time.NewTimer(flushTime)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-h.ctx.Done():
		}
	}
	h.end(cause)
	<-h.done
}

// run looks at the screen until it ends.
func (h *Hub) run() {
	defer close(h.done)
	err := h.flow()
	h.end(err) // the first cause counts
	if err := h.record.Close(); err != nil {
		h.end(err)
	}
}

// flow opens the screen again after each pause.
func (h *Hub) flow() error {
	for {
		pauses, ok := h.runs()
		if !ok {
			return context.Cause(h.ctx)
		}
		err := h.connection()
		if h.ctx.Err() != nil {
			return context.Cause(h.ctx)
		}
		if !h.wasPaused(pauses) {
			return err
		}
	}
}

// runs waits while the visit is paused, and says how often it was until now;
// false when the hub ends.
func (h *Hub) runs() (pauses int, ok bool) {
	for {
		h.mu.Lock()
		pausing, pauses, moved := h.pausing, h.pauses, h.moved
		h.mu.Unlock()
		if !pausing {
			return pauses, h.ctx.Err() == nil
		}
		select {
		case <-moved:
		case <-h.ctx.Done():
			return 0, false
		}
	}
}

// wasPaused says whether there was a pause since, or comes one soon.
func (h *Hub) wasPaused(since int) bool {
	timer := time.NewTimer(wordTime)
	defer timer.Stop()
	for {
		h.mu.Lock()
		pauses, moved := h.pauses, h.moved
		h.mu.Unlock()
		if pauses > since {
			return true
		}
		select {
		case <-moved:
		case <-timer.C:
			return false
		case <-h.ctx.Done():
			return false
		}
	}
}

// Pause freezes the picture, or lets it go on. When it returns, nothing that the
// device shows from now on is shown or recorded, until it is called again.
func (h *Hub) Pause(on bool) {
	h.mu.Lock()
	if h.pausing == on {
		h.mu.Unlock()
		return
	}
	h.pausing = on
	if on {
		h.pauses++
		h.letGo()
		if h.cut != nil {
			h.cut(errPaused)
		}
	}
	close(h.moved)
	h.moved = make(chan struct{})
	h.mu.Unlock()
	h.entitle(on)
	h.record.Paused(on)
}

var (
	errPaused = errors.New("the visit is paused")
	errDeaf   = errors.New("the device's screen does not take keys any more")
	errOver   = errors.New("the connection to the screen is over")
)

// entitle names the picture. What the device calls its screen is not shown: it
// is text from outside, and says less than the device's name.
func (h *Hub) entitle(frozen bool) {
	name := h.o.Name
	if frozen {
		name = h.o.Frozen
	}
	h.screen.Change(func(s rfb.State) rfb.State {
		s.Name = name
		return s
	})
}

// Shown waits until there is a picture.
func (h *Hub) Shown(ctx context.Context) error {
	select {
	case <-h.shown:
		return nil
	case <-h.ctx.Done():
		return context.Cause(h.ctx)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

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

// all are the seats that are taken.
func (h *Hub) all() []*Seat {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.seats)
}
