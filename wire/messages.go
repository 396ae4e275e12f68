package wire

import (
	"errors"
	"fmt"
	"time"
)

// Message is one message of a hello or visit channel.
type Message interface {
	// kind is the message's name in the envelope.
	kind() string
	// check refuses what can't be meant and cleans what will be shown.
	check() error
}

// Hello is the agent's first message on [ChannelHello].
type Hello struct {
	Agent        string            `json:"agent"` // version of the program
	Name         string            `json:"name"`  // wished for at enrolment
	OS           string            `json:"os"`
	Arch         string            `json:"arch"`
	Labels       map[string]string `json:"labels,omitempty"`
	Capabilities []Capability      `json:"capabilities"`
	Logins       []string          `json:"logins"`          // accounts a visit may use, the default first
	Class        string            `json:"class,omitempty"` // [Attended] where it isn't said
	Actions      []Action          `json:"actions,omitempty"`
	Roster       int               `json:"roster,omitempty"` // version of the pinned [Roster]; 0: none
	Token        string            `json:"token,omitempty"`  // at enrolment only
}

// Welcome is the gateway's answer to [Hello] when the device is admitted.
type Welcome struct {
	Gateway      string `json:"gateway"` // version of the program
	Organisation string `json:"organisation"`
	Device       string `json:"device"` // the name it is enrolled under
	// Roster is the statement of the list of supervisors to pin; at enrolment
	// only.
	Roster []byte `json:"roster,omitempty"`
}

// Denied is the gateway's answer to [Hello] when it is not admitted. The
// gateway closes the connection after it.
type Denied struct {
	Sentence string `json:"sentence"`
	// Final means that asking again can't help: the token is spent, the
	// device is not enrolled.
	Final bool `json:"final"`
}

// MaxGroups bounds the groups of a technician.
const MaxGroups = 64

// Technician is who asks, as the gateway knows them.
type Technician struct {
	Name string `json:"name"`
	Full string `json:"full,omitempty"`
	// Key is the SHA-256 fingerprint of the key that proved it.
	Key string `json:"key"`
	// The charter that they signed, and the day on which their training ends,
	// where known. Days are written 2027-05-01; the prompt words them.
	CharterVersion string `json:"charter_version,omitempty"`
	CharterSigned  string `json:"charter_signed,omitempty"`
	TrainedUntil   string `json:"trained_until,omitempty"`
	// Groups are those of the policy, for a device's standing consent.
	Groups []string `json:"groups,omitempty"`
}

// Request asks the device's user for a visit: gateway to agent, the first
// message on a [ChannelVisit].
type Request struct {
	Visit        string       `json:"visit"`
	Organisation string       `json:"organisation"`
	Technician   Technician   `json:"technician"`
	Reason       string       `json:"reason,omitempty"`
	Ticket       string       `json:"ticket,omitempty"`
	Capabilities []Capability `json:"capabilities"`
	Minutes      int          `json:"minutes"`
	Login        string       `json:"login,omitempty"` // empty: the device's default
	// What the policy binds the visit to, said in the prompt.
	Watched bool `json:"watched,omitempty"`  // a colleague must watch
	Input   bool `json:"input,omitempty"`    // what is typed is recorded, but for what has no echo
	Hands   bool `json:"hands,omitempty"`    // who watches may type too
	Replay  bool `json:"replay,omitempty"`   // the user may replay the visit afterwards
	AskUser bool `json:"ask_user,omitempty"` // no standing consent of the device's owner will do
	// Override opens the visit without the user's yes, if the device finds it
	// good.
	Override *SignedOverride `json:"override,omitempty"`
}

// State of the prompt on the device.
type State string

// The states of a prompt. Only an [Answer] ends it.
const (
	Queued State = "queued" // another request is being answered first
	Shown  State = "shown"  // it is on the user's screen
	Read   State = "read"   // the user has touched the keyboard in it
	Nobody State = "nobody" // no surface reached anyone; a line may still be found
)

