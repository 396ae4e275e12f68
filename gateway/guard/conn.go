package guard

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// Conn is a connection that was let through. It counts until it is closed.
type Conn struct {
	net.Conn
	listener *Listener
	source   netip.Prefix
	carrier  bool // no penalty for what comes by it
	accepted time.Time
	grace    *time.Timer

	mu         sync.Mutex // before the listener's
	handshaken bool
	failed     bool
	closed     bool
}

// carried is a connection that another guarded one carries.
type carried interface {
	Handshaken()
	Failed(Kind)
}

func newConn(l *Listener, inner net.Conn, source netip.Prefix, carrier bool) *Conn {
	c := &Conn{Conn: inner, listener: l, source: source, carrier: carrier, accepted: time.Now()}
	c.mu.Lock() // the timer may fire before it is set
	defer c.mu.Unlock()
	// A timer, not a deadline: whoever has the connection sets deadlines too.
	c.grace = time.AfterFunc(l.limits.Grace, c.expire)
	return c
}

// Source is what the connection is counted under; invalid for an address that
// is no IP address.
func (c *Conn) Source() netip.Prefix { return c.source }

// Accepted is when the connection was let through.
func (c *Conn) Accepted() time.Time { return c.accepted }

// Handshaken says that the other side has authenticated: it no longer counts
// as in handshake, and its time no longer runs. It does nothing on a closed
// connection, and the second time.
func (c *Conn) Handshaken() {
	if below, ok := c.Conn.(carried); ok {
		below.Handshaken()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.handshaken || c.closed {
		return
	}
	c.handshaken = true
	c.grace.Stop()
	c.listener.settle(c.source, 0, -1, 0)
}

// Kind is a way to fail.
type Kind int

// The kinds, each with its own penalty.
const (
	AuthFailed Kind = iota
	NoAuth
	GraceExceeded
)

// Failed adds the penalty of a kind to the source. It does not close the
// connection. Only the first failure of a connection counts. A connection that
// is closed before [Conn.Handshaken] without a failure has failed by [NoAuth].
func (c *Conn) Failed(k Kind) {
	if below, ok := c.Conn.(carried); ok {
		below.Failed(k)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail(k)
}

// fail does the work of Failed. The caller holds mu.
func (c *Conn) fail(k Kind) {
	if !c.failed {
		c.failed = true
		if !c.carrier {
			c.listener.settle(c.source, 0, 0, c.listener.limits.Penalties.of(k))
		}
	}
}

// expire closes a connection whose time to authenticate is over.
func (c *Conn) expire() {
	c.mu.Lock()
	late := !c.handshaken && !c.closed
	if late {
		c.fail(GraceExceeded)
	}
	c.mu.Unlock()
	if late {
		_ = c.Close()
	}
}

// Close closes the connection and counts it out, once.
func (c *Conn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return net.ErrClosed
	}
	c.closed = true
	c.grace.Stop()
	handshakes := 0
	if !c.handshaken {
		handshakes = -1
		c.fail(NoAuth)
	}
	c.mu.Unlock()
	// Closed first, so that the limits hold for descriptors too.
	err := c.Conn.Close()
	c.listener.settle(c.source, -1, handshakes, 0)
	return err
}

// settle books what happened to a connection.
func (l *Listener) settle(source netip.Prefix, conns, handshakes int, penalty time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count(source, conns, handshakes)
	l.table.add(source, penalty, time.Now())
}

func (p Penalties) of(k Kind) time.Duration {
	switch k {
	case AuthFailed:
		return p.AuthFailed
	case NoAuth:
		return p.NoAuth
	}
	return p.GraceExceeded
}
