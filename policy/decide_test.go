package policy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 10, 3, 12, 0, 0, 0, time.UTC)

func someRequest() Request {
	return Request{
		Person: Person{Name: "alice", Roles: []string{"technician"}}, Device: "laptop-7",
		Capabilities: []string{"shell"}, Minutes: 20, Reason: "printer jam",
	}
}

func someFacts() Facts {
	return Facts{Policy: Defaults(), Offers: []string{"shell", "files.get"}, Logins: []string{"alice", "root"}}
}

// TestDecide is the table of requests with what is decided and why.
func TestDecide(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(*Request, *Facts)
		verdict Verdict
		rule    string
		why     string
	}{
		{"a technician", func(*Request, *Facts) {}, Allow, "role technician", "A technician may ask for what laptop-7 offers, for up to 60 minutes."},
		{"nobody", func(r *Request, _ *Facts) { r.Person = Person{} }, Deny, "default deny", "Asking for a visit needs the role technician, and you don't have it; an admin can give it to you."},
		{"a role without a name", func(r *Request, _ *Facts) { r.Person.Name = "" }, Deny, "default deny", "Asking for a visit needs the role technician, and you don't have it; an admin can give it to you."},
		{"other roles", func(r *Request, _ *Facts) { r.Person.Roles = []string{"supervisor", "admin"} }, Deny, "default deny", "Asking for a visit needs the role technician, and you don't have it; an admin can give it to you."},
		{"no device", func(r *Request, _ *Facts) { r.Device = "" }, Deny, "default deny", "A request names a device and at least one capability."},
		{"no capability", func(r *Request, _ *Facts) { r.Capabilities = nil }, Deny, "default deny", "A request names a device and at least one capability."},
		{"not offered", func(r *Request, _ *Facts) { r.Capabilities = []string{"shell", "forward"} }, Deny, "what the device offers", `laptop-7 doesn't offer "forward"; it offers shell, files.get.`},
		{"nothing offered", func(_ *Request, f *Facts) { f.Offers = nil }, Deny, "what the device offers", `laptop-7 doesn't offer "shell"; it offers nothing.`},
		{"an account it lends", func(r *Request, _ *Facts) { r.Login = "root" }, Allow, "role technician", "A technician may ask for what laptop-7 offers, for up to 60 minutes."},
		{"an account it doesn't lend", func(r *Request, _ *Facts) { r.Login = "www" }, Deny, "what the device offers", `laptop-7 doesn't let a visit use the account "www"; it lets it use alice, root.`},
		{"longer than allowed", func(r *Request, _ *Facts) { r.Minutes = 90 }, Allow, "role technician", "A technician may ask for what laptop-7 offers, for up to 60 minutes. You get 60 minutes instead of 90."},
		{"negative minutes", func(r *Request, _ *Facts) { r.Minutes = -1 }, Deny, "default deny", "The policy in force allows no visit of that length; name 1 or more minutes, or ask an admin."},
		{"no policy", func(_ *Request, f *Facts) { f.Policy = Config{} }, Deny, "default deny", "The policy in force allows no visit of that length; name 1 or more minutes, or ask an admin."},
		{"no reason", func(r *Request, _ *Facts) { r.Reason = "" }, Incomplete, "reason_required", "A reason of at least 4 characters is required."},
		{"spaces are no reason", func(r *Request, _ *Facts) { r.Reason = "  a     b  "[:7] }, Incomplete, "reason_required", "A reason of at least 4 characters is required."},
		{"characters, not bytes", func(r *Request, _ *Facts) { r.Reason = "éàü" }, Incomplete, "reason_required", "A reason of at least 4 characters is required."},
		{"no reason needed", func(r *Request, f *Facts) { r.Reason, f.Policy.ReasonRequired = "", false }, Allow, "role technician", "A technician may ask for what laptop-7 offers, for up to 60 minutes."},
		{"no ticket", func(_ *Request, f *Facts) { f.Policy.TicketRequired = true }, Incomplete, "ticket_required", "A ticket is required."},
		{"a ticket", func(r *Request, f *Facts) { r.Ticket, f.Policy.TicketRequired = "OPS-1", true }, Allow, "role technician", "A technician may ask for what laptop-7 offers, for up to 60 minutes."},
		{"a ticket of another form", func(r *Request, f *Facts) { r.Ticket, f.Policy.TicketPattern = "1", "OPS-[0-9]+" }, Incomplete, "ticket_pattern", `The ticket "1" doesn't have the form OPS-[0-9]+.`},
		{"no ticket, but a form", func(_ *Request, f *Facts) { f.Policy.TicketPattern = "OPS-[0-9]+" }, Allow, "role technician", "A technician may ask for what laptop-7 offers, for up to 60 minutes."},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, f := someRequest(), someFacts()
			c.change(&r, &f)
			d := Decide(r, f, noon)
			if d.Verdict != c.verdict || d.Rule != c.rule || d.Why != c.why {
				t.Errorf("got  %s, %s: %s\nwant %s, %s: %s", d.Verdict, d.Rule, d.Why, c.verdict, c.rule, c.why)
			}
			if (d.Obligations == Obligations{}) != (d.Verdict == Deny) {
				t.Errorf("obligations %+v with %s", d.Obligations, d.Verdict)
			}
		})
	}
}

