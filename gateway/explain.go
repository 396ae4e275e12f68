package gateway

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"accord/config"
	"accord/policy"
	"accord/wire"
)

// explained is what `explain` is asked about.
type explained struct {
	person     string // empty: who asks
	device     string
	capability string // empty: everything that the device offers
	at         time.Time
}

// parseExplain reads [PERSON] DEVICE [CAPABILITY] [at TIME]. Of two words the
// second is a capability if it is spelled as one.
func parseExplain(words []string, now time.Time) (e explained, err error) {
	e.at = now
	if i := slices.Index(words, "at"); i > 0 {
		if e.at, err = parseMoment(strings.Join(words[i+1:], " "), now); err != nil {
			return e, err
		}
		words = words[:i]
	}
	switch {
	case len(words) == 1:
		e.device = words[0]
	case len(words) == 2 && wire.Capability(words[1]).Valid():
		e.device, e.capability = words[0], words[1]
	case len(words) == 2:
		e.person, e.device = words[0], words[1]
	case len(words) == 3:
		e.person, e.device, e.capability = words[0], words[1], words[2]
	default:
		return e, &usageError{"Name a device."}
	}
	return e, nil
}

// parseMoment reads a time: of today, of the next day of that name, or any.
// Without a zone it is that of the gateway.
func parseMoment(text string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02T15:04"} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	day, hour, named := strings.Cut(text, " ")
	if !named {
		day, hour = "", text
	}
	if clock, err := time.Parse("15:04", hour); err == nil {
		for ahead := range 7 {
			t := time.Date(now.Year(), now.Month(), now.Day()+ahead, clock.Hour(), clock.Minute(), 0, 0, now.Location())
			if day == "" || t.Format("Mon") == day {
				return t, nil
			}
		}
	}
	return now, &usageError{fmt.Sprintf(`%q is no time; write for example at 18:30, at Sat 09:00, or at "2026-10-05 08:00".`, wire.Clean(text, wire.MaxName))}
}

// known is a device as decisions see it: by its link or, where it is away, as
// it was when it last was there.
func (g *Gateway) known(ctx context.Context, name string) (*home, error) {
	d, err := g.named(ctx, name)
	if err != nil {
		return nil, err
	}
	if h := g.homes.get(d.Key); h != nil {
		return h, nil
	}
	absent := &home{device: d, hello: wire.Hello{Logins: d.Logins}}
	for _, c := range d.Capabilities {
		absent.hello.Capabilities = append(absent.hello.Capabilities, wire.Capability(c))
	}
	return absent, nil
}

// about is the person that is asked about, and with which principals, as far
// as they are known here.
func (s *session) about(l *law, name string) (person, error) {
	if name == "" || name == s.person.Name {
		who := s.person
		who.Person = s.me()
		return who, nil
	}
	if err := s.allowed(policy.ExplainOthers, "command explain "+wire.Clean(name, wire.MaxName)); err != nil {
		return person{}, err
	}
	found, ok := l.people.Named(name)
	if !ok {
		return person{}, l.nobody(name)
	}
	return person{Person: found}, nil
}

// explanation is what `explain --json` says about one capability.
type explanation struct {
	Person     string    `json:"person"`
	Device     string    `json:"device"`
	Capability string    `json:"capability"`
	Agentless  bool      `json:"agentless,omitempty"` // of the device
	At         time.Time `json:"at"`
	Verdict    string    `json:"verdict"` // "allow", "incomplete" or "deny"
	Rule       string    `json:"rule"`
	Why        string    `json:"why"`
	Changes    []string  `json:"changes"` // what would change it
	Terms      *terms    `json:"terms,omitempty"`
}

// terms are the obligations of a visit, for programs.
type terms struct {
	LongestMinutes int    `json:"longest_minutes"`
	ReasonMin      int    `json:"reason_min"` // 0: none is required
	TicketRequired bool   `json:"ticket_required"`
	TicketPattern  string `json:"ticket_pattern,omitempty"`
	Idle           string `json:"idle,omitempty"`
	Watched        bool   `json:"watched"`
	Hands          bool   `json:"hands"`
	RecordInput    bool   `json:"record_input"`
	Replay         bool   `json:"replay"`
}