// ScreenLocked stands behind the name of a surface whose screen is locked for sure:
// who sits there sees the request when they unlock it. It is a part of the name so
// that a gateway that doesn't know it shows it as it is.
const ScreenLocked = " locked"

// Prompt tells the gateway how the prompt fares.
type Prompt struct {
	State   State  `json:"state"`
	Surface string `json:"surface,omitempty"` // "resident", "tmux", "window", "console", "terminal", "line"
}

// Choice is what the user decided.
type Choice string

// The choices. None is every way of not deciding, and is never a yes.
const (
	Approve Choice = "approve"
	// Overridden is no answer of the user's: an override opened the visit.
	Overridden Choice = "override"
	Later      Choice = "later"
	Refuse     Choice = "refuse"
	None       Choice = "none"
)

// Answer carries the user's decision with the device's signed [Consent]
// statement (namespace receipt@accord): agent to gateway. It is the statement
// that counts.
type Answer struct {
	Statement []byte `json:"statement"`
	Signature []byte `json:"signature"`
}

// Open tells the agent that the recording runs: gateway to agent. Before it
// the agent opens nothing.
type Open struct {
	Head Head `json:"head"`
}

// Ready tells the gateway that the visit is open on the device and sessions may
// come: agent to gateway, the answer to [Open].
type Ready struct{}

// Head is where the recording's chain stands.
type Head struct {
	Seq  uint64 `json:"seq"`
	Hash string `json:"hash"` // lower case hex, SHA-256
}

// End says that the visit ends, or has ended, and why: either side.
type End struct {
	By    string `json:"by"`    // a person's name, "user", "time", "link", "gateway"
	Cause string `json:"cause"` // a sentence
	// Head is the sealed head, from the gateway, once it is known.
	Head *Head `json:"head,omitempty"`
}

// Card is the device's signed [Ending] statement: agent to gateway, the last
// message of a visit.
type Card struct {
	Statement []byte `json:"statement"`
	Signature []byte `json:"signature"`
}

func (*Hello) kind() string   { return "hello" }
func (*Welcome) kind() string { return "welcome" }
func (*Denied) kind() string  { return "denied" }
func (*Request) kind() string { return "request" }
func (*Prompt) kind() string  { return "prompt" }
func (*Answer) kind() string  { return "answer" }
func (*Open) kind() string    { return "open" }
func (*Ready) kind() string   { return "ready" }
func (*Head) kind() string    { return "head" }
func (*End) kind() string     { return "end" }
func (*Card) kind() string    { return "card" }

// newMessage makes an empty message of a kind, or nil.
func newMessage(kind string) Message {
	for _, m := range []Message{
		&Hello{}, &Welcome{}, &Denied{}, &Request{}, &Prompt{},
		&Answer{}, &Open{}, &Ready{}, &Head{}, &End{}, &Card{},
		&Control{}, &Presence{}, &Say{}, &Rosters{}, &Pinned{}, &AskNonce{}, &Nonce{},
		&More{}, &Withdraw{}, &Listening{}, &Caller{}, &NewKey{}, &Rekeyed{}, &KeyTaken{},
		&AskRelease{}, &Release{}, &OfferRelease{}, &SendRelease{}, &GoBack{}, &ReleaseTaken{},
	} {
		if m.kind() == kind {
			return m
		}
	}
	return nil
}

func (m *Hello) check() error {
	m.Agent, m.OS, m.Arch = Clean(m.Agent, MaxName), Clean(m.OS, MaxName), Clean(m.Arch, MaxName)
	if m.Name != "" && !ValidDevice(m.Name) {
		return errors.New("the device's name is not allowed: lower case letters, digits, dots, dashes, underscores, at most 63")
	}
	if len(m.Labels) > 32 || len(m.Logins) > 32 || len(m.Token) > 256 {
		return errors.New("too many labels or logins, or too long a token")
	}
	for _, l := range m.Logins {
		if !ValidLogin(l) {
			return errors.New("a login is not the name of an account")
		}
	}
	var err error
	if m.Labels, err = cleanLabels(m.Labels); err != nil {
		return err
	}
	if err := m.checkDevice(); err != nil {
		return err
	}
	return checkCapabilities(m.Capabilities)
}

