package release

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"accord/wire"
)

// Namespace is that of the signature under a manifest:
//
//	ssh-keygen -Y sign -n release@accord -f KEY RELEASE
const Namespace = "release@accord"

// The files of a release besides its programs. The second is called as
// ssh-keygen calls it.
const (
	ManifestFile  = "RELEASE"
	SignatureFile = "RELEASE.sig"
	// MaxSignature bounds a signature in bytes; one by a key of 8192 bits has 3 KB.
	MaxSignature = 8 << 10
)

// Signer is somebody whose releases count.
type Signer struct {
	Name string
	Key  ssh.PublicKey
}

// ParseSigner reads "NAME KEYTYPE KEY", with a comment behind it or none.
func ParseSigner(line string) (Signer, error) {
	name, rest, _ := strings.Cut(line, " ")
	key, _, options, more, err := ssh.ParseAuthorizedKey([]byte(rest))
	if err != nil || len(options) > 0 || len(more) > 0 || name == "" || wire.Clean(name, wire.MaxName) != name {
		return Signer{}, fmt.Errorf(`%.60q signs no release; write a name and a public key, such as "releases ssh-ed25519 AAAA…"`, line)
	}
	if _, certificate := key.(*ssh.Certificate); certificate {
		return Signer{}, fmt.Errorf("%.60q is a certificate; write the key itself", line)
	}
	return Signer{name, key}, nil
}

// Open verifies that one of the signers has signed a manifest, and reads it.
// Nothing of it is looked at before.
func Open(signers []Signer, text, signature []byte) (*Manifest, Signer, error) {
	if len(text) > MaxManifest || len(signature) > MaxSignature {
		return nil, Signer{}, ErrManifest
	}
	for _, s := range signers {
		if wire.Verify(s.Key, Namespace, text, signature) == nil {
			m, err := Parse(text)
			return m, s, err
		}
	}
	return nil, Signer{}, errors.New("none of those whose releases count has signed this one")
}

// Folder is a release on disk.
type Folder struct {
	Path string
	*Manifest
	Text, Signature []byte
}

// ReadFolder reads a release's manifest and signature. The signature is good for
// the key that is named in it: that says that nothing was changed, and not who
// may sign.
func ReadFolder(path string) (*Folder, error) {
	f, err := readManifest(path)
	if err != nil {
		return nil, err
	}
	if f.Signature, err = readBounded(filepath.Join(path, SignatureFile), MaxSignature); err != nil {
		return nil, fmt.Errorf("release %s is not signed (%w): ssh-keygen -Y sign -n %s -f KEY %s", f.Version, err, Namespace, filepath.Join(path, ManifestFile))
	}
	if err := wire.VerifyAny(Namespace, f.Text, f.Signature); err != nil {
		return nil, fmt.Errorf("the signature of release %s in %s is none over its manifest with -n %s: %w", f.Version, path, Namespace, err)
	}
	return f, nil
}

func readManifest(path string) (*Folder, error) {
	f := &Folder{Path: path}
	var err error
	if f.Text, err = readBounded(filepath.Join(path, ManifestFile), MaxManifest); err != nil {
		return nil, fmt.Errorf("%s is no release: %w", path, err)
	}
	if f.Manifest, err = Parse(f.Text); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(path, ManifestFile), err)
	}
	return f, nil
}

// readBounded reads a file that must not be longer than most.
func readBounded(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("%s is longer than %d bytes", path, most)
	}
	return text, err
}

// Digest names a manifest.
func (f *Folder) Digest() string { return wire.Digest(string(f.Text)) }

// SignedBy is the fingerprint of the key that is named in the signature.
func (f *Folder) SignedBy() string {
	key, err := wire.SignerOf(f.Signature)
	if err != nil {
		return ""
	}
	return ssh.FingerprintSHA256(key)
}

// Check compares a program's file with what the manifest says.
func (f *Folder) Check(p Program) error {
	file, err := os.Open(filepath.Join(f.Path, f.File(p)))
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	return p.Check(file)
}

// Check reads a program to its end and compares it with what was signed.
func (p Program) Check(r io.Reader) error {
	hash := sha256.New()
	n, err := io.Copy(hash, io.LimitReader(r, p.Size+1))
	switch {
	case err != nil:
		return err
	case n != p.Size:
		return fmt.Errorf("the program has not the %d bytes that were signed", p.Size)
	case hex.EncodeToString(hash.Sum(nil)) != p.Sum:
		return errors.New("the program is not the one that was signed: its SHA-256 is another")
	}
	return nil
}

// List reads all releases of a folder that has a folder for each, newest first.
// What is none is told in the second list, a sentence each.
func List(path string) (found []*Folder, odd []error, err error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, nil, fmt.Errorf("the folder of releases: %w", err)
	}
	versions := make(map[string]bool)
	for _, e := range entries {
		sub := filepath.Join(path, e.Name())
		if info, err := os.Stat(sub); err != nil || !info.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue // one that is being copied there may have such a name
		}
		f, err := ReadFolder(sub)
		if err == nil && versions[f.Version] {
			err = fmt.Errorf("%s is release %s, and another folder is, too", sub, f.Version)
		}
		if err != nil {
			odd = append(odd, err)
			continue
		}
		versions[f.Version] = true
		found = append(found, f)
	}
	slices.SortFunc(found, func(a, b *Folder) int {
		if c := b.Made.Compare(a.Made); c != 0 {
			return c
		}
		return strings.Compare(b.Version, a.Version)
	})
	return found, odd, nil
}

// Make weighs the programs of one version in a folder, as make dist leaves them
// there, and writes the manifest, which is then to be signed.
func Make(path string, b Build, commit string) (*Manifest, error) {
	m := &Manifest{Build: Build{b.Version, b.Made.UTC()}, Commit: commit}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		rest, ours := strings.CutPrefix(e.Name(), "accord-"+b.Version+"-")
		system, arch, pair := strings.Cut(strings.TrimSuffix(rest, ".exe"), "-")
		p := Program{System: system, Arch: arch}
		if !ours || !pair || m.File(p) != e.Name() {
			continue
		}
		if p, err = weigh(filepath.Join(path, e.Name()), p); err != nil {
			return nil, err
		}
		m.Programs = append(m.Programs, p)
	}
	text := m.Text()
	if _, err := Parse(text); err != nil {
		return nil, err
	}
	return m, os.WriteFile(filepath.Join(path, ManifestFile), text, 0o644)
}

func weigh(path string, p Program) (Program, error) {
	f, err := os.Open(path)
	if err != nil {
		return p, err
	}
	defer func() { _ = f.Close() }()
	hash := sha256.New()
	p.Size, err = io.Copy(hash, f)
	p.Sum = hex.EncodeToString(hash.Sum(nil))
	return p, err
}
