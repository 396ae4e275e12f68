package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"github.com/pressly/goose/v3"
)

// The files of the state folder that are the store's. SQLite keeps two more
// beside the first, while it is open or after a crash: accord.db-wal belongs
// to it, and a copy without it is not whole.
const (
	databaseFile = "accord.db"
	keyFile      = "log.key"
	lockFile     = "accord.lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Options say where the state is.
type Options struct {
	// Dir is the state folder. It is made, for its owner alone, if it is not
	// there.
	Dir string
	// Origin names the gateway's log for ever, best like a host name with a
	// path: "gw.example.org/log". It stands in every signed head, so it can't
	// be changed later. At most 128 bytes, no space, no plus sign.
	Origin string
}

// Store is the gateway's state. All methods may be called at once from any
// goroutine, until Close.
type Store struct {
	file    string // the database, as errors name it
	origin  string
	key     *logKey
	lock    *os.File
	writer  *sql.DB // one connection
	readers *sql.DB
	insert  *sql.Stmt // of an entry, on writer

	// tree is the writing goroutine's alone; unfit, set before it starts, is
	// why nothing can be added to the log.
	tree  tree
	unfit error

	announce atomic.Bool // whether the webhook is told of anything

	changes chan *change
	quit    chan struct{} // closed by Close
	done    chan struct{} // closed when the writing goroutine has ended
	once    sync.Once
}

// Open opens the state folder, makes what is missing in it and brings the
// database to this program's form. One process at a time can have it open.
//
// A log that does not fit its signed head is opened, so that it can be read
// and [Store.CheckLog] can tell what happened, but every change fails with
// [ErrAltered].
func Open(ctx context.Context, o Options) (_ *Store, err error) {
	if err := checkOptions(o); err != nil {
		return nil, err
	}
	s := &Store{
		file: filepath.Join(o.Dir, databaseFile), origin: o.Origin,
		changes: make(chan *change), quit: make(chan struct{}), done: make(chan struct{}),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.release())
		}
	}()
	if err := s.prepare(o.Dir); err != nil {
		return nil, explainFile(o.Dir, err)
	}
	if s.writer, s.readers, err = openSQLite(s.file); err != nil {
		return nil, s.explain("open the state", err)
	}
	if err := s.migrate(ctx); err != nil {
		return nil, s.explain("prepare the state", err)
	}
	if err := s.openLog(ctx, filepath.Join(o.Dir, keyFile)); err != nil {
		return nil, s.explain("open the audit log", err)
	}
	go s.write()
	return s, nil
}

func checkOptions(o Options) error {
	if o.Dir == "" {
		return invalid("the state folder has no name")
	}
	if o.Origin == "" || len(o.Origin) > 128 || !utf8.ValidString(o.Origin) || strings.ContainsFunc(o.Origin, func(r rune) bool {
		return r == '+' || unicode.IsSpace(r) || !unicode.IsPrint(r)
	}) {
		return invalid("the log can't be called %q: 1 to 128 bytes of text, no space, no plus sign", o.Origin)
	}
	return nil
}

// prepare makes the folder and the database's file, readable by their owner
// alone, and takes the folder's lock.
func (s *Store) prepare(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	var err error
	if s.lock, err = lockDir(dir); err != nil {
		return err
	}
	there, err := exists(s.file)
	if err != nil || there {
		return err
	}
	// The database's file is made before the key's, so a key without it means
	// that the log has been lost.
	if key, err := exists(filepath.Join(dir, keyFile)); err != nil || key {
		return errors.Join(err, fmt.Errorf("%s is gone, but the key of its audit log is there: "+
			"put the database back from a copy, or move %s away to begin a new log", s.file, filepath.Join(dir, keyFile)))
	}
	f, err := os.OpenFile(s.file, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), syncDir(dir), syncDir(filepath.Dir(filepath.Clean(dir))))
}

// migrate brings the database to the form this program knows.
func (s *Store) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	// Out of order: of two that were written side by side the later number may
	// have come first. None needs another but the ones that it was written after.
	p, err := goose.NewProvider(goose.DialectSQLite3, s.writer, files, goose.WithAllowOutofOrder(true))
	if err != nil {
		return err
	}
	current, known, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if current > known {
		return fmt.Errorf("%s was written by a newer accord (its form is %d, this program knows up to %d): "+
			"start the newer program", s.file, current, known)
	}
	_, err = p.Up(ctx)
	return err
}

// openLog finds the log and its key, or begins a log.
func (s *Store) openLog(ctx context.Context, file string) error {
	var public string
	err := s.writer.QueryRowContext(ctx, `SELECT verifier FROM logs WHERE origin = $1`, s.origin).Scan(&public)
	begun := err == nil
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	there, err := exists(file)
	if err != nil {
		return err
	}
	if begun && !there {
		return fmt.Errorf("%s, the key of the audit log in %s, is gone: put it back from a copy", file, s.file)
	}
	if !there {
		if err := makeKey(file, s.origin); err != nil {
			return err
		}
	}
	if s.key, err = readKey(file, s.origin); err != nil {
		return err
	}
	if begun && public != s.key.public {
		return fmt.Errorf("%s is not the key that the audit log in %s was begun with: put that key back", file, s.file)
	}
	_, err = s.writer.ExecContext(ctx,
		`INSERT INTO logs (origin, verifier) VALUES ($1, $2) ON CONFLICT (origin) DO NOTHING`, s.origin, s.key.public)
	if err != nil {
		return err
	}
	return s.readyLog(ctx)
}

// readyLog makes the log ready to be added to. An altered one stays readable.
func (s *Store) readyLog(ctx context.Context) (err error) {
	if s.tree, err = s.loadTree(ctx); err != nil {
		if !errors.Is(err, ErrAltered) {
			return err
		}
		s.unfit = fmt.Errorf("%w; nothing can be added to %s: find out what was changed and put back a good copy", err, s.file)
	}
	s.insert, err = s.writer.PrepareContext(ctx,
		`INSERT INTO entries (origin, seq, at, kind, actor, device, visit, record, hashes)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`)
	return err
}

// Verifier is the public half of the log's key, as
// [golang.org/x/mod/sumdb/note.NewVerifier] reads it.
func (s *Store) Verifier() string { return s.key.public }

// Close waits for the group that is being committed and closes the store.
// Changes that wait for the next group get [ErrClosed]: they did not happen.
// A second Close does nothing.
func (s *Store) Close() (err error) {
	s.once.Do(func() {
		close(s.quit)
		<-s.done
		err = s.release()
	})
	return err
}

// release gives back what Open has taken, as far as it came.
func (s *Store) release() error {
	var errs []error
	if s.insert != nil {
		errs = append(errs, s.insert.Close())
	}
	for _, db := range []*sql.DB{s.readers, s.writer} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}
