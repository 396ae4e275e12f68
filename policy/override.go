package policy

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Override is the section [policy.override] of the configuration: when a visit
// may be opened without the consent of the device's user. The zero Override
// allows none.
type Override struct {
	Enabled bool `toml:"enabled"`
	// Attempts to reach the user, by this technician on this device within
	// Within, must have failed before one may be asked for.
	Attempts int           `toml:"attempts"`
	Within   time.Duration `toml:"within"`
	Signers  int           `toml:"signers"` // supervisors who must sign
	Life     time.Duration `toml:"life"`    // how long one may wait to be signed and used
	// ReviewWithin is how long after the visit the review may take.
	ReviewWithin  time.Duration `toml:"review_within"`
	Webhook       string        `toml:"webhook"`        // URL that is told; empty: none
	WebhookSecret string        `toml:"webhook_secret"` // file with the key of its signatures
	Emergency     []Emergency   `toml:"emergency"`
}

// Emergency is a rule under which an override needs no attempt. What is empty
// asks nothing; a rule must ask for a reason or a ticket of some form.
type Emergency struct {
	Name    string   `toml:"name"`
	Who     []string `toml:"who"`     // technicians, by name
	Devices []string `toml:"devices"` // by name
	Reason  string   `toml:"reason"`  // RE2, for the whole reason
	Ticket  string   `toml:"ticket"`  // RE2, for the whole ticket
}

// Bounds of the values in [Override].
const (
	attemptsMost = 10
	signersMost  = 2
	lifeLeast    = time.Second
	lifeMost     = 12 * time.Hour
	withinMost   = 7 * 24 * time.Hour
	reviewMost   = 30 * 24 * time.Hour
)

// OverrideDefaults are the values in force without a file.
func OverrideDefaults() Override {
	return Override{
		Enabled: true, Attempts: 1, Within: time.Hour, Signers: 1, Life: time.Hour, ReviewWithin: 24 * time.Hour,
		Emergency: []Emergency{},
	}
}

// Check refuses what can't be, with a [Mistake].
func (o Override) Check() error {
	if reflect.ValueOf(o).IsZero() {
		return nil // and allows nothing
	}
	switch {
	case o.Attempts < 1 || o.Attempts > attemptsMost:
		return mistake("attempts", "%d is impossible; 1 to %d are allowed", o.Attempts, attemptsMost)
	case o.Within < lifeLeast || o.Within > withinMost:
		return mistake("within", "%s is impossible; 1s to 168h are allowed", o.Within)
	case o.Signers < 1 || o.Signers > signersMost:
		return mistake("signers", "%d is impossible; 1 or 2 are allowed", o.Signers)
	case o.Life < lifeLeast || o.Life > lifeMost:
		return mistake("life", "%s is impossible; 1s to 12h are allowed", o.Life)
	case o.ReviewWithin < time.Second || o.ReviewWithin > reviewMost:
		return mistake("review_within", "%s is impossible; 1s to 720h are allowed", o.ReviewWithin)
	case o.Webhook != "" && !hookAddress.MatchString(o.Webhook):
		return mistake("webhook", "%q is no address; write https://… (http:// only to this machine)", o.Webhook)
	case (o.Webhook == "") != (o.WebhookSecret == ""):
		return mistake("webhook_secret", "webhook and webhook_secret go together: what is told must be signed")
	}
	names := make(map[string]bool)
	for i, e := range o.Emergency {
		at := fmt.Sprintf("emergency[%d]", i)
		if err := e.check(at); err != nil {
			return err
		}
		if names[e.Name] {
			return mistake(at+".name", "%q stands here a second time; names are unique", e.Name)
		}
		names[e.Name] = true
	}
	return nil
}

// hookAddress matches https, or http that doesn't leave the machine; no
// password, and nothing behind a "#".
var hookAddress = regexp.MustCompile(`^(https://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])|http://(localhost|127\.0\.0\.1|\[::1\]))(:[0-9]{1,5})?(/[!"$-~]*)?$`)

