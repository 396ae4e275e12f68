package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// Agentless is what is kept of a device without an agent, all of it empty for
// one with. Its row's own key, which signs its receipts, is the gateway's to
// hold: the device has nothing that could.
type Agentless struct {
	Holder  string // SHA-256 fingerprint of the key with which it holds its link
	HostKey string // which its own sshd must show, as in authorized_keys
	Login   string // the account of the device that visits use
}

// Without reports whether there is no agent.
func (a Agentless) Without() bool { return a.Holder != "" }

func (a Agentless) check() error {
	if !a.Without() && a != (Agentless{}) || a.Without() && (a.HostKey == "" || a.Login == "") {
		return invalid("a device without an agent has a key that holds its link, a host key and an account")
	}
	if err := names("holder", a.Holder, "account", a.Login); err != nil {
		return err
	}
	return text("host key", a.HostKey, MaxText)
}

// said is what the log keeps of it.
func (a Agentless) said() []string {
	if !a.Without() {
		return nil
	}
	return []string{"agentless", "true", "holder", a.Holder, "sshd_key", a.HostKey, "login", a.Login}
}

// DeviceByHolder finds the device without an agent whose link the key with this
// SHA-256 fingerprint holds, or gives [ErrNotFound].
func (s *Store) DeviceByHolder(ctx context.Context, holder string) (Device, error) {
	d, err := one(ctx, s.readers, scanDevice, fmt.Sprintf("a device whose link is held with the key %q", holder),
		`SELECT `+deviceColumns+` FROM devices WHERE holder = $1 AND holder <> '' AND retired_at = 0`, holder)
	return d, s.explain("look up a device", err)
}

// Joinable reports whether a token waits that lets a device without an agent
// join.
func (s *Store) Joinable(ctx context.Context, at time.Time) (bool, error) {
	var count int
	err := s.readers.QueryRowContext(ctx, `SELECT COUNT(*) FROM tokens WHERE agentless = $1 AND used_at = 0 AND expires_at > $2`,
		true, micros(at)).Scan(&count)
	return count > 0, s.explain("look for tokens", err)
}

// AuthorizedKey is a key as lines of authorized_keys have it, without a comment.
func AuthorizedKey(key ssh.PublicKey) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}
