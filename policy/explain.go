package policy

import (
	"fmt"
	"math/bits"
	"strings"
	"time"
)

// Explanation is a [Decision] with what would make it another one.
type Explanation struct {
	Decision
	Changes []string // sentences; none where there is nothing to say
}

// hintsMost bounds the rules that are named as those which nearly fit.
const hintsMost = 5

// Explain is [Decide], and says what would change the decision: the hours that
// would fit, the group to be in, what the rules do allow, what is missing.
func Explain(r Request, f Facts, now time.Time) Explanation {
	e := Explanation{Decision: Decide(r, f, now)}
	r = lend(r, f.Open, now)
	switch {
	case e.Verdict == Incomplete:
		e.Changes = wanted(r, e.Obligations)
		return e
	case e.Verdict == Allow:
		e.Changes = f.Rules.ends(e.Rule, now)
		return e
	case len(f.Bars) > 0 || !r.Person.Has(Technician) || f.Rules == nil:
		return e // the sentence says what to do, if anything helps
	}
	if _, ok := offered(r, f); !ok {
		if r.Device != "" {
			e.Changes = []string{fmt.Sprintf("What %s offers stands in its own configuration, and no rule here changes it.", r.Device)}
		}
		return e
	}
	groups := f.Rules.GroupsOf(r.Person, r.Principals)
	for _, c := range r.Capabilities {
		e.Changes = append(e.Changes, f.Rules.denials(r, groups, c, now)...)
		if rules, _ := f.Rules.withoutDenials().allowing(r, groups, c, now); len(rules) == 0 {
			e.Changes = append(e.Changes, f.Rules.nearest(r, groups, c, now)...)
		}
	}
	return e
}

// wanted says what an incomplete request lacks.
func wanted(r Request, o Obligations) []string {
	var list []string
	t := terms{Obligations: o}
	ticketless := r
	ticketless.Ticket = ""
	t.TicketRequired = false
	if t.lacks(ticketless) != "" {
		list = append(list, fmt.Sprintf("Give a reason of at least %d characters.", o.ReasonMin))
	}
	switch {
	case o.TicketPattern != "" && (o.TicketRequired || r.Ticket != ""):
		list = append(list, fmt.Sprintf("Give a ticket of the form %s.", o.TicketPattern))
	case o.TicketRequired && r.Ticket == "":
		list = append(list, "Give a ticket.")
	}
	return list
}

// ends says when the hours of the rules that allow are over.
func (b *Rulebook) ends(names string, now time.Time) []string {
	var list []string
	for _, one := range b.rules {
		if one.hours.always() || !strings.Contains(", "+names+", ", ", "+one.name+", ") {
			continue
		}
		if turn, ok := one.hours.turn(now); ok {
			list = append(list, fmt.Sprintf("The hours of the rule %q are over from %s on.", one.name, one.hours.moment(turn)))
		}
	}
	return list
}

// moment spells a time as the hours mean it.
func (h hours) moment(t time.Time) string { return t.In(h.zone).Format("Mon 2 Jan 15:04 MST") }

// denials says what would lift the rules that deny one capability.
func (b *Rulebook) denials(r Request, groups []string, capability string, now time.Time) []string {
	var list []string
	for _, one := range b.rules {
		if !one.deny || one.misfit(r, groups, capability, now) != 0 {
			continue
		}
		turn, ok := one.hours.turn(now)
		if one.hours.always() || !ok {
			list = append(list, fmt.Sprintf("The rule %q denies it at any time, and no other rule outweighs that.", one.name))
			continue
		}
		list = append(list, fmt.Sprintf("The rule %q denies it only at these hours: %s; they are over from %s on.", one.name, one.hours, one.hours.moment(turn)))
	}
	return list
}

// withoutDenials is the rulebook with only the rules that allow.
func (b *Rulebook) withoutDenials() *Rulebook {
	kept := &Rulebook{groups: b.groups}
	for _, one := range b.rules {
		if !one.deny {
			kept.rules = append(kept.rules, one)
		}
	}
	return kept
}

// nearest says what the rules do allow that miss by least.
func (b *Rulebook) nearest(r Request, groups []string, capability string, now time.Time) []string {
	var list []string
	least := misfits + 1
	for _, one := range b.rules {
		if one.deny {
			continue
		}
		m := one.misfit(r, groups, capability, now)
		n := bits.OnesCount8(uint8(m))
		if n < least {
			least, list = n, nil
		}
		if n == least && len(list) < hintsMost {
			list = append(list, one.allows(m, now))
		}
	}
	return list
}

// allows says what a rule allows, as far as it misses.
func (r *rule) allows(m misfit, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "The rule %q allows ", r.name)
	if m&misfitCapability != 0 {
		b.WriteString(spell(r.capabilities, ", ", func(g glob) string { return string(g) }))
	} else {
		b.WriteString("it")
	}
	if m&misfitWho != 0 {
		b.WriteString(" to " + spell(r.who, ", ", subject.String))
	}
	if m&misfitDevice != 0 {
		b.WriteString(" on devices with " + spell(r.devices, " or ", selector.String))
	}
	if m&misfitHours != 0 {
		b.WriteString(" at these hours: " + r.hours.String())
		if turn, ok := r.hours.turn(now); ok {
			b.WriteString("; next from " + r.hours.moment(turn))
		}
	}
	b.WriteString(".")
	return b.String()
}

func spell[T any](list []T, between string, text func(T) string) string {
	parts := make([]string, len(list))
	for i, one := range list {
		parts[i] = text(one)
	}
	return strings.Join(parts, between)
}

// String is the selector as a file spells it.
func (s selector) String() string {
	return spell(s, ",", func(t term) string { return t.key + "=" + string(t.want) })
}
