package store

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		appendUntilKilled(dir)
	}
	goleak.VerifyTestMain(m)
}

// refused wants Open to fail with a sentence that says all of says.
func refused(t *testing.T, o Options, says ...string) error {
	t.Helper()
	s, err := Open(context.Background(), o)
	if err == nil {
		s.Close()
		t.Fatal("it was opened")
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("it does not say %q: %v", s, err)
		}
	}
	return err
}

func TestOptions(t *testing.T) {
	dir := t.TempDir()
	for _, o := range []Options{
		{}, {Dir: dir}, {Origin: testOrigin}, {Dir: dir, Origin: "a b"}, {Dir: dir, Origin: "a+b"},
		{Dir: dir, Origin: "a\nb"}, {Dir: dir, Origin: strings.Repeat("x", 129)}, {Dir: dir, Origin: "\xff"},
	} {
		want(t, refused(t, o), ErrInvalid)
	}
}

// TestFolderNames: no character of a path means anything to the database.
func TestFolderNames(t *testing.T) {
	for _, name := range []string{"a b", "what?mode=memory", "100%25", "a#b&c", "é", ";drop"} {
		dir := filepath.Join(t.TempDir(), "new", name)
		s := openIn(t, dir)
		must(t, s.Append(context.Background(), numberedEntry(1)))
		must(t, s.Close())
		info, err := os.Stat(filepath.Join(dir, databaseFile))
		must(t, err)
		if info.Size() == 0 {
			t.Errorf("%q: the database is elsewhere", name)
		}
		info, err = os.Stat(dir)
		must(t, err)
		same(t, "mode", info.Mode().Perm(), os.FileMode(0o700))
	}
}

func TestOneGateway(t *testing.T) {
	dir := t.TempDir()
	s := openIn(t, dir)
	refused(t, Options{Dir: dir, Origin: testOrigin}, "another gateway uses the state folder "+dir)
	must(t, s.Append(context.Background(), numberedEntry(1)))
	must(t, s.Close())
	sound(t, openIn(t, dir))
}

