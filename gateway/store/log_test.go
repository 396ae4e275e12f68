package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// filled is a folder with a log of n entries, closed, and the log's last head.
func filled(t *testing.T, n int) (dir string, head []byte) {
	t.Helper()
	dir = t.TempDir()
	s := openIn(t, dir)
	for i := range n {
		must(t, s.Append(context.Background(), numberedEntry(i+1)))
	}
	head, err := s.Head(context.Background())
	must(t, err)
	must(t, s.Close())
	return dir, head
}

func numberedEntry(n int) Entry {
	e := by("tom", n)
	e.Kind, e.Data = LoginDenied, map[string]string{"n": fmt.Sprint(n)}
	return e
}

// tamper changes the database as somebody would who has the disk, not the key.
func tamper(t *testing.T, dir string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", source(filepath.Join(dir, databaseFile)))
	must(t, err)
	defer db.Close()
	for _, statement := range statements {
		result, err := db.Exec(statement)
		must(t, err)
		if n, _ := result.RowsAffected(); n == 0 {
			t.Fatalf("%s: nothing was changed", statement)
		}
	}
}

// rewrite alters entry seq as tamper does, and then every hash and, if told
// to, nothing else: what is left to tell of it are the signed heads.
func rewrite(t *testing.T, dir string, seq int64) {
	t.Helper()
	tamper(t, dir, fmt.Sprintf(`UPDATE entries SET record = replace(record, 'tom', 'tim'), actor = 'tim' WHERE seq = %d`, seq))
	db, err := sql.Open("sqlite", source(filepath.Join(dir, databaseFile)))
	must(t, err)
	defer db.Close()
	records, err := collect(context.Background(), db, func(row scanner) (text []byte, err error) {
		return text, row.Scan(&text)
	}, `SELECT record FROM entries ORDER BY seq`)
	must(t, err)
	tree := newTree()
	for i, text := range records {
		hashes, err := tree.add(tlog.RecordHash(text))
		must(t, err)
		_, err = db.Exec(`UPDATE entries SET hashes = $1 WHERE seq = $2`, flat(hashes), i+1)
		must(t, err)
	}
}

func TestTampering(t *testing.T) {
	original, head := filled(t, 21)
	for name, c := range map[string]struct {
		statements []string
		says       string
		opens      bool // the edge is as it was, so that only the whole check tells
	}{
		"actor in the record": {[]string{`UPDATE entries SET record = replace(record, 'tom', 'tim') WHERE seq = 7`}, "entry 7 was altered", true},
		"record and column": {[]string{`UPDATE entries SET record = replace(record, 'tom', 'tim'), actor = 'tim' WHERE seq = 13`},
			"entry 13 was altered", true},
		"column":      {[]string{`UPDATE entries SET actor = 'tim' WHERE seq = 5`}, "columns beside entry 5", true},
		"time column": {[]string{`UPDATE entries SET at = at + 1 WHERE seq = 20`}, "columns beside entry 20", true},
		"one gone":    {[]string{`DELETE FROM entries WHERE seq = 9`}, "entry 9 is missing", true},
		"some gone":   {[]string{`DELETE FROM entries WHERE seq BETWEEN 9 AND 11`}, "entries 9 to 11 are missing", true},
		"first gone":  {[]string{`DELETE FROM entries WHERE seq = 1`}, "entry 1 is missing", true},
		"last gone":   {[]string{`DELETE FROM entries WHERE seq >= 20`}, "entries 20 to 21 are missing", false},
		"all gone":    {[]string{`DELETE FROM entries`}, "entries 1 to 21 are missing", false},
		"two exchanged": {[]string{`UPDATE entries SET seq = -1 WHERE seq = 5`, `UPDATE entries SET seq = 5 WHERE seq = 9`,
			`UPDATE entries SET seq = 9 WHERE seq = -1`}, "columns beside entry 5 were altered, or it was moved", true},
		"one added": {[]string{`INSERT INTO entries SELECT origin, 22, at, kind, actor, device, visit, record, hashes FROM entries WHERE seq = 1`},
			"entries 22 to 22 are under no signed head", false},
		"heads gone":     {[]string{`DELETE FROM heads WHERE size > 18`}, "entries 19 to 21 are under no signed head", false},
		"head altered":   {[]string{`UPDATE heads SET note = replace(note, '21', '20') WHERE size = 21`}, "not signed by this log's key", false},
		"head moved":     {[]string{`UPDATE heads SET note = (SELECT note FROM heads WHERE size = 20) WHERE size = 21`}, "not signed by", false},
		"hash of a leaf": {[]string{`UPDATE entries SET hashes = randomblob(32) WHERE seq = 3`}, "entry 3 was altered", true},
		"inner hash": {[]string{`UPDATE entries SET hashes = CAST(substr(hashes, 1, 64) || randomblob(32) || substr(hashes, 97) AS BLOB) WHERE seq = 8`},
			"among entries 5 to 8", true},
		"hash at the edge": {[]string{`UPDATE entries SET hashes = CAST(substr(hashes, 1, 128) || randomblob(32) AS BLOB) WHERE seq = 16`},
			"among entries 1 to 16", false},
		"hashes cut":   {[]string{`UPDATE entries SET hashes = x'00' WHERE seq = 6`}, "hashes of entry 6 were cut", true},
		"not an entry": {[]string{`UPDATE entries SET record = 'x' WHERE seq = 4`}, "entry 4 was altered", true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := copied(t, original)
			tamper(t, dir, c.statements...)
			s, ctx := openIn(t, dir), context.Background()
			_, err := s.CheckLog(ctx)
			saysDamage(t, err, c.says, filepath.Join(dir, databaseFile))
			if err := s.Append(ctx, numberedEntry(22)); c.opens != (err == nil) {
				t.Errorf("an entry can be added: %v, want %v", err, c.opens)
			} else if err != nil {
				want(t, err, ErrAltered)
			}
			_, err = s.CheckLog(ctx, head)
			saysDamage(t, err, c.says)
		})
	}
}

