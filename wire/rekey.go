package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// NamespaceKey is that of a device's signatures under a [KeyChange].
const NamespaceKey = "key@accord"

// KeyChange is what a device says when it takes another key. Its old key and the
// new one both sign it, so that neither is given to somebody who has only the
// other.
type KeyChange struct {
	Gateway string    `json:"gateway"` // fingerprint of the gateway's key
	Device  string    `json:"device"`  // its name, as the gateway calls it
	Old     string    `json:"old"`     // fingerprint
	New     string    `json:"new"`     // authorized_keys form without a comment
	Nonce   string    `json:"nonce"`   // made by the gateway for this change
	Made    time.Time `json:"made"`
}

// NewKey asks a device to make itself another key: gateway to agent, on a
// [ChannelDevice].
type NewKey struct {
	Nonce string `json:"nonce"`
}

// Rekeyed is the answer to [NewKey]: a [KeyChange] with both signatures, or why
// there is none.
type Rekeyed struct {
	Statement []byte `json:"statement,omitempty"`
	Old       []byte `json:"old,omitempty"` // signatures (namespace key@accord)
	New       []byte `json:"new,omitempty"`
	Sentence  string `json:"sentence,omitempty"`
}

// KeyTaken says that the new key is the device's now, and the old one is refused:
// gateway to agent, the answer to [Rekeyed].
type KeyTaken struct{}

func (*NewKey) kind() string   { return "new-key" }
func (*Rekeyed) kind() string  { return "rekeyed" }
func (*KeyTaken) kind() string { return "key-taken" }

func (m *NewKey) check() error {
	if len(m.Nonce) < 26 || len(m.Nonce) > 64 || Clean(m.Nonce, 64) != m.Nonce {
		return errors.New("the nonce is none")
	}
	return nil
}

func (m *Rekeyed) check() error {
	m.Sentence = Clean(m.Sentence, MaxReason)
	if m.Sentence != "" {
		return nil
	}
	return errors.Join(checkSigned(m.Statement, m.Old), checkSigned(m.Statement, m.New))
}

func (*KeyTaken) check() error { return nil }

// SignKeyChange signs a change from one key to the other, which it names.
func SignKeyChange(c KeyChange, from, to ssh.Signer) (*Rekeyed, error) {
	c.Old = ssh.FingerprintSHA256(from.PublicKey())
	c.New = strings.TrimSpace(string(ssh.MarshalAuthorizedKey(to.PublicKey())))
	text, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode the change of the key: %w", err)
	}
	m := &Rekeyed{Statement: text}
	if m.Old, err = Sign(from, NamespaceKey, text); err != nil {
		return nil, err
	}
	m.New, err = Sign(to, NamespaceKey, text)
	return m, err
}

// OpenKeyChange verifies that the device whose key this is, and who holds the
// new key, both said this; it returns the new key. What was asked for is compared
// by the caller, all but the keys.
func OpenKeyChange(from ssh.PublicKey, m *Rekeyed) (*KeyChange, ssh.PublicKey, error) {
	if err := Verify(from, NamespaceKey, m.Statement, m.Old); err != nil {
		return nil, nil, fmt.Errorf("the old key's: %w", err)
	}
	var c KeyChange
	if err := decodeStrict(m.Statement, &c); err != nil {
		return nil, nil, err
	}
	to, comment, options, rest, err := ssh.ParseAuthorizedKey([]byte(c.New))
	if err != nil || comment != "" || len(options) > 0 || len(rest) > 0 {
		return nil, nil, errors.New("the new key can't be read")
	}
	if to.Type() != ssh.KeyAlgoED25519 {
		return nil, nil, fmt.Errorf("the new key is %s, and devices have %s", Clean(to.Type(), MaxName), ssh.KeyAlgoED25519)
	}
	if err := Verify(to, NamespaceKey, m.Statement, m.New); err != nil {
		return nil, nil, fmt.Errorf("the new key's: %w", err)
	}
	if c.Old != ssh.FingerprintSHA256(from) || ssh.FingerprintSHA256(to) == c.Old {
		return nil, nil, errors.New("the change is not from this key to another")
	}
	return &c, to, nil
}
