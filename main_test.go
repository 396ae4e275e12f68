package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"

	"accord/policy"
	"accord/wire"
)

// said is what one call of the program left behind.
type said struct {
	code           int
	stdout, stderr string
}

func accord(t *testing.T, args ...string) said {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), args, strings.NewReader(""), &stdout, &stderr, nil)
	return said{code, stdout.String(), stderr.String()}
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestSampleIsTheDefaults: the commented sample says exactly what is in force
// without it, and leaves no key out.
func TestSampleIsTheDefaults(t *testing.T) {
	f, err := readFile("config.toml", false)
	if err != nil {
		t.Fatal(err)
	}
	if want := defaults(); !reflect.DeepEqual(f, want) {
		t.Errorf("got  %+v\nwant %+v", f, want)
	}
	var tree map[string]any
	meta, err := toml.DecodeFile("config.toml", &tree)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range settings(f) {
		if !meta.IsDefined(strings.Split(e.Key, ".")...) {
			t.Errorf("the sample doesn't show %s", e.Key)
		}
	}
}

// TestSampleShowsAPerson: what the sample shows in comments is right, too.
func TestSampleShowsAPerson(t *testing.T) {
	text, err := os.ReadFile("config.toml")
	if err != nil {
		t.Fatal(err)
	}
	_, example, ok := strings.Cut(string(text), "\n# [[people]]\n")
	if !ok {
		t.Fatal("the sample shows no person")
	}
	example = "[[people]]" + strings.ReplaceAll("\n"+example, "\n# ", "\n")
	f, err := readFile(file(t, string(text)+example), false)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.People) != 1 || f.People[0].Name != "alice" || !f.People[0].Has(policy.Technician) {
		t.Errorf("got %+v", f.People)
	}
}

// TestSampleShowsAnAuthority: likewise, and the person may then do without keys.
func TestSampleShowsAnAuthority(t *testing.T) {
	text, err := os.ReadFile("config.toml")
	if err != nil {
		t.Fatal(err)
	}
	_, example, ok := strings.Cut(string(text), "\n# [[authorities]]\n")
	if !ok {
		t.Fatal("the sample shows no authority")
	}
	example, _, _ = strings.Cut(example, "\n\n")
	example = "[[authorities]]" + strings.ReplaceAll("\n"+example, "\n# ", "\n")
	f, err := readFile(file(t, example+"\n[[people]]\nname = 'alice'\nroles = ['technician']\n"), false)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Authorities) != 1 || len(f.Authorities[0].Revoked) != 2 || len(f.People) != 1 {
		t.Errorf("got %+v", f)
	}
}

// TestSampleShowsARule: the sample's commented rule and group are right and
// leave no key out.
func TestSampleShowsARule(t *testing.T) {
	text, err := os.ReadFile("config.toml")
	if err != nil {
		t.Fatal(err)
	}
	_, example, ok := strings.Cut(string(text), "\n# [[policy.group]]\n")
	if !ok {
		t.Fatal("the sample shows no group")
	}
	example, _, _ = strings.Cut("# [[policy.group]]\n"+example, "\n\n")
	example = strings.TrimPrefix(strings.ReplaceAll("\n"+example, "\n#", "\n"), "\n")
	person := "\n[[people]]\nname = 'alice'\nkeys = ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPdcYVUVtN4vo65hoLb4FX/uXKPL4ikFZVUjKm60i9cf']\nroles = ['technician']\n"
	f, err := readFile(file(t, example+person), false)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Policy.Rules) != 1 || len(f.Policy.Groups) != 1 {
		t.Fatalf("got %+v", f.Policy)
	}
	for _, v := range []reflect.Value{reflect.ValueOf(f.Policy.Rules[0]), reflect.ValueOf(f.Policy.Groups[0])} {
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("the sample doesn't show %s", v.Type().Field(i).Tag.Get("toml"))
			}
		}
	}
	if d := f.Policy.Doubts(f.People); len(d) > 0 {
		t.Errorf("the sample is doubtful: %v", d)
	}
}

// TestCapabilitiesAgree: rules speak of what devices offer.
func TestCapabilitiesAgree(t *testing.T) {
	all := []wire.Capability{wire.Shell, wire.FilesGet, wire.FilesPut, wire.ScreenView, wire.ScreenControl, wire.ClipboardGet, wire.ClipboardPut, wire.Forward}
	for i, c := range policy.Capabilities() {
		if i >= len(all) || string(all[i]) != c || !wire.Capability(c).Valid() {
			t.Errorf("%q", c)
		}
	}
	if len(policy.Capabilities()) != len(all) {
		t.Error("policy knows other capabilities than wire")
	}
}

