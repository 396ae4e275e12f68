// Package push brings the agent to hosts over the admin's own ssh: it copies the
// program that fits, installs it as the packages do, and lets the host join. What
// is done on a host is in look.sh, which changes nothing, and install.sh.
package push

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

//go:embed look.sh
var lookScript string

//go:embed install.sh
var installScript string

// Options say what to do.
type Options struct {
	Hosts    []string
	Home     bool   // for the account alone that is logged in to, without root
	Name     string // that the device wishes for; empty: the host's own
	Settings string // the text of a new configuration
	User     string // the account whose person answers, in a new configuration
	Parallel int    // hosts at once, at least 1
	Shell    *Shell
	Programs Programs
	// Gateway is the fingerprint of the gateway's key. Tokens are as many tokens,
	// each for one host, and the address where devices call it.
	Gateway string
	Tokens  func(ctx context.Context, n int) (address string, tokens []string, err error)
	// Devices are the devices of these names as the gateway sees them now; nil:
	// nobody can ask it.
	Devices func(ctx context.Context, names []string) ([]Device, error)
	// Tell is told how a host fares; never by two at once.
	Tell func(Progress)
}

// Stage is where a host is.
type Stage string

// The stages of a host, the last four of which are ends.
const (
	Looking  Stage = "looking"
	Waiting  Stage = "waiting"
	Copying  Stage = "copying"
	Joining  Stage = "joining"
	Awaiting Stage = "awaiting" // that the gateway sees it online
	Joined   Stage = "joined"
	Updated  Stage = "updated"
	Same     Stage = "same"
	Failed   Stage = "failed"
)

// Progress is news of one host.
type Progress struct {
	Host        string
	Stage       Stage
	Done, Total int64 // bytes, while copying
}

// Outcome is what came of one host.
type Outcome struct {
	Host     string `json:"host"`
	Outcome  Stage  `json:"outcome"`
	Device   string `json:"device,omitempty"`
	Version  string `json:"version,omitempty"`
	From     string `json:"from,omitempty"`     // the version before
	Sentence string `json:"sentence,omitempty"` // why it failed, or what is left to do
}

// run is one push.
type run struct {
	Options
	mu      sync.Mutex // guards Tell
	invites invitations
}

// Run pushes to all hosts and returns an outcome for each, in their order. Each
// host goes its own way, so that a slow one holds up nobody while there are places.
func Run(ctx context.Context, o Options) []Outcome {
	r := &run{Options: o}
	targets := make([]*target, len(o.Hosts))
	for i, host := range o.Hosts {
		targets[i] = &target{run: r, host: host}
	}
	defer func() {
		r.each(targets, func(t *target) { r.Shell.close(t.line, t.host) })
	}()
	started := make(chan *target, len(targets))
	go func() {
		defer close(started)
		r.each(targets, func(t *target) {
			t.look(ctx)
			t.invite(ctx)
			t.install(ctx)
			if t.due() {
				t.late = time.Now().Add(arrivalLimit)
				started <- t
			}
		})
	}()
	absent := r.await(ctx, started)
	r.each(absent, func(t *target) { t.missed(ctx) })
	outcomes := make([]Outcome, len(targets))
	for i, t := range targets {
		outcomes[i] = t.outcome
	}
	return outcomes
}

// each does something on all targets, a bounded number at once.
func (r *run) each(targets []*target, do func(*target)) {
	var all sync.WaitGroup
	places := make(chan struct{}, r.Parallel)
	for _, t := range targets {
		places <- struct{}{}
		all.Go(func() {
			do(t)
			<-places
		})
	}
	all.Wait()
}

// invitations are the tokens of a push. They are asked for when a host needs one,
// for all hosts that wait for one at that moment, so that none is made for nothing
// and a gateway with many hosts is not asked for each.
type invitations struct {
	waiting atomic.Int32
	mu      sync.Mutex // guards the rest
	address string
	tokens  []string
	err     error // the first, which is that of all others
}

// one is a token and where to go with it.
func (i *invitations) one(ctx context.Context, ask func(context.Context, int) (string, []string, error)) (string, string, error) {
	i.waiting.Add(1)
	defer i.waiting.Add(-1)
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.tokens) == 0 && i.err == nil {
		n := int(i.waiting.Load())
		i.address, i.tokens, i.err = ask(ctx, n)
		if i.err == nil && len(i.tokens) < n {
			i.err = fmt.Errorf("the gateway gave %d tokens for %d hosts", len(i.tokens), n)
		}
	}
	if i.err != nil {
		return "", "", i.err
	}
	token := i.tokens[0]
	i.tokens = i.tokens[1:]
	return i.address, token, nil
}

func (r *run) tell(p Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Tell(p)
}

// fingerprint is that of a key as authorized_keys has it.
func fingerprint(line string) (string, error) {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return "", errors.New("the key of its gateway can't be read: let it join anew there, with accord join")
	}
	return ssh.FingerprintSHA256(key), nil
}
