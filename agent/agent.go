// Package agent is the device's side: it calls home, asks the person at the
// device, judges, and runs what was consented to. It judges last: a gateway
// that lies, replays or forgets opens nothing here.
package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"accord/agent/far"
	"accord/agent/proc"
	"accord/agent/releases"
	"accord/config"
	"accord/tui"
	"accord/wire"
	"accord/wire/ws"
)

// Options are what an agent is made of.
type Options struct {
	Config  Config
	Version string
	Made    time.Time // when the program's commit was made; zero: not known
	Log     *slog.Logger
	// Self is the command that runs this program, for prompts that open in a
	// terminal of their own.
	Self []string
	// Command is how this agent is started by [Serve], the program first; nil where
	// it was not, and then no release takes its place.
	Command []string
	Release string // the release that it is, of those that the device keeps; "": the installed program
}

// Agent is the agent of one device. It is made by [New] and runs once.
type Agent struct {
	cfg     Config
	version string
	made    time.Time
	log     *slog.Logger
	state   state
	key     ssh.Signer
	ledger  *ledger
	user    proc.Account // whose person answers, and whose account visits use
	groups  *proc.Groups // of the visits' processes
	pin     *Pin
	desk    *desk
	replays *replays
	nonces  *nonces
	// supervisors are those whose override counts; nil until the device has
	// joined.
	supervisors *supervisors
	local       net.Listener
	far         *far.Device // of a device without an agent; nil: it is this one

	releases *releases.Store
	release  string        // that this is; "": the installed program
	command  []string      // see [Options]
	updating sync.Mutex    // one release is received at a time
	replaced atomic.Bool   // another program is to run from the next start on
	leaves   chan struct{} // closed when that is now
	again    func()        // closes it

	mu    sync.Mutex
	judge *judge
}

// New opens the agent's folder and the local socket, on which users wait from
// then on until Run serves them. It refuses to start half-configured: with
// [ErrNotJoined] on a device that belongs to no gateway.
func New(o Options) (*Agent, error) {
	a, err := newAgent(o)
	if err != nil {
		return nil, err
	}
	if a.pin, err = a.state.pin(); err != nil {
		return nil, err
	}
	if a.supervisors, err = a.state.supervisors(a.cfg, a.pin.Organisation); err != nil {
		return nil, err
	}
	if a.nonces, err = a.state.nonces(); err != nil {
		return nil, err
	}
	a.desk = newDesk(a, newLadder(a, o.Self))
	if err := a.ledger.interrupted(time.Now().UTC()); err != nil {
		return nil, err
	}
	a.local, err = listenLocal(a.cfg.Socket)
	return a, err
}

func newAgent(o Options) (*Agent, error) {
	cfg, err := o.Config.Resolved()
	if err != nil {
		return nil, err
	}
	signers, err := cfg.Update.signers()
	if err != nil {
		return nil, config.Under("agent.update", err)
	}
	a := &Agent{
		cfg: cfg, version: o.Version, made: o.Made, log: o.Log, judge: newJudge(),
		releases: releases.Open(cfg.State, signers), release: o.Release, command: o.Command, leaves: make(chan struct{}),
	}
	a.again = sync.OnceFunc(func() { close(a.leaves) })
	if a.state, err = openState(cfg.State); err != nil {
		return nil, err
	}
	if a.key, err = a.state.deviceKey(); err != nil {
		return nil, err
	}
	if a.ledger, err = a.state.ledger(a.key); err != nil {
		return nil, err
	}
	if a.user, err = account(cfg.User); err != nil {
		return nil, err
	}
	for i, action := range cfg.Actions {
		if _, err := action.account(); err != nil {
			return nil, fmt.Errorf("agent.action[%d].user: %w", i, err)
		}
	}
	if _, err := cfg.Screen.credentials(); err != nil {
		return nil, err
	}
	if _, err := ws.Authorities(cfg.GatewayCA); err != nil {
		return nil, fmt.Errorf("agent.gateway_ca: %w", err)
	}
	a.replays = a.state.replays(a.user)
	return a, nil
}

// account is the one that agent.user names, or the agent's own.
func account(name string) (proc.Account, error) {
	if name == "" {
		return proc.Self()
	}
	who, err := proc.LookupAccount(name)
	if err != nil {
		return who, fmt.Errorf("agent.user: %w", err)
	}
	if me := proc.Me(); !me.Root() && me != who.Identity() {
		return who, fmt.Errorf("agent.user is %s, but an agent that isn't root can only serve its own account", name)
	}
	return who, nil
}

// ErrReplaced is why [Agent.Run] returned: another release is to run in place of
// this one.
var ErrReplaced = errors.New("another release of the agent is to run")

// Run serves the device's users on the local socket and calls home until ctx
// ends, or another release is to run. Then every visit is ended; when Run returns,
// nothing of them is left.
func (a *Agent) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a.confine()
	if err := proc.EndStale(); err != nil {
		a.log.Warn("what who and last list of visits before this start could not be ended", "error", err)
	}
	var parts sync.WaitGroup
	parts.Go(func() { a.desk.surfaces.Restore(ctx) }) // what an agent left that was killed
	parts.Go(func() { a.callHome(ctx) })
	parts.Go(func() {
		select {
		case <-a.leaves:
			cancel()
		case <-ctx.Done():
		}
	})
	err := a.desk.serve(ctx, a.local)
	cancel()
	parts.Wait()
	a.desk.edges.Wait()
	a.desk.surfaces.Close()
	select {
	case <-a.leaves:
		return errors.Join(err, ErrReplaced)
	default:
		return err
	}
}

