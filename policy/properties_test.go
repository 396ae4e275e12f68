package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var (
	capabilities = rapid.SampledFrom([]string{"shell", "files.get", "files.put", "screen.view", "forward", "action:reboot"})
	words        = rapid.SampledFrom([]string{"", "a", "printer jam", "OPS-1", "laptop-7", "laptop-8", "root"})
	roleWords    = rapid.SampledFrom([]string{"technician", "supervisor", "auditor", "admin", "Technician", ""})
	somebody     = rapid.SampledFrom([]string{"alice", "bob", "carol", ""})
	whos         = rapid.SampledFrom([]string{
		"alice", "bob", "role:technician", "role:supervisor", "group:lyon", "group:all", "principal:ops",
	})
	selectors = rapid.SampledFrom([]string{"site=lyon", "site=*", "name=laptop-7", "name=laptop-*,site=paris", "class=unattended"})
	patterns  = rapid.SampledFrom([]string{"shell", "files.get", "files.*", "action:*", "*", "forward"})
	instants  = rapid.Custom(func(t *rapid.T) time.Time {
		return noon.Add(time.Duration(rapid.IntRange(0, 7*24*60).Draw(t, "minute")) * time.Minute)
	})
)

func anyBool(t *rapid.T, label string) *bool {
	return rapid.SampledFrom([]*bool{nil, new(bool), yes()}).Draw(t, label)
}

func yes() *bool { b := true; return &b }

func anyRule(t *rapid.T, name string) Rule {
	r := Rule{
		Name: name, Who: rapid.SliceOfN(whos, 1, 3).Draw(t, "who"), Devices: rapid.SliceOfN(selectors, 0, 2).Draw(t, "devices"),
		Capabilities: rapid.SliceOfN(patterns, 1, 3).Draw(t, "capabilities"),
	}
	if rapid.Bool().Draw(t, "timed") {
		r.Hours = rapid.SampledFrom([]string{"Mon-Fri 08:00-18:00", "22:00-06:00", "Sat", "08:00-08:00"}).Draw(t, "hours")
		r.Zone = rapid.SampledFrom([]string{"UTC", "Europe/Paris"}).Draw(t, "zone")
	}
	if rapid.IntRange(0, 3).Draw(t, "effect") == 0 {
		r.Effect = effectDeny
		return r
	}
	if rapid.Bool().Draw(t, "own minutes") {
		n := rapid.IntRange(1, 200).Draw(t, "minutes")
		r.LongestMinutes = &n
	}
	if rapid.Bool().Draw(t, "own pattern") {
		pattern := rapid.SampledFrom([]string{"", "OPS-[0-9]+", "root|a"}).Draw(t, "pattern")
		r.TicketPattern = &pattern
	}
	r.ReasonRequired, r.TicketRequired = anyBool(t, "reason"), anyBool(t, "ticket")
	r.Idle = time.Duration(rapid.IntRange(0, 3).Draw(t, "idle")) * time.Minute
	r.Watched, r.Hands = rapid.Bool().Draw(t, "watched"), rapid.Bool().Draw(t, "hands")
	r.RecordInput, r.Replay = rapid.Bool().Draw(t, "input"), rapid.Bool().Draw(t, "replay")
	r.AskUser = rapid.Bool().Draw(t, "ask user")
	return r
}

func anyConfig(t *rapid.T) Config {
	c := Config{
		LongestMinutes: rapid.IntRange(30, MinutesMost).Draw(t, "longest"), DefaultMinutes: rapid.IntRange(1, 30).Draw(t, "default"),
		ReasonRequired: rapid.Bool().Draw(t, "reason required"), ReasonMin: rapid.IntRange(1, 12).Draw(t, "reason min"),
		TicketRequired: rapid.Bool().Draw(t, "ticket required"),
		TicketPattern:  rapid.SampledFrom([]string{"", "OPS-[0-9]+", "root|a"}).Draw(t, "ticket pattern"),
		Groups: []Group{
			{Name: "lyon", Members: rapid.SliceOfN(rapid.SampledFrom([]string{"alice", "bob", "principal:ops"}), 0, 2).Draw(t, "lyon")},
			{Name: "all", Members: []string{"group:lyon", "carol"}},
		},
	}
	for i := range rapid.IntRange(0, 5).Draw(t, "rules") {
		c.Rules = append(c.Rules, anyRule(t, fmt.Sprintf("rule %d", i)))
	}
	return c
}

