package gateway

import (
	"net"
	"sync"
	"time"

	gossh "golang.org/x/crypto/ssh"
)

// answeringEnd is the gateway's end of a stand-in's call. It comes from where the
// device's ssh does.
type answeringEnd struct {
	net.Conn
	hold *hold
}

func (a *answeringEnd) RemoteAddr() net.Addr { return a.hold.conn.RemoteAddr() }

// calling is the stand-in's end.
type calling struct {
	net.Conn
	hold *hold
}

// Close says why: only the end of the session makes the stand-in hang up.
func (c *calling) Close() error {
	if h := c.hold.home.Load(); h != nil {
		h.because("the ssh session that held its link has ended")
	}
	return c.Conn.Close()
}

// throughHold is a connection through the held forward. It has no deadlines; who
// wants one closes it.
type throughHold struct {
	gossh.Channel
	conn gossh.Conn
}

func (t *throughHold) LocalAddr() net.Addr              { return t.conn.LocalAddr() }
func (t *throughHold) RemoteAddr() net.Addr             { return t.conn.RemoteAddr() }
func (t *throughHold) SetDeadline(time.Time) error      { return nil }
func (t *throughHold) SetReadDeadline(time.Time) error  { return nil }
func (t *throughHold) SetWriteDeadline(time.Time) error { return nil }

// looseHolds is how many writes wait in one direction of a call.
const looseHolds = 32

// loose is an end of a net.Pipe whose writes don't wait for the other end to
// read: two SSH sides that both write first would wait for each other for ever.
type loose struct {
	net.Conn
	out    chan []byte
	once   sync.Once
	closed chan struct{}
}

func loosened(c net.Conn) *loose {
	l := &loose{Conn: c, out: make(chan []byte, looseHolds), closed: make(chan struct{})}
	go l.drain()
	return l
}

func (l *loose) drain() {
	for {
		select {
		case p := <-l.out:
			if _, err := l.Conn.Write(p); err != nil {
				_ = l.Close()
				return
			}
		case <-l.closed:
			return
		}
	}
}

func (l *loose) Write(p []byte) (int, error) {
	select {
	case l.out <- append([]byte(nil), p...):
		return len(p), nil
	case <-l.closed:
		return 0, net.ErrClosed
	}
}

// Close gives what was written before no time: both ends are in this process,
// and what mattered was answered.
func (l *loose) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Conn.Close()
}
