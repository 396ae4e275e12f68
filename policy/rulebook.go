package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Rulebook is the rules and groups of a [Config], checked and ready to be
// asked. It doesn't change after [NewRulebook] and is safe for concurrent use.
// The zero value, and nil, allow nothing.
type Rulebook struct {
	rules  []*rule
	groups map[string][]subject // everybody in a group, through all groups within
}

// NewRulebook checks a configuration with the people that it speaks of. An
// error is a [Mistake].
func NewRulebook(c Config, people []Person) (*Rulebook, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	switch {
	case len(c.Rules) > rulesMost:
		return nil, mistake("rule", "%d rules are too many; up to %d are allowed", len(c.Rules), rulesMost)
	case len(c.Groups) > groupsMost:
		return nil, mistake("group", "%d groups are too many; up to %d are allowed", len(c.Groups), groupsMost)
	}
	groups, err := newGroups(c.Groups, people)
	if err != nil {
		return nil, err
	}
	book := &Rulebook{groups: groups}
	names := make(map[string]bool)
	for i, r := range c.Rules {
		at := fmt.Sprintf("rule[%d]", i)
		compiled, err := r.compile(c)
		if err != nil {
			return nil, under(at, err)
		}
		if names[r.Name] {
			return nil, mistake(at+".name", "%q stands here a second time; names are unique", r.Name)
		}
		names[r.Name] = true
		for j, s := range compiled.who {
			if _, ok := groups[s.name]; s.kind == kindGroup && !ok {
				return nil, mistake(fmt.Sprintf("%s.who[%d]", at, j), "there is no group %q; add [[policy.group]] with that name", s.name)
			}
		}
		book.rules = append(book.rules, &compiled)
	}
	return book, nil
}

// grouping resolves groups of groups.
type grouping struct {
	list   []Group
	index  map[string]int
	people map[string]bool
	done   map[string][]subject
	under  []string // the groups that are being resolved, outermost first
}

func newGroups(list []Group, people []Person) (map[string][]subject, error) {
	g := &grouping{list: list, index: map[string]int{}, people: map[string]bool{}, done: map[string][]subject{}}
	for _, p := range people {
		g.people[p.Name] = true
	}
	for i, group := range list {
		at := fmt.Sprintf("group[%d].name", i)
		if !groupName.MatchString(group.Name) {
			return nil, mistake(at, "%.60q is no name; 1 to 64 lower case letters, digits and . _ - are allowed", group.Name)
		}
		if _, ok := g.index[group.Name]; ok {
			return nil, mistake(at, "%q stands here a second time; names are unique", group.Name)
		}
		g.index[group.Name] = i
	}
	for _, group := range list {
		if _, err := g.resolve(group.Name); err != nil {
			return nil, err
		}
	}
	return g.done, nil
}

// resolve lists everybody in a group that there is.
func (g *grouping) resolve(name string) ([]subject, error) {
	if all, ok := g.done[name]; ok {
		return all, nil
	}
	g.under = append(g.under, name)
	all := []subject{}
	for j, text := range g.list[g.index[name]].Members {
		at := fmt.Sprintf("group[%d].members[%d]", g.index[name], j)
		s, err := parseSubject(text, kindPerson, kindGroup, kindPrincipal)
		if err != nil {
			return nil, mistake(at, "%v", err)
		}
		inner, err := g.member(s, at)
		if err != nil {
			return nil, err
		}
		for _, one := range inner {
			if !slices.Contains(all, one) {
				all = append(all, one)
			}
		}
	}
	g.under = g.under[:len(g.under)-1]
	g.done[name] = all
	return all, nil
}

// member is whom one entry of a group stands for.
func (g *grouping) member(s subject, at string) ([]subject, error) {
	switch s.kind {
	case kindPerson:
		if !g.people[s.name] {
			return nil, mistake(at, "there is no person %q; add [[people]] with that name", s.name)
		}
	case kindGroup:
		if _, ok := g.index[s.name]; !ok {
			return nil, mistake(at, "there is no group %q; add [[policy.group]] with that name", s.name)
		}
		if from := slices.Index(g.under, s.name); from >= 0 {
			return nil, mistake(at, "the groups go round in a circle: %s", strings.Join(append(slices.Clone(g.under[from:]), s.name), " → "))
		}
		return g.resolve(s.name)
	}
	return []subject{s}, nil
}

// GroupsOf are the groups of a person with the principals of their
// certificate, groups of groups included, in order.
func (b *Rulebook) GroupsOf(p Person, principals []string) []string {
	if b == nil {
		return nil
	}
	q := Request{Person: p, Principals: principals}
	var in []string
	for _, name := range slices.Sorted(maps.Keys(b.groups)) {
		if slices.ContainsFunc(b.groups[name], func(s subject) bool { return s.is(q, nil) }) {
			in = append(in, name)
		}
	}
	return in
}

// String says in one sentence what the rule does.
func (r Rule) String() string {
	var b strings.Builder
	if r.Effect == effectDeny {
		fmt.Fprintf(&b, "%s: denies %s", r.Name, strings.Join(r.Who, ", "))
	} else {
		fmt.Fprintf(&b, "%s: lets %s ask for", r.Name, strings.Join(r.Who, ", "))
	}
	fmt.Fprintf(&b, " %s on %s", strings.Join(r.Capabilities, ", "), cmp.Or(strings.Join(r.Devices, " or "), "every device"))
	if r.Hours != "" {
		fmt.Fprintf(&b, ", %s (%s)", r.Hours, r.Zone)
	}
	for _, t := range r.Terms() {
		b.WriteString("; " + t)
	}
	return b.String()
}

// Terms are the terms that the rule itself names, for people.
func (r Rule) Terms() []string {
	var list []string
	add := func(said bool, format string, args ...any) {
		if said {
			list = append(list, fmt.Sprintf(format, args...))
		}
	}
	add(r.LongestMinutes != nil, "up to %d minutes", or(r.LongestMinutes, 0))
	add(r.ReasonRequired != nil && *r.ReasonRequired, "with a reason")
	add(r.ReasonRequired != nil && !*r.ReasonRequired, "without a reason")
	add(r.ReasonMin != nil, "of at least %d characters", or(r.ReasonMin, 0))
	add(r.TicketRequired != nil && *r.TicketRequired, "with a ticket")
	add(r.TicketRequired != nil && !*r.TicketRequired, "without a ticket")
	add(or(r.TicketPattern, "") != "", "tickets look like %s", or(r.TicketPattern, ""))
	add(r.Idle != 0, "ends after %s without input", spelled(r.Idle))
	add(r.Watched, "a colleague must watch")
	add(r.Hands, "who watches may type")
	add(r.RecordInput, "input is recorded")
	add(r.Replay, "the user may replay it")
	return list
}

// String says in one sentence who is in the group.
func (g Group) String() string {
	return fmt.Sprintf("group:%s: %s", g.Name, cmp.Or(strings.Join(g.Members, ", "), "nobody"))
}

// Hours is a text that changes whenever the hours of a rule begin or end:
// decisions may then be others.
func (b *Rulebook) Hours(now time.Time) string {
	if b == nil {
		return ""
	}
	var text strings.Builder
	for _, r := range b.rules {
		switch {
		case r.hours.always():
		case r.hours.at(now):
			text.WriteByte('+')
		default:
			text.WriteByte('-')
		}
	}
	return text.String()
}
