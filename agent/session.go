package agent

import (
	"errors"
	"io"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"

	"accord/agent/proc"
	"accord/wire"
)

// session is one shell or command of a visit. It works on the raw channel:
// nothing between the pty and the technician changes a byte.
type session struct {
	visit *visit
	ch    ssh.Channel
	login string
	label []any // for the log
	env   []string
	pty   *proc.PTY
	proc  program
	of    wire.Capability   // what allows the process, once there is one
	lines bool              // of an action: the client has a terminal, the process none
	also  []wire.Capability // see running
	files *copying          // of a session that copies files
	// followed: what it uses of its capabilities is seen file by file.
	followed bool
	ended    chan struct{} // closed when the process's output has been sent
	// Of a session with a terminal: what it shows, and what the device's user
	// types into it.
	reflection *reflection
	typed      chan []byte
}

// userKeys is how many lines of the user's typing wait for a program that does
// not read.
const userKeys = 64

// Limits of one session's requests.
const (
	maxEnv      = 64
	maxEnvBytes = 8 << 10
	maxCommand  = 32 << 10
)

// serveSession serves requests until the channel ends. What the program leaves
// in the background lives until the visit's end.
func (v *visit) serveSession(ch ssh.Channel, reqs <-chan *ssh.Request, login string) {
	s := &session{visit: v, ch: ch, login: login, ended: make(chan struct{})}
	for req := range reqs {
		ok := s.request(req)
		if req.WantReply {
			_ = req.Reply(ok, nil)
		}
		switch {
		case req.Type != "shell" && req.Type != "exec" && req.Type != "subsystem":
		case ok:
			go s.serve()
		case s.proc == nil:
			_ = ch.Close() // what was asked for can't be started; why was said
		}
	}
	_ = ch.Close()
	v.exit()
	if s.proc == nil {
		return
	}
	hangUp(s.proc)
	select {
	case <-s.proc.Gone():
		v.drop(s.proc)
		s.proc.Close()
	case <-v.over:
	}
	<-s.ended
}

// request deals with one channel request (RFC 4254, section 6). What is not
// listed here is refused: agent and X11 forwarding among it.
func (s *session) request(req *ssh.Request) bool {
	switch req.Type {
	case "env":
		return s.proc == nil && s.setenv(req.Payload)
	case "pty-req":
		return s.proc == nil && s.pty == nil && s.allocate(req.Payload)
	case "window-change":
		return s.proc != nil && s.resize(req.Payload)
	case "signal":
		var m struct{ Name string }
		return s.proc != nil && s.of == wire.Shell && ssh.Unmarshal(req.Payload, &m) == nil && s.visit.hold.refuses() == nil && s.proc.Signal(m.Name) == nil
	case "shell":
		return s.proc == nil && len(req.Payload) == 0 && s.start("")
	case "subsystem":
		var m struct{ Name string }
		return s.proc == nil && ssh.Unmarshal(req.Payload, &m) == nil && m.Name == "sftp" && s.serveFiles(nil)
	case "exec":
		var m struct{ Command string }
		return s.proc == nil && ssh.Unmarshal(req.Payload, &m) == nil &&
			m.Command != "" && len(m.Command) <= maxCommand && !strings.Contains(m.Command, "\x00") && s.exec(m.Command)
	}
	return false
}

func (s *session) setenv(payload []byte) bool {
	var m struct{ Name, Value string }
	if ssh.Unmarshal(payload, &m) != nil || len(s.env) >= maxEnv || len(m.Name)+len(m.Value) > maxEnvBytes {
		return false
	}
	s.env = append(s.env, m.Name+"="+m.Value)
	return true
}

func (s *session) allocate(payload []byte) bool {
	var m struct {
		Term                            string
		Columns, Rows, XPixels, YPixels uint32
		Modes                           string
	}
	if ssh.Unmarshal(payload, &m) != nil || len(m.Term) > wire.MaxName || len(m.Modes) > 4096 {
		return false
	}
	s.pty = &proc.PTY{
		Term: m.Term, Width: side(m.Columns), Height: side(m.Rows),
		XPixels: side(m.XPixels), YPixels: side(m.YPixels), Modes: []byte(m.Modes),
	}
	return true
}

func (s *session) resize(payload []byte) bool {
	var m struct{ Columns, Rows, XPixels, YPixels uint32 }
	if ssh.Unmarshal(payload, &m) != nil || s.pty == nil ||
		s.proc.Resize(side(m.Columns), side(m.Rows), side(m.XPixels), side(m.YPixels)) != nil {
		return false
	}
	s.reflection.resize(side(m.Columns), side(m.Rows))
	return true
}

// side bounds one side of a window to what the kernel's winsize holds.
func side(n uint32) int { return int(min(n, 0xFFFF)) }

// start starts the login shell, or a command in it, as the visit's account.
func (s *session) start(command string) bool {
	_, err := s.visit.agent.may(s.visit.id(), wire.Shell)
	var account proc.Account
	if err == nil {
		account, err = s.visit.account(s.login)
	}
	if err != nil {
		s.refuse(err)
		return false
	}
	return s.launch(wire.Shell, proc.Spec{Account: account, Command: command, PTY: s.pty}, s.env)
}

