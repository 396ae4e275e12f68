package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// leads is where each state of a visit may lead, as the types' documentation
// says it.
var leads = map[VisitState][]VisitState{
	Requested: {Approved, Postponed, Refused, Unanswered},
	Approved:  {Opened, Interrupted},
	Opened:    {Ended, Interrupted},
}

// TestVisitStates makes random steps, at random times, and compares each with a
// small model: no step from a wrong state, no opening without one live consent,
// and each change with exactly one entry.
func TestVisitStates(t *testing.T) {
	s := openIn(t, t.TempDir())
	d := enrolled(t, s, 1, "lab-1")
	count := 0
	rapid.Check(t, func(t *rapid.T) {
		count++
		w := &walk{t: t, s: s, id: fmt.Sprintf("v%d", count), until: -1}
		if err := s.RequestVisit(context.Background(), request(d, w.id, "tom"), by("tom", 0)); err != nil {
			t.Fatal(err)
		}
		w.state, w.entries = Requested, 1
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			w.step()
		}
	})
	sound(t, s)
}

// walk is a visit and what is expected of it.
type walk struct {
	t       *rapid.T
	s       *Store
	id      string
	state   VisitState
	until   int // minutes after noon
	folder  bool
	sealed  bool
	noted   bool
	entries int
}

func (w *walk) step() {
	now := rapid.IntRange(1, 60).Draw(w.t, "minute")
	var ok bool
	var err error
	next := w.state
	switch step := rapid.SampledFrom([]string{"answer", "open", "end", "seal", "note"}).Draw(w.t, "step"); step {
	case "answer":
		next, ok, err = w.answer(now)
	case "open":
		next, ok = Opened, w.state == Approved && now < w.until
		err = w.s.OpenVisit(context.Background(), w.id, "folder", by("gateway", now))
	case "end":
		next = rapid.SampledFrom([]VisitState{Ended, Interrupted}).Draw(w.t, "end")
		ok = slices.Contains(leads[w.state], next)
		err = w.s.EndVisit(context.Background(), w.id, next, "user", "cause", by("gateway", now))
	case "seal":
		over := w.state == Ended || w.state == Interrupted
		ok = over && w.folder && !w.sealed
		err = w.s.SealVisit(context.Background(), w.id, Seal{Seq: 1, Head: "ab"}, by("gateway", now))
		w.sealed = w.sealed || ok
	case "note":
		ok = (w.state == Ended || w.state == Interrupted) && !w.noted
		err = w.s.NoteVisit(context.Background(), w.id, "note", by("tom", now))
		w.noted = w.noted || ok
	}
	w.compare(next, ok, err)
}

func (w *walk) answer(now int) (VisitState, bool, error) {
	a := Answer{
		State:     rapid.SampledFrom([]VisitState{Approved, Postponed, Refused, Unanswered}).Draw(w.t, "answer"),
		Statement: []byte("{}"), Signature: []byte("s"),
	}
	until := now + rapid.IntRange(1, 30).Draw(w.t, "minutes")
	switch a.State {
	case Approved:
		a.Granted, a.Until = []string{"shell"}, noon.Add(time.Duration(until)*time.Minute)
	case Postponed:
		a.Later = noon.Add(time.Hour)
	}
	ok := w.state == Requested
	if ok && a.State == Approved {
		w.until = until
	}
	return a.State, ok, w.s.AnswerVisit(context.Background(), w.id, a, by("user", now))
}

func (w *walk) compare(next VisitState, ok bool, err error) {
	if ok {
		if err != nil {
			w.t.Fatalf("%s to %s: %v", w.state, next, err)
		}
		if next != w.state && !slices.Contains(leads[w.state], next) {
			w.t.Fatalf("%s led to %s", w.state, next)
		}
		w.state = next
		w.folder = w.folder || next == Opened
		w.entries++
	} else if !errors.Is(err, ErrState) {
		w.t.Fatalf("a wrong step from %s to %s: %v", w.state, next, err)
	}
	v, err := w.s.Visit(context.Background(), w.id)
	if err != nil || v.State != w.state || (v.Folder != "") != w.folder || (v.Head != "") != w.sealed || (v.Note != "") != w.noted {
		w.t.Fatalf("want %+v, got %+v, %v", w, v, err)
	}
	if v.State == Opened && (len(v.Consent) == 0 || len(v.Granted) == 0 || !v.Opened.Before(v.Until)) {
		w.t.Fatalf("open without a live consent: %+v", v)
	}
	entries, err := w.s.Audit(context.Background(), Filter{Visit: w.id})
	if err != nil || len(entries) != w.entries {
		w.t.Fatalf("%d entries, want %d: %v", len(entries), w.entries, err)
	}
}

