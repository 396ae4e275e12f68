package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/policy"
	"accord/recordings"
	"accord/tui"
	"accord/wire"
)

// person is who is at the other end of a connection, by the key that finished
// its handshake. Roles are those of that moment: whoever asks what somebody may
// do now asks [session.me] or [law.find].
type person struct {
	policy.Person
	key         gossh.PublicKey // or the certificate
	fingerprint string          // of the key that was proved, a certificate's too
	principals  []string        // of the certificate, but for the one that names the person
	certificate string          // what the log calls it; empty: a plain key
	address     string          // where they come from
	reached     net.Addr        // where they reached the gateway
	client      string          // what their SSH client calls itself, clean
}

// session is one session channel of a technician's connection (RFC 4254,
// section 6). Its story runs once, started by "shell" or "exec"; requests are
// taken all the while.
type session struct {
	caller
	cancel context.CancelCauseFunc
	ch     gossh.Channel
	in     *tui.Input
	window *tui.Window
	banner *tui.Banner

	mu      sync.Mutex // guards caller.env too, until it has started
	pty     []byte     // payload of pty-req, handed on as it came
	term    string
	command string
	// subsystem is what was asked for in place of a command or a shell.
	subsystem string
	started   bool
	relay     chan<- passed     // where window changes and signals go, if anywhere
	shell     *recordings.Shell // where window changes are recorded
	held      func() bool       // nothing goes there but window changes

	program string  // the last that ran on a device, "" for a login shell; the story's own
	exit    outcome // of it; likewise
}

// Limits of what a client may ask for before it is told no.
const (
	maxEnv      = 64
	maxEnvBytes = 4 << 10
	maxCommand  = 32 << 10
)

