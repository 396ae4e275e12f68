package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Request is what a technician asks for. Its texts have been cleaned.
type Request struct {
	Person       Person
	Principals   []string // of the certificate that the person came with
	Device       string
	Class        string            // of the device: "unattended"; anything else is "attended"
	Labels       map[string]string // of the device
	Capabilities []string
	Minutes      int // 0: the default
	Reason       string
	Ticket       string
	Login        string // the account on the device; empty: its default
}

// Facts are what the caller knows when it asks. The zero Facts allow nothing.
type Facts struct {
	Rules  *Rulebook
	Bars   []Bar    // what bars the person, whatever the rules say
	Offers []string // capabilities of the device
	Logins []string // accounts that the device lets a visit use
	Open   []Visit  // visits of this person that are open now
}

// Bar denies outright, whatever the rules say. See [Standing.Bars].
type Bar struct {
	Rule string // what bars
	Why  string // a sentence
}

// Visit is an open visit, as far as a decision needs it.
type Visit struct {
	Device string
	Reason string
	Ticket string
	Ends   time.Time
}

// Verdict of a [Decision]. The zero value denies.
type Verdict int

// The verdicts. Incomplete would be Allow, but for a reason or a ticket: ask
// for them, and decide again. It opens nothing.
const (
	Deny Verdict = iota
	Incomplete
	Allow
)

// String is "deny", "incomplete" or "allow".
func (v Verdict) String() string {
	switch v {
	case Allow:
		return "allow"
	case Incomplete:
		return "incomplete"
	}
	return "deny"
}

// Decision says what was decided, by which rule, and why.
type Decision struct {
	Verdict Verdict
	Rule    string // what decided: the names of rules, with commas between, or one of ours
	Why     string // a sentence for the technician
	// Minutes, Reason and Ticket are those to put in the request to the
	// device. They count with Allow only.
	Minutes int
	Reason  string
	Ticket  string
	// Obligations bind whoever may ask at all; a form shows them. They are
	// empty with Deny.
	Obligations Obligations
}

// Obligations are what comes with a visit.
type Obligations struct {
	LongestMinutes int
	ReasonRequired bool
	ReasonMin      int // characters
	TicketRequired bool
	TicketPattern  string        // for the whole ticket; empty takes any
	Idle           time.Duration // without input the visit ends after it; 0: never
	Watched        bool          // a colleague must watch
	Hands          bool          // who watches may type too
	RecordInput    bool          // what is typed is recorded too
	Replay         bool          // the user may replay the visit on the device
	AskUser        bool          // no standing consent of a device's owner will do
}

// Names of what decides besides the rules of the configuration.
const (
	ruleDefault = "default deny"
	ruleOffer   = "what the device offers"
)

// ownRules are names that no rule of the configuration may have. Those of a
// [Bar] are among them.
func ownRules() []string {
	return []string{ruleDefault, ruleOffer, ruleLock, ruleCharter, ruleTraining, "override"}
}

// Decide says whether a request may be put to the device's user. It is the one
// place where that is decided. What bars the person comes first; then a rule
// that denies wins over all that allow, and what no rule allows is denied. Of
// several rules that allow the same, the one that suits the request best
// counts; where a request needs several, the strictest terms of them all. An
// open visit of the same person on the same device lends its reason and ticket
// to a request that brings none.
func Decide(r Request, f Facts, now time.Time) Decision {
	if len(f.Bars) > 0 {
		return deny(f.Bars[0].Rule, "%s", f.Bars[0].Why)
	}
	if !r.Person.Has(Technician) {
		return deny(ruleDefault, "Asking for a visit needs the role technician, and you don't have it; an admin can give it to you.")
	}
	if d, ok := offered(r, f); !ok {
		return d
	}
	if r.Minutes < 0 {
		return deny(ruleDefault, "A visit lasts 1 minute or more.")
	}
	r = lend(r, f.Open, now)
	groups := f.Rules.GroupsOf(r.Person, r.Principals)
	allowing := make([][]*rule, len(r.Capabilities))
	for i, c := range r.Capabilities {
		var denied Decision
		if allowing[i], denied = f.Rules.allowing(r, groups, c, now); allowing[i] == nil {
			return denied
		}
	}
	return best(r, allowing).decision(r, now)
}

