package gateway

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"accord/policy"
)

// monday is a Monday noon, in a zone that is not UTC.
func monday() time.Time {
	return time.Date(2026, 10, 5, 12, 0, 0, 0, time.FixedZone("CEST", 2*60*60))
}

func TestParseExplain(t *testing.T) {
	now := monday()
	for words, want := range map[string]explained{
		"laptop-7":                                 {device: "laptop-7", at: now},
		"laptop-7 shell":                           {device: "laptop-7", capability: "shell", at: now},
		"laptop-7 action:reboot":                   {device: "laptop-7", capability: "action:reboot", at: now},
		"bob laptop-7":                             {person: "bob", device: "laptop-7", at: now},
		"bob laptop-7 files.put":                   {person: "bob", device: "laptop-7", capability: "files.put", at: now},
		"at":                                       {device: "at", at: now},
		"laptop-7 at 18:30":                        {device: "laptop-7", at: now.Add(6*time.Hour + 30*time.Minute)},
		"laptop-7 at Mon 08:00":                    {device: "laptop-7", at: now.Add(-4 * time.Hour)},
		"laptop-7 at Sat 09:00":                    {device: "laptop-7", at: now.AddDate(0, 0, 5).Add(-3 * time.Hour)},
		"bob laptop-7 shell at 2026-10-06 12:00":   {person: "bob", device: "laptop-7", capability: "shell", at: now.AddDate(0, 0, 1)},
		"laptop-7 at 2026-10-06T12:00":             {device: "laptop-7", at: now.AddDate(0, 0, 1)},
		"laptop-7 shell at 2026-10-05T10:00:00Z":   {device: "laptop-7", capability: "shell", at: now},
		"laptop-7 shell at 2026-10-05T11:00+02:00": {},
		"":                      {},
		"a b c d":               {},
		"laptop-7 at":           {},
		"laptop-7 at noon":      {},
		"laptop-7 at 24:30":     {},
		"laptop-7 at mon 08:00": {},
		"laptop-7 at Mon":       {},
	} {
		got, err := parseExplain(strings.Fields(words), now)
		if want.device == "" {
			if _, ok := errors.AsType[*usageError](err); !ok {
				t.Errorf("%q: %+v, %v", words, got, err)
			}
			continue
		}
		if err != nil || !got.at.Equal(want.at) {
			t.Errorf("%q: %+v, %v", words, got, err)
		}
		got.at, want.at = time.Time{}, time.Time{}
		if got != want {
			t.Errorf("%q: got %+v, want %+v", words, got, want)
		}
	}
}

// FuzzExplain: no words crash, and a time that is taken is one of a week or
// spelled out.
func FuzzExplain(f *testing.F) {
	for _, text := range []string{"laptop-7 at Sat 09:00", "a b shell at 2026-10-05T10:00:00Z", "at at at", "x at 0001-01-01 00:00"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := parseExplain(strings.Fields(text), monday())
		if _, usage := errors.AsType[*usageError](err); err != nil && !usage {
			t.Fatal(err)
		}
		if err == nil && e.device == "" {
			t.Fatalf("%q names no device", text)
		}
	})
}

// ruled is a house with rules of its own.
func ruled(t *testing.T) *house {
	return newHouse(t, func(o *Options) {
		by := o.People[1]
		by.Name, by.Keys, by.Roles = "carol", []string{keyLine(newSigner(t))}, []string{"technician"}
		o.People = append(o.People, by)
		o.Policy.ReasonRequired = true
		o.Policy.Groups = []policy.Group{{Name: "lyon", Members: []string{"carol"}}, {Name: "all", Members: []string{"group:lyon", "boss"}}}
		o.Policy.Rules = []policy.Rule{
			{Name: "shell", Who: []string{"role:technician"}, Capabilities: []string{"shell"}, Watched: true, Idle: time.Minute},
			{Name: "lyon", Who: []string{"group:lyon"}, Capabilities: []string{"files.*"}},
		}
	})
}

