package policy

import (
	"errors"
	"strings"
	"testing"
)

func TestDefaultsAreSound(t *testing.T) {
	if err := Defaults().Check(); err != nil {
		t.Error(err)
	}
	if (Config{}).Check() == nil {
		t.Error("the zero value passes")
	}
}

func TestConfigMistakes(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Config)
		at     string
		want   string
	}{
		{"no minutes", func(c *Config) { c.LongestMinutes = 0 }, "longest_minutes", "0 is impossible; 1 to 720 minutes are allowed"},
		{"a week", func(c *Config) { c.LongestMinutes = 10080 }, "longest_minutes", "10080 is impossible; 1 to 720 minutes are allowed"},
		{"default beyond longest", func(c *Config) { c.DefaultMinutes = 61 }, "default_minutes", "61 is impossible; 1 to longest_minutes (60) are allowed"},
		{"negative default", func(c *Config) { c.DefaultMinutes = -1 }, "default_minutes", "-1 is impossible"},
		{"no reason at all", func(c *Config) { c.ReasonMin = 0 }, "reason_min", "0 is impossible; 1 to 200 characters are allowed"},
		{"a novel", func(c *Config) { c.ReasonMin = 201 }, "reason_min", "201 is impossible"},
		{"no pattern", func(c *Config) { c.TicketPattern = "[A-" }, "ticket_pattern", `"[A-" is no regular expression`},
		{"breaks out", func(c *Config) { c.TicketPattern = "a)|(.*" }, "ticket_pattern", `"a)|(.*" is no regular expression`},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := Defaults()
			c.change(&config)
			var m Mistake
			if err := config.Check(); !errors.As(err, &m) || m.Key != c.at || !strings.Contains(m.Sentence, c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestTicketIsMatchedWhole(t *testing.T) {
	for _, c := range []struct {
		pattern, ticket string
		want            bool
	}{
		{"", "anything at all", true},
		{"[A-Z]+-[0-9]+", "OPS-12", true},
		{"[A-Z]+-[0-9]+", "OPS-12; rm", false},
		{"[A-Z]+-[0-9]+", "see OPS-12", false},
		{"a|b", "ab", false},
		{"a|b", "b", true},
	} {
		re, err := Config{TicketPattern: c.pattern}.ticket()
		if err != nil || re.MatchString(c.ticket) != c.want {
			t.Errorf("%q with %q: want %v, err %v", c.pattern, c.ticket, c.want, err)
		}
	}
}
