package wire

import (
	"errors"
	"net"
	"sync"
	"time"
)

// How long a listener that fails rests before it is asked again: doubled from
// the first to the last.
const (
	acceptAgain   = 5 * time.Millisecond
	acceptLongest = time.Second
)

// Accepting makes a listener that fails only with [net.ErrClosed]. accept(2) also
// fails for what is no fault of the listener: the machine has no descriptor or
// memory to spare for a moment, a firewall objects, or the network has an error
// for the connection that would be taken (accept(2), "Error handling"). Whoever
// stopped listening then would be stopped by whoever can cause that. failed, which
// must not block, is told each time.
func Accepting(l net.Listener, failed func(error)) net.Listener {
	return &accepting{Listener: l, failed: failed, over: make(chan struct{})}
}

type accepting struct {
	net.Listener
	failed func(error)
	once   sync.Once
	over   chan struct{} // closed when it is
}

func (a *accepting) Accept() (net.Conn, error) {
	for rest := acceptAgain; ; rest = min(2*rest, acceptLongest) {
		conn, err := a.Listener.Accept()
		if err == nil || errors.Is(err, net.ErrClosed) {
			return conn, err
		}
		a.failed(err)
		timer := time.NewTimer(rest)
		select {
		case <-timer.C:
		case <-a.over:
			timer.Stop()
			return nil, net.ErrClosed
		}
	}
}

func (a *accepting) Close() error {
	a.once.Do(func() { close(a.over) })
	return a.Listener.Close()
}
