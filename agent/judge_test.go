package agent

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"accord/wire"
)

// TestOpenImpliesConsent drives the judge with anything in any order, beside a
// plain account of what the user, the owner's standing consent or supervisors
// really said. Whatever the judge lets happen must be covered by one consent or
// verified override that is live, unexpired and used once.
func TestOpenImpliesConsent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type said struct {
			nonce   string
			granted []wire.Capability
			until   instant
			used    int
			over    bool
			more    *further            // asked for besides
			spent   map[string]struct{} // nonces
		}
		j := newJudge()
		clock := instant{time.Unix(1_700_000_000, 0), time.Hour}
		yes := make(map[string]*said)
		ids := rapid.SampledFrom([]string{"a", "b", "c"})
		nonces := rapid.SampledFrom([]string{"n1", "n2", "m1"})
		caps := rapid.SliceOfN(rapid.SampledFrom([]wire.Capability{wire.Shell, wire.FilesGet, wire.ScreenView}), 1, 3)
		asked := make(map[string]string)
		wanted := make(map[string][]wire.Capability)
		t.Repeat(map[string]func(*rapid.T){
			"ask": func(t *rapid.T) {
				id, n := ids.Draw(t, "id"), nonces.Draw(t, "nonce")
				_, known := asked[id]
				c := caps.Draw(t, "caps")
				if err := j.ask(id, n, c); (err == nil) == known {
					t.Fatalf("ask %s again: %v", id, err)
				}
				if !known {
					asked[id], wanted[id] = n, c
				}
			},
			"override": func(t *rapid.T) {
				id := ids.Draw(t, "id")
				v := verified{nonces.Draw(t, "nonce"), caps.Draw(t, "caps"), time.Duration(rapid.IntRange(0, 300).Draw(t, "signed")) * time.Second}
				until := clock.add(time.Duration(rapid.IntRange(-60, 600).Draw(t, "life")) * time.Second)
				if err := j.override(id, v, "u", until, clock); err != nil {
					return
				}
				for _, c := range wanted[id] {
					if !slices.Contains(v.capabilities, c) {
						t.Fatalf("%s was not signed for %s", c, id)
					}
				}
				if asked[id] != v.nonce || yes[id] != nil || clock.add(v.life).before(until) {
					t.Fatalf("overrode %s with %+v until %v", id, v, until)
				}
				yes[id] = &said{nonce: v.nonce, granted: wanted[id], until: until}
			},
			"approve": func(t *rapid.T) {
				id, n, c := ids.Draw(t, "id"), nonces.Draw(t, "nonce"), caps.Draw(t, "caps")
				until := clock.add(time.Duration(rapid.IntRange(-60, 600).Draw(t, "life")) * time.Second)
				if err := j.approve(id, n, c, "u", until, clock); err == nil {
					if asked[id] != n || yes[id] != nil {
						t.Fatalf("approved %s with nonce %s", id, n)
					}
					yes[id] = &said{nonce: n, granted: c, until: until}
				}
			},
			"begin": func(t *rapid.T) {
				id := ids.Draw(t, "id")
				if err := j.begin(id, clock); err == nil {
					s := yes[id]
					if s == nil || s.used > 0 || s.over || !clock.before(s.until) {
						t.Fatalf("began %s on %+v", id, s)
					}
					s.used++
				}
			},
			"may": func(t *rapid.T) {
				id, c := ids.Draw(t, "id"), caps.Draw(t, "caps")[0]
				if _, err := j.may(id, c, clock); err == nil {
					s := yes[id]
					if s == nil || s.used != 1 || s.over || !clock.before(s.until) || !slices.Contains(s.granted, c) {
						t.Fatalf("%s may %s on %+v", id, c, s)
					}
				}
			},
			"reduce": func(t *rapid.T) {
				// What was taken back is gone from the plain account, too: may
				// would find it if it ever came back.
				id, c := ids.Draw(t, "id"), caps.Draw(t, "caps")
				if left, err := j.reduce(id, c); err == nil {
					s := yes[id]
					if s == nil || s.used != 1 || s.over {
						t.Fatalf("reduced %s on %+v", id, s)
					}
					s.granted = slices.DeleteFunc(slices.Clone(s.granted), func(g wire.Capability) bool { return slices.Contains(c, g) })
					for _, g := range left {
						if !slices.Contains(s.granted, g) {
							t.Fatalf("%s is left after %v were taken back", g, c)
						}
					}
				}
			},
			"further": func(t *rapid.T) {
				id, n, c := ids.Draw(t, "id"), rapid.SampledFrom([]string{"", "n1", "n2", "m1", "m2", "m3"}).Draw(t, "nonce"), caps.Draw(t, "caps")
				if err := j.further(id, n, c, clock); err != nil {
					return
				}
				s := yes[id]
				if s == nil || s.used != 1 || s.over || !clock.before(s.until) || s.more != nil || n == "" || n == s.nonce {
					t.Fatalf("more of %s with nonce %q on %+v", id, n, s)
				}
				if _, again := s.spent[n]; again {
					t.Fatalf("nonce %s serves twice", n)
				}
				if s.spent == nil {
					s.spent = make(map[string]struct{})
				}
				s.more, s.spent[n] = &further{nonce: n, asked: c}, struct{}{}
			},
			"agree": func(t *rapid.T) {
				id, n, c := ids.Draw(t, "id"), nonces.Draw(t, "nonce"), caps.Draw(t, "caps")
				until, err := j.agree(id, n, c, clock)
				if err != nil {
					return
				}
				s := yes[id]
				if s == nil || s.over || s.more == nil || s.more.nonce != n || s.more.granted != nil || until != s.until {
					t.Fatalf("agreed to more of %s with nonce %s until %v on %+v", id, n, until, s)
				}
				for _, one := range c {
					if !slices.Contains(s.more.asked, one) {
						t.Fatalf("%s was not asked for", one)
					}
				}
				s.more.granted = c
			},
			"extend": func(t *rapid.T) {
				id, n := ids.Draw(t, "id"), nonces.Draw(t, "nonce")
				if err := j.extend(id, n, clock); err != nil {
					return
				}
				s := yes[id]
				if s == nil || s.used != 1 || s.over || !clock.before(s.until) || s.more == nil || s.more.nonce != n || s.more.granted == nil {
					t.Fatalf("extended %s with nonce %s on %+v", id, n, s)
				}
				s.granted, s.more = slices.Concat(s.granted, s.more.granted), nil
			},
			"drop": func(t *rapid.T) {
				id, n := ids.Draw(t, "id"), nonces.Draw(t, "nonce")
				j.drop(id, n)
				if s := yes[id]; s != nil && s.more != nil && s.more.nonce == n {
					s.more = nil
				}
			},
			"hear": func(t *rapid.T) { j.hear(ids.Draw(t, "id"), clock) },
			"finish": func(t *rapid.T) {
				id := ids.Draw(t, "id")
				j.finish(id)
				if s := yes[id]; s != nil {
					s.over = true
				}
			},
			"time": func(t *rapid.T) {
				clock.boot += time.Duration(rapid.IntRange(0, 90).Draw(t, "boot")) * time.Second
				clock.wall = clock.wall.Add(time.Duration(rapid.IntRange(-300, 90).Draw(t, "wall")) * time.Second)
			},
		})
	})
}

