// Package gateway is the technician's side and the middle of every visit: it
// knows who logs in, asks the policy, carries requests to devices that called
// home, relays what was consented to and records all of it.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/gateway/guard"
	"accord/gateway/store"
	"accord/policy"
	"accord/recordings"
	"accord/wire"
	"accord/wire/ws"
)

// Options are what a gateway is made of.
type Options struct {
	Config Config
	Policy policy.Config
	People []policy.Person
	// Authorities sign certificates of people.
	Authorities []policy.Authority
	Charter     policy.CharterConfig
	Recordings  recordings.Config
	// Source is where all of this is read anew; Digest the SHA-256 of the file
	// that it was read from, in hex.
	Source  Source
	Digest  string
	Version string
	Log     *slog.Logger
	// StandIn speaks for a device without an agent until its link ends; nil: the
	// gateway takes no such devices.
	StandIn func(context.Context, StandIn) error
}

// Gateway is one gateway. It is made by [New] and serves once.
type Gateway struct {
	options Options // as at the start
	cfg     Config
	version string
	log     *slog.Logger
	key     gossh.Signer
	store   *store.Store
	library *recordings.Library

	inForce  atomic.Pointer[law]
	digest   string // of the configuration that inForce is of; owned by look
	homes    registry
	visits   visits
	sessions sessions
	claims   claims
	alerts   alerts
	hook     hook
	changes  changes
	locks    locks
	charters charters
	papers   papers
	keeping  sync.Mutex // of facts, see keepFacts
	vitals   vitals
	updates  updates

	ctx      context.Context //nolint:containedctx // its life is the gateway's
	stop     context.CancelCauseFunc
	rekeying sync.Mutex // one device takes another key at a time

	running sync.WaitGroup // everything that must have ended before the store is closed
}

// New opens the gateway's folder and recordings, closes what a crash left
// open, and refuses to start half-configured: without people nobody could ever
// log in. The caller must Serve or Close it.
func New(ctx context.Context, o Options) (_ *Gateway, err error) {
	law, err := newLaw(o)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Config.State, 0o700); err != nil {
		return nil, fmt.Errorf("make the gateway's folder: %w", err)
	}
	key, err := hostKey(filepath.Join(o.Config.State, "host_key"))
	if err != nil {
		return nil, err
	}
	g := &Gateway{
		options: o, digest: o.Digest, cfg: o.Config.Named(), version: o.Version, log: o.Log, key: key,
		homes: registry{homes: make(map[string]*home)}, visits: visits{live: make(map[string]*visit)},
		sessions: sessions{open: make(map[*session]struct{})}, changes: changes{changed: make(chan struct{})},
		updates: newUpdates(),
	}
	g.inForce.Store(law)
	g.ctx, g.stop = context.WithCancelCause(context.Background())
	if err := g.openPapers(); err != nil {
		return nil, err
	}
	g.library, err = recordings.Open(o.Recordings, func(statement []byte) ([]byte, error) {
		return wire.Sign(key, wire.NamespaceSeal, statement)
	})
	if err != nil {
		return nil, err
	}
	g.store, err = store.Open(ctx, store.Options{Dir: o.Config.State, Origin: origin(key.PublicKey())})
	if err != nil {
		return nil, errors.Join(err, g.library.Close())
	}
	if err := errors.Join(g.locks.load(ctx, g.store), g.prepareHook(), g.recover(ctx), g.syncRoster(ctx)); err != nil {
		return nil, errors.Join(err, g.library.Close(), g.store.Close())
	}
	g.overridesChanged(false)
	return g, nil
}

// origin names the audit log of the gateway with a key.
func origin(key gossh.PublicKey) string { return "accord/" + wire.Digest(string(key.Marshal())) }

// hostKey loads the gateway's key or makes it the first time. One that is
// there but can't be read is an error: devices have pinned it.
func hostKey(path string) (gossh.Signer, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = newHostKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("the gateway's key: %w", err)
	}
	return parseHostKey(path, text)
}

func parseHostKey(path string, text []byte) (gossh.Signer, error) {
	key, err := gossh.ParsePrivateKey(text)
	if err != nil {
		return nil, fmt.Errorf("the gateway's key in %s can't be read (%w): put it back from a copy; every device has pinned it", path, err)
	}
	return key, nil
}

// readHostKey loads a gateway's key that must be there.
func readHostKey(path string) (gossh.Signer, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the gateway's key: %w", err)
	}
	return parseHostKey(path, text)
}

func newHostKey(path string) ([]byte, error) {
	text, err := wire.NewPrivateKey("accord gateway")
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	// The public half beside it is for known_hosts and for `accord verify`.
	key, err := gossh.ParsePrivateKey(text)
	if err != nil {
		return nil, err
	}
	return text, os.WriteFile(path+".pub", gossh.MarshalAuthorizedKey(key.PublicKey()), 0o644)
}

