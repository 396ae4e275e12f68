package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"charm.land/ssh"
	gossh "golang.org/x/crypto/ssh"

	"accord/gateway/store"
	"accord/tui"
	"accord/wire"
)

// A device without an agent comes to the technicians' door with OpenSSH: once
// to join, then to hold its link by a reverse forward. A stand-in, which main
// hands in, speaks an agent's half of the protocol for it, so that a visit on
// the gateway is the same as any. What it is admitted to is decided by the key
// that its handshake was finished with; it can do nothing else here.

// SSH user names of such devices. They choose what is meant, not who it is.
const (
	userJoin = "join"
	userHold = "hold"
)

// holderExtension is where the handshake leaves the key of a device without an
// agent, joinerExtension that of one that wants to join.
const (
	holderExtension = "holder@accord"
	joinerExtension = "joiner@accord"
)

// StandIn is what a stand-in is given; see Options.
type StandIn struct {
	Folder       string // of its key and its receipts
	Device       string
	Organisation string
	Gateway      gossh.PublicKey // whom it serves
	// Call connects to the gateway, as an agent does; Dial to the device's sshd.
	Call, Dial func(context.Context) (net.Conn, error)
	Login      string // the account there
	Key        gossh.Signer
	HostKey    gossh.PublicKey // that the sshd must show
	Authorize  string          // the line for authorized_keys that lets Key in
	Terminal   *tui.Terminal   // of the device's user; nil for none
	Out        io.Writer       // without one: lines for whoever holds the link
	Locale     string
	Owner      []byte // the owner's file; nil for none
	Log        *slog.Logger
}

// without is who finished a handshake as a device without an agent.
type without struct {
	key   gossh.PublicKey
	joins bool // it is no device yet
}

var errHoldsOnly = errors.New("this key is that of a device without an agent: it holds the device's link (ssh … -R 22:127.0.0.1:22 hold@gateway), and can do nothing else here")

// agentless are the permissions of a key that is a device's, or may become one;
// nil for all others. Strangers get in to join only while somebody is awaited.
func (g *Gateway) agentless(user string, key gossh.PublicKey) *gossh.Permissions {
	if _, cert := key.(*gossh.Certificate); cert || g.options.StandIn == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(g.ctx, 5*time.Second)
	defer cancel()
	name := holderExtension
	if user == userJoin {
		name = joinerExtension
		if awaited, err := g.store.Joinable(ctx, time.Now()); err != nil || !awaited {
			return nil
		}
	} else if _, err := g.store.DeviceByHolder(ctx, gossh.FingerprintSHA256(key)); err != nil {
		return nil
	}
	return &gossh.Permissions{Extensions: map[string]string{name: string(key.Marshal())}}
}

// provenAgentless is [handshake.proven] for such a key.
func (h *handshake) provenAgentless(user string, key gossh.PublicKey) (*gossh.Permissions, error) {
	p := h.gateway.agentless(user, key)
	if p == nil {
		return nil, errUnknownKey
	}
	// Nothing else looks after such a connection before it has its session.
	time.AfterFunc(joinLimit, func() {
		if !h.holding.Load() {
			_ = h.conn.Close()
		}
	})
	return p, nil
}

// agentlessOf is the device without an agent at the other end of a connection,
// by the key of the finished handshake.
func agentlessOf(conn *gossh.ServerConn) (without, bool) {
	if conn.Permissions == nil || conn.Permissions.Extensions[personExtension] != "" {
		return without{}, false
	}
	for _, name := range []string{joinerExtension, holderExtension} {
		if key, err := gossh.ParsePublicKey([]byte(conn.Permissions.Extensions[name])); err == nil {
			return without{key, name == joinerExtension}, true
		}
	}
	return without{}, false
}

// onAgentless serves the one session of such a connection.
func (g *Gateway) onAgentless(ctx ssh.Context, conn *gossh.ServerConn, who without, nc gossh.NewChannel) {
	l, ok := ctx.Value(loginKey{}).(*login)
	a, came := ctx.Value(arrivalKey{}).(*arrival)
	if !ok || !came || !g.enterRunning() {
		_ = nc.Reject(gossh.Prohibited, "the gateway is being stopped")
		return
	}
	defer g.running.Done()
	if !l.held.take() {
		_ = nc.Reject(gossh.Prohibited, "this connection has its one session already")
		return
	}
	defer func() { _ = conn.Close() }() // there is nothing more for it here
	ch, reqs, err := nc.Accept()
	if err != nil {
		return
	}
	sctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	g.running.Go(func() {
		wire.KeepAlive(sctx, conn, clientAlive, func() { _ = conn.Close() })
	})
	s := &session{
		caller: caller{gateway: g, person: person{key: who.key, address: conn.RemoteAddr().String(), reached: conn.LocalAddr()}, user: conn.User()},
		cancel: cancel, ch: ch, window: tui.NewWindow(tui.Size{}), banner: tui.NewBanner(),
	}
	s.tell = s.say
	if who.joins {
		s.serve(reqs, func() int { return s.join(sctx, func() { failed(a.Conn) }) })
		return
	}
	a.handshake.holding.Store(true)
	h := &hold{gateway: g, session: s, conn: conn, link: &l.held, at: l.at}
	s.serve(reqs, func() int { return h.run(sctx) })
}

// authorize is the line that lets the gateway's key for a device in there: on a
// terminal and for commands, and only from the device itself, where the held
// forward comes out.
func authorize(key gossh.PublicKey, device string) string {
	return fmt.Sprintf(`restrict,pty,from="127.0.0.1,::1" %s accord:%s`, store.AuthorizedKey(key), device)
}

// holdOf is the device whose link a key holds.
func (g *Gateway) holdOf(ctx context.Context, key gossh.PublicKey) (store.Device, error) {
	d, err := g.store.DeviceByHolder(ctx, gossh.FingerprintSHA256(key))
	if errors.Is(err, store.ErrNotFound) {
		err = errors.New("this key holds no device's link any more: the device was retired; to come back it must join anew")
	}
	return d, err
}
