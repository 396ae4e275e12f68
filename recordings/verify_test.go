package recordings

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// sealedVisit makes a sealed recording of several flushes.
func sealedVisit(t testing.TB, root string) (dir string, heads []Head) {
	t.Helper()
	l := openLibrary(t, root)
	r := create(t, l, visitNumber(1))
	heads = append(heads, r.Head())
	s := shell(t, r, ptyInfo)
	random := rand.New(rand.NewPCG(7, 8))
	for range 4 {
		must(t, s.Output(randomOutput(random, 2000)))
		must(t, r.Event("tick", nil))
		heads = append(heads, waitHead(t, r, heads[len(heads)-1].Seq))
	}
	must(t, s.Close(Exit{}))
	heads = append(heads, seal(t, r))
	return dirOf(root, r.ID()), heads
}

// smallVisit makes one without waiting for flushes.
func smallVisit(t testing.TB, root string) (dir string, head Head) {
	t.Helper()
	l := openLibrary(t, root)
	r := create(t, l, visitNumber(1))
	must(t, shell(t, r, ptyInfo).Output([]byte("hello\r\n")))
	head = seal(t, r)
	return dirOf(root, r.ID()), head
}

// TestTampering changes a recording in every way, and wants the file named.
func TestTampering(t *testing.T) {
	source, heads := sealedVisit(t, t.TempDir())
	path := func(dir, name string) string { return filepath.Join(dir, name) }
	for name, c := range map[string]struct {
		file  string // that must be named; the first one
		spoil func(t *testing.T, dir string)
	}{
		"cast removed":     {"001.cast", func(t *testing.T, d string) { must(t, os.Remove(path(d, "001.cast"))) }},
		"cast cut":         {"001.cast", func(t *testing.T, d string) { must(t, os.Truncate(path(d, "001.cast"), 500)) }},
		"cast empty":       {"001.cast", func(t *testing.T, d string) { must(t, os.Truncate(path(d, "001.cast"), 0)) }},
		"cast grown":       {"001.cast", func(t *testing.T, d string) { appendTo(t, path(d, "001.cast"), "x") }},
		"timeline removed": {timelineFile, func(t *testing.T, d string) { must(t, os.Remove(path(d, timelineFile))) }},
		"timeline grown":   {timelineFile, func(t *testing.T, d string) { appendTo(t, path(d, timelineFile), "{}\n") }},
		"visit removed":    {visitFile, func(t *testing.T, d string) { must(t, os.Remove(path(d, visitFile))) }},
		"visit changed":    {visitFile, func(t *testing.T, d string) { flip(t, path(d, visitFile), 100) }},
		"visit grown":      {visitFile, func(t *testing.T, d string) { appendTo(t, path(d, visitFile), "\n") }},
		"visit as at the start": {visitFile, func(t *testing.T, d string) {
			text, err := testVisit(visitNumber(1)).normal().encode()
			must(t, err)
			must(t, os.WriteFile(path(d, visitFile), text, 0o600))
		}},
		"seal removed":    {sealFile, func(t *testing.T, d string) { must(t, os.Remove(path(d, sealFile))) }},
		"seal empty":      {sealFile, func(t *testing.T, d string) { must(t, os.Truncate(path(d, sealFile), 0)) }},
		"seal grown":      {sealFile, func(t *testing.T, d string) { appendTo(t, path(d, sealFile), "\n") }},
		"chain removed":   {chainFile, func(t *testing.T, d string) { must(t, os.Remove(path(d, chainFile))) }},
		"chain grown":     {chainFile, func(t *testing.T, d string) { appendTo(t, path(d, chainFile), "{}\n") }},
		"chain half line": {chainFile, func(t *testing.T, d string) { appendTo(t, path(d, chainFile), "{") }},
		"chain without its last line": {chainFile, func(t *testing.T, d string) {
			editLines(t, path(d, chainFile), func(l [][]byte) [][]byte { return l[:len(l)-1] })
		}},
		"chain without a line": {chainFile, func(t *testing.T, d string) {
			editLines(t, path(d, chainFile), func(l [][]byte) [][]byte { return slices.Delete(l, 2, 3) })
		}},
		"chain without its first line": {chainFile, func(t *testing.T, d string) {
			editLines(t, path(d, chainFile), func(l [][]byte) [][]byte { return l[1:] })
		}},
		"chain with lines exchanged": {chainFile, func(t *testing.T, d string) {
			editLines(t, path(d, chainFile), func(l [][]byte) [][]byte { l[1], l[2] = l[2], l[1]; return l })
		}},
		"chain with an endless line": {chainFile, func(t *testing.T, d string) {
			must(t, os.WriteFile(path(d, chainFile), bytes.Repeat([]byte("x"), 2*maxLine), 0o600))
		}},
		"file added":       {"002.cast", func(t *testing.T, d string) { appendTo(t, path(d, "002.cast"), "x") }},
		"other file added": {"notes", func(t *testing.T, d string) { appendTo(t, path(d, "notes"), "x") }},
		"link": {"001.cast", func(t *testing.T, d string) {
			must(t, os.Rename(path(d, "001.cast"), path(d, "elsewhere")))
			must(t, os.Symlink("elsewhere", path(d, "001.cast")))
		}},
		"fifo": {"001.cast", func(t *testing.T, d string) {
			must(t, os.Remove(path(d, "001.cast")))
			must(t, unix.Mkfifo(path(d, "001.cast"), 0o600))
		}},
		"seal is a folder": {sealFile, func(t *testing.T, d string) {
			must(t, os.Remove(path(d, sealFile)))
			must(t, os.Mkdir(path(d, sealFile), 0o700))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), filepath.Base(source))
			copyTree(t, source, dir)
			wantOK(t, dir, StateComplete, heads...)
			c.spoil(t, dir)
			report := verify(t, dir)
			if !slices.ContainsFunc(report.Problems, func(p Problem) bool { return p.File == c.file }) {
				t.Errorf("%s was not named: %v", c.file, report.Problems)
			}
			t.Log(report.Problems)
		})
	}
}