func TestWithoutAFile(t *testing.T) {
	f, err := readFile("", true)
	if err != nil || !reflect.DeepEqual(f, defaults()) {
		t.Errorf("got %+v, %v", f, err)
	}
}

func TestTrustedFile(t *testing.T) {
	path := file(t, "")
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := readFile(path, true); err == nil || !strings.Contains(err.Error(), "others may write it") {
		t.Errorf("got %v", err)
	}
	if got := accord(t, "check", path); got.code != exitOK || !strings.Contains(got.stdout, "refuse to start from it") {
		t.Errorf("got %+v", got)
	}
}

// TestLimitsAgree: no package lets through what another one refuses.
func TestLimitsAgree(t *testing.T) {
	if policy.MinutesMost*time.Minute != wire.VisitLongest {
		t.Error("policy and wire differ on the longest visit")
	}
	if policy.ReasonMost > wire.MaxReason {
		t.Error("policy can ask for a longer reason than a request holds")
	}
}

// TestCheckMistakes goes through every section: one line with file, line, key
// and what was expected, and the exit code of a bad configuration.
func TestCheckMistakes(t *testing.T) {
	key := "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPdcYVUVtN4vo65hoLb4FX/uXKPL4ikFZVUjKm60i9cf"
	for _, c := range []struct{ name, text, want string }{
		{"no date", "[[people]]\nname = 'a'\ntrained_until = 'soon'\n", `:3: people[0].trained_until: "soon" is no date; write for example 2027-05-01`},
		{"an authority's key", "[[authorities]]\nname = 'a'\nkey = 'x'\n", `:3: authorities[0].key: "x" is no public key; copy the line of a .pub file, which begins with its type such as ssh-ed25519`},
		{"charter without version", "[charter]\ntext = 'Be kind.'\n", `:1: charter.version: a charter needs a version, for everybody signs again when it changes; write for example "1"`},
		{"unknown section", "[agents]\n", ":1: agents: unknown key; known here: agent, authorities, charter, gateway, people, policy, recordings"},
		{"unknown key", "[policy]\nlongest = 5", ":2: policy.longest: unknown key; known here: default_minutes, group, longest_minutes, override, reason_min, reason_required, rule, ticket_pattern, ticket_required"},
		{"duration", "[agent]\nprompt = \"soon\"", `:2: agent.prompt: "soon" is no duration; write for example "2m"`},
		{"gateway", "[gateway]\nlisten = \"2222\"", `:2: gateway.listen: "2222" is no address; write host:port, for example "127.0.0.1:2222"`},
		{"limits", "[gateway]\n[gateway.limits]\nhandshakes = 0", ":3: gateway.limits.handshakes: 0 is impossible; 1 to 10000 are allowed"},
		{"logins", "[agent]\nlogins = [\n  \"root\",\n  \"a b\",\n]", `:4: agent.logins[1]: "a b" can't be the name of an account`},
		{"recordings", "[recordings]\n\nmin_free_mib = -1", ":3: recordings.min_free_mib: is -1: it must be between 0 and 1073741824"},
		{"policy", "policy.default_minutes = 61", ":1: policy.default_minutes: 61 is impossible; 1 to longest_minutes (60) are allowed"},
		{"rule without a zone", "[[policy.rule]]\nname = 'a'\nwho = ['role:technician']\ncapabilities = ['*']\nhours = 'Mon'", `:5: policy.rule[0].hours: a time zone is missing; add for example zone = "Europe/Paris"`},
		{"rule with a bad zone", "[[policy.rule]]\nname = 'a'\nwho = ['role:technician']\ncapabilities = ['*']\nhours = 'Mon'\nzone = 'Europe/Lyon'", `:6: policy.rule[0].zone: "Europe/Lyon" is no time zone; write a name such as "Europe/Paris" or "UTC"`},
		{"circle of groups", "[[policy.group]]\nname = 'a'\nmembers = ['group:b']\n[[policy.group]]\nname = 'b'\nmembers = [\n'group:a']", `:7: policy.group[1].members[0]: the groups go round in a circle: a → b → a`},
		{"nobody in a group", "[[policy.group]]\nname = 'a'\nmembers = ['zoe']", `:3: policy.group[0].members[0]: there is no person "zoe"; add [[people]] with that name`},
		{"no group", "[[policy.rule]]\nname = 'a'\nwho = [\n'role:technician',\n'group:x']\ncapabilities = ['*']", `:5: policy.rule[0].who[1]: there is no group "x"; add [[policy.group]] with that name`},
		{"person", "[[people]]\nname = \"alice\"\nkeys = [\"" + key + "\"]\nroles = [\"boss\"]", `:4: people[0].roles[0]: "boss" is no role; allowed are technician, supervisor, auditor, admin`},
		{"person without keys", "[[people]]\nname = \"alice\"\nroles = [\"admin\"]", ":1: people[0].keys: alice has no key and could never log in; add a line of their .pub file"},
		{"two people, one key", strings.Repeat("[[people]]\nname = \"alice\"\nkeys = [\""+key+"\"]\nroles = [\"admin\"]\n", 2), `:6: people[1].name: "alice" stands here a second time; names are unique`},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := file(t, c.text)
			got := accord(t, "check", path)
			if want := (said{exitUsage, "", "accord: " + path + c.want + "\n"}); got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestCheckSaysWhatIsInForce(t *testing.T) {
	const path = "testdata/check/good.toml"
	got := accord(t, "check", path)
	golden(t, "testdata/check/good.txt", withoutTrust(got.stdout))
	if got.code != exitOK || got.stderr != "" {
		t.Errorf("got %+v", got)
	}
	var r report
	if err := json.Unmarshal([]byte(accord(t, "check", "--json", path).stdout), &r); err != nil {
		t.Fatal(err)
	}
	want := []personReport{{
		Name: "alice", Full: "Alice Martin", Roles: []string{"technician", "supervisor"},
		Keys:       []string{"SHA256:JN1oY60LVC4TI3ddP168c1TVf3bfrNi4Gi30YKL7aHA"},
		Principals: []string{"a.martin"}, Codes: true, Trained: "2027-05-01",
	}}
	authorities := []authorityReport{{
		Name: "company", Key: "SHA256:UyjRLm98f1IyOrZtRVC5UUbzpBuq0CaNJwMcubmc/pM", Revoked: []string{"serial:7", "id:lost laptop"},
	}}
	if !reflect.DeepEqual(r.People, want) || !reflect.DeepEqual(r.Authorities, authorities) || r.File != path {
		t.Errorf("got %+v", r)
	}
	if r.InForce["gateway.listen"] != ":22" || r.InForce["agent.prompt"] != "2m" || r.InForce["policy.longest_minutes"] != 60.0 {
		t.Errorf("got %+v", r.InForce)
	}
}

// TestCheckDoubts: rules that can never apply are named with their lines.
func TestCheckDoubts(t *testing.T) {
	const path = "testdata/check/doubts.toml"
	got := accord(t, "check", path)
	_, rules, _ := strings.Cut(withoutTrust(got.stdout), "\n\n")
	golden(t, "testdata/check/doubts.txt", rules)
	if got.code != exitOK || got.stderr != "" {
		t.Errorf("got %+v", got)
	}
	if got := accord(t, "check"); strings.Contains(got.stdout, "policy.rule") {
		t.Errorf("the defaults are doubtful: %s", got.stdout)
	}
}

// withoutTrust drops the note on the file's mode, which depends on how the
// repository was cloned.
func withoutTrust(s string) string {
	var kept []string
	for _, l := range strings.SplitAfter(s, "\n") {
		if !strings.Contains(l, "refuse to start from it") {
			kept = append(kept, l)
		}
	}
	return strings.Join(kept, "")
}

// golden compares with a file; ACCORD_GOLDEN=write writes it anew.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if os.Getenv("ACCORD_GOLDEN") == "write" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got\n%s", path, got)
	}
}

