package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"

	"accord/config"
	"accord/policy"
)

// documents are all that are read by people.
func documents(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	texts := make(map[string]string)
	for _, name := range append(names, more...) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(text)
	}
	for _, name := range []string{"README.md", "ARCHITECTURE.md", "SECURITY.md", "CHANGELOG.md"} {
		if texts[name] == "" {
			t.Errorf("%s is missing", name)
		}
	}
	return texts
}

// code matches what a document sets in code.
var code = regexp.MustCompile("`([^`\n]+)`")

// commands are what stands behind a word that a piece of code begins with.
func commands(text, word string) []string {
	var list []string
	block := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "```") {
			block = !block
			continue
		}
		if block {
			line = "`" + strings.TrimSpace(line) + "`"
		}
		for _, m := range code.FindAllStringSubmatch(line, -1) {
			if rest, ok := strings.CutPrefix(m[1], word+" "); ok {
				list = append(list, rest)
			}
		}
	}
	return list
}

func TestDocumentedVerbs(t *testing.T) {
	for name, text := range documents(t) {
		for _, command := range commands(text, "accord") {
			if verb := strings.Fields(command)[0]; verb != "VERB" && !isVerb(verb) {
				t.Errorf("%s: accord %s: there is no verb %q", name, command, verb)
			}
		}
	}
	readme := documents(t)["README.md"]
	for _, v := range verbs() {
		if v.name != "version" && !strings.Contains(readme, "accord "+v.name) {
			t.Errorf("README.md does not name accord %s", v.name)
		}
	}
}

func isVerb(name string) bool {
	_, ok := find(name)
	return ok
}

func TestDocumentedCommandsOfTheGateway(t *testing.T) {
	for name, text := range documents(t) {
		for _, command := range append(commands(text, "ssh gw"), commands(text, "ssh -t gw")...) {
			first := strings.Fields(command)[0]
			if first != "help" && first != "COMMAND" && !isCommand(first, command) {
				t.Errorf("%s: ssh gw %s: there is no such command", name, command)
			}
		}
	}
}

// isCommand reports whether a line of a document begins with a command; some
// are two or three words long.
func isCommand(first, line string) bool {
	return slices.ContainsFunc(policy.Commands(), func(c policy.Command) bool {
		return string(c) == first || strings.HasPrefix(line+" ", string(c)+" ") || strings.HasPrefix(string(c), line+" ")
	})
}

// key matches a key of the configuration, with its section.
var key = regexp.MustCompile("`((?:gateway|agent|recordings|policy)\\.[a-z_.]+)`")

func TestDocumentedKeys(t *testing.T) {
	known := make(map[string]bool)
	for _, e := range config.Entries(defaults()) {
		known[e.Key] = true
	}
	for name, text := range documents(t) {
		for _, m := range key.FindAllStringSubmatch(text, -1) {
			if !known[m[1]] {
				t.Errorf("%s: there is no key %s", name, m[1])
			}
		}
	}
}

// sample is a piece of configuration that somebody may copy.
var sample = regexp.MustCompile("(?s)```toml\n(.*?)```")

func TestDocumentedConfiguration(t *testing.T) {
	for name, text := range documents(t) {
		for _, m := range sample.FindAllStringSubmatch(text, -1) {
			path := filepath.Join(t.TempDir(), "config.toml")
			if err := os.WriteFile(path, []byte(m[1]), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := readFile(path, false); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)#]+)\)`)

func TestDocumentedLinks(t *testing.T) {
	for name, text := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", name, m[1], err)
			}
		}
	}
}

// proof matches a file of tests, a test or fuzz target in the file named last,
// or a story.
var proof = regexp.MustCompile("`([a-z_/]+_test\\.go)`|\\b((?:Test|Fuzz)[A-Z]\\w*)|`([a-z0-9-]+\\.txtar)`")

func TestDocumentedTestsExist(t *testing.T) {
	for name, least := range map[string]int{"SECURITY.md": 50, "docs/compliance.md": 30, "docs/roles.md": 5} {
		if found := proven(t, name, documents(t)[name]); found < least {
			t.Errorf("only %d tests were found in %s", found, name)
		}
	}
}

// proven looks for the tests and stories that a document names, and counts
// them.
func proven(t *testing.T, name, text string) (found int) {
	t.Helper()
	file, source := "", ""
	for _, m := range proof.FindAllStringSubmatch(text, -1) {
		found++
		switch {
		case m[1] != "":
			text, err := os.ReadFile(m[1])
			if err != nil {
				t.Error(err)
			}
			file, source = m[1], string(text)
		case m[2] != "" && !strings.Contains(source, "\nfunc "+m[2]+"("):
			t.Errorf("%s: there is no %s in %s", name, m[2], file)
		case m[3] != "":
			if _, err := os.Stat(filepath.Join("testdata", "script", m[3])); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	return found
}

// TestDocumentedRoles holds the table of docs/roles.md to the policy.
func TestDocumentedRoles(t *testing.T) {
	var want strings.Builder
	head, line := "| command |", "|---|"
	for _, r := range policy.Roles() {
		head, line = head+" "+string(r)+" |", line+"---|"
	}
	want.WriteString(head + "\n" + line + "\n")
	for _, c := range policy.Commands() {
		want.WriteString("| `" + string(c) + "` |")
		for _, r := range policy.Roles() {
			if ok, _ := policy.May(policy.Person{Name: "somebody", Roles: []string{string(r)}}, c); ok {
				want.WriteString(" yes |")
			} else {
				want.WriteString(" |")
			}
		}
		want.WriteString("\n")
	}
	if text := documents(t)["docs/roles.md"]; !strings.Contains(text, "\n\n"+want.String()+"\n") {
		t.Errorf("docs/roles.md must have this table, and has another:\n%s", &want)
	}
}

// module matches a module's path in the first column of the table.
var module = regexp.MustCompile("`([a-z0-9.]+\\.[a-z]+/[A-Za-z0-9./-]+)`")

func TestDocumentedDependencies(t *testing.T) {
	text, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := modfile.Parse("go.mod", text, nil)
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, r := range mod.Require {
		if !r.Indirect {
			want = append(want, r.Mod.Path)
		}
	}
	_, table, _ := strings.Cut(documents(t)["ARCHITECTURE.md"], "## Dependencies")
	table, _, _ = strings.Cut(table, "\n## ")
	for line := range strings.Lines(table) {
		first, _, _ := strings.Cut(strings.TrimPrefix(line, "|"), "|")
		for _, m := range module.FindAllStringSubmatch(first, -1) {
			got = append(got, m[1])
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("ARCHITECTURE.md names\n%q\ngo.mod requires\n%q", got, want)
	}
}

// elsewhere matches a path that only some machine has.
var elsewhere = regexp.MustCompile(`(?:^|[\s"'(=])/(?:home|root|work|Users|mnt|workspace)/`)

func TestDocumentsNameNoMachine(t *testing.T) {
	for name, text := range documents(t) {
		if m := elsewhere.FindString(text); m != "" {
			t.Errorf("%s names the path %q of some machine", name, m)
		}
	}
}