// copied is a copy of a closed store's folder.
func copied(t *testing.T, from string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{databaseFile, keyFile} {
		text, err := os.ReadFile(filepath.Join(from, name))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	return dir
}

func saysDamage(t *testing.T, err error, says ...string) {
	t.Helper()
	var damage *LogDamage
	if !errors.As(err, &damage) || !errors.Is(err, ErrAltered) {
		t.Fatalf("got %v, want the damage", err)
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("it does not say %q: %v", s, err)
		}
	}
	if len(damage.Found) > maxDamages {
		t.Errorf("%d damages are reported", len(damage.Found))
	}
}

// TestRewrittenLog: who recomputes all hashes still has no signature for them,
// and the heads of old tell where it begins.
func TestRewrittenLog(t *testing.T) {
	dir, _ := filled(t, 21)
	rewrite(t, dir, 11)
	s := openIn(t, dir)
	_, err := s.CheckLog(context.Background())
	saysDamage(t, err, "does not fit its newest signed head", "the first alteration is among entries 11 to 11")
	want(t, s.Append(context.Background(), numberedEntry(22)), ErrAltered)
	must(t, s.Close())

	tamper(t, dir, `UPDATE heads SET note = 'forged' WHERE size = 21`)
	_, err = openIn(t, dir).CheckLog(context.Background())
	saysDamage(t, err, "is not signed by this log's key", "the first alteration is among entries 11 to 11")
}

// TestRewrittenWhileOpen: a log rewritten under a running gateway never gets
// its signature.
func TestRewrittenWhileOpen(t *testing.T) {
	dir := t.TempDir()
	s, ctx := openIn(t, dir), context.Background()
	for i := range 8 {
		must(t, s.Append(ctx, numberedEntry(i+1)))
	}
	rewrite(t, dir, 3)
	must(t, s.Append(ctx, numberedEntry(9)))
	_, err := s.CheckLog(ctx)
	saysDamage(t, err, "the first alteration is among entries 3 to 3")
}

// TestRolledBack: an old copy of the whole folder is sound by itself; a head
// that was kept elsewhere tells.
func TestRolledBack(t *testing.T) {
	dir, head := filled(t, 5)
	s, ctx := openIn(t, dir), context.Background()
	must(t, s.Append(ctx, numberedEntry(6), numberedEntry(7)))
	newer, err := s.Head(ctx)
	must(t, err)
	_, err = s.CheckLog(ctx, head, newer)
	must(t, err)
	must(t, s.Close())

	tamper(t, dir, `DELETE FROM entries WHERE seq > 5`, `DELETE FROM heads WHERE size > 5`)
	s = openIn(t, dir)
	sound(t, s)
	_, err = s.CheckLog(ctx, head, newer)
	saysDamage(t, err, "entries 6 to 7 are missing: a head over 7 was signed")
	for i := 6; i <= 8; i++ {
		must(t, s.Append(ctx, numberedEntry(i*100)))
	}
	_, err = s.CheckLog(ctx, newer)
	saysDamage(t, err, "among entries 1 to 7")
	_, err = s.CheckLog(ctx, []byte("no head"))
	want(t, err, ErrInvalid)
}

