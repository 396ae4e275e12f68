package agent

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"accord/wire"
)

// signed is a statement of the device with its SSHSIG, as texts, so that
// `ssh-keygen -Y verify -n receipt@accord` can be given both.
type signed struct {
	Statement string `json:"statement"`
	Signature string `json:"signature"`
}

// receiptFile is one receipt on disk.
type receiptFile struct {
	Consent signed  `json:"consent"`
	Ending  *signed `json:"ending,omitempty"`
}

// Receipt is what the device keeps of one request: the consent statement, and,
// where a visit came of it, the ending.
type Receipt struct {
	Consent wire.Consent `json:"consent"`
	Ending  *wire.Ending `json:"ending,omitempty"`
}

// ledger keeps the receipts in files named by their numbers. They can be read
// by everyone on the device: a visit can't be hidden from its users.
type ledger struct {
	dir string
	mu  sync.Mutex // one number at a time; guards key and former
	key ssh.Signer
	// former are the keys that the device had, see rekey.go.
	former []ssh.PublicKey
}

func (s state) ledger(key ssh.Signer) (*ledger, error) {
	dir := filepath.Join(string(s), "receipts")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder for receipts: %w", err)
	}
	former, err := formerKeys(s.formerKeys())
	return &ledger{dir: dir, key: key, former: former}, err
}

func (l *ledger) path(number int) string {
	return filepath.Join(l.dir, fmt.Sprintf("%06d.json", number))
}

// numbers lists the receipts there are, lowest first.
func (l *ledger) numbers() ([]int, error) {
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		return nil, fmt.Errorf("read the receipts: %w", err)
	}
	var list []int
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".json")
		if n, err := strconv.Atoi(name); ok && err == nil {
			list = append(list, n)
		}
	}
	slices.Sort(list) // by name, 1000000 comes before 999999
	return list, nil
}

// consent gives the statement its number, signs it and has it on disk before
// it returns.
func (l *ledger) consent(c *wire.Consent) (text, signature []byte, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	list, err := l.numbers()
	if err != nil {
		return nil, nil, err
	}
	c.Number = 1
	if len(list) > 0 {
		c.Number = list[len(list)-1] + 1
	}
	text, signature, err = wire.SignStatement(l.key, c)
	if err != nil {
		return nil, nil, err
	}
	return text, signature, l.write(c.Number, receiptFile{Consent: signed{string(text), string(signature)}})
}

// ending signs how a visit ended and adds it to its receipt.
func (l *ledger) ending(e *wire.Ending) (text, signature []byte, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, err := l.read(e.Number)
	if err != nil {
		return nil, nil, err
	}
	text, signature, err = wire.SignStatement(l.key, e)
	if err != nil {
		return nil, nil, err
	}
	f.Ending = &signed{string(text), string(signature)}
	return text, signature, l.write(e.Number, f)
}

func (l *ledger) write(number int, f receiptFile) error {
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("keep receipt %d: %w", number, err)
	}
	if err := writeFile(l.path(number), append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("keep receipt %d: %w", number, err)
	}
	return nil
}

func (l *ledger) read(number int) (receiptFile, error) {
	var f receiptFile
	text, err := os.ReadFile(l.path(number))
	if err != nil {
		return f, fmt.Errorf("read receipt %d: %w", number, err)
	}
	if err := json.Unmarshal(text, &f); err != nil {
		return f, fmt.Errorf("receipt %d is damaged: %w", number, err)
	}
	return f, nil
}

// open reads a receipt and verifies it with the device's key.
func (l *ledger) open(number int) (*Receipt, error) {
	f, err := l.read(number)
	if err != nil {
		return nil, err
	}
	c, err := wire.OpenConsent(l.signedBy(f.Consent), []byte(f.Consent.Statement), []byte(f.Consent.Signature))
	if err != nil {
		return nil, fmt.Errorf("receipt %d is damaged or altered: %w", number, err)
	}
	if c.Number != number {
		return nil, fmt.Errorf("receipt %d is damaged or altered: it is receipt %d", number, c.Number)
	}
	r := &Receipt{Consent: *c}
	if f.Ending == nil {
		return r, nil
	}
	r.Ending, err = wire.OpenEnding(l.signedBy(*f.Ending), []byte(f.Ending.Statement), []byte(f.Ending.Signature))
	if err != nil {
		return nil, fmt.Errorf("the end in receipt %d is damaged or altered: %w", number, err)
	}
	if r.Ending.Number != number || r.Ending.Visit != c.Request.Visit {
		return nil, fmt.Errorf("the end in receipt %d is altered: it is that of another visit", number)
	}
	return r, nil
}

// interrupted closes the receipts of visits that were open when the agent
// last stopped without being able to say so. Only the newest can be meant:
// a hundred are looked at.
func (l *ledger) interrupted(at time.Time) error {
	list, err := l.numbers()
	if err != nil {
		return err
	}
	for _, n := range list[max(0, len(list)-100):] {
		r, err := l.open(n)
		if err != nil || r.Ending != nil || !r.Consent.Opens() || r.Consent.Further {
			continue // a damaged one is shown as such when the receipts are listed
		}
		_, _, err = l.ending(&wire.Ending{
			Number: n, Visit: r.Consent.Request.Visit, Opened: r.Consent.Answered, Ended: at,
			By: "agent", Cause: "The agent stopped in the middle of the visit; everything of the visit was ended with it.",
			Head: wire.Head{Hash: strings.Repeat("0", 64)},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// list reads the newest receipts, newest first, at most limit. A damaged one
// is reported in its place.
func (l *ledger) list(limit int) ([]Receipt, []error, error) {
	numbers, err := l.numbers()
	if err != nil {
		return nil, nil, err
	}
	var good []Receipt
	var bad []error
	for i := len(numbers) - 1; i >= 0 && len(good)+len(bad) < limit; i-- {
		r, err := l.open(numbers[i])
		if err != nil {
			bad = append(bad, err)
			continue
		}
		good = append(good, *r)
	}
	return good, bad, nil
}
