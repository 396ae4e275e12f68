package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/gateway/store"
	"accord/wire"
)

// home is the link of one device that called: the device serves SSH on the
// connection it dialled, the gateway is the client (RFC 8071).
type home struct {
	device  store.Device // as enrolled; identity is its key
	hello   wire.Hello
	key     gossh.PublicKey
	conn    gossh.Conn
	address string
	called  time.Time            // when the connection was accepted
	heard   atomic.Int64         // Unix milliseconds of the device's last ping
	roster  atomic.Int64         // version of the list of supervisors that it has pinned; 0: none
	told    atomic.Pointer[told] // its facts, as it told them last on this link; nil: it told none
	// seen and kept are of those the last that was looked at, and was stored; under
	// the lock [Gateway].keeping.
	seen, kept *told
	clocked    atomic.Bool   // it asked for the time
	gone       chan struct{} // closed when the link is over
	why        string        // set before gone is closed
	held       *hold         // of a device without an agent: what its link hangs on

	mu sync.Mutex // guards why
}

// serveAgent is the story of one connection on the agents' port.
func (g *Gateway) serveAgent(ctx context.Context, conn net.Conn) {
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	h, served, err := g.greet(ctx, conn)
	if errors.Is(err, errLooked) {
		proved(conn)
		g.log.Info("a device looked whether the gateway is there", "address", conn.RemoteAddr().String())
		return
	}
	if err != nil {
		failed(conn)
		g.log.Info("a device was not admitted", "address", conn.RemoteAddr().String(), "error", err)
		return
	}
	proved(conn)
	if h.hello.Token == "" {
		defer g.leave(h)
		if h.held == nil {
			g.running.Go(func() { g.offerRosters(ctx, h) })
			g.running.Go(func() { g.pursueUpdate(ctx, h) })
		}
	}
	g.publish()
	<-served
}

// leave marks a device away, with the reason. Its place is free only then, so
// that a link that takes it over is journaled after this one.
func (g *Gateway) leave(h *home) {
	h.hangUp("the connection was closed")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	g.keepFacts(ctx, []*home{h}, true)
	err := g.store.Away(ctx, h.device.Key, h.why, h.entry(time.Now()))
	if err != nil && !errors.Is(err, store.ErrNotFound) { // one that was retired is not away
		g.log.Error("a device's absence was not kept", "device", h.device.Name, "error", err)
	}
	g.homes.remove(h)
	close(h.gone)
	g.publish()
}

// errLooked is a call of an enrolled device that asked for the time and said no
// hello. That is nothing to be penalised for: a whole site may look at once.
var errLooked = errors.New("the device only looked")

// greet shakes hands, hears the hello and admits the device or says why not.
// It must be done within [wire.Handshake].
func (g *Gateway) greet(ctx context.Context, conn net.Conn) (*home, <-chan struct{}, error) {
	timer := time.AfterFunc(wire.Handshake, func() { _ = conn.Close() })
	defer timer.Stop()
	h := &home{address: conn.RemoteAddr().String(), called: accepted(conn), gone: make(chan struct{})}
	if a, ok := conn.(*answeringEnd); ok {
		h.held, h.called = a.hold, a.hold.at
	}
	var shown gossh.PublicKey
	below := &endingConn{Conn: wire.Buffered(conn)}
	c, chans, reqs, err := gossh.NewClientConn(below, h.address, &gossh.ClientConfig{
		Config:            wire.Algorithms(false),
		User:              wire.User,
		Auth:              []gossh.AuthMethod{gossh.PublicKeys(g.key)},
		HostKeyAlgorithms: wire.KeyAlgorithms(),
		ClientVersion:     "SSH-2.0-Accord",
		// Any key may prove itself; whether it is enrolled is decided when
		// the handshake is finished, by the key that it was finished with. A
		// later key exchange calls this again, and must show the same one.
		HostKeyCallback: func(_ string, _ net.Addr, key gossh.PublicKey) error {
			if shown == nil {
				shown = key
			}
			if !bytes.Equal(shown.Marshal(), key.Marshal()) {
				return errors.New("the device has changed its key")
			}
			return nil
		},
	})
	if err != nil {
		return nil, nil, fmt.Errorf("handshake: %w", err)
	}
	below.over(c)
	h.conn, h.key = c, shown
	served := h.serve(chans, reqs)
	if err := g.admit(ctx, h); err != nil {
		_ = c.Close()
		<-served
		if _, unknown := g.store.DeviceByKey(ctx, gossh.FingerprintSHA256(shown)); unknown == nil && h.hello.Agent == "" && h.clocked.Load() {
			return nil, nil, errLooked
		}
		return nil, nil, err
	}
	return h, served, nil
}

