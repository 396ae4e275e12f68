package agent

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"

	"accord/agent/far"
	"accord/agent/proc"
	"accord/wire"
)

// program is what a session runs: a process of this device, see [proc.Process],
// or one of a device without an agent, see [far.Program].
type program interface {
	Stdin() io.WriteCloser
	Stdout() io.Reader
	Stderr() io.Reader
	Take(p []byte, hold sync.Locker) (int, error)
	Skim(each func([]byte))
	Redraw(until <-chan struct{})
	Echo() bool
	Resize(width, height, xpixels, ypixels int) error
	Signal(name string) error
	Wait() proc.Exit
	Gone() <-chan struct{}
	TerminalName() string // "" where it has none that is known
	Notice() string       // what is to be noted about its start, or ""
	Kill()
	Close()
}

// start starts a program of the visit, here or on the device without an agent.
// For the latter nothing is ever started here.
func (v *visit) start(spec proc.Spec) (program, error) {
	if v.agent.far == nil {
		spec.Env = proc.WithDevice(spec.Env)
		p, err := proc.Start(spec)
		if err != nil {
			return nil, err
		}
		return p, nil
	}
	c, err := v.login.get(*v.agent.far)
	if err != nil {
		return nil, err
	}
	p, err := c.Start(spec)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// hangUp does what sshd does when a terminal goes away.
func hangUp(p program) {
	if there, ok := p.(*far.Program); ok {
		there.HangUp()
		return
	}
	_ = p.Signal("HUP")
}

// farAccount is a login of a device without an agent, of which its sshd knows more
// than the name. The user at its screen is that account.
func farAccount(login string) proc.Account {
	return proc.Account{Name: login, UID: nobodyKnown, GID: nobodyKnown}
}

// nobodyKnown is the id of an account of a device without an agent.
const nobodyKnown = -1

// farLogin is the one login at a device without an agent that all programs of a
// visit share. The zero value has none yet.
type farLogin struct {
	turn sync.Mutex // one logs in at a time

	mu     sync.Mutex
	client *far.Client
	stop   context.CancelFunc // of a login that is under way; nil for none
	over   bool
}

var errVisitOver = errors.New("the visit has ended")

// get logs in the first time, and again when that login was lost.
func (f *farLogin) get(device far.Device) (*far.Client, error) {
	f.turn.Lock()
	defer f.turn.Unlock()
	ctx, there, err := f.begin()
	if there != nil || err != nil {
		return there, err
	}
	c, err := device.Connect(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stop()
	f.stop = nil
	switch {
	case err != nil:
		return nil, err
	case f.over:
		go c.Close()
		return nil, errVisitOver
	}
	f.client = c
	return c, nil
}

// begin returns the login that there is, or a context to make one under.
func (f *farLogin) begin() (context.Context, *far.Client, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.over {
		return nil, nil, errVisitOver
	}
	if f.client != nil {
		select {
		case <-f.client.Over():
		default:
			return nil, f.client, nil
		}
	}
	ctx, stop := context.WithCancel(context.Background()) // end calls it, and so does get
	f.stop = stop
	return ctx, nil, nil
}

// end logs out for good.
func (f *farLogin) end() {
	f.mu.Lock()
	f.over = true
	client, stop := f.client, f.stop
	f.mu.Unlock()
	if stop != nil {
		stop()
	}
	if client != nil {
		client.Close()
	}
}

// running is what a process of a visit is.
type running struct {
	session *session // nil where it is none
	process program
	shown   io.Closer         // the channel that it is shown on
	of      wire.Capability   // what allows it
	also    []wire.Capability // and what else it can do only as long as it is granted
}

// needs reports whether the process must not go on without one of these.
func (r running) needs(taken []wire.Capability) bool {
	return slices.ContainsFunc(append(r.also, r.of), func(c wire.Capability) bool { return slices.Contains(taken, c) })
}

// kill ends the process and all below it, and then its channel. That is not
// waited for: the gateway may not be reading.
func (r running) kill() {
	r.process.Kill()
	r.process.Close()
	go func() { _ = r.shown.Close() }()
}

// add counts a started process as the visit's; false if the visit is over, or
// what allows it was taken back, and the process must die at once.
func (v *visit) add(p program, r running) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed || r.needs(v.taken) {
		return false
	}
	v.procs[p] = r
	v.shells++
	if r.session == nil || !r.session.followed {
		v.note(r.of)
	}
	return true
}

// drop forgets a process of which nothing is left.
func (v *visit) drop(p program) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.procs, p)
}
