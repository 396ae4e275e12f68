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
				ctx.SetValue(connKey{}, conn)
				ctx.SetValue(loginKey{}, &login{})
				return wire.Buffered(conn)
			}
			s.ServerConfigCallback = g.serverConfig
			s.HandshakeTimeout = wire.Handshake
			s.ChannelHandlers = map[string]ssh.ChannelHandler{"session": g.onSession}
			s.RequestHandlers = map[string]ssh.RequestHandler{clientAlive: alive}
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
		server.HandleConn(conn)
	}, nil
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

// connKey and loginKey find a handshake's connection, and its login, in its
// context.
type (
	connKey  struct{}
	loginKey struct{}
)

// login is one connection that has proved a key: journaled once, however many
// sessions it opens.
type login struct {
	once sync.Once
	err  error
	open atomic.Int32 // sessions
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
			Data: map[string]string{"key": p.fingerprint},
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

func alive(ssh.Context, *ssh.Server, *gossh.Request) (bool, []byte) { return true, nil }

// serverConfig is the configuration of one handshake.
func (g *Gateway) serverConfig(ctx ssh.Context) *gossh.ServerConfig {
	return &gossh.ServerConfig{
		Config:                      wire.Algorithms(g.cfg.Compat),
		MaxAuthTries:                12, // a laptop's agent may hold many keys; sources that fail are penalised
		PublicKeyAuthAlgorithms:     wire.KeyAlgorithms(),
		PublicKeyCallback:           g.offered,
		KeyboardInteractiveCallback: g.stranger,
		AuthLogCallback: func(meta gossh.ConnMetadata, method string, err error) {
			conn, _ := ctx.Value(connKey{}).(net.Conn)
			g.authTried(conn, meta, method, err)
		},
	}
}

// offered says whether a key could log in. It says nothing about who is there:
// the client has proved nothing yet.
func (g *Gateway) offered(conn gossh.ConnMetadata, key gossh.PublicKey) (*gossh.Permissions, error) {
	if _, ok := g.law().people.Find(key); !ok {
		return nil, errors.New("this key is not known here")
	}
	return &gossh.Permissions{Extensions: map[string]string{personExtension: string(key.Marshal())}}, nil
}

// stranger is where clients come whose keys were all refused: it refuses too,
// with one clear sentence.
func (g *Gateway) stranger(gossh.ConnMetadata, gossh.KeyboardInteractiveChallenge) (*gossh.Permissions, error) {
	return nil, &gossh.BannerError{
		Err:     errors.New("no key of this client is known here"),
		Message: "Accord: none of your keys is known here. Send the line in your .pub file (ssh-keygen -t ed25519 makes one) to an admin of this gateway.\r\n",
	}
}

// onSession serves one session channel of a technician.
func (g *Gateway) onSession(_ *ssh.Server, conn *gossh.ServerConn, nc gossh.NewChannel, ctx ssh.Context) {
	p, ok := g.identify(conn)
	if !ok {
		_ = nc.Reject(gossh.Prohibited, "this connection proved no key that is known here")
		return
	}
	if !g.enterRunning() {
		_ = nc.Reject(gossh.ResourceShortage, "the gateway is being stopped")
		return
	}
	defer g.running.Done()
	l, ok := ctx.Value(loginKey{}).(*login)
	if !ok || l.begin(ctx, g, conn, p) != nil {
		_ = nc.Reject(gossh.ResourceShortage, "the gateway can't write its records, so it opens nothing; its admin finds why in its log")
		return
	}
	defer l.open.Add(-1)
	if l.open.Add(1) > maxSessions {
		_ = nc.Reject(gossh.ResourceShortage, fmt.Sprintf("this connection has %d sessions open already", maxSessions))
		return
	}
	g.serveSession(ctx, p, conn.User(), nc)
}

// identify is who finished the handshake.
func (g *Gateway) identify(conn *gossh.ServerConn) (person, bool) {
	if conn.Permissions == nil {
		return person{}, false
	}
	key, err := gossh.ParsePublicKey([]byte(conn.Permissions.Extensions[personExtension]))
	if err != nil {
		return person{}, false
	}
	found, ok := g.law().people.Find(key)
	if !ok {
		return person{}, false
	}
	return person{Person: found, key: key, fingerprint: gossh.FingerprintSHA256(key), address: conn.RemoteAddr().String(), reached: conn.LocalAddr()}, true
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

// authTried tells the guard how a login went and journals who was turned away.
// A client tries several keys; only its last resort is the end of it.
func (g *Gateway) authTried(conn net.Conn, meta gossh.ConnMetadata, method string, err error) {
	switch {
	case err == nil:
		proved(conn)
	case method == "keyboard-interactive":
		failed(conn)
		g.denied(person{address: meta.RemoteAddr().String()}, "login as "+wire.Clean(meta.User(), wire.MaxName), "no key of this client is known")
	}
}
