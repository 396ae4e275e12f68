package recordings

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestFile: the begin of a copied file is part of the chain and the seal, and a
// change of it is found; without the setting there is none.
func TestFile(t *testing.T) {
	lib, err := Open(Config{Dir: t.TempDir(), CopyFilesKiB: 1}, testSign)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := lib.Close(); err != nil {
			t.Error(err)
		}
	}()
	rec := create(t, lib, visitNumber(1))
	f, err := rec.File()
	if err != nil || f.Name() != "001.file" {
		t.Fatal(f.Name(), err)
	}
	text := bytes.Repeat([]byte("0123456789"), 100)
	if err := errors.Join(f.Append(text), f.Append(text)); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := f.Append(text); !errors.Is(err, ErrSealed) {
		t.Errorf("%v", err)
	}
	open, err := rec.File() // that nobody closes
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rec.Seal(End{Ended: time.Now(), By: "user", Cause: "Done."}); err != nil {
		t.Fatal(err)
	}
	if err := open.Append(text); !errors.Is(err, ErrSealed) {
		t.Errorf("%v", err)
	}
	e, err := lib.Find(rec.ID())
	if err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(filepath.Join(e.Dir, "001.file"))
	if err != nil || len(kept) != 1024 || !bytes.HasPrefix(kept, text) {
		t.Errorf("%d bytes, %v", len(kept), err)
	}
	if r, err := Verify(e.Dir, testCheck); err != nil || !r.OK() {
		t.Errorf("%v, %v", err, r.Problems)
	}
	kept[7] ^= 1
	if err := os.WriteFile(filepath.Join(e.Dir, "001.file"), kept, 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := Verify(e.Dir, testCheck); err != nil || r.OK() {
		t.Errorf("a change is not found: %v", err)
	}
}

func TestNoFile(t *testing.T) {
	rec := create(t, openLibrary(t, t.TempDir()), visitNumber(1))
	f, err := rec.File()
	if f != nil || err != nil || f.Name() != "" || f.Append([]byte("x")) != nil {
		t.Errorf("%v, %v", f, err)
	}
	f.Close()
	if _, err := rec.Seal(End{Ended: time.Now(), By: "user", Cause: "Done."}); err != nil {
		t.Fatal(err)
	}
}

// A visit that has copied thousands of files still has a number for a shell.
func TestFilesLeaveRoom(t *testing.T) {
	lib, err := Open(Config{Dir: t.TempDir(), CopyFilesKiB: 1}, testSign)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lib.Close() }()
	rec := create(t, lib, visitNumber(1))
	rec.count = maxShells - 1000 // copied so far
	for i := range 1000 {
		f, err := rec.File()
		if err != nil {
			t.Fatal(err)
		}
		if f == nil {
			break
		}
		if f.Close(); i == 999 {
			t.Error("copies take all numbers")
		}
	}
	if s, err := rec.Shell(ShellInfo{PTY: true}); err != nil {
		t.Error(err)
	} else if err := s.Close(Exit{}); err != nil {
		t.Error(err)
	}
}