// Socket is the path where the device's users reach the agent.
func (a *Agent) Socket() string { return a.cfg.Socket }

// ownShell says whether the device's user may type in a shell of this account:
// in their own, or as root in any. A visit as another account must not lend the
// user that account's rights.
func (a *Agent) ownShell(of proc.Account) bool {
	return of.Identity() == a.user.Identity() || a.user.Identity().Root()
}

// ask puts a request to the user and returns the statement to sign. It never
// fails into a yes: whatever goes wrong is an answer of its own, [wire.None].
// With an error nobody waits for the answer; the statement is for the receipts.
func (a *Agent) ask(ctx context.Context, v *visit, l *link, tell func(wire.Prompt)) (*wire.Consent, error) {
	req := v.req
	nonce := rand.Text()
	c := &wire.Consent{
		Device: l.device().Device, DeviceKey: ssh.FingerprintSHA256(a.key.PublicKey()), Nonce: nonce,
		Request: *req, Choice: wire.None, UID: -1, Asked: time.Now().UTC(),
	}
	a.mu.Lock()
	err := a.judge.ask(req.Visit, nonce, req.Capabilities) // first: an id is asked for once, whatever comes of it
	a.mu.Unlock()
	var login string
	if err == nil {
		login, err = a.login(req.Login)
	}
	if err == nil {
		err = a.offers(req.Capabilities)
	}
	if err == nil {
		err = a.admit(ctx, login, req.Capabilities)
	}
	if err != nil {
		a.unasked(c, err)
		return c, nil
	}
	if req.Override != nil && a.far != nil {
		a.unasked(c, errNoOverride)
		return c, nil
	}
	if req.Override != nil {
		a.override(c, login)
		return c, nil
	}
	if s := a.cfg.standing(req, c.Asked); s != nil {
		a.stand(c, s, login)
		return c, nil
	}
	given := a.desk.ask(ctx, question{nonce: nonce, login: login, req: req, device: c.Device, tell: tell})
	if ctx.Err() != nil {
		// Whatever was done at the last moment, nobody waits for it any more.
		c.Why, c.Answered = "The request was withdrawn.", time.Now().UTC()
		return c, context.Cause(ctx)
	}
	a.settle(c, given, login)
	return c, nil
}

// unasked is the answer to a request that nobody is asked about.
func (a *Agent) unasked(c *wire.Consent, err error) {
	c.Why, c.Answered = sentence(err), time.Now().UTC()
	a.log.Warn("a request was refused", "visit", c.Request.Visit, "technician", c.Request.Technician.Name,
		"override", c.Request.Override != nil, "error", err)
}

func (a *Agent) offers(caps []wire.Capability) error {
	offered := a.capabilities()
	for _, c := range caps {
		if !slices.Contains(offered, c) {
			return fmt.Errorf("this device does not offer %s", c)
		}
	}
	return nil
}

// settle turns what the user did into the statement, and a yes into a grant.
func (a *Agent) settle(c *wire.Consent, g given, login string) {
	t := now()
	heard(c, g, t)
	switch g.answer.Choice {
	case tui.Approve:
		for _, name := range g.answer.Granted {
			c.Granted = append(c.Granted, wire.Capability(name))
		}
		until := t.add(time.Duration(c.Request.Minutes) * time.Minute)
		a.mu.Lock()
		err := a.judge.approve(c.Request.Visit, c.Nonce, c.Granted, login, until, t)
		a.mu.Unlock()
		if err != nil {
			c.Granted, c.Why = nil, wire.Clean(err.Error(), wire.MaxReason)
			return
		}
		end := until.wall.UTC()
		c.Choice, c.Login, c.Until = wire.Approve, login, &end
	case tui.Later:
		later := g.answer.Later.UTC()
		c.Choice, c.Later = wire.Later, &later
	case tui.Refuse:
		c.Choice, c.Stranger = wire.Refuse, g.answer.Stranger
	case tui.None:
		c.Choice = wire.None
	}
}

// heard puts into the statement what was shown, and how the answer came about.
func heard(c *wire.Consent, g given, t instant) {
	c.Answered, c.Text, c.Language = t.wall.UTC(), g.text, g.answer.Language
	c.Surface, c.UID, c.Why = g.surface, g.uid, wire.Clean(g.answer.Why, wire.MaxReason)
	c.Guard = wire.Guard{
		QuietMS: int(g.answer.Guard.Quiet.Milliseconds()), Early: g.answer.Guard.Early, OpenMS: int(g.answer.Guard.Open.Milliseconds()),
	}
}

// The judge, with the clock and the lock it does not have.

func (a *Agent) begin(v *visit) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.judge.begin(v.id(), now())
}

func (a *Agent) hear(visit string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.judge.hear(visit, now())
}

func (a *Agent) alive(visit string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.judge.alive(visit, now())
}

func (a *Agent) may(visit string, c wire.Capability) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.judge.may(visit, c, now())
}

// reduce takes back and has it told as one step, so that the gateway hears of it
// and of what is granted further in the order in which they took effect.
func (a *Agent) reduce(v *visit, taken []wire.Capability) ([]wire.Capability, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	left, err := a.judge.reduce(v.id(), taken)
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	v.taken = append(v.taken, taken...)
	v.mu.Unlock()
	v.tell(&wire.Control{Change: wire.Reduced, Granted: left})
	return left, nil
}

func (a *Agent) mayRun(visit string) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.judge.mayRun(visit, now())
}

func (a *Agent) finish(visit string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.judge.finish(visit)
}
