package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/gateway/store"
	"accord/policy"
	"accord/recordings"
	"accord/tui"
	"accord/wire"
)

// claims are the overrides that a visit is being asked for with now, so that
// of two who come at once one finds it taken.
type claims struct {
	mu   sync.Mutex
	held map[int]struct{}
}

// take reserves an override; false where it is taken.
func (c *claims) take(number int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, there := c.held[number]; there {
		return false
	}
	if c.held == nil {
		c.held = make(map[int]struct{})
	}
	c.held[number] = struct{}{}
	return true
}

func (c *claims) give(number int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.held, number)
}

// brought is the override that a request brings.
type brought struct {
	store.Override
	said wire.Override
}

func (b *brought) signers() []string { return caseOf(b.Override).Signers }

// overrideFor finds the approved override that a request to a device can use:
// the one that was named, or the technician's own for it, by the key that they
// have logged in with, where it covers what is wanted. nil for none.
func (c *caller) overrideFor(ctx context.Context, h *home, t target, want *asked) (*brought, error) {
	if t.override != 0 {
		o, err := c.gateway.store.Override(ctx, t.override)
		if err != nil {
			return nil, err
		}
		return bring(o)
	}
	list, err := c.gateway.store.Overrides(ctx, store.OverrideFilter{
		Technician: c.person.Name, DeviceKey: h.device.Key, State: store.OverrideApproved,
	})
	if err != nil {
		return nil, err
	}
	for _, o := range list {
		if o.Exercise || o.TechnicianKey != c.person.fingerprint || !time.Now().Before(o.Until) {
			continue
		}
		b, err := bring(o)
		if err != nil {
			return nil, err
		}
		if b.covers(t, want) {
			return b, nil
		}
	}
	return nil, nil
}

func bring(o store.Override) (*brought, error) {
	said, err := wire.ParseOverride(o.Statement)
	if err != nil {
		return nil, fmt.Errorf("the statement of override %d is damaged: %w", o.Number, err)
	}
	return &brought{o, said}, nil
}

func (b *brought) covers(t target, want *asked) bool {
	if t.login != "" && t.login != b.said.Login {
		return false
	}
	if want == nil {
		return true
	}
	for _, c := range want.capabilities {
		if !slices.Contains(b.said.Capabilities, wire.Capability(c)) {
			return false
		}
	}
	return true
}

// bringOverride puts a request with an override to the device: for what was
// signed, no more. The policy must still allow the technician to ask, and the
// signers must still be supervisors.
func (c *caller) bringOverride(h *home, b *brought) (*visit, error) {
	g, o, now := c.gateway, b.said, time.Now()
	if b.TechnicianKey != c.person.fingerprint || b.Technician != c.person.Name || o.DeviceKey != h.device.Key || o.Device != h.device.Name {
		return nil, fmt.Errorf("override %d is for %s on %s, with the key %s", b.Number, b.Technician, b.Device, o.Key)
	}
	want := asked{reason: o.Reason, ticket: o.Ticket, minutes: o.Minutes, capabilities: texts(o.Capabilities), login: o.Login}
	d := c.decide(h, want, now)
	if d.Verdict != policy.Allow {
		return nil, c.turnDown(h, d)
	}
	l := g.law()
	if b.State != store.OverrideApproved {
		return nil, fmt.Errorf("override %d is %s; it can't be used", b.Number, g.stateOf(b.Override))
	}
	if ruling := l.policy.Override.MayUse(caseOf(b.Override), b.Needed, g.supervisors(l, b.Override), now); !ruling.Allowed {
		g.denied(c.person, fmt.Sprintf("open by override %d", b.Number), ruling.Why)
		return nil, &ruledOut{ruling}
	}
	if !g.claims.take(b.Number) {
		return nil, fmt.Errorf("override %d is being used by another session", b.Number)
	}
	signed := &wire.SignedOverride{Statement: b.Statement}
	for _, sig := range b.Signatures {
		signed.Signatures = append(signed.Signatures, sig.Signature)
	}
	d.Ticket, d.Reason, d.Minutes = o.Ticket, o.Reason, min(d.Minutes, o.Minutes)
	c.tell(c.phrases().Say(b.sentence(), "Number", b.Number, "Signers", strings.Join(b.signers(), ", "), "Device", h.device.Name, "Minutes", d.Minutes))
	p, r := c.person, c.question(h, want)
	p.Person = c.me()
	v, err := g.beginWith(p, h, r, d, wire.Request{Capabilities: o.Capabilities, Login: o.Login, Override: signed}, b)
	if err != nil {
		g.claims.give(b.Number)
	}
	return v, err
}

func (b *brought) sentence() string {
	if b.Exercise {
		return "GwOverrideDrill"
	}
	return "GwOverrideOpens"
}

// supervisors tells whether the signers of an override are supervisors still,
// each by the key that they signed with.
func (g *Gateway) supervisors(l *law, o store.Override) func(name string) bool {
	return func(name string) bool {
		p, ok := l.people.Named(name)
		if !ok || !p.Has(policy.Supervisor) || g.locks.of(name) != (policy.Lock{}) {
			return false
		}
		for _, s := range o.Signatures {
			if s.Signer == name && hasKey(p, s.Key) {
				return true
			}
		}
		return false
	}
}

