package gateway

import (
	"context"
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
// which is asked for by its name, the screen, or a shell.
func allows(command string) wire.Capability {
	c := wire.Capability(command)
	if _, action := c.Action(); action {
		return c
	}
	if _, screen := parseScreen(command); screen {
		return wire.ScreenView
	}
	return wire.Shell
}

// wantedFromEnv is the request of a session without a form: what it needs, with
// what SetEnv says.
func (s *session) wantedFromEnv() *asked {
	minutes, _ := strconv.Atoi(s.getenv("ACCORD_MINUTES", 8))
	wanted := texts(s.needs())
	if screen, is := parseScreen(s.command); is {
		wanted = texts(screen.capabilities())
	}
	return &asked{
		reason: s.getenv("ACCORD_REASON", wire.MaxReason), ticket: s.getenv("ACCORD_TICKET", wire.MaxTicket),
		minutes: minutes, capabilities: wanted,
	}
}

// obtain is [caller.obtain] for a session. want is nil where a form is to be
// filled in.
func (s *session) obtain(ctx context.Context, t target, want *asked, wait func(*visit) error) (*visit, error) {
	return s.caller.obtain(ctx, inquiry{target: t, needs: s.joins(t), want: want, form: s.form, wait: wait, more: s.waitFurther(ctx)})
}

// facts are what a law decides with. open are the person's visits that may lend
// their reason and ticket.
func (g *Gateway) facts(l *law, p policy.Person, h *home, open []policy.Visit) policy.Facts {
	return policy.Facts{Rules: l.rules, Bars: g.standing(l, p.Name).Bars(p, time.Now()), Offers: texts(h.hello.Capabilities), Logins: h.hello.Logins, Open: open}
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

// form asks the technician for reason, ticket, capabilities and minutes.
func (s *session) form(ctx context.Context, h *home, t target) (*asked, error) {
	device, err := s.device(ctx, h)
	if err != nil {
		return nil, err
	}
	preset := s.wantedFromEnv()
	offered := s.mayAsk(h, t)
	device.Capabilities = offered
	switch {
	case len(offered) == 0:
		return nil, s.turnDown(h, s.decide(h, asked{capabilities: texts(h.hello.Capabilities), login: t.login}, time.Now()))
	case s.forScreen() && !slices.Contains(offered, string(wire.ScreenView)): // a form could grant only what is no use here
		return nil, s.turnDown(h, s.decide(h, asked{capabilities: []string{string(wire.ScreenView)}, login: t.login}, time.Now()))
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

// mayAsk are the capabilities of the device that the person may ask for.
func (c *caller) mayAsk(h *home, t target) []string {
	g, q := c.gateway, c.question(h, asked{login: t.login})
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
