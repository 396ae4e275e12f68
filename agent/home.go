package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"time"

	"golang.org/x/crypto/ssh"

	"accord/wire"
)

// backoff spaces the calls home: full jitter, so that ten thousand devices do
// not come back in one second when a gateway restarts.
type backoff struct {
	first, longest time.Duration
	ceiling        time.Duration
}

// healthy is how long a link must have lasted for the wait to start small again.
const healthy = time.Minute

// next says how long to wait after a link that lasted so long.
func (b *backoff) next(lasted time.Duration) time.Duration {
	if lasted >= healthy || b.ceiling == 0 {
		b.ceiling = b.first
	}
	wait := rand.N(b.ceiling + 1)
	b.ceiling = min(b.ceiling*2, b.longest)
	return wait
}

// redialLongest is the longest wait between two calls; the first is at most
// [Config].Redial.
const redialLongest = 2 * time.Minute

// callHome keeps a link to the gateway until ctx ends.
func (a *Agent) callHome(ctx context.Context) {
	b := backoff{first: a.cfg.Redial, longest: redialLongest}
	for ctx.Err() == nil {
		began := time.Now()
		err := a.link(ctx)
		if ctx.Err() != nil {
			return
		}
		a.desk.disconnected(time.Now())
		if a.replaced.Load() {
			a.again() // what was waited for has ended with the link
			return
		}
		if errors.Is(err, errOffer) {
			continue // the gateway is well, and waits for nothing
		}
		renewed, failed := a.renewed(ctx, err)
		if failed != nil {
			a.log.Error("the device's new key is not taken", "error", failed)
		}
		if renewed && failed == nil {
			continue
		}
		wait := b.next(time.Since(began))
		a.log.Warn("not connected", "error", err, "again_in", wait.Round(time.Second))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}

// link calls once and serves until the connection ends; the error says why it
// did.
func (a *Agent) link(ctx context.Context) error {
	pinned, err := a.pin.gatewayKey()
	if err != nil {
		return err
	}
	conn, err := a.dial(ctx, a.gatewayAddress())
	if err != nil {
		return err
	}
	l := &link{agent: a, key: a.key, hello: a.introduction(), admit: func(key ssh.PublicKey) bool {
		return bytes.Equal(key.Marshal(), pinned.Marshal())
	}}
	return l.serve(ctx, conn, func(w *wire.Welcome) {
		a.log.Info("connected", "gateway", a.gatewayAddress(), "device", w.Device)
		a.desk.connected(w)
		a.proven()
	})
}

// gatewayAddress is where to call: the place of the pin, unless the
// configuration names another way to the same gateway.
func (a *Agent) gatewayAddress() string {
	if a.cfg.Gateway != "" {
		return a.cfg.Gateway
	}
	return a.pin.Address
}

// introduction is what the device says of itself.
func (a *Agent) introduction() wire.Hello {
	h := wire.Hello{
		Agent: a.version, OS: runtime.GOOS, Arch: runtime.GOARCH, Labels: a.cfg.Labels,
		Capabilities: a.capabilities(), Logins: a.logins(), Class: a.cfg.Class,
	}
	for _, action := range a.cfg.Actions {
		h.Actions = append(h.Actions, wire.Action{Name: action.Name, About: action.About})
	}
	if a.supervisors != nil {
		h.Roster = a.supervisors.current().Version
	}
	return h
}

// Enrolment is what a device needs to join a gateway.
type Enrolment struct {
	Address string // host:port that agents call, or wss://HOST
	Token   string // as `ssh GATEWAY enroll` printed it
	Name    string // wished for; empty: the gateway chooses
	// Keep spends no token on a device that has joined this gateway already, and
	// refuses one that has joined another.
	Keep bool
}

// Joined is what came of [Join].
type Joined struct {
	Pin
	// Supervisors may open the device without its user's consent; Signers of
	// them must sign. Nobody where the list is empty.
	Supervisors []string
	Signers     int
}

// Join enrols this device: it calls the gateway that the token names, proves
// itself, spends the token and pins the gateway's key and its supervisors in
// the agent's folder. A device that has joined before keeps its key, and so its
// identity.
func Join(ctx context.Context, opts Options, e Enrolment) (*Joined, error) {
	token, err := wire.ParseToken(e.Token)
	if err != nil {
		return nil, err
	}
	a, err := newAgent(opts)
	if err != nil {
		return nil, err
	}
	if e.Keep {
		if joined, err := a.joined(token.Gateway); joined != nil || err != nil {
			return joined, err
		}
	}
	conn, err := a.dial(ctx, e.Address)
	if err != nil {
		return nil, err
	}
	hello := a.introduction()
	hello.Name, hello.Token = e.Name, token.Secret
	pin, welcome, err := a.enrol(ctx, conn, hello, token.Gateway)
	if err != nil {
		return nil, err
	}
	pin.Address = e.Address
	if err := a.state.forgetNonces(); err != nil {
		return nil, err
	}
	roster, err := a.state.joined(welcome, a.cfg)
	if err != nil {
		return nil, err
	}
	return &Joined{*pin, slices.Compact(names(roster.Supervisors)), roster.Signers}, a.state.savePin(*pin)
}

// joined is what the device is already, at the gateway with this fingerprint;
// nil if it has joined none.
func (a *Agent) joined(fingerprint string) (*Joined, error) {
	pin, err := a.state.pin()
	if errors.Is(err, ErrNotJoined) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	key, err := pin.gatewayKey()
	if err != nil {
		return nil, err
	}
	if ssh.FingerprintSHA256(key) != fingerprint {
		return nil, fmt.Errorf("this device has joined another gateway, of %s: to move it, join without --keep", pin.Organisation)
	}
	s, err := a.state.supervisors(a.cfg, pin.Organisation)
	if err != nil {
		return nil, err
	}
	roster := s.current()
	return &Joined{*pin, slices.Compact(names(roster.Supervisors)), roster.Signers}, nil
}

// Rejoin reports whether this device has joined the gateway with that key
// already, and notes the address where it is now.
func Rejoin(opts Options, address string, gateway ssh.PublicKey) (bool, error) {
	a, err := newAgent(opts)
	if err != nil {
		return false, err
	}
	pin, err := a.state.pin()
	if errors.Is(err, ErrNotJoined) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	key, err := pin.gatewayKey()
	if err != nil || !bytes.Equal(key.Marshal(), gateway.Marshal()) {
		return false, err
	}
	pin.Address = address
	return true, a.state.savePin(*pin)
}

// enrol speaks the one hello of an enrolment and hangs up. The token is said
// only to the gateway whose key has the fingerprint in it.
func (a *Agent) enrol(ctx context.Context, conn net.Conn, hello wire.Hello, fingerprint string) (*Pin, *wire.Welcome, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var pin *Pin
	var welcome *wire.Welcome
	var proved, other ssh.PublicKey
	l := &link{agent: a, key: a.key, hello: hello, admit: func(key ssh.PublicKey) bool {
		if ssh.FingerprintSHA256(key) != fingerprint {
			other = key
			return false
		}
		proved = key
		return true
	}}
	err := l.serve(ctx, conn, func(w *wire.Welcome) {
		// The handshake is finished, and only this one key was admitted in it.
		pin = &Pin{Key: string(bytes.TrimSpace(ssh.MarshalAuthorizedKey(proved))), Device: w.Device, Organisation: w.Organisation}
		welcome = w
		cancel()
	})
	switch {
	case pin != nil:
		return pin, welcome, nil
	case other != nil:
		return nil, nil, fmt.Errorf("the gateway at this address has another key (%s) than the token says (%s): check the address, and ask for a new token if it is right",
			ssh.FingerprintSHA256(other), fingerprint)
	case errors.Is(err, errHandshake):
		return nil, nil, errors.New("what answers at this address does not speak as a gateway does to its agents: check host and port")
	}
	return nil, nil, err
}
