package policy

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestMayTable walks every command with every role and compares with this
// table, which is written out so that a change of rights is a change here.
func TestMayTable(t *testing.T) {
	table := map[Role]string{
		Technician: "devices, config, explain, watch, say, charter show, charter sign, override request, override drill, override open, override list, override show, override deny",
		Supervisor: "devices, config, explain, explain others, rules, visits, watch, say, kill, audit, status, devices updates, people, lock, charter, charter show, charter sign, override list, override show, override approve, override deny, " +
			"override review, override roster, override roster show, override roster sign",
		Auditor: "devices, config, explain, explain others, rules, visits, recordings, play, verify, audit, status, devices updates, people, charter, charter show, charter sign, override list, override show, override review, " +
			"override roster, override roster show",
		Admin: "devices, config, explain, explain others, rules, status, enroll, devices release, devices rename, devices label, devices retire, devices key-rotate, devices update, devices updates, people, lock, unlock, charter, charter show, charter sign, override roster, override roster show",
	}
	for _, role := range Roles() {
		p := Person{Name: "alice", Roles: []string{string(role)}}
		var may []string
		for _, c := range Commands() {
			ok, why := May(p, c)
			if ok {
				may = append(may, string(c))
			}
			if ok == (why != "") {
				t.Errorf("%s, %s: %v with the sentence %q", role, c, ok, why)
			}
		}
		if got := strings.Join(may, ", "); got != table[role] {
			t.Errorf("%s may %s, want %s", role, got, table[role])
		}
	}
}

func TestMaySentences(t *testing.T) {
	p := Person{Name: "alice", Roles: []string{"technician"}}
	for c, want := range map[Command]string{
		Play:          "play needs the role auditor, and you don't have it; an admin can give it to you.",
		Visits:        "visits needs the role supervisor or auditor, and you don't have it; an admin can give it to you.",
		"rm\x1b[2J":   "There is no command \"rm\\x1b[2J\"; `help` lists them.",
		"":            "There is no command \"\"; `help` lists them.",
		"DEVICES":     "There is no command \"DEVICES\"; `help` lists them.",
		"devices\x00": "There is no command \"devices\\x00\"; `help` lists them.",
	} {
		if ok, why := May(p, c); ok || why != want {
			t.Errorf("%q: %v %s", c, ok, why)
		}
	}
}

// TestMayNeedsARole: roles that don't exist open nothing, and a role more
// never closes anything.
func TestMayNeedsARole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Person{Name: "alice", Roles: rapid.SliceOf(rapid.StringMatching(`[a-z]{0,4}|Admin|admin `)).Draw(t, "roles")}
		for _, c := range Commands() {
			if ok, _ := May(p, c); ok {
				t.Fatalf("%v may %s", p.Roles, c)
			}
		}
		few := rapid.SliceOfN(roleWords, 0, 3).Draw(t, "few")
		more := append(slices.Clone(few), roleWords.Draw(t, "more"))
		for _, c := range Commands() {
			before, _ := May(Person{Name: "a", Roles: few}, c)
			after, _ := May(Person{Name: "a", Roles: more}, c)
			if before && !after {
				t.Fatalf("%v may %s, %v may not", few, c, more)
			}
		}
		if ok, _ := May(Person{Roles: []string{"admin"}}, Enroll); ok {
			t.Fatal("somebody without a name may enrol")
		}
	})
}
