package store

import (
	"context"
	"fmt"
	"testing"
	"time"
)

func contractVisit(t *testing.T, open opener) {
	s, ctx := open(t, "a"), context.Background()
	d := enrolled(t, s, 1, "lab-1")
	r := request(d, "v1", "tom")
	must(t, s.RequestVisit(ctx, r, by("tom", 2)))
	want(t, s.RequestVisit(ctx, r, by("tom", 2)), ErrExists)
	r.ID, r.DeviceKey = "v2", "SHA256:none"
	want(t, s.RequestVisit(ctx, r, by("tom", 2)), ErrNotFound)

	expected := Visit{
		ID: "v1", Device: "lab-1", DeviceKey: d.Key, Technician: "tom", TechnicianKey: "SHA256:tom",
		Reason: "printer", Ticket: "T-1", Capabilities: []string{"shell", "files.get"}, Minutes: 30,
		State: Requested, Asked: by("", 2).At,
	}
	is := func() {
		t.Helper()
		v, err := s.Visit(ctx, "v1")
		must(t, err)
		same(t, "visit", v, expected)
	}
	is()
	a := approval(30)
	must(t, s.AnswerVisit(ctx, "v1", a, by("user", 3)))
	expected.State, expected.Answered, expected.Until = Approved, by("", 3).At, a.Until
	expected.Granted, expected.Login = a.Granted, "user"
	expected.Consent, expected.ConsentSignature = a.Statement, a.Signature
	is()
	must(t, s.OpenVisit(ctx, "v1", "2026/03/04/v1", by("gateway", 4)))
	expected.State, expected.Opened, expected.Folder = Opened, by("", 4).At, "2026/03/04/v1"
	is()
	must(t, s.EndVisit(ctx, "v1", Ended, "user", "the user stopped it", by("user", 10)))
	expected.State, expected.Ended, expected.By, expected.Cause = Ended, by("", 10).At, "user", "the user stopped it"
	is()
	unsealed, err := s.Visits(ctx, VisitFilter{Unsealed: true})
	must(t, err)
	same(t, "unsealed", unsealed, []Visit{expected})
	must(t, s.SealVisit(ctx, "v1", Seal{Seq: 7, Head: "abc", Statement: []byte("{}"), Signature: []byte("s")}, by("gateway", 11)))
	expected.HeadSeq, expected.Head, expected.Ending, expected.EndingSignature = 7, "abc", []byte("{}"), []byte("s")
	is()
	must(t, s.NoteVisit(ctx, "v1", "paper jam", by("tom", 12)))
	expected.Note = "paper jam"
	is()
	unsealed, err = s.Visits(ctx, VisitFilter{Unsealed: true})
	must(t, err)
	same(t, "unsealed", len(unsealed), 0)
	same(t, "kinds", told(t, s, Filter{Visit: "v1"}), []Kind{
		VisitRequested, VisitAnswered, VisitOpened, VisitEnded, RecordingSealed, VisitNoted,
	})
	sound(t, s)
}

func contractAnswers(t *testing.T, open opener) {
	s, ctx := open(t, "a"), context.Background()
	d := enrolled(t, s, 1, "lab-1")
	statement, signature := []byte("{}"), []byte("s")
	later := noon.Add(2 * time.Hour)
	for i, c := range []struct {
		name string
		a    Answer
		ok   bool
	}{
		{"yes", approval(30), true},
		{"later", Answer{State: Postponed, Later: later, Statement: statement, Signature: signature}, true},
		{"no", Answer{State: Refused, Cause: "busy", Statement: statement, Signature: signature}, true},
		{"nobody", Answer{State: Unanswered, Cause: "link lost"}, true},
		{"nobody, signed", Answer{State: Unanswered, Statement: statement, Signature: signature}, true},
		{"yes unsigned", Answer{State: Approved, Granted: []string{"shell"}, Until: later}, false},
		{"yes half signed", Answer{State: Approved, Granted: []string{"shell"}, Until: later, Statement: statement}, false},
		{"yes to nothing", Answer{State: Approved, Until: later, Statement: statement, Signature: signature}, false},
		{"yes to more", Answer{State: Approved, Granted: []string{"forward"}, Until: later, Statement: statement, Signature: signature}, false},
		{"yes without end", Answer{State: Approved, Granted: []string{"shell"}, Statement: statement, Signature: signature}, false},
		{"yes in the past", Answer{State: Approved, Granted: []string{"shell"}, Until: noon, Statement: statement, Signature: signature}, false},
		{"later without a time", Answer{State: Postponed, Statement: statement, Signature: signature}, false},
		{"no and yes", Answer{State: Refused, Granted: []string{"shell"}, Statement: statement, Signature: signature}, false},
		{"no unsigned", Answer{State: Refused}, false},
		{"open", Answer{State: Opened, Statement: statement, Signature: signature}, false},
		{"nothing", Answer{}, false},
		{"too long", Answer{State: Refused, Statement: make([]byte, MaxStatement+1), Signature: signature}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			id := fmt.Sprintf("v%d", i)
			must(t, s.RequestVisit(ctx, request(d, id, "tom"), by("tom", 2)))
			err := s.AnswerVisit(ctx, id, c.a, by("user", 3))
			v, visitErr := s.Visit(ctx, id)
			must(t, visitErr)
			if !c.ok {
				want(t, err, ErrInvalid)
				same(t, "state", v.State, Requested)
				return
			}
			must(t, err)
			same(t, "visit", []any{v.State, v.Cause, v.Later, v.Granted}, []any{c.a.State, c.a.Cause, c.a.Later, c.a.Granted})
			entries, err := s.Audit(ctx, Filter{Visit: id, Kind: VisitAnswered})
			must(t, err)
			same(t, "success", entries[0].Success, c.a.State == Approved)
		})
	}
}

