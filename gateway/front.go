package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"charm.land/ssh"
	"charm.land/wish/v2"
	gossh "golang.org/x/crypto/ssh"

	"accord/gateway/store"
	"accord/wire"
)

// personExtension is where the handshake leaves the fingerprint of the key
// that was proved. It is read from the finished handshake's permissions only.
const personExtension = "key@accord"

// frontDoor is the SSH server for technicians. The library lets anybody in
// unless it is told otherwise, so authentication, host key, algorithms and
// limits are all set here; sessions are served by our own handler on the raw
// channel.
func (g *Gateway) frontDoor() (func(net.Conn), error) {
	server, err := wish.NewServer(
		wish.WithVersion("Accord"),
		func(s *ssh.Server) error {
			s.AddHostKey(g.key)
			s.ConnCallback = func(ctx ssh.Context, conn net.Conn) net.Conn {
				a, ok := conn.(*arrival)
				if !ok {
					return nil // closed: every connection comes by the function below
				}
				ctx.SetValue(arrivalKey{}, a)
				ctx.SetValue(loginKey{}, newLogin())
				return wire.Buffered(a.Conn)
			}
			s.ServerConfigCallback = func(ctx ssh.Context) *gossh.ServerConfig {
				return ctx.Value(arrivalKey{}).(*arrival).handshake.serverConfig() //nolint:forcetypeassert // set above
			}
			s.HandshakeTimeout = wire.Handshake
			s.ConnectionFailedCallback = g.unmatched
			s.ChannelHandlers = map[string]ssh.ChannelHandler{"session": g.onSession, directTCP: g.onDirect, directUnix: g.onDirect}
			s.RequestHandlers = g.requestHandlers()
			return nil
		},
	)
	if err != nil {
		return nil, err
	}
	return func(conn net.Conn) {
		over := make(chan struct{})
		defer close(over)
		defer context.AfterFunc(g.ctx, func() { showOut(conn, over) })()
		a := &arrival{Conn: conn, handshake: handshake{gateway: g, conn: conn}}
		server.HandleConn(a)
		a.handshake.over()
	}, nil
}

// unmatched says in the log why a client that has no algorithm in common with the
// gateway came no further: to the client itself SSH has no sentence for that.
func (g *Gateway) unmatched(conn net.Conn, err error) {
	if no, ok := errors.AsType[*gossh.AlgorithmNegotiationError](err); ok {
		g.log.Warn("a client was turned away: it knows none of the algorithms offered. Update it, or set gateway.compat = true, which admits older ones for everybody",
			"address", conn.RemoteAddr().String(), "compat", g.cfg.Compat, "error", wire.Clean(no.Error(), wire.MaxReason))
	}
}

// showOut closes a technician's connection when the gateway is being stopped, a
// little later, so that its sessions can say why they end.
func showOut(conn net.Conn, over <-chan struct{}) {
	timer := time.NewTimer(wire.Settle)
	defer timer.Stop()
	select {
	case <-over:
	case <-timer.C:
	}
	_ = conn.Close()
}

// arrival is a connection with its way through the door.
type arrival struct {
	net.Conn
	handshake handshake
}

// arrivalKey and loginKey find a connection, and its login, in its context.
type (
	arrivalKey struct{}
	loginKey   struct{}
)

// login is one connection that has proved a key: journaled once, however many
// channels it opens.
type login struct {
	once   sync.Once
	err    error
	at     time.Time    // when it was accepted
	open   atomic.Int32 // sessions
	begun  atomic.Bool  // there was a session
	moved  changes      // of the sessions
	byways byways
	// Its global requests that wait for one before them.
	requests requests
	held     holding // of a device without an agent
}

func newLogin() *login {
	return &login{at: time.Now(), moved: changes{changed: make(chan struct{})}, byways: newByways(), held: newHolding()}
}

// maxSessions bounds the sessions that one connection has open.
const maxSessions = 32

