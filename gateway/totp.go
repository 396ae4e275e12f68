package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/config"
	"accord/gateway/store"
	"accord/policy"
)

// codesMost is how many wrong codes one connection may give.
const codesMost = 3

// code asks a person who has proved a key for a one-time code. What comes of it
// is in the log before the person is in.
func (h *handshake) code(who person, ask gossh.KeyboardInteractiveChallenge) error {
	if h.wrong >= codesMost {
		return errors.New("too many codes on this connection")
	}
	answers, err := ask("", "", []string{"One-time code: "}, []bool{false})
	if err != nil {
		return err
	}
	h.said = true // whatever comes of it is journaled here
	if len(answers) != 1 {
		return errors.New("the client gave no code")
	}
	// Read each time anew, so that a secret that was replaced counts at once.
	secret, err := readSecret(secretPath(h.gateway.cfg.State, who.Person))
	if err != nil {
		h.gateway.log.Error("a one-time code can't be checked", "person", who.Name, "error", err)
		return banner("The secret of your one-time codes can't be read; the gateway's admin finds why in its log.")
	}
	now := time.Now()
	err = journal(func(ctx context.Context) error {
		return h.gateway.store.TryCode(ctx, who.Name, func(last int64) (int64, bool) { return secret.Match(answers[0], now, last) },
			store.Entry{At: now, Actor: who.Name, Address: who.address, Data: map[string]string{"key": who.fingerprint}})
	})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrCodeWrong), errors.Is(err, store.ErrCodeRest):
		if h.wrong++; h.wrong >= codesMost {
			// The banner goes out first; then there is nobody to ask again.
			time.AfterFunc(codeGoodbye, func() { _ = h.conn.Close() })
		}
		return banner(sentenceCase(err.Error()))
	}
	h.gateway.log.Error("a one-time code can't be checked", "person", who.Name, "error", err)
	return banner("The gateway can't write its records, so it opens nothing; its admin finds why in its log.")
}

// codeGoodbye is how long a client that gave too many wrong codes has to read
// so.
const codeGoodbye = 200 * time.Millisecond

// secretPath is where the secret of a person's codes is: in the gateway's
// folder, where the file's name isn't a whole path.
func secretPath(state string, p policy.Person) string {
	if filepath.IsAbs(p.TOTPFile) {
		return p.TOTPFile
	}
	return filepath.Join(state, p.TOTPFile)
}

// checkSecrets refuses a law by which somebody could never log in.
func checkSecrets(state string, people []policy.Person) error {
	for i, p := range people {
		if p.TOTPFile == "" {
			continue
		}
		if _, err := readSecret(secretPath(state, p)); err != nil {
			return fmt.Errorf("people[%d].totp_file (of %s): %w", i, p.Name, err)
		}
	}
	return nil
}

// secretFile bounds the file of a secret, in bytes.
const secretFile = 4096

// readSecret reads a file that nobody but the gateway's account, and root, can
// read or change.
func readSecret(path string) (policy.Secret, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|withoutWaiting, 0)
	if err != nil {
		return nil, fmt.Errorf("the secret of one-time codes: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("the secret of one-time codes: %w", err)
	}
	if !info.Mode().IsRegular() || readableByOthers(path, info) {
		return nil, fmt.Errorf("%s can be read by other accounts, or is no file: chmod 600 it", path)
	}
	if err := config.Trusted(path); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, secretFile))
	if err != nil {
		return nil, fmt.Errorf("the secret of one-time codes: %w", err)
	}
	secret, err := policy.ParseSecret(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return secret, nil
}
