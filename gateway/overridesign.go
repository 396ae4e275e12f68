package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/gateway/store"
	"accord/policy"
	"accord/wire"
)

// Limits of a signature that is piped in. In `show | ssh-keygen | approve` all
// three start at once, so there must be time to read, to type a passphrase and
// to touch a token.
const (
	maxSignature  = 16 << 10
	signatureWait = 5 * time.Minute
)

// signature reads an armored SSHSIG from the session's input.
func (s *session) signature(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, signatureWait)
	defer cancel()
	raw := s.in.Raw()
	defer func() { _ = raw.Close() }()
	defer context.AfterFunc(ctx, func() { _ = raw.Close() })()
	text, err := io.ReadAll(io.LimitReader(raw, maxSignature+1))
	switch {
	case ctx.Err() != nil:
		return nil, errors.New("no signature came; pipe it in: … | ssh-keygen -Y sign -n NAMESPACE -f KEY | ssh …")
	case err != nil:
		return nil, fmt.Errorf("read the signature: %w", err)
	case len(text) > maxSignature:
		return nil, fmt.Errorf("that is no signature: it is longer than %d bytes", maxSignature)
	case !strings.Contains(string(text), "BEGIN SSH SIGNATURE"):
		return nil, &usageError{"What came in is no SSH signature; pipe in what `ssh-keygen -Y sign` prints."}
	}
	return text, nil
}

// cmdOverrideApprove takes the supervisor's signature under the statement.
func (s *session) cmdOverrideApprove(ctx context.Context, c *call) error {
	if len(c.words) != 1 {
		return &usageError{"Name an override by its number."}
	}
	if err := c.only("json"); err != nil {
		return err
	}
	if s.pty != nil {
		return &usageError{"A signature is piped in, without a terminal; or use `accord approve`."}
	}
	o, err := s.findOverride(ctx, c.words[0])
	if err != nil {
		return err
	}
	if err := s.maySign(ctx, o); err != nil {
		return err
	}
	armored, err := s.signature(ctx)
	if err != nil {
		return err
	}
	by, err := s.signerOf(ctx, o, armored)
	if err != nil {
		s.gateway.denied(s.person, fmt.Sprintf("approval of override %d", o.Number), err.Error())
		return err
	}
	// It may have taken minutes, in which the review of another came due.
	if err := s.maySign(ctx, o); err != nil {
		return err
	}
	o, err = s.gateway.store.SignOverride(ctx, o.Number, store.OverrideSignature{Signer: s.person.Name, Key: by, Signature: armored}, s.entry())
	if err != nil {
		return s.signRefused(ctx, o, c.words[0], err)
	}
	s.gateway.overridesChanged(false)
	return s.printCase(c, o, s.signedSentence(o))
}

// signedSentence says how far a case is, now that a signature was added.
func (s *session) signedSentence(o store.Override) string {
	switch {
	case o.State == store.OverrideApproved && o.Exercise:
		return fmt.Sprintf("Override %d is approved, as an exercise: it opens nothing. %s can have %s judge it until %s.", o.Number, o.Technician, o.Device, clock(o.Until))
	case o.State == store.OverrideApproved:
		return fmt.Sprintf("Override %d is approved: %s can open %s with it until %s.", o.Number, o.Technician, o.Device, clock(o.Until))
	}
	return fmt.Sprintf("Override %d has your signature; it needs %d more.", o.Number, o.Needed-len(o.Signatures))
}

// signRefused words why the store did not take a signature: meanwhile another
// supervisor was quicker, or the case was closed.
func (s *session) signRefused(ctx context.Context, o store.Override, word string, err error) error {
	if !errors.Is(err, store.ErrState) && !errors.Is(err, store.ErrExists) {
		return err
	}
	if now, ferr := s.findOverride(ctx, word); ferr == nil {
		o = now
	}
	return fmt.Errorf("override %d is %s and takes no signature of yours", o.Number, s.gateway.stateOf(o))
}

// maySign asks the rules whether this person may sign a case now.
func (s *session) maySign(ctx context.Context, o store.Override) error {
	cases, err := s.gateway.cases(ctx)
	if err != nil {
		return err
	}
	ruling := s.gateway.law().policy.Override.MaySign(s.me(), caseOf(o), cases, time.Now())
	if !ruling.Allowed {
		s.gateway.denied(s.person, fmt.Sprintf("approval of override %d", o.Number), ruling.Why)
		return &ruledOut{ruling}
	}
	if o.State != store.OverrideRequested {
		return fmt.Errorf("override %d is %s and takes no signature of yours", o.Number, s.gateway.stateOf(o))
	}
	return nil
}

