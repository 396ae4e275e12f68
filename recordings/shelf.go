package recordings

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Shelf is the folder of all recordings as it is seen without having it open:
// beside the gateway that writes it, of a stopped one, or of a copy. It takes no
// lock and changes nothing.
type Shelf struct{ lib *Library }

// OpenShelf opens the folder to look at it.
func OpenShelf(dir string) (*Shelf, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &Shelf{&Library{cfg: Config{Dir: dir}, root: root}}, nil
}

// Close gives back what OpenShelf has taken.
func (s *Shelf) Close() error { return s.lib.root.Close() }

// Outline is what is on a shelf.
type Outline struct {
	Recordings int
	Bytes      int64
	Oldest     time.Time // when the visit of the oldest began
	Unsealed   int       // that run, or were interrupted
	Sealed     time.Time // when the last seal was written, of the newest hundred
	// Partly is set where there was no time to see all of it: the newest are
	// counted, Oldest is of those.
	Partly bool
}

// newestSeals is of how many recordings, the newest first, the time of the seal
// is looked at: the last one may be of a visit that began before others.
const newestSeals = 100

// Outline counts the recordings, the newest first, until ctx ends. The error is
// about folders that can't be listed; what was counted is good nevertheless.
func (s *Shelf) Outline(ctx context.Context) (o Outline, err error) {
	return s.lib.outline(ctx)
}

// Outline is [Shelf.Outline] of a library that is open.
func (l *Library) Outline(ctx context.Context) (Outline, error) { return l.outline(ctx) }

func (l *Library) outline(ctx context.Context) (o Outline, err error) {
	var errs []error
	for id, path := range l.each(&errs) {
		if ctx.Err() != nil {
			o.Partly = true
			break
		}
		o.Recordings++
		if at, err := time.Parse("20060102-150405", id[:15]); err == nil {
			o.Oldest = at
		}
		files, err := fs.ReadDir(l.root.FS(), filepath.ToSlash(path))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		sealed := false
		for _, f := range files {
			info, err := f.Info()
			if err != nil {
				continue // it was taken away meanwhile, as a reserve is
			}
			o.Bytes += info.Size()
			if f.Name() == sealFile {
				sealed = true
				if o.Recordings <= newestSeals && info.ModTime().After(o.Sealed) {
					o.Sealed = info.ModTime()
				}
			}
		}
		if !sealed {
			o.Unsealed++
		}
	}
	return o, errors.Join(errs...)
}

// each gives the recordings, the newest first, with their places below the
// library's folder.
func (l *Library) each(errs *[]error) func(yield func(id, path string) bool) {
	return func(yield func(id, path string) bool) {
		for day, err := range l.days("") {
			var names []string
			if err == nil {
				names, err = (folder{l.root}).list(day)
			}
			if err != nil {
				*errs = append(*errs, err)
				continue
			}
			for _, id := range names {
				if visitID.MatchString(id) && !yield(id, filepath.Join(day, id)) {
					return
				}
			}
		}
	}
}

// Copied is what [Shelf.Copy] did.
type Copied struct {
	New  int // recordings that were copied
	Kept int // that were there, sealed, which never change
	Runs int // of the new ones those that are not sealed yet
}

// Copy copies the recordings to another folder, which is made if need be. Those
// that are there and sealed stay as they are. A recording is in its place there
// whole or not at all. One that still runs is copied as far as it has come: such
// a copy is what a power cut would leave, and [Library.Recover] closes it.
func (s *Shelf) Copy(ctx context.Context, dir string) (c Copied, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return c, fmt.Errorf("copy recordings: %w", err)
	}
	to, err := os.OpenRoot(dir)
	if err != nil {
		return c, fmt.Errorf("copy recordings: %w", err)
	}
	defer to.Close()
	var errs []error
	for id, path := range s.lib.each(&errs) {
		if ctx.Err() != nil {
			return c, context.Cause(ctx)
		}
		if (folder{to}).exists(filepath.Join(path, sealFile)) {
			c.Kept++
			continue
		}
		sealed, err := s.copyOne(path, filepath.Join(filepath.Dir(path), hiddenPrefix+id), to)
		if err != nil {
			return c, fmt.Errorf("copy the recording %s: %w", id, err)
		}
		c.New++
		if !sealed {
			c.Runs++
		}
	}
	return c, errors.Join(errs...)
}

// copyOne copies one recording, under a hidden name first.
func (s *Shelf) copyOne(path, hidden string, to *os.Root) (sealed bool, err error) {
	from, err := s.lib.root.OpenRoot(path)
	if err != nil {
		return false, err
	}
	defer from.Close()
	for again := true; again; { // twice at most: a seal is for ever
		if err := errors.Join(to.RemoveAll(hidden), to.MkdirAll(hidden, 0o700)); err != nil {
			return false, err
		}
		sealed, err = copyFiles(folder{from}, to, hidden)
		// If it was sealed meanwhile, files of before are beside files of after,
		// or gone.
		again = !sealed && (folder{from}).exists(sealFile)
		if err != nil && !again {
			return false, err
		}
	}
	if err := syncDir(to, hidden); err != nil {
		return false, err
	}
	// An older copy, of when it ran, makes place.
	if err := errors.Join(to.RemoveAll(path), to.Rename(hidden, path), syncDir(to, filepath.Dir(path))); err != nil {
		return false, err
	}
	return sealed, nil
}

// copyFiles copies the files of one recording. The chain comes first: what it
// covers is in the other files by then, and they may go on behind it.
func copyFiles(from folder, to *os.Root, dir string) (sealed bool, err error) {
	sealed = from.exists(sealFile)
	names, err := from.names()
	if err != nil {
		return false, err
	}
	order := []string{chainFile}
	for _, name := range names {
		if name != chainFile && name != reserveFile && filepath.Ext(name) != fresh && (sealed || name != sealFile) {
			order = append(order, name)
		}
	}
	for _, name := range order {
		if err := copyFile(from, to, name, filepath.Join(dir, name)); err != nil {
			return false, err
		}
	}
	return sealed, nil
}

func copyFile(from folder, to *os.Root, name, target string) error {
	in, err := from.open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := to.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
