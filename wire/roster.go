package wire

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// NamespaceRoster is that of an old supervisor's signature under a new
// [Roster].
const NamespaceRoster = "roster@accord"

// rosterTitle begins the statement, with its version.
const rosterTitle = "accord roster 1"

// maxSupervisors bounds the supervisors of a roster.
const maxSupervisors = 64

// Roster is the list of supervisors that a device has pinned: who may sign an
// [Override], and how many must. The first one comes with the enrolment or
// from the device's own configuration; each later one counts only with the
// signatures of supervisors of the one before it.
type Roster struct {
	Version      int // counts up by one
	Organisation string
	Signers      int // that an override needs, 1 or 2
	Made         time.Time
	Supervisors  []Supervisor // by name, then key
}

// Supervisor is one key of a roster.
type Supervisor struct {
	Name string
	Key  string // authorized_keys form without a comment
}

// SignedRoster is a [Roster] with the signatures of supervisors of the version
// before: as many as that one wants for an override, or one supervisor alone
// could make a list on which one is enough. The first has none.
type SignedRoster struct {
	Statement  []byte   `json:"statement"`
	Signatures [][]byte `json:"signatures,omitempty"` // armored SSHSIG
}

// Text is the statement in the one spelling that is signed.
func (r Roster) Text() []byte {
	w := newTextWriter(rosterTitle)
	w.number("version", r.Version)
	w.line("organisation", r.Organisation)
	w.number("signers", r.Signers)
	w.time("made", r.Made)
	for _, s := range r.Supervisors {
		w.line("supervisor", s.Name+" "+s.Key)
	}
	return w.text()
}

// ParseRoster reads a statement and refuses one that is not in its one
// spelling or says what can't be.
func ParseRoster(text []byte) (Roster, error) {
	t := newTextReader(rosterTitle, text)
	r := Roster{
		Version: t.number("version"), Organisation: t.line("organisation"), Signers: t.number("signers"), Made: t.time("made"),
	}
	for t.has("supervisor") && len(r.Supervisors) <= maxSupervisors {
		name, key, _ := strings.Cut(t.line("supervisor"), " ")
		r.Supervisors = append(r.Supervisors, Supervisor{Name: name, Key: key})
	}
	if err := t.end(text, r.Text()); err != nil {
		return Roster{}, fmt.Errorf("roster: %w", err)
	}
	if err := r.Check(); err != nil {
		return Roster{}, err
	}
	return r, nil
}

// Check refuses what no roster may say.
func (r Roster) Check() error {
	switch {
	case r.Version < 1:
		return errors.New("the list of supervisors has no version")
	case r.Organisation == "" || Clean(r.Organisation, MaxName) != r.Organisation:
		return errors.New("the list of supervisors names no organisation")
	case r.Signers < 1 || r.Signers > OverrideSigners:
		return fmt.Errorf("the list of supervisors wants %d signatures; 1 to %d are allowed", r.Signers, OverrideSigners)
	case len(r.Supervisors) == 0 || len(r.Supervisors) > maxSupervisors:
		return fmt.Errorf("the list holds %d supervisors; 1 to %d are allowed", len(r.Supervisors), maxSupervisors)
	}
	if !slices.IsSortedFunc(r.Supervisors, compareSupervisors) {
		return errors.New("the list of supervisors is not in order")
	}
	seen := make(map[string]bool, len(r.Supervisors))
	for _, s := range r.Supervisors {
		key, _, _, rest, err := ssh.ParseAuthorizedKey([]byte(s.Key))
		if err != nil || len(rest) > 0 || strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))) != s.Key {
			return fmt.Errorf("the key of supervisor %s can't be read", Clean(s.Name, MaxName))
		}
		if s.Name == "" || strings.Contains(s.Name, " ") || Clean(s.Name, MaxName) != s.Name || seen[s.Key] {
			return errors.New("a supervisor has no name, or a key stands twice")
		}
		seen[s.Key] = true
	}
	return nil
}

// Sort puts the supervisors in the order of the one spelling.
func (r *Roster) Sort() { slices.SortFunc(r.Supervisors, compareSupervisors) }

func compareSupervisors(a, b Supervisor) int {
	if c := strings.Compare(a.Name, b.Name); c != 0 {
		return c
	}
	return strings.Compare(a.Key, b.Key)
}

// Signer is the supervisor of this roster whose key made an armored SSHSIG
// over a statement in a namespace.
func (r Roster) Signer(namespace string, statement, armored []byte) (Supervisor, error) {
	for _, s := range r.Supervisors {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(s.Key))
		if err != nil {
			continue // Check refused it
		}
		if Verify(key, namespace, statement, armored) == nil {
			return s, nil
		}
	}
	return Supervisor{}, fmt.Errorf("%w: no supervisor on the list made it", ErrSignature)
}

// Signed names who of this roster signed a statement. Each signature must be
// one of theirs, no two of one person or by one key, and there must be as many
// as the roster wants. All failures are [ErrSignature].
func (r Roster) Signed(namespace string, statement []byte, signatures [][]byte) ([]Supervisor, error) {
	if len(signatures) > OverrideSigners {
		return nil, fmt.Errorf("%w: there are %d signatures, %d at most are allowed", ErrSignature, len(signatures), OverrideSigners)
	}
	var by []Supervisor
	for _, armored := range signatures {
		s, err := r.Signer(namespace, statement, armored)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(by, func(o Supervisor) bool { return o.Name == s.Name || o.Key == s.Key }) {
			return nil, fmt.Errorf("%w: %s signed twice", ErrSignature, s.Name)
		}
		by = append(by, s)
	}
	if len(by) < r.Signers {
		return nil, fmt.Errorf("%w: %d supervisors must sign, %d did", ErrSignature, r.Signers, len(by))
	}
	return by, nil
}