func editLines(t *testing.T, path string, edit func([][]byte) [][]byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	lines := bytes.SplitAfter(b, []byte("\n"))
	must(t, os.WriteFile(path, bytes.Join(edit(lines[:len(lines)-1]), nil), 0o600))
}

// TestAnyByte flips any bit of any file, and wants that file named, with a
// range that holds the byte.
func TestAnyByte(t *testing.T) {
	source, _ := sealedVisit(t, t.TempDir())
	dir := filepath.Join(t.TempDir(), filepath.Base(source))
	copyTree(t, source, dir)
	names := []string{visitFile, timelineFile, chainFile, sealFile, "001.cast"}
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.SampledFrom(names).Draw(rt, "file")
		file := filepath.Join(dir, name)
		whole, err := os.ReadFile(file)
		must(t, err)
		at := rapid.IntRange(0, len(whole)-1).Draw(rt, "byte")
		bad := slices.Clone(whole)
		bad[at] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
		must(t, os.WriteFile(file, bad, 0o600))
		report := verify(t, dir)
		must(t, os.WriteFile(file, whole, 0o600))
		if !slices.ContainsFunc(report.Problems, func(p Problem) bool {
			return p.File == name && p.From <= int64(at) && int64(at) < p.To
		}) {
			rt.Errorf("byte %d of %s was not named: %v", at, name, report.Problems)
		}
	})
	wantOK(t, dir, StateComplete)
}

// TestRangeAndTime wants the changed part of a cast told from the rest.
func TestRangeAndTime(t *testing.T) {
	dir, _ := sealedVisit(t, t.TempDir())
	file := filepath.Join(dir, "001.cast")
	info, err := os.Stat(file)
	must(t, err)
	at := info.Size() / 2
	flip(t, file, at)
	report := verify(t, dir)
	if len(report.Problems) != 1 {
		t.Fatalf("problems %v", report.Problems)
	}
	p := report.Problems[0]
	if p.From > at || p.To <= at || p.To-p.From > info.Size()/2 || p.After.IsZero() || !p.Before.After(p.After) || time.Since(p.After) > time.Hour {
		t.Errorf("%s", p)
	}
	if s := p.String(); !strings.HasPrefix(s, "001.cast, bytes ") || !strings.Contains(s, "written between 20") || !strings.HasSuffix(s, "was changed") {
		t.Errorf("%q", s)
	}
}

// TestAnotherKey: a folder that was made anew and sealed with another key, and
// one that was sealed with the gateway's own, which only a receipt's head
// tells apart.
func TestAnotherKey(t *testing.T) {
	_, heads := sealedVisit(t, t.TempDir())
	for _, key := range []byte{1, 2} {
		root := t.TempDir()
		l, err := Open(Config{Dir: root}, signWith(testKey(key)))
		must(t, err)
		r := create(t, l, visitNumber(1))
		seal(t, r)
		must(t, l.Close())
		dir := dirOf(root, r.ID())
		if ok := verify(t, dir).OK(); ok != (key == 1) {
			t.Errorf("key %d without a head: %v", key, ok)
		}
		for _, h := range heads {
			if verify(t, dir, h).OK() {
				t.Errorf("key %d: the receipt's head of line %d was not missed", key, h.Seq)
			}
		}
	}
}