func TestUsageErrors(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string // on stderr
	}{
		{[]string{"dance"}, "accord: there is no verb \"dance\"\nTry: accord help\n"},
		{[]string{"check", "--jsn"}, "accord: there is no option --jsn; did you mean --json?\nTry: accord help check\n"},
		{[]string{"check", "-x"}, "accord: there is no option -x\nTry: accord help check\n"},
		{[]string{"check", "a", "b"}, "accord: \"b\" is one argument too many\nTry: accord help check\n"},
		{[]string{"check", "--", "--json", "b"}, "accord: \"b\" is one argument too many\nTry: accord help check\n"},
		{[]string{"version", "now"}, "accord: \"now\" is one argument too many\nTry: accord help version\n"},
		{[]string{"help", "dance"}, "accord: there is no verb \"dance\"\nTry: accord help\n"},
		{[]string{"check", "--json=maybe"}, "accord: invalid boolean value \"maybe\" for -json: parse error\nTry: accord help check\n"},
	} {
		if got := accord(t, c.args...); got != (said{exitUsage, "", c.want}) {
			t.Errorf("accord %q: got %+v", c.args, got)
		}
	}
	if got := accord(t); got.code != exitUsage || !strings.HasSuffix(got.stderr, "accord: name what to do\nTry: accord help\n") {
		t.Errorf("accord alone: %+v", got)
	}
	if got := accord(t, "check", "missing.toml"); got.code != exitUsage || !strings.Contains(got.stderr, "missing.toml: no such file") {
		t.Errorf("a missing file: %+v", got)
	}
}