// serve answers what the device may ask of the gateway, which is to be heard.
func (h *home) serve(chans <-chan gossh.NewChannel, reqs <-chan *gossh.Request) <-chan struct{} {
	done := make(chan struct{})
	h.heard.Store(time.Now().UnixMilli())
	go func() {
		defer close(done)
		for chans != nil || reqs != nil {
			select {
			case nc, ok := <-chans:
				if !ok {
					chans = nil
					continue
				}
				_ = nc.Reject(gossh.Prohibited, "a device opens no channels")
			case r, ok := <-reqs:
				if !ok {
					reqs = nil
					continue
				}
				h.heard.Store(time.Now().UnixMilli())
				ok, reply := h.answer(r.Type, r.Payload, time.Now())
				if r.WantReply {
					_ = r.Reply(ok, reply)
				}
			}
		}
	}()
	return done
}

// admit hears the hello and answers it.
func (g *Gateway) admit(ctx context.Context, h *home) error {
	opening, cancel := context.WithTimeout(ctx, wire.Handshake)
	defer cancel()
	ch, reqs, err := h.open(opening, wire.ChannelHello, nil)
	if err != nil {
		return fmt.Errorf("hello: %w", err)
	}
	go gossh.DiscardRequests(reqs)
	defer func() { _ = ch.Close() }()
	c := wire.NewConn(ch)
	m, err := c.Read()
	if err != nil {
		return fmt.Errorf("hello: %w", err)
	}
	hello, ok := m.(*wire.Hello)
	if !ok {
		return fmt.Errorf("hello: %w", wire.ErrMessage)
	}
	h.hello = *hello
	h.roster.Store(int64(hello.Roster))
	denied := g.enter(ctx, h)
	if denied != nil {
		_ = c.Write(denied)
		_ = ch.CloseWrite()
		_, _ = c.Read() // until the device has read it and hung up
		return errors.New(denied.Sentence)
	}
	welcome := &wire.Welcome{Gateway: g.version, Organisation: g.cfg.Organisation, Device: h.device.Name}
	if h.hello.Token != "" {
		if welcome.Roster, err = g.firstRoster(ctx); err != nil {
			return fmt.Errorf("the list of supervisors: %w", err)
		}
	}
	err = c.Write(welcome)
	if err != nil && h.hello.Token == "" {
		g.leave(h) // it is among the live ones by now
	}
	return err
}

// enter decides whether the device may come in, and enters it.
func (g *Gateway) enter(ctx context.Context, h *home) *wire.Denied {
	var err error
	if h.hello.Token != "" {
		// It hangs up when it has joined, and calls again to be there.
		if h.device, err = g.enrol(ctx, h); err != nil {
			return g.refusal(err)
		}
		return nil
	}
	h.device, err = g.store.DeviceByKey(ctx, gossh.FingerprintSHA256(h.key))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return &wire.Denied{Final: true, Sentence: "This device is not enrolled here. Ask an admin for a token and run: accord join HOST:PORT TOKEN"}
	case err != nil:
		return g.refusal(err)
	case !h.held.holds(h.device):
		return &wire.Denied{Final: true, Sentence: "This device was enrolled without an agent, so none can call in its place. To run one there, retire the device and join anew."}
	}
	if h.held != nil {
		h.held.home.Store(h)
	}
	for {
		there := g.homes.put(h)
		if there == nil {
			break
		}
		if answered, _ := there.ping(ctx); answered {
			if h.overtaken(ctx, there) {
				return &wire.Denied{Sentence: "This call broke off, and the device has called again since."}
			}
			return g.quarantine(ctx, there, h)
		}
		there.hangUp("it called again; the old connection did not answer")
		select {
		case <-there.gone:
		case <-ctx.Done():
			return &wire.Denied{Sentence: "The gateway is being stopped."}
		}
	}
	if err := g.deviceOnline(ctx, h); err != nil {
		g.homes.remove(h)
		close(h.gone)
		return g.refusal(err)
	}
	return nil
}

