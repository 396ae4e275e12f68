package replay

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"accord/recordings"
	"accord/tui"
)

// record makes a recording of a visit with two shells and returns its folder.
func record(t *testing.T) string {
	t.Helper()
	cfg := recordings.Default()
	cfg.Dir, cfg.MinFreeMiB = filepath.Join(t.TempDir(), "of [alice] *"), 0 // which is no pattern
	lib, err := recordings.Open(cfg, func([]byte) ([]byte, error) { return []byte("signed"), nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lib.Close() })
	now := time.Now()
	rec, err := lib.Create(recordings.Visit{
		ID: "20261122-164500-abcd2345", Device: recordings.Device{Name: "laptop", Key: "SHA256:x"},
		Technician: recordings.Technician{Name: "alice", Key: "SHA256:y"}, Asked: now, Opened: now, Until: now.Add(time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"", "uptime"} {
		s, err := rec.Shell(recordings.ShellInfo{Width: 40, Height: 5, Command: command, PTY: true})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 1000 {
			if err := s.Output(fmt.Appendf(nil, "line %d of %q\r\n", i, command)); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(s.Resize(50, 6), s.Mark("here"), s.Close(recordings.Exit{})); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := rec.Seal(recordings.End{Ended: now.Add(time.Minute), By: "user", Cause: "stopped"}); err != nil {
		t.Fatal(err)
	}
	dirs, err := fs.Glob(os.DirFS(cfg.Dir), "*/*/*/*")
	if err != nil || len(dirs) != 1 {
		t.Fatalf("folders: %v, %v", dirs, err)
	}
	return filepath.Join(cfg.Dir, dirs[0])
}

func plain(out io.Writer) *tui.Terminal {
	return &tui.Terminal{In: tui.NewInput(strings.NewReader("")), Out: out, Window: tui.NewWindow(tui.Size{}), Piped: true}
}

func TestPlayShowsEachShell(t *testing.T) {
	dir := record(t)
	var out bytes.Buffer
	if err := Play(t.Context(), plain(&out), dir); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"alice on laptop", `line 999 of ""`, `line 999 of "uptime"`, "002.cast uptime"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in:\n%s", want, out.String())
		}
	}
}

// A cast that can't be read keeps nobody from the others.
func TestPlayPassesOverABrokenCast(t *testing.T) {
	dir := record(t)
	if err := os.WriteFile(filepath.Join(dir, "001.cast"), []byte("no cast\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Play(t.Context(), plain(&out), dir); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `line 999 of "uptime"`) || !strings.Contains(out.String(), "001.cast") {
		t.Errorf("got:\n%s", out.String())
	}
}

func TestPlayRefuses(t *testing.T) {
	empty := t.TempDir()
	text := filepath.Join(empty, "text")
	if err := os.WriteFile(text, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{empty, text, filepath.Join(empty, "none")} {
		if err := Play(t.Context(), plain(io.Discard), path); err == nil {
			t.Errorf("%s was played", path)
		}
	}
}

// A position is the number of the event, wherever one comes from.
func TestSourceIsReadInAnyOrder(t *testing.T) {
	s, err := open(filepath.Join(record(t), "001.cast"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	var events []string
	for pos := int64(0); ; {
		e, next, err := s.ReadAt(pos)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || next != pos+1 {
			t.Fatalf("event %d: next %d, %v", pos, next, err)
		}
		events = append(events, e.Kind+string(e.Data))
		pos = next
	}
	if len(events) < 1000 {
		t.Fatalf("%d events", len(events))
	}
	for _, pos := range []int64{0, 999, 1, 256, 255, 257, 700, 512, 3} {
		e, _, err := s.ReadAt(pos)
		if err != nil || e.Kind+string(e.Data) != events[pos] {
			t.Errorf("event %d: %q, %v, not %q", pos, e.Kind+string(e.Data), err, events[pos])
		}
	}
	if _, _, err := s.ReadAt(-1); err == nil {
		t.Error("a place before the beginning was read")
	}
	if _, _, err := s.ReadAt(int64(len(events))); !errors.Is(err, io.EOF) {
		t.Errorf("behind the end: %v", err)
	}
}
