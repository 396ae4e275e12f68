package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/gateway/store"
	"accord/wire"
)

// What happens is told to the store here, each step with its audit entry.

// self is an entry of the gateway's own.
func self(at time.Time) store.Entry { return store.Entry{At: at, Actor: "gateway"} }

// entry is an entry of what the session's person does now.
func (s *session) entry() store.Entry {
	return store.Entry{At: time.Now(), Actor: s.person.Name, Address: s.person.address}
}

// entry is an entry of what a device does now.
func (h *home) entry(at time.Time) store.Entry {
	return store.Entry{At: at, Actor: "device " + h.device.Name, Address: h.address}
}

// started closes in the journal what the last run left open.
func (g *Gateway) started(ctx context.Context, seals map[string]store.Seal) error {
	now := time.Now()
	if _, err := g.store.AllAway(ctx, self(now)); err != nil {
		return err
	}
	if _, err := g.store.InterruptVisits(ctx, self(now)); err != nil {
		return err
	}
	unsealed, err := g.store.Visits(ctx, store.VisitFilter{Unsealed: true})
	if err != nil {
		return err
	}
	for _, v := range unsealed {
		seal, ok := seals[v.ID]
		if !ok {
			continue
		}
		if err := g.store.SealVisit(ctx, v.ID, seal, self(now)); err != nil {
			return err
		}
	}
	e := self(now)
	e.Kind, e.Success, e.Data = store.GatewayStarted, true, map[string]string{"version": g.version}
	if g.digest != "" {
		e.Data["config"] = g.digest
	}
	return g.store.Append(ctx, e)
}

// stopping is the last entry of an orderly run.
func (g *Gateway) stopping() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	e := self(time.Now())
	e.Kind, e.Success = store.GatewayStopped, true
	return g.store.Append(ctx, e)
}

// note appends an entry that goes with no change of state. One that can't be
// kept is an error in the log; whatever must not happen unseen checks for
// itself.
func (g *Gateway) note(e store.Entry) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := g.store.Append(ctx, e)
	if err != nil {
		g.log.Error("an entry of the audit log was not kept", "kind", e.Kind, "error", err)
	}
	return err
}

// denied notes that somebody was told no.
func (g *Gateway) denied(p person, what, why string) {
	_ = g.note(store.Entry{
		At: time.Now(), Kind: store.LoginDenied, Actor: cmp.Or(p.Name, "unknown"), Address: p.address,
		Data: map[string]string{"what": what, "why": why},
	})
}

// deviceOnline notes that a device called home.
func (g *Gateway) deviceOnline(ctx context.Context, h *home) error {
	now := time.Now()
	h.device.Since = now
	return g.store.Online(ctx, h.device.Key, h.facts(), h.entry(now))
}

func (h *home) facts() store.Facts {
	return store.Facts{
		OS: h.hello.OS, Arch: h.hello.Arch, Version: h.hello.Agent,
		Capabilities: texts(h.hello.Capabilities), Logins: h.hello.Logins, Address: h.address,
		Class: h.hello.Class,
	}
}

// enrol spends a token for a device.
func (g *Gateway) enrol(ctx context.Context, h *home) (store.Device, error) {
	name := h.hello.Name
	if name == "" || reserved(name) {
		name = "device-" + nameOf(h.key)
	}
	entry := store.Entry{At: time.Now(), Actor: "device " + name, Address: h.address}
	enrolment := store.Enrolment{PublicKey: string(gossh.MarshalAuthorizedKey(h.key)), Name: name, Labels: h.hello.Labels, Facts: h.facts()}
	d, err := g.store.Enrol(ctx, h.hello.Token, enrolment, entry)
	if errors.Is(err, store.ErrNameTaken) {
		// Another machine, or this one with another key: nobody can tell. It gets a
		// name of its own, unless the token says which it must be.
		entry.Data = map[string]string{"wished": name}
		enrolment.Name = distinct(name, h.key)
		d, err = g.store.Enrol(ctx, h.hello.Token, enrolment, entry)
	}
	for _, known := range []error{store.ErrTokenUnknown, store.ErrTokenSpent, store.ErrTokenExpired, store.ErrTokenKind, store.ErrNameTaken} {
		if errors.Is(err, known) {
			g.denied(person{address: h.address}, "enrolment as "+name, known.Error())
			return d, &deniedError{wire.Denied{Final: true, Sentence: sentenceCase(known.Error())}}
		}
	}
	return d, err
}

// distinct tells a device's name from the same name of another.
func distinct(name string, key gossh.PublicKey) string {
	const longest = 63 // see wire.ValidDevice
	end := "-" + nameOf(key)[:4]
	return strings.TrimRight(name[:min(len(name), longest-len(end))], ".-_") + end
}

// nameOf makes a name from a device's key, for one that wishes none.
func nameOf(key gossh.PublicKey) string {
	return wire.Digest(string(key.Marshal()))[:8]
}

// quarantine locks out both of two devices that prove the same key: nobody can
// tell which one is the real one.
func (g *Gateway) quarantine(ctx context.Context, there, second *home) *wire.Denied {
	why := fmt.Sprintf("two devices call with its key, from %s and from %s", there.address, second.address)
	if err := g.store.Quarantine(ctx, there.device.Key, why, second.entry(time.Now())); err != nil {
		return g.refusal(err)
	}
	g.log.Warn("two devices with one key", "device", there.device.Name, "first", there.address, "second", second.address)
	g.publish()
	return &wire.Denied{Sentence: "Another device is connected with this device's key. One of them is a copy: an admin must find out which, give the other a key of its own, and release it."}
}

