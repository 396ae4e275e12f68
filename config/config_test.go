package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"pgregory.net/rapid"
)

// sample is a configuration with every kind of field.
type sample struct {
	Agent  section `toml:"agent"`
	People []entry `toml:"people"`
	Hidden string
}

type section struct {
	Prompt time.Duration     `toml:"prompt"`
	Labels map[string]string `toml:"labels"`
	Name   string            `toml:"name"`
	On     bool              `toml:"on"`
	Count  int               `toml:"count"`
	Size   int64             `toml:"size"`
	Colour colour            `toml:"colour"`
	Maybe  *int              `toml:"maybe"`
}

type entry struct {
	Name string   `toml:"name"`
	Keys []string `toml:"keys"`
}

// colour is a type that decodes itself.
type colour string

func (c *colour) UnmarshalText(text []byte) error {
	if *c = colour(text); *c != "red" && *c != "blue" {
		return fmt.Errorf("%q is no colour; write red or blue", text)
	}
	return nil
}

func (c colour) MarshalText() ([]byte, error) { return []byte(c), nil }

func (s *sample) Check() error {
	if s.Agent.Count > 5 {
		return Under("agent", Badf("count", "%d is more than 5", s.Agent.Count))
	}
	for i, p := range s.People {
		for j, k := range p.Keys {
			if k == "bad" {
				return Under("people", Badf(fmt.Sprintf("[%d].keys[%d]", i, j), "%s has a bad key", p.Name))
			}
		}
	}
	if s.Agent.Name == "plain" {
		return errors.New("an error without a key")
	}
	return nil
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadFillsAndKeepsDefaults(t *testing.T) {
	s := sample{Agent: section{Name: "kept", Prompt: time.Minute, Labels: map[string]string{"old": "gone"}}}
	err := Read(write(t, `
[agent]
prompt = "2m30s"
on = true
count = 5
size = 1_000_000_000_000
colour = "blue"
maybe = 0
labels = { site = "lyon", "sub.net" = '10\8' }

[[people]]
name = "alice"
keys = ["a", "b"]
[[people]]
name = "bob"
`), &s)
	if err != nil {
		t.Fatal(err)
	}
	want := sample{
		Agent: section{
			Prompt: 150 * time.Second, On: true, Count: 5, Maybe: new(int), Size: 1_000_000_000_000, Name: "kept", Colour: "blue",
			Labels: map[string]string{"site": "lyon", "sub.net": `10\8`},
		},
		People: []entry{{Name: "alice", Keys: []string{"a", "b"}}, {Name: "bob"}},
	}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("got  %+v\nwant %+v", s, want)
	}
}

