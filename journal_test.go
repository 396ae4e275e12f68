package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestJournal: what systemd collects has a level that it reads, no time of its own,
// and one line for each thing, whatever is in it.
func TestJournal(t *testing.T) {
	var b strings.Builder
	log := slog.New(newJournal(&b)).With("visit", "v1")
	log.Info("the visit is open", "login", "anna")
	log.Warn("two\nlines", "why", "a \"quoted\" one\n<0>x")
	log.Error("broken")
	log.Debug("unseen")
	want := "<6>msg=\"the visit is open\" visit=v1 login=anna\n" +
		`<4>msg="two\nlines" visit=v1 why="a \"quoted\" one\n<0>x"` + "\n" +
		"<3>msg=broken visit=v1\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

// TestJournalStream: only the very stream that systemd names is the journal's.
func TestJournalStream(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "stream"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var st syscall.Stat_t
	if err := syscall.Fstat(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	for stream, is := range map[string]bool{"": false, "1:2": false, fmt.Sprintf("%d:%d", st.Dev, st.Ino): true} {
		c := &call{stderr: f, env: []string{"JOURNAL_STREAM=" + stream}}
		if err := f.Truncate(0); err != nil {
			t.Fatal(err)
		}
		c.logger(f).Info("hello")
		text, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(text), "<6>msg=hello"); got != is {
			t.Errorf("%q: %q", stream, text)
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}
	}
}
