package doctor

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// last wants the newest finding to have a verdict, to say something, and to say
// what to do where it is not ok.
func last(t *testing.T, r *Report, want Verdict, says string) {
	t.Helper()
	if len(r.Findings) == 0 {
		t.Fatal("nothing was found")
	}
	f := r.Findings[len(r.Findings)-1]
	if f.Verdict != want || !strings.Contains(f.Says, says) || f.Part != "device" || (f.Verdict != OK) != (f.Do != "") {
		t.Errorf("expected %s with %q, found %+v", want, says, f)
	}
}

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	for mode, c := range map[fs.FileMode]struct {
		private bool
		want    Verdict
		says    string
	}{
		0o700: {true, OK, "alone"}, 0o755: {false, OK, "alone"}, 0o750: {true, Bad, "open to others"},
		0o775: {false, Bad, "open to others"}, 0o500: {false, Bad, "can't be written"},
	} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		r := New("device")
		owner, there := r.Folder("the state", dir, c.private)
		if owner != os.Geteuid() || !there {
			t.Errorf("%s: owner %d, there %v", mode, owner, there)
		}
		last(t, r, c.want, c.says)
	}
	r := New("device")
	if _, there := r.Folder("the state", filepath.Join(dir, "none"), true); there || len(r.Findings) > 0 {
		t.Errorf("a folder that isn't there: %+v", r.Findings)
	}
}

func TestPrivate(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "key")
	r := New("device")
	if r.Private("keys", "the key", file, "put it back") {
		t.Error("it is there")
	}
	last(t, r, Bad, "is gone")
	for mode, ok := range map[fs.FileMode]bool{0o600: true, 0o400: true, 0o640: false, 0o604: false} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		r := New("device")
		if !r.Private("keys", "the key", file, "put it back") || ok != (len(r.Findings) == 0) {
			t.Errorf("%s: %+v", mode, r.Findings)
		}
		_ = os.Remove(file)
	}
	if err := os.Mkdir(file, 0o700); err != nil {
		t.Fatal(err)
	}
	r = New("device")
	r.Private("keys", "the key", file, "put it back")
	last(t, r, Bad, "is no file")
}

func TestDisk(t *testing.T) {
	r := New("device")
	r.Disk(t.TempDir(), 0, "nothing goes on.")
	if f := r.Findings[0]; f.Verdict == Bad || !strings.Contains(f.Says, "nothing goes on") {
		t.Errorf("%+v", f)
	}
	r.Disk(t.TempDir(), 1<<60, "nothing goes on.")
	last(t, r, Bad, "are free")
}

func TestSkew(t *testing.T) {
	for ahead, c := range map[time.Duration]struct {
		want Verdict
		says string
	}{
		0: {OK, "same time as"}, -20 * time.Second: {OK, "20s behind"}, 2 * time.Minute: {Look, "2m0s ahead of"}, -time.Hour: {Bad, "1h0m0s behind"},
	} {
		r := New("device")
		r.Skew("the gateway", ahead)
		last(t, r, c.want, c.says)
	}
}

// TestLocked: whether somebody else holds a lock is seen without taking one.
func TestLocked(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lock")
	if is, known := Locked(file); is || !known {
		t.Error("a file that isn't there is locked")
	}
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if is, _ := Locked(file); is {
		t.Error("it is locked by nobody")
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if is, known := Locked(file); !is || !known {
		t.Error("the lock is not seen")
	}
}

func TestWorst(t *testing.T) {
	r := New("gateway")
	for _, c := range []struct {
		note func()
		want Verdict
	}{
		{func() {}, OK}, {func() { r.OK("a", "Well.") }, OK}, {func() { r.Look("a", "do", "Hm.") }, Look},
		{func() { r.Bad("a", "do", "No.") }, Bad}, {func() { r.OK("a", "Well.") }, Bad},
	} {
		if c.note(); Worst(r.Findings) != c.want {
			t.Errorf("%+v: %s, expected %s", r.Findings, Worst(r.Findings), c.want)
		}
	}
}
