package tui

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

//nolint:gochecknoglobals // a flag of the test binary
var update = flag.Bool("update", false, "write the golden files anew")

// golden compares a view, without its colours, with testdata/NAME.golden.
func golden(t *testing.T, name, view string) {
	t.Helper()
	got := ansi.Strip(view) + "\n"
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; run the test with -update to write it", err)
	}
	if got != string(want) {
		t.Errorf("%s has changed. Look at it, then run the test with -update.\n--- now\n%s--- was\n%s", path, got, want)
	}
}

// mustFit checks that a view stays within a window.
func mustFit(t *testing.T, view string, s Size) {
	t.Helper()
	lines := strings.Split(view, "\n")
	if len(lines) > s.Height {
		t.Errorf("%d lines in a window of %d:\n%s", len(lines), s.Height, view)
	}
	for _, line := range lines {
		if n := ansi.StringWidth(line); n > s.Width {
			t.Errorf("a line of %d cells in a window of %d: %q", n, s.Width, ansi.Strip(line))
		}
	}
}