// TestMistakes is the table of what a person can get wrong, and of the one
// line that they read.
func TestMistakes(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"unknown key", "[agent]\nname = 'a'\npromt = '2m'", `:3: agent.promt: unknown key; known here: colour, count, labels, maybe, name, on, prompt, size`},
		{"unknown table", "\n[agnet]\nname = 'a'", `:2: agnet: unknown key; known here: agent, people`},
		{"unknown key at the top", "x = 1", `:1: x: unknown key; known here: agent, people`},
		{"case matters", "[agent]\nName = 'a'", `:2: agent.Name: unknown key; known here: colour, count, labels, maybe, name, on, prompt, size`},
		{"a field without a tag", "Hidden = 'a'", `:1: Hidden: unknown key; known here: agent, people`},
		{"odd key", "[agent]\n\"a b\\u202e\" = 1", `:2: agent."a b\u202e": unknown key; known here: colour, count, labels, maybe, name, on, prompt, size`},
		{"no duration", "[agent]\n\n# soon\nprompt = \"soon\"", `:4: agent.prompt: "soon" is no duration; write for example "2m"`},
		{"a bare number is no duration", "agent.prompt = 120", `:1: agent.prompt: 120 is no duration; write for example "2m"`},
		{"text for a switch", "[agent]\non = 'yes'", `:2: agent.on: true or false is expected, not "yes"`},
		{"text for a number", "[agent]\ncount = '5'", `:2: agent.count: a whole number is expected, not "5"`},
		{"text for a number that may be missing", "[agent]\nmaybe = '5'", `:2: agent.maybe: a whole number is expected, not "5"`},
		{"fraction for a number", "[agent]\ncount = 5.5", `:2: agent.count: a whole number is expected, not 5.5`},
		{"number for text", "[agent]\nname = 5", `:2: agent.name: a text in quotes is expected, not 5`},
		{"date for text", "[agent]\nname = 2026-01-01", `:2: agent.name: a text in quotes is expected, not a date`},
		{"text for a table", "agent = 'x'", `:1: agent: a table is expected, not "x"`},
		{"list for a table", "[[agent]]\nname = 'a'", `:1: agent: a table is expected, not a list`},
		{"table for a list", "[people]\nname = 'a'", `:1: people: a list in square brackets is expected, not a table`},
		{"text for a list", "[[people]]\nkeys = 'a'", `:2: people[0].keys: a list in square brackets is expected, not "a"`},
		{"number in a list", "[[people]]\nkeys = [\n  'a',\n  7,\n]", `:4: people[0].keys[1]: a text in quotes is expected, not 7`},
		{"number for a label", "[agent.labels]\nfloor = 3", `:2: agent.labels.floor: a text in quotes is expected, not 3`},
		{"text for labels", "[agent]\nlabels = 'x'", `:2: agent.labels: a table is expected, not "x"`},
		{"a type's own error", "[agent]\ncolour = 'green'", `:2: agent.colour: "green" is no colour; write red or blue`},
		{"number for such a type", "[agent]\ncolour = 7", `:2: agent.colour: a text in quotes is expected, not 7`},
		{"the first of several", "[agent]\non = 1\nname = 2\n[zzz]", `:2: agent.on: true or false is expected, not 1`},
		{"duplicate key", "[agent]\nname = 'a'\nname = 'b'", `:3: malformed TOML: Key 'agent.name' has already been defined.`},
		{"malformed", "[agent]\nname = \"open", `:2: malformed TOML: unexpected EOF; expected '"'`},
		{"no value", "[agent]\nname =\n", `:2: malformed TOML: expected value but found '\n' instead`},
		{"not UTF-8", "[agent]\nname = '\xff'", `:2: this is not UTF-8; save the file as UTF-8`},
		{"nests too deep", "x = 1\ny = " + strings.Repeat("[", 1<<19), `:2: tables and lists nest deeper than 16; no configuration does`},
		{"key too deep", strings.Repeat("a.", 1<<18) + "a = 1", `:1: tables and lists nest deeper than 16; no configuration does`},
		{"impossible value", "[agent]\nname = 'a'\ncount = 6", `:3: agent.count: 6 is more than 5`},
		{"impossible in an entry", "[[people]]\nname = 'alice'\nkeys = []\n[[people]]\nname = 'bob'\nkeys = ['ok',\n'bad']", `:7: people[1].keys[1]: bob has a bad key`},
		{"impossible in an inline entry", "people = [\n{name = 'alice'},\n{name = 'bob', keys = ['bad']},\n]", `:3: people[1].keys[0]: bob has a bad key`},
		{"impossible, no key", "agent.name = 'plain'", `: an error without a key`},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := parse("config.toml", c.text, &sample{})
			if err == nil {
				t.Fatal("it was accepted")
			}
			if got := strings.TrimPrefix(err.Error(), "config.toml"); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestDefaultThatDoesNotFitHasNoLine(t *testing.T) {
	err := parse("config.toml", "", &sample{Agent: section{Count: 9}})
	if err == nil || err.Error() != "config.toml: agent.count: 9 is more than 5" {
		t.Errorf("got %v", err)
	}
}

