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
	// Tell is told how a host fares; never by two at once.
	Tell func(Progress)
}

// Stage is where a host is.
type Stage string

// The stages of a host, the last four of which are ends.
const (
	Looking Stage = "looking"
	Waiting Stage = "waiting"
	Copying Stage = "copying"
	Joining Stage = "joining"
	Joined  Stage = "joined"
	Updated Stage = "updated"
	Same    Stage = "same"
	Failed  Stage = "failed"
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
	mu sync.Mutex // guards Tell
}

// Run pushes to all hosts and returns an outcome for each, in their order.
func Run(ctx context.Context, o Options) []Outcome {
	r := &run{Options: o}
	targets := make([]*target, len(o.Hosts))
	for i, host := range o.Hosts {
		targets[i] = &target{run: r, host: host}
	}
	defer func() {
		r.each(targets, func(t *target) { r.Shell.close(t.line, t.host) })
	}()
	r.each(targets, func(t *target) { t.look(ctx) })
	r.invite(ctx, targets)
	r.each(targets, func(t *target) { t.install(ctx) })
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

// invite asks for as many tokens as are needed, at once.
func (r *run) invite(ctx context.Context, targets []*target) {
	var want []*target
	for _, t := range targets {
		if !t.ended() && t.pin == nil {
			want = append(want, t)
		}
	}
	if len(want) == 0 {
		return
	}
	address, tokens, err := r.Tokens(ctx, len(want))
	if err == nil && len(tokens) < len(want) {
		err = fmt.Errorf("the gateway gave %d tokens for %d hosts", len(tokens), len(want))
	}
	for i, t := range want {
		if err != nil {
			t.fail(err)
			continue
		}
		t.address, t.token = address, tokens[i]
	}
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
