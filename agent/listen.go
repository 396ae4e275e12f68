package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/wire"
)

// callerWaits is how long somebody who connected waits for the technician's side.
const callerWaits = 10 * time.Second

// callers are the connections that this device took for a visit and that the
// gateway has not fetched yet. The visit's lock guards them.
type callers struct {
	last    int
	waiting map[int]net.Conn
	listens int
}

// onListen listens on this device's loopback address, or on a socket, for a visit
// that may forward, until the channel ends or the visit does.
func (l *link) onListen(_ context.Context, _ *gossh.ServerConn, nc gossh.NewChannel) {
	p, err := wire.ParseListen(nc.ExtraData())
	if err != nil {
		_ = nc.Reject(gossh.Prohibited, err.Error())
		return
	}
	v, err := l.forwards(p.Visit)
	if err == nil {
		err = l.agent.cfg.Forward.listensOn(p)
	}
	if err != nil {
		_ = nc.Reject(gossh.Prohibited, err.Error())
		return
	}
	f, err := v.enterForward(p)
	if err != nil {
		_ = nc.Reject(gossh.ResourceShortage, err.Error())
		return
	}
	defer v.exitForward(f)
	if !v.enterListen() {
		_ = nc.Reject(gossh.ResourceShortage, fmt.Sprintf("the visit listens on %d ports and sockets already", wire.MaxListens))
		return
	}
	defer v.exitListen()
	ln, err := v.listenOn(p)
	if err != nil {
		_ = nc.Reject(gossh.ConnectionFailed, wire.Clean(err.Error(), wire.MaxReason))
		return
	}
	v.listen(f, ln, nc)
}

// listenOn listens on a place that the owner allows.
func (v *visit) listenOn(p wire.Place) (net.Listener, error) {
	if p.Network == wire.NetworkUnix {
		return v.listenAs(p.Host)
	}
	ln, err := net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(p.Port))))
	if err != nil {
		return nil, fmt.Errorf("this device can't listen on port %d; is something else there?", p.Port)
	}
	return ln, nil
}

func (v *visit) enterListen() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.callers.listens >= wire.MaxListens {
		return false
	}
	v.callers.listens++
	return true
}

func (v *visit) exitListen() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.callers.listens--
}

// listen takes connections and tells the gateway of each.
func (v *visit) listen(f *forwarding, ln net.Listener, nc gossh.NewChannel) {
	defer context.AfterFunc(f.ctx, func() { _ = ln.Close() })()
	defer func() { _ = ln.Close() }()
	ch, reqs, err := nc.Accept()
	if err != nil {
		return
	}
	defer context.AfterFunc(f.ctx, func() { go func() { _ = ch.Close() }() })()
	go func() { // ends with the channel
		gossh.DiscardRequests(reqs)
		f.end()
	}()
	c := wire.NewConn(ch)
	if c.Write(&wire.Listening{Port: port(ln.Addr())}) != nil {
		return
	}
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		if !v.hold.flows() {
			_ = conn.Close()
			return
		}
		number, err := v.took(conn)
		if err != nil {
			_ = conn.Close() // there are too many: who connects sees it at once
			continue
		}
		if c.Write(&wire.Caller{Number: number, Port: port(conn.RemoteAddr())}) != nil {
			return
		}
	}
}

// port is that of an address; 0 where it has none.
func port(a net.Addr) int {
	_, text, err := net.SplitHostPort(a.String())
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(text)
	return n
}

// took keeps a connection for the gateway to fetch, for a while.
func (v *visit) took(conn net.Conn) (number int, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed || len(v.forwarded)+len(v.callers.waiting) >= wire.MaxForwards {
		return 0, errNoForwards
	}
	if v.callers.waiting == nil {
		v.callers.waiting = make(map[int]net.Conn)
	}
	v.callers.last++
	number = v.callers.last
	v.callers.waiting[number] = conn
	time.AfterFunc(callerWaits, func() {
		if late, err := v.claim(wire.Place{Port: uint32(number)}); err == nil {
			_ = late.Close()
		}
	})
	return number, nil
}

// claim takes a connection that waits, once.
func (v *visit) claim(p wire.Place) (net.Conn, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	conn, ok := v.callers.waiting[int(p.Port)]
	if !ok {
		return nil, errors.New("that connection is not there any more")
	}
	delete(v.callers.waiting, int(p.Port))
	return conn, nil
}

// cutCallers closes what nobody has fetched.
func (v *visit) cutCallers() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for number, conn := range v.callers.waiting {
		_ = conn.Close()
		delete(v.callers.waiting, number)
	}
}