// unsigned says which signer of an override that opened a visit is no
// supervisor any more, or is locked; empty: all of them still are.
func (b *brought) unsigned(g *Gateway, l *law) string {
	if b == nil {
		return ""
	}
	still := g.supervisors(l, b.Override)
	for _, name := range b.signers() {
		if !still(name) {
			return fmt.Sprintf("Override %d, which opened this visit, was signed by %s, who is no supervisor any more.", b.Number, name)
		}
	}
	return ""
}

// hasKey reports whether a key is one of a person's, by its fingerprint.
func hasKey(p policy.Person, fingerprint string) bool {
	return slices.ContainsFunc(p.Keys, func(line string) bool {
		key, err := policy.ParseKey(line)
		return err == nil && gossh.FingerprintSHA256(key) == fingerprint
	})
}

// took checks what the device answered to a request with an override: that the
// override opened it, by those who signed it, or that nothing did. The user's
// yes has no part in it.
func (b *brought) took(c *wire.Consent) error {
	switch c.Choice {
	case wire.Approve, wire.Later:
		return errors.New("the device answered an override with the word of its user")
	case wire.Overridden:
		if b.Exercise {
			return errors.New("the device opened a visit for an exercise")
		}
	}
	if (c.Choice == wire.Overridden || len(c.Signers) > 0) && !sameNames(c.Signers, b.signers()) {
		return errors.New("the device names other signers than the override has")
	}
	return nil
}

// proven reports whether the device has found an exercise good.
func (b *brought) proven(c *wire.Consent) bool {
	return b.Exercise && c.Choice == wire.None && c.Why == wire.ExerciseVerified && len(c.Signers) > 0
}

func sameNames(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// recorded is the override as the recording keeps it; nil for none.
func (b *brought) recorded() *recordings.Override {
	if b == nil {
		return nil
	}
	r := &recordings.Override{Number: b.Number, Statement: string(b.Statement)}
	for _, s := range b.Signatures {
		r.Signatures = append(r.Signatures, recordings.Signature{Signer: s.Signer, Key: s.Key, Signature: string(s.Signature)})
	}
	return r
}

// cmdOverrideOpen uses an approved override, or sees an exercise to its end.
func (s *session) cmdOverrideOpen(ctx context.Context, c *call) error {
	if len(c.words) != 1 {
		return &usageError{"Name an override by its number."}
	}
	if err := c.only(); err != nil {
		return err
	}
	o, err := s.findOverride(ctx, c.words[0])
	if err != nil {
		return err
	}
	if err := s.may(fmt.Sprintf("open by override %d", o.Number), o.Technician == s.person.Name, fmt.Sprintf("Override %d is for %s.", o.Number, o.Technician)); err != nil {
		return err
	}
	t := target{device: o.Device, override: o.Number}
	if o.Exercise {
		return s.drill(ctx, t)
	}
	s.command = "" // the shell, not this command
	return &exitStatus{s.goTo(ctx, t)}
}

// drill has the device judge an exercise. Nothing is opened.
func (s *session) drill(ctx context.Context, t target) error {
	v, err := s.obtain(ctx, t, nil, func(v *visit) error { return s.waitQuietly(ctx, v) })
	if err == nil {
		v.release()
		return errors.New("the exercise opened a visit, which must not be; it was ended")
	}
	a, ok := errors.AsType[*answered](err)
	if !ok || a.Why != wire.ExerciseVerified || len(a.Signers) == 0 {
		return err
	}
	s.print(s.phrases().Say("GwOverrideDrillDone", "Device", t.device, "Signers", strings.Join(a.Signers, ", ")) + "\n")
	return nil
}

// mayOffer reports whether an override can be offered: nobody answered.
func (s *session) mayOffer(t target, a *answered) bool {
	return a.Choice == wire.None && t.override == 0 && a.Request.Override == nil && s.gateway.law().policy.Override.Enabled
}

// offer tells a technician on a terminal that nobody answered, and lets them
// ask for an override of just that request. It reports whether it told.
func (s *session) offer(ctx context.Context, t target, a *answered) (told bool, err error) {
	if !s.mayOffer(t, a) {
		return false, nil
	}
	ph := s.phrases()
	yes, err := tui.OfferOverride(ctx, s.terminal(), s.noteOf(a), ph.Say("GwOverrideCommand", "Device", t.device))
	if err != nil || !yes {
		return true, err
	}
	want := asked{
		reason: a.Request.Reason, ticket: a.Request.Ticket, minutes: a.Request.Minutes,
		capabilities: texts(a.Request.Capabilities), login: t.login,
	}
	o, err := s.askOverride(ctx, t.device, want, false)
	if err != nil {
		return true, s.notice(ctx, err)
	}
	return true, tui.Notice(ctx, s.terminal(), tui.Note{Title: s.askedSentence(o), Kind: tui.NoteGood})
}