func bookOf(t *rapid.T, c Config) *Rulebook {
	book, err := NewRulebook(c, []Person{{Name: "alice"}, {Name: "bob"}, {Name: "carol"}})
	if err != nil {
		t.Fatal(err)
	}
	return book
}

func anyRequest(t *rapid.T) (Request, Facts, Config) {
	r := Request{
		Person:     Person{Name: somebody.Draw(t, "person"), Roles: rapid.SliceOfN(roleWords, 0, 3).Draw(t, "roles")},
		Principals: rapid.SliceOfN(rapid.SampledFrom([]string{"ops", "dev"}), 0, 1).Draw(t, "principals"),
		Device:     words.Draw(t, "device"), Class: rapid.SampledFrom([]string{"", "attended", "unattended"}).Draw(t, "class"),
		Labels:       map[string]string{"site": rapid.SampledFrom([]string{"lyon", "paris"}).Draw(t, "site")},
		Capabilities: rapid.SliceOfN(capabilities, 0, 3).Draw(t, "capabilities"),
		Minutes:      rapid.IntRange(-1, 900).Draw(t, "minutes"), Reason: words.Draw(t, "reason"),
		Ticket: words.Draw(t, "ticket"), Login: rapid.SampledFrom([]string{"", "", "root", "www"}).Draw(t, "login"),
	}
	if rapid.IntRange(0, 3).Draw(t, "likely") > 0 { // or most of what is drawn would be denied before any rule is read
		r.Person.Roles, r.Device, r.Login = []string{"technician"}, "laptop-7", ""
	}
	c := anyConfig(t)
	f := Facts{Rules: bookOf(t, c), Offers: []string{"shell", "files.get", "files.put", "action:reboot"}, Logins: []string{"root"}}
	for range rapid.IntRange(0, 2).Draw(t, "open") {
		ends := noon.Add(time.Duration(rapid.IntRange(-60, 60).Draw(t, "ends")) * time.Minute)
		f.Open = append(f.Open, Visit{Device: words.Draw(t, "on"), Reason: words.Draw(t, "for"), Ends: ends})
	}
	return r, f, c
}

// TestAllowMeansAllOfIt: whatever is allowed was asked by a technician, is
// offered, and keeps to the terms that are said.
func TestAllowMeansAllOfIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, f, c := anyRequest(t)
		d := Decide(r, f, instants.Draw(t, "now"))
		if d.Why == "" || d.Rule == "" || !strings.HasSuffix(d.Why, ".") {
			t.Fatalf("a decision without a rule or a sentence: %+v", d)
		}
		if d.Verdict == Deny && d.Obligations != (Obligations{}) {
			t.Fatalf("obligations with a no: %+v", d)
		}
		if d.Verdict != Allow {
			return
		}
		for _, c := range r.Capabilities {
			if !slices.Contains(f.Offers, c) {
				t.Fatalf("%q is not offered", c)
			}
		}
		switch o := d.Obligations; {
		case !slices.Contains(r.Person.Roles, "technician"), r.Person.Name == "":
			t.Fatal("no technician")
		case len(r.Capabilities) == 0:
			t.Fatal("no capability")
		case d.Minutes < 1 || d.Minutes > o.LongestMinutes || o.LongestMinutes > MinutesMost:
			t.Fatalf("%d minutes", d.Minutes)
		case o.ReasonRequired && len(strings.TrimSpace(d.Reason)) < o.ReasonMin:
			t.Fatalf("the reason is %q", d.Reason)
		case o.TicketRequired && d.Ticket == "":
			t.Fatal("no ticket")
		case r.Login != "" && !slices.Contains(f.Logins, r.Login):
			t.Fatalf("the login %q is not lent", r.Login)
		}
		for _, name := range strings.Split(d.Rule, ", ") {
			if !slices.ContainsFunc(c.Rules, func(r Rule) bool { return r.Name == name && r.Effect != effectDeny }) {
				t.Fatalf("%q is no rule that allows", name)
			}
		}
	})
}