// TestHelpTeaches: every verb has help with examples, the same by all ways to
// it, that fits a terminal.
func TestHelpTeaches(t *testing.T) {
	overview := accord(t, "help")
	for _, alias := range []string{"--help", "-h"} {
		if got := accord(t, alias); got != overview {
			t.Errorf("accord %s: %+v", alias, got)
		}
	}
	seen := map[string]bool{}
	for _, v := range verbs() {
		help := accord(t, "help", v.name)
		if help.code != exitOK || help.stderr != "" {
			t.Errorf("accord help %s: %+v", v.name, help)
		}
		for _, alias := range []string{"--help", "-h", "-help"} {
			if got := accord(t, v.name, alias); got != help {
				t.Errorf("accord %s %s: %+v", v.name, alias, got)
			}
		}
		if !strings.Contains(help.stdout, "\nExamples:\n  accord "+v.name) {
			t.Errorf("the help of %s shows no example", v.name)
		}
		if !strings.Contains(overview.stdout, fmt.Sprintf("\n  %-10s %s\n", v.name, v.line)) || seen[v.name] {
			t.Errorf("the overview doesn't list %s once", v.name)
		}
		seen[v.name] = true
		for _, l := range strings.Split(help.stdout+overview.stdout, "\n") {
			if len(l) > 80 || l != strings.TrimRight(l, " ") {
				t.Errorf("the help of %s doesn't fit: %q", v.name, l)
			}
		}
	}
}

func TestVersion(t *testing.T) {
	got := accord(t, "version")
	if got.code != exitOK || !strings.HasPrefix(got.stdout, "accord ") || accord(t, "-V") != got || accord(t, "--version") != got {
		t.Errorf("got %+v", got)
	}
	var b build
	if err := json.Unmarshal([]byte(accord(t, "version", "-j").stdout), &b); err != nil || b.Version == "" || b.Platform == "" {
		t.Errorf("got %+v, %v", b, err)
	}
}

// TestUnwritableOutput: a full disk behind a pipe is a failure, not a silence.
func TestUnwritableOutput(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"version", "--json"}, {"check"}, {"check", "--json"}} {
		var stderr bytes.Buffer
		code := run(t.Context(), args, strings.NewReader(""), fullDisk{}, &stderr, nil)
		if code != exitFailed || stderr.String() != "accord: no space left on device\n" {
			t.Errorf("accord %q: %d, %q", args, code, stderr.String())
		}
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestGetenvTakesTheLast(t *testing.T) {
	c := &call{env: []string{"A=1", "AB=2", "A=3", "B="}}
	for name, want := range map[string]string{"A": "3", "AB": "2", "B": "", "C": ""} {
		if got := c.getenv(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestMissingFileIsTold(t *testing.T) {
	if _, err := readFile(filepath.Join(t.TempDir(), "none.toml"), true); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// FuzzFile: no file crashes the reading of the whole configuration, its errors
// are one line, and what is accepted can be shown.
func FuzzFile(f *testing.F) {
	for _, path := range []string{"config.toml", "testdata/check/good.toml"} {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	path := filepath.Join(f.TempDir(), "config.toml")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		got := accord(t, "check", path)
		if got.code == exitUsage && strings.Count(got.stderr, "\n") != 1 {
			t.Fatalf("not one line: %q", got.stderr)
		}
		if got.code == exitFailed {
			t.Fatalf("accepted, and not shown: %q", got.stderr)
		}
	})
}