func TestExplain(t *testing.T) {
	h := ruled(t)
	d := h.device("laptop-7").join()
	got := h.run("gw", h.alice, "explain laptop-7 shell at 09:00")
	want := `shell on laptop-7 for alice: incomplete
  rule: shell
  A reason of at least 4 characters is required.
  terms: up to 60 minutes; with a reason of at least 4 characters; ends after 1m without input; a colleague must watch
  to change it: Give a reason of at least 4 characters.
`
	if got.status != 0 || got.out != want {
		t.Errorf("got %+v", got)
	}
	if got := h.run("gw", h.alice, "explain carol laptop-7"); got.status == 0 || !strings.Contains(got.errs, "explain others needs the role supervisor or auditor or admin") {
		t.Errorf("a technician about somebody else: %+v", got)
	}
	if got := h.run("gw", h.alice, "explain alice laptop-7"); got.status != 0 {
		t.Errorf("a technician about themselves: %+v", got)
	}
	if got := h.run("gw", h.alice, "explain laptop-7 shel"); got.status != exitUsage || !strings.Contains(got.errs, `"shel" is no capability`) {
		t.Errorf("a slip: %+v", got)
	}
	if got := h.run("gw", h.boss, "explain zoe laptop-7"); got.status == 0 || !strings.Contains(got.errs, "nobody is called zoe here") {
		t.Errorf("nobody: %+v", got)
	}
	_ = d.conn.Close()
	d.isOnline(false)
	if got := h.run("gw", h.boss, "explain laptop-7"); got.status != 0 || !strings.Contains(got.out, "laptop-7 is away now") {
		t.Errorf("an away device: %+v", got)
	}
	var list []explanation
	got = h.run("gw", h.boss, "explain alice laptop-7 shell --json")
	if err := json.Unmarshal([]byte(got.out), &list); err != nil || len(list) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	if e := list[0]; e.Person != "alice" || e.Verdict != "incomplete" || e.Rule != "shell" || e.Terms == nil || !e.Terms.Watched || e.Terms.Idle != "1m" {
		t.Errorf("got %+v", e)
	}
	// What the device doesn't offer is denied, whatever the rules say.
	list = nil
	got = h.run("gw", h.boss, "explain carol laptop-7 files.get --json")
	if err := json.Unmarshal([]byte(got.out), &list); err != nil || list[0].Verdict != "deny" || len(list[0].Changes) != 1 || list[0].Terms != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestRules(t *testing.T) {
	h := ruled(t)
	if got := h.run("gw", h.alice, "rules"); got.status != exitRefused {
		t.Errorf("a technician: %+v", got)
	}
	got := h.run("gw", h.boss, "rules")
	for _, want := range []string{"shell  allow", "role:technician", "every device", "ends after 1m without input; a colleague must watch", "lyon   carol", "all    group:lyon boss"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("%q is missing in\n%s%s", want, got.out, got.errs)
		}
	}
	var out rulesJSON
	got = h.run("gw", h.boss, "rules --json")
	if err := json.Unmarshal([]byte(got.out), &out); err != nil {
		t.Fatalf("%+v, %v", got, err)
	}
	if len(out.Rules) != 2 || out.Rules[0].Idle != "1m" || !out.Rules[0].Watched || !reflect.DeepEqual(out.Groups[1], groupJSON{"all", []string{"group:lyon", "boss"}}) {
		t.Errorf("got %+v", out)
	}
}

// TestRequestSaysTheTerms: what binds a visit, and the groups of who asks, go
// to the device.
func TestRequestSaysTheTerms(t *testing.T) {
	h := newHouse(t, func(o *Options) {
		o.Policy.Groups = []policy.Group{{Name: "b", Members: []string{"group:a"}}, {Name: "a", Members: []string{"alice"}}, {Name: "c", Members: []string{"boss"}}}
		o.Policy.Rules = []policy.Rule{{
			Name: "all", Who: []string{"group:b"}, Capabilities: []string{"*"}, Hands: true, RecordInput: true, Replay: true,
		}}
	})
	d := h.device("laptop-7").join()
	h.run("laptop-7", h.alice, "true")
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.asked) != 1 {
		t.Fatal("it was not asked")
	}
	r := d.asked[0]
	if r.Watched || !r.Hands || !r.Input || !r.Replay || !reflect.DeepEqual(r.Technician.Groups, []string{"a", "b"}) {
		t.Errorf("got %+v", r)
	}
	if got := h.run("laptop-7", h.boss, "true"); got.status != exitRefused || !strings.Contains(got.errs, "No rule lets boss ask for shell on laptop-7.") {
		t.Errorf("outside the group: %+v", got)
	}
}
