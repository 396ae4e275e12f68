package store

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// looked opens the state in dir to look at it, and closes that in the end.
func looked(t *testing.T, dir string) *Reader {
	t.Helper()
	r, err := Read(Options{Dir: dir, Origin: testOrigin})
	must(t, err)
	t.Cleanup(func() { must(t, r.Close()) })
	return r
}

// names lists the files of a folder.
func filesOf(t *testing.T, dir string) string {
	t.Helper()
	list, err := os.ReadDir(dir)
	must(t, err)
	var all []string
	for _, e := range list {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

// TestReadBeside: a look at the state neither stops the gateway from writing,
// nor is it held up, and it sees what was committed.
func TestReadBeside(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	s := openIn(t, dir)
	d := enrolled(t, s, 1, "lab-1")
	must(t, s.RequestVisit(ctx, request(d, "v1", "tom"), by("tom", 1)))
	r := looked(t, dir)
	for i := range 3 {
		must(t, s.Append(ctx, numberedEntry(i)))
		must(t, r.Sound(ctx))
		n, err := r.CheckLog(ctx)
		must(t, err)
		o, err := r.Outline(ctx)
		must(t, err)
		same(t, "entries", o.Entries, n)
		same(t, "entries", n, sound(t, s))
		same(t, "devices", o.Devices, 1)
		same(t, "form", o.Form, o.Known)
	}
}

// TestReadStopped: of a gateway that is stopped a look leaves nothing behind,
// not even where its folder can't be written.
func TestReadStopped(t *testing.T) {
	ctx := context.Background()
	dir, _ := filled(t, 30)
	before := filesOf(t, dir)
	must(t, os.Chmod(dir, 0o500))
	t.Cleanup(func() { must(t, os.Chmod(dir, 0o700)) })
	r := looked(t, dir)
	must(t, r.Sound(ctx))
	if _, err := r.CheckLog(ctx); err != nil {
		t.Error(err)
	}
	same(t, "files", filesOf(t, dir), before)
}

// TestReadDamaged: what a look finds in a database that is none any more.
func TestReadDamaged(t *testing.T) {
	dir, _ := filled(t, 400)
	file := filepath.Join(dir, databaseFile)
	text, err := os.ReadFile(file)
	must(t, err)
	for i := len(text) / 2; i < len(text); i++ {
		text[i] = 0xA5
	}
	must(t, os.WriteFile(file, text, 0o600))
	want(t, looked(t, dir).Sound(context.Background()), ErrUnavailable)
	must(t, os.Remove(file))
	_, err = Read(Options{Dir: dir, Origin: testOrigin})
	want(t, err, fs.ErrNotExist)
}

// TestCopy: a copy that is made while the gateway writes is whole: its log
// proves itself, and a gateway starts from it.
func TestCopy(t *testing.T) {
	ctx, dir, to := context.Background(), t.TempDir(), t.TempDir()
	s := openIn(t, dir)
	d := enrolled(t, s, 1, "lab-1")
	opened(t, s, d, "v1", "tom")
	writing, stop := context.WithCancel(ctx)
	wrote := make(chan int)
	go func() {
		n := 0
		for ; writing.Err() == nil; n++ {
			must(t, s.Append(ctx, numberedEntry(n)))
		}
		wrote <- n
	}()
	copied := filepath.Join(to, databaseFile)
	must(t, looked(t, dir).Copy(ctx, copied))
	stop()
	<-wrote
	info, err := os.Stat(copied)
	must(t, err)
	same(t, "mode", info.Mode().Perm(), fs.FileMode(0o600))
	key, err := os.ReadFile(filepath.Join(dir, keyFile))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(to, keyFile), key, 0o600))
	n, err := looked(t, to).CheckLog(ctx)
	must(t, err)
	if n < 2 {
		t.Errorf("%d entries were copied", n)
	}
	again := openIn(t, to)
	got, err := again.DeviceByKey(ctx, d.Key)
	must(t, err)
	same(t, "device", got.Name, "lab-1")
	if err := looked(t, dir).Copy(ctx, copied); err == nil {
		t.Error("a copy was written over another")
	}
}

// TestReadCrashed: what a gateway that was killed has committed lies in the file
// beside the database, and a look sees it.
func TestReadCrashed(t *testing.T) {
	ctx, dir, to := context.Background(), t.TempDir(), t.TempDir()
	s := openIn(t, dir)
	enrolled(t, s, 1, "lab-1")
	n := sound(t, s)
	for _, name := range []string{databaseFile, databaseFile + "-wal", keyFile} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(to, name), text, 0o600))
	}
	got, err := looked(t, to).CheckLog(ctx)
	must(t, err)
	same(t, "entries", got, n)
	same(t, "proven", sound(t, openIn(t, to)), n)
}
