package agent

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"accord/agent/proc"
	"accord/tui"
	"accord/wire"
)

// Who ends a visit, besides persons by name.
const (
	byUser    = "user"
	byTime    = "time"
	byLink    = "link"
	byGateway = "gateway"
	byAgent   = "agent"
)

// visit is one request on the device and what comes of it. It lives as long
// as its visit channel.
type visit struct {
	agent *Agent
	conn  *wire.Conn
	req   *wire.Request
	end   context.CancelCauseFunc // ends the visit; the cause is an ending
	inbox <-chan wire.Message     // closed when the channel is

	consent wire.Consent // once decided
	opened  time.Time
	head    wire.Head

	mu          sync.Mutex
	procs       map[program]running
	screens     []*screening // channels that show the screen
	screensEver atomic.Int32 // shown so far
	// Connections that are forwarded, and what this device took for the
	// technician. showing: the user's screens are told soon.
	forwarded []*forwarding
	callers   callers
	sockets   map[*proc.Process]struct{} // that this device made for it
	showing   bool
	shells    int
	used      []wire.Capability // that processes were started by
	served    int               // session channels that are open now
	closed    bool              // nothing is started any more
	over      chan struct{}     // closed when everything of the visit is dead

	taken    []wire.Capability // that the user took back
	added    []wire.Capability // that the user granted besides, once the visit was open
	asking   *moreAsked        // a question about more; nil for none
	watchers []tui.Watcher     // who else is in the visit

	group    *proc.Group // all its processes
	admitted bool        // PAM was asked about the account, and let it in

	hold   *hold
	mirror mirror
	moving transfers
	words  chan wire.Message // for the gateway, in order
	login  farLogin          // of a device without an agent
}

// serveVisit is the story of one visit on the device. When it returns,
// everything of the visit is dead.
func (l *link) serveVisit(ctx context.Context, ch ssh.Channel) {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	v := &visit{
		agent: l.agent, conn: wire.NewConn(ch), end: end, procs: make(map[program]running), over: make(chan struct{}),
		hold: newHold(), words: make(chan wire.Message, unheard),
	}
	read := v.receive(ctx)
	defer func() {
		_ = ch.Close()
		<-read
	}()
	if err := v.run(ctx, l); err != nil {
		v.agent.log.Warn("visit", "visit", v.id(), "error", err)
	}
}

// log tells the story of the visit in the agent's log. The gateway's log has the
// same under the same id.
func (v *visit) log(what string, details ...any) {
	v.agent.log.Info(what, append([]any{"visit", v.id()}, details...)...)
}

func (v *visit) id() string {
	if v.req == nil {
		return ""
	}
	return v.req.Visit
}

// receive reads messages until the channel ends; the end of the channel is the
// end of the visit.
func (v *visit) receive(ctx context.Context) (done <-chan struct{}) {
	inbox, finished := make(chan wire.Message), make(chan struct{})
	v.inbox = inbox
	go func() {
		defer close(finished)
		defer close(inbox)
		for {
			m, err := v.conn.Read()
			if err != nil {
				linkFirst(ctx)
				v.end(linkEnding(err))
				return
			}
			select {
			case inbox <- m:
			case <-ctx.Done():
				// The visit is over: only the gateway's last word counts, and
				// run waits for it on inbox as long as that is allowed.
				select {
				case inbox <- m:
				case <-time.After(wire.Settle):
					return
				}
			}
		}
	}()
	return finished
}

func (v *visit) run(ctx context.Context, l *link) error {
	req, err := v.await(ctx, 10*time.Second)
	if err != nil {
		return err
	}
	v.req = req.(*wire.Request) //nolint:forcetypeassert // await checked it
	defer v.agent.finish(v.id())
	v.log("a visit is asked for", "technician", v.req.Technician.Name, "capabilities", v.req.Capabilities)
	approved, err := v.decide(ctx, l)
	if err == nil {
		v.log("it is answered", "choice", v.consent.Choice, "surface", v.consent.Surface)
	}
	switch {
	case !approved:
		return errors.Join(err, v.linger(ctx))
	case err != nil:
		return v.abandon(ctx, err)
	}
	open, err := v.await(ctx, 30*time.Second)
	if err != nil {
		return v.abandon(ctx, fmt.Errorf("the visit was approved but not begun: %w", err))
	}
	v.opened = time.Now()
	v.head = open.(*wire.Open).Head //nolint:forcetypeassert // await checked it
	if err := v.begin(); err != nil {
		return v.abandon(ctx, err)
	}
	v.log("the visit is open", "login", v.consent.Login, "until", v.consent.Until)
	told := v.agent.desk.began(v) // the user can stop it before anything opens
	l.register(v)
	v.ready()
	v.attend(ctx)
	l.remove(v)
	why := v.why(ctx)
	v.tell(&wire.End{By: why.by, Cause: why.cause}) // after what the user changed last; nothing waits for it
	v.closeAll()
	v.settled()
	told()
	return v.conclude(ctx, nil)
}

