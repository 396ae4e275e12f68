package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"charm.land/ssh"
	gossh "golang.org/x/crypto/ssh"

	"accord/gateway/store"
	"accord/wire"
)

// Limits of holding a link.
const (
	forwardWait = 5 * time.Second  // for -R, which a client asks for before its session
	ownerWait   = 20 * time.Second // for the owner's file on standard input
	ownerMost   = 64 << 10         // bytes of it
)

// holding is what a connection may do once: ask for its forward, and open its
// session.
type holding struct {
	mu    sync.Mutex
	taken bool
	asked bool
	at    listened
	ready chan struct{} // closed when the forward was asked for
}

func newHolding() holding { return holding{ready: make(chan struct{})} }

func (h *holding) take() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	was := h.taken
	h.taken = true
	return !was
}

// onHoldForward takes the forward that holds a device's link. Nothing listens
// for it: it is a name under which the device's ssh takes connections, and only
// the device's stand-in opens any. The port is of no use, and one that was left
// to the gateway is called 22.
func (g *Gateway) onHoldForward(ctx ssh.Context, who without, at listened) (bool, []byte) {
	l, ok := ctx.Value(loginKey{}).(*login)
	if !ok || who.joins || at.Network != wire.NetworkTCP {
		return false, nil
	}
	h := &l.held
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.asked {
		return false, nil
	}
	free := at.Port == 0
	if free {
		at.Port = 22
	}
	h.asked, h.at = true, at
	close(h.ready)
	if free {
		return true, gossh.Marshal(struct{ Port uint32 }{at.Port})
	}
	return true, nil
}

// hold is a session that holds the link of a device without an agent.
type hold struct {
	gateway *Gateway
	session *session
	conn    *gossh.ServerConn
	link    *holding
	at      time.Time // when the connection was accepted
	device  store.Device
	home    atomic.Pointer[home] // once the stand-in has called
}

// holds says whether a call comes from where the device's calls come from: by
// its hold, where it has no agent, and not by one where it has.
func (h *hold) holds(d store.Device) bool {
	if h == nil {
		return !d.Without()
	}
	return h.device.Key == d.Key
}

// ping asks the device's own ssh for a sign of life. Without a hold there is
// nothing to ask.
func (h *hold) ping() error {
	if h == nil {
		return nil
	}
	_, _, err := h.conn.SendRequest(clientAlive, true, nil)
	return err
}

// run is the story of the session: what it needs, then the stand-in, as long as
// that lasts.
func (h *hold) run(ctx context.Context) int {
	s := h.session
	err := h.stand(ctx)
	if ctx.Err() != nil {
		return exitOK
	}
	if home := h.home.Load(); home != nil && err != nil {
		select {
		case <-home.gone:
			err = fmt.Errorf("the gateway has ended the link: %s. Start it again", home.why)
		case <-time.After(wire.Settle): // it was never among the live ones
		}
	}
	if err != nil {
		s.say(s.sentence(err))
		h.gateway.log.Info("a link was not held, or no more", "address", s.person.address, "device", h.device.Name, "error", err)
		return exitFailed
	}
	s.say(s.phrases().Say("GwHoldLeft", "Device", h.device.Name))
	return exitOK
}

// stand has the stand-in speak for the device.
func (h *hold) stand(ctx context.Context) (err error) {
	g, s := h.gateway, h.session
	if h.device, err = g.holdOf(ctx, s.person.key); err != nil {
		return err
	}
	if s.user != userHold || s.command != "" || s.subsystem != "" {
		g.denied(person{address: s.person.address}, "anything but holding its link by "+h.device.Name, errHoldsOnly.Error())
		return errHoldsOnly
	}
	in, err := h.standIn()
	if err != nil {
		return err
	}
	if s.pty != nil {
		in.Terminal = s.terminal()
	} else if in.Owner, err = s.piped(ctx, ownerMost, ownerWait); err != nil {
		return err
	} else if len(in.Owner) == 0 {
		return errors.New("nobody could be asked here, and no owner's file came: hold the link with a terminal (ssh -t), or send the file (ssh -T … hold@gateway < standing.toml)")
	}
	select {
	case <-h.link.ready:
	case <-time.After(forwardWait):
		return errors.New("without a forward to its sshd the device can't be reached: add -R 22:127.0.0.1:22")
	case <-ctx.Done():
		return errGone
	}
	return g.options.StandIn(ctx, in)
}

// standIn is all that does not depend on the session.
func (h *hold) standIn() (in StandIn, err error) {
	g, s, d := h.gateway, h.session, h.device
	in = StandIn{
		Device: d.Name, Organisation: wire.Clean(g.cfg.Organisation, wire.MaxName), Gateway: g.key.PublicKey(), Login: d.Login,
		Call: h.call, Dial: h.dial, Out: s.ch, Locale: s.phrases().Tag.String(), Log: g.log.With("device", d.Name),
	}
	key, _, _, _, err := gossh.ParseAuthorizedKey([]byte(d.PublicKey))
	if err != nil {
		return in, fmt.Errorf("the key of %s: %w", d.Name, err)
	}
	in.Folder = g.agentlessFolder(key)
	text, err := os.ReadFile(filepath.Join(in.Folder, loginFile))
	if err == nil {
		in.Key, err = gossh.ParsePrivateKey(text)
	}
	if err != nil {
		g.log.Error("a device without an agent", "device", d.Name, "error", err)
		return in, errors.New("the gateway's key for this device can't be read; its admin puts it back from a copy, or retires the device and enrols it anew")
	}
	in.Authorize = authorize(in.Key.PublicKey(), d.Name)
	if in.HostKey, _, _, _, err = gossh.ParseAuthorizedKey([]byte(d.HostKey)); err != nil {
		return in, fmt.Errorf("the host key of %s: %w", d.Name, err)
	}
	return in, nil
}

// piped is what came on standard input, whole.
func (s *session) piped(ctx context.Context, most int64, wait time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	raw := s.in.Raw()
	defer func() { _ = raw.Close() }()
	defer context.AfterFunc(ctx, func() { _ = raw.Close() })()
	text, err := io.ReadAll(io.LimitReader(raw, most+1))
	switch {
	case ctx.Err() != nil:
		return nil, errors.New("standard input did not end in time: give it a file (< FILE), or a terminal (ssh -t)")
	case err != nil:
		return nil, fmt.Errorf("read standard input: %w", err)
	case int64(len(text)) > most:
		return nil, fmt.Errorf("standard input is longer than %d bytes", most)
	}
	return text, nil
}

// dial connects to the device's sshd through the held forward.
func (h *hold) dial(ctx context.Context) (net.Conn, error) {
	h.link.mu.Lock()
	at := h.link.at
	h.link.mu.Unlock()
	ch, reqs, err := openOn(ctx, h.conn, forwardedTCP, gossh.Marshal(struct {
		Host   string
		Port   uint32
		From   string
		FromAt uint32
	}{at.Host, at.Port, "127.0.0.1", at.Port}), "the device's ssh")
	if err != nil {
		return nil, err
	}
	go gossh.DiscardRequests(reqs)
	return &throughHold{ch, h.conn}, nil
}

// call connects the stand-in with the gateway, by no network.
func (h *hold) call(context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	g := h.gateway
	if !g.enterRunning() {
		return nil, errors.New("the gateway is being stopped")
	}
	go func() {
		defer g.running.Done()
		g.serveAgent(g.ctx, &answeringEnd{Conn: loosened(ours), hold: h})
	}()
	return &calling{theirs, h}, nil
}
