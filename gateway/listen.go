package gateway

import (
	"context"
	"errors"
	"sync"

	"charm.land/ssh"
	gossh "golang.org/x/crypto/ssh"

	"accord/recordings"
	"accord/wire"
)

// Requests on a technician's connection that have the device listen (RFC 4254,
// 7.1), and the channel that comes of it.
const (
	listenTCP    = "tcpip-forward"
	listenCancel = "cancel-tcpip-forward"
	forwardedTCP = "forwarded-tcpip"
)

// Kinds of events on a recording's timeline that this makes.
const (
	eventListen     = "listen"
	eventListenEnds = "listen.ended"
)

// listened is what a client asks to have listened on, as it names it.
type listened struct {
	Host string
	Port uint32
}

// onListen has the device listen, in the technician's visit to it. The client
// gets no sentence with a refusal: SSH has none there. Its log and the audit log
// have it. Requests of a connection are answered in their order, so that the next
// one waits until the device's user has answered this one.
func (g *Gateway) onListen(ctx ssh.Context, _ *ssh.Server, req *gossh.Request) (bool, []byte) {
	var at listened
	conn, ok := ctx.Value(ssh.ContextKeyConn).(*gossh.ServerConn)
	if !ok || gossh.Unmarshal(req.Payload, &at) != nil {
		return false, nil
	}
	p, l, err := g.admitted(ctx, conn, req.Type)
	if err != nil {
		return false, nil
	}
	defer g.running.Done()
	c := &caller{gateway: g, person: p, user: conn.User(), tell: func(string) {}}
	port, err := c.listen(ctx, l, conn, at)
	if err != nil {
		g.log.Info("a device was not let listen", "person", p.Name, "user", conn.User(), "port", at.Port, "error", err)
		return false, nil
	}
	if at.Port != 0 {
		return true, nil
	}
	return true, gossh.Marshal(struct{ Port uint32 }{port})
}

// onCancel ends what onListen began.
func (g *Gateway) onCancel(ctx ssh.Context, _ *ssh.Server, req *gossh.Request) (bool, []byte) {
	var at listened
	l, ok := ctx.Value(loginKey{}).(*login)
	if !ok || gossh.Unmarshal(req.Payload, &at) != nil {
		return false, nil
	}
	b := &l.byways
	b.mu.Lock()
	defer b.mu.Unlock()
	stop := b.listens[at]
	if stop == nil {
		return false, nil
	}
	stop()
	delete(b.listens, at)
	return true, nil
}

// listen has the device of a connection listen, until that is cancelled or the
// connection or the visit ends. It returns the port.
func (c *caller) listen(ctx context.Context, l *login, conn gossh.Conn, at listened) (uint32, error) {
	place := wire.Place{Network: wire.NetworkTCP, Host: at.Host, Port: at.Port}
	if err := place.CheckListen(); err != nil {
		return 0, err
	}
	t, err := c.bound(ctx)
	if err != nil {
		return 0, err
	}
	v, err := l.visit(ctx, c, inquiry{target: t, needs: wire.Forward, want: wantedBy(wire.Forward)})
	if err != nil {
		return 0, err
	}
	ctx, stop := context.WithCancel(ctx)
	context.AfterFunc(v.ctx, stop)
	ch, port, err := v.listen(ctx, place)
	if err != nil {
		stop()
		v.release()
		return 0, err
	}
	at.Port = port
	l.byways.listensAt(at, stop)
	c.gateway.running.Go(func() {
		defer v.release()
		defer stop()
		ls := &listening{visit: v, conn: conn, at: at, free: make(chan struct{}, wire.MaxForwards)}
		ls.serve(ctx, ch)
	})
	return port, nil
}

func (b *byways) listensAt(at listened, stop context.CancelFunc) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.listens == nil {
		b.listens = make(map[listened]context.CancelFunc)
	}
	b.listens[at] = stop
}

// listen opens the channel on which the device listens, and is told the port.
// The caller stops it by ctx.
func (v *visit) listen(ctx context.Context, place wire.Place) (*wire.Conn, uint32, error) {
	if !v.grants(wire.Forward) || !v.isOpen() {
		return nil, 0, errors.New("forward was not granted for this visit, or was taken back")
	}
	place.Visit = v.req.Visit
	opening, cancel := context.WithTimeout(ctx, wire.Handshake)
	defer cancel()
	ch, reqs, err := v.home.open(opening, wire.ChannelListen, wire.MarshalForward(place))
	if err != nil {
		return nil, 0, deviceRefused(err)
	}
	go gossh.DiscardRequests(reqs)
	context.AfterFunc(ctx, func() { _ = ch.Close() })
	defer context.AfterFunc(opening, func() {
		if ctx.Err() == nil && errors.Is(opening.Err(), context.DeadlineExceeded) {
			_ = ch.Close()
		}
	})()
	conn := wire.NewConn(ch)
	m, err := conn.Read()
	said, ok := m.(*wire.Listening)
	if err != nil || !ok || place.Port != 0 && said.Port != int(place.Port) {
		_ = ch.Close()
		return nil, 0, errors.New("the device does not say where it listens")
	}
	return conn, uint32(said.Port), nil
}

// listening is a port of a device, on which it listens for a technician.
type listening struct {
	visit *visit
	conn  gossh.Conn
	at    listened
	free  chan struct{} // one token for each connection that there is
}

// serve brings who connects on the device to the technician, until the device
// listens no more.
func (ls *listening) serve(ctx context.Context, from *wire.Conn) {
	v := ls.visit
	port := struct {
		Port uint32 `json:"port"`
	}{ls.at.Port}
	if err := v.rec.Event(eventListen, port); err != nil {
		v.end(cannotRecord(err))
		return
	}
	var all sync.WaitGroup
	for ctx.Err() == nil {
		m, err := from.Read()
		caller, ok := m.(*wire.Caller)
		if err != nil || !ok {
			break
		}
		select {
		case ls.free <- struct{}{}:
		case <-ctx.Done():
			continue
		}
		all.Go(func() {
			defer func() { <-ls.free }()
			if err := ls.bring(ctx, caller); err != nil {
				v.gateway.log.Info("who connected on a device was not brought", "visit", v.req.Visit, "error", err)
			}
		})
	}
	all.Wait()
	if err := v.rec.Event(eventListenEnds, port); err != nil && !errors.Is(err, recordings.ErrSealed) {
		v.end(cannotRecord(err))
	}
}

// bring connects one who connected on the device with the technician.
func (ls *listening) bring(ctx context.Context, from *wire.Caller) error {
	place := wire.Place{Network: wire.NetworkCaller, Port: uint32(from.Number)}
	shown := forwarded{Network: wire.NetworkTCP, Host: ls.at.Host, Port: ls.at.Port, Reverse: true}
	return ls.visit.forward(ctx, place, shown, func() (gossh.Channel, <-chan *gossh.Request, error) {
		opening, cancel := context.WithTimeout(ctx, wire.Handshake)
		defer cancel()
		return openOn(opening, ls.conn, forwardedTCP, gossh.Marshal(struct {
			Host   string
			Port   uint32
			From   string
			FromAt uint32
		}{ls.at.Host, ls.at.Port, "127.0.0.1", uint32(from.Port)}), "the technician's client")
	})
}
