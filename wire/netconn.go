package wire

import (
	"net"
	"sync"
	"time"
)

const (
	// gather is how much is read at once while data flows, and how much of
	// what was written waits while a system call is under way. Larger pieces
	// measured no faster.
	gather = 64 << 10
	// flows is the size from which a read or write counts as part of a flow:
	// x/crypto/ssh reads and writes through buffers of 4096 bytes, and a piece
	// that fills one has more behind it.
	flows = 4096
	// closeWait bounds the time that Close gives to what was written before.
	closeWait = 500 * time.Millisecond
)

// Buffered puts a buffer between a connection and the SSH transport on it,
// which spends several system calls on each packet. Data is read 64 KiB at a
// time. What is written while a system call is under way goes out in one piece
// with the next; what is written while none is goes out at once, so a keystroke
// never waits for company.
//
// What Write took may not have reached the network when it returns: a failure
// is reported by the next Write, or by Close. It is final, a passed deadline
// included, for a part may have gone out. At most 128 KiB wait; then Write does.
// Close sends what was written, for at most half a second.
//
// A quiet connection holds no buffer and no goroutine. One that has just been
// busy keeps 64 KiB until the next small message arrives.
func Buffered(c net.Conn) net.Conn {
	b := &buffered{Conn: c}
	b.idle.L = &b.mu
	return b
}

type buffered struct {
	net.Conn

	rmu    sync.Mutex
	flowed bool  // the last read was part of a flow
	held   *hold // where unread data lies, nil for none
	unread []byte

	mu      sync.Mutex
	idle    sync.Cond // sending, room, partial, err or closed have changed
	sending bool      // a system call is under way; its caller empties waiting
	waiting *hold     // nil for none
	fill    int       // bytes in waiting
	partial bool      // of one Write only a part is in waiting; others wait for the rest
	err     error
	closed  bool
}

// hold is a buffer of the pool that all connections share.
type hold [gather]byte

// holds keeps buffers that no connection needs at present.
//
//nolint:gochecknoglobals // a cache: it has no state that a reader can see
var holds = sync.Pool{New: func() any { return new(hold) }}

func takeHold() *hold { return holds.Get().(*hold) } //nolint:forcetypeassert // only holds are put there

// Read reads straight into p while little arrives, so that a quiet connection
// waits without a buffer.
func (b *buffered) Read(p []byte) (int, error) {
	b.rmu.Lock()
	defer b.rmu.Unlock()
	if len(p) == 0 {
		return 0, nil
	}
	if len(b.unread) == 0 && (!b.flowed || len(p) >= gather) {
		n, err := b.Conn.Read(p)
		b.flowed = n >= flows
		return n, err
	}
	var err error
	if len(b.unread) == 0 {
		err = b.refill()
	}
	n := copy(p, b.unread)
	b.unread = b.unread[n:]
	if len(b.unread) == 0 && b.held != nil {
		holds.Put(b.held)
		b.held = nil
	}
	return n, err
}

func (b *buffered) refill() error {
	b.held = takeHold()
	n, err := b.Conn.Read(b.held[:])
	b.unread, b.flowed = b.held[:n], n >= flows
	return err
}

// Write follows net.Conn; see [Buffered] for when it reports a failure.
func (b *buffered) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.partial && b.failure() == nil {
		b.idle.Wait()
	}
	if !b.sending && len(p) < flows && b.failure() == nil {
		// The caller sends it itself: no copy, no other goroutine to wake.
		return b.send(p)
	}
	done := 0
	for {
		if err := b.failure(); err != nil {
			return done, err
		}
		done += b.enqueue(p[done:])
		if b.partial = done < len(p); !b.partial {
			b.idle.Broadcast() // others wait for their turn
			return done, nil
		}
		b.idle.Wait()
	}
}

// failure is why nothing can be written any more, or nil. The caller holds mu.
func (b *buffered) failure() error {
	if b.closed {
		return net.ErrClosed
	}
	return b.err
}

// enqueue takes what there is room for and sees that it will be sent. The
// caller holds mu.
func (b *buffered) enqueue(p []byte) int {
	if b.waiting == nil {
		b.waiting = takeHold()
	}
	n := copy(b.waiting[b.fill:], p)
	b.fill += n
	if !b.sending {
		b.sending = true
		go b.drain()
	}
	return n
}

// send makes one system call, or goes on until p is sent. The caller holds mu,
// which is free in the meantime, and nothing else is being sent.
func (b *buffered) send(p []byte) (int, error) {
	b.sending = true
	b.mu.Unlock()
	n, err := b.Conn.Write(p)
	b.mu.Lock()
	if err != nil && b.err == nil {
		b.err = err
	}
	if b.fill > 0 && b.err == nil {
		go b.drain() // written by others meanwhile
		return n, err
	}
	b.rest()
	return n, err
}

// drain sends what waits until nothing does.
func (b *buffered) drain() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.fill > 0 && b.err == nil {
		out, n := b.waiting, b.fill
		b.waiting, b.fill = nil, 0
		b.idle.Broadcast() // there is room
		b.mu.Unlock()
		_, err := b.Conn.Write(out[:n])
		holds.Put(out)
		b.mu.Lock()
		b.err = err
	}
	b.rest()
}

// rest ends a run of system calls. The caller holds mu.
func (b *buffered) rest() {
	b.sending = false
	if b.waiting != nil {
		holds.Put(b.waiting)
		b.waiting, b.fill = nil, 0
	}
	b.idle.Broadcast()
}

// Close sends what was written, for at most half a second, and closes the
// connection. It reports a failed write that no Write has reported.
func (b *buffered) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return net.ErrClosed
	}
	b.closed = true
	b.idle.Broadcast()
	cut := time.AfterFunc(closeWait, func() { _ = b.Conn.Close() })
	for b.sending {
		b.idle.Wait()
	}
	if cut.Stop() {
		if err := b.Conn.Close(); err != nil {
			return err
		}
	}
	return b.err
}
