package policy

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var overrideNow = time.Date(2026, 11, 22, 17, 0, 0, 0, time.UTC)

func tech(name string) Person {
	return Person{Name: name, Roles: []string{string(Technician)}}
}

func superv(name string) Person {
	return Person{Name: name, Roles: []string{string(Supervisor), string(Technician)}}
}

// ended is a case whose visit ended so long ago.
func endedCase(number int, technician string, ago time.Duration, signers ...string) Case {
	return Case{Number: number, Technician: technician, Signers: signers, Ended: overrideNow.Add(-ago)}
}

func TestOverrideMistakes(t *testing.T) {
	if err := OverrideDefaults().Check(); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		name   string
		change func(*Override)
		at     string
		want   string
	}{
		{"no attempt", func(o *Override) { o.Attempts = 0 }, "attempts", "0 is impossible; 1 to 10"},
		{"no window", func(o *Override) { o.Within = 0 }, "within", "0s is impossible"},
		{"three signers", func(o *Override) { o.Signers = 3 }, "signers", "3 is impossible; 1 or 2"},
		{"no signer", func(o *Override) { o.Signers = 0 }, "signers", "0 is impossible"},
		{"a day of life", func(o *Override) { o.Life = 24 * time.Hour }, "life", "24h0m0s is impossible"},
		{"no review", func(o *Override) { o.ReviewWithin = 0 }, "review_within", "0s is impossible"},
		{"a word for an address", func(o *Override) { o.Webhook = "soc" }, "webhook", `"soc" is no address`},
		{"clear text to elsewhere", func(o *Override) { o.Webhook = "http://soc.example.org/x" }, "webhook", "is no address"},
		{"a password in the address", func(o *Override) { o.Webhook = "https://u:p@soc.example.org/x" }, "webhook", "is no address"},
		{"unsigned", func(o *Override) { o.Webhook = "https://soc.example.org/x" }, "webhook_secret", "go together"},
		{"secret alone", func(o *Override) { o.WebhookSecret = "/etc/x" }, "webhook_secret", "go together"},
		{"nameless rule", func(o *Override) { o.Emergency = []Emergency{{Ticket: "P1-.*"}} }, "emergency[0].name", "is no name"},
		{"rule for everything", func(o *Override) { o.Emergency = []Emergency{{Name: "all"}} }, "emergency[0].reason", "is known by its reason"},
		{"bad pattern", func(o *Override) { o.Emergency = []Emergency{{Name: "p1", Ticket: "[P"}} }, "emergency[0].ticket", "is no regular"},
		{"bad reason", func(o *Override) { o.Emergency = []Emergency{{Name: "p1", Reason: "a)|(b"}} }, "emergency[0].reason", "is no regular"},
		{"twice", func(o *Override) {
			o.Emergency = []Emergency{{Name: "p1", Ticket: "P1"}, {Name: "p1", Ticket: "P2"}}
		}, "emergency[1].name", "second time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := Defaults()
			c.change(&config.Override)
			var m Mistake
			if err := config.Check(); !errors.As(err, &m) || m.Key != "override."+c.at || !strings.Contains(m.Sentence, c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	for address, want := range map[string]bool{
		"http://127.0.0.1:8080/x": true, "http://[::1]:8080": true, "http://localhost/": true, "https://soc.example.org/hook?a=b&c": true,
		"https://[2001:db8::1]:8443/x": true, "http://127.0.0.1.example.org/": false, "http://localhost@soc.example.org/": false,
		"https://soc.example.org/#x": false, "https://soc.example.org/a b": false, "https://": false, "ftp://127.0.0.1/": false,
		"https://soc.example.org/\r\nX: y": false,
	} {
		o := OverrideDefaults()
		o.Webhook, o.WebhookSecret = address, "/etc/accord/hook"
		if err := o.Check(); (err == nil) != want {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestMayRequest(t *testing.T) {
	allow := Decision{Verdict: Allow, Reason: "fire in the server room", Ticket: "P1-7"}
	recent := []Attempt{{overrideNow.Add(-10 * time.Minute)}}
	base := func(o *Override) {}
	for _, c := range []struct {
		name     string
		change   func(*Override)
		who      Person
		d        Decision
		attempts []Attempt
		cases    []Case
		exercise bool
		want     string // of the sentence; empty: allowed
		rule     string
	}{
		{name: "asked once", who: tech("tom"), d: allow, attempts: recent},
		{name: "never asked", who: tech("tom"), d: allow, want: "must have asked the user of lab-1 once within the last 1h; the log has 0"},
		{name: "asked yesterday", who: tech("tom"), d: allow, attempts: []Attempt{{overrideNow.Add(-24 * time.Hour)}}, want: "the log has 0"},
		{name: "asked tomorrow", who: tech("tom"), d: allow, attempts: []Attempt{{overrideNow.Add(time.Minute)}}, want: "the log has 0"},
		{name: "two wanted", change: func(o *Override) { o.Attempts = 2 }, who: tech("tom"), d: allow, attempts: recent, want: "2 times within"},
		{name: "no technician", who: Person{Name: "ada", Roles: []string{"admin"}}, d: allow, attempts: recent, want: "needs the role technician"},
		{name: "the policy says no", who: tech("tom"), d: Decision{Why: "Not on Sundays."}, attempts: recent, want: "Not on Sundays. An override opens nothing"},
		{name: "the policy wants more", who: tech("tom"), d: Decision{Verdict: Incomplete, Why: "A reason."}, attempts: recent, want: "A reason."},
		{name: "off", change: func(o *Override) { o.Enabled = false }, who: tech("tom"), d: allow, attempts: recent, want: "switched off"},
		{name: "zero", change: func(o *Override) { *o = Override{} }, who: tech("tom"), d: allow, attempts: recent, want: "switched off"},
		{
			name: "own review overdue", who: tech("tom"), d: allow, attempts: recent,
			cases: []Case{endedCase(7, "tom", 25*time.Hour, "sue")}, want: "The review of override 7, which you used, is overdue",
		},
		{name: "another's overdue", who: tech("tom"), d: allow, attempts: recent, cases: []Case{endedCase(7, "tim", 25*time.Hour, "sue")}},
		{name: "due tomorrow", who: tech("tom"), d: allow, attempts: recent, cases: []Case{endedCase(7, "tom", time.Hour, "sue")}},
		{name: "exercise", who: tech("tom"), d: allow, exercise: true, rule: "exercise"},
		{name: "exercise on what is denied", who: tech("tom"), d: Decision{Why: "No."}, exercise: true, want: "No."},
		{
			name: "emergency", change: func(o *Override) { o.Emergency = []Emergency{{Name: "p1", Ticket: "P1-[0-9]+"}} },
			who: tech("tom"), d: allow, rule: "p1",
		},
		{
			name: "emergency of others", change: func(o *Override) { o.Emergency = []Emergency{{Name: "p1", Who: []string{"tim"}, Ticket: "P1-.*"}} },
			who: tech("tom"), d: allow, want: "must have asked",
		},
		{
			name: "emergency elsewhere", change: func(o *Override) { o.Emergency = []Emergency{{Name: "p1", Devices: []string{"till"}, Ticket: "P1-.*"}} },
			who: tech("tom"), d: allow, want: "must have asked",
		},
		{
			name: "emergency by half its form", change: func(o *Override) { o.Emergency = []Emergency{{Name: "p1", Reason: "flood.*", Ticket: "P1-.*"}} },
			who: tech("tom"), d: allow, want: "must have asked",
		},
		{
			name: "emergency by both", change: func(o *Override) { o.Emergency = []Emergency{{Name: "p1", Reason: "fire.*", Ticket: "P1-.*"}} },
			who: tech("tom"), d: allow, rule: "p1",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := OverrideDefaults()
			if c.change == nil {
				c.change = base
			}
			c.change(&o)
			got := o.MayRequest(Request{Person: c.who, Device: "lab-1"}, c.d, c.attempts, c.cases, c.exercise, overrideNow)
			if got.Allowed != (c.want == "") || !strings.Contains(got.Why, c.want) || got.Emergency != c.rule {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestMaySign(t *testing.T) {
	open := Case{Number: 42, Technician: "tom", Until: overrideNow.Add(time.Minute)}
	signed := open
	signed.Signers = []string{"sue"}
	late := open
	late.Until = overrideNow
	drill := endedCase(7, "tim", 48*time.Hour, "sue")
	drill.Exercise = true
	for _, c := range []struct {
		name  string
		who   Person
		c     Case
		cases []Case
		want  string
	}{
		{"a supervisor", superv("sue"), open, nil, ""},
		{"no supervisor", tech("sue"), open, nil, "needs the role supervisor"},
		{"the technician", superv("tom"), open, nil, "You asked for override 42 yourself"},
		{"twice", superv("sue"), signed, nil, "You have signed override 42 already"},
		{"a second one", superv("sid"), signed, nil, ""},
		{"late", superv("sue"), late, nil, "Override 42 has expired"},
		{"own review overdue", superv("sue"), open, []Case{endedCase(7, "tim", 25*time.Hour, "sid", "sue")}, "The review of override 7, which you signed, is overdue"},
		{"another's overdue", superv("sue"), open, []Case{endedCase(7, "tim", 25*time.Hour, "sid")}, ""},
		{"an exercise is overdue", superv("sue"), open, []Case{drill}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := OverrideDefaults().MaySign(c.who, c.c, c.cases, overrideNow)
			if got.Allowed != (c.want == "") || !strings.Contains(got.Why, c.want) {
				t.Errorf("got %+v", got)
			}
		})
	}
	if (Override{}).MaySign(superv("sue"), open, nil, overrideNow).Allowed {
		t.Error("signed where there are no overrides")
	}
}

func TestMayReview(t *testing.T) {
	over := endedCase(42, "tom", time.Hour, "sue", "sid")
	running, done := over, over
	running.Ended, done.Reviewed = time.Time{}, true
	auditor := Person{Name: "ann", Roles: []string{string(Auditor)}}
	for _, c := range []struct {
		name string
		who  Person
		c    Case
		want string
	}{
		{"a third person", superv("sam"), over, ""},
		{"an auditor", auditor, over, ""},
		{"a technician", tech("tim"), over, "needs the role"},
		{"who used it", superv("tom"), over, "You used override 42 yourself"},
		{"who signed it", superv("sid"), over, "You signed override 42 yourself"},
		{"too early", auditor, running, "once its visit is over"},
		{"twice", auditor, done, "reviewed already"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := OverrideDefaults().MayReview(c.who, c.c)
			if got.Allowed != (c.want == "") || !strings.Contains(got.Why, c.want) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestMayUse(t *testing.T) {
	c := Case{Number: 42, Technician: "tom", Signers: []string{"sue", "sid"}, Until: overrideNow.Add(time.Minute)}
	all := func(string) bool { return true }
	o := OverrideDefaults()
	if got := o.MayUse(c, 2, all, overrideNow); !got.Allowed {
		t.Error(got)
	}
	for name, got := range map[string]Ruling{
		"late":                    o.MayUse(c, 2, all, c.Until),
		"off":                     Override{}.MayUse(c, 2, all, overrideNow),
		"a signer was taken away": o.MayUse(c, 2, func(n string) bool { return n != "sid" }, overrideNow),
		"one signature missing":   o.MayUse(Case{Signers: []string{"sue"}, Until: c.Until}, 2, all, overrideNow),
		"none":                    o.MayUse(Case{Until: c.Until}, 0, all, overrideNow),
		"the technician's own":    o.MayUse(Case{Technician: "sue", Signers: []string{"sue"}, Until: c.Until}, 1, all, overrideNow),
	} {
		if got.Allowed || got.Why == "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestOverrideProperties: nobody ever signs or reviews their own; one attempt
// more, or one overdue review less, never takes away what was allowed.
func TestOverrideProperties(t *testing.T) {
	names := rapid.SampledFrom([]string{"ann", "bob", "cyd", "dan"})
	drawCase := rapid.Custom(func(t *rapid.T) Case {
		c := Case{
			Number: rapid.IntRange(1, 9).Draw(t, "number"), Technician: names.Draw(t, "technician"), Exercise: rapid.Bool().Draw(t, "exercise"),
			Signers: rapid.SliceOfNDistinct(names, 0, 2, rapid.ID[string]).Draw(t, "signers"), Reviewed: rapid.Bool().Draw(t, "reviewed"),
			Until: overrideNow.Add(time.Duration(rapid.IntRange(-90, 90).Draw(t, "until")) * time.Minute),
		}
		if rapid.Bool().Draw(t, "over") {
			c.Ended = overrideNow.Add(-time.Duration(rapid.IntRange(0, 72).Draw(t, "ended")) * time.Hour)
		}
		return c
	})
	rapid.Check(t, func(t *rapid.T) {
		o := OverrideDefaults()
		o.Attempts, o.Enabled = rapid.IntRange(1, 3).Draw(t, "attempts"), rapid.Bool().Draw(t, "enabled")
		p := Person{Name: names.Draw(t, "person"), Roles: rapid.SliceOf(roleWords).Draw(t, "roles")}
		c, cases := drawCase.Draw(t, "case"), rapid.SliceOfN(drawCase, 0, 4).Draw(t, "cases")
		own := p.Name == c.Technician || slices.Contains(c.Signers, p.Name)
		if own && (o.MaySign(p, c, cases, overrideNow).Allowed || o.MayReview(p, c).Allowed) {
			t.Fatalf("%s signs or reviews their own %+v", p.Name, c)
		}
		attempts := make([]Attempt, rapid.IntRange(0, 4).Draw(t, "asked"))
		for i := range attempts {
			attempts[i].At = overrideNow.Add(-time.Duration(i) * 25 * time.Minute)
		}
		r, d := Request{Person: p, Device: "lab-1"}, Decision{Verdict: Verdict(rapid.IntRange(0, 2).Draw(t, "verdict"))}
		before := o.MayRequest(r, d, attempts, cases, false, overrideNow)
		more := append(slices.Clone(attempts), Attempt{overrideNow})
		if before.Allowed && !o.MayRequest(r, d, more, cases, false, overrideNow).Allowed {
			t.Fatal("one attempt more took it away")
		}
		if len(cases) > 0 && before.Allowed && !o.MayRequest(r, d, attempts, cases[1:], false, overrideNow).Allowed {
			t.Fatal("one case less took it away")
		}
		if before.Allowed && (d.Verdict != Allow || !p.Has(Technician) || !o.Enabled || len(o.Recent(attempts, overrideNow)) < o.Attempts) {
			t.Fatalf("allowed with %+v", d)
		}
		if before.Allowed == (before.Why != "") {
			t.Fatalf("%+v", before)
		}
	})
}
