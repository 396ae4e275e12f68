//go:build linux || darwin || freebsd

package surface

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCommandFile runs one: each word arrives as it is.
func TestCommandFile(t *testing.T) {
	words := []string{"a b", "$HOME", "'", `"`, "; echo x", "*", `\`, "`id`", "", "é", "a\nb"}
	text, err := commandFile([]string{"LC_ALL=fr_FR.UTF-8 'x'"}, append([]string{"/bin/sh", "-c", `printf '%s|' "$LC_ALL" "$@"`, "sh"}, words...))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "Accord.command")
	if err := os.WriteFile(file, []byte(strings.Replace(text, "clear\n", "", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("/bin/sh", file).CombinedOutput()
	if want := strings.Join(append([]string{"fr_FR.UTF-8 'x'"}, words...), "|") + "|"; err != nil || string(out) != want {
		t.Errorf("got %q, %v, want %q", out, err, want)
	}
	for _, bad := range [][2][]string{{{"no variable"}, {"/bin/true"}}, {nil, {"/bin/true", "a\x00b"}}} {
		if text, err := commandFile(bad[0], bad[1]); err == nil {
			t.Errorf("%q became %q", bad, text)
		}
	}
}
