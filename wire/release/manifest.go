// Package release says what a release of Accord is, to who makes one, to the
// gateway that offers it and to the device that judges it: a folder with the
// program of one version for each kind of machine, a manifest, and the signature
// of who stands for it. The manifest is plain text in one spelling only:
//
//	accord release 1
//	version v1.2.0
//	commit 0f3c9a1b2c3d4e5f60718293a4b5c6d7e8f90a1b
//	made 2026-11-23T05:00:00Z
//	program linux amd64 24117248 9fa7…
//
// with a line for each program: system and architecture as Go calls them, size
// in bytes, SHA-256 in hex. What is signed names no file: a program's file is
// called by version, system and architecture.
package release

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of a release. A program has some 30 MB.
const (
	MaxManifest = 16 << 10
	MaxProgram  = 256 << 20
	maxPrograms = 64
)

const head = "accord release 1"

// ErrManifest reports a text that is no manifest in its one spelling.
var ErrManifest = errors.New("this is no manifest of a release")

// Manifest is what is signed.
type Manifest struct {
	Build
	Commit   string // in hex
	Programs []Program
}

// Build is one state of the source.
type Build struct {
	Version string
	Made    time.Time // when its commit was made; zero: nobody knows
}

// Program is the one for a kind of machine.
type Program struct {
	System, Arch string // as Go calls them
	Size         int64
	Sum          string // SHA-256 in hex
}

// What the words of a manifest are. A version begins with a letter or a digit and
// has no slash, so that it names a folder, and none but its own.
var (
	version = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.+_-]{0,63}$`)
	commit  = regexp.MustCompile(`^[0-9a-f]{7,64}$`)
	word    = regexp.MustCompile(`^[a-z0-9]{1,16}$`)
	sum     = regexp.MustCompile(`^[0-9a-f]{64}$`)
	// number matches the beginning of a version that has one.
	number = regexp.MustCompile(`^v?(\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?`)
)

// ValidVersion says whether a release can have this version.
func ValidVersion(text string) bool { return version.MatchString(text) }

// Parse reads a manifest. There is one spelling of each: what is read must be
// written as it was, to the byte.
func Parse(text []byte) (*Manifest, error) {
	if len(text) > MaxManifest {
		return nil, fmt.Errorf("%w: it is longer than %d bytes", ErrManifest, MaxManifest)
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) < 6 || lines[0] != head {
		return nil, fmt.Errorf("%w: it does not begin with %q, or is cut", ErrManifest, head)
	}
	m := &Manifest{}
	m.Version, m.Commit = strings.TrimPrefix(lines[1], "version "), strings.TrimPrefix(lines[2], "commit ")
	m.Made, _ = time.Parse(time.RFC3339, strings.TrimPrefix(lines[3], "made "))
	m.Made = m.Made.UTC()
	for _, line := range lines[4 : len(lines)-1] {
		f := strings.Split(line, " ")
		if len(f) != 5 {
			return nil, fmt.Errorf("%w: %.80q says no program", ErrManifest, line)
		}
		size, _ := strconv.ParseInt(f[3], 10, 64) // what it is not is seen below
		m.Programs = append(m.Programs, Program{f[1], f[2], size, f[4]})
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	if !bytes.Equal(m.Text(), text) {
		return nil, fmt.Errorf("%w: it is not in the one spelling that is allowed", ErrManifest)
	}
	return m, nil
}

func (m *Manifest) check() error {
	year := m.Made.Year()
	switch {
	case !version.MatchString(m.Version) || !commit.MatchString(m.Commit):
		return fmt.Errorf("%w: version or commit are none", ErrManifest)
	case year < 2020 || year > 9999 || m.Made.Nanosecond() != 0:
		return fmt.Errorf("%w: the time when it was made is none", ErrManifest)
	case len(m.Programs) == 0 || len(m.Programs) > maxPrograms:
		return fmt.Errorf("%w: it has %d programs, 1 to %d are allowed", ErrManifest, len(m.Programs), maxPrograms)
	}
	for i, p := range m.Programs {
		if !word.MatchString(p.System) || !word.MatchString(p.Arch) || !sum.MatchString(p.Sum) || p.Size < 1 || p.Size > MaxProgram {
			return fmt.Errorf("%w: program %d has no system, architecture, size or sum that can be", ErrManifest, i+1)
		}
		if i > 0 && m.Programs[i-1].platform() >= p.platform() {
			return fmt.Errorf("%w: the programs are not in order, or one stands twice", ErrManifest)
		}
	}
	return nil
}

func (p Program) platform() string { return p.System + "/" + p.Arch }

// Text is the manifest as it is signed; its programs are put in order.
func (m *Manifest) Text() []byte {
	slices.SortFunc(m.Programs, func(a, b Program) int { return strings.Compare(a.platform(), b.platform()) })
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\nversion %s\ncommit %s\nmade %s\n", head, m.Version, m.Commit, m.Made.UTC().Format(time.RFC3339))
	for _, p := range m.Programs {
		fmt.Fprintf(&b, "program %s %s %d %s\n", p.System, p.Arch, p.Size, p.Sum)
	}
	return b.Bytes()
}

// For is the program for a kind of machine.
func (m *Manifest) For(system, arch string) (Program, error) {
	for _, p := range m.Programs {
		if p.System == system && p.Arch == arch {
			return p, nil
		}
	}
	return Program{}, fmt.Errorf("release %s has no program for %s/%s", m.Version, system, arch)
}

// File is what the file of a program is called in the folder of its release.
func (m *Manifest) File(p Program) string {
	name := strings.Join([]string{"accord", m.Version, p.System, p.Arch}, "-")
	if p.System == "windows" {
		name += ".exe"
	}
	return name
}

// Newer is nil if b comes after another build, else says why not. It does if its
// commit is later, and, where both versions have numbers, its number is not lower.
// So an old release that is signed with a hole that was found since is not newer,
// whoever offers it again; what can't be told is not newer either.
func (b Build) Newer(than Build) error {
	mine, others := number.FindStringSubmatch(b.Version), number.FindStringSubmatch(than.Version)
	switch {
	case than.Made.IsZero():
		return fmt.Errorf("when the program that runs (%s) was made is not known, so nothing can be told to be newer", than.Version)
	case b.Made.IsZero() || !b.Made.After(than.Made):
		return fmt.Errorf("%s (made %s) is not newer than %s, which runs (made %s)", b.Version, stamp(b.Made), than.Version, stamp(than.Made))
	case mine != nil && others != nil && compare(mine[1:], others[1:]) < 0:
		return fmt.Errorf("%s has a lower number than %s, which runs", b.Version, than.Version)
	}
	return nil
}

func compare(a, b []string) int {
	for i := range a {
		x, _ := strconv.Atoi(a[i]) // "" is 0
		y, _ := strconv.Atoi(b[i])
		if x != y {
			return x - y
		}
	}
	return 0
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "at no time"
	}
	return t.UTC().Format(time.RFC3339)
}
