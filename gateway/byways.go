package gateway

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"accord/wire"
)

// maxByways bounds the channels besides sessions that one connection has open
// or waits for.
const maxByways = 64

// sessionFirst is how long what comes without a session waits for one at the
// start of a connection: OpenSSH asks for its forwards before its session, which
// brings the reason.
const sessionFirst = time.Second

// byways are the channels of one connection that are no sessions, and what they
// share: the visit that they are part of, which is asked for once.
type byways struct {
	open atomic.Int32
	turn chan struct{} // holds one token while a visit is looked for

	mu   sync.Mutex
	held map[*visit]struct{} // until the connection ends
	// What the device listens on, by what the client calls it.
	listens map[listened]context.CancelFunc
	over    error // why this connection asks for no visit any more
}

func newByways() byways {
	return byways{turn: make(chan struct{}, 1), held: make(map[*visit]struct{})}
}

// visit brings the visit that a channel without a session is part of, open and
// with what it needs. The caller must release it. A connection asks for one
// visit by itself, once: a browser behind a forward opens connections without
// end, and nobody must be asked for each.
func (l *login) visit(ctx context.Context, c *caller, q inquiry) (*visit, error) {
	b := &l.byways
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return nil, errGone
	}
	q.wait, q.more = func(v *visit) error { return v.judgement(ctx) }, waitFurtherSilently(ctx)
	if err := l.awaitSession(ctx, c, q); err != nil {
		return nil, err
	}
	q.barred = b.spent()
	v, err := c.obtain(ctx, q)
	if q.barred != nil && errors.Is(err, q.barred) {
		return nil, err
	}
	if err != nil {
		b.mu.Lock()
		b.over = err
		b.mu.Unlock()
		return nil, err
	}
	b.keep(ctx, v)
	return v, nil
}

// awaitSession waits as long as a session of the same connection may bring the
// visit.
func (l *login) awaitSession(ctx context.Context, c *caller, q inquiry) error {
	first := time.NewTimer(time.Until(l.at.Add(sessionFirst)))
	defer first.Stop()
	early := first.C
	for {
		moved, changed := l.moved.next(), c.gateway.changes.next()
		waits := l.open.Load() > 0 || !l.begun.Load() && early != nil
		if !waits || c.gateway.visits.has(c.person, q.target) {
			return nil
		}
		select {
		case <-moved:
		case <-changed:
		case <-early:
			early = nil
		case <-ctx.Done():
			return errGone
		}
	}
}

// keep holds a visit until the connection ends: what goes through a forward
// comes and goes, and the consent is for all of it.
func (b *byways) keep(ctx context.Context, v *visit) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, there := b.held[v]; there || !v.hold() {
		return
	}
	b.held[v] = struct{}{}
	context.AfterFunc(ctx, v.release)
}

// spent says why a connection asks for no visit: the one that it had is over,
// or it was told no.
func (b *byways) spent() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for v := range b.held {
		return fmt.Errorf("the visit to %s is over (%s); connect again to ask for another", v.home.device.Name, v.why().cause)
	}
	if b.over != nil {
		return fmt.Errorf("this connection was told no before (%w); connect again to ask once more", b.over)
	}
	return nil
}

// has reports whether there is a visit of a person's that a channel can join,
// open or asked for.
func (vs *visits) has(p person, t target) bool {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	for _, v := range vs.live {
		if v.fits(p, t.device, t.login) && v.ctx.Err() == nil {
			return true
		}
	}
	return false
}

// fits reports whether the visit is that person's on a device, by the key that
// they came with, and as the account that is wanted, if any is.
func (v *visit) fits(p person, device, login string) bool {
	return v.person.Name == p.Name && v.person.fingerprint == p.fingerprint && v.home.device.Name == device && (login == "" || login == v.login())
}

// login is the account that the visit is asked for, or has.
func (v *visit) login() string {
	select {
	case <-v.decided:
		if v.consent != nil {
			return v.consent.Login
		}
	default:
	}
	return v.want.Login
}

// errNoDevice refuses a channel that names no device.
var errNoDevice = errors.New("name the device that this goes through: ssh … DEVICE@gateway")

// bound says where a connection without a session goes.
func (c *caller) bound(ctx context.Context) (target, error) {
	t, unknown, err := c.where(ctx)
	switch {
	case err != nil:
		return t, errors.New(c.sentence(err))
	case unknown != "":
		return t, c.gateway.missing(ctx, unknown)
	case t.device == "":
		return t, errNoDevice
	}
	return t, nil
}

// wantedBy is the request of a channel: what it needs, and what else it can use
// as far as the person may ask for that.
func wantedBy(needs wire.Capability, more ...string) *asked {
	return &asked{capabilities: append([]string{string(needs)}, more...)}
}