// serveSession runs a session until its story is over or its client is gone.
func (g *Gateway) serveSession(ctx context.Context, p person, user string, nc gossh.NewChannel) {
	ch, reqs, err := nc.Accept()
	if err != nil {
		return
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s := &session{
		caller: caller{gateway: g, person: p, user: user}, cancel: cancel, ch: ch, window: tui.NewWindow(tui.Size{}), banner: tui.NewBanner(),
	}
	s.tell = s.say
	g.sessions.add(s)
	defer g.sessions.remove(s)
	if _, why := g.stands(g.law(), p); why != "" {
		cancel(ending{byPolicy, why}) // the law has changed since they were let in
	}
	over := make(chan struct{})
	defer close(over)
	defer context.AfterFunc(g.ctx, func() { s.leaveStopped(over) })()
	s.serve(reqs, func() int {
		status := s.run(ctx)
		s.sayEnded(ctx)
		return status
	})
}

// leaveStopped ends a session when the gateway is being stopped. A visit ends by
// itself and says so, for which there is half of the time until the connection is
// closed ([showOut]); a screen that waits for a key does not, and would leave its
// terminal as screens have it.
func (s *session) leaveStopped(over <-chan struct{}) {
	timer := time.NewTimer(wire.Settle / 2)
	defer timer.Stop()
	select {
	case <-over:
	case <-timer.C:
		s.cancel(context.Cause(s.gateway.ctx))
	}
}

// serve takes requests until the client is gone, and has the session's story
// told when one asks for it. It ends the session's context.
func (s *session) serve(reqs <-chan *gossh.Request, run func() int) {
	var story sync.WaitGroup
	for req := range reqs {
		ok := s.request(req)
		if req.WantReply {
			_ = req.Reply(ok, nil)
		}
		if ok && (req.Type == "shell" || req.Type == "exec" || req.Type == "subsystem") {
			s.in = tui.NewInput(s.ch)
			story.Go(func() { s.finish(run()) })
		}
	}
	s.cancel(errGone)
	_ = s.ch.Close()
	story.Wait()
	if s.in != nil {
		s.in.Close()
	}
}

// sayEnded says why the gateway has ended the session.
func (s *session) sayEnded(ctx context.Context) {
	if why, ok := errors.AsType[ending](context.Cause(ctx)); ok && why.by == byPolicy {
		s.say(why.cause)
	} else if _, gone := s.gateway.stands(s.gateway.law(), s.person); gone != "" {
		s.say(gone)
	}
}

// finish says how it went and closes. A signal that ended the program is
// handed on as the device told it.
func (s *session) finish(status int) {
	if len(s.exit.signal) > 0 {
		_, _ = s.ch.SendRequest("exit-signal", false, s.exit.signal)
		_ = s.ch.Close()
		return
	}
	_, _ = s.ch.SendRequest("exit-status", false, gossh.Marshal(struct{ Status uint32 }{uint32(status)}))
	_ = s.ch.Close()
}

// request deals with one request. Agent forwarding, X11 and what is not listed
// is refused.
func (s *session) request(req *gossh.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch req.Type {
	case "env":
		return !s.started && s.setenv(req.Payload)
	case "pty-req":
		return !s.started && s.pty == nil && s.allocate(req.Payload)
	case "window-change":
		return s.resize(req)
	case "signal":
		return s.relay != nil && !s.held() && s.pass(req)
	case "shell":
		return s.start("")
	case "subsystem":
		var m struct{ Name string }
		return gossh.Unmarshal(req.Payload, &m) == nil && len(m.Name) <= wire.MaxName && m.Name != "" && s.startSubsystem(m.Name)
	case "exec":
		var m struct{ Command string }
		return gossh.Unmarshal(req.Payload, &m) == nil && len(m.Command) <= maxCommand && s.start(m.Command)
	}
	return false
}

func (s *session) start(command string) bool {
	if s.started {
		return false
	}
	s.started, s.command = true, command
	return true
}

// startSubsystem begins what a client asks for by a name. One that there is not
// is begun too, to say so: clients show no word of a request that is refused.
func (s *session) startSubsystem(name string) bool {
	if s.started {
		return false
	}
	s.started, s.subsystem = true, name
	return true
}

// setenv keeps what screens and shells need of the technician's environment.
func (s *session) setenv(payload []byte) bool {
	var m struct{ Name, Value string }
	if gossh.Unmarshal(payload, &m) != nil || len(s.env) >= maxEnv || len(m.Name)+len(m.Value) > maxEnvBytes {
		return false
	}
	if !wanted(m.Name) || strings.ContainsRune(m.Value, 0) {
		return false
	}
	s.env = append(s.env, m.Name+"="+m.Value)
	return true
}

func wanted(name string) bool {
	switch name {
	case "LANG", "COLORTERM", "NO_COLOR", "ACCORD_PLAIN", "ACCORD_REASON", "ACCORD_TICKET", "ACCORD_MINUTES":
		return true
	}
	return strings.HasPrefix(name, "LC_")
}

// ptyRequest is the payload of "pty-req" (RFC 4254, section 6.2).
type ptyRequest struct {
	Term                            string
	Columns, Rows, XPixels, YPixels uint32
	Modes                           string
}

func (s *session) allocate(payload []byte) bool {
	var m ptyRequest
	if gossh.Unmarshal(payload, &m) != nil || len(m.Term) > wire.MaxName {
		return false
	}
	s.pty, s.term = append([]byte{}, payload...), m.Term
	s.windowIs(m.Columns, m.Rows, m.XPixels, m.YPixels)
	return true
}

// windowIs takes the size of the client's window, in cells and in dots.
func (s *session) windowIs(columns, rows, x, y uint32) {
	most := func(n uint32) int { return int(min(n, 1<<16)) }
	s.window.SetDots(tui.Size{Width: most(columns), Height: most(rows)}, most(x), most(y))
}

func (s *session) resize(req *gossh.Request) bool {
	var m struct{ Columns, Rows, XPixels, YPixels uint32 }
	if s.pty == nil || gossh.Unmarshal(req.Payload, &m) != nil {
		return false
	}
	s.windowIs(m.Columns, m.Rows, m.XPixels, m.YPixels)
	if s.shell != nil {
		// A recorder that failed has ended the visit; there is no need to say
		// so to who only moved a window.
		_ = s.shell.Resize(int(min(m.Columns, 1<<16)), int(min(m.Rows, 1<<16)))
	}
	s.pass(req)
	return true
}

// passed is a request on its way to the device.
type passed struct {
	kind    string
	payload []byte
}

// maxPassed bounds the requests that wait for a device that does not read.
const maxPassed = 32

// pass hands a request on to the device, without waiting: a device that does
// not read holds up nothing else of its technician. The caller holds mu.
func (s *session) pass(req *gossh.Request) bool {
	if s.relay == nil {
		return false
	}
	select {
	case s.relay <- passed{req.Type, req.Payload}:
		return true
	default:
		return false
	}
}

// passOn sends what was passed until the relay ends or the channel does.
func passOn(ch gossh.Channel, requests <-chan passed) {
	for r := range requests {
		if _, err := ch.SendRequest(r.kind, false, r.payload); err != nil {
			return
		}
	}
}

// terminal is the session as screens see it.
func (s *session) terminal() *tui.Terminal {
	env := append([]string{"TERM=" + s.term}, s.env...)
	return &tui.Terminal{In: s.in, Out: s.ch, Window: s.window, Env: env, Piped: s.pty == nil, Banner: s.banner}
}

// getenv returns what the client set, cleaned.
func (s *session) getenv(name string, limit int) string {
	for i := len(s.env) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(s.env[i], name+"="); ok {
			return wire.Clean(strings.TrimSpace(v), limit)
		}
	}
	return ""
}

// say writes one sentence for the person: on a terminal as a line of its own,
// else on standard error.
func (s *session) say(sentence string) {
	if s.pty != nil {
		_, _ = io.WriteString(s.ch, sentence+"\r\n")
		return
	}
	_, _ = io.WriteString(s.ch.Stderr(), "accord: "+sentence+"\n")
}
