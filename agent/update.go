package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/agent/releases"
	"accord/config"
	"accord/wire"
	"accord/wire/release"
)

// Update is the section [agent.update] of the configuration.
type Update struct {
	// Signers are those whose releases the device takes from its gateway, "NAME
	// KEYTYPE KEY". Nobody: it takes none.
	Signers []string `toml:"signers"`
}

// maxSigners bounds the keys that a release's signature is tried against.
const maxSigners = 16

func (u Update) check() error {
	_, err := u.signers()
	return err
}

func (u Update) signers() ([]release.Signer, error) {
	if len(u.Signers) > maxSigners {
		return nil, config.Badf("signers", "%d keys are too many; up to %d are allowed", len(u.Signers), maxSigners)
	}
	var list []release.Signer
	for i, line := range u.Signers {
		s, err := release.ParseSigner(line)
		if err != nil {
			return nil, config.Badf(fmt.Sprintf("signers[%d]", i), "%s", err)
		}
		list = append(list, s)
	}
	return list, nil
}

// Limits of what a gateway sends.
const (
	// updateStall is how long nothing may come of a release.
	updateStall = time.Minute
	// updateLimit bounds a question about releases, the program that is sent with it
	// included: 30 MB at 4 KB a second.
	updateLimit = 2 * time.Hour
	// idleEvery is how often a device that waits for the end of its visits looks.
	idleEvery = 200 * time.Millisecond
)

// Why a device takes no release.
var (
	errBusyUpdate = errors.New("another release is being received, or waits to be started")
	errNotStarted = errors.New("this agent was not started by `accord agent`, so it can't start another in its place")
)

// onUpdate answers one question about the release that this agent runs. What is
// judged here is a release, not the gateway that offers it: the gateway can ask
// for nothing but what the owner's signers have signed.
func (l *link) onUpdate(ctx context.Context, _ *gossh.ServerConn, nc gossh.NewChannel) {
	switch {
	case l.agent.far != nil:
		_ = nc.Reject(gossh.Prohibited, "this device has no agent")
		return
	case !l.admitted(ctx):
		_ = nc.Reject(gossh.ResourceShortage, "before the hello")
		return
	}
	ch, reqs, err := nc.Accept()
	if err != nil {
		return
	}
	go gossh.DiscardRequests(reqs)
	defer func() { _ = ch.Close() }()
	asking, cancel := context.WithTimeout(ctx, updateLimit)
	defer cancel()
	defer context.AfterFunc(asking, func() { _ = ch.Close() })()
	stall := time.AfterFunc(deviceLimit, func() { _ = ch.Close() })
	defer stall.Stop()
	conn := wire.NewConn(ch)
	question, err := conn.Read()
	if err != nil {
		return
	}
	var answer *wire.ReleaseTaken
	switch m := question.(type) {
	case *wire.AskRelease:
		_ = conn.Write(l.agent.releaseState())
		return
	case *wire.OfferRelease:
		answer = l.agent.offered(asking, conn, stalling{ch, stall}, m)
	case *wire.GoBack:
		answer = l.agent.goBack()
	default:
		return
	}
	answer.Waits = answer.Sentence == "" && !l.departs()
	stall.Reset(deviceLimit)
	if conn.Write(answer) == nil {
		_, _ = io.Copy(io.Discard, ch) // until the gateway has read it, and hung up
	}
	if answer.Sentence == "" {
		l.leaveWhenIdle(ctx)
	}
}

// stalling is a channel that is closed when nothing comes of it for a while.
type stalling struct {
	io.Reader
	timer *time.Timer
}

func (s stalling) Read(p []byte) (int, error) {
	s.timer.Reset(updateStall)
	return s.Reader.Read(p)
}

// offered judges a release, and receives it if it is good.
func (a *Agent) offered(ctx context.Context, conn *wire.Conn, from io.Reader, m *wire.OfferRelease) *wire.ReleaseTaken {
	if !a.updating.TryLock() {
		return untaken(errBusyUpdate)
	}
	defer a.updating.Unlock()
	runs := release.Build{Version: a.version, Made: a.made}
	offer, err := a.releases.Judge(m.Manifest, m.Signature, runs)
	switch {
	case err != nil:
	case a.command == nil:
		err = errNotStarted
	case a.replaced.Load():
		err = errBusyUpdate
	}
	if err == nil {
		a.log.Info("a release is being received", "version", offer.Version(), "signer", offer.Signer())
		if err = conn.Write(&wire.SendRelease{System: runtime.GOOS, Arch: runtime.GOARCH, Size: offer.Size()}); err == nil {
			err = offer.Receive(ctx, from, runs)
		}
	}
	if err != nil {
		a.log.Warn("a release that the gateway offered is not taken", "error", err)
		return untaken(err)
	}
	a.replaced.Store(true)
	a.log.Info("a release is taken, and runs as soon as nobody visits the device", "version", offer.Version(), "signer", offer.Signer())
	return &wire.ReleaseTaken{Version: offer.Version()}
}

func untaken(err error) *wire.ReleaseTaken { return &wire.ReleaseTaken{Sentence: sentence(err)} }

// goBack has what ran before run again.
func (a *Agent) goBack() *wire.ReleaseTaken {
	if !a.updating.TryLock() {
		return untaken(errBusyUpdate)
	}
	defer a.updating.Unlock()
	switch {
	case a.command == nil:
		return untaken(errNotStarted)
	case a.replaced.Load():
		return untaken(errBusyUpdate)
	}
	version, err := a.releases.Back()
	if err != nil {
		return untaken(err)
	}
	a.replaced.Store(true)
	a.log.Info("what ran before is to run again, as soon as nobody visits the device", "version", releases.Named(version))
	return &wire.ReleaseTaken{Version: version}
}

// releaseState says how this device's releases stand.
func (a *Agent) releaseState() *wire.Release {
	a.proven() // the gateway has admitted this one
	s := a.releases.State()
	answer := &wire.Release{Runs: a.version, Failed: s.Failed, Why: s.Why}
	if a.replaced.Load() {
		answer.Next = releases.Named(s.Next)
	}
	return answer
}

// proven notes that a release that this agent was started as has come online.
func (a *Agent) proven() {
	if a.release == "" {
		return
	}
	if err := a.releases.Good(a.release); err != nil {
		a.log.Error("that this release has come online is not kept, and it may be given up", "error", err)
	}
}

// departs takes no visits any more, if there are none; it says whether it does.
func (l *link) departs() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leaving = l.waiting == 0
	return l.leaving
}

// leaveWhenIdle has the agent replaced as soon as nobody visits the device and no
// request waits.
func (l *link) leaveWhenIdle(ctx context.Context) {
	tick := time.NewTicker(idleEvery)
	defer tick.Stop()
	for !l.departs() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return // see callHome
		}
	}
	l.agent.again()
}