// Obtainable are the capabilities that the device offers and the person may
// ask for, each by itself; a request for any of them together isn't denied
// either.
func Obtainable(r Request, f Facts, now time.Time) []string {
	var list []string
	for _, c := range f.Offers {
		r.Capabilities = []string{c}
		if Decide(r, f, now).Verdict != Deny {
			list = append(list, c)
		}
	}
	return list
}

func deny(rule, format string, args ...any) Decision {
	return Decision{Rule: rule, Why: fmt.Sprintf(format, args...)}
}

// allowing are the rules that allow one capability; or, without any, why not.
func (b *Rulebook) allowing(r Request, groups []string, capability string, now time.Time) (rules []*rule, denied Decision) {
	denied = deny(ruleDefault, "No rule lets %s ask for %s on %s.", r.Person.Name, capability, r.Device)
	if b == nil {
		return nil, denied
	}
	for _, one := range b.rules {
		switch m := one.misfit(r, groups, capability, now); {
		case m == 0 && one.deny:
			return nil, deny(one.name, "The rule %q denies %s on %s.", one.name, capability, r.Device)
		case m == 0:
			rules = append(rules, one)
		case m == misfitHours && !one.deny:
			denied.Why = fmt.Sprintf("The rule %q lets %s ask for %s on %s only at these hours: %s.", one.name, r.Person.Name, capability, r.Device, one.hours)
		}
	}
	return rules, denied
}

// bid is one way to allow a request: by these rules, each of which is needed,
// on their strictest terms.
type bid struct {
	rules   []*rule
	terms   terms
	verdict Verdict
	lacks   string // with Incomplete: what
	minutes int
}

func newBid(r Request, rules ...*rule) bid {
	b := bid{rules: rules, terms: rules[0].terms, verdict: Allow}
	for _, one := range rules[1:] {
		b.terms = b.terms.and(one.terms)
	}
	b.minutes = b.terms.minutes(r.Minutes)
	if b.lacks = b.terms.lacks(r); b.lacks != "" {
		b.verdict = Incomplete
	}
	return b
}

// best is the way that suits the request best. Taking for each capability the
// rule that suits it best gives the best verdict and the most minutes that any
// choice of rules can give, since each is the worst among what is needed; a
// single rule for all of them may have milder terms at that.
func best(r Request, allowing [][]*rule) bid {
	var each []*rule
	for _, rules := range allowing {
		bids := make([]bid, len(rules))
		for i, one := range rules {
			bids[i] = newBid(r, one)
		}
		if one := slices.MinFunc(bids, bid.order).rules[0]; !slices.Contains(each, one) {
			each = append(each, one)
		}
	}
	slices.SortFunc(each, func(a, b *rule) int { return strings.Compare(a.name, b.name) })
	bids := []bid{newBid(r, each...)}
	for _, one := range allowing[0] {
		if !slices.ContainsFunc(allowing[1:], func(rules []*rule) bool { return !slices.Contains(rules, one) }) {
			bids = append(bids, newBid(r, one))
		}
	}
	return slices.MinFunc(bids, bid.order)
}

// order puts the better of two bids first, by nothing but what they are: the
// order of the rules in the file is of no account.
func (b bid) order(o bid) int {
	c := cmp.Compare(o.verdict, b.verdict)
	if b.verdict == Incomplete {
		// Of what wants more, that which wants least, so that it can be had.
		c = cmp.Or(c, boolOrder(b.terms.TicketRequired, o.terms.TicketRequired), cmp.Compare(b.terms.reasonMin(), o.terms.reasonMin()))
	}
	return cmp.Or(c,
		cmp.Compare(o.minutes, b.minutes),
		boolOrder(b.terms.Watched, o.terms.Watched),
		boolOrder(b.terms.RecordInput, o.terms.RecordInput),
		cmp.Compare(uint64(o.terms.Idle-1), uint64(b.terms.Idle-1)), // none, which is 0, is the longest
		boolOrder(o.terms.Hands, b.terms.Hands),
		boolOrder(o.terms.Replay, b.terms.Replay),
		cmp.Compare(len(b.rules), len(o.rules)),
		strings.Compare(b.names(", "), o.names(", ")),
	)
}

