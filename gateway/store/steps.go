package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Request is what a technician asks for.
type Request struct {
	ID            string
	DeviceKey     string // fingerprint
	Technician    string
	TechnicianKey string // fingerprint
	Reason        string
	Ticket        string
	Capabilities  []string
	Login         string
	Minutes       int
}

func (r Request) check() error {
	if len(r.Capabilities) == 0 || r.Minutes < 1 {
		return invalid("a visit needs capabilities and minutes")
	}
	return cmp.Or(
		required("visit's id", r.ID, "technician", r.Technician, "technician's key", r.TechnicianKey),
		names("ticket", r.Ticket, "login", r.Login),
		text("reason", r.Reason, MaxText), list("capabilities", r.Capabilities))
}

// RequestVisit makes a visit in the state requested. Errors: [ErrNotFound] for
// the device, [ErrQuarantined], [ErrExists] for the id.
func (s *Store) RequestVisit(ctx context.Context, r Request, e Entry) error {
	if err := r.check(); err != nil {
		return err
	}
	return s.change(ctx, func(g *group) error {
		d, err := g.visitable(r.DeviceKey)
		if err != nil {
			return err
		}
		made, err := g.exec(`INSERT INTO visits (id, device, device_key, technician, technician_key, reason, ticket,
				capabilities, login, minutes, state, asked_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (id) DO NOTHING`,
			r.ID, d.Name, d.Key, r.Technician, r.TechnicianKey, r.Reason, r.Ticket,
			asJSON(r.Capabilities), r.Login, r.Minutes, string(Requested), micros(e.At))
		if err == nil && made == 0 {
			err = fmt.Errorf("visit %q: %w", r.ID, ErrExists)
		}
		if err != nil {
			return err
		}
		return g.log(e.did(VisitRequested, d.Name, r.ID).with("key", d.Key, "technician_key", r.TechnicianKey,
			"reason", r.Reason, "ticket", r.Ticket, "capabilities", strings.Join(r.Capabilities, " "),
			"login", r.Login, "minutes", strconv.Itoa(r.Minutes)))
	})
}

// visitable finds a device that visits may be asked for and opened on.
func (g *group) visitable(key string) (Device, error) {
	d, err := deviceByKey(g.ctx, g.tx, key)
	if err == nil && !d.QuarantinedSince.IsZero() {
		err = ErrQuarantined
	}
	return d, err
}

// Answer is what became of a request.
type Answer struct {
	State   VisitState // Approved, Postponed, Refused or Unanswered
	Granted []string   // when approved: all or some of what was asked
	Login   string     // when approved: the account consented to
	Until   time.Time  // when approved
	Later   time.Time  // when postponed
	Cause   string     // why not
	// Stranger: the user does not know who asked; it is entered by itself too.
	Stranger bool
	// Override is the number of the override that was to open the visit; 0 for
	// none. Proven: it is an exercise, and the device found it good.
	Override int
	Proven   bool
	// Statement is what the device has signed. Unanswered may come without:
	// nobody waited for it, or the link was lost.
	Statement, Signature []byte
}

func (a Answer) check(at time.Time) error {
	switch a.State {
	case Approved:
		if len(a.Granted) == 0 || !a.Until.After(at) {
			return invalid("an approval needs capabilities and an end that is still to come")
		}
	case Postponed:
		if err := checkTime("appointment", a.Later); err != nil {
			return err
		}
	case Refused, Unanswered:
	default:
		return invalid("%q is no answer to a request", a.State)
	}
	if a.State != Approved && (len(a.Granted) > 0 || !a.Until.IsZero()) || a.State != Postponed && !a.Later.IsZero() {
		return invalid("an answer that says two things")
	}
	return cmp.Or(names("login", a.Login), text("cause", a.Cause, MaxText),
		list("capabilities", a.Granted), signed(a.Statement, a.Signature, a.State != Unanswered))
}

// signed checks the sizes of a signed statement; whether the signature is good
// is the caller's to know.
func signed(statement, signature []byte, must bool) error {
	switch {
	case len(statement) > MaxStatement || len(signature) > MaxStatement:
		return invalid("a signed statement is too long")
	case (len(statement) == 0) != (len(signature) == 0), must && len(statement) == 0:
		return invalid("a signed statement or its signature is missing")
	}
	return nil
}

