package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Request is what a technician asks for. Its texts have been cleaned.
type Request struct {
	Person       Person
	Device       string
	Labels       map[string]string // of the device
	Capabilities []string
	Minutes      int // 0: the default
	Reason       string
	Ticket       string
	Login        string // the account on the device; empty: its default
}

// Facts are what the caller knows when it asks. The zero Facts allow nothing.
type Facts struct {
	Policy Config
	Offers []string // capabilities of the device
	Logins []string // accounts that the device lets a visit use
	Open   []Visit  // visits of this person that are open now
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
	Rule    string // what decided: the name of a rule, or "default deny"
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
	TicketPattern  string // for the whole ticket; empty takes any
}

// Names of what decides. The rules of the configuration have names beside
// these.
const (
	ruleDefault    = "default deny"
	ruleOffer      = "what the device offers"
	ruleReason     = "reason_required"
	ruleTicket     = "ticket_required"
	rulePattern    = "ticket_pattern"
	ruleTechnician = "role technician"
)

// Decide says whether a request may be put to the device's user. It is the one
// place where that is decided. An open visit of the same person on the same
// device lends its reason and ticket to a request that brings none.
func Decide(r Request, f Facts, now time.Time) Decision {
	if !r.Person.Has(Technician) {
		return deny(ruleDefault, "Asking for a visit needs the role technician, and you don't have it; an admin can give it to you.")
	}
	if d, ok := offered(r, f); !ok {
		return d
	}
	p := f.Policy
	if p.Check() != nil || r.Minutes < 0 {
		return deny(ruleDefault, "The policy in force allows no visit of that length; name 1 or more minutes, or ask an admin.")
	}
	r = lend(r, f.Open, now)
	d := Decision{
		Rule: ruleTechnician, Minutes: minutes(r.Minutes, p), Reason: r.Reason, Ticket: r.Ticket,
		Obligations: Obligations{
			LongestMinutes: p.LongestMinutes, ReasonRequired: p.ReasonRequired, ReasonMin: p.ReasonMin,
			TicketRequired: p.TicketRequired, TicketPattern: p.TicketPattern,
		},
	}
	if rule, why := lacks(r, p); rule != "" {
		d.Verdict, d.Rule, d.Why = Incomplete, rule, why
		return d
	}
	d.Verdict = Allow
	d.Why = fmt.Sprintf("A technician may ask for what %s offers, for up to %d minutes.", r.Device, p.LongestMinutes)
	if r.Minutes > d.Minutes {
		d.Why += fmt.Sprintf(" You get %d minutes instead of %d.", d.Minutes, r.Minutes)
	}
	return d
}

func deny(rule, format string, args ...any) Decision {
	return Decision{Rule: rule, Why: fmt.Sprintf(format, args...)}
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

func minutes(wanted int, p Config) int {
	if wanted == 0 {
		return p.DefaultMinutes
	}
	return min(wanted, p.LongestMinutes)
}

// lacks says which rule wants more of the request, and what.
func lacks(r Request, p Config) (rule, why string) {
	if n := utf8.RuneCountInString(strings.TrimSpace(r.Reason)); p.ReasonRequired && n < p.ReasonMin {
		return ruleReason, fmt.Sprintf("A reason of at least %d characters is required.", p.ReasonMin)
	}
	if r.Ticket == "" {
		if p.TicketRequired {
			return ruleTicket, "A ticket is required."
		}
		return "", ""
	}
	if pattern, err := p.ticket(); err != nil || !pattern.MatchString(r.Ticket) {
		return rulePattern, fmt.Sprintf("The ticket %q doesn't have the form %s.", r.Ticket, p.TicketPattern)
	}
	return "", ""
}
