package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// OverrideState is where an override stands.
type OverrideState string

// The states of an override, and where each leads:
//
//	requested → approved | denied
//	approved  → used | refused | denied
//	used      → reviewed
//
// The others are final. One whose Until has come can't be approved or used.
const (
	OverrideRequested OverrideState = "requested" // it lacks signatures
	OverrideApproved  OverrideState = "approved"  // signed by as many as it needs
	OverrideDenied    OverrideState = "denied"    // by a supervisor, or taken back
	OverrideRefused   OverrideState = "refused"   // by the device
	OverrideUsed      OverrideState = "used"      // it opened its visit, or the exercise went well
	OverrideReviewed  OverrideState = "reviewed"
)

// Override is one override, from its request on. Times that have not come are
// zero.
type Override struct {
	Number        int
	Exercise      bool
	Device        string // its name when it was asked
	DeviceKey     string // fingerprint
	Technician    string
	TechnicianKey string // fingerprint
	Statement     []byte
	Needed        int // signatures
	Signatures    []OverrideSignature

	State    OverrideState
	Asked    time.Time
	Until    time.Time // it must have been used before
	Decided  time.Time // approved, denied or refused
	By       string    // who denied or refused it
	Cause    string    // why
	Used     time.Time
	Visit    string    // the id of the visit that it opened
	Ended    time.Time // when that visit ended, or the exercise was over
	Overdue  time.Time // when it was told that the review is
	Reviewed time.Time
	Reviewer string
	Verdict  string
	Note     string
}

// OverrideSignature is one supervisor's.
type OverrideSignature struct {
	Signer    string // name
	Key       string // fingerprint
	Signature []byte // armored SSHSIG
	At        time.Time
}

// An exercise opens no visit; it is over as soon as the device has judged it.
const overrideColumns = `o.number, o.exercise, o.device, o.device_key, o.technician, o.technician_key, o.statement, o.needed,
	o.state, o.asked_at, o.until_at, o.decided_at, o.decided_by, o.cause, o.used_at, o.visit,
	CASE WHEN o.exercise THEN o.used_at ELSE COALESCE(v.ended_at, 0) END,
	o.overdue_at, o.reviewed_at, o.reviewed_by, o.verdict, o.note`

const overrideTables = ` FROM overrides o LEFT JOIN visits v ON v.id = o.visit `

func scanOverride(row scanner) (o Override, err error) {
	var asked, until, decided, used, ended, overdue, reviewed int64
	err = row.Scan(&o.Number, &o.Exercise, &o.Device, &o.DeviceKey, &o.Technician, &o.TechnicianKey, &o.Statement, &o.Needed,
		&o.State, &asked, &until, &decided, &o.By, &o.Cause, &used, &o.Visit, &ended,
		&overdue, &reviewed, &o.Reviewer, &o.Verdict, &o.Note)
	o.Asked, o.Until, o.Decided, o.Used = fromMicros(asked), fromMicros(until), fromMicros(decided), fromMicros(used)
	o.Ended, o.Overdue, o.Reviewed = fromMicros(ended), fromMicros(overdue), fromMicros(reviewed)
	return o, err
}

func scanSignature(row scanner) (s OverrideSignature, err error) {
	var at int64
	err = row.Scan(&s.Signer, &s.Key, &s.Signature, &at)
	s.At = fromMicros(at)
	return s, err
}

// Override finds one, or gives [ErrNotFound].
func (s *Store) Override(ctx context.Context, number int) (Override, error) {
	o, err := overrideByNumber(ctx, s.readers, number)
	return o, s.explain("look up an override", err)
}

func overrideByNumber(ctx context.Context, q querier, number int) (Override, error) {
	o, err := one(ctx, q, scanOverride, fmt.Sprintf("override %d", number),
		`SELECT `+overrideColumns+overrideTables+`WHERE o.number = $1`, number)
	if err != nil {
		return o, err
	}
	o.Signatures, err = signatures(ctx, q, number)
	return o, err
}

