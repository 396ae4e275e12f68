package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/recordings"
	"accord/tui"
	"accord/wire"
)

// relayChunk is how much is moved at once, in bytes.
const relayChunk = 128 << 10

// outcome is how the program on the device ended.
type outcome struct {
	status int
	signal []byte // payload of exit-signal, handed on as it came
	known  bool
}

// errNotStarted reports a program that the device did not start.
var errNotStarted = errors.New("the device did not start it")

// stalled is how long a technician's client may take to read what is left when
// a visit has ended, before it is cut off.
const stalled = time.Second

// relayed bridges a technician's session with a session on the device until
// either ends, and leaves in s.exit how the program ended. Bytes that the
// device sends are in the recording before the technician gets them.
func (s *session) relayed(ctx context.Context, v *visit) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(v.ctx, cancel)()
	if err := s.awaitColleague(ctx, v); err != nil {
		return err
	}
	s.program = v.program(s.command)
	ch, reqs, done, err := v.openSession(ctx, allows(s.program))
	if err != nil {
		return fmt.Errorf("%w: %w", errNotStarted, err)
	}
	defer done()
	cut, uncut := s.cutWith(ctx, ch)
	defer uncut()
	shell, err := v.recordShell(s)
	if err != nil {
		go gossh.DiscardRequests(reqs)
		v.end(cannotRecord(err))
		return err
	}
	if err := s.prepare(ch, shell, v); err != nil {
		go gossh.DiscardRequests(reqs)
		return errors.Join(err, shell.Close(recordings.Exit{Status: -1}))
	}
	in := newHands(ctx, v.audience, ch)
	told, silent := v.tells(s, shell, in)
	if s.pty == nil {
		told.streams = newStreams(shell)
	}
	gone := v.audience.enter(&onStage{shell: shell, name: s.name(), in: in})
	if err = v.introduce(told); err == nil {
		s.exit, err = s.bridge(ch, reqs, told, v, cut)
	}
	gone()
	silent()
	if serr := told.streams.end(v.rec); serr != nil {
		v.end(cannotRecord(serr))
		err = errors.Join(err, serr)
	}
	s.mu.Lock()
	close(s.relay)
	s.relay, s.shell = nil, nil
	s.mu.Unlock()
	ended := recordings.Exit{Status: s.exit.status, Signal: signalName(s.exit.signal)}
	if !s.exit.known {
		ended.Status = -1
	}
	if cerr := shell.Close(ended); cerr != nil && !errors.Is(cerr, recordings.ErrSealed) {
		v.end(cannotRecord(cerr))
		err = errors.Join(err, cerr)
	}
	return err
}

// cutWith closes the device's side when ctx ends, with the visit or with the
// technician. A little later, where one of the two does not read or does not
// close, cut is closed, and the relay waits for neither. The device's side is
// closed when uncut is called, too.
func (s *session) cutWith(ctx context.Context, ch gossh.Channel) (cut <-chan struct{}, uncut func()) {
	late, over := make(chan struct{}), make(chan struct{})
	unhook := context.AfterFunc(ctx, func() {
		// Closing writes, and so may wait as long as the connection lasts.
		go func() { _ = ch.Close() }()
		timer := time.NewTimer(stalled)
		defer timer.Stop()
		select {
		case <-over:
		case <-timer.C:
			close(late)
			_ = s.ch.Close()
		}
	})
	return late, func() {
		close(over)
		if unhook() {
			_ = ch.Close()
		}
	}
}

// recordShell starts the recording of a shell or command.
func (v *visit) recordShell(s *session) (*recordings.Shell, error) {
	size, _ := s.window.Size()
	return v.rec.Shell(recordings.ShellInfo{
		Width: size.Width, Height: size.Height, Term: s.term, Command: s.program, Login: v.req.Login, PTY: s.pty != nil,
	})
}

// prepare asks the device for what the technician's client asked for. From then
// on window changes and signals go there too.
func (s *session) prepare(ch gossh.Channel, shell *recordings.Shell, v *visit) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.env {
		name, value, _ := strings.Cut(e, "=")
		if strings.HasPrefix(name, "ACCORD_") {
			continue
		}
		if _, err := ch.SendRequest("env", false, gossh.Marshal(struct{ Name, Value string }{name, value})); err != nil {
			return fmt.Errorf("prepare a session: %w", err)
		}
	}
	if s.pty != nil {
		if _, err := ch.SendRequest("pty-req", false, s.ptyNow()); err != nil {
			return fmt.Errorf("prepare a session: %w", err)
		}
	}
	requests := make(chan passed, maxPassed)
	s.relay, s.shell, s.held = requests, shell, v.audience.held
	go passOn(ch, requests) // ends with the relay, or with a channel that can't be written to
	return nil
}

// ptyNow is the client's pty-req with the size that its window has by now.
func (s *session) ptyNow() []byte {
	var m ptyRequest
	if gossh.Unmarshal(s.pty, &m) != nil {
		return s.pty // it was read before
	}
	size, _ := s.window.Size()
	m.Columns, m.Rows = uint32(size.Width), uint32(size.Height)
	return gossh.Marshal(m)
}

