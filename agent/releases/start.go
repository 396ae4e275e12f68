package releases

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"accord/config"
	"accord/wire/release"
)

// Start is a release that is to run.
type Start struct {
	*release.Manifest
	Path  string // of the program
	Trial bool   // it has never been online
}

// Next says which release is to run in place of the installed program; nil: none.
// One on trial is counted as started. What was kept is checked each time, against
// those whose releases count now. The installed program runs where it is not
// older: whoever installed it wanted that. ended is how the last one ended that this
// program has started, nil where that is not known. Doubts are for the log; none
// keeps the agent from starting.
func (s *Store) Next(installed release.Build, now time.Time, ended error) (next *Start, doubts []error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.load()
	if err != nil {
		return nil, []error{err}
	}
	for r.Current != "" {
		start, err := s.startable(r, installed, ended)
		if err == nil && r.Trial {
			r.Starts++
			err = s.save(r) // before it is started, or it could be for ever
		}
		if err == nil {
			s.tidy(r)
			return start, doubts
		}
		doubts = append(doubts, fmt.Errorf("release %s is not run: %w", r.Current, err))
		if errors.Is(err, errInstalled) {
			r = record{Failed: r.Failed, Why: r.Why, At: r.At}
		} else {
			r = r.fall(err, now)
		}
		if err := s.save(r); err != nil {
			return nil, append(doubts, err)
		}
	}
	s.tidy(r)
	return nil, doubts
}

// errInstalled reports an installed program that is not older than the release.
var errInstalled = errors.New("the installed program is as new, or newer")

// startable is the release of a record, if it may be started.
func (s *Store) startable(r record, installed release.Build, ended error) (*Start, error) {
	if r.Trial && r.Starts >= Starts && ended != nil {
		return nil, fmt.Errorf("it was started %d times and has not come online: %w", r.Starts, ended)
	}
	if r.Trial && r.Starts >= Starts {
		return nil, fmt.Errorf("it was started %d times and has not come online", r.Starts)
	}
	start, err := s.kept(r.Current)
	if err != nil {
		return nil, err
	}
	if err := start.Newer(installed); err != nil {
		return nil, fmt.Errorf("%w: %w", errInstalled, err)
	}
	start.Trial = r.Trial
	return start, nil
}

// kept checks a release that is kept: signed by those who count now, and the
// program is the one that was signed, in a place where no other account can put
// another before it runs.
func (s *Store) kept(version string) (*Start, error) {
	dir := filepath.Join(s.dir, version)
	m, err := s.signed(dir)
	if err != nil {
		return nil, err
	}
	if m.Version != version {
		return nil, fmt.Errorf("what is kept as %s is release %s", version, m.Version)
	}
	p, err := m.For(runtime.GOOS, runtime.GOARCH)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, program)
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(errors.New("its program is gone, or no file"), err)
	}
	if err := config.Trusted(path); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if err := p.Check(f); err != nil {
		return nil, err
	}
	return &Start{Manifest: m, Path: path}, nil
}

// signed reads the manifest of a release that is kept.
func (s *Store) signed(dir string) (*release.Manifest, error) {
	if len(s.signers) == 0 {
		return nil, ErrNoSigners
	}
	text, err := os.ReadFile(filepath.Join(dir, release.ManifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("it is not kept any more")
	}
	if err != nil {
		return nil, err
	}
	signature, err := os.ReadFile(filepath.Join(dir, release.SignatureFile))
	if err != nil {
		return nil, err
	}
	m, _, err := release.Open(s.signers, text, signature)
	return m, err
}
