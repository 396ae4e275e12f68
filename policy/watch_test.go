package policy

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestWhoMayWatch(t *testing.T) {
	person := func(name string, roles ...string) Person { return Person{Name: name, Roles: roles} }
	plain, demanded, hands := WatchFacts{"bob", "K1", false, false}, WatchFacts{"bob", "K1", true, false}, WatchFacts{"bob", "K1", true, true}
	for _, c := range []struct {
		name              string
		who               Person
		key               string
		visit             WatchFacts
		watch, types, say bool
		why               string // of the first no
	}{
		{"a supervisor", person("ada", "supervisor"), "K2", plain, true, false, true, "without a second pair of hands"},
		{"a supervisor, with hands", person("ada", "supervisor"), "K2", hands, true, true, true, ""},
		{"a colleague", person("carol", "technician"), "K3", plain, false, false, false, "may only watch visits that a colleague must watch"},
		{"a colleague who must", person("carol", "technician"), "K3", demanded, true, false, true, "Typing in another's visit needs the role supervisor"},
		{"a colleague who must, with hands", person("carol", "technician"), "K3", hands, true, false, true, "Typing in another's visit needs the role supervisor"},
		{"an auditor", person("eve", "auditor"), "K4", hands, false, false, false, "watch needs the role"},
		{"an admin", person("root", "admin"), "K5", hands, false, false, false, "watch needs the role"},
		{"a supervisor and auditor", person("ada", "auditor", "supervisor"), "K2", hands, true, true, true, ""},
		{"the technician", person("bob", "technician"), "K1", demanded, false, false, true, "your own visit"},
		{"the technician, with another key", person("bob", "technician", "supervisor"), "K9", hands, false, false, false, "your own visit"},
		{"the technician's key, under another name", person("carol", "technician", "supervisor"), "K1", hands, false, false, false, "your own visit"},
		{"nobody", Person{Roles: []string{"supervisor"}}, "K2", hands, false, false, false, "watch needs the role"},
		{"without a key", person("ada", "supervisor"), "", hands, false, false, false, "not known whose"},
		{"a visit of nobody", person("ada", "supervisor"), "K2", WatchFacts{Hands: true, Demanded: true}, false, false, false, "not known whose"},
	} {
		t.Run(c.name, func(t *testing.T) {
			watch, why := MayWatch(c.who, c.key, c.visit)
			may, whyNotType := MayType(c.who, c.key, c.visit)
			say, _ := MaySay(c.who, c.key, c.visit)
			if watch != c.watch || may != c.types || say != c.say {
				t.Errorf("watch %v, type %v, say %v: %s %s", watch, may, say, why, whyNotType)
			}
			if why == "" {
				why = whyNotType
			}
			if c.why == "" != (why == "") || !strings.Contains(why, c.why) {
				t.Errorf("says %q", why)
			}
		})
	}
}

// TestNobodyWatchesTheirOwn: whatever the roles, neither the name nor the key of
// the technician ever counts as a colleague; who may type may watch.
func TestNobodyWatchesTheirOwn(t *testing.T) {
	names := rapid.SampledFrom([]string{"alice", "bob", ""})
	keys := rapid.SampledFrom([]string{"K1", "K2", ""})
	rapid.Check(t, func(t *rapid.T) {
		p := Person{Name: names.Draw(t, "name"), Roles: rapid.SliceOf(roleWords).Draw(t, "roles")}
		key := keys.Draw(t, "key")
		v := WatchFacts{names.Draw(t, "technician"), keys.Draw(t, "theirs"), rapid.Bool().Draw(t, "must"), rapid.Bool().Draw(t, "hands")}
		watch, why := MayWatch(p, key, v)
		if watch && (p.Name == v.Technician || key == v.Key || p.Name == "" || key == "") {
			t.Fatalf("%+v with %s watches %+v", p, key, v)
		}
		if watch == (why != "") {
			t.Fatalf("%v with the sentence %q", watch, why)
		}
		if types, _ := MayType(p, key, v); types && (!watch || !v.Hands || !p.Has(Supervisor)) {
			t.Fatalf("%+v types in %+v", p, v)
		}
	})
}
