package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	gossh "golang.org/x/crypto/ssh"

	"accord/gateway/store"
	"accord/wire"
)

// cmdKeyRotate has a device make itself another key.
func (s *session) cmdKeyRotate(ctx context.Context, c *call) error {
	if len(c.words) != 1 {
		return &usageError{"Name one device."}
	}
	if err := c.only(); err != nil {
		return err
	}
	g := s.gateway
	// One at a time: a device that is asked again throws away the key that it made
	// before, so the change before must have been made by then, or never will be.
	g.rekeying.Lock()
	defer g.rekeying.Unlock()
	h, err := g.reach(ctx, c.words[0])
	if err != nil {
		return err
	}
	if h.device.Without() {
		return fmt.Errorf("%s has no agent: make a new key there with ssh-keygen, retire the device, and enrol it anew", h.device.Name)
	}
	if err := g.unvisited(h.device); err != nil {
		return err
	}
	to, err := g.rekey(ctx, h, s.entry())
	if err != nil {
		return err
	}
	g.publish()
	s.print(fmt.Sprintf("%s has the key %s now. Its key until now, %s, is refused.\n", h.device.Name, gossh.FingerprintSHA256(to), h.device.Key))
	return nil
}

// unvisited refuses to alter a device that somebody visits, or asks to.
func (g *Gateway) unvisited(d store.Device) error {
	for _, v := range g.visits.all() {
		if v.home.device.Key == d.Key {
			return fmt.Errorf("%s visits %s, or asks to, in visit %s; try again when that is over", v.person.Name, d.Name, v.req.Visit)
		}
	}
	return nil
}

// rekey asks for a new key, takes it in place of the old one, tells the device
// and hangs up, so that it calls again with the new one. A device that isn't told
// finds out when its old key is refused.
func (g *Gateway) rekey(ctx context.Context, h *home, e store.Entry) (gossh.PublicKey, error) {
	asking, cancel := context.WithTimeout(ctx, wire.Handshake)
	defer cancel()
	ch, reqs, err := h.open(asking, wire.ChannelDevice, nil)
	if err != nil {
		return nil, fmt.Errorf("%s can't be asked for a new key: %w", h.device.Name, err)
	}
	go gossh.DiscardRequests(reqs)
	defer func() { _ = ch.Close() }()
	defer context.AfterFunc(asking, func() { _ = ch.Close() })()
	conn, nonce := wire.NewConn(ch), rand.Text()
	if err := conn.Write(&wire.NewKey{Nonce: nonce}); err != nil {
		return nil, fmt.Errorf("%s can't be asked for a new key: %w", h.device.Name, err)
	}
	m, err := conn.Read()
	answer, ok := m.(*wire.Rekeyed)
	switch {
	case err != nil || !ok:
		return nil, fmt.Errorf("%s made no new key, and keeps the one it has: its agent (%s) may be too old for that", h.device.Name, h.hello.Agent)
	case answer.Sentence != "":
		return nil, fmt.Errorf("%s makes no new key: %s", h.device.Name, answer.Sentence)
	}
	to, err := g.checkRekeyed(h, answer, nonce)
	if err != nil {
		return nil, fmt.Errorf("%s made a key that can't be taken, and keeps the one it has: %w", h.device.Name, err)
	}
	line := string(gossh.MarshalAuthorizedKey(to))
	if err := g.store.Rekey(ctx, h.device.Key, line, wire.Digest(string(answer.Statement)), e); err != nil {
		return nil, err
	}
	if conn.Write(&wire.KeyTaken{}) == nil {
		_, _ = conn.Read() // until it has read that, and hung up
	}
	h.hangUp("it has another key")
	return to, nil
}

// checkRekeyed verifies that the device of this very link and who holds the new
// key said so to this gateway, now.
func (g *Gateway) checkRekeyed(h *home, answer *wire.Rekeyed, nonce string) (gossh.PublicKey, error) {
	change, to, err := wire.OpenKeyChange(h.key, answer)
	if err != nil {
		return nil, err
	}
	if change.Nonce != nonce || change.Gateway != gossh.FingerprintSHA256(g.key.PublicKey()) || change.Device != h.device.Name {
		return nil, errors.New("it is not for what was asked")
	}
	return to, nil
}