// signerOf verifies a signature over the stored statement: by a key of this
// very person, which stands on the list of supervisors that the device has. It
// returns the key's fingerprint.
func (s *session) signerOf(ctx context.Context, o store.Override, armored []byte) (string, error) {
	roster, err := s.gateway.rosterFor(ctx, o.DeviceKey)
	if err != nil {
		return "", err
	}
	by, err := roster.Signer(wire.NamespaceOverride, o.Statement, armored)
	if err != nil {
		return "", fmt.Errorf("this is no signature over the statement of override %d by a key on list %d of the supervisors: sign what `override show %d` prints, unchanged, with -n %s and your own key",
			o.Number, roster.Version, o.Number, wire.NamespaceOverride)
	}
	return s.ownKey(by)
}

// ownKey wants a signature's key to be one of the person's who brings it, as
// the law has them now.
func (s *session) ownKey(by wire.Supervisor) (string, error) {
	key, err := policy.ParseKey(by.Key)
	if err != nil {
		return "", fmt.Errorf("the key of %s on the list of supervisors is not accepted here: %w", by.Name, err)
	}
	found, ok := s.gateway.law().people.Find(key)
	if !ok || found.Name != s.person.Name || by.Name != s.person.Name {
		return "", fmt.Errorf("this signature is by a key that is %s's on the list, not one of yours; sign with a key that you log in with", by.Name)
	}
	return gossh.FingerprintSHA256(key), nil
}

// cmdOverrideDeny ends a case that was not used: a supervisor denies it, its
// technician takes it back.
func (s *session) cmdOverrideDeny(ctx context.Context, c *call) error {
	if len(c.words) < 1 {
		return &usageError{"Name an override by its number."}
	}
	if err := c.only("json"); err != nil {
		return err
	}
	o, err := s.findOverride(ctx, c.words[0])
	if err != nil {
		return err
	}
	mine := o.Technician == s.person.Name || s.me().Has(policy.Supervisor)
	if err := s.may(fmt.Sprintf("deny override %d", o.Number), mine, fmt.Sprintf("Override %d is not yours; a supervisor can deny it.", o.Number)); err != nil {
		return err
	}
	why := wire.Clean(strings.Join(c.words[1:], " "), wire.MaxReason)
	o, err = s.gateway.store.DenyOverride(ctx, o.Number, why, s.entry())
	if errors.Is(err, store.ErrState) {
		return fmt.Errorf("override %d is %s and can't be denied any more; `kill VISIT` ends a visit", o.Number, s.gateway.stateOf(o))
	}
	if err != nil {
		return err
	}
	s.gateway.overridesChanged(false)
	return s.printCase(c, o, fmt.Sprintf("Override %d is denied; it opens nothing.", o.Number))
}

// cmdOverrideReview takes the third person's verdict.
func (s *session) cmdOverrideReview(ctx context.Context, c *call) error {
	if len(c.words) < 1 {
		return &usageError{"Name an override by its number."}
	}
	if err := c.only("verdict", "note", "json"); err != nil {
		return err
	}
	verdict, note := c.last("verdict", ""), c.sentence("note", "")
	if verdict != "justified" && verdict != "unjustified" || note == "" {
		return &usageError{"A review needs --verdict justified or --verdict unjustified, and a --note that says why."}
	}
	o, err := s.findOverride(ctx, c.words[0])
	if err != nil {
		return err
	}
	if ruling := s.gateway.law().policy.Override.MayReview(s.me(), caseOf(o)); !ruling.Allowed {
		s.gateway.denied(s.person, fmt.Sprintf("review of override %d", o.Number), ruling.Why)
		return &ruledOut{ruling}
	}
	if o, err = s.gateway.store.ReviewOverride(ctx, o.Number, verdict, note, s.entry()); err != nil {
		return err
	}
	s.gateway.overridesChanged(false)
	return s.printCase(c, o, fmt.Sprintf("Override %d is reviewed: %s.", o.Number, verdict))
}

// overrideIn reports whether a consent statement, which was verified when it
// came, is about a request that brought an override.
func overrideIn(statement []byte) bool {
	var c struct {
		Request struct {
			Override *json.RawMessage `json:"override"`
		} `json:"request"`
	}
	return json.Unmarshal(statement, &c) != nil || c.Request.Override != nil
}