func TestMinutes(t *testing.T) {
	for wanted, want := range map[int]int{0: 30, 1: 1, 59: 59, 60: 60, 61: 60, 1 << 40: 60} {
		r := someRequest()
		r.Minutes = wanted
		if d := Decide(r, someFacts(), noon); d.Minutes != want {
			t.Errorf("%d minutes wanted: got %d, want %d", wanted, d.Minutes, want)
		}
	}
}

// TestOpenVisitLends: a second connection during a visit needs no second
// reason, but only during it, and only to the same device.
func TestOpenVisitLends(t *testing.T) {
	open := Visit{Device: "laptop-7", Reason: "printer jam", Ticket: "OPS-1", Ends: noon.Add(time.Second)}
	for _, c := range []struct {
		name           string
		change         func(*Visit, *Request)
		verdict        Verdict
		reason, ticket string
	}{
		{"open", func(*Visit, *Request) {}, Allow, "printer jam", "OPS-1"},
		{"own words win", func(_ *Visit, r *Request) { r.Reason, r.Ticket = "disk full", "OPS-2" }, Allow, "disk full", "OPS-2"},
		{"another device", func(v *Visit, _ *Request) { v.Device = "laptop-8" }, Incomplete, "", ""},
		{"over", func(v *Visit, _ *Request) { v.Ends = noon }, Incomplete, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, f, v := someRequest(), someFacts(), open
			r.Reason, f.Policy.TicketRequired = "", true
			c.change(&v, &r)
			f.Open = []Visit{v}
			if d := Decide(r, f, noon); d.Verdict != c.verdict || d.Reason != c.reason || d.Ticket != c.ticket {
				t.Errorf("got %+v", d)
			}
		})
	}
}

func TestVerdictsHaveNames(t *testing.T) {
	var zero Verdict
	if got := []string{zero.String(), Incomplete.String(), Allow.String(), Verdict(9).String()}; !slices.Equal(got, []string{"deny", "incomplete", "allow", "deny"}) {
		t.Errorf("got %q", got)
	}
}

var (
	capabilities = rapid.SampledFrom([]string{"shell", "files.get", "files.put", "screen.view", "forward", "action:reboot", ""})
	words        = rapid.SampledFrom([]string{"", "a", "printer jam", "OPS-1", "laptop-7", "laptop-8", "root"})
	roleWords    = rapid.SampledFrom([]string{"technician", "supervisor", "auditor", "admin", "Technician", ""})
)

