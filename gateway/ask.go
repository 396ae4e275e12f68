package gateway

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"accord/policy"
	"accord/tui"
	"accord/wire"
)

// asked is what a technician asks for.
type asked struct {
	reason, ticket string
	minutes        int
	capabilities   []string
	login          string
}

// allows is the capability that a command needs: that of a declared action,
// which is asked for by its name, or a shell.
func allows(command string) wire.Capability {
	c := wire.Capability(command)
	if _, action := c.Action(); action {
		return c
	}
	return wire.Shell
}

// wantedFromEnv is the request of a session without a form: a shell or an
// action, with what SetEnv says.
func (s *session) wantedFromEnv() *asked {
	minutes, _ := strconv.Atoi(s.getenv("ACCORD_MINUTES", 8))
	return &asked{
		reason: s.getenv("ACCORD_REASON", wire.MaxReason), ticket: s.getenv("ACCORD_TICKET", wire.MaxTicket),
		minutes: minutes, capabilities: []string{string(allows(s.command))},
	}
}

// obtain brings a visit that is open: the technician's own on that device, or
// a new one that the policy allows and the user approves. want is nil where
// a form is to be filled in; wait sees the technician through the waiting. The
// caller must release what it gets.
func (s *session) obtain(ctx context.Context, t target, want *asked, wait func(*visit) error) (*visit, error) {
	g := s.gateway
	v := g.visits.join(s.person, t.device, t.login, allows(s.command))
	if v != nil && t.override != 0 && (v.override == nil || v.override.Number != t.override) {
		v.release()
		return nil, fmt.Errorf("you have a visit to %s already; end it first, or work in it", t.device)
	}
	if v == nil {
		h, err := g.reach(ctx, t.device)
		if err != nil {
			return nil, err
		}
		if v, err = s.propose(ctx, h, t, want); err != nil {
			return nil, err
		}
	}
	if err := s.await(ctx, v, wait); err != nil {
		v.release()
		return nil, err
	}
	return v, nil
}