func contractWrongSteps(t *testing.T, open opener) {
	s, ctx := open(t, "a"), context.Background()
	d := enrolled(t, s, 1, "lab-1")
	e := by("gateway", 5)
	want(t, s.OpenVisit(ctx, "none", "f", e), ErrNotFound)
	must(t, s.RequestVisit(ctx, request(d, "v1", "tom"), e))
	want(t, s.OpenVisit(ctx, "v1", "f", e), ErrState)
	want(t, s.EndVisit(ctx, "v1", Ended, "user", "", e), ErrState)
	must(t, s.AnswerVisit(ctx, "v1", approval(30), e))
	want(t, s.AnswerVisit(ctx, "v1", approval(30), e), ErrState) // one consent, once
	want(t, s.OpenVisit(ctx, "v1", "", e), ErrInvalid)
	want(t, s.OpenVisit(ctx, "v1", "f", by("gateway", 30)), ErrState) // expired
	must(t, s.OpenVisit(ctx, "v1", "f", e))
	want(t, s.OpenVisit(ctx, "v1", "f", e), ErrState)
	want(t, s.EndVisit(ctx, "v1", Refused, "user", "", e), ErrInvalid)
	want(t, s.NoteVisit(ctx, "v1", "note", e), ErrState)
	want(t, s.SealVisit(ctx, "v1", Seal{Head: "a"}, e), ErrState)
	must(t, s.EndVisit(ctx, "v1", Interrupted, "link", "lost", e))
	want(t, s.EndVisit(ctx, "v1", Ended, "user", "", e), ErrState)
	want(t, s.OpenVisit(ctx, "v1", "f", e), ErrState)
	must(t, s.NoteVisit(ctx, "v1", "note", e))
	want(t, s.NoteVisit(ctx, "v1", "another", e), ErrState)
	want(t, s.NoteVisit(ctx, "v1", "", e), ErrInvalid)
	must(t, s.SealVisit(ctx, "v1", Seal{Head: "a"}, e))
	want(t, s.SealVisit(ctx, "v1", Seal{Head: "b"}, e), ErrState)
}

func contractVisits(t *testing.T, open opener) {
	s, ctx := open(t, "a"), context.Background()
	d, d2 := enrolled(t, s, 1, "lab-1"), enrolled(t, s, 2, "lab-2")
	for i := range 6 {
		device := []Device{d, d2}[i%2]
		must(t, s.RequestVisit(ctx, request(device, fmt.Sprintf("v%d", i), []string{"tom", "kim", "kim"}[i%3]), by("x", i/2)))
	}
	must(t, s.AnswerVisit(ctx, "v3", approval(30), by("user", 4)))
	for name, c := range map[string]struct {
		f   VisitFilter
		ids string
	}{
		"all":        {VisitFilter{}, "[v5 v4 v3 v2 v1 v0]"},
		"technician": {VisitFilter{Technician: "kim"}, "[v5 v4 v2 v1]"},
		"device":     {VisitFilter{Device: "lab-2"}, "[v5 v3 v1]"},
		"state":      {VisitFilter{State: Approved}, "[v3]"},
		"since":      {VisitFilter{Since: by("", 2).At}, "[v5 v4]"},
		"limit":      {VisitFilter{Limit: 2, Technician: "kim"}, "[v5 v4]"},
		"unsealed":   {VisitFilter{Unsealed: true}, "[]"},
	} {
		visits, err := s.Visits(ctx, c.f)
		must(t, err)
		ids := make([]string, len(visits))
		for i, v := range visits {
			ids[i] = v.ID
		}
		same(t, name, fmt.Sprint(ids), c.ids)
	}
}

