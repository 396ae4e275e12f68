package far

import (
	"io"
	"sync"
	"time"
)

// outletHolds is how much output waits for its reader, in bytes; then the
// device's sshd is slowed.
const outletHolds = 64 << 10

// outlet holds what came from a program and was not read yet. One goroutine
// fills it, one reads it.
type outlet struct {
	mu      sync.Mutex
	buf     []byte
	err     error // after the last byte
	cut     bool  // nothing is delivered or taken any more
	changed chan struct{}
}

func newOutlet() *outlet { return &outlet{changed: make(chan struct{})} }

// announce wakes both sides. The caller holds mu.
func (o *outlet) announce() {
	close(o.changed)
	o.changed = make(chan struct{})
}

// fill takes what r has until that ends, or until it is cut; then it goes on
// reading, for who sends must not be held up, and forgets it.
func (o *outlet) fill(r io.Reader) {
	chunk := make([]byte, 32<<10)
	for {
		n, err := r.Read(chunk)
		o.put(chunk[:n], err)
		if err != nil {
			return
		}
	}
}

func (o *outlet) put(p []byte, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.cut && len(o.buf) > 0 && len(o.buf)+len(p) > outletHolds {
		changed := o.changed
		o.mu.Unlock()
		<-changed
		o.mu.Lock()
	}
	if !o.cut {
		o.buf = append(o.buf, p...)
	}
	if err != nil && o.err == nil {
		o.err = io.EOF // a connection that broke ends the output too
	}
	o.announce()
}

// Read waits for output.
func (o *outlet) Read(p []byte) (int, error) {
	var none sync.Mutex
	n, err := o.take(p, &none)
	none.Unlock()
	return n, err
}

// take is Read that returns with hold locked, and has locked it before the
// bytes were taken off.
func (o *outlet) take(p []byte, hold sync.Locker) (int, error) {
	for {
		o.mu.Lock()
		ready, changed := len(o.buf) > 0 || o.err != nil, o.changed
		o.mu.Unlock()
		if !ready {
			<-changed
			continue
		}
		hold.Lock() // first: whoever has it may empty the outlet
		if n, err := o.now(p); n > 0 || err != nil {
			return n, err
		}
		hold.Unlock()
	}
}

// now takes what there is.
func (o *outlet) now(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := copy(p, o.buf)
	if n == 0 {
		return 0, o.err
	}
	if o.buf = o.buf[n:]; len(o.buf) == 0 {
		o.buf = nil
	}
	o.announce()
	return n, nil
}

// Limits of what skim takes off, in bytes and in time: a program that goes on
// writing must not hold its caller.
const (
	skimMost  = 256 << 10
	skimLimit = 300 * time.Millisecond
	skimQuiet = 20 * time.Millisecond
)

// skim takes off what has come, until nothing more does for a moment.
func (o *outlet) skim(each func([]byte)) {
	limit := time.NewTimer(skimLimit)
	defer limit.Stop()
	p := make([]byte, 4<<10)
	for taken := 0; taken < skimMost; {
		o.mu.Lock()
		changed := o.changed
		o.mu.Unlock()
		if n, err := o.now(p); n > 0 {
			each(p[:n])
			taken += n
			continue
		} else if err != nil {
			return
		}
		quiet := time.NewTimer(skimQuiet)
		select {
		case <-changed:
			quiet.Stop()
		case <-quiet.C:
			return
		case <-limit.C:
			quiet.Stop()
			return
		}
	}
}

// close cuts it: what was not read is forgotten, and its reader is at the end.
func (o *outlet) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.cut, o.buf = true, nil
	if o.err == nil {
		o.err = io.EOF
	}
	o.announce()
}
