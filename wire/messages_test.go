package wire

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func many(n int, format string) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(format, i)
	}
	return list
}

func TestHelloCheck(t *testing.T) {
	labels := map[string]string{}
	for _, l := range many(33, "l%d") {
		labels[l] = ""
	}
	for name, change := range map[string]func(*Hello){
		"name":               func(m *Hello) { m.Name = "Laptop 7" },
		"name of a path":     func(m *Hello) { m.Name = "../x" },
		"no capability":      func(m *Hello) { m.Capabilities = nil },
		"unknown capability": func(m *Hello) { m.Capabilities = []Capability{"root"} },
		"capability twice":   func(m *Hello) { m.Capabilities = []Capability{Shell, Shell} },
		"login":              func(m *Hello) { m.Logins = []string{"ada", "-x"} },
		"many logins":        func(m *Hello) { m.Logins = many(33, "u%d") },
		"many labels":        func(m *Hello) { m.Labels = labels },
		"label with no name": func(m *Hello) { m.Labels = map[string]string{"": "x"} },
		"labels that look alike": func(m *Hello) {
			m.Labels = map[string]string{"e\u0301": "x", "\u00e9": "y"}
		},
		"long token": func(m *Hello) { m.Token = strings.Repeat("x", 257) },
	} {
		m := oneOfEach()[0].(*Hello) //nolint:forcetypeassert // the first is
		change(m)
		if m.check() == nil {
			t.Errorf("%s: taken", name)
		}
	}
	m := &Hello{Capabilities: []Capability{Shell}, Labels: map[string]string{"\x1b": "\a"}, OS: "\u202e"}
	if err := m.check(); err != nil || m.OS != "<U+202E>" || !maps.Equal(m.Labels, map[string]string{"<U+001B>": "<U+0007>"}) {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestRequestCheck(t *testing.T) {
	for name, change := range map[string]func(*Request){
		"no visit":         func(m *Request) { m.Visit = "" },
		"visit as a path":  func(m *Request) { m.Visit = "../../etc" },
		"nobody":           func(m *Request) { m.Technician.Name = "" },
		"no key":           func(m *Request) { m.Technician.Key = "" },
		"no minutes":       func(m *Request) { m.Minutes = 0 },
		"less than none":   func(m *Request) { m.Minutes = -1 },
		"too many minutes": func(m *Request) { m.Minutes = 12*60 + 1 },
		"minutes overflow": func(m *Request) { m.Minutes = 1 << 62 },
		"login":            func(m *Request) { m.Login = "ada;id" },
		"no capability":    func(m *Request) { m.Capabilities = nil },
		"one of no name":   func(m *Request) { m.Capabilities = []Capability{"action:"} },
	} {
		m := aRequest()
		change(&m)
		if m.check() == nil {
			t.Errorf("%s: taken", name)
		}
	}
	m := aRequest()
	m.Minutes = 12 * 60
	m.Reason, m.Technician.Full = "a\nb"+strings.Repeat("c", 1000), "\x1b[2J"
	if err := m.check(); err != nil || m.Technician.Full != "<U+001B>[2J" || Clean(m.Reason, MaxReason) != m.Reason {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestOtherChecks(t *testing.T) {
	for _, m := range []Message{
		&Welcome{Device: ""},
		&Welcome{Device: "a b"},
		&Prompt{State: "approved"},
		&Prompt{},
		&Answer{Statement: []byte("x")},
		&Answer{Signature: []byte("x")},
		&Card{},
		&Open{},
		&End{Head: &Head{Hash: "x"}},
	} {
		if m.check() == nil {
			t.Errorf("%s: %+v taken", m.kind(), m)
		}
	}
	end, denied := &End{By: "\x1b", Cause: "\a"}, &Denied{Sentence: "\r"}
	if end.check() != nil || denied.check() != nil || end.By+end.Cause+denied.Sentence != "<U+001B><U+0007><U+000D>" {
		t.Errorf("%+v %+v", end, denied)
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		what  string
		valid func(string) bool
		good  []string
		bad   []string
	}{
		{
			"capability", func(s string) bool { return Capability(s).Valid() },
			[]string{"shell", "files.get", "files.put", "screen.view", "screen.control", "clipboard.get", "clipboard.put", "forward", "action:power-off", "action:0"},
			[]string{"", "Shell", "shell ", "action:", "action:Power", "action:-x", "action:a b", "action:" + strings.Repeat("a", 33), "action:a\n"},
		},
		{
			"device", ValidDevice,
			[]string{"a", "laptop-7", "lyon.lab_3", strings.Repeat("a", 63)},
			[]string{"", ".", "..", "-a", "a-", "a/b", "A", "é", "a\n", "a b", "a@b", "a+b", strings.Repeat("a", 64)},
		},
		{
			"visit", ValidVisit,
			[]string{visitName, "99999999-999999-22222222"},
			[]string{"", visitName + "\n", "x" + visitName, "20260102-030405-ABCDEFGH", "20260102-030405-abcdefg1", "20260102030405abcdefgh"},
		},
		{
			"login", ValidLogin,
			[]string{"root", "_apt", "ada.l-1", "svc$", strings.Repeat("a", 32)},
			[]string{"", "-a", "0a", "A", "a b", "a\n", "a/b", "$", "a$b", "ada;id", strings.Repeat("a", 34)},
		},
	} {
		for _, s := range c.good {
			if !c.valid(s) {
				t.Errorf("%s %q is refused", c.what, s)
			}
		}
		for _, s := range c.bad {
			if c.valid(s) {
				t.Errorf("%s %q is taken", c.what, s)
			}
		}
	}
	// What is taken is safe to show, and as a file name.
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z0-9._/-]{1,64}`)).Draw(t, "name")
		if (ValidDevice(s) || ValidVisit(s) || ValidLogin(s)) && (Clean(s, 99) != s || strings.ContainsAny(s, "/ \\") || s == "." || s == "..") {
			t.Fatalf("%q is taken", s)
		}
	})
}

func TestCheckCapabilities(t *testing.T) {
	list := make([]Capability, 65)
	for i := range list {
		list[i] = Capability(fmt.Sprintf("action:a%d", i))
	}
	if err := checkCapabilities(list[:64]); err != nil {
		t.Error(err)
	}
	if checkCapabilities(list) == nil {
		t.Error("65 are taken")
	}
	if err := checkCapabilities([]Capability{"\x1b[31m"}); err == nil || strings.ContainsRune(err.Error(), 0x1b) {
		t.Errorf("%v", err)
	}
}
