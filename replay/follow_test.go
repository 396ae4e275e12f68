package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"testing"
	"time"

	"accord/recordings"
	"accord/tui"
)

// running is a shell of a recording that goes on.
func running(t *testing.T, pty bool) (*recordings.Recording, *recordings.Shell, string) {
	t.Helper()
	cfg := recordings.Default()
	cfg.Dir, cfg.MinFreeMiB = t.TempDir(), 0
	lib, err := recordings.Open(cfg, func([]byte) ([]byte, error) { return []byte("signed"), nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lib.Close() })
	rec, err := lib.Create(recordings.Visit{
		ID: "20261122-164500-abcd2345", Device: recordings.Device{Name: "laptop", Key: "SHA256:x"},
		Technician: recordings.Technician{Name: "alice", Key: "SHA256:y"},
	})
	if err != nil {
		t.Fatal(err)
	}
	shell, err := rec.Shell(recordings.ShellInfo{Width: 40, Height: 5, PTY: pty})
	if err != nil {
		t.Fatal(err)
	}
	entry, err := lib.Find("20261122-164500-abcd2345")
	if err != nil {
		t.Fatal(err)
	}
	return rec, shell, entry.Dir
}

// take reads what there is of a tail until it waits, or has ended.
func take(t *testing.T, tail tui.Tail) (events []tui.Event) {
	t.Helper()
	for {
		e, err := tail.Next()
		if errors.Is(err, io.EOF) {
			return events
		}
		if err != nil {
			t.Fatal(err)
		}
		e.Data = append([]byte(nil), e.Data...)
		events = append(events, e)
	}
}

// TestFollowGivesWhatIsReplayed: who follows a shell gets the very events that
// its replay has, in whatever pieces they come.
func TestFollowGivesWhatIsReplayed(t *testing.T) {
	for _, pty := range []bool{true, false} {
		rec, shell, dir := running(t, pty)
		tail, err := Follow(shell)
		if err != nil {
			t.Fatal(err)
		}
		var got []tui.Event
		for i := range 50 {
			text := fmt.Appendf(nil, "line %d \xe2\x82", i)
			if err := errors.Join(shell.Output(text), shell.Resize(40+i, 5), shell.ErrorOutput([]byte("\xacerr\n")), shell.Mark("m")); err != nil {
				t.Fatal(err)
			}
			got = append(got, take(t, tail)...)
		}
		if err := shell.Close(recordings.Exit{}); err != nil {
			t.Fatal(err)
		}
		got = append(got, take(t, tail)...)
		if err := tail.Wait(t.Context()); !errors.Is(err, io.EOF) {
			t.Errorf("a shell that has ended: %v", err)
		}
		tail.Close()
		src, err := open(dir + "/" + shell.Name())
		if err != nil {
			t.Fatal(err)
		}
		var want []tui.Event
		for pos := int64(0); ; {
			e, next, err := src.ReadAt(pos)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			e.Data = append([]byte(nil), e.Data...)
			want, pos = append(want, e), next
		}
		src.close()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("pty %v: %d events followed, %d replayed", pty, len(got), len(want))
		}
		if _, err := rec.Seal(recordings.End{Ended: time.Now(), By: "user", Cause: "stopped"}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLinesWithoutATerminal: what no terminal has seen begins its lines with LF
// alone.
func TestLinesWithoutATerminal(t *testing.T) {
	for pty, want := range map[bool]string{true: "a\nb", false: "a\r\nb"} {
		rec, shell, _ := running(t, pty)
		tail, err := Follow(shell)
		if err != nil {
			t.Fatal(err)
		}
		if err := shell.Output([]byte("a\nb")); err != nil {
			t.Fatal(err)
		}
		if got := take(t, tail); len(got) != 1 || string(got[0].Data) != want {
			t.Errorf("pty %v: %v", pty, got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := tail.Wait(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("a screen that is left waits: %v", err)
		}
		tail.Close()
		if _, err := rec.Seal(recordings.End{Ended: time.Now(), By: "user", Cause: "stopped"}); err != nil {
			t.Fatal(err)
		}
	}
}
