package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"accord/config"
	"accord/wire"
)

// Why a device does not take a list of supervisors, or an override.
const (
	rosterNone = "This device has pinned no list of supervisors, so no override can open it. Its owner names them in agent.supervisors, or joins the gateway again with a new token once it has supervisors."
	rosterOwn  = "The owner of this device names its supervisors in agent.supervisors, so it takes no list from the gateway."
)

// supervisors are those whose override this device honours: pinned when it
// joined, from then on replaced only by a list that those before have signed;
// or named by the device's owner, whom no gateway overrules.
type supervisors struct {
	path string
	own  bool // the owner's; never replaced

	mu   sync.Mutex // guards list, and the file
	list wire.Roster
}

func (s state) supervisorsFile() string { return filepath.Join(string(s), "supervisors.json") }

// supervisors loads the pinned list, or takes the owner's. Version 0 is none.
// One that is there but can't be read is an error: whoever could damage it must
// not become able to have a first one pinned.
func (s state) supervisors(cfg Config, organisation string) (*supervisors, error) {
	p := &supervisors{path: s.supervisorsFile()}
	if len(cfg.Supervisors) > 0 {
		p.own = true
		var err error
		p.list, err = cfg.roster(organisation)
		return p, err
	}
	text, err := os.ReadFile(p.path)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the pinned supervisors: %w", err)
	}
	var kept signedList
	if err = json.Unmarshal(text, &kept); err == nil {
		p.list, err = wire.ParseRoster([]byte(kept.Statement))
	}
	if err == nil && p.list.Organisation != organisation {
		err = errors.New("they are those of another organisation")
	}
	if err != nil {
		return nil, fmt.Errorf("the pinned supervisors in %s can't be used (%w): restore the file, or join again", p.path, err)
	}
	return p, nil
}

// signedList is a list on disk, as texts that `ssh-keygen -Y verify` can be
// given.
type signedList struct {
	Statement  string   `json:"statement"`
	Signatures []string `json:"signatures,omitempty"` // by those of the list before; none under the first
}

func (s state) pinSupervisors(r wire.SignedRoster) error {
	kept := signedList{Statement: string(r.Statement)}
	for _, sig := range r.Signatures {
		kept.Signatures = append(kept.Signatures, string(sig))
	}
	text, err := json.MarshalIndent(kept, "", "  ")
	if err == nil {
		err = writeFile(s.supervisorsFile(), append(text, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("keep the list of supervisors: %w", err)
	}
	return nil
}

// joined pins the list that came with an enrolment, or none: what was pinned
// for another gateway, or for this one before its owner joined again, counts no
// longer.
func (s state) joined(w *wire.Welcome, cfg Config) (wire.Roster, error) {
	if len(w.Roster) == 0 || len(cfg.Supervisors) > 0 {
		if err := os.Remove(s.supervisorsFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return wire.Roster{}, fmt.Errorf("forget the supervisors of before: %w", err)
		}
		return cfg.roster(w.Organisation)
	}
	r, err := wire.ParseRoster(w.Roster)
	if err == nil && r.Organisation != w.Organisation {
		err = errors.New("it is that of another organisation")
	}
	if err != nil {
		return r, fmt.Errorf("the gateway's list of supervisors can't be pinned: %w", err)
	}
	return r, s.pinSupervisors(wire.SignedRoster{Statement: w.Roster})
}

// current is the list in force; version 0 is none.
func (p *supervisors) current() wire.Roster {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.list
}

// take replaces the list by those that came after it, in order, as far as they
// are good, and says where it stands then. The last good one is on disk before
// it counts.
func (p *supervisors) take(chain []wire.SignedRoster) *wire.Pinned {
	p.mu.Lock()
	defer p.mu.Unlock()
	answer := func(sentence string) *wire.Pinned { return &wire.Pinned{Version: p.list.Version, Sentence: sentence} }
	switch {
	case p.own:
		return answer(rosterOwn)
	case p.list.Version == 0:
		return answer(rosterNone)
	}
	list, last, refused := p.list, wire.SignedRoster{}, error(nil)
	for _, signed := range chain {
		next, err := succeed(list, signed)
		if err != nil {
			refused = err
			break
		}
		list, last = next, signed
	}
	if list.Version > p.list.Version {
		if err := state(filepath.Dir(p.path)).pinSupervisors(last); err != nil {
			return answer(sentence(err))
		}
		p.list = list
	}
	if refused != nil {
		return answer(sentence(refused))
	}
	return answer("")
}

// succeed is the list that follows another: the next version, of the same
// organisation, signed by as many of the one before as that one wants for an
// override.
func succeed(before wire.Roster, signed wire.SignedRoster) (wire.Roster, error) {
	next, err := wire.ParseRoster(signed.Statement)
	switch {
	case err != nil:
		return next, fmt.Errorf("the new list of supervisors makes no sense: %w", err)
	case next.Version != before.Version+1:
		return next, fmt.Errorf("this device has list %d of the supervisors; list %d does not follow it", before.Version, next.Version)
	case next.Organisation != before.Organisation:
		return next, fmt.Errorf("list %d of the supervisors is that of another organisation", next.Version)
	}
	if _, err := before.Signed(wire.NamespaceRoster, signed.Statement, signed.Signatures); err != nil {
		return next, fmt.Errorf("list %d of the supervisors is not signed by those of list %d: %w", next.Version, before.Version, err)
	}
	return next, nil
}

// roster is the owner's own list; version 0 where there is none.
func (c Config) roster(organisation string) (wire.Roster, error) {
	if len(c.Supervisors) == 0 {
		return wire.Roster{}, nil
	}
	r := wire.Roster{Version: 1, Organisation: organisation, Signers: c.OverrideSigners, Made: time.Unix(0, 0)}
	for i, line := range c.Supervisors {
		s, err := supervisor(line)
		if err != nil {
			return wire.Roster{}, config.Badf(fmt.Sprintf("supervisors[%d]", i), "%s", err)
		}
		r.Supervisors = append(r.Supervisors, s)
	}
	r.Sort()
	if err := r.Check(); err != nil {
		return wire.Roster{}, config.Badf("supervisors", "%s", err)
	}
	return r, nil
}

// supervisor reads "NAME KEYTYPE KEY", with a comment behind it or none.
func supervisor(line string) (wire.Supervisor, error) {
	name, rest, _ := strings.Cut(line, " ")
	key, _, options, more, err := ssh.ParseAuthorizedKey([]byte(rest))
	if err != nil || len(options) > 0 || len(more) > 0 || name == "" || wire.Clean(name, wire.MaxName) != name {
		return wire.Supervisor{}, fmt.Errorf(`%.60q is no supervisor; write a name and a public key, such as "bob ssh-ed25519 AAAA…"`, line)
	}
	return wire.Supervisor{Name: name, Key: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))}, nil
}
