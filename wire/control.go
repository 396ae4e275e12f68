package wire

import (
	"errors"
	"time"
)

// ChannelDevice carries one question about the device itself, outside any
// visit: gateway to agent, one message and one answer, then it is closed.
const ChannelDevice = "device@accord"

// Action is a command that the device's own configuration declares, offered
// without a shell as the capability action:NAME.
type Action struct {
	Name  string `json:"name"`
	About string `json:"about"` // one line, for the prompt and the form
}

// Classes of devices.
const (
	Attended   = "attended"   // somebody must say yes
	Unattended = "unattended" // the owner's standing consent may
)

// Change is what the device's user changed in an open visit.
type Change string

// The changes.
const (
	Paused  Change = "paused"  // the technician neither types nor sees
	Resumed Change = "resumed" //
	Reduced Change = "reduced" // some capabilities were taken back
	Typing  Change = "typing"  // the user types in the technician's shell too
	Quiet   Change = "quiet"   // and has stopped to
)

// Control tells the gateway of a change: agent to gateway, in an open visit.
// It has taken effect on the device.
type Control struct {
	Change   Change       `json:"change"`
	Granted  []Capability `json:"granted,omitempty"`  // with Reduced: what is left
	Withheld int64        `json:"withheld,omitempty"` // with Resumed: bytes of output that nobody was sent
}

// Presence tells the device who besides the technician is in an open visit:
// gateway to agent, at each change.
type Presence struct {
	Watchers []Watcher `json:"watchers"`
}

// Watcher is somebody who watches a visit.
type Watcher struct {
	Name  string `json:"name"`
	Full  string `json:"full,omitempty"`
	Hands bool   `json:"hands,omitempty"` // types too
}

// maxWatchers bounds a [Presence].
const maxWatchers = 32

// Say is a line that everybody in a visit sees: either side.
type Say struct {
	From string `json:"from"` // a person's name; the gateway decides whose
	Text string `json:"text"`
}

// Rosters brings a device the lists of supervisors that came after its own,
// oldest first: gateway to agent on [ChannelDevice]; the answer is [Pinned].
type Rosters struct {
	Chain []SignedRoster `json:"chain"`
}

// Pinned says which list the device has now, and why it did not take a newer
// one.
type Pinned struct {
	Version  int    `json:"version"` // 0: none
	Sentence string `json:"sentence,omitempty"`
}

// AskNonce asks for the device's number used once, for one [Override]: gateway
// to agent on [ChannelDevice]; the answer is [Nonce].
type AskNonce struct{}

// Nonce is it, and how long the device remembers it; or why the device gives
// none, where no override could open it.
type Nonce struct {
	Nonce    string    `json:"nonce,omitempty"`
	Until    time.Time `json:"until"`
	Sentence string    `json:"sentence,omitempty"` // without a nonce
}

func (*Control) kind() string  { return "control" }
func (*Presence) kind() string { return "presence" }
func (*Say) kind() string      { return "say" }
func (*Rosters) kind() string  { return "rosters" }
func (*Pinned) kind() string   { return "pinned" }
func (*AskNonce) kind() string { return "ask-nonce" }
func (*Nonce) kind() string    { return "nonce" }

func (m *Control) check() error {
	switch m.Change {
	case Reduced:
		if len(m.Granted) == 0 {
			return nil // nothing is left: the visit ends
		}
		return checkCapabilities(m.Granted)
	case Paused, Resumed, Typing, Quiet:
		if m.Withheld < 0 || len(m.Granted) > 0 {
			return errors.New("a change that says what it can't")
		}
		return nil
	}
	return errors.New("unknown change of a visit")
}

func (m *Presence) check() error {
	if len(m.Watchers) > maxWatchers {
		return errors.New("too many watchers")
	}
	for i := range m.Watchers {
		w := &m.Watchers[i]
		w.Name, w.Full = Clean(w.Name, MaxName), Clean(w.Full, MaxName)
	}
	return nil
}

func (m *Say) check() error {
	m.From, m.Text = Clean(m.From, MaxName), Clean(m.Text, MaxReason)
	if m.From == "" || m.Text == "" {
		return errors.New("a line without a text, or of nobody")
	}
	return nil
}

func (m *Rosters) check() error {
	if len(m.Chain) == 0 {
		return errors.New("no list of supervisors")
	}
	for _, r := range m.Chain {
		if len(r.Statement) == 0 || len(r.Statement) > maxStatement || len(r.Signatures) > OverrideSigners {
			return errors.New("a list of supervisors is missing or too long, or signed too often")
		}
	}
	return nil
}

func (m *Pinned) check() error {
	m.Sentence = Clean(m.Sentence, MaxReason)
	if m.Version < 0 {
		return errors.New("a list of supervisors has no version")
	}
	return nil
}

func (*AskNonce) check() error { return nil }

func (m *Nonce) check() error {
	m.Sentence = Clean(m.Sentence, MaxReason)
	if (m.Nonce == "") != (m.Sentence != "") || Clean(m.Nonce, MaxName) != m.Nonce {
		return errors.New("the nonce is none")
	}
	return nil
}

// checkDevice refuses what a device can't say of itself in a [Hello].
func (m *Hello) checkDevice() error {
	if m.Class != "" && m.Class != Attended && m.Class != Unattended {
		return errors.New("the device is of no class that is known")
	}
	if len(m.Actions) > 32 || m.Roster < 0 {
		return errors.New("too many actions, or no list of supervisors that can be")
	}
	for i := range m.Actions {
		a := &m.Actions[i]
		if a.About = Clean(a.About, MaxLine); !ActionCapability(a.Name).Valid() {
			return errors.New("an action has no name that is allowed")
		}
	}
	return nil
}
