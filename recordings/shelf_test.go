package recordings

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func shelf(t *testing.T, dir string) *Shelf {
	t.Helper()
	s, err := OpenShelf(dir)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func copied(t *testing.T, from *Shelf, to string, want Copied) {
	t.Helper()
	got, err := from.Copy(context.Background(), to)
	must(t, err)
	if got != want {
		t.Errorf("copied %+v, expected %+v", got, want)
	}
}

// placeOf is where the recording of a visit lies in a library.
func placeOf(dir, id string) string { return filepath.Join(dir, id[:4], id[4:6], id[6:8], id) }

// TestShelfCopy: a copy beside the library that has the folder open. What is
// sealed is copied once and verifies; what runs is copied again each time, can be
// closed as after a crash, and is whole once it is sealed.
func TestShelfCopy(t *testing.T) {
	dir, to := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	l := openLibrary(t, dir)
	done, runs := visitNumber(1), visitNumber(2)
	r := create(t, l, done)
	must(t, shell(t, r, ptyInfo).Output([]byte("done\r\n")))
	_, err := r.Seal(End{By: "user"})
	must(t, err)
	live := create(t, l, runs)
	s := shell(t, live, ptyInfo)
	must(t, s.Output([]byte("half")))

	from := shelf(t, dir)
	copied(t, from, to, Copied{New: 2, Runs: 1})
	copied(t, from, to, Copied{New: 1, Kept: 1, Runs: 1})
	report, err := Verify(placeOf(to, done), testCheck)
	must(t, err)
	if !report.OK() {
		t.Error(report.Problems)
	}

	// As a restored gateway would find it.
	restored := filepath.Join(t.TempDir(), "restored")
	copied(t, shelf(t, to), restored, Copied{New: 2, Runs: 1})
	again, err := openLibrary(t, restored).Recover(context.Background())
	must(t, err)
	if len(again) != 1 || again[0].ID != runs || again[0].Err != nil {
		t.Errorf("recovered %+v", again)
	}
	if report, err = Verify(placeOf(restored, runs), testCheck); err != nil || !report.OK() {
		t.Error(err, report.Problems)
	}

	must(t, s.Output([]byte(" and whole\r\n")))
	_, err = live.Seal(End{By: "user"})
	must(t, err)
	copied(t, from, to, Copied{New: 1, Kept: 1})
	copied(t, from, to, Copied{Kept: 2})
	if report, err = Verify(placeOf(to, runs), testCheck); err != nil || !report.OK() {
		t.Error(err, report.Problems)
	}

	o, err := from.Outline(context.Background())
	must(t, err)
	if o.Recordings != 2 || o.Unsealed != 0 || o.Bytes == 0 || time.Since(o.Sealed) > time.Hour || o.Oldest.Format("20060102-150405") != done[:15] {
		t.Errorf("outline %+v", o)
	}
}

// TestShelfCopyWhileWritten: copies that are made while a recording grows are
// what a crash leaves, whenever they are made.
func TestShelfCopyWhileWritten(t *testing.T) {
	dir := t.TempDir()
	l := openLibrary(t, dir)
	id := visitNumber(1)
	r := create(t, l, id)
	s := shell(t, r, ptyInfo)
	stop, ended := make(chan struct{}), make(chan error)
	go func() {
		for {
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
			if err := s.Output(bytes.Repeat([]byte("line\r\n"), 2000)); err != nil {
				ended <- err
				return
			}
		}
	}()
	for range 5 {
		to := filepath.Join(t.TempDir(), "copy")
		copied(t, shelf(t, dir), to, Copied{New: 1, Runs: 1})
		again, err := openLibrary(t, to).Recover(context.Background())
		must(t, err)
		if len(again) != 1 || again[0].Err != nil {
			t.Fatalf("recovered %+v", again)
		}
		if report, err := Verify(placeOf(to, id), testCheck); err != nil || !report.OK() {
			t.Error(err, report.Problems)
		}
		must(t, os.RemoveAll(to))
	}
	close(stop)
	must(t, <-ended)
	_, err := r.Seal(End{By: "user"})
	must(t, err)
}
