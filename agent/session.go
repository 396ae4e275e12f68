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
	env   []string
	pty   *proc.PTY
	proc  *proc.Process
	ended chan struct{} // closed when the process's output has been sent
}

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
		case req.Type != "shell" && req.Type != "exec":
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
	_ = s.proc.Signal("HUP") // as sshd does when the terminal goes away
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
		return s.proc != nil && ssh.Unmarshal(req.Payload, &m) == nil && s.proc.Signal(m.Name) == nil
	case "shell":
		return s.proc == nil && len(req.Payload) == 0 && s.start("")
	case "exec":
		var m struct{ Command string }
		return s.proc == nil && ssh.Unmarshal(req.Payload, &m) == nil &&
			m.Command != "" && len(m.Command) <= maxCommand && !strings.Contains(m.Command, "\x00") && s.start(m.Command)
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
	return ssh.Unmarshal(payload, &m) == nil && s.pty != nil &&
		s.proc.Resize(side(m.Columns), side(m.Rows), side(m.XPixels), side(m.YPixels)) == nil
}

// side bounds one side of a window to what the kernel's winsize holds.
func side(n uint32) int { return int(min(n, 0xFFFF)) }

// start starts the login shell, or a command in it, as the visit's account.
func (s *session) start(command string) bool {
	account, err := proc.LookupAccount(s.login)
	if err != nil {
		s.refuse(err)
		return false
	}
	p, err := proc.Start(proc.Spec{
		Visit: s.visit.id(), Account: account, Command: command, PTY: s.pty,
		Env: proc.Environment(account, s.visit.id(), s.visit.req.Technician.Name, s.visit.req.Ticket, s.term(), "", s.env),
	})
	if err != nil {
		s.refuse(err)
		return false
	}
	if !s.visit.add(p, s.ch) {
		p.Kill()
		p.Close()
		s.refuse(errors.New("the visit has ended"))
		return false
	}
	s.proc = p
	return true
}

func (s *session) term() string {
	if s.pty == nil {
		return ""
	}
	return s.pty.Term
}

func (s *session) refuse(err error) {
	s.visit.agent.log.Warn("no shell", "visit", s.visit.id(), "login", s.login, "error", err)
	_, _ = io.WriteString(s.ch.Stderr(), "accord: "+wire.Clean(err.Error(), wire.MaxReason)+"\r\n")
}

// serve moves bytes until the program has ended and its last output is sent,
// then says how it ended, and closes. Exit status before the last output would
// lose it.
func (s *session) serve() {
	defer close(s.ended)
	go func() { // ends with the channel, or when the visit's end closes the process
		_, _ = io.Copy(s.proc.Stdin(), s.ch)
		_ = s.proc.Stdin().Close()
	}()
	var both sync.WaitGroup
	both.Go(func() { copyOut(s.ch, s.proc.Stdout()) })
	if errs := s.proc.Stderr(); errs != nil {
		both.Go(func() { copyOut(s.ch.Stderr(), errs) })
	}
	both.Wait()
	_ = s.ch.CloseWrite()
	sendExit(s.ch, s.proc.Wait())
	_ = s.ch.Close()
}

// copyOut copies until the source ends.
func copyOut(dst io.Writer, src io.Reader) {
	buf := make([]byte, 64<<10)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			if _, werr := dst.Write(buf[:n]); werr != nil {
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
