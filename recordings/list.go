package recordings

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path/filepath"
	"regexp"
	"slices"
)

// Entry is a recording in a list.
type Entry struct {
	ID     string
	Dir    string
	Sealed bool
	// Visit is what visit.json says. Nothing of it is proven before [Verify].
	Visit Visit
	// Err is why the recording can't be read; then Visit is empty.
	Err error
}

// maxList bounds a list.
const maxList = 1000

// List gives up to limit recordings, at most 1000, the newest first, that are
// older than the visit before, or the newest of all when that is empty. A
// damaged recording is in the list with its error. The error returned is about
// folders that can't be listed; the entries are good nevertheless.
func (l *Library) List(before string, limit int) ([]Entry, error) {
	if before != "" && !visitID.MatchString(before) {
		return nil, errors.New("list recordings: that is no visit to start from")
	}
	limit = min(limit, maxList)
	var entries []Entry
	var errs []error
	for day, err := range l.days(before) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		names, err := (folder{l.root}).list(day)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, id := range names {
			if len(entries) >= limit {
				return entries, errors.Join(errs...)
			}
			if visitID.MatchString(id) && (before == "" || id < before) {
				entries = append(entries, l.entry(day, id))
			}
		}
	}
	return entries, errors.Join(errs...)
}

// Find gives the recording of a visit; [ErrNotFound] if there is none.
func (l *Library) Find(id string) (Entry, error) {
	year, month, day, err := visitDay(id)
	if err != nil {
		return Entry{}, err
	}
	path := filepath.Join(year, month, day)
	if !(folder{l.root}).exists(filepath.Join(path, id)) {
		return Entry{}, ErrNotFound
	}
	return l.entry(path, id), nil
}

func (l *Library) entry(day, id string) Entry {
	path := filepath.Join(day, id)
	e := Entry{ID: id, Dir: filepath.Join(l.cfg.Dir, path)}
	e.Visit, e.Sealed, e.Err = l.look(day, id)
	if e.Err != nil {
		e.Visit, e.Err = Visit{}, fmt.Errorf("the recording %s is damaged: %w", id, e.Err)
	}
	return e
}

func (l *Library) look(day, id string) (v Visit, sealed bool, err error) {
	year, month, date, err := visitDay(id)
	if err != nil {
		return v, false, err
	}
	if day != filepath.Join(year, month, date) {
		return v, false, errors.New("it is in the folder of another day")
	}
	root, err := l.root.OpenRoot(filepath.Join(day, id))
	if err != nil {
		return v, false, err
	}
	defer root.Close()
	d := folder{root}
	text, err := d.read(visitFile, maxVisit)
	if err != nil {
		return v, false, err
	}
	if v, err = decodeVisit(text); err == nil && v.ID != id {
		err = errors.New("visit.json is of another visit")
	}
	return v, d.exists(sealFile), err
}

// twoDigits and fourDigits match the folders of months and days, and of years.
var (
	twoDigits  = regexp.MustCompile(`^[0-9]{2}$`)
	fourDigits = regexp.MustCompile(`^[0-9]{4}$`)
)

// days gives the folders of days, the newest first, that are not newer than
// the day of the visit before, if that is not empty.
func (l *Library) days(before string) iter.Seq2[string, error] {
	newest := ""
	if before != "" {
		newest = filepath.Join(before[:4], before[4:6], before[6:8])
	}
	return func(yield func(string, error) bool) {
		l.descend(".", 0, newest, yield)
	}
}

func (l *Library) descend(path string, depth int, newest string, yield func(string, error) bool) bool {
	if depth == 3 {
		return yield(path, nil)
	}
	names, err := (folder{l.root}).list(path)
	if err != nil {
		return yield("", fmt.Errorf("list recordings: %w", err))
	}
	pattern := twoDigits
	if depth == 0 {
		pattern = fourDigits
	}
	for _, name := range names {
		below := filepath.Join(path, name)
		if !pattern.MatchString(name) || newest != "" && below > newest[:min(len(below), len(newest))] {
			continue
		}
		if !l.descend(below, depth+1, newest, yield) {
			return false
		}
	}
	return true
}

// list gives the names in a folder below, the last first.
func (d folder) list(path string) ([]string, error) {
	entries, err := fs.ReadDir(d.root.FS(), filepath.ToSlash(path))
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	slices.Reverse(names)
	return names, nil
}