// makeToken makes a token for one enrolment.
func (g *Gateway) makeToken(ctx context.Context, t store.Token, e store.Entry) (wire.Token, error) {
	token := wire.NewToken(gossh.FingerprintSHA256(g.key.PublicKey()))
	return token, g.store.MakeToken(ctx, token.Secret, t, e)
}

// Enroll makes a token for one enrolment, for who holds the gateway's folder:
// `accord up` enrols its own device with it.
func (g *Gateway) Enroll(ctx context.Context, name string) (wire.Token, error) {
	now := time.Now()
	return g.makeToken(ctx, store.Token{Name: name, Expires: now.Add(10 * time.Minute)}, self(now))
}

// visitExtended notes the answer to a request for more in an open visit.
func (g *Gateway) visitExtended(v *visit, c *wire.Consent, statement []byte) error {
	return journal(func(ctx context.Context) error {
		return g.store.ExtendVisit(ctx, v.req.Visit, store.Extension{
			Asked: texts(c.Request.Capabilities), Granted: texts(c.Granted), Choice: string(c.Choice), Cause: c.Why, Statement: statement,
		}, v.home.entry(time.Now()))
	})
}

func (v *visit) entry() store.Entry {
	return store.Entry{At: time.Now(), Actor: v.person.Name, Address: v.person.address}
}

// journal gives a step of a visit the time it needs, also while everything is
// being stopped.
func journal(step func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return step(ctx)
}

func (g *Gateway) visitRequested(v *visit) error {
	return journal(func(ctx context.Context) error {
		return g.store.RequestVisit(ctx, store.Request{
			ID: v.req.Visit, DeviceKey: v.home.device.Key, Technician: v.person.Name, TechnicianKey: v.person.fingerprint,
			Reason: v.req.Reason, Ticket: v.req.Ticket, Capabilities: texts(v.req.Capabilities), Login: v.req.Login, Minutes: v.req.Minutes,
		}, v.entry())
	})
}

// visitAnswered notes what became of a request; failure is why there is no
// answer.
func (g *Gateway) visitAnswered(v *visit, failure error) error {
	a := store.Answer{State: store.Unanswered, Statement: v.statement, Signature: v.signature}
	if v.override != nil {
		a.Override, a.Proven = v.override.Number, failure == nil && v.override.proven(v.consent)
	}
	if failure != nil {
		a.Cause = wire.Clean(failure.Error(), wire.MaxReason)
	} else {
		a.Cause = v.consent.Why
		switch v.consent.Choice {
		case wire.Approve, wire.Overridden:
			a.State, a.Granted, a.Login, a.Until = store.Approved, texts(v.consent.Granted), v.consent.Login, v.until
		case wire.Later:
			a.State, a.Later = store.Postponed, *v.consent.Later
		case wire.Refuse:
			a.State = store.Refused
			if a.Stranger = v.consent.Stranger; a.Stranger {
				a.Cause = "stranger: the user does not know this person"
			}
		case wire.None:
		}
	}
	err := journal(func(ctx context.Context) error {
		return g.store.AnswerVisit(ctx, v.req.Visit, a, v.home.entry(time.Now()))
	})
	if err == nil && (a.Stranger || v.override != nil) {
		g.strange(v, a.Stranger)
	}
	return err
}

func (g *Gateway) visitOpened(v *visit) error {
	return journal(func(ctx context.Context) error {
		return g.store.OpenVisit(ctx, v.req.Visit, v.req.Visit, v.entry())
	})
}

// visitEnded notes the end and the seal.
func (g *Gateway) visitEnded(v *visit, why ending, sealed wire.Head, card *wire.Card) error {
	seal := store.Seal{Seq: int64(sealed.Seq), Head: sealed.Hash}
	if card != nil {
		seal.Statement, seal.Signature = card.Statement, card.Signature
	}
	ended := v.entry()
	switch why.by {
	case v.person.Name:
	case byPolicy, byGateway:
		ended.Actor, ended.Address = "gateway", ""
	case byUser, byTime, byLink, byAgent:
		ended.Actor, ended.Address = "device "+v.home.device.Name, v.home.address
	default: // a supervisor
		ended.Actor, ended.Address = why.by, ""
	}
	return journal(func(ctx context.Context) error {
		err := g.store.EndVisit(ctx, v.req.Visit, store.Ended, why.by, why.cause, ended)
		if err != nil {
			return err
		}
		return g.store.SealVisit(ctx, v.req.Visit, seal, self(time.Now()))
	})
}

// visitFailed notes that an approved visit never came to be, or that its
// recording broke.
func (g *Gateway) visitFailed(v *visit, why ending) error {
	return journal(func(ctx context.Context) error {
		return g.store.EndVisit(ctx, v.req.Visit, store.Interrupted, why.by, why.cause, v.entry())
	})
}

func (g *Gateway) visitNoted(v *visit, note string) error {
	return journal(func(ctx context.Context) error {
		return g.store.NoteVisit(ctx, v.req.Visit, note, v.entry())
	})
}

// sentenceCase makes a sentence of an error's text.
func sentenceCase(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}
