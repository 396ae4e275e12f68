package gateway

import (
	"net"
	"sync/atomic"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/wire"
)

// endingConn is a connection whose end no channel waits beyond. When it can't
// read, x/crypto/ssh (v0.58) ends the channels it has. One that is opened after
// that is not among them, and the first write that fails is reported to nobody:
// whoever opened it would wait for an answer for ever. So the end is held back
// until another write has failed, and an opening meets the error that stays.
type endingConn struct {
	net.Conn
	ended atomic.Bool
	ssh   atomic.Pointer[gossh.Conn]
}

// over is told which SSH connection runs over this one. Until then nothing may
// be opened on it.
func (c *endingConn) over(ssh gossh.Conn) {
	c.ssh.Store(&ssh)
	if c.ended.Load() {
		c.spend()
	}
}

func (c *endingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		c.ended.Store(true)
		_ = c.Conn.Close()
		c.spend()
	}
	return n, err
}

// spend has a write fail. In the middle of a key exchange it may wait for what
// can't be read any more, so it is not waited for long.
func (c *endingConn) spend() {
	ssh := c.ssh.Load()
	if ssh == nil {
		return // over does it
	}
	spent := make(chan struct{})
	go func() {
		defer close(spent)
		_, _, _ = (*ssh).SendRequest(wire.RequestPing, false, nil)
	}()
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case <-spent:
	case <-timer.C:
	}
}