// TestNoRuleIsNo: without rules that allow nobody gets anything.
func TestNoRuleIsNo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, f, c := anyRequest(t)
		c.Rules = slices.DeleteFunc(c.Rules, func(r Rule) bool { return r.Effect != effectDeny })
		f.Rules = bookOf(t, c)
		if d := Decide(r, f, instants.Draw(t, "now")); d.Verdict != Deny {
			t.Fatalf("%+v", d)
		}
	})
}

// TestDenyWins: a rule that denies what is asked for wins wherever it stands.
func TestDenyWins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, f, c := anyRequest(t)
		if len(r.Capabilities) == 0 {
			t.Skip()
		}
		no := Rule{Name: "no", Effect: effectDeny, Who: []string{"role:technician"}, Capabilities: r.Capabilities[:1]}
		c.Rules = slices.Insert(c.Rules, rapid.IntRange(0, len(c.Rules)).Draw(t, "at"), no)
		f.Rules = bookOf(t, c)
		if d := Decide(r, f, instants.Draw(t, "now")); d.Verdict != Deny {
			t.Fatalf("%+v", d)
		}
	})
}

// TestFewerAllowsAndMoreDeniesNeverHelp: nothing is allowed, and no minute is
// won, by adding a rule that denies or removing one that allows.
func TestFewerAllowsAndMoreDeniesNeverHelp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, f, c := anyRequest(t)
		now := instants.Draw(t, "now")
		before := Decide(r, f, now)
		if i := slices.IndexFunc(c.Rules, func(r Rule) bool { return r.Effect != effectDeny }); i >= 0 && rapid.Bool().Draw(t, "remove") {
			c.Rules = slices.Delete(c.Rules, i, i+1)
		} else {
			no := anyRule(t, "no")
			c.Rules = append(c.Rules, Rule{
				Name: "no", Effect: effectDeny, Who: no.Who, Devices: no.Devices, Capabilities: no.Capabilities, Hours: no.Hours, Zone: no.Zone,
			})
		}
		f.Rules = bookOf(t, c)
		after := Decide(r, f, now)
		if after.Verdict > before.Verdict || after.Verdict == Allow && after.Minutes > before.Minutes {
			t.Fatalf("%+v became %+v", before, after)
		}
	})
}

// TestOrderOfAllowsIsOfNoAccount: the same rules in another order decide the
// same, with the same words but where several rules deny.
func TestOrderOfAllowsIsOfNoAccount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, f, c := anyRequest(t)
		now := instants.Draw(t, "now")
		before := Decide(r, f, now)
		c.Rules = rapid.Permutation(c.Rules).Draw(t, "order")
		f.Rules = bookOf(t, c)
		after := Decide(r, f, now)
		if before.Verdict == Deny {
			before.Rule, before.Why, after.Rule, after.Why = "", "", "", ""
		}
		if before != after {
			t.Fatalf("%+v became %+v", before, after)
		}
	})
}

// TestSeveralTakeTheStrictest: together capabilities never come on milder
// terms than any of them alone can at best.
func TestSeveralTakeTheStrictest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, f, _ := anyRequest(t)
		now := instants.Draw(t, "now")
		all := Decide(r, f, now)
		for _, c := range r.Capabilities {
			one := r
			one.Capabilities = []string{c}
			d := Decide(one, f, now)
			if d.Verdict < all.Verdict || all.Verdict == Allow && d.Minutes < all.Minutes {
				t.Fatalf("%s alone: %+v, with others: %+v", c, d, all)
			}
		}
	})
}