func signatures(ctx context.Context, q querier, number int) ([]OverrideSignature, error) {
	return collect(ctx, q, scanSignature,
		`SELECT signer, key, signature, signed_at FROM override_signatures WHERE number = $1 ORDER BY place`, number)
}

// OverrideFilter chooses overrides. What is empty or zero asks nothing.
type OverrideFilter struct {
	Technician string
	DeviceKey  string
	State      OverrideState
	Limit      int // at most [MaxRows], and that if zero
}

// Overrides lists overrides, newest first.
func (s *Store) Overrides(ctx context.Context, f OverrideFilter) ([]Override, error) {
	w := where{}
	w.text("o.technician = ?", f.Technician)
	w.text("o.device_key = ?", f.DeviceKey)
	w.text("o.state = ?", string(f.State))
	query := `SELECT ` + overrideColumns + overrideTables + w.sql() + ` ORDER BY o.number DESC LIMIT ` + w.arg(rows(f.Limit))
	list, err := collect(ctx, s.readers, scanOverride, query, w.args...)
	for i := range list {
		if err == nil {
			list[i].Signatures, err = signatures(ctx, s.readers, list[i].Number)
		}
	}
	return list, s.explain("list the overrides", err)
}

// OverrideRequest is what a technician asks for.
type OverrideRequest struct {
	Exercise      bool
	DeviceKey     string
	Technician    string
	TechnicianKey string
	Needed        int // signatures
	Until         time.Time
	// Statement writes what is to be signed, for the number that the store
	// gives. It runs while others wait: no I/O.
	Statement func(number int) ([]byte, error)
	// Data of the entry, beside what the store adds.
	Data map[string]string
}

