package recordings

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestList(t *testing.T) {
	root := t.TempDir()
	l := openLibrary(t, root)
	ids := []string{
		"20251231-235959-aaaaaaaa", "20260101-000000-aaaaaaaa", "20261122-090000-aaaaaaaa",
		"20261122-164500-aaaaaaaa", "20261122-164500-bbbbbbbb", "20261201-000000-aaaaaaaa",
	}
	for i, id := range ids {
		r := create(t, l, id)
		if i%2 == 0 {
			seal(t, r)
		}
	}
	damaged := dirOf(root, ids[3])
	must(t, os.WriteFile(filepath.Join(damaged, visitFile), []byte("{"), 0o600))
	must(t, os.MkdirAll(filepath.Join(root, "2026", "11", "lost+found"), 0o700))
	must(t, os.WriteFile(filepath.Join(root, "2027"), nil, 0o600))

	entries, err := l.List("", 100)
	if err == nil {
		t.Error("a year that is no folder was passed over in silence")
	}
	must(t, os.Remove(filepath.Join(root, "2027")))
	if len(entries) != len(ids) {
		t.Fatalf("%d entries", len(entries))
	}
	for i, e := range entries {
		n := len(ids) - 1 - i
		if e.ID != ids[n] || e.Sealed != (n%2 == 0) || e.Dir != dirOf(root, ids[n]) || (e.Err != nil) != (n == 3) || e.Err == nil && e.Visit.ID != ids[n] {
			t.Errorf("entry %d: %+v", i, e)
		}
	}
	page, err := l.List(ids[4], 2)
	must(t, err)
	if len(page) != 2 || page[0].ID != ids[3] || page[1].ID != ids[2] {
		t.Errorf("page %+v", page)
	}
	page, err = l.List(ids[1], 2)
	must(t, err)
	if len(page) != 1 || page[0].ID != ids[0] {
		t.Errorf("last page %+v", page)
	}
	if _, err := l.List("nonsense", 1); err == nil {
		t.Error("a page after nonsense")
	}
}

func TestFind(t *testing.T) {
	root := t.TempDir()
	l := openLibrary(t, root)
	r := create(t, l, visitNumber(1))
	e, err := l.Find(r.ID())
	must(t, err)
	if e.Err != nil || e.Sealed || e.Visit.Device.Name != "laptop-7" {
		t.Errorf("%+v", e)
	}
	seal(t, r)
	e, err = l.Find(r.ID())
	must(t, err)
	if !e.Sealed || e.Visit.End == nil {
		t.Errorf("%+v", e)
	}
	if _, err := l.Find(visitNumber(2)); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
	for _, bad := range []string{"", "..", "20261122-164500-../../..", "20261322-164500-aaaaaaaa"} {
		if _, err := l.Find(bad); err == nil || errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestMisplaced shows a folder under another day as damaged.
func TestMisplaced(t *testing.T) {
	root := t.TempDir()
	l := openLibrary(t, root)
	r := create(t, l, visitNumber(1))
	seal(t, r)
	must(t, os.MkdirAll(filepath.Join(root, "2026", "11", "23"), 0o700))
	must(t, os.Rename(dirOf(root, r.ID()), filepath.Join(root, "2026", "11", "23", r.ID())))
	entries, err := l.List("", 10)
	must(t, err)
	if len(entries) != 1 || entries[0].Err == nil {
		t.Errorf("%+v", entries)
	}
}