// TestRolledBack cuts a recording back to an earlier line, as if the gateway
// had crashed there: a receipt's head proves it.
func TestRolledBack(t *testing.T) {
	root := t.TempDir()
	dir, heads := sealedVisit(t, root)
	must(t, os.Remove(filepath.Join(dir, sealFile)))
	editLines(t, filepath.Join(dir, chainFile), func(l [][]byte) [][]byte { return l[:1] })
	must(t, os.Remove(filepath.Join(dir, "001.cast")))
	editLines(t, filepath.Join(dir, timelineFile), func(l [][]byte) [][]byte { return l[:1] })
	text, err := testVisit(visitNumber(1)).normal().encode()
	must(t, err)
	text = bytes.Replace(text, []byte(`"state": ""`), []byte(`"state": "open"`), 1)
	must(t, os.WriteFile(filepath.Join(dir, visitFile), text, 0o600))
	wantOK(t, dir, StateOpen, heads[0])
	report := verify(t, dir, heads[len(heads)-1])
	if report.OK() || report.Problems[0].File != chainFile {
		t.Errorf("problems %v", report.Problems)
	}
}

func TestRenamed(t *testing.T) {
	dir, _ := sealedVisit(t, t.TempDir())
	other := filepath.Join(filepath.Dir(dir), visitNumber(2))
	must(t, os.Rename(dir, other))
	if verify(t, other).OK() {
		t.Error("a folder of another name is taken for the visit's")
	}
}

// TestRunning verifies while the recording goes on.
func TestRunning(t *testing.T) {
	root := t.TempDir()
	l := openLibrary(t, root)
	r := create(t, l, visitNumber(1))
	s := shell(t, r, ptyInfo)
	for range 50 {
		must(t, s.Output(bytes.Repeat([]byte("x"), 10_000)))
		wantOK(t, dirOf(root, r.ID()), StateOpen, r.Head())
	}
	seal(t, r)
}

func TestVerifyNothing(t *testing.T) {
	if _, err := Verify(filepath.Join(t.TempDir(), "none"), testCheck); err == nil {
		t.Error("a missing folder was verified")
	}
	if r := verify(t, t.TempDir()); r.OK() {
		t.Error("an empty folder is in order")
	}
}

func TestHead(t *testing.T) {
	h := Head{Seq: 7, Hash: sumOf([]byte("x"))}
	got, err := ParseHead(7, h.Hex())
	must(t, err)
	if got != h {
		t.Errorf("%v", got)
	}
	for _, bad := range []string{"", "00", strings.ToUpper(h.Hex()), h.Hex() + "00", strings.Repeat("x", 64)} {
		if _, err := ParseHead(1, bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func FuzzSeal(f *testing.F) {
	dir, _ := smallVisit(f, f.TempDir())
	file, err := os.ReadFile(filepath.Join(dir, sealFile))
	must(f, err)
	f.Add(file)
	f.Add(bytes.Replace(file, []byte("complete"), []byte("open"), 1))
	f.Add([]byte(beginSig))
	f.Fuzz(func(t *testing.T, file []byte) {
		s, statement, armored, err := parseSeal(file)
		if err != nil {
			return
		}
		again, err := s.encode()
		must(t, err)
		if !bytes.Equal(again, statement) || !bytes.Equal(append(again, armored...), file) {
			t.Error("a second spelling was taken")
		}
	})
}

// FuzzChain puts a hostile chain into a folder: nothing breaks, and only the
// true one is in order.
func FuzzChain(f *testing.F) {
	dir, _ := smallVisit(f, f.TempDir())
	links, err := os.ReadFile(filepath.Join(dir, chainFile))
	must(f, err)
	f.Add(links)
	f.Add([]byte(`{"seq":1,"time":"2026-11-22T16:45:00Z","prev":"` + strings.Repeat("0", 64) + `","files":[{"name":"001.cast","from":0,"size":9000000000000000000,"sha256":"` + strings.Repeat("0", 64) + `"}]}` + "\n"))
	f.Add([]byte("{}\n{}\n"))
	copied := filepath.Join(f.TempDir(), filepath.Base(dir))
	copyTree(f, dir, copied)
	f.Fuzz(func(t *testing.T, chain []byte) {
		must(t, os.WriteFile(filepath.Join(copied, chainFile), chain, 0o600))
		report := verify(t, copied)
		if report.OK() != bytes.Equal(chain, links) {
			t.Errorf("in order: %v", report.OK())
		}
		for _, p := range report.Problems {
			if p.From < 0 || p.To < p.From || p.To == 0 && p.From != 0 {
				t.Errorf("an impossible range: %+v", p)
			}
		}
	})
}