// refusal is what a device is told when the gateway itself failed.
func (g *Gateway) refusal(err error) *wire.Denied {
	if as, ok := errors.AsType[*deniedError](err); ok {
		return &as.Denied
	}
	g.log.Error("a device could not be admitted", "error", err)
	return &wire.Denied{Sentence: "The gateway can't write its records; its admin finds why in its log."}
}

// deniedError is a refusal with its own sentence.
type deniedError struct{ wire.Denied }

func (e *deniedError) Error() string { return e.Sentence }

// open opens a channel on the device, or gives up when ctx ends.
func (h *home) open(ctx context.Context, kind string, data []byte) (gossh.Channel, <-chan *gossh.Request, error) {
	return openOn(ctx, h.conn, kind, data, "the device")
}

// openOn opens a channel at the other side of a connection, or gives up when ctx
// ends. A channel that is confirmed later is closed.
func openOn(ctx context.Context, conn gossh.Conn, kind string, data []byte, who string) (gossh.Channel, <-chan *gossh.Request, error) {
	type opened struct {
		ch   gossh.Channel
		reqs <-chan *gossh.Request
		err  error
	}
	done := make(chan opened, 1)
	go func() { // ends with the answer or with the connection
		ch, reqs, err := conn.OpenChannel(kind, data)
		done <- opened{ch, reqs, err}
	}()
	select {
	case o := <-done:
		return o.ch, o.reqs, o.err
	case <-ctx.Done():
	}
	go func() {
		if o := <-done; o.err == nil {
			go gossh.DiscardRequests(o.reqs)
			_ = o.ch.Close()
		}
	}()
	return nil, nil, errors.New(who + " did not answer")
}

// overtaken reports whether this call is an earlier one of the device that is
// there, which it gave up before its hello was heard. A device calls again
// only when its last call has broken off, so a call that came later, or one
// that still stands, is another device's.
func (h *home) overtaken(ctx context.Context, there *home) bool {
	if !h.called.Before(there.called) {
		return false
	}
	_, broken := h.ping(ctx)
	return broken
}

// ping asks the device for a sign of life. It has answered, its connection is
// broken, or nothing is known of it within five seconds.
func (h *home) ping(ctx context.Context) (answered, broken bool) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	done := make(chan error, 1)
	go func() { // ends with the answer or with the connection
		err := h.held.ping()
		if err == nil {
			_, _, err = h.conn.SendRequest(wire.RequestPing, true, nil)
		}
		done <- err
	}()
	select {
	case err := <-done:
		return err == nil, err != nil
	case <-h.gone:
		return false, true
	case <-ctx.Done():
		return false, false
	}
}

// hangUp closes the link and says why the device is away. Only the first
// reason counts.
func (h *home) hangUp(why string) {
	h.because(why)
	_ = h.conn.Close()
}

// because notes why the link is about to end.
func (h *home) because(why string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.why == "" {
		h.why = why
	}
}

// sweep hangs up links on which nothing was heard for too long: they are half
// open. One loop looks after all of them; the devices' pings come by themselves.
func (g *Gateway) sweep(ctx context.Context) {
	tick := time.NewTicker(wire.PingEvery / 3)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		homes := g.homes.all()
		g.keepFacts(ctx, homes, false)
		for _, h := range homes {
			quiet := time.Since(time.UnixMilli(h.heard.Load()))
			if quiet >= wire.PingMisses*wire.PingEvery {
				h.hangUp(fmt.Sprintf("nothing was heard for %d s", int(quiet.Seconds())))
			}
		}
	}
}
