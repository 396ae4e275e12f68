package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/gliderlabs/ssh"
	gossh "golang.org/x/crypto/ssh"

	"accord/wire"
)

// link is one connection to the gateway: the agent dialled it and serves SSH
// on it (RFC 8071). Everything that came over it ends with it.
type link struct {
	agent *Agent
	key   gossh.Signer // the device's, that it is proved with
	hello wire.Hello
	admit func(gossh.PublicKey) bool

	mu        sync.Mutex
	visits    map[string]*visit // open ones
	waiting   int               // visit channels, asking and open
	leaving   bool              // the agent is about to be replaced
	channels  int               // being served, see maxChannels
	questions int               // about the device, being answered
	welcomed  *wire.Welcome
	denied    *wire.Denied
	answered  chan struct{} // closed when welcomed or denied is set
	running   sync.WaitGroup
}

// deniedError is what the gateway said when it did not admit the device.
type deniedError struct{ wire.Denied }

func (e *deniedError) Error() string { return "the gateway does not admit this device: " + e.Sentence }

// errHandshake reports a gateway that did not prove itself or did not go on.
var errHandshake = errors.New("the gateway did not finish the handshake")

// serve speaks on conn until it ends or ctx is cancelled. welcomed is called
// once, when the gateway has admitted the device. Serve closes conn, and when
// it returns nothing of the link is left.
func (l *link) serve(ctx context.Context, conn net.Conn, welcomed func(*wire.Welcome)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l.visits, l.answered = make(map[string]*visit), make(chan struct{})
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	watch := make(chan struct{})
	go func() {
		defer close(watch)
		l.watch(ctx, cancel, welcomed)
	}()
	l.server(ctx, cancel).HandleConn(wire.Buffered(conn))
	cancel(ending{byLink, "The connection to the gateway was lost."})
	<-watch
	l.running.Wait()
	return l.outcome(ctx)
}

func (l *link) outcome(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.denied != nil:
		return &deniedError{*l.denied}
	case l.welcomed == nil:
		return errHandshake
	}
	return context.Cause(ctx)
}

// offerEvery is how often a device looks whether it still offers what its hello
// said: a screen comes when its user logs in.
const offerEvery = 5 * time.Second

// errOffer is why a device hangs up to say hello anew.
var errOffer = errors.New("what this device offers has changed")

// offers ends an idle link whose hello isn't true any more.
func (l *link) offers(ctx context.Context, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(offerEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if slices.Equal(l.agent.capabilities(), l.hello.Capabilities) {
			continue
		}
		l.mu.Lock()
		idle := l.waiting == 0
		l.mu.Unlock()
		if idle {
			cancel(errOffer)
		}
	}
}

// watch closes a link that does not get through its handshake in time.
func (l *link) watch(ctx context.Context, cancel context.CancelCauseFunc, welcomed func(*wire.Welcome)) {
	timer := time.NewTimer(wire.Handshake)
	defer timer.Stop()
	select {
	case <-l.answered:
		if l.welcomed != nil {
			welcomed(l.welcomed)
			l.offers(ctx, cancel)
		}
	case <-timer.C:
		cancel(errHandshake)
	case <-ctx.Done():
	}
}

// server is the SSH server of this one connection. Its zero values would let
// anybody in (no key handler: no authentication), so all of it is set here.
func (l *link) server(ctx context.Context, cancel context.CancelCauseFunc) *ssh.Server {
	return &ssh.Server{
		Version:     "Accord",
		HostSigners: []ssh.Signer{l.key},
		PublicKeyHandler: func(_ ssh.Context, key ssh.PublicKey) bool {
			return l.admit(key)
		},
		ServerConfigCallback: func(ssh.Context) *gossh.ServerConfig {
			return &gossh.ServerConfig{
				Config:                  wire.Algorithms(false),
				MaxAuthTries:            2,
				PublicKeyAuthAlgorithms: wire.KeyAlgorithms(),
			}
		},
		ChannelHandlers: map[string]ssh.ChannelHandler{
			wire.ChannelHello:   l.handle(ctx, cancel, l.onHello(cancel)),
			wire.ChannelVisit:   l.handle(ctx, cancel, l.onVisit),
			wire.ChannelSession: l.handle(ctx, cancel, l.onSession),
			wire.ChannelScreen:  l.handle(ctx, cancel, l.onScreen),
			wire.ChannelForward: l.handle(ctx, cancel, l.onForward),
			wire.ChannelListen:  l.handle(ctx, cancel, l.onListen),
			wire.ChannelReplay:  l.handle(ctx, cancel, l.onReplay),
			wire.ChannelDevice:  l.handle(ctx, cancel, l.onDevice(cancel)),
			wire.ChannelUpdate:  l.handle(ctx, cancel, l.onUpdate),
		},
		RequestHandlers: map[string]ssh.RequestHandler{
			wire.RequestPing: func(ssh.Context, *ssh.Server, *gossh.Request) (bool, []byte) { return true, nil },
		},
	}
}

// maxChannels bounds the channels of one link that are being served, refused
// ones included: twice what a gateway can have open. One that opens more
// without reading the refusals would fill the device's memory.
const maxChannels = 2 * (1 + wire.MaxVisits + wire.MaxVisits*(wire.MaxSessions+wire.MaxForwards+wire.MaxListens))

// handle counts a channel's goroutine as the link's.
func (l *link) handle(ctx context.Context, cancel context.CancelCauseFunc, serve func(context.Context, *gossh.ServerConn, gossh.NewChannel)) ssh.ChannelHandler {
	return func(_ *ssh.Server, conn *gossh.ServerConn, ch gossh.NewChannel, _ ssh.Context) {
		switch n := l.enter(ctx); {
		case n == 0:
			return
		case n > maxChannels:
			cancel(ending{byLink, "The gateway opened channels without end."})
		default:
			serve(ctx, conn, ch)
		}
		l.leave()
	}
}

