package agent

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"accord/config"
	"accord/policy"
	"accord/tui"
	"accord/wire"
)

func night() Standing {
	return Standing{
		Name: "night", Groups: []string{"oncall", "ops"}, Capabilities: []string{"shell", "action:isolate"},
		Hours: "Mon-Fri 18:00-08:00", Zone: "Europe/Paris", LongestMinutes: 30,
	}
}

func unattended(s ...Standing) Config {
	c := Defaults()
	c.Class, c.Standing = wire.Unattended, s
	c.Actions = []Action{{Name: "isolate", About: "isolate from the network", Command: []string{"/bin/true"}}}
	return c
}

// at is a time in Paris on Monday, 23 November 2026.
func at(t *testing.T, clock string) time.Time {
	t.Helper()
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	got, err := time.ParseInLocation("2006-01-02 15:04", "2026-11-23 "+clock, paris)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestStandingTable(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Config, *wire.Request)
		clock  string
		want   string
	}{
		{"all fits", func(*Config, *wire.Request) {}, "22:00", "night"},
		{"by day", func(*Config, *wire.Request) {}, "12:00", ""},
		{"the minute it begins", func(*Config, *wire.Request) {}, "18:00", "night"},
		{"the minute before", func(*Config, *wire.Request) {}, "17:59", ""},
		{"in another group too", func(_ *Config, r *wire.Request) { r.Technician.Groups = []string{"interns", "ops"} }, "22:00", "night"},
		{"in another group", func(_ *Config, r *wire.Request) { r.Technician.Groups = []string{"interns"} }, "22:00", ""},
		{"in no group", func(_ *Config, r *wire.Request) { r.Technician.Groups = nil }, "22:00", ""},
		{"the action alone", func(_ *Config, r *wire.Request) { r.Capabilities = []wire.Capability{"action:isolate"} }, "22:00", "night"},
		{"more than stands", func(_ *Config, r *wire.Request) { r.Capabilities = append(r.Capabilities, wire.FilesGet) }, "22:00", ""},
		{"the policy wants the user asked", func(_ *Config, r *wire.Request) { r.AskUser = true }, "22:00", ""},
		{"with an override", func(_ *Config, r *wire.Request) { r.Override = &wire.SignedOverride{} }, "22:00", ""},
		{"an attended device", func(c *Config, _ *wire.Request) { c.Class = wire.Attended }, "22:00", ""},
		{"the second one", func(c *Config, _ *wire.Request) {
			always := night()
			always.Name, always.Hours, always.Zone = "always", "", ""
			c.Standing = append(c.Standing, always)
		}, "12:00", "always"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, req := unattended(night()), request()
			req.Technician.Groups = []string{"oncall"}
			c.change(&cfg, &req)
			got := ""
			if s := cfg.standing(&req, at(t, c.clock)); s != nil {
				got = s.Name
			}
			if got != c.want {
				t.Errorf("answered by %q, want %q", got, c.want)
			}
		})
	}
}

func TestStandingMistakes(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		at     string
		want   string
	}{
		"attended":           {func(c *Config) { c.Class = wire.Attended }, "standing", `only for a device whose class is "unattended"`},
		"no class":           {func(c *Config) { c.Class = "kiosk" }, "class", `"kiosk" is no class`},
		"no name":            {func(c *Config) { c.Standing[0].Name = "" }, "standing[0].name", "is no name"},
		"a name twice":       {func(c *Config) { c.Standing = append(c.Standing, night()) }, "standing[1].name", "stands twice"},
		"nobody":             {func(c *Config) { c.Standing[0].Groups = nil }, "standing[0].groups", "nobody is meant"},
		"an odd group":       {func(c *Config) { c.Standing[0].Groups[1] = "a b" }, "standing[0].groups[1]", "no name of a group"},
		"nothing":            {func(c *Config) { c.Standing[0].Capabilities = nil }, "standing[0].capabilities", "nothing is allowed"},
		"unknown":            {func(c *Config) { c.Standing[0].Capabilities[0] = "everything" }, "standing[0].capabilities[0]", "nothing that this device could allow"},
		"no such action":     {func(c *Config) { c.Standing[0].Capabilities[1] = "action:reboot" }, "standing[0].capabilities[1]", "nothing that this device could allow"},
		"a bad time":         {func(c *Config) { c.Standing[0].Hours = "25:00-26:00" }, "standing[0].hours", "no time of the day"},
		"a bad zone":         {func(c *Config) { c.Standing[0].Zone = "Europe/Lyons" }, "standing[0].zone", "no time zone"},
		"hours without zone": {func(c *Config) { c.Standing[0].Zone = "" }, "standing[0].hours", "time zone is missing"},
		"too long":           {func(c *Config) { c.Standing[0].LongestMinutes = 721 }, "standing[0].longest_minutes", "1 to 720 are allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := unattended(night())
			c.change(&cfg)
			err := config.Under("agent", cfg.Check())
			var placed config.Placed
			if !errors.As(err, &placed) || placed.At() != "agent."+c.at || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	if err := unattended(night()).Check(); err != nil {
		t.Error(err)
	}
}

// TestStandingNeverWidens: whatever a standing consent answers, the class, a
// group, the hours and every capability say so; taking one away never answers
// more.
func TestStandingNeverWidens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		some := func(label string, of ...string) []string {
			return rapid.SliceOfNDistinct(rapid.SampledFrom(of), 0, len(of), rapid.ID[string]).Draw(t, label)
		}
		s := Standing{
			Name: "s", Groups: some("groups", "a", "b", "c"), Capabilities: some("capabilities", "shell", "files.get", "action:isolate"),
			Hours: rapid.SampledFrom([]string{"", "Mon 10:00-12:00", "08:00-18:00"}).Draw(t, "hours"),
		}
		if s.Hours != "" {
			s.Zone = "UTC"
		}
		cfg := Config{Class: rapid.SampledFrom([]string{wire.Attended, wire.Unattended}).Draw(t, "class"), Standing: []Standing{s}}
		req := wire.Request{AskUser: rapid.Bool().Draw(t, "ask"), Technician: wire.Technician{Groups: some("in", "a", "b", "d")}}
		for _, c := range some("wanted", "shell", "files.get", "forward") {
			req.Capabilities = append(req.Capabilities, wire.Capability(c))
		}
		when := time.Date(2026, 11, 23, rapid.IntRange(0, 23).Draw(t, "hour"), 0, 0, 0, time.UTC)
		if cfg.standing(&req, when) == nil {
			return
		}
		hours, err := policy.ReadHours(s.Hours, s.Zone)
		if err != nil || !hours.At(when) || cfg.Class != wire.Unattended || req.AskUser || len(req.Technician.Groups) == 0 {
			t.Fatalf("answered at %v: %+v %+v", when, cfg, req)
		}
		fewer := s
		fewer.Capabilities = nil
		if len(req.Capabilities) > 0 && fewer.covers(&req, when) {
			t.Fatal("answered for capabilities that do not stand")
		}
	})
}