// AnswerVisit takes a visit from requested to the answer's state.
func (s *Store) AnswerVisit(ctx context.Context, id string, a Answer, by Entry) error {
	if err := a.check(by.At); err != nil {
		return err
	}
	return s.step(ctx, id, []VisitState{Requested}, by, func(g *group, v Visit) error {
		for _, c := range a.Granted {
			if !slices.Contains(v.Capabilities, c) {
				return invalid("capability %q was granted but not asked for", c)
			}
		}
		v.State, v.Answered, v.Cause = a.State, by.At, a.Cause
		v.Granted, v.Until, v.Later = a.Granted, a.Until, a.Later
		if a.Login != "" {
			v.Login = a.Login
		}
		v.Consent, v.ConsentSignature = a.Statement, a.Signature
		e := by.did(VisitAnswered, v.Device, v.ID).with("answer", string(a.State), "cause", a.Cause,
			"granted", strings.Join(a.Granted, " "), "until", stamp(a.Until), "later", stamp(a.Later),
			"consent", digest(a.Statement))
		e.Success = a.State == Approved
		if err := g.save(v, e); err != nil {
			return err
		}
		return g.answered(v, a, by)
	})
}

// answered notes what an answer means beyond its visit.
func (g *group) answered(v Visit, a Answer, e Entry) error {
	if a.Stranger {
		if err := g.log(e.did(AlertStranger, v.Device, v.ID).with("technician", v.Technician, "technician_key", v.TechnicianKey)); err != nil {
			return err
		}
	}
	if a.Override == 0 {
		return nil
	}
	return g.judged(v, a, e)
}

// OpenVisit takes a visit from approved to open, once its recording runs in
// folder. A consent whose end has come opens nothing, nor does a device that
// was put in quarantine meanwhile.
func (s *Store) OpenVisit(ctx context.Context, id, folder string, e Entry) error {
	if err := required("folder", folder); err != nil {
		return err
	}
	return s.step(ctx, id, []VisitState{Approved}, e, func(g *group, v Visit) error {
		if !e.At.Before(v.Until) {
			return fmt.Errorf("%w: the consent to visit %q ended at %s", ErrState, v.ID, stamp(v.Until))
		}
		if _, err := g.visitable(v.DeviceKey); err != nil {
			return err
		}
		v.State, v.Opened, v.Folder = Opened, e.At, folder
		return g.save(v, e.did(VisitOpened, v.Device, v.ID).with("folder", folder))
	})
}

// Extension is the answer to a request for more in an open visit.
type Extension struct {
	Asked     []string
	Granted   []string // of those; none without an approval
	Choice    string   // the device's word for the answer
	Cause     string   // why not
	Statement []byte   // what the device has signed; it is kept in the recording
}

// ExtendVisit adds to an open visit what its user granted besides, or notes that
// they granted nothing.
func (s *Store) ExtendVisit(ctx context.Context, id string, x Extension, by Entry) error {
	if err := cmp.Or(list("capabilities", x.Asked), list("capabilities", x.Granted), text("cause", x.Cause, MaxText)); err != nil {
		return err
	}
	return s.step(ctx, id, []VisitState{Opened}, by, func(g *group, v Visit) error {
		for _, c := range x.Granted {
			if !slices.Contains(x.Asked, c) {
				return invalid("capability %q was granted but not asked for", c)
			}
			if !slices.Contains(v.Granted, c) {
				v.Granted = append(v.Granted, c)
			}
		}
		e := by.did(VisitExtended, v.Device, v.ID).with("asked", strings.Join(x.Asked, " "), "answer", x.Choice,
			"granted", strings.Join(x.Granted, " "), "cause", x.Cause, "consent", digest(x.Statement))
		e.Success = len(x.Granted) > 0
		return g.save(v, e)
	})
}

// EndVisit says that access is closed, by whom ("user", "time", a name) and
// why. The state is Ended, from open, or Interrupted, from open or approved.
func (s *Store) EndVisit(ctx context.Context, id string, state VisitState, by, cause string, e Entry) error {
	from := []VisitState{Opened}
	switch state {
	case Ended:
	case Interrupted:
		from = append(from, Approved)
	default:
		return invalid("%q is no end of a visit", state)
	}
	if err := cmp.Or(required("by whom it ended", by), text("cause", cause, MaxText)); err != nil {
		return err
	}
	return s.step(ctx, id, from, e, func(g *group, v Visit) error {
		return g.end(&v, state, by, cause, e)
	})
}

func (g *group) end(v *Visit, state VisitState, by, cause string, e Entry) error {
	v.State, v.Ended, v.By, v.Cause = state, e.At, by, cause
	return g.save(*v, e.did(VisitEnded, v.Device, v.ID).with("state", string(state), "by", by, "cause", cause))
}

// Seal is what is known once a visit's recording can't grow any more.
type Seal struct {
	Seq  int64
	Head string // of the recording's chain, lower case hex
	// Statement is what the device has signed about the ending, if it came.
	Statement, Signature []byte
}