// TestProofs: the stored hashes prove each entry and each growth to who knows
// the heads alone.
func TestProofs(t *testing.T) {
	s, ctx := openIn(t, t.TempDir()), context.Background()
	var heads []tlog.Tree
	for i := range 12 {
		must(t, s.Append(ctx, numberedEntry(2*i+1), numberedEntry(2*i+2)))
		text, err := s.Head(ctx)
		must(t, err)
		head, err := s.openHead(text)
		must(t, err)
		heads = append(heads, head)
	}
	entries, err := s.Audit(ctx, Filter{})
	must(t, err)
	last := heads[len(heads)-1]
	for _, e := range entries {
		proof, err := tlog.ProveRecord(last.N, e.Seq-1, s.hashes(ctx))
		must(t, err)
		must(t, tlog.CheckRecord(proof, last.N, last.Hash, e.Seq-1, e.Hash))
	}
	for i, old := range heads {
		for _, newer := range heads[i:] {
			proof, err := tlog.ProveTree(newer.N, old.N, s.hashes(ctx))
			must(t, err)
			must(t, tlog.CheckTree(proof, newer.N, newer.Hash, old.N, old.Hash))
		}
	}
}

// TestHeadIsCheckpoint: the head is a note that anyone can open.
func TestHeadIsCheckpoint(t *testing.T) {
	s, ctx := openIn(t, t.TempDir()), context.Background()
	none, err := s.Head(ctx)
	must(t, err)
	same(t, "head of an empty log", none == nil, true)
	same(t, "proven", sound(t, s), 0)
	must(t, s.Append(ctx, numberedEntry(1)))
	text, err := s.Head(ctx)
	must(t, err)
	verifier, err := note.NewVerifier(s.Verifier())
	must(t, err)
	opened, err := note.Open(text, note.VerifierList(verifier))
	must(t, err)
	entries, err := s.Audit(ctx, Filter{})
	must(t, err)
	same(t, "text", opened.Text, fmt.Sprintf("%s\n1\n%s\n", testOrigin, entries[0].Hash))
	for _, bad := range []string{"", "x", strings.Replace(string(text), "\n1\n", "\n01\n", 1), string(text) + "\n"} {
		_, err := s.openHead([]byte(bad))
		want(t, err, ErrAltered)
	}
}

// TestTreeOfEverySize compares the edge with the plain algorithm.
func TestTreeOfEverySize(t *testing.T) {
	tree := newTree()
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) (out []tlog.Hash, err error) {
		for _, x := range indexes {
			out = append(out, stored[x])
		}
		return out, nil
	})
	for n := range int64(300) {
		leaf := tlog.RecordHash(fmt.Append(nil, n))
		hashes, err := tree.add(leaf)
		must(t, err)
		stored = append(stored, hashes...)
		expected, err := tlog.TreeHash(n+1, reader)
		must(t, err)
		root, err := tree.root()
		must(t, err)
		if root != expected || len(tree.edge) > 9 {
			t.Fatalf("size %d: root %v, want %v; %d at the edge", n+1, root, expected, len(tree.edge))
		}
	}
}

func TestKeyFile(t *testing.T) {
	dir, _ := filled(t, 1)
	file := filepath.Join(dir, keyFile)
	good, err := os.ReadFile(file)
	must(t, err)
	for _, name := range []string{keyFile, databaseFile, lockFile} {
		info, err := os.Stat(filepath.Join(dir, name))
		must(t, err)
		same(t, name, info.Mode().Perm(), os.FileMode(0o600))
	}
	otherDir, _ := filled(t, 1)
	other, err := os.ReadFile(filepath.Join(otherDir, keyFile))
	must(t, err)
	lines := strings.SplitAfter(string(good), "\n")
	for name, c := range map[string]struct {
		spoil func() error
		says  string
	}{
		"gone":    {func() error { return os.Remove(file) }, "is gone: put it back"},
		"another": {func() error { return os.WriteFile(file, other, 0o600) }, "is not the key"},
		"cut":     {func() error { return os.WriteFile(file, good[:40], 0o600) }, "is damaged"},
		"empty":   {func() error { return os.WriteFile(file, nil, 0o600) }, "is damaged"},
		"mixed": {func() error {
			return os.WriteFile(file, []byte(lines[0]+strings.SplitAfter(string(other), "\n")[1]), 0o600)
		}, "is damaged"},
		"readable":  {func() error { return os.Chmod(file, 0o644) }, "chmod 600"},
		"no lookup": {func() error { return errors.Join(os.Remove(file), os.Mkdir(file, 0o700)) }, file},
	} {
		t.Run(name, func(t *testing.T) {
			must(t, c.spoil())
			_, err := Open(context.Background(), Options{Dir: dir, Origin: testOrigin})
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
			must(t, os.RemoveAll(file))
			must(t, os.WriteFile(file, good, 0o600))
		})
	}
	_, err = Open(context.Background(), Options{Dir: dir, Origin: "another.test/log"})
	if err == nil || !strings.Contains(err.Error(), `is the key of the log "gw.test/log"`) {
		t.Errorf("another origin: %v", err)
	}
	sound(t, openIn(t, dir))
}
