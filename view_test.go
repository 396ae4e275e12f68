package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestFindViewer: the first viewer that is there, each told where to go in its own
// way; one that is named is taken as it is.
func TestFindViewer(t *testing.T) {
	has := func(names ...string) func(string) (string, error) {
		return func(name string) (string, error) {
			if slices.Contains(names, name) {
				return "/usr/bin/" + name, nil
			}
			return "", exec.ErrNotFound
		}
	}
	for name, c := range map[string]struct {
		named, system string
		there         []string
		want          string // a part of the error after "!"
	}{
		"the first":      {"", "linux", []string{"remote-viewer", "xtightvncviewer"}, "xtightvncviewer {host}::{port}"},
		"by address":     {"", "linux", []string{"remote-viewer"}, "remote-viewer vnc://{host}:{port}"},
		"by display":     {"", "linux", []string{"gvncviewer"}, "gvncviewer {host}:{display}"},
		"macOS":          {"", "darwin", []string{"open"}, "open -W vnc://{host}:{port}"},
		"open elsewhere": {"", "linux", []string{"open"}, "!no VNC viewer here"},
		"none":           {"", "linux", nil, "!no VNC viewer here"},
		"named":          {"my --flag", "linux", []string{"my", "vncviewer"}, "my --flag {host}::{port}"},
		"named, placed":  {"my {port}", "linux", []string{"my"}, "my {port}"},
		"named, gone":    {"my", "linux", []string{"vncviewer"}, "!no viewer my"},
		"nothing":        {"  ", "linux", []string{"vncviewer"}, "!names no command"},
	} {
		got, err := findViewer(c.named, c.system, has(c.there...))
		if wrong, bad := strings.CutPrefix(c.want, "!"); bad {
			if err == nil || !strings.Contains(err.Error(), wrong) {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		} else if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// TestView runs the verb with an ssh and a viewer of the test's own: the viewer gets
// what ssh prints, ssh what the viewer sends, and neither is left.
func TestView(t *testing.T) {
	bin := t.TempDir()
	program := func(name, text string) {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/bash\n"+text), 0o755); err != nil { //nolint:gosec // a program
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	program("ssh", `echo "$@" >"$OUT/ssh"; echo "$ACCORD_REASON" >"$OUT/reason"; printf 'RFB 003.008\n'; head -c 4 >"$OUT/hands"; printf more; cat >>"$OUT/hands"; exit "${STATUS:-0}"`)
	program("viewer", `exec 3<>"/dev/tcp/$1/$2"; head -c 12 <&3 >"$OUT/seen"; printf keys >&3; head -c 4 <&3 >>"$OUT/seen"`)
	program("silent", `exit 3`)
	program("refused", `echo "the user refused" >&2; exit 3`)
	run := func(args ...string) (said string, out func(string) string, err error) {
		dir := t.TempDir()
		var stdout, stderr strings.Builder
		c := &call{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, env: append(os.Environ(), "OUT="+dir)}
		err = runView(context.Background(), c, args)
		return stderr.String(), func(name string) string {
			text, _ := os.ReadFile(filepath.Join(dir, name))
			return strings.TrimSpace(string(text))
		}, err
	}
	_, out, err := run("--reason", "it is stuck", "--viewer", "viewer {host} {port}", "anna@gw", "laptop-7", "--", "-p", "2222")
	if err != nil {
		t.Fatal(err)
	}
	if got := out("ssh"); got != "-p 2222 -T -o SendEnv=ACCORD_REASON -o SendEnv=ACCORD_TICKET -- anna+laptop-7@gw screen" {
		t.Errorf("ssh %s", got)
	}
	if out("reason") != "it is stuck" || out("seen") != "RFB 003.008\nmore" || out("hands") != "keys" {
		t.Errorf("reason %q, seen %q, hands %q", out("reason"), out("seen"), out("hands"))
	}
	if _, out, err = run("-v", "--viewer", "viewer {host} {port}", "gw", "laptop-7"); err != nil || !strings.HasSuffix(out("ssh"), "-- laptop-7@gw screen-view") {
		t.Errorf("%v, ssh %s", err, out("ssh"))
	}
	if _, out, err = run("-m", "2", "--viewer", "viewer {host} {port}", "gw", "laptop-7"); err != nil || !strings.HasSuffix(out("ssh"), "-- laptop-7@gw screen-2") {
		t.Errorf("%v, ssh %s", err, out("ssh"))
	}
	if _, _, err = run("--viewer", "silent", "gw", "laptop-7"); err == nil || !strings.Contains(err.Error(), "silent") {
		t.Errorf("a viewer that fails: %v", err)
	}
	program("ssh", `echo "the user refused" >&2; exit 3`)
	if said, _, err := run("--viewer", "viewer {host} {port}", "gw", "laptop-7"); err == nil || said != "the user refused\n" {
		t.Errorf("%q, %v", said, err)
	}
	for _, args := range [][]string{{}, {"gw"}, {"-x", "gw", "a"}, {"gw", "a", "b"}, {"-m", "99", "gw", "a"}} {
		var wrong *usageError
		if _, _, err := run(args...); !errors.As(err, &wrong) {
			t.Errorf("%q: %v", args, err)
		}
	}
}