// bridge starts the program and moves bytes both ways. What it starts ends with
// the two connections at the latest; when cut is closed it is not waited for.
func (s *session) bridge(ch gossh.Channel, reqs <-chan *gossh.Request, r *relayed, v *visit, cut <-chan struct{}) (outcome, error) {
	exits := make(chan outcome, 1)
	go func() { exits <- takeExit(reqs, func(req *gossh.Request) { v.typed(r.shell, req) }) }()
	if !r.in.pass() { // who watched has just left
		return outcome{status: exitFailed}, errGone
	}
	if err := s.startOn(ch, cut); err != nil {
		return outcome{status: exitFailed}, err
	}
	in := s.in.Raw()
	up := make(chan struct{})
	go func() {
		defer close(up)
		sendUp(ch, r, v, in)
	}()
	err := s.bringDown(ch, r, v, cut)
	var exit outcome
	select {
	case exit = <-exits:
	case <-cut:
	}
	_ = in.Close()
	r.in.close()
	select {
	case <-up:
	case <-cut:
	}
	switch {
	case len(exit.signal) > 0:
		exit.status = 128 // a signal; the client is told which
	case !exit.known:
		exit.status = exitFailed // it was cut off, which is no success
	}
	return exit, err
}

// startOn starts the program that the technician's client asked for.
func (s *session) startOn(ch gossh.Channel, cut <-chan struct{}) error {
	name, payload := "shell", []byte(nil)
	if s.subsystem != "" {
		name, payload = "subsystem", gossh.Marshal(struct{ Name string }{s.subsystem})
	} else if s.program != "" {
		name, payload = "exec", gossh.Marshal(struct{ Command string }{s.program})
	}
	started := make(chan error, 1)
	go func() { // ends with the channel
		ok, err := ch.SendRequest(name, true, payload)
		if err == nil && ok {
			started <- nil
			return
		}
		_ = ch.CloseWrite()
		said, _ := io.ReadAll(io.LimitReader(ch.Stderr(), 4<<10))
		started <- fmt.Errorf("%w: %s", errNotStarted, deviceSaid(said))
	}()
	select {
	case err := <-started:
		return err
	case <-cut:
		return fmt.Errorf("%w: it did not answer", errNotStarted)
	}
}

// deviceSaid is why the device started nothing, in its words.
func deviceSaid(text []byte) string {
	said := strings.TrimPrefix(strings.TrimSpace(string(text)), "accord: ")
	if said == "" {
		return "it gave no reason; its log may say more"
	}
	return wire.Clean(said, wire.MaxLine)
}

// sendUp moves what the technician types.
func sendUp(ch gossh.Channel, r *relayed, v *visit, in *tui.RawInput) {
	var to io.Writer = touching{r.in, v}
	if r.streams != nil {
		to = summed{to, &r.streams.in}
	}
	if err := in.Relay(to); errors.Is(err, io.EOF) && r.in.pass() {
		_ = ch.CloseWrite()
	}
}

// hands is where keys for a program go: the technician's, and those of who has
// stepped in. One write goes at a time, and none while a colleague must watch
// and does not.
type hands struct {
	audience *audience
	stop     <-chan struct{}
	close    context.CancelFunc // nobody types any more

	mu sync.Mutex
	to io.Writer
}

func newHands(ctx context.Context, a *audience, to io.Writer) *hands {
	ctx, cancel := context.WithCancel(ctx)
	return &hands{audience: a, stop: ctx.Done(), close: cancel, to: to}
}

// pass waits until bytes may flow; false when they may not any more.
func (h *hands) pass() bool { return h.audience.pass(h.stop) }

func (h *hands) Write(p []byte) (int, error) {
	if !h.pass() {
		return 0, errGone
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.to.Write(p)
}

// bringDown moves both output streams until both have ended, each through the
// recorder first. A pump that is cut can forward nothing more: its recorder is
// closed.
func (s *session) bringDown(ch gossh.Channel, r *relayed, v *visit, cut <-chan struct{}) error {
	ended := make(chan error, 2)
	output, errorOutput := r.shell.Output, r.shell.ErrorOutput
	if r.streams != nil {
		output, errorOutput = r.streams.out.recorder(output), r.streams.errs.recorder(errorOutput)
	}
	go func() { ended <- r.pump(ch, s.ch, output, v) }()
	go func() { ended <- r.pump(ch.Stderr(), s.ch.Stderr(), errorOutput, v) }()
	var errs error
	for range 2 {
		select {
		case err := <-ended:
			errs = errors.Join(errs, err)
		case <-cut:
			return errs
		}
	}
	return errs
}

// pump is promise P1: record, then forward. A recorder that fails ends the
// visit, and nothing more is forwarded.
func (r *relayed) pump(from io.Reader, to io.Writer, record func([]byte) error, v *visit) error {
	buf := make([]byte, relayChunk)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if !r.in.pass() {
				return record(buf[:n]) // it was printed, and nobody gets it
			}
			rerr, werr := r.output(buf[:n], record, to)
			if rerr != nil {
				v.end(cannotRecord(rerr))
				return rerr
			}
			if werr != nil {
				return nil // the technician is gone, which ends the session
			}
		}
		if err != nil {
			return nil // the device has closed it, in order or not
		}
	}
}

// takeExit reads how the program ended (RFC 4254, section 6.10) until the
// channel is closed. What was typed is told on the way.
func takeExit(reqs <-chan *gossh.Request, typed func(*gossh.Request)) outcome {
	var o outcome
	for req := range reqs {
		switch req.Type {
		case "exit-status":
			var m struct{ Status uint32 }
			if gossh.Unmarshal(req.Payload, &m) == nil {
				o.status, o.known = int(m.Status), true
			}
		case "exit-signal":
			o.signal, o.known = append([]byte{}, req.Payload...), true
		case wire.RequestTyped:
			typed(req)
		}
		if req.WantReply {
			_ = req.Reply(false, nil)
		}
	}
	return o
}

func signalName(payload []byte) string {
	var m struct {
		Signal string
		Dumped bool
		Msg    string
		Lang   string
	}
	if len(payload) == 0 || gossh.Unmarshal(payload, &m) != nil {
		return ""
	}
	return wire.Clean(m.Signal, 16)
}
