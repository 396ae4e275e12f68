package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestRuleMistakes: what a rule or group can't be, and the key that is blamed.
func TestRuleMistakes(t *testing.T) {
	n := func(i int) *int { return &i }
	text := func(s string) *string { return &s }
	rule := func(change func(*Rule)) Config {
		c := Defaults()
		change(&c.Rules[0])
		return c
	}
	groups := func(list ...Group) Config {
		c := Defaults()
		c.Groups = list
		return c
	}
	for _, c := range []struct {
		name   string
		config Config
		at     string
		want   string
	}{
		{"no name", rule(func(r *Rule) { r.Name = "" }), "rule[0].name", `"" is no name`},
		{"a name with a comma", rule(func(r *Rule) { r.Name = "a, b" }), "rule[0].name", `"a, b" is no name`},
		{"a name with an escape", rule(func(r *Rule) { r.Name = "a\x1b[2J" }), "rule[0].name", `"a\x1b[2J" is no name`},
		{"our name", rule(func(r *Rule) { r.Name = "default deny" }), "rule[0].name", "what Accord itself calls"},
		{"a bar's name", rule(func(r *Rule) { r.Name = "charter" }), "rule[0].name", "what Accord itself calls"},
		{"effect", rule(func(r *Rule) { r.Effect = "Deny" }), "rule[0].effect", `"Deny" is no effect`},
		{"nobody", rule(func(r *Rule) { r.Who = nil }), "rule[0].who", "speaks of nobody"},
		{"a strange subject", rule(func(r *Rule) { r.Who = []string{"alice", "team:a"} }), "rule[0].who[1]", `"team:a" is nobody; write the name of a person, "group:NAME", "principal:NAME" or "role:technician"`},
		{"a strange role", rule(func(r *Rule) { r.Who = []string{"role:boss"} }), "rule[0].who[0]", `"role:boss" is nobody`},
		{"a role of no case", rule(func(r *Rule) { r.Who = []string{"role:Technician"} }), "rule[0].who[0]", "is nobody"},
		{"a principal with a comma", rule(func(r *Rule) { r.Who = []string{"principal:a,b"} }), "rule[0].who[0]", "is nobody"},
		{"no group", rule(func(r *Rule) { r.Who = []string{"group:x"} }), "rule[0].who[0]", `there is no group "x"`},
		{"a selector", rule(func(r *Rule) { r.Devices = []string{"site=a", "site"} }), "rule[0].devices[1]", "selects no device"},
		{"no capability", rule(func(r *Rule) { r.Capabilities = nil }), "rule[0].capabilities", "speaks of no capability"},
		{"a strange capability", rule(func(r *Rule) { r.Capabilities = []string{"sh*ll"} }), "rule[0].capabilities[0]", `"sh*ll" is no capability`},
		{"hours", rule(func(r *Rule) { r.Hours, r.Zone = "all day", "UTC" }), "rule[0].hours", `"all" is no day`},
		{"zone", rule(func(r *Rule) { r.Hours, r.Zone = "Mon", "Mars/Olympus" }), "rule[0].zone", `"Mars/Olympus" is no time zone`},
		{"minutes", rule(func(r *Rule) { r.LongestMinutes = n(0) }), "rule[0].longest_minutes", "0 is impossible"},
		{"too many minutes", rule(func(r *Rule) { r.LongestMinutes = n(721) }), "rule[0].longest_minutes", "721 is impossible"},
		{"reason", rule(func(r *Rule) { r.ReasonMin = n(201) }), "rule[0].reason_min", "201 is impossible"},
		{"pattern", rule(func(r *Rule) { r.TicketPattern = text("(") }), "rule[0].ticket_pattern", `"(" is no regular expression`},
		{"short idle", rule(func(r *Rule) { r.Idle = time.Second }), "rule[0].idle", "1s is impossible; 5s to 12h are allowed"},
		{"negative idle", rule(func(r *Rule) { r.Idle = -time.Second }), "rule[0].idle", "-1s is impossible"},
		{"terms of a no", rule(func(r *Rule) { r.Effect, r.Watched = "deny", true }), "rule[0].watched", "would have no effect"},
		{"minutes of a no", rule(func(r *Rule) { r.Effect, r.LongestMinutes = "deny", n(5) }), "rule[0].longest_minutes", "would have no effect"},
		{"twice", func() Config { c := Defaults(); c.Rules = append(c.Rules, c.Rules[0]); return c }(), "rule[1].name", "stands here a second time"},
		{"too many", func() Config { c := Defaults(); c.Rules = make([]Rule, 1001); return c }(), "rule", "1001 rules are too many"},
		{"too many groups", groups(make([]Group, 65)...), "group", "65 groups are too many"},
		{"a group's name", groups(Group{Name: "A"}), "group[0].name", `"A" is no name`},
		{"a group twice", groups(Group{Name: "a"}, Group{Name: "a"}), "group[1].name", "stands here a second time"},
		{"an unknown member", groups(Group{Name: "a", Members: []string{"alice", "zoe"}}), "group[0].members[1]", `there is no person "zoe"`},
		{"an unknown group in it", groups(Group{Name: "a", Members: []string{"group:b"}}), "group[0].members[0]", `there is no group "b"`},
		{"a role in it", groups(Group{Name: "a", Members: []string{"role:admin"}}), "group[0].members[0]", `"role:admin" is nobody; write the name of a person, "group:NAME" or "principal:NAME"`},
		{"itself", groups(Group{Name: "a", Members: []string{"group:a"}}), "group[0].members[0]", "in a circle: a → a"},
		{"a long circle", groups(Group{Name: "x", Members: []string{"group:a"}}, Group{Name: "a", Members: []string{"group:b"}}, Group{Name: "b", Members: []string{"alice", "group:a"}}), "group[2].members[1]", "in a circle: a → b → a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			book, err := NewRulebook(c.config, []Person{{Name: "alice"}})
			var m Mistake
			if !errors.As(err, &m) || m.At() != c.at || !strings.Contains(m.Sentence, c.want) || book != nil {
				t.Errorf("got %v", err)
			}
			if list := c.config.Doubts([]Person{{Name: "alice"}}); list != nil {
				t.Errorf("doubts about what is refused: %v", list)
			}
		})
	}
}

