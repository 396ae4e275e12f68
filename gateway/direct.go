package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"charm.land/ssh"
	gossh "golang.org/x/crypto/ssh"

	"accord/policy"
	"accord/wire"
)

// Channels that a technician's client opens besides sessions (RFC 4254, 7.2;
// OpenSSH, PROTOCOL 2.4).
const (
	directTCP  = "direct-tcpip"
	directUnix = "direct-streamlocal@openssh.com"
)

// onDirect serves one connection that a technician's client forwards: to the
// device's screen, or to a place that the device can reach.
func (g *Gateway) onDirect(_ *ssh.Server, conn *gossh.ServerConn, nc gossh.NewChannel, ctx ssh.Context) {
	p, l, err := g.admitted(ctx, conn, nc.ChannelType())
	if err != nil {
		_ = nc.Reject(gossh.Prohibited, err.Error())
		return
	}
	defer g.running.Done()
	defer l.byways.open.Add(-1)
	if l.byways.open.Add(1) > maxByways {
		_ = nc.Reject(gossh.ResourceShortage, fmt.Sprintf("this connection has %d channels open or waiting already", maxByways))
		return
	}
	c := &caller{gateway: g, person: p, user: conn.User(), tell: func(string) {}}
	if err := c.direct(ctx, l, nc); err != nil {
		_ = nc.Reject(gossh.Prohibited, rejection(c, err))
	}
}

// direct serves the channel, or says why it is not opened.
func (c *caller) direct(ctx context.Context, l *login, nc gossh.NewChannel) error {
	place, err := parseDirect(nc)
	if err != nil {
		return err
	}
	t, err := c.bound(ctx)
	if err != nil {
		return err
	}
	if w, screen := parseScreen(place.Host); screen && place.Network == wire.NetworkTCP {
		return c.directScreen(ctx, l, t, w, nc)
	}
	v, err := l.visit(ctx, c, inquiry{target: t, needs: wire.Forward, want: wantedBy(wire.Forward)})
	if err != nil {
		return err
	}
	defer v.release()
	return v.forward(ctx, place, forwarded{Network: place.Network, Host: place.Host, Port: place.Port}, func() (gossh.Channel, <-chan *gossh.Request, error) { return nc.Accept() })
}

// directScreen shows the device's screen to a viewer behind the channel.
func (c *caller) directScreen(ctx context.Context, l *login, t target, w screenWanted, nc gossh.NewChannel) error {
	want := wantedBy(wire.ScreenView)
	if !w.viewOnly && slices.Contains(c.obtainable(ctx, t), string(wire.ScreenControl)) {
		want = wantedBy(wire.ScreenView, string(wire.ScreenControl))
	}
	v, err := l.visit(ctx, c, inquiry{target: t, needs: wire.ScreenView, want: want})
	if err != nil {
		return err
	}
	defer v.release()
	ch, reqs, err := nc.Accept()
	if err != nil {
		return nil // the client is gone
	}
	defer func() { _ = ch.Close() }()
	go gossh.DiscardRequests(reqs)
	if err := v.showTo(ctx, ch, w); err != nil {
		c.gateway.log.Info("a viewer was shown no screen, or no more", "visit", v.req.Visit, "error", err)
	}
	return nil
}

// obtainable are the capabilities of the device that the person may ask for;
// none where it is away.
func (c *caller) obtainable(ctx context.Context, t target) []string {
	h, err := c.gateway.reach(ctx, t.device)
	if err != nil {
		return nil
	}
	return c.mayAsk(h, t)
}

// parseDirect reads where a channel goes.
func parseDirect(nc gossh.NewChannel) (wire.Place, error) {
	f := wire.Place{Network: wire.NetworkUnix}
	var err error
	if nc.ChannelType() == directUnix {
		var m struct {
			Path     string
			Reserved string
			Port     uint32
		}
		err = gossh.Unmarshal(nc.ExtraData(), &m)
		f.Host = m.Path
	} else {
		var m struct {
			Host   string
			Port   uint32
			From   string
			FromAt uint32
		}
		err = gossh.Unmarshal(nc.ExtraData(), &m)
		f.Network, f.Host, f.Port = wire.NetworkTCP, m.Host, m.Port
	}
	if err != nil {
		return f, errors.New("that names no place that can be connected to")
	}
	return f, f.Check()
}

// rejection is the sentence that a client prints where a channel is not opened:
// one line, with what to do.
func rejection(c *caller, err error) string {
	said := c.sentence(err)
	if d, ok := errors.AsType[*deniedByPolicy](err); ok && d.Verdict == policy.Incomplete {
		said = d.Why + ` A channel brings none. Open the visit first (ssh DEVICE@gateway), or leave out -N and add it: ssh -o 'SetEnv ACCORD_REASON="…" ACCORD_TICKET="…"' …`
	}
	return strings.Join(strings.Fields(said), " ")
}
