package main

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
)

// printed is what the program prints for these arguments.
func printed(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(t.Context(), args, strings.NewReader(""), &out, &errs, nil); code != exitOK {
		t.Fatalf("accord %s: %d, %s", strings.Join(args, " "), code, errs.String())
	}
	return out.String()
}

// Each option that help teaches is one that the verb takes: completions are made
// of it.
func TestHelpNamesOptionsThatAre(t *testing.T) {
	count := 0
	for _, v := range verbs() {
		for _, o := range v.options() {
			count++
			args := []string{v.name, "--" + o.long}
			if o.value != "" {
				args = append(args, "1")
			}
			printed(t, append(args, "--help")...)
			if o.short != "" {
				args[1] = "-" + o.short
				printed(t, append(args, "--help")...)
			}
		}
	}
	if count < 20 {
		t.Errorf("only %d options were found in the help", count)
	}
}

func TestCompletions(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		text := printed(t, "completion", shell)
		for _, v := range verbs() {
			if !strings.Contains(text, v.name) {
				t.Errorf("%s: no %s", shell, v.name)
			}
		}
	}
	script := printed(t, "completion", "bash") + `
COMP_WORDS=(accord ver) COMP_CWORD=1; _accord; echo "${COMPREPLY[@]}"
COMP_WORDS=(accord user --pl) COMP_CWORD=2; _accord; echo "${COMPREPLY[@]}"
COMP_WORDS=(accord help che) COMP_CWORD=2; _accord; echo "${COMPREPLY[@]}"
`
	out, err := exec.Command("bash", "-c", script).CombinedOutput()
	if want := "verify version\n--plain\ncheck\n"; err != nil || string(out) != want {
		t.Errorf("bash completes %q, %v; want %q", out, err, want)
	}
	var errs bytes.Buffer
	if code := run(t.Context(), []string{"completion", "csh"}, nil, &errs, &errs, nil); code != exitUsage {
		t.Errorf("a shell that isn't known: %d, %s", code, errs.String())
	}
}

func TestManualPage(t *testing.T) {
	page := printed(t, "help", "--man")
	for _, v := range verbs() {
		if !strings.Contains(page, "\n.SS accord "+v.name) {
			t.Errorf("no section on %s", v.name)
		}
	}
	for _, line := range strings.Split(page, "\n") {
		if strings.HasPrefix(line, "'") {
			t.Errorf("a line that roff takes for a request: %q", line)
		}
	}
}