func anyRequest(t *rapid.T) (Request, Facts) {
	r := Request{
		Person: Person{Name: words.Draw(t, "person"), Roles: rapid.SliceOfN(roleWords, 0, 3).Draw(t, "roles")},
		Device: words.Draw(t, "device"), Capabilities: rapid.SliceOfN(capabilities, 0, 4).Draw(t, "capabilities"),
		Minutes: rapid.IntRange(-5, 2000).Draw(t, "minutes"), Reason: words.Draw(t, "reason"),
		Ticket: words.Draw(t, "ticket"), Login: words.Draw(t, "login"),
	}
	f := Facts{
		Policy: Config{
			LongestMinutes: rapid.IntRange(0, 800).Draw(t, "longest"), DefaultMinutes: rapid.IntRange(0, 800).Draw(t, "default"),
			ReasonRequired: rapid.Bool().Draw(t, "reason required"), ReasonMin: rapid.IntRange(0, 20).Draw(t, "reason min"),
			TicketRequired: rapid.Bool().Draw(t, "ticket required"),
			TicketPattern:  rapid.SampledFrom([]string{"", "OPS-[0-9]+", "[", "root|a"}).Draw(t, "pattern"),
		},
		Offers: rapid.SliceOfN(capabilities, 0, 6).Draw(t, "offers"),
		Logins: rapid.SliceOfN(words, 0, 3).Draw(t, "logins"),
	}
	for range rapid.IntRange(0, 2).Draw(t, "open") {
		ends := noon.Add(time.Duration(rapid.IntRange(-60, 60).Draw(t, "ends")) * time.Minute)
		f.Open = append(f.Open, Visit{Device: words.Draw(t, "on"), Reason: words.Draw(t, "for"), Ends: ends})
	}
	return r, f
}

// TestAllowMeansAllOfIt: whatever is allowed was asked by a technician, is
// offered, and keeps to the policy.
func TestAllowMeansAllOfIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, f := anyRequest(t)
		d := Decide(r, f, noon)
		if d.Why == "" || d.Rule == "" || !strings.HasSuffix(d.Why, ".") {
			t.Fatalf("a decision without a rule or a sentence: %+v", d)
		}
		if d.Verdict != Allow {
			return
		}
		for _, c := range r.Capabilities {
			if !slices.Contains(f.Offers, c) {
				t.Fatalf("%q is not offered", c)
			}
		}
		switch {
		case !slices.Contains(r.Person.Roles, "technician"), r.Person.Name == "":
			t.Fatal("no technician")
		case len(r.Capabilities) == 0:
			t.Fatal("no capability")
		case d.Minutes < 1 || d.Minutes > f.Policy.LongestMinutes || f.Policy.LongestMinutes > MinutesMost:
			t.Fatalf("%d minutes", d.Minutes)
		case f.Policy.ReasonRequired && len(strings.TrimSpace(d.Reason)) < f.Policy.ReasonMin:
			t.Fatalf("the reason is %q", d.Reason)
		case f.Policy.TicketRequired && d.Ticket == "":
			t.Fatal("no ticket")
		case r.Login != "" && !slices.Contains(f.Logins, r.Login):
			t.Fatalf("the login %q is not lent", r.Login)
		}
	})
}

// TestAskingForMoreNeverHelps: adding a capability that isn't offered denies,
// and adding any never turns a no into a yes.
func TestAskingForMoreNeverHelps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, f := anyRequest(t)
		before := Decide(r, f, noon)
		more := r
		more.Capabilities = append(slices.Clone(r.Capabilities), capabilities.Draw(t, "more"))
		after := Decide(more, f, noon)
		if len(r.Capabilities) > 0 && after.Verdict > before.Verdict {
			t.Fatalf("%s became %s", before.Verdict, after.Verdict)
		}
		more.Capabilities = append(more.Capabilities, "clipboard") // never among the offers
		if d := Decide(more, f, noon); d.Verdict != Deny {
			t.Fatalf("what isn't offered: %+v", d)
		}
	})
}

// TestWithoutARoleNothing: nobody without the role gets anything, whatever the
// facts.
func TestWithoutARoleNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, f := anyRequest(t)
		r.Person.Roles = slices.DeleteFunc(r.Person.Roles, func(s string) bool { return s == "technician" })
		d := Decide(r, f, noon)
		d.Why = ""
		if d != (Decision{Rule: "default deny"}) {
			t.Fatalf("got %+v", d)
		}
	})
}

// TestDecideChangesNothing: the same question has the same answer, and the
// question is left as it was.
func TestDecideChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, f := anyRequest(t)
		asked, offers, open := slices.Clone(r.Capabilities), slices.Clone(f.Offers), slices.Clone(f.Open)
		if first, second := Decide(r, f, noon), Decide(r, f, noon); first != second {
			t.Fatalf("%+v, then %+v", first, second)
		}
		if !slices.Equal(asked, r.Capabilities) || !slices.Equal(offers, f.Offers) || !slices.Equal(open, f.Open) {
			t.Fatal("the question was changed")
		}
	})
}
