package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// logKey signs the heads of the log.
type logKey struct {
	signer   note.Signer
	verifier note.Verifier
	public   string // as note.NewVerifier reads it
}

// makeKey writes a new key: two lines, the private one and the public one.
// The file appears whole or not at all, readable by its owner alone, and an
// existing one is never replaced.
func makeKey(file, origin string) error {
	private, public, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return fmt.Errorf("make the log's key: %w", err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), ".log-key-*") // mode 0600
	if err != nil {
		return fmt.Errorf("make the log's key: %w", err)
	}
	defer os.Remove(tmp.Name())
	_, err = fmt.Fprintf(tmp, "%s\n%s\n", private, public)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Link(tmp.Name(), file)
	}
	if err != nil {
		return fmt.Errorf("write the log's key: %w", err)
	}
	return syncDir(filepath.Dir(file))
}

// readKey reads the key that makeKey has written.
func readKey(file, origin string) (*logKey, error) {
	text, err := readPrivate(file)
	if err != nil {
		return nil, err
	}
	damaged := fmt.Errorf("%s is damaged: put the log's key back from a copy", file)
	lines := strings.Split(text, "\n")
	if len(lines) != 3 || lines[2] != "" {
		return nil, damaged
	}
	signer, err := note.NewSigner(lines[0])
	if err != nil {
		return nil, damaged
	}
	verifier, err := note.NewVerifier(lines[1])
	if err != nil || verifier.Name() != signer.Name() || verifier.KeyHash() != signer.KeyHash() {
		return nil, damaged
	}
	if signer.Name() != origin {
		return nil, fmt.Errorf("%s is the key of the log %q, this gateway's log is called %q: "+
			"give the gateway its old name back, or another state folder", file, signer.Name(), origin)
	}
	return &logKey{signer, verifier, lines[1]}, nil
}

// readPrivate reads a short file that nobody else may read.
func readPrivate(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if err := private(file, info); err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(f, 4096))
	return string(text), err
}

func exists(file string) (bool, error) {
	_, err := os.Lstat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
