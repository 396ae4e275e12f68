package rfb

import (
	"bufio"
	"errors"
	"fmt"
	"image"
	"io"
	"net"
	"sync"
	"time"
)

// ErrNoPicture is returned for a viewer of a screen that nothing was committed to
// yet: a viewer is told the size first of all.
var ErrNoPicture = errors.New("the screen has no picture yet")

// ViewerOptions says how a viewer is welcomed and what becomes of what it sends.
// The functions are called from the goroutine of [Viewer.Run], one at a time;
// while one runs nothing else is read from the viewer. One that is nil drops
// what it would get.
type ViewerOptions struct {
	// Name is the title of the viewer's window; empty, it is the screen's own.
	Name string
	// Password, if not empty, is asked for by VncAuth, of which 8 bytes count.
	// Without one nothing is asked for: who may connect is the caller's affair.
	Password string
	// Monitor is the only one that is shown, counted from 1; 0 shows all. Where it
	// is not (any more), all is shown. Its viewer can ask for no other size.
	Monitor int

	Key     func(down bool, keysym uint32)
	Pointer func(x, y int, buttons uint8) // within the screen's picture
	Cut     func(text string)             // UTF-8, at most 64 KiB
	Resize  func(w, h int) error          // an error refuses; nil refuses all
}

// Viewer is a program of a technician's that looks at a [Screen]. It gets the
// newest picture when it asks for one, in its own format; how slow it is matters
// to nobody else, and costs one copy of the picture, never more.
type Viewer struct {
	conn   io.ReadWriteCloser
	in     *bufio.Reader
	out    *bufio.Writer
	o      ViewerOptions
	screen *Screen
	view   *View

	stop chan struct{} // closed when nothing is to be written any more
	wake chan struct{} // holds one token while there is something in orders

	mu     sync.Mutex
	orders orders

	// The goroutine that writes owns these.
	want     request
	refused  bool          // as in orders, and not told yet
	worked   time.Duration // on the last update
	canvas   *canvas
	state    State           // of the screen, at the last look, as the viewer sees it
	part     image.Rectangle // of the screen that was shown then
	told     told
	encoders map[int32]encoder
	buffer   []byte // of one rectangle
}

// orders is what is wanted of the goroutine that writes.
type orders struct {
	request   request
	format    pixelFormat
	abilities abilities
	bell      bool
	cut       *string   // the newest
	refused   bool      // another size was asked for, and it can't be
	moved     time.Time // when the viewer last moved the mouse
}

// request is what a viewer asked for and hasn't got; several make one.
type request struct {
	asked  bool
	fresh  bool            // not looked at yet
	region image.Rectangle // of interest
	all    image.Rectangle // to be sent even if nothing has changed
}

// NewViewer speaks with a viewer until both know what the screen is. It takes as
// long as the viewer does, unless the caller closes conn.
func NewViewer(conn io.ReadWriteCloser, s *Screen, o ViewerOptions) (*Viewer, error) {
	v := &Viewer{
		conn: conn, in: bufio.NewReader(conn), out: bufio.NewWriterSize(conn, 64<<10), o: o, screen: s,
		stop: make(chan struct{}), wake: make(chan struct{}, 1),
		encoders: make(map[int32]encoder),
	}
	v.orders.format = ownFormat()
	if w, _ := s.Size(); w == 0 {
		return nil, ErrNoPicture
	}
	if err := v.handshake(); err != nil {
		return nil, fmt.Errorf("welcome the viewer: %w", err)
	}
	return v, nil
}

// Run serves the viewer until it leaves, which is no error, sends what can't be
// meant, or can't be written to. It closes the connection. Who wants to end it
// closes that too, and waits for Run to return.
func (v *Viewer) Run() error {
	v.view = v.screen.View()
	defer v.view.Close()
	written := make(chan error, 1)
	go func() {
		err := v.write()
		v.conn.Close() // so that reading ends too
		written <- err
	}()
	err := v.read()
	close(v.stop)
	v.conn.Close()
	failed := <-written
	switch {
	case gone(err) && failed != nil && !gone(failed):
		return fmt.Errorf("show the screen: %w", failed)
	case gone(err):
		return nil
	}
	return err
}

// gone reports whether a connection has just ended, on one side or the other.
func gone(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, net.ErrClosed)
}

// Bell rings at the viewer.
func (v *Viewer) Bell() { v.order(func(o *orders) { o.bell = true }) }

// SendCut hands the viewer a text for its clipboard. Of several that it had no
// time for it gets the last; one that is too long is dropped.
func (v *Viewer) SendCut(text string) {
	if len(text) <= maxCut {
		v.order(func(o *orders) { o.cut = &text })
	}
}

// order tells the goroutine that writes.
func (v *Viewer) order(what func(*orders)) {
	v.mu.Lock()
	what(&v.orders)
	v.mu.Unlock()
	select {
	case v.wake <- struct{}{}:
	default:
	}
}
