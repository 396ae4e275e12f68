package store

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// kindsTold lists the kinds of the newest entries, in their order.
func kindsTold(t *testing.T, s *Store, n int) string {
	t.Helper()
	entries, err := s.Audit(context.Background(), Filter{Newest: true, Limit: n})
	must(t, err)
	var list []string
	for _, e := range entries {
		mark := string(e.Kind)
		if !e.Success {
			mark += "!"
		}
		list = append(list, mark)
	}
	return strings.Join(list, " ")
}

func contractLocks(t *testing.T, open opener) {
	ctx := context.Background()
	s := open(t, "s")
	must(t, s.Lock(ctx, "bob", "lost the laptop", by("boss", 0)))
	must(t, s.Lock(ctx, "alice", "", by("boss", 1)))
	want(t, s.Lock(ctx, "bob", "again", by("ada", 2)), ErrExists)
	want(t, s.Lock(ctx, "", "x", by("ada", 2)), ErrInvalid)
	want(t, s.Lock(ctx, "carl", strings.Repeat("x", MaxText+1), by("ada", 2)), ErrInvalid)
	want(t, s.Unlock(ctx, "carl", by("ada", 3)), ErrNotFound)
	same(t, "the log", kindsTold(t, s, 9), "person.locked person.locked")
	must(t, s.Close())

	s = open(t, "s") // a restart forgets no lock
	list, err := s.Locks(ctx)
	must(t, err)
	same(t, "locks", list, []Lock{
		{Person: "alice", By: "boss", At: noon.Add(time.Minute)}, {Person: "bob", By: "boss", Reason: "lost the laptop", At: noon},
	})
	must(t, s.Unlock(ctx, "bob", by("ada", 4)))
	want(t, s.Unlock(ctx, "bob", by("ada", 5)), ErrNotFound)
	list, err = s.Locks(ctx)
	must(t, err)
	same(t, "locks", len(list), 1)
	same(t, "the log", kindsTold(t, s, 9), "person.locked person.locked person.unlocked")
}

// code is a match for one step.
func code(step int64) func(int64) (int64, bool) {
	return func(int64) (int64, bool) { return step, true }
}

func wrong(int64) (int64, bool) { return 0, false }

func contractCodes(t *testing.T, open opener) {
	ctx := context.Background()
	s := open(t, "s")
	must(t, s.TryCode(ctx, "bob", code(100), by("bob", 0)))
	want(t, s.TryCode(ctx, "bob", code(100), by("bob", 0)), ErrCodeWrong)
	want(t, s.TryCode(ctx, "bob", code(99), by("bob", 0)), ErrCodeWrong)
	must(t, s.TryCode(ctx, "alice", code(100), by("alice", 0)))
	must(t, s.Close())

	s = open(t, "s") // a restart forgets no code that was used
	var seen int64
	want(t, s.TryCode(ctx, "bob", func(last int64) (int64, bool) { seen = last; return last, true }, by("bob", 1)), ErrCodeWrong)
	same(t, "the last step", seen, int64(100))
	must(t, s.TryCode(ctx, "bob", code(101), by("bob", 1)))
	for i := range MissesMost {
		want(t, s.TryCode(ctx, "bob", wrong, by("bob", 2+i)), ErrCodeWrong)
	}
	asked := false
	spy := func(int64) (int64, bool) { asked = true; return 200, true }
	want(t, s.TryCode(ctx, "bob", spy, by("bob", 7)), ErrCodeRest)
	if asked {
		t.Error("a code is looked at after too many wrong ones")
	}
	must(t, s.TryCode(ctx, "alice", code(200), by("alice", 7))) // no matter of hers
	want(t, s.TryCode(ctx, "bob", spy, by("bob", 35)), ErrCodeRest)
	must(t, s.TryCode(ctx, "bob", code(200), by("bob", 37)))
	want(t, s.TryCode(ctx, "", code(1), by("bob", 0)), ErrInvalid)
	same(t, "the log", kindsTold(t, s, 4), "login.code! login.code login.code! login.code")
	want(t, s.TryCode(ctx, "bob", wrong, by("bob", 38)), ErrCodeWrong)
	entries, err := s.Audit(ctx, Filter{Newest: true, Limit: 1})
	must(t, err)
	same(t, "misses begin again after a good one", entries[0].Data["misses"], "1")
	// Of attempts made at once one is dated before another that was judged first:
	// that is no clock that was set back.
	for i := range MissesMost - 1 {
		e := by("bob", 38)
		e.At = e.At.Add(-time.Duration(i+1) * time.Millisecond)
		want(t, s.TryCode(ctx, "bob", wrong, e), ErrCodeWrong)
	}
	want(t, s.TryCode(ctx, "bob", code(300), by("bob", 38)), ErrCodeRest)
	must(t, s.TryCode(ctx, "bob", code(300), by("bob", -24*60))) // it was set back by a day
}

// contractCodeRace: of many that bring the same code, one gets in.
func contractCodeRace(t *testing.T, open opener) {
	s := open(t, "s")
	var in atomic.Int64
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if s.TryCode(context.Background(), "bob", code(7), by("bob", 0)) == nil {
				in.Add(1)
			}
		})
	}
	all.Wait()
	same(t, "how many got in", in.Load(), int64(1))
}

func contractCharter(t *testing.T, open opener) {
	ctx := context.Background()
	s := open(t, "s")
	sig := CharterSignature{Person: "bob", Version: "4", Digest: "d4", Key: "SHA256:bob", Typed: "Bob Stone"}
	_, err := s.CharterUnder(ctx, "bob", "4", "d4")
	want(t, err, ErrNotFound)
	must(t, s.SignCharter(ctx, sig, by("bob", 0)))
	want(t, s.SignCharter(ctx, sig, by("bob", 1)), ErrExists)
	bad := sig
	bad.Typed = ""
	want(t, s.SignCharter(ctx, bad, by("bob", 1)), ErrInvalid)
	got, err := s.CharterUnder(ctx, "bob", "4", "d4")
	must(t, err)
	sig.At = noon
	same(t, "the signature", got, sig)
	for _, other := range [][3]string{{"alice", "4", "d4"}, {"bob", "5", "d4"}, {"bob", "4", "d5"}} {
		_, err := s.CharterUnder(ctx, other[0], other[1], other[2])
		want(t, err, ErrNotFound)
	}
	again := sig
	again.Digest = "d5" // the text changed under the same version
	must(t, s.SignCharter(ctx, again, by("bob", 2)))
	list, err := s.Charters(ctx, 0)
	must(t, err)
	same(t, "signatures", []string{list[0].Digest, list[1].Digest}, []string{"d5", "d4"})
	same(t, "the log", kindsTold(t, s, 9), "charter.signed charter.signed")
}

func contractLastLogin(t *testing.T, open opener) {
	ctx := context.Background()
	s := open(t, "s")
	for i, kind := range []Kind{LoginAccepted, LoginAccepted, LoginDenied} {
		e := by("bob", i)
		e.Kind = kind
		must(t, s.Append(ctx, e))
	}
	at, err := s.LastLogin(ctx, "bob")
	must(t, err)
	same(t, "bob's", at, noon.Add(time.Minute))
	at, err = s.LastLogin(ctx, "alice")
	must(t, err)
	if !at.IsZero() {
		t.Errorf("alice never logged in, not at %v", at)
	}
}
