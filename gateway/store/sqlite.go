package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// maxReaders bounds the connections that read.
const maxReaders = 4

// openSQLite opens the database twice: one connection that writes, and some
// that can only read and never wait for it.
func openSQLite(file string) (writer, readers *sql.DB, err error) {
	abs, err := filepath.Abs(file)
	if err != nil {
		return nil, nil, err
	}
	// FULL flushes the write-ahead log at each commit: what was acknowledged
	// survives a power cut. Immediate transactions take the write lock at
	// their start, so they never fail halfway for the lack of it.
	writer, err = sql.Open("sqlite", source(abs, "_txlock=immediate",
		"_pragma=busy_timeout(5000)", "_pragma=journal_mode(WAL)", "_pragma=synchronous(FULL)",
		"_pragma=foreign_keys(1)", "_pragma=trusted_schema(0)"))
	if err != nil {
		return nil, nil, err
	}
	writer.SetMaxOpenConns(1)
	readers, err = sql.Open("sqlite", source(abs,
		"_pragma=busy_timeout(5000)", "_pragma=query_only(1)", "_pragma=trusted_schema(0)"))
	if err != nil {
		return writer, nil, err
	}
	readers.SetMaxOpenConns(maxReaders)
	readers.SetMaxIdleConns(maxReaders)
	return writer, readers, nil
}

// source names a database to the driver, whatever characters are in its path.
func source(file string, options ...string) string {
	return (&url.URL{Scheme: "file", Path: file, RawQuery: strings.Join(options, "&")}).String()
}

// explain makes a failure of the engine a sentence that names the file and
// says what to do, wrapped in [ErrUnavailable]. Other errors pass as they are.
func (s *Store) explain(doing string, err error) error {
	var engine *sqlite.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w", doing, err)
	case errors.As(err, &engine) && engine.Code()&0xff == sqlite3.SQLITE_INTERRUPT:
		// Between two rows the driver says so instead of the context's error.
		return fmt.Errorf("%s: %w", doing, context.Canceled)
	case errors.As(err, &engine):
		return fmt.Errorf("%w: could not %s: %s (%w)", ErrUnavailable, doing, advice(engine.Code(), s.file), err)
	case s.closing():
		return ErrClosed
	}
	return err
}

// advice says what a result code of SQLite means for the file and its keeper.
func advice(code int, file string) string {
	switch code & 0xff { // the rest are details of the same cause
	case sqlite3.SQLITE_FULL:
		return "the disk that holds " + file + " is full; make room on it"
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		return file + " can't be written; let this program's account write it and its folder"
	case sqlite3.SQLITE_CANTOPEN:
		return file + " can't be opened; look at its folder's owner, mode and disk"
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return file + " is damaged; stop the gateway and put back the newest good copy"
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return "another program holds " + file + "; end that program"
	case sqlite3.SQLITE_IOERR:
		return "the disk that holds " + file + " reports errors; look at the system's log and that disk"
	}
	return file + " could not be used"
}

// explainFile is explain for the state folder itself.
func explainFile(dir string, err error) error {
	var path *fs.PathError
	if !errors.As(err, &path) {
		return err
	}
	todo := "look at its owner, mode and disk"
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		todo = "let this program's account write there, or use another folder"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		todo = "make room on its disk"
	case errors.Is(err, syscall.ENOTDIR):
		todo = "use another folder, this one is a file"
	}
	return fmt.Errorf("%w: the state folder %s can't be used: %w; %s", ErrUnavailable, dir, err, todo)
}
