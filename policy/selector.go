package policy

import (
	"fmt"
	"strings"
	"unicode"
)

// glob is a text in which "*" stands for any text, also for none.
type glob string

func (g glob) match(s string) bool {
	parts := strings.Split(string(g), "*")
	if len(parts) == 1 {
		return string(g) == s
	}
	s, ok := strings.CutPrefix(s, parts[0])
	if !ok {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(s, part)
		if at < 0 {
			return false
		}
		s = s[at+len(part):]
	}
	return strings.HasSuffix(s, parts[len(parts)-1])
}

func (g glob) literal() bool { return !strings.Contains(string(g), "*") }

// covers reports whether g surely matches all that other does. It may miss
// that it does, never that it doesn't.
func (g glob) covers(other glob) bool {
	if g == other || g == "*" || other.literal() {
		return g.match(string(other))
	}
	// What ends in a star covers what begins with the same.
	prefix, ok := strings.CutSuffix(string(g), "*")
	return ok && !strings.Contains(prefix, "*") && strings.HasPrefix(string(other), prefix)
}

// apart reports whether g and other surely never match the same. It may miss
// that they do not.
func (g glob) apart(other glob) bool {
	switch {
	case g.literal():
		return !other.match(string(g))
	case other.literal():
		return !g.match(string(other))
	}
	before, _, _ := strings.Cut(string(g), "*")
	otherBefore, _, _ := strings.Cut(string(other), "*")
	after, otherAfter := string(g)[strings.LastIndex(string(g), "*")+1:], string(other)[strings.LastIndex(string(other), "*")+1:]
	return !strings.HasPrefix(before, otherBefore) && !strings.HasPrefix(otherBefore, before) ||
		!strings.HasSuffix(after, otherAfter) && !strings.HasSuffix(otherAfter, after)
}

// selector picks devices: all of its terms must hold.
type selector []term

// term is one part of a selector: "site=lyon".
type term struct {
	key  string
	want glob
}

// Keys of a selector that are no labels. A label of such a name can't be
// selected by.
const (
	keyName  = "name"
	keyClass = "class"
)

// Classes of devices, as in wire. A device that doesn't say its class is
// attended.
const (
	classAttended   = "attended"
	classUnattended = "unattended"
)

// parseSelector reads "site=lyon,name=web-*".
func parseSelector(text string) (selector, error) {
	var s selector
	for part := range strings.SplitSeq(text, ",") {
		key, want, ok := strings.Cut(part, "=")
		key, want = strings.TrimSpace(key), strings.TrimSpace(want)
		if !ok || key == "" || want == "" || strings.ContainsFunc(part, func(r rune) bool { return !unicode.IsPrint(r) }) {
			return nil, fmt.Errorf(`%.60q selects no device; write for example "site=lyon" or "site=lyon,name=web-*"`, part)
		}
		if key == keyClass && want != classAttended && want != classUnattended {
			return nil, fmt.Errorf(`%.60q is no class of devices; there are %q and %q`, want, classAttended, classUnattended)
		}
		s = append(s, term{key, glob(want)})
	}
	return s, nil
}

// Selection picks devices as a rule's entry of devices does.
type Selection struct{ terms selector }

// ParseSelection reads "site=lyon,name=web-*".
func ParseSelection(text string) (Selection, error) {
	s, err := parseSelector(text)
	return Selection{s}, err
}

// Picks says whether a device is among them. Class may be empty: attended.
func (s Selection) Picks(name, class string, labels map[string]string) bool {
	return s.terms.match(Request{Device: name, Class: class, Labels: labels})
}

func (s selector) match(r Request) bool {
	for _, t := range s {
		if value, ok := r.value(t.key); !ok || !t.want.match(value) {
			return false
		}
	}
	return true
}

// value is what a selector compares with, of the request's device.
func (r Request) value(key string) (string, bool) {
	switch key {
	case keyName:
		return r.Device, true
	case keyClass:
		if r.Class == classUnattended {
			return r.Class, true
		}
		return classAttended, true
	}
	value, ok := r.Labels[key]
	return value, ok
}

// covers reports whether s surely picks every device that other does.
func (s selector) covers(other selector) bool {
	for _, t := range s {
		held := false
		for _, o := range other {
			held = held || o.key == t.key && t.want.covers(o.want)
		}
		if !held {
			return false
		}
	}
	return true
}

// contradicts reports two terms that never hold together.
func (s selector) contradicts() bool {
	for i, t := range s {
		for _, o := range s[:i] {
			if t.key == o.key && t.want.apart(o.want) {
				return true
			}
		}
	}
	return false
}
