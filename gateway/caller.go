package gateway

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"accord/gateway/store"
	"accord/policy"
	"accord/tui"
	"accord/wire"
)

// caller is a person who wants something of a device, by a session or by a
// channel of a connection that has none.
type caller struct {
	gateway *Gateway
	person  person
	user    string   // the SSH user name: where to go, never who it is
	env     []string // what the client sent that screens and requests need
	// tell says one sentence to the person, where there is a place for it.
	tell func(sentence string)
}

// inquiry is what a caller wants, and how they are asked and seen through the
// waiting.
type inquiry struct {
	target
	needs wire.Capability // what the visit must allow
	want  *asked          // what to ask for; nil: what the form says
	form  func(context.Context, *home, target) (*asked, error)
	wait  func(*visit) error           // for the visit
	more  func(*visit, *further) error // for more in one that is open
	// barred is why no visit is asked for, only one joined; nil: one may be.
	barred error
}

// me is the person as the law has them now; nobody, who may do nothing, where
// they may not be here any more.
func (c *caller) me() policy.Person {
	found, _ := c.gateway.stands(c.gateway.law(), c.person)
	return found
}

// phrases are those of the technician's language, as their client sent it.
func (c *caller) phrases() *tui.Phrases {
	t := &tui.Terminal{Env: c.env}
	return tui.PhrasesFor(t.Locale())
}

// sentence is what the person reads of an error; what is no sentence of ours
// stays in the log.
func (c *caller) sentence(err error) string {
	ph := c.phrases()
	if e, ok := errors.AsType[spoken](err); ok {
		return e.in(ph)
	}
	if errors.Is(err, store.ErrUnavailable) {
		c.gateway.log.Error("state", "error", err)
		return ph.Say("GwNoState")
	}
	return wire.Clean(err.Error(), wire.MaxReason)
}

// where reads the user name. What names no device is the list, and a name that
// was surely meant for one is said to be unknown.
func (c *caller) where(ctx context.Context) (t target, unknown string, err error) {
	t.device = c.user
	login, device, plus := strings.Cut(c.user, "+")
	if plus {
		t.login, t.device = login, device
	}
	if reserved(t.device) && !plus {
		return target{}, "", nil
	}
	_, err = c.gateway.store.DeviceByName(ctx, t.device)
	switch {
	case err == nil:
		return t, "", nil
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrInvalid):
		return target{}, wire.Clean(t.device, wire.MaxName), nil
	}
	return target{}, "", err
}

// obtain brings a visit that is open and has what is needed: the technician's
// own on that device, for which more is asked if need be, or a new one that the
// policy allows and the user approves. The caller must release what it gets.
func (c *caller) obtain(ctx context.Context, q inquiry) (*visit, error) {
	v := c.gateway.visits.join(c.person, q.device, q.login, q.needs)
	if v == nil && q.barred != nil {
		return nil, q.barred
	}
	if v == nil {
		h, err := c.gateway.reach(ctx, q.device)
		if err != nil {
			return nil, err
		}
		return c.enter(ctx, q, func() (*visit, error) { return c.propose(ctx, h, q) })
	}
	if q.override != 0 && (v.override == nil || v.override.Number != q.override) {
		v.release()
		return nil, fmt.Errorf("you have a visit to %s already; end it first, or work in it", q.device)
	}
	v, err := c.enter(ctx, q, func() (*visit, error) { return v, nil })
	if err != nil || v.grants(q.needs) {
		return v, err
	}
	wishes := []wire.Capability(nil)
	need := &asked{capabilities: []string{string(q.needs)}}
	if q.want != nil {
		need = q.want
		for _, name := range q.want.capabilities {
			wishes = append(wishes, wire.Capability(name))
		}
	}
	if b, err := c.overrideFor(ctx, v.home, q.target, need); err != nil || b != nil {
		v.release()
		if err != nil {
			return nil, err
		}
		return c.enter(ctx, q, func() (*visit, error) { return c.bringOverride(v.home, b) })
	}
	if err := c.extend(ctx, v, []wire.Capability{q.needs}, wishes, q.more); err != nil {
		v.release()
		return nil, err
	}
	return v, nil
}

// enter waits until a visit is open, and releases one that does not come to be.
func (c *caller) enter(ctx context.Context, q inquiry, begin func() (*visit, error)) (*visit, error) {
	v, err := begin()
	if err != nil {
		return nil, err
	}
	if err := c.await(ctx, v, q.wait); err != nil {
		v.release()
		return nil, err
	}
	return v, nil
}

// await waits until the visit is open, or says why it is not.
func (c *caller) await(ctx context.Context, v *visit, wait func(*visit) error) error {
	if err := wait(v); err != nil {
		return err
	}
	select {
	case <-v.decided:
	default:
		return v.why()
	}
	switch {
	case v.failure != nil:
		return v.failure
	case !v.consent.Opens():
		return &answered{v.consent, v.home.device.Name}
	}
	select {
	case <-v.opened:
		return nil
	case <-v.done:
		return v.why()
	case <-ctx.Done():
		return errGone
	}
}

// question is what the policy is asked about.
func (c *caller) question(h *home, a asked) policy.Request {
	return policy.Request{
		Person: c.me(), Principals: c.person.principals, Device: h.device.Name, Class: h.hello.Class, Labels: h.device.Labels, Capabilities: a.capabilities,
		Minutes: a.minutes, Reason: a.reason, Ticket: a.ticket, Login: a.login,
	}
}

// decide asks the policy about a request.
func (c *caller) decide(h *home, a asked, now time.Time) policy.Decision {
	g := c.gateway
	l, q := g.law(), c.question(h, a)
	return policy.Decide(q, g.facts(l, q.Person, h, g.visits.of(c.person)), now)
}

// turnDown notes a no of the policy to a visit, and turns it into an error.
func (c *caller) turnDown(h *home, d policy.Decision) error {
	c.gateway.denied(c.person, "visit to "+h.device.Name, d.Why)
	return &deniedByPolicy{d}
}

// propose puts a request to the device, by form or from what the client sent.
func (c *caller) propose(ctx context.Context, h *home, q inquiry) (*visit, error) {
	if b, err := c.overrideFor(ctx, h, q.target, q.want); err != nil || b != nil {
		if err != nil {
			return nil, err
		}
		return c.bringOverride(h, b)
	}
	want := q.want
	if want == nil {
		filled, err := q.form(ctx, h, q.target)
		if err != nil {
			return nil, err
		}
		want = filled
	} else {
		want.login = q.login
	}
	d := c.decide(h, *want, time.Now())
	if d.Verdict != policy.Allow {
		return nil, c.turnDown(h, d)
	}
	var caps []wire.Capability
	for _, name := range want.capabilities {
		caps = append(caps, wire.Capability(name))
	}
	p := c.person
	p.Person = c.me()
	r := c.question(h, *want)
	r.Reason, r.Ticket = d.Reason, d.Ticket
	return c.gateway.begin(p, h, r, d, wire.Request{Capabilities: caps, Login: want.login})
}