// TestManyGroupsOfGroups: what could be counted again and again is not.
func TestManyGroupsOfGroups(t *testing.T) {
	c := Defaults()
	for i := range groupsMost {
		g := Group{Name: fmt.Sprintf("g%d", i), Members: []string{"alice"}}
		for j := range i {
			g.Members = append(g.Members, fmt.Sprintf("group:g%d", j))
		}
		c.Groups = append(c.Groups, g)
	}
	book, err := NewRulebook(c, []Person{{Name: "alice"}})
	if err != nil {
		t.Fatal(err)
	}
	in := book.GroupsOf(Person{Name: "alice"}, nil)
	if len(in) != groupsMost || !slices.IsSorted(in) {
		t.Errorf("she is in %q", in)
	}
	if in := book.GroupsOf(Person{}, nil); len(in) != 0 {
		t.Errorf("nobody is in %q", in)
	}
	var none *Rulebook
	if none.GroupsOf(Person{Name: "alice"}, nil) != nil || none.Hours(noon) != "" {
		t.Error("no rulebook has groups or hours")
	}
}

// TestHoursOfTheRulebook: the text is another exactly when a rule's hours begin
// or end.
func TestHoursOfTheRulebook(t *testing.T) {
	book := rulebook(t, func(c *Config) {
		day, night := c.Rules[0], c.Rules[0]
		day.Name, day.Hours, day.Zone = "day", "08:00-18:00", "UTC"
		night.Name, night.Hours, night.Zone = "night", "20:00-06:00", "UTC"
		c.Rules = append(c.Rules, day, night)
	})
	for hour, want := range map[int]string{5: "-+", 7: "--", 12: "+-", 19: "--", 23: "-+"} {
		if got := book.Hours(time.Date(2026, 10, 5, hour, 0, 0, 0, time.UTC)); got != want {
			t.Errorf("at %d:00 %q, want %q", hour, got, want)
		}
	}
}
