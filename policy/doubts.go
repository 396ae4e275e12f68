package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Capabilities are the names of all capabilities but those of actions, which
// begin with "action:".
func Capabilities() []string {
	return []string{"shell", "files.get", "files.put", "screen.view", "screen.control", "clipboard.get", "clipboard.put", "forward"}
}

// Doubts are what [NewRulebook] takes and yet can't be meant: rules, or parts
// of them, that never speak of anything. A configuration that it refuses has
// none.
func (c Config) Doubts(people []Person) []Mistake {
	book, err := NewRulebook(c, people)
	if err != nil {
		return nil
	}
	names := make(map[string]bool, len(people))
	for _, p := range people {
		names[p.Name] = true
	}
	var list []Mistake
	doubt := func(key, format string, args ...any) {
		list = append(list, Mistake{Key: key, Sentence: fmt.Sprintf(format, args...)})
	}
	for i, g := range c.Groups {
		if len(book.groups[g.Name]) == 0 {
			doubt(fmt.Sprintf("group[%d].members", i), "the group %q has no members", g.Name)
		}
	}
	if !slices.ContainsFunc(book.rules, func(r *rule) bool { return !r.deny }) {
		doubt("rule", "no rule allows anything, so nobody may ask for a visit")
	}
	for i, r := range book.rules {
		at := fmt.Sprintf("rule[%d]", i)
		for _, m := range r.doubts(book, names) {
			doubt(at+"."+m.Key, "%s", m.Sentence)
		}
		for _, d := range book.rules {
			if d.deny && !r.deny && d.shadows(r, book.groups) {
				doubt(at+".name", "the rule %q never allows anything: the rule %q denies all of it", r.name, d.name)
				break
			}
		}
	}
	return list
}

// doubts are those about one rule by itself.
func (r *rule) doubts(book *Rulebook, people map[string]bool) (list []Mistake) {
	doubt := func(key, format string, args ...any) {
		list = append(list, Mistake{Key: key, Sentence: fmt.Sprintf(format, args...)})
	}
	for i, s := range r.who {
		key := fmt.Sprintf("who[%d]", i)
		switch {
		case s.kind == kindPerson && !people[s.name]:
			doubt(key, "there is no person %q", s.name)
		case s.kind == kindGroup && len(book.groups[s.name]) == 0:
			doubt(key, "the group %q has no members, so this fits nobody", s.name)
		}
	}
	for i, s := range r.devices {
		if s.contradicts() {
			doubt(fmt.Sprintf("devices[%d]", i), "%q contradicts itself: no device is both", s)
		}
	}
	for i, g := range r.capabilities {
		if !strings.HasPrefix(string(g), "action:") && !slices.ContainsFunc(Capabilities(), g.match) {
			doubt(fmt.Sprintf("capabilities[%d]", i), `there is no capability %q; there are %s and "action:NAME"`, g, strings.Join(Capabilities(), ", "))
		}
	}
	if r.hours.never() {
		doubt("hours", "no time is within %q, so the rule %q never speaks", r.hours.text, r.name)
	}
	return list
}

// shadows reports whether r, which denies, speaks of all that other speaks of.
func (r *rule) shadows(other *rule, groups map[string][]subject) bool {
	return every(other.who, func(s subject) bool { return r.speaksOf(s, groups) }) &&
		(len(r.devices) == 0 || len(other.devices) > 0 && every(other.devices, func(s selector) bool {
			return slices.ContainsFunc(r.devices, func(own selector) bool { return own.covers(s) })
		})) &&
		every(other.capabilities, func(g glob) bool {
			return slices.ContainsFunc(r.capabilities, func(own glob) bool { return own.covers(g) })
		}) &&
		(r.hours.always() || other.hours.text == r.hours.text && other.hours.zone.String() == r.hours.zone.String())
}

func every[T any](list []T, holds func(T) bool) bool {
	return !slices.ContainsFunc(list, func(one T) bool { return !holds(one) })
}

// speaksOf reports whether everybody that s stands for is among the rule's
// who. Whoever may ask at all is a technician.
func (r *rule) speaksOf(s subject, groups map[string][]subject) bool {
	for _, own := range r.who {
		if own == s || own == (subject{kindRole, string(Technician)}) || own.kind == kindGroup && slices.Contains(groups[own.name], s) {
			return true
		}
	}
	return s.kind == kindGroup && len(groups[s.name]) > 0 && every(groups[s.name], func(member subject) bool { return r.speaksOf(member, groups) })
}
