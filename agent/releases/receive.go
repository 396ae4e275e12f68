package releases

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"

	"accord/wire"
	"accord/wire/release"
)

// ErrNoSigners reports a device whose owner has named nobody whose releases count.
var ErrNoSigners = errors.New("this device takes no updates from a gateway: its owner has named nobody whose releases count (agent.update.signers)")

// Offer is a release that may be received: signed by who counts, for this kind of
// machine, and newer than what runs.
type Offer struct {
	store           *Store
	manifest        *release.Manifest
	program         release.Program
	signer          string
	text, signature []byte
}

// Version is the release's.
func (o *Offer) Version() string { return o.manifest.Version }

// Signer is who stands for it, as the owner calls them.
func (o *Offer) Signer() string { return o.signer }

// Size is that of the program, in bytes.
func (o *Offer) Size() int64 { return o.program.Size }

// Judge says whether a release may be received, or why not. Nothing is kept yet.
func (s *Store) Judge(text, signature []byte, runs release.Build) (*Offer, error) {
	if len(s.signers) == 0 {
		return nil, ErrNoSigners
	}
	m, who, err := release.Open(s.signers, text, signature)
	if err != nil {
		return nil, err
	}
	p, err := m.For(runtime.GOOS, runtime.GOARCH)
	if err != nil {
		return nil, err
	}
	if err := m.Newer(runs); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.load()
	if err != nil {
		return nil, err
	}
	if m.Version == r.Current || r.Before != nil && m.Version == *r.Before {
		if kept, err := s.signed(filepath.Join(s.dir, m.Version)); err == nil && string(kept.Text()) != string(m.Text()) {
			return nil, fmt.Errorf("another release called %s is kept here already", m.Version)
		}
	}
	return &Offer{s, m, p, who.Name, text, signature}, nil
}

// Receive reads the program, checks it, tries whether it runs here, and has it run
// from the next start on, on trial. After an error all is as it was.
func (o *Offer) Receive(ctx context.Context, from io.Reader, runs release.Build) error {
	s := o.store
	s.mu.Lock()
	r, err := s.load()
	if err == nil {
		s.tidy(r)
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return fmt.Errorf("make the folder of releases: %w", err)
	}
	dir, err := os.MkdirTemp(s.dir, ".new-*")
	if err != nil {
		return fmt.Errorf("make the folder of the release: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := o.write(dir, from); err != nil {
		return err
	}
	if err := o.speaks(ctx, filepath.Join(dir, program)); err != nil {
		return err
	}
	return o.take(dir, runs)
}

// write puts the release into a folder, synced.
func (o *Offer) write(dir string, from io.Reader) error {
	// Visits' accounts run it too, as they run the installed program.
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // see above
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, program), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, hash), io.LimitReader(from, o.program.Size))
	switch {
	case err != nil:
		err = fmt.Errorf("the program was not received: %w", err)
	case n != o.program.Size:
		err = fmt.Errorf("the gateway sent %d bytes of the program's %d", n, o.program.Size)
	case hex.EncodeToString(hash.Sum(nil)) != o.program.Sum:
		err = errors.New("what the gateway sent is not the program that was signed: its SHA-256 is another")
	}
	if err = errors.Join(err, f.Chmod(0o755), f.Sync(), f.Close()); err != nil {
		return err
	}
	return errors.Join(
		put(filepath.Join(dir, release.ManifestFile), o.text, 0o644),
		put(filepath.Join(dir, release.SignatureFile), o.signature, 0o644))
}

// tryLimit bounds the time that a program takes to say which it is.
const tryLimit = 20 * time.Second

// speaks has the program say which it is, so that one that can't run on this
// device is found while the other runs.
func (o *Offer) speaks(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, tryLimit)
	defer cancel()
	var out []byte
	var err error
	for range 20 { // a process that was forked meanwhile may have the file open for a moment still
		cmd := exec.CommandContext(ctx, path, "version", "--json")
		cmd.WaitDelay = time.Second
		if out, err = cmd.Output(); !errors.Is(err, syscall.ETXTBSY) {
			break
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("nothing may be run from %s: %w", o.store.dir, err)
	case err != nil:
		return fmt.Errorf("the program does not run on this device: %w", err)
	}
	var says struct {
		Version string    `json:"version"`
		Made    time.Time `json:"made"`
	}
	if err := json.Unmarshal(out, &says); err != nil || says.Version != o.manifest.Version || !says.Made.Equal(o.manifest.Made) {
		return fmt.Errorf("the program says that it is %.60q, and not %s as it was signed to be", wire.Clean(says.Version, wire.MaxName), o.manifest.Version)
	}
	return nil
}

// take puts the release in its place, and then names it in the record.
func (o *Offer) take(dir string, runs release.Build) error {
	s := o.store
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.load()
	if err != nil {
		return err
	}
	before := "" // the installed program, unless what runs is a release that is kept
	if slices.Contains([]string{r.Current, deref(r.Before)}, runs.Version) {
		if _, err := s.kept(runs.Version); err == nil {
			before = runs.Version
		}
	}
	place := filepath.Join(s.dir, o.manifest.Version)
	// What may lie there is of an order that didn't come so far: what runs, and what
	// ran before, is not newer than itself.
	err = errors.Join(os.RemoveAll(place), syncDir(dir))
	if err == nil {
		err = errors.Join(os.Rename(dir, place), syncDir(s.dir))
	}
	if err != nil {
		return fmt.Errorf("keep the release: %w", err)
	}
	return s.save(record{Current: o.manifest.Version, Before: &before, Trial: true, Failed: r.Failed, Why: r.Why, At: r.At})
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
