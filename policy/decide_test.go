package policy

import (
	"slices"
	"testing"
	"time"
)

var noon = time.Date(2026, 10, 3, 12, 0, 0, 0, time.UTC)

func someRequest() Request {
	return Request{
		Person: Person{Name: "alice", Roles: []string{"technician"}}, Device: "laptop-7",
		Capabilities: []string{"shell"}, Minutes: 20, Reason: "printer jam",
	}
}

// rulebook is the default one, but for what is changed.
func rulebook(t interface{ Fatal(...any) }, change func(*Config)) *Rulebook {
	c := Defaults()
	if change != nil {
		change(&c)
	}
	book, err := NewRulebook(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	return book
}

func someFacts(t *testing.T) Facts {
	return Facts{Rules: rulebook(t, nil), Offers: []string{"shell", "files.get"}, Logins: []string{"alice", "root"}}
}

// TestDecide is the table of requests with what is decided and why.
func TestDecide(t *testing.T) {
	const lets = `The rule "technicians" lets alice ask for shell on laptop-7, for up to 60 minutes.`
	for _, c := range []struct {
		name    string
		change  func(*Request, *Facts)
		verdict Verdict
		rule    string
		why     string
	}{
		{"a technician", func(*Request, *Facts) {}, Allow, "technicians", lets},
		{"nobody", func(r *Request, _ *Facts) { r.Person = Person{} }, Deny, "default deny", "Asking for a visit needs the role technician, and you don't have it; an admin can give it to you."},
		{"a role without a name", func(r *Request, _ *Facts) { r.Person.Name = "" }, Deny, "default deny", "Asking for a visit needs the role technician, and you don't have it; an admin can give it to you."},
		{"other roles", func(r *Request, _ *Facts) { r.Person.Roles = []string{"supervisor", "admin"} }, Deny, "default deny", "Asking for a visit needs the role technician, and you don't have it; an admin can give it to you."},
		{"no device", func(r *Request, _ *Facts) { r.Device = "" }, Deny, "default deny", "A request names a device and at least one capability."},
		{"no capability", func(r *Request, _ *Facts) { r.Capabilities = nil }, Deny, "default deny", "A request names a device and at least one capability."},
		{"not offered", func(r *Request, _ *Facts) { r.Capabilities = []string{"shell", "forward"} }, Deny, "what the device offers", `laptop-7 doesn't offer "forward"; it offers shell, files.get.`},
		{"nothing offered", func(_ *Request, f *Facts) { f.Offers = nil }, Deny, "what the device offers", `laptop-7 doesn't offer "shell"; it offers nothing.`},
		{"an account it lends", func(r *Request, _ *Facts) { r.Login = "root" }, Allow, "technicians", lets},
		{"an account it doesn't lend", func(r *Request, _ *Facts) { r.Login = "www" }, Deny, "what the device offers", `laptop-7 doesn't let a visit use the account "www"; it lets it use alice, root.`},
		{"longer than allowed", func(r *Request, _ *Facts) { r.Minutes = 90 }, Allow, "technicians", lets + " You get 60 minutes instead of 90."},
		{"negative minutes", func(r *Request, _ *Facts) { r.Minutes = -1 }, Deny, "default deny", "A visit lasts 1 minute or more."},
		{"no rulebook", func(_ *Request, f *Facts) { f.Rules = nil }, Deny, "default deny", "No rule lets alice ask for shell on laptop-7."},
		{"an empty rulebook", func(_ *Request, f *Facts) { f.Rules = new(Rulebook) }, Deny, "default deny", "No rule lets alice ask for shell on laptop-7."},
		{"barred", func(_ *Request, f *Facts) { f.Bars = []Bar{{"lock", "You are locked."}, {"charter", "Sign."}} }, Deny, "lock", "You are locked."},
		{"nobody is barred", func(r *Request, f *Facts) { r.Person, f.Bars = Person{}, []Bar{{"lock", "100 % locked."}} }, Deny, "lock", "100 % locked."},
		{"no reason", func(r *Request, _ *Facts) { r.Reason = "" }, Incomplete, "technicians", "A reason of at least 4 characters is required."},
		{"spaces are no reason", func(r *Request, _ *Facts) { r.Reason = "  a     b  "[:7] }, Incomplete, "technicians", "A reason of at least 4 characters is required."},
		{"characters, not bytes", func(r *Request, _ *Facts) { r.Reason = "éàü" }, Incomplete, "technicians", "A reason of at least 4 characters is required."},
		{"no reason needed", func(r *Request, f *Facts) {
			r.Reason, f.Rules = "", rulebook(t, func(c *Config) { c.ReasonRequired = false })
		}, Allow, "technicians", lets},
		{"no ticket", func(_ *Request, f *Facts) { f.Rules = rulebook(t, func(c *Config) { c.TicketRequired = true }) }, Incomplete, "technicians", "A ticket is required."},
		{"a ticket", func(r *Request, f *Facts) {
			r.Ticket, f.Rules = "OPS-1", rulebook(t, func(c *Config) { c.TicketRequired = true })
		}, Allow, "technicians", lets},
		{"a ticket of another form", func(r *Request, f *Facts) {
			r.Ticket, f.Rules = "1", rulebook(t, func(c *Config) { c.TicketPattern = "OPS-[0-9]+" })
		}, Incomplete, "technicians", `The ticket "1" doesn't have the form OPS-[0-9]+.`},
		{"no ticket, but a form", func(_ *Request, f *Facts) { f.Rules = rulebook(t, func(c *Config) { c.TicketPattern = "OPS-[0-9]+" }) }, Allow, "technicians", lets},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, f := someRequest(), someFacts(t)
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
		if d := Decide(r, someFacts(t), noon); d.Minutes != want {
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
			r, f, v := someRequest(), someFacts(t), open
			r.Reason, f.Rules = "", rulebook(t, func(c *Config) { c.TicketRequired = true })
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
