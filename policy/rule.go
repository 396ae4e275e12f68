package policy

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// rule is a [Rule] ready to be asked.
type rule struct {
	name         string
	deny         bool
	who          []subject
	devices      []selector
	capabilities []glob
	hours        hours
	terms        terms
}

// terms are what a rule that allows wants in return.
type terms struct {
	Obligations
	defaultMinutes int
	tickets        []*regexp.Regexp // each for the whole ticket
}

// subject is one entry of who or of a group's members.
type subject struct{ kind, name string }

// The kinds of subjects besides people, who are named without any.
const (
	kindPerson    = ""
	kindGroup     = "group"
	kindPrincipal = "principal"
	kindRole      = "role"
)

var (
	groupName = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$`)
	ruleName  = regexp.MustCompile(`^[\pL\pN]([\pL\pN ._-]{0,62}[\pL\pN])?$`)
	// capabilityPattern is a name such as files.get or action:reboot, or the
	// beginning of names and a star.
	capabilityPattern = regexp.MustCompile(`^([a-z0-9]+([.:][a-z0-9-]+)?|[a-z0-9]+[.:]([a-z0-9-]*\*)|\*)$`)
)

// parseSubject reads an entry of one of the kinds.
func parseSubject(text string, kinds ...string) (subject, error) {
	s := subject{kindPerson, text}
	if kind, name, ok := strings.Cut(text, ":"); ok {
		s = subject{kind, name}
	}
	valid := false
	switch s.kind {
	case kindPerson:
		valid = personName.MatchString(s.name)
	case kindGroup:
		valid = groupName.MatchString(s.name)
	case kindPrincipal:
		valid = validPrincipal(s.name)
	case kindRole:
		valid = slices.Contains(Roles(), Role(s.name))
	}
	if !valid || !slices.Contains(kinds, s.kind) {
		return s, fmt.Errorf("%.60q is nobody; write %s", text, kindsListed(kinds))
	}
	return s, nil
}

func kindsListed(kinds []string) string {
	ways := []string{"the name of a person"}
	for _, k := range kinds {
		switch k {
		case kindGroup:
			ways = append(ways, `"group:NAME"`)
		case kindPrincipal:
			ways = append(ways, `"principal:NAME"`)
		case kindRole:
			ways = append(ways, `"role:technician"`)
		}
	}
	return strings.Join(ways[:len(ways)-1], ", ") + " or " + ways[len(ways)-1]
}

// compile checks a rule and makes it ready. Its errors are a [Mistake] within
// the rule.
func (r Rule) compile(c Config) (out rule, err error) {
	out.name, out.deny = r.Name, r.Effect == effectDeny
	switch {
	case !ruleName.MatchString(r.Name):
		return out, mistake("name", "%.60q is no name; 1 to 64 letters, digits, spaces and . _ - are allowed", r.Name)
	case slices.Contains(ownRules(), r.Name):
		return out, mistake("name", "%q is what Accord itself calls a decision; choose another name", r.Name)
	case r.Effect != "" && r.Effect != effectAllow && r.Effect != effectDeny:
		return out, mistake("effect", `%.40q is no effect; there are "allow" and "deny"`, r.Effect)
	case len(r.Who) == 0:
		return out, mistake("who", `the rule %q speaks of nobody; write for example who = ["role:technician"]`, r.Name)
	case len(r.Capabilities) == 0:
		return out, mistake("capabilities", `the rule %q speaks of no capability; write for example capabilities = ["shell"], or ["*"] for all`, r.Name)
	}
	for i, text := range r.Who {
		s, err := parseSubject(text, kindPerson, kindGroup, kindPrincipal, kindRole)
		if err != nil {
			return out, mistake(fmt.Sprintf("who[%d]", i), "%v", err)
		}
		out.who = append(out.who, s)
	}
	for i, text := range r.Devices {
		s, err := parseSelector(text)
		if err != nil {
			return out, mistake(fmt.Sprintf("devices[%d]", i), "%v", err)
		}
		out.devices = append(out.devices, s)
	}
	for i, text := range r.Capabilities {
		if !capabilityPattern.MatchString(text) {
			return out, mistake(fmt.Sprintf("capabilities[%d]", i), `%.60q is no capability; write for example "shell", "files.*", "action:reboot" or "*"`, text)
		}
		out.capabilities = append(out.capabilities, glob(text))
	}
	if out.hours, err = newHours(r.Hours, r.Zone); err != nil {
		return out, err
	}
	if out.deny {
		return out, r.bare()
	}
	out.terms, err = r.conditions(c)
	return out, err
}

// bare refuses terms in a rule that denies: they would be silently without
// effect.
func (r Rule) bare() error {
	for _, f := range []struct {
		key string
		set bool
	}{
		{"longest_minutes", r.LongestMinutes != nil},
		{"reason_required", r.ReasonRequired != nil},
		{"reason_min", r.ReasonMin != nil},
		{"ticket_required", r.TicketRequired != nil},
		{"ticket_pattern", r.TicketPattern != nil},
		{"idle", r.Idle != 0},
		{"watched", r.Watched},
		{"hands", r.Hands},
		{"record_input", r.RecordInput},
		{"replay", r.Replay},
		{"ask_user", r.AskUser},
	} {
		if f.set {
			return mistake(f.key, "the rule %q denies, so this would have no effect; remove it", r.Name)
		}
	}
	return nil
}

// conditions are the terms of the rule, with those of c where it says nothing.
func (r Rule) conditions(c Config) (t terms, err error) {
	c.LongestMinutes = or(r.LongestMinutes, c.LongestMinutes)
	c.DefaultMinutes = min(c.DefaultMinutes, max(1, c.LongestMinutes))
	c.ReasonRequired = or(r.ReasonRequired, c.ReasonRequired)
	c.ReasonMin = or(r.ReasonMin, c.ReasonMin)
	c.TicketRequired = or(r.TicketRequired, c.TicketRequired)
	c.TicketPattern = or(r.TicketPattern, c.TicketPattern)
	if err := c.checkTerms(); err != nil {
		return t, err
	}
	if r.Idle != 0 && (r.Idle < IdleLeast || r.Idle > MinutesMost*time.Minute) {
		return t, mistake("idle", "%s is impossible; %s to %s are allowed", spelled(r.Idle), spelled(IdleLeast), spelled(MinutesMost*time.Minute))
	}
	t = terms{defaultMinutes: c.DefaultMinutes, Obligations: Obligations{
		LongestMinutes: c.LongestMinutes, ReasonRequired: c.ReasonRequired, ReasonMin: c.ReasonMin,
		TicketRequired: c.TicketRequired, TicketPattern: c.TicketPattern,
		Idle: r.Idle, Watched: r.Watched, Hands: r.Hands, RecordInput: r.RecordInput, Replay: r.Replay, AskUser: r.AskUser,
	}}
	if c.TicketPattern != "" {
		pattern, err := c.ticket()
		if err != nil {
			return t, err // checkTerms has seen to it
		}
		t.tickets = []*regexp.Regexp{pattern}
	}
	return t, nil
}

func or[T any](own *T, inherited T) T {
	if own == nil {
		return inherited
	}
	return *own
}

// and are terms that keep to both.
func (t terms) and(o terms) terms {
	both := terms{defaultMinutes: min(t.defaultMinutes, o.defaultMinutes), tickets: slices.Concat(t.tickets, o.tickets)}
	both.Obligations = Obligations{
		LongestMinutes: min(t.LongestMinutes, o.LongestMinutes),
		ReasonRequired: t.ReasonRequired || o.ReasonRequired, ReasonMin: max(t.reasonMin(), o.reasonMin()),
		TicketRequired: t.TicketRequired || o.TicketRequired, TicketPattern: joined(t.TicketPattern, o.TicketPattern),
		Idle:    shorter(t.Idle, o.Idle),
		Watched: t.Watched || o.Watched, RecordInput: t.RecordInput || o.RecordInput, AskUser: t.AskUser || o.AskUser,
		Hands: t.Hands && o.Hands, Replay: t.Replay && o.Replay,
	}
	if !both.ReasonRequired {
		both.ReasonMin = max(t.ReasonMin, o.ReasonMin)
	}
	return both
}

// reasonMin is how long a reason must be, where there must be one.
func (t terms) reasonMin() int {
	if !t.ReasonRequired {
		return 0
	}
	return t.ReasonMin
}

func joined(a, b string) string {
	if a == b || b == "" {
		return a
	}
	if a == "" {
		return b
	}
	return a + " and " + b
}

// shorter is the shorter of two idle limits, of which 0 is none.
func shorter(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// misfit says on which counts a rule doesn't speak of something; 0: it does.
type misfit uint8

const (
	misfitWho misfit = 1 << iota
	misfitDevice
	misfitCapability
	misfitHours
	misfits = iota // how many there are
)

// misfit compares a rule with a request for one capability of somebody in
// groups.
func (r *rule) misfit(q Request, groups []string, capability string, now time.Time) misfit {
	var m misfit
	if !slices.ContainsFunc(r.who, func(s subject) bool { return s.is(q, groups) }) {
		m |= misfitWho
	}
	if len(r.devices) > 0 && !slices.ContainsFunc(r.devices, func(s selector) bool { return s.match(q) }) {
		m |= misfitDevice
	}
	if !slices.ContainsFunc(r.capabilities, func(g glob) bool { return g.match(capability) }) {
		m |= misfitCapability
	}
	if !r.hours.at(now) {
		m |= misfitHours
	}
	return m
}

// is reports whether the request is that of the subject.
func (s subject) is(q Request, groups []string) bool {
	switch s.kind {
	case kindPerson:
		return s.name == q.Person.Name && s.name != ""
	case kindGroup:
		return slices.Contains(groups, s.name)
	case kindPrincipal:
		return slices.Contains(q.Principals, s.name)
	case kindRole:
		return q.Person.Has(Role(s.name))
	}
	return false
}

func (s subject) String() string {
	if s.kind == kindPerson {
		return s.name
	}
	return s.kind + ":" + s.name
}

// boolOrder orders false before true.
func boolOrder(a, b bool) int {
	order := map[bool]int{true: 1}
	return cmp.Compare(order[a], order[b])
}
