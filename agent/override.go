package agent

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/ssh"

	"accord/wire"
)

// facts are what the device knows by itself when it verifies an override.
// Nothing of them comes from the gateway that brings it.
type facts struct {
	key          string // the device's fingerprint
	device       string // its name, as pinned
	organisation string // likewise
	roster       wire.Roster
	now          time.Time
}

// errOverride reports an override that this device does not honour; the text
// says why.
var errOverride = errors.New("the override opens nothing on this device")

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %w", errOverride, fmt.Errorf(format, args...))
}

// verify reads the override of a request and reports who signed it. It is pure;
// whether the override was used before is for [nonces] to say.
func (f facts) verify(req *wire.Request) (wire.Override, []wire.Supervisor, error) {
	if f.roster.Version == 0 {
		return wire.Override{}, nil, fmt.Errorf("%w: %s", errOverride, rosterNone)
	}
	o, err := wire.ParseOverride(req.Override.Statement)
	if err != nil {
		return o, nil, refused("its statement can't be read: %w", err)
	}
	if err := f.fits(o, req); err != nil {
		return o, nil, err
	}
	by, err := f.roster.Signed(wire.NamespaceOverride, req.Override.Statement, req.Override.Signatures)
	if err != nil {
		return o, nil, refused("%w", err)
	}
	for _, s := range by {
		if f.same(s, o) {
			return o, nil, refused("%s signed it, and is the technician", s.Name)
		}
	}
	return o, by, nil
}

// fits reports where the statement that was signed is not about this device
// and this very request.
func (f facts) fits(o wire.Override, req *wire.Request) error {
	who := req.Technician
	switch {
	case o.DeviceKey != f.key || o.Device != f.device:
		return refused("it is for the device %s with another key or name", o.Device)
	case o.Organisation != f.organisation || req.Organisation != f.organisation:
		return refused("it is of another organisation than %s, which this device has joined", f.organisation)
	case o.Technician != who.Name || o.Key != who.Key || o.Full != who.Full:
		return refused("it is for the technician %s, with the key %s", o.Technician, o.Key)
	case o.Login != req.Login:
		return refused("it is for another account of this device")
	case req.Minutes > o.Minutes:
		return refused("it is for %d minutes, and %d are asked for", o.Minutes, req.Minutes)
	case o.Reason != req.Reason || o.Ticket != req.Ticket:
		return refused("its reason or ticket is another than that of the request")
	case f.now.Before(o.Asked.Add(-clockSkew)):
		return refused("it is not in force yet; this device's clock says %s", f.now.UTC().Format(time.RFC3339))
	case !f.now.Before(o.Until.Add(clockSkew)):
		return refused("it ran out at %s", o.Until.UTC().Format(time.RFC3339))
	}
	for _, c := range req.Capabilities {
		if !slices.Contains(o.Capabilities, c) {
			return refused("%s is not among what was signed", c)
		}
	}
	return nil
}

// same reports whether a supervisor is the technician of an override: by name,
// by the key, or because the technician's key stands on the list under the
// supervisor's name.
func (f facts) same(s wire.Supervisor, o wire.Override) bool {
	if s.Name == o.Technician {
		return true
	}
	return slices.ContainsFunc(f.roster.Supervisors, func(known wire.Supervisor) bool {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(known.Key))
		return known.Name == s.Name && (err != nil || ssh.FingerprintSHA256(key) == o.Key)
	})
}

// override decides on a request with an override. The user is not asked. A
// good one is spent before it opens anything, and opens once.
func (a *Agent) override(c *wire.Consent, login string) {
	t, req := now(), &c.Request
	o, by, err := a.facts(t).verify(req)
	if err == nil {
		if err = a.nonces.spend(o, t); err != nil {
			err = refused("%w", err)
		}
	}
	if err != nil {
		a.unasked(c, err)
		return
	}
	c.Answered = t.wall.UTC()
	c.Text, c.Signers = string(req.Override.Statement), names(by)
	if o.Exercise {
		c.Why = wire.ExerciseVerified
		a.desk.practised(o, c.Signers)
		a.log.Info("an exercise of an override", "override", o.Number, "visit", req.Visit, "signers", c.Signers)
		return
	}
	a.overridden(c, o, login, t)
}

// overridden turns a verified override into a grant.
func (a *Agent) overridden(c *wire.Consent, o wire.Override, login string, t instant) {
	req := &c.Request
	until := t.add(time.Duration(req.Minutes) * time.Minute)
	a.mu.Lock()
	err := a.judge.override(req.Visit, verified{c.Nonce, o.Capabilities, time.Duration(o.Minutes) * time.Minute}, login, until, t)
	a.mu.Unlock()
	if err != nil {
		c.Signers = nil
		a.unasked(c, err)
		return
	}
	end := until.wall.UTC()
	c.Choice, c.Granted, c.Login, c.Until = wire.Overridden, slices.Clone(req.Capabilities), login, &end
	a.log.Warn("an override opens a visit without consent", "override", o.Number, "visit", req.Visit,
		"technician", req.Technician.Name, "signers", c.Signers)
}

func (a *Agent) facts(t instant) facts {
	return facts{
		key: ssh.FingerprintSHA256(a.key.PublicKey()), device: a.pin.Device, organisation: a.pin.Organisation,
		roster: a.supervisors.current(), now: t.wall,
	}
}

func names(list []wire.Supervisor) []string {
	var out []string
	for _, s := range list {
		out = append(out, s.Name)
	}
	slices.Sort(out)
	return out
}

// sentence makes a sentence for people of an error's text.
func sentence(err error) string {
	text := strings.TrimSuffix(wire.Clean(err.Error(), wire.MaxReason-1), ".")
	if text == "" {
		return ""
	}
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:] + "."
}
