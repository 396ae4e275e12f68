package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"accord/agent/far"
	"accord/agent/proc"
	"accord/agent/surface"
	"accord/config"
	"accord/tui"
	"accord/wire"
)

// StandIn is what speaks for a device without an agent. It runs beside the
// gateway and speaks an agent's half of the protocol with it, by an agent's own
// rules: the same judge, desk, receipts and screens. It is weaker than an agent
// in what it is, not in what it does: whoever rules the machine that it runs on
// rules it too, so in the end the gateway judges, and the device can't check.
//
// Its only surface is the session with which the device's user holds the link;
// where nobody is there, nobody is asked, and that is a no.
type StandIn struct {
	Folder       string        // of its key and its receipts
	Device       string        // its name
	Organisation string        // that it has joined
	Gateway      ssh.PublicKey // the only key that it admits
	// Call connects to the gateway, which is then served as by any agent.
	Call func(context.Context) (net.Conn, error)
	// The device's own sshd, see [far.Device].
	Dial    func(context.Context) (net.Conn, error)
	Login   string
	Key     ssh.Signer
	HostKey ssh.PublicKey
	// Authorize is the line for authorized_keys that lets Key in.
	Authorize string
	// Terminal is the user's; nil where nobody is there. Without one, lines for
	// whoever started the session go to Out.
	Terminal *tui.Terminal
	Out      io.Writer
	Locale   string
	// Owner is the owner's file, which lets technicians in; nil for none.
	Owner []byte
	Log   *slog.Logger
}

// Of a stand-in.
var (
	errNoOverride = errors.New("this device has no agent, so no override opens it: only its user's yes does, or its owner's file")
	errHungUp     = errors.New("the gateway has hung up")
)

// farStanding stands in the receipt of a visit that the owner's file opened.
const farStanding = "This device has no agent. Its gateway judged by the file that the device's owner sent when the link was made; the device itself did not check it."

// ownersFile is what of an agent's configuration the owner of a device without
// one may send: the same keys, and no others.
type ownersFile struct {
	Agent struct {
		Class    string     `toml:"class"`
		Standing []Standing `toml:"standing"`
	} `toml:"agent"`
}

// Check refuses what can't be, as an agent's own configuration does.
func (f *ownersFile) Check() error {
	c := Config{Class: f.Agent.Class, Standing: f.Agent.Standing}
	if err := c.checkStanding(); err != nil {
		return config.Under("agent", err)
	}
	offered := (&Agent{far: &far.Device{}}).capabilities()
	for i, s := range f.Agent.Standing {
		for n, name := range s.Capabilities {
			if !has(offered, wire.Capability(name)) {
				return config.Badf(fmt.Sprintf("agent.standing[%d].capabilities[%d]", i, n), "%.60q is nothing that a device without an agent offers", name)
			}
		}
	}
	return nil
}

func has(list []wire.Capability, c wire.Capability) bool {
	for _, l := range list {
		if l == c {
			return true
		}
	}
	return false
}

// readOwner reads the owner's file, strictly.
func readOwner(text []byte) (*ownersFile, error) {
	f := &ownersFile{}
	f.Agent.Class = wire.Attended
	if text == nil {
		return f, nil
	}
	if err := config.ReadText("the owner's file", string(text), f); err != nil {
		return nil, err
	}
	if len(f.Agent.Standing) == 0 {
		return nil, errors.New("the owner's file lets nobody in: it has no [[agent.standing]], so there is nothing to hold the link for")
	}
	return f, nil
}

// Run logs in at the device's sshd once, to see that it can, and then stands in
// for the device until the user leaves, the link ends or ctx does. When it
// returns nothing of its visits is left here. An error is a sentence for the
// user; nil means that they left.
func (s StandIn) Run(ctx context.Context) error {
	owner, err := readOwner(s.Owner)
	if err != nil {
		return err
	}
	version, err := s.probe(ctx)
	if err != nil {
		return err
	}
	a, err := s.agent(owner)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer a.desk.edges.Wait()
	var parts sync.WaitGroup
	defer parts.Wait()
	ended := make(chan error, 1)
	parts.Go(func() {
		err := s.serve(ctx, a, version)
		ended <- err
		cancel()
	})
	if s.Terminal == nil {
		return <-ended
	}
	shown := reside(ctx, a.inProcess(&parts), s.Terminal, stay{surface: "ssh"}, nil)
	cancel()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	if shown != nil && !errors.Is(shown, tui.ErrLeft) && !errors.Is(shown, context.Canceled) {
		return shown
	}
	return nil
}

// probe tells a device that can be reached from one that can't, before anybody
// is told that it is there.
func (s StandIn) probe(ctx context.Context) (version string, err error) {
	c, err := s.device().Connect(ctx)
	if errors.Is(err, far.ErrLogin) {
		return "", fmt.Errorf("%w; add this line to ~%s/.ssh/authorized_keys there: %s", err, s.Login, s.Authorize)
	}
	if err != nil {
		return "", err
	}
	defer c.Close()
	return c.Version(), nil
}

