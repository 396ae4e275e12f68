package gateway

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"accord/policy"
	"accord/wire"
)

func testWatcher(name string, roles ...string) *watcher {
	return &watcher{person: person{Person: policy.Person{Name: name, Roles: roles}}}
}

// endings notes why a visit was ended.
type endings struct {
	mu  sync.Mutex
	all []error
}

func (e *endings) end(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, err)
}

func (e *endings) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return fmt.Sprint(e.all)
}

// TestNothingFlowsUnwatched: where a colleague must watch, what is typed and
// printed waits for one, flows while somebody watches, and waits again when the
// last has left.
func TestNothingFlowsUnwatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var why endings
		a := newAudience(true, why.end)
		a.begin()
		defer a.finish()
		stop, passed := make(chan struct{}), make(chan bool, 1)
		pass := func() { passed <- a.pass(stop) }
		flows := func(want bool) {
			t.Helper()
			synctest.Wait()
			select {
			case ok := <-passed:
				if !want || !ok {
					t.Errorf("it flows: %v, want %v", ok, want)
				}
			default:
				if want {
					t.Error("it does not flow")
				}
			}
		}
		go pass()
		flows(false)
		ada, carol := testWatcher("ada", "supervisor"), testWatcher("carol", "technician")
		if err := a.join(ada); err != nil {
			t.Fatal(err)
		}
		flows(true)
		if err := a.join(carol); err != nil {
			t.Fatal(err)
		}
		if a.leave(ada) {
			t.Error("carol is nobody")
		}
		go pass()
		flows(true)
		if !a.leave(carol) || !a.held() {
			t.Error("nobody left, and nobody noticed")
		}
		go pass()
		flows(false)
		close(stop)
		synctest.Wait()
		if <-passed {
			t.Error("what was stopped flows")
		}
	})
}

// TestAloneForTooLong: after five minutes without a watcher the visit ends, from
// the beginning and from each time that the last has left; in time somebody
// comes, and it goes on.
func TestAloneForTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var why endings
		a := newAudience(true, why.end)
		a.begin()
		ada := testWatcher("ada", "supervisor")
		wait := func(d time.Duration) { <-time.After(d); synctest.Wait() }
		wait(aloneMost - time.Second)
		if err := a.join(ada); err != nil {
			t.Fatal(err)
		}
		wait(3 * aloneMost)
		a.leave(ada)
		wait(aloneMost - time.Second)
		if got := why.String(); got != "[]" {
			t.Fatalf("it ended: %s", got)
		}
		wait(2 * time.Second)
		if got := why.String(); got != "["+nobodyWatched+"]" {
			t.Fatalf("it ended: %s", got)
		}
		a.finish()
	})
	synctest.Test(t, func(t *testing.T) {
		var why endings
		a := newAudience(true, why.end)
		a.begin()
		a.finish() // ended for another reason: no timer is left
		<-time.After(2 * aloneMost)
		if got := why.String(); got != "[]" {
			t.Errorf("it ended twice: %s", got)
		}
		if err := a.join(testWatcher("ada")); err == nil {
			t.Error("somebody watches what is over")
		}
	})
}

// TestNobodyNeeded: other visits wait for nobody and end for nobody's lack.
func TestNobodyNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var why endings
		a := newAudience(false, why.end)
		a.begin()
		ada := testWatcher("ada", "supervisor")
		if err := a.join(ada); err != nil || !a.pass(nil) || a.leave(ada) || a.held() || !a.pass(nil) {
			t.Errorf("a visit that needs nobody is held (%v)", err)
		}
		<-time.After(2 * aloneMost)
		if got := why.String(); got != "[]" {
			t.Errorf("it ended: %s", got)
		}
		a.finish()
	})
}

func TestAudienceIsBounded(t *testing.T) {
	a := newAudience(false, nil)
	for i := range watchersMost {
		if err := a.join(testWatcher(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.join(testWatcher("one more")); !errors.Is(err, errCrowd) {
		t.Errorf("%v", err)
	}
	if err := (&wire.Presence{Watchers: a.present()}); len(err.Watchers) != watchersMost {
		t.Errorf("%d are present", len(err.Watchers))
	}
	for i := range 3 * spokenMost {
		a.hear(uttered{"ada", fmt.Sprint(i)})
	}
	if len(a.lines) != spokenMost || a.lines[spokenMost-1].text != fmt.Sprint(3*spokenMost-1) {
		t.Errorf("%d lines are kept", len(a.lines))
	}
	for range 3 * shellsMost {
		a.enter(&onStage{in: &hands{}})()
	}
	if len(a.shells) != shellsMost {
		t.Errorf("%d shells are kept", len(a.shells))
	}
}

// TestMail: what waits for a device that does not read is bounded, and the
// newest of head and presence is what it gets.
func TestMail(t *testing.T) {
	m := newMail()
	names := []wire.Watcher{{Name: "ada"}}
	m.leaveHead(wire.Head{Seq: 1})
	m.leavePresence(func() []wire.Watcher { return nil })
	m.leaveHead(wire.Head{Seq: 2})
	m.leavePresence(func() []wire.Watcher { return names })
	for i := range saidMost {
		if err := m.leaveSay(&wire.Say{From: "ada", Text: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.leaveSay(&wire.Say{From: "ada", Text: "too many"}); !errors.Is(err, errDeaf) {
		t.Errorf("%v", err)
	}
	var got []string
	for next := m.next(); next != nil; next = m.next() {
		switch next := next.(type) {
		case *wire.Head:
			got = append(got, fmt.Sprint("head ", next.Seq))
		case *wire.Presence:
			got = append(got, fmt.Sprint("presence ", len(next.Watchers)))
		case *wire.Say:
			got = append(got, next.Text)
		}
	}
	if want := "head 2 presence 1 0 1 2"; !strings.HasPrefix(strings.Join(got, " "), want) || len(got) != 2+saidMost {
		t.Errorf("%v", got)
	}
	select {
	case <-m.due:
	default:
		t.Error("nobody is woken")
	}
}

func TestSupervisorsCause(t *testing.T) {
	alice := &session{}
	french := &session{caller: caller{env: []string{"LANG=fr_FR.UTF-8"}}}
	for why, want := range map[string][2]string{
		"":                {"A supervisor (ada) ended the visit.", "Un superviseur (ada) a mis fin à la visite."},
		"Wrong computer.": {"A supervisor (ada) ended the visit: Wrong computer.", "Un superviseur (ada) a mis fin à la visite : Wrong computer."},
	} {
		e := ending{"ada", wire.SupervisorEnded("ada", why)}
		if e.cause != want[0] || e.in(alice.phrases()) != want[0] || e.in(french.phrases()) != want[1] {
			t.Errorf("%q: %q, %q", why, e.cause, e.in(french.phrases()))
		}
	}
	if alone := (ending{byGateway, nobodyWatched}); alone.in(alice.phrases()) != nobodyWatched || alone.in(french.phrases()) == nobodyWatched {
		t.Error("the end of a visit that nobody watched has no words")
	}
}