// enter counts a channel in and says how many there are; 0 when the link is
// over.
func (l *link) enter(ctx context.Context) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ctx.Err() != nil {
		return 0
	}
	l.running.Add(1)
	l.channels++
	return l.channels
}

func (l *link) leave() {
	l.mu.Lock()
	l.channels--
	l.mu.Unlock()
	l.running.Done()
}

// onHello introduces the device and takes the gateway's verdict, once.
func (l *link) onHello(cancel context.CancelCauseFunc) func(context.Context, *gossh.ServerConn, gossh.NewChannel) {
	var once sync.Once
	return func(ctx context.Context, conn *gossh.ServerConn, nc gossh.NewChannel) {
		first := false
		once.Do(func() { first = true })
		if !first {
			_ = nc.Reject(gossh.Prohibited, "the hello has been said")
			return
		}
		ch, reqs, err := nc.Accept()
		if err != nil {
			return
		}
		go gossh.DiscardRequests(reqs)
		defer func() { _ = ch.Close() }()
		verdict, err := l.introduce(wire.NewConn(ch))
		if err != nil {
			cancel(err)
			return
		}
		l.mu.Lock()
		switch m := verdict.(type) {
		case *wire.Welcome:
			l.welcomed = m
		case *wire.Denied:
			l.denied = m
		}
		denied := l.denied
		l.mu.Unlock()
		close(l.answered)
		if denied != nil {
			cancel(&deniedError{*denied})
			return
		}
		told := make(chan struct{})
		go func() {
			defer close(told)
			if l.hello.Token == "" {
				l.agent.tellFacts(ctx, conn)
			}
		}()
		wire.KeepAlive(ctx, conn, wire.RequestPing, func() {
			cancel(ending{byLink, "The gateway has not answered for a while."})
		})
		<-told
	}
}

func (l *link) introduce(c *wire.Conn) (wire.Message, error) {
	if err := c.Write(&l.hello); err != nil {
		return nil, err
	}
	m, err := c.Read()
	if err != nil {
		return nil, fmt.Errorf("the gateway's answer to the hello: %w", err)
	}
	switch m.(type) {
	case *wire.Welcome, *wire.Denied:
		return m, nil
	}
	return nil, fmt.Errorf("%w: out of order", wire.ErrMessage)
}

// admitWait is how long what the gateway opens waits for its verdict on the
// hello. It comes before, but each is read by a goroutine of its own.
const admitWait = 2 * time.Second

// admitted reports whether the gateway has admitted the device.
func (l *link) admitted(ctx context.Context) bool {
	timer := time.NewTimer(admitWait)
	defer timer.Stop()
	select {
	case <-l.answered:
	case <-timer.C:
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.welcomed != nil
}

// onVisit takes a request, if the link is admitted and not crowded.
func (l *link) onVisit(ctx context.Context, _ *gossh.ServerConn, nc gossh.NewChannel) {
	admitted := l.admitted(ctx)
	l.mu.Lock()
	leaving := l.leaving
	allowed := admitted && !leaving && l.waiting < wire.MaxVisits
	if allowed {
		l.waiting++
	}
	l.mu.Unlock()
	if leaving {
		_ = nc.Reject(gossh.ResourceShortage, "the agent is being replaced by another version; ask again in a moment")
		return
	}
	if !allowed {
		_ = nc.Reject(gossh.ResourceShortage, "too many requests wait on this device")
		return
	}
	defer func() {
		l.mu.Lock()
		l.waiting--
		l.mu.Unlock()
	}()
	ch, reqs, err := nc.Accept()
	if err != nil {
		return
	}
	go gossh.DiscardRequests(reqs)
	l.serveVisit(ctx, ch)
}

// named is the open visit that a channel's open message names.
func (l *link) named(nc gossh.NewChannel) (*visit, error) {
	id, err := wire.ParseSession(nc.ExtraData())
	if err != nil {
		return nil, err
	}
	return l.visit(id)
}

// visit is the open visit with this id.
func (l *link) visit(id string) (*visit, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if v := l.visits[id]; v != nil {
		return v, nil
	}
	return nil, fmt.Errorf("visit %s is not open on this device", id)
}

// onSession opens a shell, or runs a command or a declared action, in a visit
// that grants it.
func (l *link) onSession(_ context.Context, _ *gossh.ServerConn, nc gossh.NewChannel) {
	v, err := l.named(nc)
	var login string
	if err == nil {
		login, err = l.agent.mayRun(v.id()) // what, is decided when it is said
	}
	if err == nil {
		err = v.hold.refuses()
	}
	if err != nil {
		_ = nc.Reject(gossh.Prohibited, err.Error())
		return
	}
	if !v.enter() {
		_ = nc.Reject(gossh.ResourceShortage, fmt.Sprintf("the visit has ended, or has %d sessions open already", wire.MaxSessions))
		return
	}
	ch, reqs, err := nc.Accept()
	if err != nil {
		v.exit()
		return
	}
	v.serveSession(ch, reqs, login)
}

func (l *link) register(v *visit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.visits[v.id()] = v
}

func (l *link) remove(v *visit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.visits, v.id())
}

// device is the name the gateway gave this device, and its organisation.
func (l *link) device() wire.Welcome {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.welcomed == nil {
		return wire.Welcome{}
	}
	return *l.welcomed
}