func (e Emergency) check(at string) error {
	switch {
	case !personName.MatchString(e.Name):
		return mistake(at+".name", "%q is no name; 1 to 64 lower case letters, digits and . _ @ - are allowed", e.Name)
	case e.Reason == "" && e.Ticket == "":
		return mistake(at+".reason", "an emergency is known by its reason or its ticket; give the form of one of them")
	}
	if _, err := whole(e.Reason); err != nil {
		return mistake(at+".reason", "%q is no regular expression (%v)", e.Reason, err)
	}
	if _, err := whole(e.Ticket); err != nil {
		return mistake(at+".ticket", "%q is no regular expression (%v)", e.Ticket, err)
	}
	return nil
}

// whole compiles a pattern that matches a whole text; an empty one takes any.
func whole(pattern string) (*regexp.Regexp, error) {
	return Config{TicketPattern: pattern}.ticket()
}

// covers reports whether a request is an emergency of this kind.
func (e Emergency) covers(r Request) bool {
	if len(e.Who) > 0 && !slices.Contains(e.Who, r.Person.Name) || len(e.Devices) > 0 && !slices.Contains(e.Devices, r.Device) {
		return false
	}
	return (e.Reason != "" || e.Ticket != "") && fits(e.Reason, r.Reason) && fits(e.Ticket, r.Ticket)
}

// fits reports whether a text has the form of a pattern; no form asks nothing.
func fits(pattern, text string) bool {
	if pattern == "" {
		return true
	}
	re, err := whole(pattern)
	return err == nil && text != "" && re.MatchString(text)
}

// Case is one override, as far as the rules about it need it.
type Case struct {
	Number     int
	Exercise   bool
	Technician string
	Signers    []string // who has signed
	Until      time.Time
	// Ended is when its visit ended; zero while it has not been used or its
	// visit goes on.
	Ended    time.Time
	Reviewed bool
}

// Due is when the review of a case must be there; zero where none is due.
func (o Override) Due(c Case) time.Time {
	if c.Ended.IsZero() || c.Reviewed {
		return time.Time{}
	}
	return c.Ended.Add(o.ReviewWithin)
}

// Overdue reports whether the review of a case should have been there. That of
// an exercise holds nobody up.
func (o Override) Overdue(c Case, now time.Time) bool {
	due := o.Due(c)
	return !c.Exercise && !due.IsZero() && now.After(due)
}

// Attempt is a request that was not answered with a yes, as the log has it.
type Attempt struct{ At time.Time }

// Ruling is what the rules say to a step of an override.
type Ruling struct {
	Allowed bool
	Why     string // a sentence, where it is not allowed
	// Emergency is the rule that made attempts needless.
	Emergency string
}

func refused(format string, args ...any) Ruling { return Ruling{Why: fmt.Sprintf(format, args...)} }

// MayRequest says whether a technician may ask for an override of the user's
// consent: only to what the policy lets them ask the user for (d decided r),
// only after as many attempts as are demanded, unless a rule says that it is
// an emergency, and not while the review of an earlier one is overdue. An
// exercise needs no attempt.
func (o Override) MayRequest(r Request, d Decision, attempts []Attempt, cases []Case, exercise bool, now time.Time) Ruling {
	switch {
	case !o.Enabled || o.Check() != nil:
		return refused("Overrides are switched off here (policy.override.enabled); only the user can let you in.")
	case !r.Person.Has(Technician):
		return refused("Asking for an override needs the role technician, and you don't have it; an admin can give it to you.")
	case d.Verdict != Allow:
		return refused("%s An override opens nothing that you could not ask the user for.", d.Why)
	}
	for _, c := range cases {
		if c.Technician == r.Person.Name && o.Overdue(c, now) {
			return refused("The review of override %d, which you used, is overdue. A third person must review it before you can ask for another.", c.Number)
		}
	}
	if exercise {
		return Ruling{Allowed: true, Emergency: "exercise"}
	}
	if recent := o.Recent(attempts, now); len(recent) < o.Attempts {
		for _, e := range o.Emergency {
			if e.covers(Request{Person: r.Person, Device: r.Device, Reason: d.Reason, Ticket: d.Ticket}) {
				return Ruling{Allowed: true, Emergency: e.Name}
			}
		}
		return refused("You must have asked the user of %s %s within the last %s; the log has %d. Ask first: an override is for when nobody answers.",
			r.Device, times(o.Attempts), spelled(o.Within), len(recent))
	}
	return Ruling{Allowed: true}
}