func contractAppointments(t *testing.T, open opener) {
	s, ctx := open(t, "a"), context.Background()
	d, d2 := enrolled(t, s, 1, "lab-1"), enrolled(t, s, 2, "lab-2")
	postpone := func(d Device, id string, asked, later int) {
		must(t, s.RequestVisit(ctx, request(d, id, "tom"), by("tom", asked)))
		must(t, s.AnswerVisit(ctx, id, Answer{
			State: Postponed, Later: noon.Add(time.Duration(later) * time.Minute),
			Statement: []byte("{}"), Signature: []byte("s"),
		}, by("user", asked)))
	}
	list := func(minutes int) string {
		visits, err := s.Appointments(ctx, "tom", by("", minutes).At)
		must(t, err)
		ids := make([]string, len(visits))
		for i, v := range visits {
			ids[i] = v.ID
		}
		return fmt.Sprint(ids)
	}
	postpone(d, "v1", 1, 240)
	postpone(d2, "v2", 2, 120)
	same(t, "the next first", list(3), "[v2 v1]")
	same(t, "within grace", list(179), "[v2 v1]")
	same(t, "gone by", list(190), "[v1]")
	other, err := s.Appointments(ctx, "kim", noon)
	must(t, err)
	same(t, "another's", len(other), 0)

	must(t, s.RequestVisit(ctx, request(d, "v3", "tom"), by("tom", 5)))
	same(t, "asked again", list(5), "[v2 v1]")
	must(t, s.AnswerVisit(ctx, "v3", Answer{State: Unanswered}, by("user", 6)))
	same(t, "nobody answered", list(6), "[v2 v1]")
	postpone(d, "v4", 7, 300)
	same(t, "put off again", list(7), "[v2 v4]")
	opened(t, s, d2, "v5", "tom")
	same(t, "before it was put off", list(7), "[v2 v4]") // v5 was asked at the minute of v2
	must(t, s.RequestVisit(ctx, request(d2, "v6", "tom"), by("tom", 8)))
	must(t, s.AnswerVisit(ctx, "v6", approval(30), by("user", 8)))
	same(t, "kept", list(8), "[v4]")
}

func contractRestart(t *testing.T, open opener) {
	s, ctx := open(t, "a"), context.Background()
	d, d2 := enrolled(t, s, 1, "lab-1"), enrolled(t, s, 2, "lab-2")
	must(t, s.Online(ctx, d.Key, Facts{}, by("lab-1", 2)))
	opened(t, s, d, "v1", "tom")
	must(t, s.RequestVisit(ctx, request(d2, "v2", "tom"), by("tom", 3)))
	must(t, s.RequestVisit(ctx, request(d2, "v3", "tom"), by("tom", 4)))
	must(t, s.AnswerVisit(ctx, "v3", approval(30), by("user", 5)))
	opened(t, s, d2, "v4", "kim")
	must(t, s.EndVisit(ctx, "v4", Ended, "user", "done", by("user", 6)))

	start := by("gateway", 20)
	start.At = start.At.Add(777 * time.Nanosecond) // is not kept
	n, err := s.AllAway(ctx, start)
	must(t, err)
	same(t, "away", n, 1)
	over, err := s.InterruptVisits(ctx, start)
	must(t, err)
	var states []string
	for _, v := range over {
		states = append(states, v.ID+" "+string(v.State)+": "+v.Cause)
		again, err := s.Visit(ctx, v.ID)
		must(t, err)
		same(t, "as returned", v, again)
	}
	same(t, "over", states, []string{
		"v1 interrupted: the gateway was stopped", "v2 unanswered: the gateway was stopped", "v3 interrupted: the gateway was stopped",
	})
	device, err := s.DeviceByKey(ctx, d.Key)
	must(t, err)
	same(t, "device", []any{device.Online, device.Why, device.Since}, []any{false, "the gateway was stopped", by("", 20).At})
	same(t, "entries", told(t, s, Filter{Person: "gateway", Since: by("", 20).At}),
		[]Kind{DeviceAway, VisitEnded, VisitAnswered, VisitEnded})
	unsealed, err := s.Visits(ctx, VisitFilter{Unsealed: true})
	must(t, err)
	same(t, "to be sealed", len(unsealed), 2) // v1, and v4 that was never sealed

	before := sound(t, s)
	n, err = s.AllAway(ctx, start)
	must(t, err)
	over, err = s.InterruptVisits(ctx, start)
	must(t, err)
	same(t, "nothing left", []int64{int64(n), int64(len(over)), sound(t, s)}, []int64{0, 0, before})
}
