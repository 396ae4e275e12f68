package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/wire"
)

// Connections that a visit forwards through this device.

const (
	// forwardDial bounds finding and reaching a place.
	forwardDial = 10 * time.Second
	// forwardDrain is how long what the technician has sent before the channel
	// was closed may take to its place.
	forwardDrain = 30 * time.Second
	// forwardShown is how often the user's screens are told of them at most.
	forwardShown = 300 * time.Millisecond
)

// errNoForwards refuses what would be one too many, or too late.
var errNoForwards = fmt.Errorf("the visit has ended, forwards %d connections already, or the user took this back", wire.MaxForwards)

// forwarding is one connection of a visit, or what waits for one.
type forwarding struct {
	to  string          // as the user is told
	ctx context.Context //nolint:containedctx // its life is the connection's
	end context.CancelFunc
}

// onForward connects a channel with a place, in a visit that grants it.
func (l *link) onForward(_ context.Context, _ *gossh.ServerConn, nc gossh.NewChannel) {
	p, err := wire.ParseForward(nc.ExtraData())
	if err != nil {
		_ = nc.Reject(gossh.Prohibited, err.Error())
		return
	}
	v, err := l.forwards(p.Visit)
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
	conn, err := v.reach(f.ctx, p)
	if err == nil {
		err = v.hold.refuses() // it may have been paused meanwhile
	}
	if err != nil {
		if conn != nil {
			_ = conn.Close()
		}
		v.agent.log.Info("not forwarded", "visit", v.id(), "to", f.to, "error", err)
		_ = nc.Reject(gossh.ConnectionFailed, wire.Clean(err.Error(), wire.MaxReason))
		return
	}
	v.carry(f, conn, nc)
}

// forwards is the open visit that may forward now.
func (l *link) forwards(id string) (*visit, error) {
	v, err := l.visit(id)
	if err == nil {
		_, err = l.agent.may(id, wire.Forward)
	}
	if err != nil {
		return nil, err
	}
	return v, v.hold.refuses()
}

// enterForward counts a connection as the visit's, before it is made.
func (v *visit) enterForward(p wire.Place) (*forwarding, error) {
	f := &forwarding{to: p.String()}
	f.ctx, f.end = context.WithCancel(context.Background())
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed || slices.Contains(v.taken, wire.Forward) || len(v.forwarded) >= wire.MaxForwards {
		f.end()
		return nil, errNoForwards
	}
	v.forwarded = append(v.forwarded, f)
	if !slices.Contains(v.used, wire.Forward) {
		v.used = append(v.used, wire.Forward)
	}
	v.showForwards()
	return f, nil
}

func (v *visit) exitForward(f *forwarding) {
	f.end()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.forwarded = slices.DeleteFunc(v.forwarded, func(o *forwarding) bool { return o == f })
	v.showForwards()
}

// showForwards tells the user's screens soon, of several changes once. The
// caller holds mu.
func (v *visit) showForwards() {
	if v.showing {
		return
	}
	v.showing = true
	time.AfterFunc(forwardShown, func() {
		v.mu.Lock()
		v.showing = false
		v.mu.Unlock()
		v.agent.desk.changed(v)
	})
}

// cutForwards closes all of them, at once.
func (v *visit) cutForwards() {
	v.mu.Lock()
	all := slices.Clone(v.forwarded)
	v.mu.Unlock()
	for _, f := range all {
		f.end()
	}
}

// reach connects to a place, if the device's owner lets a visit go there.
func (v *visit) reach(ctx context.Context, p wire.Place) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, forwardDial)
	defer cancel()
	rules, d := v.agent.cfg.Forward, net.Dialer{}
	switch p.Network {
	case wire.NetworkUnix:
		switch named, among := socketIn(rules.Allow, p.Host); {
		case named:
			return dialled(d.DialContext(ctx, "unix", p.Host))
		case among:
			return v.dialAs(p.Host)
		}
		return nil, no("its owner does not let a visit connect to the socket %s (agent.forward)", p.Host)
	case wire.NetworkCaller:
		return v.claim(p)
	}
	list, err := rules.resolve(ctx, net.DefaultResolver.LookupNetIP, p.Host, uint16(p.Port))
	if err != nil {
		return nil, err
	}
	var conn net.Conn
	for _, address := range list {
		if conn, err = dialled(d.DialContext(ctx, "tcp", address.String())); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// dialled says in the operating system's words alone why there is no connection.
func dialled(conn net.Conn, err error) (net.Conn, error) {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return nil, fmt.Errorf("the device can't connect: %w", op.Err)
	}
	return conn, err
}

// carry moves bytes until both directions are done, one side has closed the
// whole, or the visit, a pause's end or the user's reduction has ended it.
func (v *visit) carry(f *forwarding, conn net.Conn, nc gossh.NewChannel) {
	defer context.AfterFunc(f.ctx, func() { _ = conn.Close() })()
	defer func() { _ = conn.Close() }()
	ch, reqs, err := nc.Accept()
	if err != nil {
		return
	}
	// Closing writes, and so may wait for a gateway that does not read.
	defer context.AfterFunc(f.ctx, func() { go func() { _ = ch.Close() }() })()
	up := make(chan struct{})
	go func() { // ends with the channel
		gossh.DiscardRequests(reqs)
		timer := time.NewTimer(forwardDrain)
		defer timer.Stop()
		select {
		case <-up:
		case <-timer.C:
		case <-f.ctx.Done():
		}
		f.end()
	}()
	var both sync.WaitGroup
	both.Go(func() {
		defer close(up)
		if v.stream(conn, ch) != nil {
			f.end() // its place takes no more
		}
		closeWrite(conn)
	})
	both.Go(func() {
		if v.stream(ch, conn) != nil {
			f.end()
		}
		_ = ch.CloseWrite()
	})
	both.Wait()
	_ = ch.Close()
}

// stream copies one direction as long as the visit isn't paused. The end of the
// source is no error.
func (v *visit) stream(to io.Writer, from io.Reader) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if _, werr := write(to, buf[:n], v.hold); werr != nil {
				return werr
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// closeWrite ends what is sent, where the connection has two directions.
func closeWrite(conn net.Conn) {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// listing is what is forwarded now, for the user: each place once.
func listing(all []*forwarding) []string {
	var names []string
	count := make(map[string]int)
	for _, f := range all {
		if count[f.to]++; count[f.to] == 1 {
			names = append(names, f.to)
		}
	}
	slices.Sort(names)
	for i, name := range names {
		if n := count[name]; n > 1 {
			names[i] = name + " ×" + strconv.Itoa(n)
		}
	}
	return names
}