// Recent are the attempts that still count.
func (o Override) Recent(attempts []Attempt, now time.Time) []Attempt {
	return slices.DeleteFunc(slices.Clone(attempts), func(a Attempt) bool {
		return a.At.Before(now.Add(-o.Within)) || a.At.After(now)
	})
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// spelled is a duration without the zeros that Go puts behind it.
func spelled(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// MaySign says whether a person may sign a case: a supervisor, never the
// technician, not a second time, not after its end, and not while the review
// of one that they signed is overdue.
func (o Override) MaySign(p Person, c Case, cases []Case, now time.Time) Ruling {
	switch {
	case !o.Enabled:
		return refused("Overrides are switched off here (policy.override.enabled).")
	case !p.Has(Supervisor):
		return refused("Signing an override needs the role supervisor, and you don't have it; an admin can give it to you.")
	case p.Name == c.Technician:
		return refused("You asked for override %d yourself; another supervisor must sign it.", c.Number)
	case slices.Contains(c.Signers, p.Name):
		return refused("You have signed override %d already; a second signature must be another supervisor's.", c.Number)
	case !now.Before(c.Until):
		return refused("Override %d has expired: it was to be begun before %s. The technician must ask anew.", c.Number, c.Until.UTC().Format(time.RFC3339))
	}
	for _, other := range cases {
		if slices.Contains(other.Signers, p.Name) && o.Overdue(other, now) {
			return refused("The review of override %d, which you signed, is overdue. A third person must review it before you can sign another.", other.Number)
		}
	}
	return Ruling{Allowed: true}
}

// MayReview says whether a person may review a case: a supervisor or auditor
// who was no part of it, once it is over.
func (o Override) MayReview(p Person, c Case) Ruling {
	switch {
	case !p.Has(Supervisor) && !p.Has(Auditor):
		return refused("Reviewing an override needs the role supervisor or auditor, and you don't have it; an admin can give it to you.")
	case p.Name == c.Technician:
		return refused("You used override %d yourself; nobody reviews their own.", c.Number)
	case slices.Contains(c.Signers, p.Name):
		return refused("You signed override %d yourself; nobody reviews their own.", c.Number)
	case c.Reviewed:
		return refused("Override %d has been reviewed already.", c.Number)
	case c.Ended.IsZero():
		return refused("Override %d can be reviewed once its visit is over.", c.Number)
	}
	return Ruling{Allowed: true}
}

// MayUse says whether a case may still be used, with the people and the rules
// as they are now: each signature must still be that of a supervisor.
func (o Override) MayUse(c Case, needed int, supervisors func(name string) bool, now time.Time) Ruling {
	switch {
	case !o.Enabled:
		return refused("Overrides are switched off here (policy.override.enabled).")
	case !now.Before(c.Until):
		return refused("Override %d has expired: it was to be begun before %s.", c.Number, c.Until.UTC().Format(time.RFC3339))
	case len(c.Signers) < max(needed, 1):
		return refused("Override %d has %d of %d signatures.", c.Number, len(c.Signers), max(needed, 1))
	}
	for _, name := range c.Signers {
		if name == c.Technician || !supervisors(name) {
			return refused("Override %d was signed by %s, who is no supervisor any more; ask for another.", c.Number, name)
		}
	}
	return Ruling{Allowed: true}
}