// TestEntryRoundTrip: what is written is read as it was.
func TestEntryRoundTrip(t *testing.T) {
	text := rapid.StringN(0, 40, MaxName).Filter(func(s string) bool { return !strings.Contains(s, "\x00") })
	rapid.Check(t, func(t *rapid.T) {
		e := Entry{
			Seq: rapid.Int64Range(1, 1<<62).Draw(t, "seq"), Kind: rapid.SampledFrom(kinds).Draw(t, "kind"),
			At:    time.UnixMicro(rapid.Int64Range(1e14, 1e17).Draw(t, "at")).UTC(),
			Actor: text.Filter(func(s string) bool { return s != "" }).Draw(t, "actor"), Device: text.Draw(t, "device"), Visit: text.Draw(t, "visit"),
			Address: text.Draw(t, "address"), Success: rapid.Bool().Draw(t, "success"),
		}
		e = e.with("k", text.Draw(t, "value"), "l", text.Draw(t, "value"))
		if err := e.check(); err != nil {
			t.Fatal(err)
		}
		encoded, err := e.encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeEntry(encoded)
		if err != nil {
			t.Fatalf("%s: %v", encoded, err)
		}
		e.Hash = got.Hash
		if len(e.Data) == 0 {
			e.Data = nil
		}
		if g, w := fmt.Sprintf("%#v", got), fmt.Sprintf("%#v", e); g != w {
			t.Fatalf("got %s\nwant %s", g, w)
		}
	})
}

// FuzzDecodeEntry: nothing crashes it, and what it takes has one spelling.
func FuzzDecodeEntry(f *testing.F) {
	e := numberedEntry(3)
	e.Seq = 3
	good, err := e.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	for _, bad := range []string{
		``, `null`, `{}`, `[]`, `{"seq":1}`, string(good) + " ", strings.Replace(string(good), `"seq"`, `"Seq"`, 1),
		strings.Replace(string(good), `"n"`, `"n":"1","n"`, 1), strings.Replace(string(good), "tom", "t\xff", 1),
		strings.Replace(string(good), `"at":1`, `"at":9e99`, 1), strings.Repeat("[", 20000),
	} {
		f.Add([]byte(bad))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := decodeEntry(text)
		if err != nil {
			return
		}
		again, err := e.encode()
		if err != nil || string(again) != string(text) {
			t.Fatalf("%q was read and is written as %q, %v", text, again, err)
		}
	})
}

func TestOneSpelling(t *testing.T) {
	good, err := func() ([]byte, error) { e := numberedEntry(3); e.Seq = 3; return e.encode() }()
	must(t, err)
	const spelled = `{"seq":3,"at":1772625780123456,"kind":"login.denied","actor":"tom","address":"192.0.2.7:50022","success":false,"data":{"n":"3"}}`
	same(t, "spelling, which old logs rest on", string(good), spelled)
	for _, bad := range []string{
		``, `null`, `{}`, spelled + "\n", " " + spelled,
		strings.Replace(spelled, `"seq"`, `"SEQ"`, 1),
		strings.Replace(spelled, `"seq":3`, `"seq":3,"seq":3`, 1),
		strings.Replace(spelled, `"seq":3`, `"seq":3.0`, 1),
		strings.Replace(spelled, `{"n":"3"}`, `{}`, 1),
		strings.Replace(spelled, `"actor"`, `"extra":1,"actor"`, 1),
		strings.Replace(spelled, `tom`, `\u0074om`, 1),
	} {
		if _, err := decodeEntry([]byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