// await reads the one message that may come now: the request first, then,
// after an approval, the word that the recording runs.
func (v *visit) await(ctx context.Context, limit time.Duration) (wire.Message, error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case m, ok := <-v.inbox:
		if !ok {
			return nil, context.Cause(ctx)
		}
		_, first := m.(*wire.Request)
		_, begins := m.(*wire.Open)
		if v.req == nil && first || v.req != nil && begins {
			return m, nil
		}
		return nil, fmt.Errorf("%w: out of order", wire.ErrMessage)
	case <-timer.C:
		return nil, errors.New("the gateway did not go on in time")
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// decide asks the user, keeps the receipt and tells the gateway.
func (v *visit) decide(ctx context.Context, l *link) (approved bool, err error) {
	teller := newTeller(v.conn)
	consent, withdrawn := v.agent.ask(ctx, v, l, teller.tell)
	teller.stop()
	text, signature, err := v.agent.ledger.consent(consent)
	if err != nil {
		// No receipt, no visit.
		v.agent.finish(v.id())
		return false, errors.Join(withdrawn, err)
	}
	if withdrawn != nil {
		return false, withdrawn
	}
	v.consent = *consent
	<-teller.silent
	err = v.conn.Write(&wire.Answer{Statement: text, Signature: signature})
	return consent.Opens(), err
}

// linger lets the gateway close the channel first, so that the answer is
// surely read.
func (v *visit) linger(ctx context.Context) error {
	timer := time.NewTimer(wire.Settle)
	defer timer.Stop()
	for {
		select {
		case _, ok := <-v.inbox:
			if !ok {
				return nil
			}
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// attend watches an open visit until something ends it.
func (v *visit) attend(ctx context.Context) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if v.moving.news() {
				v.agent.desk.changed(v)
			}
			if err := v.agent.alive(v.id()); err != nil {
				v.end(timeEnding(err))
				return
			}
		case m, ok := <-v.inbox:
			if !ok {
				return
			}
			if !v.take(ctx, m) {
				return
			}
		}
	}
}

// take deals with a message of an open visit; false ends it.
func (v *visit) take(ctx context.Context, m wire.Message) bool {
	switch m := m.(type) {
	case *wire.Head:
		v.head = *m
		v.agent.hear(v.id())
		return true
	case *wire.End:
		if m.Head != nil {
			v.head = *m.Head
		}
		v.end(saidBy(m))
	case *wire.Presence:
		v.present(m)
		return true
	case *wire.Say:
		v.said(m)
		return true
	case *wire.More:
		if v.more(ctx, m) {
			return true
		}
		v.end(ending{byGateway, "The gateway asked for more before it had an answer."})
	case *wire.Withdraw:
		v.withdraw()
		return true
	default:
		v.end(ending{byGateway, "The gateway sent a message out of order."})
	}
	return false
}

// enter counts a session channel; false when there are enough, or the visit is
// over.
func (v *visit) enter() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed || v.served >= wire.MaxSessions {
		return false
	}
	v.served++
	return true
}

func (v *visit) exit() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.served--
}

// ready tells the gateway that sessions may come. It does not wait: a gateway
// that does not read must not keep the visit from being watched. What the user
// changes is told after it.
func (v *visit) ready() {
	go func() { // ends with the visit, with the link at the latest
		if err := v.conn.Write(&wire.Ready{}); err != nil {
			v.end(linkEnding(err))
			return
		}
		v.talk(v.over)
	}()
}

// begin makes what holds all processes of the visit together, and spends the
// consent.
func (v *visit) begin() (err error) {
	if v.agent.far == nil { // else nothing of it runs here
		if v.group, err = v.agent.groups.Visit(v.id()); err != nil {
			v.agent.log.Error("a visit can't be held to agent.limits", "visit", v.id(), "error", err)
			err = fmt.Errorf("the device can't hold the visit to its limits, so nothing is opened: %w", err)
		}
	}
	if err == nil {
		err = v.agent.begin(v)
	}
	if err != nil {
		v.group.End()
	}
	return err
}

// closeAll kills everything of the visit, all shells at once.
func (v *visit) closeAll() {
	v.mu.Lock()
	v.closed = true
	procs, sockets := v.procs, v.sockets
	v.procs, v.sockets = nil, nil
	v.mu.Unlock()
	v.hold.end()
	var all sync.WaitGroup
	for p := range sockets {
		all.Go(func() { endSocket(p) })
	}
	v.cutForwards()
	v.cutCallers()
	for _, s := range v.cutScreens(nil) {
		all.Go(func() { <-s.clear })
	}
	for _, r := range procs {
		all.Go(r.kill)
	}
	all.Wait()
	v.group.End()
	v.login.end()
	close(v.over)
}
