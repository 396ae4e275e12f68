package wire

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// NamespaceOverride is that of a supervisor's signature under an [Override].
const NamespaceOverride = "override@accord"

// overrideTitle begins the statement, with its version.
const overrideTitle = "accord override 1"

// OverrideSigners is the most signatures that an override may need.
const OverrideSigners = 2

// ExerciseVerified is why a device does not open a visit for an [Override] that
// is an exercise and that it found good: the Why of a [Consent] with the choice
// [None] and the names of the signers.
const ExerciseVerified = "Exercise: everything verified, nothing was opened."

// Override is the decision that opens a visit without the consent of the
// device's user: what a supervisor reads and signs, and what the device
// verifies. Every field is in the text that is signed.
type Override struct {
	Number       int    // counted by the gateway
	Exercise     bool   // opens nothing: the ceremony is being practised
	Organisation string // who asks
	Device       string // its name, as the gateway calls it
	DeviceKey    string // its fingerprint, which is what counts
	Technician   string // name
	Full         string // name in full; may be empty
	Key          string // fingerprint of the technician's key
	Capabilities []Capability
	Login        string    // account on the device; empty: the device's default
	Minutes      int       // of the visit
	Reason       string    //
	Ticket       string    // may be empty
	Attempts     []Attempt // to reach the user; the facts, oldest first
	Emergency    string    // the rule that needs no attempt; empty where attempts count
	Nonce        string    // made by the device for this override
	Asked        time.Time // to the second, as Until
	Until        time.Time // the visit must have begun before
}

// Attempt is one request that was not answered with a yes.
type Attempt struct {
	At      time.Time // to the second
	Visit   string    // the request's id
	Outcome string    // "no answer", "refused", "later", "away"
}

// maxAttempts bounds the attempts that a statement names.
const maxAttempts = 16

// SignedOverride is an [Override] with its signatures, as it travels.
type SignedOverride struct {
	Statement  []byte   `json:"statement"`
	Signatures [][]byte `json:"signatures"` // armored SSHSIG, by different keys
}

func (o *SignedOverride) check() error {
	if len(o.Statement) == 0 || len(o.Statement) > maxStatement || len(o.Signatures) == 0 || len(o.Signatures) > OverrideSigners {
		return errors.New("the override has no statement, or not one or two signatures")
	}
	return nil
}

// Text is the statement in the one spelling that is signed.
func (o Override) Text() []byte {
	w := newTextWriter(overrideTitle)
	w.number("number", o.Number)
	if o.Exercise {
		w.line("exercise", "yes, this opens nothing")
	}
	w.line("organisation", o.Organisation)
	w.line("device", o.Device+" "+o.DeviceKey)
	w.line("technician", o.Technician+" "+o.Key)
	if o.Full != "" {
		w.line("name", o.Full)
	}
	for _, c := range o.Capabilities {
		w.line("capability", string(c))
	}
	if o.Login != "" {
		w.line("login", o.Login)
	}
	w.number("minutes", o.Minutes)
	w.line("reason", o.Reason)
	if o.Ticket != "" {
		w.line("ticket", o.Ticket)
	}
	for _, a := range o.Attempts {
		w.line("attempt", a.At.UTC().Format(time.RFC3339)+" "+a.Visit+" "+a.Outcome)
	}
	if o.Emergency != "" {
		w.line("emergency", o.Emergency)
	}
	w.line("nonce", o.Nonce)
	w.time("asked", o.Asked)
	w.time("until", o.Until)
	return w.text()
}

// ParseOverride reads a statement and refuses one that is not in its one
// spelling or says what can't be.
func ParseOverride(text []byte) (Override, error) {
	r := newTextReader(overrideTitle, text)
	var o Override
	o.Number = r.number("number")
	if r.has("exercise") {
		r.line("exercise")
		o.Exercise = true
	}
	o.Organisation = r.line("organisation")
	o.Device, o.DeviceKey, _ = strings.Cut(r.line("device"), " ")
	o.Technician, o.Key, _ = strings.Cut(r.line("technician"), " ")
	if r.has("name") {
		o.Full = r.line("name")
	}
	for r.has("capability") {
		o.Capabilities = append(o.Capabilities, Capability(r.line("capability")))
	}
	if r.has("login") {
		o.Login = r.line("login")
	}
	o.Minutes, o.Reason = r.number("minutes"), r.line("reason")
	if r.has("ticket") {
		o.Ticket = r.line("ticket")
	}
	for r.has("attempt") && len(o.Attempts) <= maxAttempts {
		o.Attempts = append(o.Attempts, r.attempt())
	}
	if r.has("emergency") {
		o.Emergency = r.line("emergency")
	}
	o.Nonce, o.Asked, o.Until = r.line("nonce"), r.time("asked"), r.time("until")
	if err := r.end(text, o.Text()); err != nil {
		return Override{}, fmt.Errorf("override: %w", err)
	}
	if err := o.Check(); err != nil {
		return Override{}, err
	}
	return o, nil
}

func (r *textReader) attempt() (a Attempt) {
	words := strings.SplitN(r.line("attempt"), " ", 3)
	if len(words) != 3 {
		words = []string{"", "", ""}
	}
	at, err := time.Parse(time.RFC3339, words[0])
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("%w: an attempt has no time", errStatement)
	}
	return Attempt{At: at, Visit: words[1], Outcome: words[2]}
}

// Check refuses what no override may say. Whoever writes one calls it before
// it is shown to anybody.
func (o Override) Check() error {
	for _, text := range []string{o.Organisation, o.Technician, o.Full, o.Key, o.DeviceKey, o.Reason, o.Ticket, o.Emergency, o.Nonce} {
		if Clean(text, MaxReason) != text {
			return errors.New("the override holds a text that is not clean")
		}
	}
	switch {
	case o.Number < 1:
		return errors.New("the override has no number")
	case !ValidDevice(o.Device) || o.DeviceKey == "":
		return errors.New("the override names no device")
	case o.Technician == "" || strings.Contains(o.Technician, " ") || o.Key == "":
		return errors.New("the override names no technician, or no key")
	case o.Organisation == "" || o.Reason == "" || o.Nonce == "":
		return errors.New("the override has no organisation, no reason or no nonce")
	case o.Login != "" && !ValidLogin(o.Login):
		return errors.New("the override names an account that can't be")
	case o.Minutes < 1 || o.Minutes > int(VisitLongest/time.Minute):
		return fmt.Errorf("the override is for %d minutes; 1 to %d are allowed", o.Minutes, int(VisitLongest/time.Minute))
	case len(o.Attempts) == 0 && o.Emergency == "", len(o.Attempts) > maxAttempts:
		return errors.New("the override names neither an attempt to reach the user nor the rule that needs none, or too many attempts")
	case !o.Until.After(o.Asked) || o.Until.Sub(o.Asked) > VisitLongest:
		return errors.New("the override ends before it begins, or too late")
	}
	for _, a := range o.Attempts {
		if err := a.check(); err != nil {
			return err
		}
	}
	return checkCapabilities(o.Capabilities)
}

func (a Attempt) check() error {
	switch a.Outcome {
	case "no answer", "refused", "later", "away":
	default:
		return errors.New("the override names an attempt without an outcome")
	}
	if !ValidVisit(a.Visit) || a.At.IsZero() {
		return errors.New("the override names an attempt that is none")
	}
	return nil
}