// TestObtainable: what may be had by itself isn't denied together, and what
// may not isn't had in company.
func TestObtainable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, f, _ := anyRequest(t)
		now := instants.Draw(t, "now")
		list := Obtainable(r, f, now)
		r.Capabilities = list
		if len(list) > 0 && Decide(r, f, now).Verdict == Deny {
			t.Fatalf("%v together are denied", list)
		}
		for _, c := range f.Offers {
			r.Capabilities = append(slices.Clone(list), c)
			if !slices.Contains(list, c) && Decide(r, f, now).Verdict != Deny {
				t.Fatalf("%s is had in company", c)
			}
		}
	})
}

// TestAskingForMoreNeverHelps: adding a capability that isn't offered denies,
// and adding any never turns a no into a yes.
func TestAskingForMoreNeverHelps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, f, _ := anyRequest(t)
		before := Decide(r, f, noon)
		more := r
		more.Capabilities = append(slices.Clone(r.Capabilities), capabilities.Draw(t, "more"))
		after := Decide(more, f, noon)
		if len(r.Capabilities) > 0 && after.Verdict > before.Verdict {
			t.Fatalf("%s became %s", before.Verdict, after.Verdict)
		}
		more.Capabilities = append(more.Capabilities, "clipboard.get") // never among the offers
		if d := Decide(more, f, noon); d.Verdict != Deny {
			t.Fatalf("what isn't offered: %+v", d)
		}
	})
}

// TestWithoutARoleNothing: nobody without the role gets anything, whatever the
// rules.
func TestWithoutARoleNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, f, _ := anyRequest(t)
		r.Person.Roles = slices.DeleteFunc(r.Person.Roles, func(s string) bool { return s == "technician" })
		d := Decide(r, f, noon)
		d.Why = ""
		if d != (Decision{Rule: "default deny"}) {
			t.Fatalf("got %+v", d)
		}
	})
}

// TestDecideChangesNothing: the same question has the same answer, explained
// or not, and the question is left as it was.
func TestDecideChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, f, _ := anyRequest(t)
		now := instants.Draw(t, "now")
		asked, offers, open := slices.Clone(r.Capabilities), slices.Clone(f.Offers), slices.Clone(f.Open)
		first, e := Decide(r, f, now), Explain(r, f, now)
		if second := Decide(r, f, now); first != second || e.Decision != first {
			t.Fatalf("%+v, then %+v, explained %+v", first, second, e)
		}
		for _, sentence := range e.Changes {
			if !strings.HasSuffix(sentence, ".") {
				t.Fatalf("no sentence: %q", sentence)
			}
		}
		if !slices.Equal(asked, r.Capabilities) || !slices.Equal(offers, f.Offers) || !slices.Equal(open, f.Open) {
			t.Fatal("the question was changed")
		}
	})
}

// TestDoubtsAreTrue: a rule that is said never to allow anything can be left
// out, and nobody sees a difference.
func TestDoubtsAreTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, f, c := anyRequest(t)
		now := instants.Draw(t, "now")
		before := Decide(r, f, now)
		for _, m := range c.Doubts([]Person{{Name: "alice"}, {Name: "bob"}, {Name: "carol"}}) {
			var i int
			if _, err := fmt.Sscanf(m.Key, "rule[%d].", &i); err != nil || !strings.Contains(m.Sentence, "never") {
				continue
			}
			without := c
			without.Rules = slices.Delete(slices.Clone(c.Rules), i, i+1)
			f.Rules = bookOf(t, without)
			if after := Decide(r, f, now); before.Verdict != after.Verdict || before.Minutes != after.Minutes {
				t.Fatalf("%s: %s, yet %+v became %+v", m.Key, m.Sentence, before, after)
			}
		}
	})
}