// cleanLabels refuses names that are empty or can't be told apart once clean.
func cleanLabels(labels map[string]string) (map[string]string, error) {
	if labels == nil {
		return nil, nil
	}
	clean := make(map[string]string, len(labels))
	for k, v := range labels {
		clean[Clean(k, MaxName)] = Clean(v, MaxName)
	}
	if _, nameless := clean[""]; nameless || len(clean) != len(labels) {
		return nil, errors.New("a label has no name, or two have the same")
	}
	return clean, nil
}

func (m *Welcome) check() error {
	m.Gateway, m.Organisation = Clean(m.Gateway, MaxName), Clean(m.Organisation, MaxName)
	if !ValidDevice(m.Device) {
		return errors.New("the gateway gave the device a name that is not allowed")
	}
	if len(m.Roster) > maxStatement {
		return errors.New("the list of supervisors is too long")
	}
	return nil
}

func (m *Denied) check() error {
	m.Sentence = Clean(m.Sentence, MaxReason)
	return nil
}

func (m *Request) check() error {
	m.Organisation = Clean(m.Organisation, MaxName)
	t := &m.Technician
	t.Name, t.Full, t.Key = Clean(t.Name, MaxName), Clean(t.Full, MaxName), Clean(t.Key, MaxName)
	t.CharterVersion = Clean(t.CharterVersion, MaxName)
	m.Reason, m.Ticket = Clean(m.Reason, MaxReason), Clean(m.Ticket, MaxTicket)
	switch {
	case !ValidVisit(m.Visit):
		return errors.New("the visit's id is malformed")
	case t.Name == "" || t.Key == "":
		return errors.New("the technician has no name or no key")
	case m.Minutes < 1 || m.Minutes > int(VisitLongest/time.Minute): // multiplied, it could overflow
		return fmt.Errorf("%d minutes, 1 to %d are allowed", m.Minutes, int(VisitLongest/time.Minute))
	case m.Login != "" && !ValidLogin(m.Login):
		return errors.New("the login is not the name of an account")
	case !validDay(t.CharterSigned) || !validDay(t.TrainedUntil):
		return errors.New("a day of the charter or of the training is none")
	case (t.CharterVersion == "") != (t.CharterSigned == ""):
		return errors.New("the charter has a version and no day, or a day and no version")
	case len(t.Groups) > MaxGroups:
		return errors.New("the technician is in too many groups")
	}
	for i, g := range t.Groups {
		t.Groups[i] = Clean(g, MaxName)
	}
	if m.Override != nil {
		if err := m.Override.check(); err != nil {
			return err
		}
	}
	return checkCapabilities(m.Capabilities)
}

// validDay takes a date as ISO 8601 writes it, in its one spelling, or none.
func validDay(s string) bool {
	t, err := time.Parse(time.DateOnly, s)
	return s == "" || err == nil && t.Format(time.DateOnly) == s
}

func (m *Prompt) check() error {
	m.Surface = Clean(m.Surface, MaxName)
	switch m.State {
	case Queued, Shown, Read, Nobody:
		return nil
	}
	return errors.New("unknown state of the prompt")
}

func (m *Answer) check() error { return checkSigned(m.Statement, m.Signature) }
func (m *Card) check() error   { return checkSigned(m.Statement, m.Signature) }

func checkSigned(statement, signature []byte) error {
	if len(statement) == 0 || len(signature) == 0 {
		return errors.New("the statement or its signature is missing")
	}
	return nil
}

func (m *Open) check() error { return m.Head.check() }
func (*Ready) check() error  { return nil }

func (m *Head) check() error {
	if len(m.Hash) != 64 {
		return errors.New("the head is no SHA-256 in hex")
	}
	for _, c := range m.Hash {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return errors.New("the head is no SHA-256 in hex")
		}
	}
	return nil
}

func (m *End) check() error {
	m.By, m.Cause = Clean(m.By, MaxName), Clean(m.Cause, MaxReason)
	if m.Head != nil {
		return m.Head.check()
	}
	return nil
}