// SealVisit adds the seal to a visit that is over and was recorded, once.
func (s *Store) SealVisit(ctx context.Context, id string, seal Seal, e Entry) error {
	if err := cmp.Or(required("head", seal.Head), signed(seal.Statement, seal.Signature, false)); err != nil {
		return err
	}
	if seal.Seq < 0 {
		return invalid("a seal's number is negative")
	}
	return s.step(ctx, id, []VisitState{Ended, Interrupted}, e, func(g *group, v Visit) error {
		if v.Folder == "" || v.Head != "" {
			return fmt.Errorf("%w: visit %q was not recorded, or is sealed already", ErrState, v.ID)
		}
		v.HeadSeq, v.Head = seal.Seq, seal.Head
		v.Ending, v.EndingSignature = seal.Statement, seal.Signature
		return g.save(v, e.did(RecordingSealed, v.Device, v.ID).with("seq", strconv.FormatInt(seal.Seq, 10),
			"head", seal.Head, "ending", digest(seal.Statement)))
	})
}

// NoteVisit adds the technician's closing note to a visit that is over, once.
func (s *Store) NoteVisit(ctx context.Context, id, note string, e Entry) error {
	if note == "" {
		return invalid("the note is empty")
	}
	if err := text("note", note, MaxText); err != nil {
		return err
	}
	return s.step(ctx, id, []VisitState{Ended, Interrupted}, e, func(g *group, v Visit) error {
		if v.Note != "" {
			return fmt.Errorf("%w: visit %q has its note already", ErrState, v.ID)
		}
		v.Note = note
		return g.save(v, e.did(VisitNoted, v.Device, v.ID).with("note", note))
	})
}

// InterruptVisits ends what a gateway left behind that was killed: what was
// open or approved becomes interrupted, what was requested unanswered. Each
// gets its entry. It returns them as they are now; for those with a recording
// [Store.SealVisit] is still to come.
func (s *Store) InterruptVisits(ctx context.Context, e Entry) ([]Visit, error) {
	const cause = "the gateway was stopped"
	e.At = fromMicros(micros(e.At)) // as it will be read
	var over []Visit
	err := s.change(ctx, func(g *group) error {
		visits, err := collect(g.ctx, g.tx, scanVisit, `SELECT `+visitColumns+` FROM visits
			WHERE state IN ($1, $2, $3) ORDER BY asked_at, id`, string(Opened), string(Approved), string(Requested))
		if err != nil {
			return err
		}
		for i := range visits {
			if err := g.interrupt(&visits[i], cause, e); err != nil {
				return err
			}
		}
		over = visits
		return nil
	})
	if err != nil {
		return nil, err
	}
	return over, nil
}

func (g *group) interrupt(v *Visit, cause string, e Entry) error {
	if v.State != Requested {
		return g.end(v, Interrupted, "gateway", cause, e)
	}
	v.State, v.Answered, v.Cause = Unanswered, e.At, cause
	e = e.did(VisitAnswered, v.Device, v.ID).with("answer", string(Unanswered), "cause", cause)
	e.Success = false
	return g.save(*v, e)
}

// step takes one visit on, from one of the states given.
func (s *Store) step(ctx context.Context, id string, from []VisitState, e Entry, take func(*group, Visit) error) error {
	return s.change(ctx, func(g *group) error {
		v, err := visitByID(g.ctx, g.tx, id)
		if err != nil {
			return err
		}
		if !slices.Contains(from, v.State) {
			return fmt.Errorf("%w: visit %q is %s", ErrState, id, v.State)
		}
		return take(g, v)
	})
}

// save writes what steps change in a visit, with the entry that tells of it.
func (g *group) save(v Visit, e Entry) error {
	_, err := g.exec(`UPDATE visits SET state = $1, login = $2, answered_at = $3, opened_at = $4, until_at = $5,
			ended_at = $6, later_at = $7, ended_by = $8, cause = $9, granted = $10, consent = $11,
			consent_signature = $12, ending = $13, ending_signature = $14, folder = $15, head_seq = $16,
			head = $17, note = $18 WHERE id = $19`,
		string(v.State), v.Login, micros(v.Answered), micros(v.Opened), micros(v.Until),
		micros(v.Ended), micros(v.Later), v.By, v.Cause, asJSON(v.Granted), v.Consent,
		v.ConsentSignature, v.Ending, v.EndingSignature, v.Folder, v.HeadSeq, v.Head, v.Note, v.ID)
	if err != nil {
		return err
	}
	return g.log(e)
}

// digest is a statement as an entry names it.
func digest(statement []byte) string {
	if len(statement) == 0 {
		return ""
	}
	sum := sha256.Sum256(statement)
	return hex.EncodeToString(sum[:])
}