func TestNewerDatabase(t *testing.T) {
	dir, _ := filled(t, 1)
	tamper(t, dir, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)`)
	refused(t, Options{Dir: dir, Origin: testOrigin}, filepath.Join(dir, databaseFile), "newer accord", "99", "start the newer program")
	tamper(t, dir, `DELETE FROM goose_db_version WHERE version_id = 99`)
	sound(t, openIn(t, dir))
}

func TestLostDatabase(t *testing.T) {
	dir, _ := filled(t, 1)
	must(t, os.Remove(filepath.Join(dir, databaseFile)))
	refused(t, Options{Dir: dir, Origin: testOrigin}, "is gone", "put the database back")
	must(t, os.Remove(filepath.Join(dir, keyFile)))
	same(t, "proven", sound(t, openIn(t, dir)), 0)
}

// TestCrashedBeforeTheKey: a first start that came no further than the
// database's file is gone on with.
func TestCrashedBeforeTheKey(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, databaseFile), nil, 0o600))
	s := openIn(t, dir)
	must(t, s.Append(context.Background(), numberedEntry(1)))
	sound(t, s)
}

func TestBadFolders(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	want(t, refused(t, Options{Dir: file, Origin: testOrigin}, file, "use another folder"), ErrUnavailable)
	// Nobody can make a folder in /proc, root neither.
	want(t, refused(t, Options{Dir: "/proc/accord", Origin: testOrigin}, "/proc/accord"), ErrUnavailable)
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, databaseFile), 0o700))
	want(t, refused(t, Options{Dir: dir, Origin: testOrigin}, databaseFile, "can't be opened"), ErrUnavailable)
}

func TestDamagedDatabase(t *testing.T) {
	t.Run("no database", func(t *testing.T) {
		dir, _ := filled(t, 1)
		must(t, os.WriteFile(filepath.Join(dir, databaseFile), []byte(strings.Repeat("garbage ", 2000)), 0o600))
		want(t, refused(t, Options{Dir: dir, Origin: testOrigin}, databaseFile, "is damaged", "good copy"), ErrUnavailable)
	})
	t.Run("pages overwritten", func(t *testing.T) {
		dir, _ := filled(t, 400)
		file := filepath.Join(dir, databaseFile)
		text, err := os.ReadFile(file)
		must(t, err)
		for i := len(text) / 2; i < len(text); i++ {
			text[i] = 0xA5
		}
		must(t, os.WriteFile(file, text, 0o600))
		s, err := Open(context.Background(), Options{Dir: dir, Origin: testOrigin})
		if err == nil {
			defer s.Close()
			_, err = s.CheckLog(context.Background())
		}
		if !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrAltered) {
			t.Fatalf("got %v", err)
		}
	})
}

// TestFullDisk: at the limit every waiter hears of it, nothing of the group is
// kept, and when there is room it goes on.
func TestFullDisk(t *testing.T) {
	s, ctx := openIn(t, t.TempDir()), context.Background()
	d := enrolled(t, s, 1, "lab-1")
	before := sound(t, s)
	pragma(t, s.writer, "max_page_count = 1") // which SQLite takes as "as large as it is"
	results := make(chan error)
	for i := range 60 {
		go func() {
			e := numberedEntry(i)
			e.Data["filler"] = strings.Repeat("x", MaxText)
			results <- s.Append(ctx, e)
		}()
	}
	failed := 0
	for range 60 {
		if err := <-results; err != nil {
			failed++
			want(t, err, ErrUnavailable)
			if !strings.Contains(err.Error(), "is full; make room") || !strings.Contains(err.Error(), s.file) {
				t.Fatalf("not a sentence that helps: %v", err)
			}
		}
	}
	if failed == 0 {
		t.Fatal("the disk was not full")
	}
	want(t, s.RequestVisit(ctx, bigRequest(d), by("tom", 1)), ErrUnavailable)
	same(t, "proven", sound(t, s), before+int64(60-failed))

	pragma(t, s.writer, "max_page_count = 1000000")
	must(t, s.RequestVisit(ctx, bigRequest(d), by("tom", 1)))
	same(t, "proven", sound(t, s), before+int64(60-failed)+1)
}

func bigRequest(d Device) Request {
	r := request(d, "v1", "tom")
	r.Reason = strings.Repeat("x", MaxText)
	return r
}

// TestReadOnly: a database that turns read-only under a running gateway.
func TestReadOnly(t *testing.T) {
	s, ctx := openIn(t, t.TempDir()), context.Background()
	d := enrolled(t, s, 1, "lab-1")
	pragma(t, s.writer, "query_only = 1")
	err := s.Online(ctx, d.Key, Facts{}, by("lab-1", 2))
	want(t, err, ErrUnavailable)
	if !strings.Contains(err.Error(), s.file+" can't be written") {
		t.Fatalf("not a sentence that helps: %v", err)
	}
	got, err := s.DeviceByKey(ctx, d.Key)
	must(t, err)
	same(t, "device", got, d)
	pragma(t, s.writer, "query_only = 0")
	must(t, s.Online(ctx, d.Key, Facts{}, by("lab-1", 2)))
	sound(t, s)
}

func pragma(t *testing.T, db *sql.DB, setting string) {
	t.Helper()
	_, err := db.Exec("PRAGMA " + setting)
	must(t, err)
}

// TestDurability: the settings that the promises rest on.
func TestDurability(t *testing.T) {
	s := openIn(t, t.TempDir())
	for setting, expected := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000",
	} {
		var got string
		must(t, s.writer.QueryRow("PRAGMA "+setting).Scan(&got))
		same(t, setting, got, expected)
	}
	if _, err := s.readers.Exec(`DELETE FROM devices`); err == nil {
		t.Error("a reader can write")
	}
}