func termsOf(o policy.Obligations) *terms {
	t := &terms{
		LongestMinutes: o.LongestMinutes, TicketRequired: o.TicketRequired, TicketPattern: o.TicketPattern,
		Watched: o.Watched, Hands: o.Hands, RecordInput: o.RecordInput, Replay: o.Replay,
	}
	if o.ReasonRequired {
		t.ReasonMin = o.ReasonMin
	}
	if o.Idle > 0 {
		t.Idle = config.Duration(o.Idle)
	}
	return t
}

// lines are the terms for people; nothing of what isn't so.
func (t *terms) lines() string {
	list := []string{fmt.Sprintf("up to %d minutes", t.LongestMinutes)}
	add := func(so bool, format string, args ...any) {
		if so {
			list = append(list, fmt.Sprintf(format, args...))
		}
	}
	add(t.ReasonMin > 0, "with a reason of at least %d characters", t.ReasonMin)
	add(t.TicketRequired, "with a ticket")
	add(t.TicketPattern != "", "tickets look like %s", t.TicketPattern)
	add(t.Idle != "", "ends after %s without input", t.Idle)
	add(t.Watched, "a colleague must watch")
	add(t.Hands, "who watches may type")
	add(t.RecordInput, "what is typed is recorded")
	add(t.Replay, "the user may replay it")
	return strings.Join(list, "; ")
}

func (s *session) cmdExplain(ctx context.Context, c *call) error {
	if err := c.only("json"); err != nil {
		return err
	}
	asks, err := parseExplain(c.words, time.Now())
	if err != nil {
		return err
	}
	l := s.gateway.law()
	if _, person := l.people.Named(asks.person); asks.person != "" && asks.capability == "" && !person {
		if _, err := s.gateway.known(ctx, asks.person); err == nil {
			return &usageError{fmt.Sprintf("%q is no capability; %s are, and action:NAME.", wire.Clean(asks.device, wire.MaxName), strings.Join(policy.Capabilities(), ", "))}
		}
	}
	who, err := s.about(l, asks.person)
	if err != nil {
		return err
	}
	h, err := s.gateway.known(ctx, asks.device)
	if err != nil {
		return err
	}
	list := s.explain(l, who, h, asks)
	if c.has("json") {
		return s.printJSON(list)
	}
	if len(list) == 0 {
		s.print(h.device.Name + " offers nothing.\n")
	}
	for _, e := range list {
		s.print(e.text())
	}
	if h.device.Without() {
		s.print(h.device.Name + " has no agent: the gateway judges by its user's answer or its owner's file, and the device can't check that. No override opens it.\n")
	}
	if h.conn == nil {
		s.print(h.device.Name + " is away now; this is by what it offered when it last was there.\n")
	}
	return nil
}

// explain asks the policy about each capability by itself.
func (s *session) explain(l *law, who person, h *home, asks explained) []explanation {
	capabilities := texts(h.hello.Capabilities)
	if asks.capability != "" {
		capabilities = []string{wire.Clean(asks.capability, wire.MaxName)}
	}
	list := make([]explanation, 0, len(capabilities))
	for _, c := range capabilities {
		q := s.question(h, asked{capabilities: []string{c}})
		if who.Name != s.person.Name {
			q.Person, q.Principals = who.Person, nil
		}
		d := policy.Explain(q, s.gateway.facts(l, who.Person, h, s.gateway.visits.of(who)), asks.at)
		e := explanation{
			Person: who.Name, Device: h.device.Name, Capability: c, Agentless: h.device.Without(), At: asks.at.UTC().Truncate(time.Second),
			Verdict: d.Verdict.String(), Rule: d.Rule, Why: d.Why, Changes: append([]string{}, d.Changes...),
		}
		if d.Verdict != policy.Deny {
			e.Terms = termsOf(d.Obligations)
		}
		list = append(list, e)
	}
	return list
}

func (e explanation) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s on %s for %s: %s\n  rule: %s\n  %s\n", e.Capability, e.Device, e.Person, e.Verdict, e.Rule, e.Why)
	if e.Terms != nil {
		fmt.Fprintf(&b, "  terms: %s\n", e.Terms.lines())
	}
	for _, change := range e.Changes {
		fmt.Fprintf(&b, "  to change it: %s\n", change)
	}
	return b.String()
}