func (b bid) names(between string) string {
	names := make([]string, len(b.rules))
	for i, one := range b.rules {
		names[i] = one.name
	}
	return strings.Join(names, between)
}

// decision is what comes of the bid that is taken.
func (b bid) decision(r Request, now time.Time) Decision {
	d := Decision{
		Verdict: b.verdict, Rule: b.names(", "), Why: b.lacks, Minutes: b.minutes, Reason: r.Reason, Ticket: r.Ticket,
		Obligations: b.terms.Obligations,
	}
	if d.Verdict != Allow {
		return d
	}
	verb := "The rule %q lets"
	if len(b.rules) > 1 {
		verb = "The rules %q let"
	}
	d.Why = fmt.Sprintf(verb+" %s ask for %s on %s, for up to %d minutes.", b.names(", "), r.Person.Name, listed(r.Capabilities), r.Device, b.terms.LongestMinutes)
	if r.Minutes > d.Minutes {
		d.Why += fmt.Sprintf(" You get %d minutes instead of %d.", d.Minutes, r.Minutes)
	}
	for _, one := range b.rules {
		if ends, ok := one.hours.turn(now); !one.hours.always() && ok && ends.Before(now.Add(time.Duration(d.Minutes)*time.Minute)) {
			d.Why += fmt.Sprintf(" The hours of the rule %q end at %s.", one.name, ends.In(one.hours.zone).Format("15:04 MST"))
		}
	}
	return d
}

// offered wants at least one capability, and nothing that the device doesn't
// offer.
func offered(r Request, f Facts) (Decision, bool) {
	if r.Device == "" || len(r.Capabilities) == 0 {
		return deny(ruleDefault, "A request names a device and at least one capability."), false
	}
	for _, c := range r.Capabilities {
		if !slices.Contains(f.Offers, c) {
			return deny(ruleOffer, "%s doesn't offer %q; it offers %s.", r.Device, c, listed(f.Offers)), false
		}
	}
	if r.Login != "" && !slices.Contains(f.Logins, r.Login) {
		return deny(ruleOffer, "%s doesn't let a visit use the account %q; it lets it use %s.", r.Device, r.Login, listed(f.Logins)), false
	}
	return Decision{}, true
}

func listed(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}

// lend takes what the request lacks from an open visit on the same device.
func lend(r Request, open []Visit, now time.Time) Request {
	for _, v := range open {
		if v.Device != r.Device || !v.Ends.After(now) {
			continue
		}
		if r.Reason == "" {
			r.Reason = v.Reason
		}
		if r.Ticket == "" {
			r.Ticket = v.Ticket
		}
	}
	return r
}

// minutes are those of a visit for which so many are wished.
func (t terms) minutes(wanted int) int {
	if wanted == 0 {
		return t.defaultMinutes
	}
	return min(wanted, t.LongestMinutes)
}

// lacks says what more the terms want of a request; nothing if it has it all.
func (t terms) lacks(r Request) string {
	if n := utf8.RuneCountInString(strings.TrimSpace(r.Reason)); t.ReasonRequired && n < t.ReasonMin {
		return fmt.Sprintf("A reason of at least %d characters is required.", t.ReasonMin)
	}
	if r.Ticket == "" {
		if t.TicketRequired {
			return "A ticket is required."
		}
		return ""
	}
	for _, pattern := range t.tickets {
		if !pattern.MatchString(r.Ticket) {
			return fmt.Sprintf("The ticket %q doesn't have the form %s.", r.Ticket, t.TicketPattern)
		}
	}
	return ""
}