func TestUnderNamesTheSection(t *testing.T) {
	if Under("a", nil) != nil {
		t.Error("nil became an error")
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{Badf("key", "is bad"), "a.key: is bad"},
		{Badf("[2].key", "is bad"), "a[2].key: is bad"},
		{Under("b", Badf("key", "is bad")), "a.b.key: is bad"},
		{errors.New("is bad"), "a: is bad"},
	} {
		if got := Under("a", c.err); got.Error() != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestFilesThatAreNone(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	long := write(t, "# "+strings.Repeat("x", MaxFile))
	if err := Read(filepath.Join(dir, "missing"), &sample{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	for path, want := range map[string]string{
		dir:  " is no regular file; name a TOML file",
		pipe: " is no regular file; name a TOML file",
		long: " is longer than 1048576 bytes; no configuration is",
	} {
		if err := Read(path, &sample{}); err == nil || err.Error() != path+want {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestTrust(t *testing.T) {
	closed := t.TempDir()
	path := filepath.Join(closed, "config.toml")
	chmod := func(name string, mode fs.FileMode) {
		t.Helper()
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name      string
		dir, file fs.FileMode
		blame     string // what the error names; empty: it is trusted
	}{
		{"closed", 0o755, 0o644, ""},
		{"group may write", 0o755, 0o664, path},
		{"all may write", 0o755, 0o646, path},
		{"folder open to the group", 0o775, 0o600, closed},
		{"folder open to all", 0o777, 0o600, closed},
		{"sticky folder", 0o777 | fs.ModeSticky, 0o600, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			chmod(closed, c.dir)
			chmod(path, c.file)
			link := filepath.Join(t.TempDir(), "link.toml")
			if err := os.Symlink(path, link); err != nil {
				t.Fatal(err)
			}
			if err := Read(path, &sample{}); err != nil {
				t.Errorf("Read minds the mode: %v", err)
			}
			digest, err := ReadTrusted(link, &sample{})
			if want := "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"; err == nil && digest != want || err != nil && digest != "" {
				t.Errorf("the digest is %q", digest)
			}
			if (err == nil) != (c.blame == "") {
				t.Fatalf("got %v", err)
			}
			blame := c.blame
			if blame == path {
				blame = link
			}
			if err != nil && !strings.HasPrefix(err.Error(), blame+" grants access, and others may write it: run chmod go-w ") {
				t.Errorf("got %v", err)
			}
			if again := Trusted(link); fmt.Sprint(again) != fmt.Sprint(err) {
				t.Errorf("Trusted says %v, ReadTrusted %v", again, err)
			}
		})
	}
}

func TestTrustWantsOurOwnFile(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	path := write(t, "")
	if err := os.Chown(path, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadTrusted(path, &sample{}); err == nil || !strings.Contains(err.Error(), "belongs to another account") {
		t.Errorf("got %v", err)
	}
}

func TestEntries(t *testing.T) {
	s := sample{
		Agent: section{
			Prompt: 2 * time.Minute, Name: `a\d`, Count: 3, Colour: "red",
			Labels: map[string]string{"z": "1", "a b": "it's \\"},
		},
		People: []entry{{Name: "alice", Keys: []string{"x", "y"}}},
	}
	var got []string
	for _, e := range Entries(s) {
		got = append(got, e.Key+" = "+e.Literal())
	}
	want := []string{
		`agent.prompt = "2m"`, `agent.labels = {"a b" = "it's \\", z = "1"}`, `agent.name = 'a\d'`,
		`agent.on = false`, `agent.count = 3`, `agent.size = 0`, `agent.colour = "red"`,
		`people[0].name = "alice"`, `people[0].keys = ["x", "y"]`,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestEntriesAreTOML reads back what Entries spells.
func TestEntriesAreTOML(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[ -~é世]{0,12}`)
		in := sample{Agent: section{
			Prompt: time.Duration(rapid.Int64Range(0, 1<<50).Draw(t, "prompt")),
			Name:   "x" + word.Draw(t, "name"),
			On:     rapid.Bool().Draw(t, "on"),
			Count:  rapid.IntRange(-5, 5).Draw(t, "count"),
			Size:   rapid.Int64().Draw(t, "size"),
			Labels: rapid.MapOf(word, word).Draw(t, "labels"),
			Colour: "red",
		}}
		var text strings.Builder
		for _, e := range Entries(in) {
			fmt.Fprintf(&text, "%s = %s\n", e.Key, e.Literal())
		}
		var out sample
		if err := parse("config.toml", text.String(), &out); err != nil {
			t.Fatalf("%v\n%s", err, text.String())
		}
		if !reflect.DeepEqual(in.Agent, out.Agent) {
			t.Fatalf("got  %+v\nwant %+v\n%s", out.Agent, in.Agent, text.String())
		}
	})
}

// FuzzRead holds Read to this: it never panics; an error is one printable
// line; and what it accepts, the TOML library decodes to the same values.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"", "[agent]\nprompt = \"2m\"\n[agent.labels]\n'a b' = \"\"\"x\ny\"\"\"\n[[people]]\nname = 'a'\nkeys = ['''k''', \"\\u00e9\"]",
		"people = [{name='a', keys=[]}, {name=\"b\"}] # c", "\uFEFFagent.name = 'a'\r\n", "a.\"b.c\".d = [[1],[2]]", "[[people]]\n[people.x]\n", "x = \"\"\"\"\"\"\"\"",
		"\"\"\"a\"\"\" = 1", "''=1", "a = [ # c\n 1, # ]\n]", "= 1", "[", "[[", "[a]]", "[[a]", "a = {b = 1, c.d = 2}", "\"\\", "a = 'x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var got sample
		err := parse("config.toml", text, &got)
		var want sample
		meta, decodeErr := toml.Decode(text, &want)
		if err != nil {
			for _, r := range err.Error() {
				if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x2028 {
					t.Fatalf("the error is not one printable line: %q", err)
				}
			}
			return
		}
		if decodeErr != nil {
			t.Fatalf("accepted what the library refuses: %v", decodeErr)
		}
		if undecoded := meta.Undecoded(); len(undecoded) > 0 {
			t.Fatalf("accepted unknown keys %v", undecoded)
		}
		if !reflect.DeepEqual(got.Agent.Maybe, want.Agent.Maybe) {
			t.Fatalf("got %v, want %v", got.Agent.Maybe, want.Agent.Maybe)
		}
		got.Agent.Maybe, want.Agent.Maybe = nil, nil // they would print as addresses
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	})
}

// FuzzLines holds the scanner to this: in whatever the parser accepts it finds
// every key of every table, in the line where the key begins.
func FuzzLines(f *testing.F) {
	f.Add("a = 1\n[b]\nc.d = [1,\n{e = 2}]\n[[f]]\ng = \"\"\"\n\"\"\"\n[[f]]\n'h' = 1\n[f.i]\nj = 2")
	f.Add("a=\"\"\"\\\"\"\"\"\nb='''''''\nc=1")
	f.Fuzz(func(t *testing.T, text string) {
		at, err := scan(text)
		var tree map[string]any
		if _, bad := toml.Decode(text, &tree); bad != nil || err != nil {
			return
		}
		walk("", tree, func(key string) {
			line, ok := at[key]
			if !ok {
				t.Fatalf("%s has no line; known are %v", key, maps.Collect(maps.All(at)))
			}
			if line < 1 || line > 1+strings.Count(text, "\n") {
				t.Fatalf("%s stands in line %d", key, line)
			}
		})
	})
}

// walk calls visit for every key under a parsed value.
func walk(key string, value any, visit func(string)) {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			visit(under(key, name))
			walk(under(key, name), inner, visit)
		}
	case []map[string]any:
		for i, inner := range v {
			walk(fmt.Sprintf("%s[%d]", key, i), inner, visit)
		}
	case []any:
		for i, inner := range v {
			visit(fmt.Sprintf("%s[%d]", key, i))
			walk(fmt.Sprintf("%s[%d]", key, i), inner, visit)
		}
	}
}