// begin notes that a person logged in, and from then on looks whether their
// client still lives: one that went without a word would keep a visit open. A
// login that can't be noted is none.
func (l *login) begin(ctx context.Context, g *Gateway, conn *gossh.ServerConn, p person) error {
	l.once.Do(func() {
		l.err = g.note(store.Entry{
			At: time.Now(), Kind: store.LoginAccepted, Actor: p.Name, Address: p.address, Success: true,
			Data: p.proof(),
		})
		g.running.Go(func() {
			wire.KeepAlive(ctx, conn, clientAlive, func() { _ = conn.Close() })
		})
	})
	return l.err
}

// clientAlive is the request that OpenSSH's programs send each other for this.
// Other clients refuse it, which is an answer as well.
const clientAlive = "keepalive@openssh.com"

func alive(ssh.Context, *gossh.Request) (bool, []byte, func()) { return true, nil, nil }

// requestHandlers are those of a connection's global requests. What is not
// listed is refused, in its turn.
func (g *Gateway) requestHandlers() map[string]ssh.RequestHandler {
	listen, cancel := inTurn(true, g.onListen), inTurn(false, g.onCancel)
	return map[string]ssh.RequestHandler{
		clientAlive: inTurn(false, alive), "default": inTurn(false, refused),
		listenTCP: listen, listenUnix: listen, cancelTCP: cancel, cancelUnix: cancel,
	}
}

// onSession serves one session channel of a technician.
func (g *Gateway) onSession(_ *ssh.Server, conn *gossh.ServerConn, nc gossh.NewChannel, ctx ssh.Context) {
	if who, ok := agentlessOf(conn); ok {
		g.onAgentless(ctx, conn, who, nc)
		return
	}
	p, l, err := g.admitted(ctx, conn, "session")
	if err != nil {
		_ = nc.Reject(gossh.Prohibited, err.Error())
		return
	}
	defer g.running.Done()
	defer l.moved.publish()
	defer l.open.Add(-1)
	if l.open.Add(1) > maxSessions {
		_ = nc.Reject(gossh.ResourceShortage, fmt.Sprintf("this connection has %d sessions open already", maxSessions))
		return
	}
	l.begun.Store(true)
	l.moved.publish()
	g.serveSession(ctx, p, conn.User(), nc)
}

// admitted is who wants something by a channel or a request of a connection.
// Without an error the caller must call g.running.Done when that is over.
func (g *Gateway) admitted(ctx ssh.Context, conn *gossh.ServerConn, what string) (person, *login, error) {
	p, err := g.identify(conn, what)
	if err != nil {
		return p, nil, err
	}
	if !g.enterRunning() {
		return p, nil, errors.New("the gateway is being stopped")
	}
	l, ok := ctx.Value(loginKey{}).(*login)
	if !ok || l.begin(ctx, g, conn, p) != nil {
		g.running.Done()
		return p, nil, errors.New("the gateway can't write its records, so it opens nothing; its admin finds why in its log")
	}
	return p, l, nil
}

// identify is who finished the handshake, and may still be here. Channels open
// at any time of a connection, so it is asked again for each.
func (g *Gateway) identify(conn *gossh.ServerConn, what string) (person, error) {
	if conn.Permissions == nil {
		return person{}, errNoKey
	}
	if _, ok := agentlessOf(conn); ok {
		return person{}, errHoldsOnly
	}
	key, err := gossh.ParsePublicKey([]byte(conn.Permissions.Extensions[personExtension]))
	if err != nil {
		return person{}, errNoKey
	}
	p, err := g.law().identify(key, time.Now())
	if err != nil {
		return person{}, err
	}
	p.address, p.reached = conn.RemoteAddr().String(), conn.LocalAddr()
	p.client = wire.Clean(string(conn.ClientVersion()), wire.MaxName)
	if _, why := g.stands(g.law(), p); why != "" {
		g.denied(p, what, why)
		return person{}, errors.New(why)
	}
	return p, nil
}

// enterRunning counts something that must end before the gateway has.
func (g *Gateway) enterRunning() bool {
	g.visits.mu.Lock()
	defer g.visits.mu.Unlock()
	if g.ctx.Err() != nil {
		return false
	}
	g.running.Add(1)
	return true
}
