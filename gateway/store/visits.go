package store

import (
	"context"
	"fmt"
	"time"
)

// VisitState is where a visit stands.
type VisitState string

// The states of a visit, and where each leads:
//
//	requested  → approved | later | refused | unanswered
//	approved   → open | interrupted
//	open       → ended | interrupted
//
// The others are final.
const (
	Requested   VisitState = "requested"   // the device's user is being asked
	Approved    VisitState = "approved"    // consent was given, access is not open yet
	Postponed   VisitState = "later"       // the user named a time
	Refused     VisitState = "refused"     // the user said no
	Unanswered  VisitState = "unanswered"  // nobody decided, or nobody waited for it
	Opened      VisitState = "open"        // it is recorded, and access is open
	Ended       VisitState = "ended"       // access is closed
	Interrupted VisitState = "interrupted" // something broke, or the gateway died, before a proper end
)

// AppointmentGrace is how long after its time an appointment is still listed.
const AppointmentGrace = time.Hour

// Visit is one visit, from its request on. Times that have not come are zero.
type Visit struct {
	ID            string
	Device        string // its name when it was asked
	DeviceKey     string // fingerprint
	Technician    string
	TechnicianKey string // fingerprint
	Reason        string
	Ticket        string
	Capabilities  []string // asked for
	Login         string   // the account asked for, then the one consented to
	Minutes       int      // asked for

	State    VisitState
	Asked    time.Time
	Answered time.Time
	Opened   time.Time
	Until    time.Time // the consent's end
	Ended    time.Time
	Later    time.Time // the appointment
	By       string    // who ended it
	Cause    string    // why it was refused, not answered, or ended

	Granted          []string
	Consent          []byte // the device's signed statement, as it came
	ConsentSignature []byte
	Ending           []byte // likewise
	EndingSignature  []byte

	Folder  string // of the recording
	HeadSeq int64  // of the recording's chain when it was sealed
	Head    string // likewise; empty until then
	Note    string
}

const visitColumns = `id, device, device_key, technician, technician_key, reason, ticket, capabilities, login, minutes,
	state, asked_at, answered_at, opened_at, until_at, ended_at, later_at, ended_by, cause, granted,
	consent, consent_signature, ending, ending_signature, folder, head_seq, head, note`

func scanVisit(row scanner) (v Visit, err error) {
	var asked, answered, opened, until, ended, later int64
	err = row.Scan(&v.ID, &v.Device, &v.DeviceKey, &v.Technician, &v.TechnicianKey, &v.Reason, &v.Ticket,
		jsonColumn[[]string]{&v.Capabilities}, &v.Login, &v.Minutes,
		&v.State, &asked, &answered, &opened, &until, &ended, &later, &v.By, &v.Cause, jsonColumn[[]string]{&v.Granted},
		&v.Consent, &v.ConsentSignature, &v.Ending, &v.EndingSignature, &v.Folder, &v.HeadSeq, &v.Head, &v.Note)
	v.Asked, v.Answered, v.Opened = fromMicros(asked), fromMicros(answered), fromMicros(opened)
	v.Until, v.Ended, v.Later = fromMicros(until), fromMicros(ended), fromMicros(later)
	return v, err
}

// Visit finds a visit, or gives [ErrNotFound].
func (s *Store) Visit(ctx context.Context, id string) (Visit, error) {
	v, err := visitByID(ctx, s.readers, id)
	return v, s.explain("look up a visit", err)
}

func visitByID(ctx context.Context, q querier, id string) (Visit, error) {
	return one(ctx, q, scanVisit, fmt.Sprintf("visit %q", id), `SELECT `+visitColumns+` FROM visits WHERE id = $1`, id)
}

// VisitFilter chooses visits. What is empty or zero asks nothing.
type VisitFilter struct {
	Technician string
	Device     string // name
	State      VisitState
	// Unsealed chooses those that are over and whose recording was begun and
	// never sealed.
	Unsealed bool
	Since    time.Time // asked at that time or later
	Limit    int       // at most [MaxRows], and that if zero
}

// Visits lists visits, newest first.
func (s *Store) Visits(ctx context.Context, f VisitFilter) ([]Visit, error) {
	w := where{}
	w.text("technician = ?", f.Technician)
	w.text("device = ?", f.Device)
	w.text("state = ?", string(f.State))
	w.time("asked_at >= ?", f.Since)
	if f.Unsealed {
		w.and("state IN ('ended', 'interrupted') AND folder <> '' AND head = ?", "")
	}
	query := `SELECT ` + visitColumns + ` FROM visits ` + w.sql() + ` ORDER BY asked_at DESC, id DESC LIMIT ` + w.arg(rows(f.Limit))
	visits, err := collect(ctx, s.readers, scanVisit, query, w.args...)
	return visits, s.explain("list the visits", err)
}

// Appointments lists a technician's visits that users have put off to a time,
// the next one first, up to [AppointmentGrace] after that time. A later answer
// from that device to that technician takes the place of an appointment.
func (s *Store) Appointments(ctx context.Context, technician string, now time.Time) ([]Visit, error) {
	visits, err := collect(ctx, s.readers, scanVisit, `SELECT `+visitColumns+` FROM visits v
		WHERE state = $1 AND technician = $2 AND later_at >= $3 AND NOT EXISTS (
			SELECT 1 FROM visits n WHERE n.technician = v.technician AND n.device_key = v.device_key
				AND n.asked_at > v.asked_at AND n.state NOT IN ($4, $5))
		ORDER BY later_at, id LIMIT $6`,
		string(Postponed), technician, micros(now.Add(-AppointmentGrace)), string(Requested), string(Unanswered), MaxRows)
	return visits, s.explain("list the appointments", err)
}
