package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"accord/doctor"
	"accord/gateway/store"
	"accord/recordings"
	"accord/wire"
)

// BackedUp is what [Backup] did; it is kept in the folder as backup.json too.
type BackedUp struct {
	At      time.Time `json:"at"`
	Version string    `json:"version"`  // of the program that made it
	Running bool      `json:"running"`  // the gateway ran meanwhile
	Entries int64     `json:"entries"`  // of the audit log, each proven in the copy
	Copied  int       `json:"copied"`   // recordings that are new in the folder
	Kept    int       `json:"kept"`     // those that were there
	Open    int       `json:"unsealed"` // of the copied ones those that were not finished
}

// What is in the folder of a backup.
const (
	backupState      = "gateway"    // keys, secrets, the database
	backupRecordings = "recordings" // as in recordings.dir
	backupConfig     = "gateway.toml"
	backupCharter    = "charter.txt"
	backupNote       = "backup.json"
	backupFresh      = ".new" // a database that is not proven yet
	backupLock       = ".lock"
)

// Backup copies all that a gateway can't lose into a folder: its keys, the
// database, the recordings, and the configuration at config (empty: none). The
// gateway may run meanwhile. The database comes before the recordings, so that
// those which it says were sealed are there. What the folder held before is
// replaced only by what is whole; recordings that are there and sealed stay.
func Backup(ctx context.Context, o Options, config, folder string) (b BackedUp, err error) {
	release, err := prepareBackup(o, folder)
	if err != nil {
		return b, err
	}
	defer release()
	running, _ := doctor.Locked(store.LockFile(o.Config.State))
	b = BackedUp{At: time.Now().UTC(), Version: o.Version, Running: running}
	if err := copyState(o.Config.State, filepath.Join(folder, backupState)); err != nil {
		return b, fmt.Errorf("copy the gateway's keys: %w", err)
	}
	if b.Entries, err = copyDatabase(ctx, o.Config.State, folder); err != nil {
		return b, err
	}
	shelf, err := recordings.OpenShelf(o.Recordings.Dir)
	if err != nil {
		return b, fmt.Errorf("copy the recordings: %w", err)
	}
	defer func() { _ = shelf.Close() }()
	copied, err := shelf.Copy(ctx, filepath.Join(folder, backupRecordings))
	if err != nil {
		return b, err
	}
	b.Copied, b.Kept, b.Open = copied.New, copied.Kept, copied.Runs
	if config != "" {
		err = copyWhole(config, filepath.Join(folder, backupConfig))
	}
	if o.Charter.File != "" {
		err = errors.Join(err, copyWhole(o.Charter.File, filepath.Join(folder, backupCharter)))
	}
	if err != nil {
		return b, err
	}
	text, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return b, fmt.Errorf("note the backup: %w", err)
	}
	return b, writeWhole(filepath.Join(folder, backupNote), strings.NewReader(string(text)+"\n"))
}

// prepareBackup makes the folder and keeps a second backup out of it.
func prepareBackup(o Options, folder string) (release func(), err error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for the backup: %w", err)
	}
	if err := closedFolder(folder); err != nil {
		return nil, err
	}
	owner, _ := doctor.New("backup").Folder("the backup", folder, true)
	if state, _ := doctor.New("backup").Folder("the state", o.Config.State, true); owner != os.Geteuid() && owner != state {
		return nil, fmt.Errorf("%s belongs to another account, which could alter what is in it: name a folder of your own, or one that is not there yet", folder)
	}
	for _, source := range []string{o.Config.State, o.Recordings.Dir} {
		if within, err := oneWithin(source, folder); err != nil || within {
			return nil, errors.Join(err, fmt.Errorf("%s and %s lie within each other: name another folder, best on another disk", folder, source))
		}
	}
	lock, err := os.OpenFile(filepath.Join(folder, backupLock), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the folder for the backup: %w", err)
	}
	if err := lockFile(lock); err != nil {
		return nil, errors.Join(fmt.Errorf("another backup is being made in %s: wait until it is done", folder), lock.Close())
	}
	return func() { _ = lock.Close() }, nil
}

// oneWithin reports whether one of two folders is the other, or lies in it.
func oneWithin(a, b string) (bool, error) {
	var real [2]string
	for i, path := range []string{a, b} {
		abs, err := filepath.Abs(path)
		if err == nil {
			real[i], err = filepath.EvalSymlinks(abs)
		}
		if err != nil {
			return false, fmt.Errorf("find %s: %w", path, err)
		}
		real[i] += string(filepath.Separator)
	}
	return strings.HasPrefix(real[0], real[1]) || strings.HasPrefix(real[1], real[0]), nil
}

// copyState copies the files of the state folder but for the database.
func copyState(state, to string) error {
	return filepath.WalkDir(state, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(state, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, below)
		switch {
		case d.IsDir():
			return os.MkdirAll(target, 0o700)
		case !d.Type().IsRegular() || slices.Contains(store.Files(), below):
			return nil
		}
		return copyWhole(path, target)
	})
}

// copyDatabase copies the database as it is at one moment, and proves the copy
// before it takes the place of an older one.
func copyDatabase(ctx context.Context, state, folder string) (entries int64, err error) {
	key, err := readHostKey(filepath.Join(folder, backupState, "host_key"))
	if err != nil {
		return 0, err
	}
	fresh, place := filepath.Join(folder, backupFresh), filepath.Join(folder, backupState)
	if err := errors.Join(os.RemoveAll(fresh), os.Mkdir(fresh, 0o700)); err != nil {
		return 0, fmt.Errorf("copy the database: %w", err)
	}
	r, err := store.Read(store.Options{Dir: state})
	if err != nil {
		return 0, fmt.Errorf("copy the database: %w", err)
	}
	database := store.Files()[0]
	err = r.Copy(ctx, filepath.Join(fresh, database))
	if err := errors.Join(err, r.Close(), copyWhole(store.KeyFile(place), store.KeyFile(fresh))); err != nil {
		return 0, err
	}
	copied, err := store.Read(store.Options{Dir: fresh, Origin: origin(key.PublicKey())})
	if err != nil {
		return 0, fmt.Errorf("prove the copy of the database: %w", err)
	}
	err = copied.Sound(ctx)
	if err == nil {
		entries, err = copied.CheckLog(ctx)
	}
	if err := errors.Join(err, copied.Close()); err != nil {
		return 0, fmt.Errorf("the copy of the database is not kept: %w", err)
	}
	return entries, errors.Join(os.Rename(filepath.Join(fresh, database), filepath.Join(place, database)), os.RemoveAll(fresh))
}

// copyWhole copies a file, whole or not at all, for its owner alone.
func copyWhole(from, to string) error {
	f, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("copy a file: %w", err)
	}
	defer func() { _ = f.Close() }()
	return writeWhole(to, f)
}

func writeWhole(path string, from io.Reader) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = io.Copy(f, from)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	return nil
}

// Sentence says what was done, for a person.
func (b BackedUp) Sentence() string {
	text := fmt.Sprintf("%d entries of the audit log, each proven in the copy; %d recordings copied, %d were there already", b.Entries, b.Copied, b.Kept)
	if b.Open > 0 {
		text += fmt.Sprintf("; %d of the copied are not finished and are copied again the next time", b.Open)
	}
	return wire.Clean(text, wire.MaxReason) + "."
}
