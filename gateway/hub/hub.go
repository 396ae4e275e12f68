package hub

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
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

// all are the seats that are taken.
func (h *Hub) all() []*Seat {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.seats)
}
