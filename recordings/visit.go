package recordings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"
	"unicode/utf8"
)

// State of a recording.
type State string

// The states of a recording. Complete means that the recording saw the visit
// end; interrupted that it stopped before: the gateway crashed, or the disk
// failed.
const (
	StateOpen        State = "open"
	StateComplete    State = "complete"
	StateInterrupted State = "interrupted"
)

// Device is the machine that was visited.
type Device struct {
	Name string `json:"name"`
	Key  string `json:"key"` // SHA-256 fingerprint
	// Agentless: it has no agent. The gateway holds its key and judged for it.
	Agentless bool `json:"agentless,omitempty"`
}

// Technician is who visited.
type Technician struct {
	Name string `json:"name"`
	Full string `json:"full,omitempty"`
	Key  string `json:"key"` // SHA-256 fingerprint of the key that proved it
	// Certificate names the one that was over the key, if there was one.
	Certificate    string `json:"certificate,omitempty"`
	CharterVersion string `json:"charter_version,omitempty"`
	CharterSigned  string `json:"charter_signed,omitempty"` // a date
	TrainedUntil   string `json:"trained_until,omitempty"`  // a date
}

// Consent is the device's signed statement that opened the visit, as received.
// Both are text: JSON and armored SSHSIG.
type Consent struct {
	Statement string `json:"statement"`
	Signature string `json:"signature"`
}

// Override is what opened the visit without the user's consent, as the device
// was brought it. Statement and signatures are text.
type Override struct {
	Number     int         `json:"number"`
	Statement  string      `json:"statement"`
	Signatures []Signature `json:"signatures"`
}

// Signature is a supervisor's, under an override.
type Signature struct {
	Signer    string `json:"signer"`
	Key       string `json:"key"` // SHA-256 fingerprint
	Signature string `json:"signature"`
}

// Visit is who, what and why. Texts from outside must have been cleaned.
type Visit struct {
	ID           string     `json:"visit"` // its first 8 digits, the day in UTC, give the folder
	Gateway      string     `json:"gateway"`
	Organisation string     `json:"organisation"`
	Device       Device     `json:"device"`
	Technician   Technician `json:"technician"`
	Reason       string     `json:"reason,omitempty"`
	Ticket       string     `json:"ticket,omitempty"`
	Capabilities []string   `json:"capabilities"`
	Login        string     `json:"login,omitempty"`
	Minutes      int        `json:"minutes"`
	Rule         string     `json:"rule,omitempty"` // of the policy that allowed it
	Consent      Consent    `json:"consent"`
	Override     *Override  `json:"override,omitempty"` // beside Consent, which then says so
	Asked        time.Time  `json:"asked"`
	Opened       time.Time  `json:"opened"`
	Until        time.Time  `json:"until"`
	State        State      `json:"state"` // set by this package
	// End is nil until the seal.
	End *End `json:"end,omitempty"`
}

// End is how a visit ended. The caller of [Recording.Seal] sets By and Cause;
// the rest is filled in.
type End struct {
	State  State     `json:"state"`
	Ended  time.Time `json:"ended"`
	By     string    `json:"by"`
	Cause  string    `json:"cause"`
	Shells int       `json:"shells"` // casts recorded
	// Screens counts the frame logs recorded.
	Screens int   `json:"screens,omitempty"`
	Bytes   int64 `json:"bytes"` // size of all casts and frame logs
}

// maxVisit bounds visit.json in bytes. A message of the protocol, and so a
// statement in it, has at most 64 KiB.
const maxVisit = 256 << 10

var visitID = regexp.MustCompile(`^[0-9]{8}-[0-9]{6}-[a-z2-7]{8}$`)

// visitDay gives the folder of a visit's day, and refuses an id that is none.
func visitDay(id string) (year, month, day string, err error) {
	if !visitID.MatchString(id) {
		return "", "", "", errors.New("the visit's id is malformed: expected a date, a time and 8 letters, as in 20261122-164500-abcd2345")
	}
	if _, err := time.Parse("20060102-150405", id[:15]); err != nil {
		return "", "", "", errors.New("the visit's id does not start with a date and time that exist")
	}
	return id[:4], id[4:6], id[6:8], nil
}

// normal gives the value as it is recorded: times in UTC and milliseconds.
func (v Visit) normal() Visit {
	v.Asked, v.Opened, v.Until = stamp(v.Asked), stamp(v.Opened), stamp(v.Until)
	if v.Capabilities == nil {
		v.Capabilities = []string{}
	}
	return v
}

func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// with gives the final form of an opening visit.
func (v Visit) with(e End) Visit {
	v.State, v.End = e.State, &e
	return v
}

// encode gives the one spelling of visit.json.
func (v Visit) encode() ([]byte, error) {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the visit: %w", err)
	}
	if len(b) >= maxVisit {
		return nil, fmt.Errorf("the description of the visit has %d bytes, at most %d are allowed", len(b), maxVisit)
	}
	return append(b, '\n'), nil
}

// check refuses a visit that can't be recorded faithfully.
func (v Visit) check() error {
	if _, _, _, err := visitDay(v.ID); err != nil {
		return err
	}
	if v.Device.Name == "" || v.Technician.Name == "" {
		return errors.New("a recording needs the names of its device and technician")
	}
	texts := append([]string{v.Gateway, v.Organisation, v.Device.Name, v.Device.Key,
		v.Technician.Name, v.Technician.Full, v.Technician.Key, v.Reason, v.Ticket, v.Login, v.Rule,
		v.Consent.Statement, v.Consent.Signature}, v.Capabilities...)
	if o := v.Override; o != nil {
		texts = append(texts, o.Statement)
		for _, s := range o.Signatures {
			texts = append(texts, s.Signer, s.Key, s.Signature)
		}
	}
	for _, t := range texts {
		if !utf8.ValidString(t) {
			return errors.New("a text in the description of the visit is not valid UTF-8")
		}
	}
	return nil
}

// decodeVisit reads visit.json. It must be in the one spelling.
func decodeVisit(text []byte) (Visit, error) {
	var v Visit
	if err := decodeStrict(text, &v); err != nil {
		return Visit{}, fmt.Errorf("visit.json: %w", err)
	}
	again, err := v.encode()
	if err != nil || !bytes.Equal(again, text) {
		return Visit{}, errors.New("visit.json: not in the one spelling that is allowed")
	}
	return v, v.check()
}

// decodeStrict decodes one JSON value without unknown fields or anything
// behind it. What it decodes to must be compared with the text by the caller
// when one spelling is wanted.
func decodeStrict(text []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("not understood: %w", err)
	}
	if rest := bytes.TrimSpace(text[dec.InputOffset():]); len(rest) != 0 {
		return errors.New("not understood: there is something behind the value")
	}
	return nil
}
