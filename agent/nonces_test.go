package agent

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"accord/wire"
)

func openNonces(t testing.TB, dir string) *nonces {
	t.Helper()
	n, err := state(dir).nonces()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func override(number int, nonce string) wire.Override {
	return wire.Override{Number: number, Nonce: nonce}
}

// A number is good for a day by both clocks, whichever of them jumps.
func TestNonceAges(t *testing.T) {
	t0 := instant{time.Unix(1_700_000_000, 0), time.Hour}
	for _, c := range []struct {
		name       string
		wall, boot time.Duration // since it was made
		rebooted   bool
		why        string // "" is good
	}{
		{"at once", 0, 0, false, ""},
		{"the next morning", 23 * time.Hour, 23 * time.Hour, false, ""},
		{"a day later", 24 * time.Hour, 24 * time.Hour, false, "more than 24 hours ago"},
		{"the clock was set back meanwhile", time.Hour, 25 * time.Hour, false, "more than 24 hours ago"},
		{"the clock was set on", 25 * time.Hour, time.Hour, false, "more than 24 hours ago"},
		{"the clock was set back a little", -4 * time.Minute, time.Minute, false, ""},
		{"the clock was set back", -6 * time.Minute, time.Minute, false, "set back"},
		{"after a reboot", time.Hour, -time.Hour, true, ""},
		{"after a reboot, a day later", 24 * time.Hour, 30 * time.Hour, true, "more than 24 hours ago"},
		{"after a reboot that took the clock back", -time.Hour, -time.Hour, true, "set back"},
		{"boot time that ran backwards", time.Hour, -time.Minute, false, "set back"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := openNonces(t, t.TempDir())
			made, err := n.issue(t0)
			if err != nil {
				t.Fatal(err)
			}
			if c.rebooted {
				n.boot = "another boot"
			}
			later := instant{t0.wall.Add(c.wall), t0.boot + c.boot}
			err = n.spend(override(1, made.Nonce), later)
			if (err == nil) != (c.why == "") || err != nil && !strings.Contains(err.Error(), c.why) {
				t.Errorf("got %v, want %q", err, c.why)
			}
		})
	}
}

// A gateway that asks without end drops no number that was made just now, and
// the list does not grow.
func TestNoncesAreBounded(t *testing.T) {
	n, t0 := openNonces(t, t.TempDir()), instant{time.Unix(1_700_000_000, 0), time.Hour}
	first, err := n.issue(t0)
	if err != nil {
		t.Fatal(err)
	}
	for range noncesMost - 1 {
		if _, err := n.issue(t0.add(time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := n.issue(t0.add(30 * time.Second)); err == nil || !strings.Contains(err.Error(), "within a minute") {
		t.Errorf("one too many: %v", err)
	}
	if err := n.usable(first.Nonce, 1, t0.add(30*time.Second)); err != nil {
		t.Errorf("the first was dropped: %v", err)
	}
	if _, err := n.issue(t0.add(2 * time.Minute)); err != nil {
		t.Errorf("a while later: %v", err)
	}
	if err := n.usable(first.Nonce, 1, t0.add(2*time.Minute)); err == nil || len(n.kept.Waiting) != noncesMost {
		t.Errorf("%d wait, the first %v", len(n.kept.Waiting), err)
	}
	for i := range spentMost {
		n.kept.Spent = append(n.kept.Spent, spentOverride{Number: 10 + i, Nonce: fmt.Sprint(i), At: t0.wall})
	}
	if err := n.spend(override(1, n.kept.Waiting[0].Nonce), t0.add(2*time.Minute)); err != nil {
		t.Fatal(err)
	}
	if len(n.kept.Spent) != spentMost {
		t.Errorf("%d are remembered as spent", len(n.kept.Spent))
	}
}

// A file that was damaged is no reason to forget what was spent.
func TestDamagedNonces(t *testing.T) {
	dir := t.TempDir()
	for _, text := range []string{"", "{", `[]`} {
		if err := os.WriteFile(state(dir).noncesFile(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := state(dir).nonces(); err == nil || !strings.Contains(err.Error(), "restore the file") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestSpentStaysSpent does anything in any order, with restarts between: what
// can be spent was made here, is less than a day old, and was never spent
// before, neither by its nonce nor by its number.
func TestSpentStaysSpent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "accord")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		open := func() *nonces {
			n, err := state(dir).nonces()
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		n, clock := open(), instant{time.Unix(1_700_000_000, 0), time.Hour}
		made, spent, numbers := map[string]instant{}, map[string]bool{}, map[int]bool{}
		known := []string{"never made"}
		t.Repeat(map[string]func(*rapid.T){
			"issue": func(t *rapid.T) {
				if got, err := n.issue(clock); err == nil {
					made[got.Nonce] = clock
					known = append(known, got.Nonce)
				}
			},
			"spend": func(t *rapid.T) {
				text, number := rapid.SampledFrom(known).Draw(t, "nonce"), rapid.IntRange(1, 5).Draw(t, "number")
				if err := n.spend(override(number, text), clock); err != nil {
					return
				}
				at, ok := made[text]
				if !ok || spent[text] || numbers[number] || clock.since(at) >= nonceLife {
					t.Fatalf("spent %s as %d: made %v, spent before %v, %v", text, number, ok, spent[text], numbers[number])
				}
				spent[text], numbers[number] = true, true
			},
			"restart": func(*rapid.T) { n = open() },
			"time": func(t *rapid.T) {
				clock.boot += time.Duration(rapid.IntRange(0, 12*3600).Draw(t, "boot")) * time.Second
				clock.wall = clock.wall.Add(time.Duration(rapid.IntRange(-600, 12*3600).Draw(t, "wall")) * time.Second)
			},
		})
	})
}

// FuzzNonces: whatever stands in the file, the agent does not fall over it, and
// keeps what it understood.
func FuzzNonces(f *testing.F) {
	f.Add([]byte(`{"waiting":[{"nonce":"A","made":"2026-11-22T16:45:00Z","boot":1,"boot_id":"x"}],"spent":[{"number":1,"nonce":"B","at":"2026-11-22T16:45:00Z"}]}`))
	f.Add([]byte(`{}`))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(state(dir).noncesFile(), text, 0o600); err != nil {
			t.Fatal(err)
		}
		n, err := state(dir).nonces()
		if err != nil {
			return
		}
		spent := append([]spentOverride{}, n.kept.Spent...)
		if len(spent) > spentMost-1 {
			return
		}
		if _, err := n.issue(now()); err != nil {
			return
		}
		again, err := state(dir).nonces()
		a, _ := json.Marshal(spent)
		b, _ := json.Marshal(append([]spentOverride{}, again.kept.Spent...))
		if err != nil || string(a) != string(b) {
			t.Errorf("%v: %s became %s", err, a, b)
		}
		for _, s := range spent {
			if again.usable(s.Nonce, s.Number, now()) == nil {
				t.Error(fmt.Sprint(s, " can be used again"))
			}
		}
	})
}
