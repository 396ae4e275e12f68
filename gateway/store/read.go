package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Reader looks at the state of a gateway without having it open: beside the
// gateway that runs, at a stopped one, at a copy. It takes no lock that a
// gateway wants, and changes nothing.
type Reader struct{ store *Store }

// Read opens the state in a folder to look at it. Origin is as in [Options]; when
// it is empty the log can't be looked at.
func Read(o Options) (*Reader, error) {
	s := &Store{file: filepath.Join(o.Dir, databaseFile), origin: o.Origin}
	if f, err := os.Open(s.file); err != nil {
		return nil, err // the engine would not say why
	} else if err := f.Close(); err != nil {
		return nil, err
	}
	options := []string{"mode=ro", "_pragma=busy_timeout(5000)", "_pragma=trusted_schema(0)"}
	if beside, err := besides(s.file); err != nil {
		return nil, err
	} else if !beside {
		// Nobody has it open, and nobody left it without closing it: all of it is
		// in the one file. Without this the engine would want to make the others.
		options = append(options, "immutable=1")
	}
	abs, err := filepath.Abs(s.file)
	if err != nil {
		return nil, err
	}
	if s.readers, err = sql.Open("sqlite", source(abs, options...)); err != nil {
		return nil, s.explain("look at the state", err)
	}
	s.readers.SetMaxOpenConns(1)
	return &Reader{s}, nil
}

// besides reports whether there are the files that the engine has beside a
// database while it is open, or was not closed.
func besides(file string) (bool, error) {
	for _, more := range []string{"-wal", "-shm"} {
		if there, err := exists(file + more); err != nil || there {
			return there, err
		}
	}
	return false, nil
}

// Close gives back what Read has taken.
func (r *Reader) Close() error { return r.store.readers.Close() }

// Outline is what [Reader.Outline] tells of a state.
type Outline struct {
	Form, Known int64 // of the database, and the newest that this program knows
	Entries     int64 // of the audit log
	Newest      time.Time
	Devices     int64 // that are not retired
	Open        int64 // visits
}

// Outline counts what is in the state.
func (r *Reader) Outline(ctx context.Context) (o Outline, err error) {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return o, err
	}
	for _, name := range files {
		var number int64
		if _, err := fmt.Sscanf(filepath.Base(name), "%d_", &number); err != nil {
			return o, fmt.Errorf("the migration %s has no number: %w", name, err)
		}
		o.Known = max(o.Known, number)
	}
	db := r.store.readers
	if err := db.QueryRowContext(ctx, `SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version`).Scan(&o.Form); err != nil {
		return o, r.store.explain("look at the state", err)
	}
	var newest int64
	// Of the tables and columns that every form has.
	err = db.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM entries), (SELECT COALESCE(MAX(at), 0) FROM entries),
		(SELECT count(*) FROM devices), (SELECT count(*) FROM visits WHERE state = $1)`, string(Opened)).
		Scan(&o.Entries, &newest, &o.Devices, &o.Open)
	o.Newest = fromMicros(newest)
	return o, r.store.explain("look at the state", err)
}

// Sound has the engine check the database's own form; it reads all of it. It
// says nothing of whether somebody altered the log: see [Reader.CheckLog].
func (r *Reader) Sound(ctx context.Context) error {
	var verdict string
	if err := r.store.readers.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&verdict); err != nil {
		return r.store.explain("check the state", err)
	}
	if verdict != "ok" {
		return fmt.Errorf("%w: %s is damaged (%s): stop the gateway and put back the newest good copy", ErrUnavailable, r.store.file, verdict)
	}
	return nil
}

// CheckLog is [Store.CheckLog].
func (r *Reader) CheckLog(ctx context.Context) (int64, error) {
	if r.store.key == nil {
		key, err := readKey(filepath.Join(filepath.Dir(r.store.file), keyFile), r.store.origin)
		if err != nil {
			return 0, err
		}
		r.store.key = key
	}
	return r.store.CheckLog(ctx)
}

// Copy writes the database as it is at one moment to a new file, which can be
// opened as it is. Changes go on meanwhile.
func (r *Reader) Copy(ctx context.Context, file string) error {
	// The engine makes the file, readable for whom the umask allows; it is made
	// here first, for its owner alone, and the engine takes an empty one.
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("copy the database: %w", err)
	}
	if _, err := r.store.readers.ExecContext(ctx, `VACUUM INTO $1`, file); err != nil {
		return errors.Join(r.store.explain("copy the database to "+file, err), f.Close())
	}
	return errors.Join(f.Sync(), f.Close(), syncDir(filepath.Dir(file)))
}

// Files are the names in the state folder that are the store's, and that only
// [Reader.Copy] may copy.
func Files() []string {
	return []string{databaseFile, databaseFile + "-wal", databaseFile + "-shm", databaseFile + "-journal", lockFile}
}

// LockFile is the file in a state folder that is locked while a gateway runs.
func LockFile(dir string) string { return filepath.Join(dir, lockFile) }

// KeyFile is the file of the log's key.
func KeyFile(dir string) string { return filepath.Join(dir, keyFile) }
