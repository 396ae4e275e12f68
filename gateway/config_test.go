package gateway

import (
	"errors"
	"strings"
	"testing"
	"time"

	"accord/config"
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
		{"no port", func(c *Config) { c.Listen = "127.0.0.1" }, "listen", `"127.0.0.1" is no address; write host:port`},
		{"port too large", func(c *Config) { c.Listen = ":65536" }, "listen", `":65536" is no address`},
		{"named port", func(c *Config) { c.Agents = ":ssh" }, "agents", `":ssh" is no address`},
		{"escape in the host", func(c *Config) { c.Agents = "a\x1b:22" }, "agents", `"a\x1b:22" is no address`},
		{"one port for both", func(c *Config) { c.Agents = c.Listen }, "agents", "technicians and devices need two ports"},
		{"no state", func(c *Config) { c.State = "" }, "state", `"" is no folder`},
		{"control in the state", func(c *Config) { c.State = "/a\x00" }, "state", `"/a\x00" is no folder`},
		{"control in the organisation", func(c *Config) { c.Organisation = "A\nB" }, "organisation", `"A\nB" is no name`},
		{"long organisation", func(c *Config) { c.Organisation = strings.Repeat("é", 65) }, "organisation", "up to 64 printable characters"},
		{"no patience", func(c *Config) { c.Wait = time.Second }, "wait", "1s is impossible; 20s to 30m are allowed"},
		{"all day", func(c *Config) { c.Wait = 8 * time.Hour }, "wait", "8h is impossible"},
		{"no connections", func(c *Config) { c.Limits.Connections = 0 }, "limits.connections", "0 is impossible; 1 to 100000 are allowed"},
		{"more than all", func(c *Config) { c.Limits.PerSource = 5000 }, "limits.per_source", "5000 is impossible; 1 to limits.connections (4096) are allowed"},
		{"no handshakes", func(c *Config) { c.Limits.Handshakes = -1 }, "limits.handshakes", "-1 is impossible; 1 to 10000 are allowed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := Defaults()
			c.change(&cfg)
			var bad config.Bad
			if err := cfg.Check(); !errors.As(err, &bad) || bad.Key != c.at || !strings.Contains(bad.Sentence, c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAnyFreePortTwice(t *testing.T) {
	cfg := Defaults()
	cfg.Listen, cfg.Agents = "127.0.0.1:0", "127.0.0.1:0"
	if err := cfg.Check(); err != nil {
		t.Error(err)
	}
}

func TestOrganisationIsNeverEmpty(t *testing.T) {
	for given, want := range map[string]string{"Example SARL": "Example SARL", "": "", "  ": ""} {
		cfg := Defaults()
		cfg.Organisation = given
		got := cfg.Named().Organisation
		if strings.TrimSpace(got) == "" || want != "" && got != want {
			t.Errorf("%q became %q", given, got)
		}
	}
}
