package agent

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"accord/config"
	"accord/wire"
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
	many := map[string]string{}
	for i := range labelsMost + 1 {
		many[fmt.Sprint("l", i)] = "x"
	}
	for _, c := range []struct {
		name   string
		change func(*Config)
		at     string
		want   string
	}{
		{"no port", func(c *Config) { c.Gateway = "gw" }, "gateway", `"gw" is no address; write host:port`},
		{"port 0", func(c *Config) { c.Gateway = "gw:0" }, "gateway", `"gw:0" is no address`},
		{"no host", func(c *Config) { c.Gateway = ":2223" }, "gateway", `":2223" is no address`},
		{"without TLS", func(c *Config) { c.Gateway = "ws://gw" }, "gateway", `"ws://gw" is no address`},
		{"a path", func(c *Config) { c.Gateway = "wss://gw/accord" }, "gateway", `"wss://gw/accord" is no address`},
		{"no name of a file", func(c *Config) { c.GatewayCA = "a\x00b" }, "gateway_ca", `"a\x00b" is no file`},
		{"space in the host", func(c *Config) { c.Gateway = "g w:2223" }, "gateway", `"g w:2223" is no address`},
		{"no state", func(c *Config) { c.State = "" }, "state", `"" is no folder`},
		{"capitals", func(c *Config) { c.Name = "Laptop" }, "name", `"Laptop" is no name of a device`},
		{"no account", func(c *Config) { c.User = "a b" }, "user", `"a b" can't be the name of an account`},
		{"no login", func(c *Config) { c.Logins = []string{"root", "-x"} }, "logins[1]", `"-x" can't be the name of an account`},
		{"login twice", func(c *Config) { c.Logins = []string{"root", "root"} }, "logins[1]", `"root" stands twice`},
		{"many logins", func(c *Config) { c.Logins = make([]string, 32) }, "logins", "32 accounts are too many; up to 31 are allowed"},
		{"hasty prompt", func(c *Config) { c.Prompt = 19 * time.Second }, "prompt", "19s is impossible; 20s to 10m are allowed"},
		{"endless prompt", func(c *Config) { c.Prompt = 11 * time.Minute }, "prompt", "11m is impossible"},
		{"no redial", func(c *Config) { c.Redial = 0 }, "redial", "0s is impossible; 1s to 2m are allowed"},
		{"long socket", func(c *Config) { c.Socket = "/" + strings.Repeat("x", 200) }, "socket", "up to 107 bytes are allowed"},
		{"empty label", func(c *Config) { c.Labels = map[string]string{"site": ""} }, "labels", `"site" = "" is no label`},
		{"label with a space", func(c *Config) { c.Labels = map[string]string{"site": "ly on"} }, "labels", `"site" = "ly on" is no label`},
		{"label with an escape", func(c *Config) { c.Labels = map[string]string{"a\x1b": "b"} }, "labels", `"a\x1b" = "b" is no label`},
		{"label with =", func(c *Config) { c.Labels = map[string]string{"a=b": "c"} }, "labels", `"a=b" = "c" is no label`},
		{"screen elsewhere", func(c *Config) { c.Screen.Server = "10.0.0.1:5900" }, "screen.server", `"10.0.0.1:5900" is no place of a screen`},
		{"screen by name", func(c *Config) { c.Screen.Server = "vnc.example.org:5900" }, "screen.server", "is no place of a screen"},
		{"screen of no port", func(c *Config) { c.Screen.Server = "127.0.0.1" }, "screen.server", "is no place of a screen"},
		{"relative socket", func(c *Config) { c.Screen.Server = "vnc.sock" }, "screen.server", "is no place of a screen"},
		{"stray password", func(c *Config) { c.Screen.Password = "/p" }, "screen.password", "none does"},
		{"relative password", func(c *Config) { c.Screen.Server, c.Screen.Password = "127.0.0.1:5900", "p" }, "screen.password", "no absolute path"},
		{"user alone", func(c *Config) { c.Screen.Server, c.Screen.User = "[::1]:5900", "u" }, "screen.password", "without the file"},
		{"stray start", func(c *Config) { c.Screen.Server, c.Screen.Start = "localhost:5900", []string{"x11vnc"} }, "screen.start", "set server to"},
		{"stray display", func(c *Config) { c.Screen.Server, c.Screen.Display = "off", ":0" }, "screen.display", "set server to"},
		{"unknown recipe", func(c *Config) { c.Screen.Start = []string{"vnc4server"} }, "screen.start", "a recipe is expected"},
		{"recipe with arguments", func(c *Config) { c.Screen.Start = []string{"x11vnc", "-once"} }, "screen.start", "a recipe is expected"},
		{"command without socket", func(c *Config) { c.Screen.Start = []string{"/usr/bin/vnc", "-x"} }, "screen.start", "{socket}"},
		{"display elsewhere", func(c *Config) { c.Screen.Display = "host:0" }, "screen.display", "no display of this machine"},
		{"display as option", func(c *Config) { c.Screen.Display = "-x" }, "screen.display", "no display of this machine"},
		{"monitor as option", func(c *Config) { c.Screen.Monitor = "-o" }, "screen.monitor", "no part of a screen"},
		{"monitor of a command", func(c *Config) {
			c.Screen.Start, c.Screen.Monitor = []string{"/usr/bin/vnc", "{socket}"}, "1x1+0+0"
		}, "screen.monitor", "a command of your own"},
		{"many labels", func(c *Config) { c.Labels = many }, "labels", "33 labels are too many; up to 32 are allowed"},
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

func TestResolvedFillsWhatTheFileLeavesOut(t *testing.T) {
	cfg := Defaults()
	cfg.State = t.TempDir()
	got, err := cfg.Resolved()
	if err != nil {
		t.Fatal(err)
	}
	if !wire.ValidDevice(got.Name) || got.User == "" || got.Socket != filepath.Join(cfg.State, "agent.sock") {
		t.Errorf("got %+v", got)
	}
	cfg.Name, cfg.User, cfg.Socket = "laptop-7", "alice", "/run/accord.sock"
	if got, err = cfg.Resolved(); err != nil || got.Name != "laptop-7" || got.User != "alice" || got.Socket != "/run/accord.sock" {
		t.Errorf("what the file says was changed: %+v, %v", got, err)
	}
	cfg.Socket, cfg.State = "", "/"+strings.Repeat("x", 200)
	if _, err := cfg.Resolved(); err == nil || !strings.Contains(err.Error(), "name a shorter one in agent.socket") {
		t.Errorf("a long socket: %v", err)
	}
}

func TestMachineName(t *testing.T) {
	for host, want := range map[string]string{
		"laptop-7": "laptop-7", "Laptop-7.example.org": "laptop-7", "_gw_": "gw", "": "device", "été": "device",
		"a b": "device", strings.Repeat("x", 64): "device", ".": "device",
	} {
		if got := machineName(host, nil); got != want {
			t.Errorf("%q became %q, want %q", host, got, want)
		}
	}
	if got := machineName("laptop", errors.New("no name")); got != "device" {
		t.Errorf("an error became %q", got)
	}
}