func (s StandIn) device() far.Device {
	return far.Device{Dial: s.Dial, Login: s.Login, Key: s.Key, HostKey: s.HostKey}
}

// agent is an agent whose programs run on the device, and whose users are those
// of the session.
func (s StandIn) agent(owner *ownersFile) (*Agent, error) {
	cfg := Defaults()
	// All of these would be those of the gateway's machine.
	cfg.Facts, cfg.Surfaces = factsNone, nil
	cfg.State, cfg.Name, cfg.Class, cfg.Standing = s.Folder, s.Device, owner.Agent.Class, owner.Agent.Standing
	device := s.device()
	a := &Agent{
		cfg: cfg, log: s.Log, judge: newJudge(), far: &device, supervisors: &supervisors{},
		user: farAccount(s.Login),
		pin:  &Pin{Device: s.Device, Organisation: s.Organisation},
	}
	var err error
	if a.state, err = openState(cfg.State); err != nil {
		return nil, err
	}
	if a.key, err = a.state.deviceKey(); err != nil {
		return nil, err
	}
	if a.ledger, err = a.state.ledger(a.key); err != nil {
		return nil, err
	}
	a.replays = a.state.replays(proc.Account{})
	a.desk = newDesk(a, &sessionLines{s})
	return a, nil
}

// serve calls the gateway once and serves until one of the two hangs up. It does
// not call again: whoever holds the link starts it anew.
func (s StandIn) serve(ctx context.Context, a *Agent, version string) error {
	conn, err := s.Call(ctx)
	if err != nil {
		return err
	}
	hello := a.introduction()
	hello.OS, hello.Arch, hello.Agent, hello.Labels = "", "", "no agent, "+version, nil
	kept := make(chan error, 1)
	l := &link{agent: a, key: a.key, hello: hello, admit: func(key ssh.PublicKey) bool {
		return bytes.Equal(key.Marshal(), s.Gateway.Marshal())
	}}
	err = l.serve(ctx, conn, func(w *wire.Welcome) {
		// From here on no other stand-in of this device is there, and the
		// folder is this one's.
		err := a.ledger.interrupted(time.Now().UTC())
		kept <- err
		if err != nil {
			_ = conn.Close()
			return
		}
		a.desk.connected(w)
		if s.Terminal == nil {
			(&sessionLines{s}).say(tui.AgentlessHeld(s.phrases(), w.Device, w.Organisation))
		}
	})
	a.desk.disconnected(time.Now())
	select {
	case kerr := <-kept:
		if kerr != nil {
			return kerr
		}
	default:
	}
	denied := (*deniedError)(nil)
	switch {
	case errors.As(err, &denied):
		return errors.New(denied.Sentence)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return errHungUp
}

// inProcess is a dialer to this agent's desk: no socket is there that anybody
// else could open.
func (a *Agent) inProcess(parts *sync.WaitGroup) dialer {
	return func(ctx context.Context) (*local, error) {
		ours, theirs := net.Pipe()
		c := &client{desk: a.desk, conn: theirs, who: a.user.Identity(), out: make(chan toClient, clientQueue)}
		parts.Go(func() { c.serve(ctx) })
		return newLocal(ours), nil
	}
}

func (s StandIn) phrases() *tui.Phrases { return tui.PhrasesFor(s.Locale) }

// sessionLines are the surfaces of a stand-in besides the screen in its session:
// none. What would be a line on a terminal is written to a session without one,
// and reaches nobody who could answer.
type sessionLines struct{ StandIn }

func (l *sessionLines) Open(context.Context, string, <-chan struct{}) error {
	return surface.ErrNobody
}

func (l *sessionLines) Notes(func(error)) {}

func (l *sessionLines) Edge(context.Context, string) {}

func (l *sessionLines) Locked(context.Context, string) bool { return false }

func (l *sessionLines) Restore(context.Context) {}

func (l *sessionLines) Close() {}

func (l *sessionLines) Line(_ context.Context, text string) int {
	l.say(text)
	return 0
}

// nobody is the answer where the link is held without a terminal: nobody can come
// to it later either.
func (l *sessionLines) nobody(q question) given {
	l.say(tui.LineToAnswer(l.phrases(), tui.Prompt{
		Agentless: true, Technician: q.req.Technician.Name, Full: q.req.Technician.Full, Organisation: q.req.Organisation,
	}))
	q.tell(wire.Prompt{State: wire.Nobody})
	return noAnswer("Nobody is at this device, and its owner's file does not allow this.")
}

func (l *sessionLines) say(text string) {
	if l.Terminal == nil && l.Out != nil {
		_, _ = io.WriteString(l.Out, strings.TrimRight(text, "\n")+"\n")
	}
}

func (l *sessionLines) Phrases() *tui.Phrases { return l.phrases() }
