// Package releases keeps, on a device, the releases that its agent may run in
// place of the installed program, and says which is to run. The installed program
// is never touched. What is on disk, in the agent's folder:
//
//	releases/VERSION/     accord, RELEASE, RELEASE.sig; whole, or not there
//	releases/.new-…/      one that is being received
//	releases.json         which is to run, and which was before
//
// Wherever it is killed, the next start finds one that runs: a release is on disk
// before it is named in the record, the record is replaced whole, and what the
// record doesn't name is taken away.
package releases

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"accord/wire"
	"accord/wire/release"
)

// Starts is how often a release that has never been online is started.
const Starts = 3

// Store is the folder of one agent's releases.
type Store struct {
	dir     string // has a folder for each
	file    string // the record
	signers []release.Signer

	mu sync.Mutex // guards the record on disk against this process's other half
}

// Open names the store in an agent's folder, and whose releases count. It makes
// nothing.
func Open(state string, signers []release.Signer) *Store {
	return &Store{dir: filepath.Join(state, "releases"), file: filepath.Join(state, "releases.json"), signers: signers}
}

// record is what is to run. A version of "" is the installed program.
type record struct {
	Format  int       `json:"format"`
	Current string    `json:"current"`
	Before  *string   `json:"before,omitempty"` // what ran before and is kept; nil: nothing
	Trial   bool      `json:"trial,omitempty"`  // Current has never been online
	Starts  int       `json:"starts,omitempty"` // of Current, on trial
	Failed  string    `json:"failed,omitempty"` // the release that was given up last
	Why     string    `json:"why,omitempty"`
	At      time.Time `json:"at,omitzero"`
}

// format is that of the record. A newer program must keep to it, or the way back
// to this one is lost.
const format = 1

// load reads the record; where there is none, the installed program is to run.
func (s *Store) load() (record, error) {
	text, err := os.ReadFile(s.file)
	if errors.Is(err, fs.ErrNotExist) {
		return record{Format: format}, nil
	}
	var r record
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err == nil && (r.Format != format || r.Current != "" && !release.ValidVersion(r.Current) || r.Before != nil && *r.Before != "" && !release.ValidVersion(*r.Before)) {
		err = errors.New("it is not in the form that this program knows")
	}
	if err != nil {
		return record{Format: format}, fmt.Errorf("which release is to run can't be read from %s, so the installed program is (remove the file to order releases again): %w", s.file, err)
	}
	r.Trial = r.Trial && r.Current != ""
	return r, nil
}

func (s *Store) save(r record) error {
	r.Format = format
	text, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = put(s.file, append(text, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("keep which release is to run: %w", err)
	}
	return nil
}

// fall gives up what is to run, for the one before.
func (r record) fall(why error, now time.Time) record {
	next := record{Failed: r.Current, Why: wire.Clean(why.Error(), wire.MaxReason), At: now.UTC().Truncate(time.Second)}
	if r.Before != nil {
		next.back(*r.Before)
	}
	return next
}

// back has what ran before run again. Behind that is the installed program, which
// is always there.
func (r *record) back(version string) {
	r.Current = version
	if installed := ""; version != installed {
		r.Before = &installed
	}
}

// State is what the gateway may know.
type State struct {
	Next   string  // the version that is to run; "": the installed program
	Before *string // what it would go back to; nil: nothing
	Trial  bool    // Next has never been online
	Failed string  // the release that was given up last, and why
	Why    string
}

// State says how it stands. What can't be read is nothing.
func (s *Store) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, _ := s.load() // said where it is started by
	return State{r.Current, r.Before, r.Trial, r.Failed, r.Why}
}

// Good says that a release has come online. From then on it is the one to run.
func (s *Store) Good(version string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.load()
	if err != nil || !r.Trial || r.Current != version {
		return err
	}
	r.Trial, r.Starts = false, 0
	return s.save(r)
}

// Back has what ran before run again, which needs nobody's signature anew: it was
// good when it came. It says which that is.
func (s *Store) Back() (version string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.load()
	switch {
	case err != nil:
		return "", err
	case r.Before == nil:
		return "", errors.New("this device keeps no release from before the one that runs")
	}
	if *r.Before != "" {
		if _, err := s.kept(*r.Before); err != nil {
			return "", err
		}
	}
	next := record{Failed: r.Failed, Why: r.Why, At: r.At}
	next.back(*r.Before)
	return next.Current, s.save(next)
}

// tidy takes away what the record doesn't name.
func (s *Store) tidy(r record) {
	named := []string{r.Current}
	if r.Before != nil {
		named = append(named, *r.Before)
	}
	entries, _ := os.ReadDir(s.dir) // it need not be there
	for _, e := range entries {
		if !slices.Contains(named, e.Name()) {
			_ = os.RemoveAll(filepath.Join(s.dir, e.Name()))
		}
	}
}

// put puts a file in place whole and synced, or not at all. One process writes here
// at a time, so that what a killed one has left is written over.
func put(path string, data []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// Named is a version for people.
func Named(version string) string {
	if version == "" {
		return "the installed program"
	}
	return version
}