// launch starts a process that a capability allows. With a terminal it can be
// seen in the user's mirror.
func (s *session) launch(of wire.Capability, spec proc.Spec, env []string) bool {
	v := s.visit
	spec.Visit, spec.Group = v.id(), v.group
	spec.Env = proc.Environment(spec.Account, v.id(), v.req.Technician.Name, v.req.Ticket, s.term(), "", env)
	spec.Record = proc.Accounting(v.req.Technician.Name)
	err := v.hold.refuses()
	var p program
	if err == nil {
		p, err = v.start(spec)
	}
	if err != nil {
		s.refuse(err)
		return false
	}
	if s.pty != nil {
		s.reflection = v.mirror.add(s.pty.Width, s.pty.Height, v.agent.ownShell(spec.Account))
		s.typed = make(chan []byte, userKeys)
	}
	s.proc, s.of = p, of
	s.began(spec.Account, of)
	if !v.add(p, running{session: s, process: p, shown: s.ch, of: of, also: s.also}) {
		s.proc = nil
		s.reflection.end()
		p.Close()
		s.left(p.Wait())
		s.refuse(errors.New("the visit has ended, or the user took this back"))
		return false
	}
	return true
}

func (s *session) term() string {
	if s.pty == nil {
		return ""
	}
	return s.pty.Term
}

func (s *session) refuse(err error) {
	s.visit.agent.log.Warn("not started", "visit", s.visit.id(), "login", s.login, "error", err)
	_, _ = io.WriteString(s.ch.Stderr(), "accord: "+wire.Clean(err.Error(), wire.MaxReason)+"\r\n")
}

// serve moves bytes until the program has ended and its last output is sent,
// then says how it ended, and closes. Exit status before the last output would
// lose it.
func (s *session) serve() {
	defer close(s.ended)
	var both sync.WaitGroup
	switch {
	case s.files != nil:
		go s.files.up() // as below
	case s.of == wire.Shell:
		go s.takeTyping() // ends with the channel, or when the visit's end closes the process
	}
	if s.files != nil {
		both.Go(s.files.down)
	} else if s.pty != nil {
		go s.takeUser()
		both.Go(s.showTerminal)
	} else {
		both.Go(func() { copyOut(s.out(s.ch), s.proc.Stdout(), s.visit.hold) })
	}
	if errs := s.proc.Stderr(); errs != nil {
		both.Go(func() { copyOut(s.out(s.ch.Stderr()), errs, s.visit.hold) })
	}
	both.Wait()
	s.reflection.end()
	_ = s.ch.CloseWrite()
	s.left(s.proc.Wait())
	sendExit(s.ch, s.proc.Wait())
	_ = s.ch.Close()
}

// showTerminal sends what the terminal shows. While the visit is paused it
// counts it instead; the device's user sees it all the same.
func (s *session) showTerminal() {
	h, buf, shown := s.visit.hold, make([]byte, 64<<10), true
	for {
		n, err := s.proc.Take(buf, &h.mu)
		paused := h.paused
		if paused {
			h.withheld += int64(n)
		}
		s.reflection.write(buf[:n])
		h.mu.Unlock()
		if n > 0 && shown && !paused {
			// When nobody reads any more the process must not block on it.
			_, werr := s.ch.Write(buf[:n])
			shown = werr == nil
		}
		if err != nil {
			return
		}
	}
}

// takeTyping takes what the technician types or pipes in, until the channel or
// the program's input ends.
func (s *session) takeTyping() {
	defer func() { _ = s.proc.Stdin().Close() }()
	buf := make([]byte, 32<<10)
	for {
		n, err := s.ch.Read(buf)
		if n > 0 && !s.typeIn(buf[:n]) || err != nil {
			return
		}
	}
}

// typeIn hands input on; false when the program takes no more. While the visit
// is paused a pipe waits, and what is typed in a terminal is dropped.
func (s *session) typeIn(p []byte) bool {
	if s.pty == nil {
		if !s.visit.hold.flows() {
			return false
		}
		_, err := s.proc.Stdin().Write(p)
		return err == nil
	}
	if !s.visit.hold.mayType() {
		return true
	}
	seen := s.visit.req.Input && s.proc.Echo()
	if _, err := s.proc.Stdin().Write(p); err != nil {
		return false
	}
	if seen && s.proc.Echo() {
		// Only what the terminal showed anyway: where the echo was off before
		// or after, it may have been a password.
		_, _ = s.ch.SendRequest(wire.RequestTyped, false, wire.MarshalTyped(p))
	}
	return true
}

// takeUser puts what the device's user types into the terminal, until the
// program has ended.
func (s *session) takeUser() {
	for {
		select {
		case keys := <-s.typed:
			if _, err := s.proc.Stdin().Write(keys); err != nil {
				return
			}
		case <-s.ended:
			return
		}
	}
}

// copyOut copies until the source ends, as long as the visit isn't paused.
func copyOut(dst io.Writer, src io.Reader, h *hold) {
	buf := make([]byte, 64<<10)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			if _, werr := write(dst, buf[:n], h); werr != nil {
				// Nobody reads any more; the process must not block on it.
				_, _ = io.Copy(io.Discard, src)
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// write waits while the visit is paused.
func write(dst io.Writer, p []byte, h *hold) (int, error) {
	if !h.flows() {
		return 0, io.ErrClosedPipe
	}
	return dst.Write(p)
}

// sendExit says how the process ended (RFC 4254, section 6.10).
func sendExit(ch ssh.Channel, e proc.Exit) {
	if e.Signal == "" {
		_, _ = ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(e.Status)}))
		return
	}
	_, _ = ch.SendRequest("exit-signal", false, ssh.Marshal(struct {
		Signal  string
		Dumped  bool
		Message string
		Lang    string
	}{e.Signal, e.CoreDumped, "", ""}))
}
