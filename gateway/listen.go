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
// 7.1; OpenSSH, PROTOCOL 2.4), and the channels that come of it.
const (
	listenTCP     = "tcpip-forward"
	cancelTCP     = "cancel-tcpip-forward"
	forwardedTCP  = "forwarded-tcpip"
	listenUnix    = "streamlocal-forward@openssh.com"
	cancelUnix    = "cancel-streamlocal-forward@openssh.com"
	forwardedUnix = "forwarded-streamlocal@openssh.com"
)

// Kinds of events on a recording's timeline that this makes.
const (
	eventListen     = "listen"
	eventListenEnds = "listen.ended"
)

// listened is what a client asks to have listened on, as it names it: a host and a
// port, or the path of a socket.
type listened struct {
	Network string
	Host    string
	Port    uint32
}

// parseListened reads a request to listen, or to listen no more.
func parseListened(req *gossh.Request) (at listened, ok bool) {
	if req.Type == listenUnix || req.Type == cancelUnix {
		var m struct{ Path string }
		err := gossh.Unmarshal(req.Payload, &m)
		return listened{wire.NetworkUnix, m.Path, 0}, err == nil
	}
	var m struct {
		Host string
		Port uint32
	}
	err := gossh.Unmarshal(req.Payload, &m)
	return listened{wire.NetworkTCP, m.Host, m.Port}, err == nil
}

func (at listened) place() wire.Place {
	return wire.Place{Network: at.Network, Host: at.Host, Port: at.Port}
}

// onListen has the device listen, in the technician's visit to it. The client
// gets no sentence with a refusal: SSH has none there. Its log and the audit log
// have it. Who connects is brought once the client has its answer: it would
// know nothing of them before.
func (g *Gateway) onListen(ctx ssh.Context, req *gossh.Request) (ok bool, payload []byte, then func()) {
	conn, there := ctx.Value(ssh.ContextKeyConn).(*gossh.ServerConn)
	at, ok := parseListened(req)
	if !there || !ok {
		return false, nil, nil
	}
	if who, ok := agentlessOf(conn); ok {
		ok, payload = g.onHoldForward(ctx, who, at)
		return ok, payload, nil
	}
	p, l, err := g.admitted(ctx, conn, req.Type)
	if err != nil {
		return false, nil, nil
	}
	defer g.running.Done()
	c := &caller{gateway: g, person: p, user: conn.User(), tell: func(string) {}}
	ls, err := c.listen(ctx, l, conn, at)
	if err != nil {
		g.log.Info("a device was not let listen", "person", p.Name, "user", conn.User(), "at", at.place().String(), "error", err)
		return false, nil, nil
	}
	if at.Network == wire.NetworkTCP && at.Port == 0 {
		payload = gossh.Marshal(struct{ Port uint32 }{ls.at.Port})
	}
	return true, payload, ls.begin
}

// onCancel ends what onListen began.
func (g *Gateway) onCancel(ctx ssh.Context, req *gossh.Request) (bool, []byte, func()) {
	at, ok := parseListened(req)
	l, there := ctx.Value(loginKey{}).(*login)
	if !there || !ok {
		return false, nil, nil
	}
	b := &l.byways
	b.mu.Lock()
	defer b.mu.Unlock()
	stop := b.listens[at]
	if stop == nil {
		return false, nil, nil
	}
	stop()
	delete(b.listens, at)
	return true, nil, nil
}

// listen has the device of a connection listen, until that is cancelled or the
// connection or the visit ends. The caller must have it begin.
func (c *caller) listen(ctx context.Context, l *login, conn gossh.Conn, at listened) (*listening, error) {
	place := at.place()
	if err := place.CheckListen(); err != nil {
		return nil, err
	}
	t, err := c.bound(ctx)
	if err != nil {
		return nil, err
	}
	v, err := l.visit(ctx, c, inquiry{target: t, needs: wire.Forward, want: wantedBy(wire.Forward)})
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	context.AfterFunc(v.ctx, stop)
	ch, port, err := v.listen(ctx, place)
	if err == nil && !c.gateway.enterRunning() {
		err = errors.New("the gateway is being stopped")
	}
	if err != nil {
		stop()
		v.release()
		return nil, err
	}
	at.Port = port
	l.byways.listensAt(at, stop)
	ls := &listening{visit: v, conn: conn, at: at, free: make(chan struct{}, wire.MaxForwards)}
	ls.begin = func() {
		go func() {
			defer c.gateway.running.Done()
			defer v.release()
			defer stop()
			ls.serve(ctx, ch)
		}()
	}
	return ls, nil
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
	if err != nil || !ok || !listensAsAsked(place, said.Port) {
		_ = ch.Close()
		return nil, 0, errors.New("the device does not say where it listens")
	}
	return conn, uint32(said.Port), nil
}

// listensAsAsked reports whether the port that a device names is that of a place.
func listensAsAsked(p wire.Place, port int) bool {
	if p.Network == wire.NetworkTCP && p.Port == 0 {
		return port > 0
	}
	return port == int(p.Port)
}

// listening is a port or a socket of a device, on which it listens for a
// technician.
type listening struct {
	visit *visit
	conn  gossh.Conn
	at    listened
	begin func()        // serve, in a goroutine; called once
	free  chan struct{} // one token for each connection that there is
}

// serve brings who connects on the device to the technician, until the device
// listens no more.
func (ls *listening) serve(ctx context.Context, from *wire.Conn) {
	v := ls.visit
	at := struct {
		Port   uint32 `json:"port,omitempty"`
		Socket string `json:"socket,omitempty"`
	}{Port: ls.at.Port}
	if ls.at.Network == wire.NetworkUnix {
		at.Socket = ls.at.Host
	}
	if err := v.happens(eventListen, at); err != nil {
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
	if err := v.happens(eventListenEnds, at); err != nil && !errors.Is(err, recordings.ErrSealed) {
		v.end(cannotRecord(err))
	}
}

// bring connects one who connected on the device with the technician.
func (ls *listening) bring(ctx context.Context, from *wire.Caller) error {
	place := wire.Place{Network: wire.NetworkCaller, Port: uint32(from.Number)}
	shown := forwarded{Network: ls.at.Network, Host: ls.at.Host, Port: ls.at.Port, Reverse: true}
	return ls.visit.forward(ctx, place, shown, func() (gossh.Channel, <-chan *gossh.Request, error) {
		opening, cancel := context.WithTimeout(ctx, wire.Handshake)
		defer cancel()
		kind, data := ls.opening(from)
		return openOn(opening, ls.conn, kind, data, "the technician's client")
	})
}

// opening is the channel that brings one who connected.
func (ls *listening) opening(from *wire.Caller) (kind string, data []byte) {
	if ls.at.Network == wire.NetworkUnix {
		return forwardedUnix, gossh.Marshal(struct{ Path, Reserved string }{ls.at.Host, ""})
	}
	return forwardedTCP, gossh.Marshal(struct {
		Host   string
		Port   uint32
		From   string
		FromAt uint32
	}{ls.at.Host, ls.at.Port, "127.0.0.1", uint32(from.Port)})
}