// An unattended device opens by its owner's word: nobody is asked, the user is
// told, the receipt says by what, and the minutes are cut.
func TestStandingOpens(t *testing.T) {
	e := newEvil(t, func(o *Options) {
		c := unattended(Standing{Name: "always", Groups: []string{"ops"}, Capabilities: []string{"shell"}, LongestMinutes: 2})
		o.Config.Class, o.Config.Standing, o.Config.Actions = c.Class, c.Standing, c.Actions
	})
	l, p := e.link(), e.sit()
	req := request()
	req.Technician.Groups = []string{"ops"}
	v := l.ask(req)
	c := l.answer(v)
	if c.Choice != wire.Approve || c.Standing != "always" || c.UID != -1 || c.Until.Sub(c.Answered) != 2*time.Minute {
		t.Fatalf("answered %+v", c)
	}
	v.write(&wire.Open{Head: zeroHead()})
	if _, ok := await[*wire.Ready](v); !ok {
		t.Fatal("it does not open")
	}
	p.until("the visit", func(m toClient) bool {
		if m.Asking != nil {
			t.Error("the user was asked")
		}
		return m.Began != nil && m.Began.ID == req.Visit && m.Began.Standing == "always"
	})
	if !l.mark(req.Visit) {
		t.Error("no shell")
	}
	_ = v.ch.Close()
	p.ended(req.Visit)
	if kept, err := e.agent.ledger.open(c.Number); err != nil || kept.Consent.Standing != "always" {
		t.Errorf("receipt: %+v, %v", kept, err)
	}
}

// What stands in the request alone, as a gateway may claim anything, opens
// nothing on an attended device; and a refusal on an unattended one is one.
func TestStandingIsTheDevicesOwn(t *testing.T) {
	for name, change := range map[string]func(*Options, *wire.Request){
		"attended": func(_ *Options, r *wire.Request) { r.Technician.Groups = []string{"ops", "root", "admin"} },
		"unattended, the policy asks": func(o *Options, r *wire.Request) {
			o.Config.Class, o.Config.Standing = wire.Unattended, []Standing{{Name: "always", Groups: []string{"ops"}, Capabilities: []string{"shell"}}}
			r.Technician.Groups, r.AskUser = []string{"ops"}, true
		},
		"unattended, other groups": func(o *Options, r *wire.Request) {
			o.Config.Class, o.Config.Standing = wire.Unattended, []Standing{{Name: "always", Groups: []string{"ops"}, Capabilities: []string{"shell"}}}
			r.Technician.Groups = []string{"Ops", "ops "}
		},
	} {
		t.Run(name, func(t *testing.T) {
			req := request()
			e := newEvil(t, func(o *Options) { change(o, &req) })
			l, p := e.link(), e.sit()
			v := l.ask(req)
			p.give(p.asked().ID, tui.Answer{Choice: tui.Refuse})
			if c := l.answer(v); c.Choice != wire.Refuse {
				t.Errorf("answered %+v", c)
			}
			v.write(&wire.Open{Head: zeroHead()})
			l.mustNot(req.Visit, "after a refusal")
		})
	}
}
