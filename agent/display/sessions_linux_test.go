package display

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestActiveDisplayPassesOverPipes: systemd-logind keeps one beside each session's
// file, and the first that is looked at may be that of a session without a screen.
func TestActiveDisplayPassesOverPipes(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"1": "UID=1000\nACTIVE=1\n", "3": "UID=1000\nACTIVE=1\nDISPLAY=:7\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pipe := filepath.Join(dir, "1.ref")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	writer, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = writer.Close() }()
	found := make(chan string, 1)
	go func() { found <- activeDisplay(dir, 1000) }()
	select {
	case name := <-found:
		if name != ":7" {
			t.Errorf("the active display is %q", name)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it waits for a pipe")
	}
}
