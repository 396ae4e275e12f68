package agent

import (
	"crypto/rand"
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
)

// Limits of numbers used once.
const (
	// nonceLife is how long one that was made can be used, by either clock.
	nonceLife = 24 * time.Hour
	// noncesMost bounds those that wait; the oldest makes room. A minute's
	// worth is never dropped, so a gateway can't wear out the disk with them.
	noncesMost = 64
	nonceYoung = time.Minute
	// spentMost bounds the overrides that are remembered as used. Of those
	// before, the nonces are unknown here, which is as good.
	spentMost = 1024
	// clockSkew is how far the clocks of gateway and device may differ.
	clockSkew = 5 * time.Minute
)

// nonce is one number used once that waits for its override.
type nonce struct {
	Nonce string        `json:"nonce"`
	Made  time.Time     `json:"made"`
	Boot  time.Duration `json:"boot"`    // of the clock since boot, when it was made
	Begun string        `json:"boot_id"` // which boot that was
}

// spentOverride is an override that was used.
type spentOverride struct {
	Number int       `json:"number"`
	Nonce  string    `json:"nonce"`
	At     time.Time `json:"at"`
}

// nonces are the numbers used once that this device made for overrides. What
// is spent is on disk before anything opens, and so stays spent.
type nonces struct {
	path string
	boot string // of this boot of the machine

	mu   sync.Mutex // guards kept, and the file
	kept struct {
		Waiting []nonce         `json:"waiting"`
		Spent   []spentOverride `json:"spent"`
	}
}

func (s state) noncesFile() string { return filepath.Join(string(s), "overrides.json") }

// nonces loads what was kept. A file that can't be read is an error: an
// override that was spent must not be forgotten.
func (s state) nonces() (*nonces, error) {
	n := &nonces{path: s.noncesFile()}
	boot, err := bootID()
	if err != nil {
		return nil, fmt.Errorf("find out which boot of the machine this is: %w", err)
	}
	n.boot = boot
	text, err := os.ReadFile(n.path)
	if errors.Is(err, fs.ErrNotExist) {
		return n, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &n.kept)
	}
	if err != nil {
		return nil, fmt.Errorf("the overrides that were used, in %s, can't be read (%w): restore the file, or remove it, and every override that is being decided on with it", n.path, err)
	}
	return n, nil
}

// forget drops what was made and spent for the gateway of before: with the
// nonces, every override for it is void.
func (s state) forgetNonces() error {
	if err := os.Remove(s.noncesFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget the overrides of before: %w", err)
	}
	return syncDir(string(s))
}

// issue makes a nonce and has it on disk before it returns.
func (n *nonces) issue(t instant) (nonce, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	waiting := slices.DeleteFunc(slices.Clone(n.kept.Waiting), func(w nonce) bool { return n.age(w, t) != nil })
	if len(waiting) >= noncesMost {
		if since := t.wall.Sub(waiting[0].Made); since >= 0 && since < nonceYoung {
			return nonce{}, fmt.Errorf("this device was asked for %d numbers for overrides within a minute; ask again later", noncesMost)
		}
		waiting = waiting[len(waiting)-noncesMost+1:]
	}
	made := nonce{Nonce: rand.Text(), Made: t.wall.UTC(), Boot: t.boot, Begun: n.boot}
	return made, n.write(append(waiting, made), n.kept.Spent)
}

// age reports why a nonce is too old, by the clock that says more.
func (n *nonces) age(w nonce, t instant) error {
	age := t.wall.Sub(w.Made)
	switch {
	case age >= nonceLife, w.Begun == n.boot && t.boot-w.Boot >= nonceLife:
		return fmt.Errorf("its number was made by this device more than %d hours ago", int(nonceLife.Hours()))
	case age < -clockSkew, w.Begun == n.boot && t.boot < w.Boot:
		return errors.New("the clock of this device was set back since its number was made")
	}
	return nil
}

// usable reports why an override with this nonce and number can't be used, or
// nil. The caller holds mu.
func (n *nonces) usable(text string, number int, t instant) error {
	if slices.ContainsFunc(n.kept.Spent, func(s spentOverride) bool { return s.Number == number || s.Nonce == text }) {
		return errors.New("it was used before")
	}
	i := slices.IndexFunc(n.kept.Waiting, func(w nonce) bool { return w.Nonce == text })
	if i < 0 {
		return errors.New("its number is none that this device has made for an override")
	}
	return n.age(n.kept.Waiting[i], t)
}

// spend uses up an override: for good, and on disk, before it returns nil. On
// an error nothing may open.
func (n *nonces) spend(o wire.Override, t instant) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.usable(o.Nonce, o.Number, t); err != nil {
		return err
	}
	waiting := slices.DeleteFunc(slices.Clone(n.kept.Waiting), func(w nonce) bool { return w.Nonce == o.Nonce })
	spent := append(slices.Clone(n.kept.Spent), spentOverride{o.Number, o.Nonce, t.wall.UTC()})
	return n.write(waiting, spent[max(0, len(spent)-spentMost):])
}

// write keeps both lists on disk, and only then in memory. The caller holds mu.
func (n *nonces) write(waiting []nonce, spent []spentOverride) error {
	next := n.kept
	next.Waiting, next.Spent = waiting, spent
	text, err := json.MarshalIndent(next, "", "  ")
	if err == nil {
		err = writeFile(n.path, append(text, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("this device can't keep which overrides were used: %w", err)
	}
	n.kept = next
	return nil
}