// await waits until the visit is open, or says why it is not.
func (s *session) await(ctx context.Context, v *visit, wait func(*visit) error) error {
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
func (s *session) question(h *home, a asked) policy.Request {
	return policy.Request{
		Person: s.me(), Principals: s.person.principals, Device: h.device.Name, Class: h.hello.Class, Labels: h.device.Labels, Capabilities: a.capabilities,
		Minutes: a.minutes, Reason: a.reason, Ticket: a.ticket, Login: a.login,
	}
}

// facts are what a law decides with. open are the person's visits that may lend
// their reason and ticket.
func (g *Gateway) facts(l *law, p policy.Person, h *home, open []policy.Visit) policy.Facts {
	return policy.Facts{Rules: l.rules, Bars: g.standing(l, p.Name).Bars(p, time.Now()), Offers: texts(h.hello.Capabilities), Logins: h.hello.Logins, Open: open}
}

// decide asks the policy about a request.
func (s *session) decide(h *home, a asked, now time.Time) policy.Decision {
	g := s.gateway
	l, q := g.law(), s.question(h, a)
	return policy.Decide(q, g.facts(l, q.Person, h, g.visits.of(s.person)), now)
}

func texts(list []wire.Capability) []string {
	out := make([]string, len(list))
	for i, c := range list {
		out[i] = string(c)
	}
	return out
}

// deniedByPolicy is a no of the policy; its text is the policy's sentence.
type deniedByPolicy struct{ policy.Decision }

func (e *deniedByPolicy) Error() string {
	hint := ""
	if e.Verdict == policy.Incomplete {
		hint = ` Add it on the command line: ssh -o 'SetEnv ACCORD_REASON="…" ACCORD_TICKET="…"' …`
	}
	return e.Why + hint
}

// turnDown notes a no of the policy to a visit, and turns it into an error.
func (s *session) turnDown(h *home, d policy.Decision) error {
	s.gateway.denied(s.person, "visit to "+h.device.Name, d.Why)
	return &deniedByPolicy{d}
}

// propose puts a request to the device, by form or from what the client sent.
func (s *session) propose(ctx context.Context, h *home, t target, want *asked) (*visit, error) {
	if b, err := s.overrideFor(ctx, h, t, want); err != nil || b != nil {
		if err != nil {
			return nil, err
		}
		return s.bringOverride(h, b)
	}
	if want == nil {
		filled, err := s.form(ctx, h, t)
		if err != nil {
			return nil, err
		}
		want = filled
	} else {
		want.login = t.login
	}
	d := s.decide(h, *want, time.Now())
	if d.Verdict != policy.Allow {
		return nil, s.turnDown(h, d)
	}
	var caps []wire.Capability
	for _, c := range want.capabilities {
		caps = append(caps, wire.Capability(c))
	}
	p := s.person
	p.Person = s.me()
	r := s.question(h, *want)
	r.Reason, r.Ticket = d.Reason, d.Ticket
	return s.gateway.begin(p, h, r, d, wire.Request{Capabilities: caps, Login: want.login})
}

// form asks the technician for reason, ticket, capabilities and minutes.
func (s *session) form(ctx context.Context, h *home, t target) (*asked, error) {
	device, err := s.device(ctx, h)
	if err != nil {
		return nil, err
	}
	preset := s.wantedFromEnv()
	offered := s.obtainable(h, t)
	if device.Capabilities = offered; len(offered) == 0 {
		return nil, s.turnDown(h, s.decide(h, asked{capabilities: texts(h.hello.Capabilities), login: t.login}, time.Now()))
	}
	wanted := slices.DeleteFunc(preset.capabilities, func(c string) bool { return !slices.Contains(offered, c) })
	f := tui.RequestForm{
		Device: device, Organisation: s.gateway.cfg.Organisation,
		Reason: preset.reason, Ticket: preset.ticket, Login: t.login, Wanted: wanted,
	}
	f.For = func(capabilities []string) tui.RequestForm { return s.terms(h, f, capabilities, preset.minutes) }
	if len(wanted) == 0 {
		wanted = offered
	}
	f = f.For(wanted)
	fields, err := tui.AskRequest(ctx, s.terminal(), f)
	if err != nil {
		return nil, err
	}
	return &asked{
		reason: wire.Clean(fields.Reason, wire.MaxReason), ticket: wire.Clean(fields.Ticket, wire.MaxTicket),
		minutes: fields.Minutes, capabilities: fields.Capabilities, login: fields.Login,
	}, nil
}

// obtainable are the capabilities of the device that the person may ask for.
func (s *session) obtainable(h *home, t target) []string {
	g, q := s.gateway, s.question(h, asked{login: t.login})
	return policy.Obtainable(q, g.facts(g.law(), q.Person, h, nil), time.Now())
}

// terms is the form with what the policy wants for some capabilities.
func (s *session) terms(h *home, f tui.RequestForm, capabilities []string, minutes int) tui.RequestForm {
	d := s.decide(h, asked{capabilities: capabilities, minutes: max(minutes, 0), login: f.Login}, time.Now())
	if d.Verdict == policy.Deny {
		return f // what was allowed a moment ago is asked for as it was, and denied
	}
	o := d.Obligations
	f.ReasonRequired, f.ReasonMin, f.TicketRequired, f.TicketLooks = o.ReasonRequired, o.ReasonMin, o.TicketRequired, o.TicketPattern
	f.Minutes, f.MinutesMax = d.Minutes, o.LongestMinutes
	if o.TicketPattern != "" {
		f.TicketFits = func(ticket string) bool {
			a := asked{capabilities: capabilities, reason: strings.Repeat("x", policy.ReasonMost), ticket: ticket}
			return s.decide(h, a, time.Now()).Verdict == policy.Allow
		}
	}
	return f
}
