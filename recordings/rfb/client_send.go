package rfb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// ErrBusy reports a server that doesn't read what is sent to it.
var ErrBusy = errors.New("the screen's server takes no input at the moment; what came last was dropped")

// ErrEnded reports that a screen's connection has ended.
var ErrEnded = errors.New("the connection to the screen has ended")

// outboxSize bounds what waits for a server that doesn't read, in bytes.
const outboxSize = 256 << 10

// outbox holds what is to be sent until one goroutine writes it, so that neither
// the reader nor those who send ever wait for a server that doesn't read.
type outbox struct {
	wake chan struct{} // holds a token while there may be something to do

	mu     sync.Mutex
	queue  []byte
	move   int // where the pointer event begins with which queue ends, or -1
	width  int // of the screen, for requests
	height int
	wanted bool // an update
	whole  bool // not only what has changed
	asked  time.Time
	pace   time.Duration
	closed bool
}

func newOutbox() *outbox {
	return &outbox{wake: make(chan struct{}, 1), move: -1, pace: 50 * time.Millisecond}
}

// change alters it under its lock and wakes the writer.
func (o *outbox) change(with func()) {
	o.mu.Lock()
	with()
	o.mu.Unlock()
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

func (o *outbox) close()                      { o.change(func() { o.closed = true }) }
func (o *outbox) setPace(every time.Duration) { o.change(func() { o.pace = every }) }

// request asks for the next update, at the pace that is set; whole even where
// nothing has changed.
func (o *outbox) request(whole bool) { o.change(func() { o.wanted, o.whole = true, whole }) }

// add queues a message.
func (o *outbox) add(message []byte) (err error) {
	o.change(func() {
		if err = o.room(len(message)); err == nil {
			o.queue, o.move = append(o.queue, message...), -1
		}
	})
	return err
}

// point queues a pointer event. One that waits is replaced by one that only
// moves further.
func (o *outbox) point(message []byte) (err error) {
	o.change(func() {
		if o.move >= 0 && o.queue[o.move+1] == message[1] {
			o.queue = o.queue[:o.move]
		}
		if err = o.room(len(message)); err == nil {
			o.move = len(o.queue)
			o.queue = append(o.queue, message...)
		}
	})
	return err
}

func (o *outbox) room(n int) error {
	switch {
	case o.closed:
		return ErrEnded
	case len(o.queue)+n > outboxSize:
		return ErrBusy
	}
	return nil
}

// run writes until it is closed or a write fails.
func (o *outbox) run(w io.Writer) error {
	var spare []byte
	for {
		b, wait, open := o.take(spare[:0], time.Now())
		if !open {
			return nil
		}
		spare = b
		if len(b) > 0 {
			if _, err := w.Write(b); err != nil {
				return err
			}
			continue
		}
		var due <-chan time.Time
		if wait > 0 {
			due = time.After(wait)
		}
		select {
		case <-o.wake:
		case <-due:
		}
	}
}

// take exchanges the queue for an empty one. If a request is due it is the last
// message; else wait is how long it takes, 0 for ever.
func (o *outbox) take(empty []byte, now time.Time) (b []byte, wait time.Duration, open bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	b, o.queue, o.move = o.queue, empty, -1
	if o.wanted {
		if wait = o.asked.Add(o.pace).Sub(now); wait <= 0 {
			b = o.requestMessage(b)
			o.wanted, o.asked, wait = false, now, 0
		}
	}
	return b, wait, !o.closed
}

// requestMessage is a FramebufferUpdateRequest (RFC 6143, section 7.5.3).
func (o *outbox) requestMessage(b []byte) []byte {
	b = append(b, msgFramebufferUpdateRequest, flag(!o.whole), 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(o.width))
	return binary.BigEndian.AppendUint16(b, uint16(o.height))
}

func flag(is bool) byte {
	if is {
		return 1
	}
	return 0
}

// Key presses or releases a key.
func (c *Client) Key(down bool, keysym uint32) error {
	return c.out.add(binary.BigEndian.AppendUint32([]byte{msgKeyEvent, flag(down), 0, 0}, keysym))
}

// Pointer moves the pointer, at most to the screen's edge, and says which of its
// buttons are down.
func (c *Client) Pointer(x, y int, buttons uint8) error {
	width, height := c.out.size()
	b := []byte{msgPointerEvent, buttons}
	b = binary.BigEndian.AppendUint16(b, uint16(max(0, min(x, width-1))))
	b = binary.BigEndian.AppendUint16(b, uint16(max(0, min(y, height-1))))
	return c.out.point(b)
}

// Cut fills the server's clipboard, which knows Latin-1 only.
func (c *Client) Cut(text string) error {
	b := latin1(text)
	if len(b) > maxCut {
		return fmt.Errorf("a clipboard of %d characters is too long for the screen; it takes %d", len(b), maxCut)
	}
	head := binary.BigEndian.AppendUint32([]byte{msgClientCutText, 0, 0, 0}, uint32(len(b)))
	return c.out.add(append(head, b...))
}

func (o *outbox) size() (width, height int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.width, o.height
}

// resizeWait is how long a server may take to answer a wish for another size.
const resizeWait = 10 * time.Second

// Resize asks for another size, on one monitor, and waits for the answer: not
// for the goroutine that serves a viewer.
func (c *Client) Resize(width, height int) error {
	if err := CheckSize(width, height); err != nil {
		return err
	}
	c.resizing.Lock()
	defer c.resizing.Unlock()
	monitor := c.monitor.Load()
	if monitor == nil {
		return errors.New("the screen's server can't change its size")
	}
	select {
	case <-c.answers: // to a wish that was given up
	default:
	}
	b := []byte{msgSetDesktopSize, 0}
	b = binary.BigEndian.AppendUint16(b, uint16(width))
	b = binary.BigEndian.AppendUint16(b, uint16(height))
	b = append(b, 1, 0)
	b = binary.BigEndian.AppendUint32(b, monitor.ID)
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(width))
	b = binary.BigEndian.AppendUint16(b, uint16(height))
	b = binary.BigEndian.AppendUint32(b, monitor.Flags)
	if err := c.out.add(b); err != nil {
		return err
	}
	select {
	case status := <-c.answers:
		return resizeAnswer(status)
	case <-c.done:
		return ErrEnded
	case <-time.After(resizeWait):
		return errors.New("the screen's server doesn't answer the wish for another size")
	}
}

// resizeAnswer puts the status of an ExtendedDesktopSize in words.
func resizeAnswer(status byte) error {
	switch status {
	case 0:
		return nil
	case 1:
		return errors.New("the screen's server forbids another size")
	case 2:
		return errors.New("the screen's server lacks the means for that size")
	case 3:
		return errors.New("the screen's server can't lay out its monitors for that size")
	}
	return fmt.Errorf("the screen's server refuses another size, by status %d", status)
}