// RequestOverride makes an override in the state requested. Errors:
// [ErrNotFound] for the device, [ErrQuarantined], [ErrExists] where one of this
// technician for this device still waits or can be used.
func (s *Store) RequestOverride(ctx context.Context, r OverrideRequest, e Entry) (made Override, err error) {
	if err := required("technician", r.Technician, "technician's key", r.TechnicianKey); err != nil {
		return made, err
	}
	if r.Needed < 1 || !r.Until.After(e.At) {
		return made, invalid("an override needs a signature, and an end that is still to come")
	}
	err = s.change(ctx, func(g *group) error {
		d, err := g.visitable(r.DeviceKey)
		if err != nil {
			return err
		}
		number, err := g.nextOverride(r, e)
		if err != nil {
			return err
		}
		statement, err := r.Statement(number)
		if err == nil {
			err = signed(statement, statement, true)
		}
		if err != nil {
			return err
		}
		_, err = g.exec(`INSERT INTO overrides (number, exercise, device, device_key, technician, technician_key, statement, needed,
				state, asked_at, until_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			number, r.Exercise, d.Name, d.Key, r.Technician, r.TechnicianKey, statement, r.Needed,
			string(OverrideRequested), micros(e.At), micros(r.Until))
		if err != nil {
			return err
		}
		if made, err = overrideByNumber(g.ctx, g.tx, number); err != nil {
			return err
		}
		e.Data = r.Data
		return g.log(made.did(e, OverrideAsked).with("technician_key", r.TechnicianKey, "key", d.Key, "until", stamp(r.Until),
			"needed", strconv.Itoa(r.Needed), "statement", digest(statement)))
	})
	return made, err
}

// nextOverride is the number of the next one, if this technician may have one
// more.
func (g *group) nextOverride(r OverrideRequest, e Entry) (number int, err error) {
	err = g.tx.QueryRowContext(g.ctx, `SELECT number FROM overrides
		WHERE technician = $1 AND device_key = $2 AND state IN ($3, $4) AND until_at > $5 AND exercise = $6 ORDER BY number LIMIT 1`,
		r.Technician, r.DeviceKey, string(OverrideRequested), string(OverrideApproved), micros(e.At), r.Exercise).Scan(&number)
	if err == nil {
		return 0, fmt.Errorf("override %d of yours for this device: %w", number, ErrExists)
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return 0, err
	}
	err = g.tx.QueryRowContext(g.ctx, `SELECT COALESCE(MAX(number), 0) + 1 FROM overrides`).Scan(&number)
	return number, err
}

// did makes an entry that of a step of the override.
func (o Override) did(e Entry, kind Kind) Entry {
	exercise := ""
	if o.Exercise {
		exercise = "yes"
	}
	return e.did(kind, o.Device, o.Visit).with("override", strconv.Itoa(o.Number), "technician", o.Technician, "exercise", exercise)
}

// override takes one on, from one of the states given.
func (s *Store) override(ctx context.Context, number int, from []OverrideState, take func(*group, *Override) error) (o Override, err error) {
	err = s.change(ctx, func(g *group) error {
		if o, err = g.overrideIn(number, from); err != nil {
			return err
		}
		return take(g, &o)
	})
	return o, err
}

// overrideIn finds an override that is in one of some states.
func (g *group) overrideIn(number int, from []OverrideState) (Override, error) {
	o, err := overrideByNumber(g.ctx, g.tx, number)
	if err != nil {
		return o, err
	}
	for _, state := range from {
		if o.State == state {
			return o, nil
		}
	}
	return o, fmt.Errorf("%w: override %d is %s", ErrState, number, o.State)
}

// saveOverride writes what steps change, with the entries that tell of it.
func (g *group) saveOverride(o Override, entries ...Entry) error {
	_, err := g.exec(`UPDATE overrides SET state = $1, decided_at = $2, decided_by = $3, cause = $4, used_at = $5, visit = $6,
			overdue_at = $7, reviewed_at = $8, reviewed_by = $9, verdict = $10, note = $11 WHERE number = $12`,
		string(o.State), micros(o.Decided), o.By, o.Cause, micros(o.Used), o.Visit,
		micros(o.Overdue), micros(o.Reviewed), o.Reviewer, o.Verdict, o.Note, o.Number)
	for _, e := range entries {
		if err == nil {
			err = g.log(e)
		}
	}
	return err
}

// SignOverride adds a supervisor's signature, which the caller has verified
// over the statement. The one that completes them approves the override.
// Errors: [ErrNotFound], [ErrState] where it is no longer requested or its
// time is over, [ErrExists] where this supervisor or this key has signed.
func (s *Store) SignOverride(ctx context.Context, number int, sig OverrideSignature, e Entry) (Override, error) {
	if err := cmp.Or(required("signer", sig.Signer, "signer's key", sig.Key), signed(sig.Signature, sig.Signature, true)); err != nil {
		return Override{}, err
	}
	return s.override(ctx, number, []OverrideState{OverrideRequested}, func(g *group, o *Override) error {
		if !e.At.Before(o.Until) {
			return fmt.Errorf("%w: the time of override %d ended at %s", ErrState, number, stamp(o.Until))
		}
		if sig.Signer == o.Technician || sig.Key == o.TechnicianKey {
			return invalid("override %d can't be signed by its technician", number)
		}
		for _, there := range o.Signatures {
			if there.Signer == sig.Signer || there.Key == sig.Key {
				return fmt.Errorf("a signature of %s under override %d: %w", there.Signer, number, ErrExists)
			}
		}
		sig.At = fromMicros(micros(e.At))
		o.Signatures = append(o.Signatures, sig)
		_, err := g.exec(`INSERT INTO override_signatures (number, place, signer, key, signature, signed_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			number, len(o.Signatures), sig.Signer, sig.Key, sig.Signature, micros(e.At))
		if err != nil {
			return err
		}
		entries := []Entry{o.did(e, OverrideSigned).with("signer_key", sig.Key, "signatures", strconv.Itoa(len(o.Signatures)),
			"needed", strconv.Itoa(o.Needed), "signature", digest(sig.Signature))}
		if len(o.Signatures) >= o.Needed {
			o.State, o.Decided = OverrideApproved, e.At
			entries = append(entries, o.did(e, OverrideGranted).with("until", stamp(o.Until)))
		}
		return g.saveOverride(*o, entries...)
	})
}

// DenyOverride ends an override that has not been used.
func (s *Store) DenyOverride(ctx context.Context, number int, why string, e Entry) (Override, error) {
	if err := text("reason", why, MaxText); err != nil {
		return Override{}, err
	}
	return s.override(ctx, number, []OverrideState{OverrideRequested, OverrideApproved}, func(g *group, o *Override) error {
		return g.closeOverride(o, OverrideDenied, why, e)
	})
}

func (g *group) closeOverride(o *Override, state OverrideState, why string, e Entry) error {
	o.State, o.Decided, o.By, o.Cause = state, e.At, e.Actor, why
	return g.saveOverride(*o, o.did(e, OverrideClosed).with("state", string(state), "cause", why))
}

// judged notes what a device made of an override that a visit brought: it
// opened the visit (or went well, as an exercise), or was refused. An override
// serves once, and only its own technician on its own device.
func (g *group) judged(v Visit, a Answer, e Entry) error {
	o, err := g.overrideIn(a.Override, []OverrideState{OverrideApproved})
	switch {
	case err != nil:
		return err
	case o.DeviceKey != v.DeviceKey || o.Technician != v.Technician || o.TechnicianKey != v.TechnicianKey:
		return invalid("override %d is for another technician or device", o.Number)
	case a.State == Approved && o.Exercise:
		return invalid("override %d is an exercise and opens nothing", o.Number)
	case a.State != Approved && !a.Proven:
		if len(a.Statement) == 0 {
			return nil // the device said nothing; it may be tried again
		}
		return g.closeOverride(&o, OverrideRefused, a.Cause, e)
	}
	o.State, o.Used, o.Visit = OverrideUsed, e.At, v.ID
	used := o.did(e, OverrideTaken).with("technician_key", o.TechnicianKey)
	for i, s := range o.Signatures {
		used = used.with(fmt.Sprintf("signer_%d", i+1), s.Signer+" "+s.Key)
	}
	return g.saveOverride(o, used)
}

// ReviewOverride notes a third person's verdict on an override whose visit is
// over. That it is a third person is checked here too.
func (s *Store) ReviewOverride(ctx context.Context, number int, verdict, note string, e Entry) (Override, error) {
	if err := cmp.Or(required("verdict", verdict), text("note", note, MaxText)); err != nil {
		return Override{}, err
	}
	return s.override(ctx, number, []OverrideState{OverrideUsed}, func(g *group, o *Override) error {
		if o.Ended.IsZero() {
			return fmt.Errorf("%w: the visit of override %d is not over", ErrState, number)
		}
		own := e.Actor == o.Technician
		for _, s := range o.Signatures {
			own = own || s.Signer == e.Actor
		}
		if own {
			return invalid("nobody reviews an override that they used or signed")
		}
		o.State, o.Reviewed, o.Reviewer, o.Verdict, o.Note = OverrideReviewed, e.At, e.Actor, verdict, note
		return g.saveOverride(*o, o.did(e, OverrideSettled).with("verdict", verdict, "note", note))
	})
}

// OverdueOverride notes, once, that the review of an override is overdue.
func (s *Store) OverdueOverride(ctx context.Context, number int, due time.Time, e Entry) error {
	_, err := s.override(ctx, number, []OverrideState{OverrideUsed}, func(g *group, o *Override) error {
		if !o.Overdue.IsZero() {
			return fmt.Errorf("%w: it was told before", ErrState)
		}
		o.Overdue = e.At
		late := o.did(e, OverrideOverdue).with("due", stamp(due))
		late.Success = false
		return g.saveOverride(*o, late)
	})
	return err
}
