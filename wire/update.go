package wire

import "errors"

// ChannelUpdate carries one question about the release that a device's agent
// runs: [AskRelease], [OfferRelease] or [GoBack]. The gateway opens it; an agent
// that knows no updates refuses it.
const ChannelUpdate = "update@accord"

// AskRelease asks a device how its releases stand: gateway to agent.
type AskRelease struct{}

// Release is the answer to [AskRelease].
type Release struct {
	Runs string `json:"runs"` // version of the program that answers
	// Next is the release that is kept and runs from the next start on, where that is
	// another one.
	Next string `json:"next,omitempty"`
	// Failed is the release that the device gave up last, and why.
	Failed string `json:"failed,omitempty"`
	Why    string `json:"why,omitempty"`
}

// OfferRelease offers a release: gateway to agent. It is the device that judges
// it.
type OfferRelease struct {
	Manifest  []byte `json:"manifest"`
	Signature []byte `json:"signature"` // armored SSHSIG
}

// SendRelease has the gateway send the program for this device: so many bytes,
// on the same channel, and nothing behind them.
type SendRelease struct {
	System string `json:"system"`
	Arch   string `json:"arch"`
	Size   int64  `json:"size"`
}

// GoBack has a device run again what ran before: gateway to agent.
type GoBack struct{}

// ReleaseTaken says what came of an [OfferRelease] or a [GoBack]: agent to gateway.
type ReleaseTaken struct {
	Version  string `json:"version,omitempty"`  // that runs from the next start on
	Waits    bool   `json:"waits,omitempty"`    // somebody visits the device, or asks to
	Sentence string `json:"sentence,omitempty"` // why nothing has changed
}

func (*AskRelease) kind() string   { return "ask-release" }
func (*Release) kind() string      { return "release" }
func (*OfferRelease) kind() string { return "offer-release" }
func (*SendRelease) kind() string  { return "send-release" }
func (*GoBack) kind() string       { return "go-back" }
func (*ReleaseTaken) kind() string { return "release-taken" }

func (*AskRelease) check() error { return nil }
func (*GoBack) check() error     { return nil }

func (m *Release) check() error {
	m.Runs, m.Next, m.Failed, m.Why = Clean(m.Runs, MaxName), Clean(m.Next, MaxName), Clean(m.Failed, MaxName), Clean(m.Why, MaxReason)
	return nil
}

func (m *OfferRelease) check() error { return checkSigned(m.Manifest, m.Signature) }

func (m *SendRelease) check() error {
	m.System, m.Arch = Clean(m.System, MaxName), Clean(m.Arch, MaxName)
	if m.Size < 1 {
		return errors.New("the program of a release has no size")
	}
	return nil
}

func (m *ReleaseTaken) check() error {
	m.Version, m.Sentence = Clean(m.Version, MaxName), Clean(m.Sentence, MaxReason)
	return nil
}