// recover closes what was open when the gateway last stopped without being
// able to say so.
func (g *Gateway) recover(ctx context.Context) error {
	recovered, err := g.library.Recover(ctx)
	if err != nil {
		return fmt.Errorf("close the recordings that were interrupted: %w", err)
	}
	seals := make(map[string]store.Seal)
	for _, r := range recovered {
		if r.Err != nil {
			g.log.Error("an interrupted recording could not be closed", "visit", r.ID, "error", r.Err)
			continue
		}
		g.log.Warn("a recording was interrupted", "visit", r.ID)
		h := head(r.Head)
		seals[r.ID] = store.Seal{Seq: int64(h.Seq), Head: h.Hash}
	}
	return g.started(ctx, seals)
}

// Key is the gateway's public key, which technicians' known_hosts and devices
// pin.
func (g *Gateway) Key() gossh.PublicKey { return g.key.PublicKey() }

// Ports are where a gateway listens.
type Ports struct {
	Technicians, Agents net.Listener
	WebSocket           net.Listener // for both; nil where none is configured
}

// Serve takes technicians on one listener and agents on the other until ctx
// ends. Then visits are ended and sealed, and nothing is left when it returns.
// All listeners are closed.
func (g *Gateway) Serve(ctx context.Context, ports Ports) error {
	door, err := g.frontDoor()
	if err != nil {
		return err
	}
	front := guard.New(wire.Accepting(ports.Technicians, g.cannotAccept("technicians")), g.cfg.Limits.technicians(), g.refused("technicians"))
	back := guard.New(wire.Accepting(ports.Agents, g.cannotAccept("agents")), g.cfg.Limits.agents(), g.refused("agents"))
	g.vitals.begin(front, back)
	stopped := context.AfterFunc(ctx, func() { g.stop(ending{byGateway, "The gateway is being stopped."}) })
	defer stopped()
	called := func(c net.Conn) { g.serveAgent(g.ctx, c) }
	failed := make(chan error, 3)
	var loops sync.WaitGroup
	loops.Go(func() { failed <- accept(front, door) })
	loops.Go(func() { failed <- accept(back, called) })
	if ports.WebSocket != nil {
		loops.Go(func() {
			failed <- g.serveWebSockets(ports.WebSocket, map[string]webPath{ws.PathTechnicians: {front, door}, ws.PathAgents: {back, called}})
		})
	}
	loops.Go(func() { g.sweep(g.ctx) })
	loops.Go(func() { g.notify(g.ctx) })
	loops.Go(func() { g.watchStanding(g.ctx) })
	loops.Go(g.look)
	select {
	case <-g.ctx.Done():
		err = nil
	case err = <-failed:
		g.stop(ending{byGateway, "The gateway can't take connections any more."})
	}
	_ = front.Close()
	_ = back.Close()
	loops.Wait()
	return errors.Join(err, g.Close())
}

// refused logs connections that were closed at once, for one port.
func (g *Gateway) refused(port string) func(guard.Refusal) {
	return func(r guard.Refusal) {
		g.log.Warn("a connection was refused", "port", port, "source", r.Source.String(), "why", r.Why, "skipped", r.Skipped)
	}
}

// cannotAccept logs that no connection could be taken, for one port.
func (g *Gateway) cannotAccept(port string) func(error) {
	return func(err error) { g.log.Error("no connection can be taken now", "port", port, "error", err) }
}

// accepted is when a connection came, zero where no guard let it through.
func accepted(conn net.Conn) time.Time {
	if c, ok := conn.(*guard.Conn); ok {
		return c.Accepted()
	}
	return time.Time{}
}

// accept serves each connection in a goroutine and waits for all of them.
func accept(l net.Listener, serve func(net.Conn)) error {
	var conns sync.WaitGroup
	defer conns.Wait()
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("take connections: %w", err)
		}
		conns.Go(func() { serve(c) })
	}
}

// Close ends everything and closes the state. Serve calls it; only a gateway
// that never served needs it called.
func (g *Gateway) Close() error {
	g.stop(ending{byGateway, "The gateway is being stopped."})
	g.running.Wait()
	return errors.Join(g.stopping(), g.library.Close(), g.store.Close())
}

// changes lets screens wait for the next change of devices or visits.
type changes struct {
	mu      sync.Mutex
	changed chan struct{}
}

// publish wakes the screens.
func (g *Gateway) publish() { g.changes.publish() }

// publish wakes who waits for the next change.
func (c *changes) publish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.changed)
	c.changed = make(chan struct{})
}

// next is closed at the next change.
func (c *changes) next() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}