func TestJudgeSaysYesOnce(t *testing.T) {
	j := newJudge()
	t0 := instant{time.Unix(1_700_000_000, 0), time.Hour}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(j.ask("v", "n", []wire.Capability{wire.Shell}))
	must(j.approve("v", "n", []wire.Capability{wire.Shell}, "ann", t0.add(time.Minute), t0))
	must(j.begin("v", t0))
	login, err := j.may("v", wire.Shell, t0)
	must(err)
	if login != "ann" {
		t.Errorf("login %q", login)
	}
	for name, err := range map[string]error{
		"begin again":   j.begin("v", t0),
		"approve again": j.approve("v", "n", []wire.Capability{wire.Shell}, "ann", t0.add(time.Hour), t0),
		"ask again":     j.ask("v", "n2", []wire.Capability{wire.Shell}),
	} {
		if !errors.Is(err, errJudged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A clock that is set back must not lengthen a visit, nor a suspended machine.
func TestEitherClockEndsAVisit(t *testing.T) {
	t0 := instant{time.Unix(1_700_000_000, 0), time.Hour}
	for i, later := range []instant{
		{t0.wall.Add(-time.Hour), t0.boot + time.Minute},
		{t0.wall.Add(time.Minute), t0.boot + time.Second},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			j := newJudge()
			_ = j.ask("v", "n", []wire.Capability{wire.Shell})
			_ = j.approve("v", "n", []wire.Capability{wire.Shell}, "", t0.add(time.Minute), t0)
			if err := j.begin("v", t0); err != nil {
				t.Fatal(err)
			}
			if err := j.alive("v", later); err == nil {
				t.Error("the visit outlived its end")
			}
		})
	}
}

func TestSilentGatewayEndsAVisit(t *testing.T) {
	j := newJudge()
	t0 := instant{time.Unix(1_700_000_000, 0), time.Hour}
	_ = j.ask("v", "n", []wire.Capability{wire.Shell})
	_ = j.approve("v", "n", []wire.Capability{wire.Shell}, "", t0.add(time.Hour), t0)
	_ = j.begin("v", t0)
	j.hear("v", t0.add(30*time.Second))
	if err := j.alive("v", t0.add(60*time.Second)); err != nil {
		t.Errorf("30 s after a head: %v", err)
	}
	if err := j.alive("v", t0.add(75*time.Second)); err == nil {
		t.Error("alive 45 s after the last head")
	}
}
