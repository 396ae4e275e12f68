package push

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Program is one build of Accord.
type Program struct {
	Path    string
	Version string
	Sum     string // SHA-256 in hex
	Size    int64
}

// Programs finds the build for a kind of machine: this very one where it fits,
// else the one in a folder as make dist fills it.
type Programs struct {
	Self     string // path of the program that runs
	Version  string // its own
	Platform string // "linux/amd64"
	Folder   string // accord-VERSION-OS-ARCH; empty: only Self
}

// For finds the program for a platform. Two that could be meant are none.
func (p Programs) For(platform string) (*Program, error) {
	if p.Folder == "" {
		if platform == p.Platform {
			return weigh(p.Self, p.Version)
		}
		return nil, fmt.Errorf("it is %s, and this accord runs on %s: name a folder that has accord-VERSION-%s, as make dist makes it (--programs)",
			platform, p.Platform, strings.ReplaceAll(platform, "/", "-"))
	}
	end := "-" + strings.ReplaceAll(platform, "/", "-")
	found, err := filepath.Glob(filepath.Join(p.Folder, "accord-*"+end))
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, fmt.Errorf("it is %s, and %s has no accord-VERSION%s", platform, p.Folder, end)
	case len(found) > 1:
		return nil, fmt.Errorf("%s has %d programs for %s: leave one there", p.Folder, len(found), platform)
	}
	return weigh(found[0], strings.TrimSuffix(strings.TrimPrefix(filepath.Base(found[0]), "accord-"), end))
}

func weigh(path, version string) (*Program, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the program to install: %w", err)
	}
	defer func() { _ = f.Close() }()
	hash := sha256.New()
	size, err := io.Copy(hash, f)
	if err != nil {
		return nil, fmt.Errorf("the program to install: %w", err)
	}
	return &Program{path, version, hex.EncodeToString(hash.Sum(nil)), size}, nil
}

// platform is what Go calls the machine whose `uname -s` and `uname -m` say
// this; "" for one that nothing is built for.
func platform(system, machine string) string {
	systems := map[string]string{"Linux": "linux", "FreeBSD": "freebsd", "Darwin": "darwin"}
	machines := map[string]string{
		"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64",
		"armv7l": "arm", "armv8l": "arm", "riscv64": "riscv64",
	}
	if systems[system] == "" || machines[machine] == "" {
		return ""
	}
	return systems[system] + "/" + machines[machine]
}
