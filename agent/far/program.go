package far

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"accord/agent/proc"
	"accord/wire"
)

// SFTP is the name in [proc.Spec.Inside] for the device's own SFTP server.
const SFTP = "sftp"

// Program is one shell, command or SFTP server on the device. It has the
// methods of [proc.Process] that a session needs.
type Program struct {
	client *Client
	ch     ssh.Channel
	pty    bool
	out    *outlet
	errs   *outlet // nil with a terminal
	done   chan struct{}
	exit   proc.Exit // set before done is closed

	mu            sync.Mutex // guards the size
	width, height int
	xPixels       int
	yPixels       int
}

// Start starts what the spec says as the account of the login; the spec's
// account, arguments and input are not looked at. Of the environment sshd takes
// what its AcceptEnv names.
func (c *Client) Start(spec proc.Spec) (*Program, error) {
	ch, reqs, err := c.conn.OpenChannel("session", nil)
	if err != nil {
		return nil, fmt.Errorf("the device's sshd opens no session: %s", wire.Clean(err.Error(), wire.MaxLine))
	}
	p := &Program{client: c, ch: ch, out: newOutlet(), done: make(chan struct{})}
	p.exit = proc.Exit{Status: 137, Signal: "KILL"} // unless it is told
	go p.hear(reqs)
	if err := p.start(spec); err != nil {
		_ = ch.Close()
		return nil, err
	}
	go p.out.fill(ch)
	if !p.pty {
		p.errs = newOutlet()
		go p.errs.fill(ch.Stderr())
	} else {
		go func() { _, _ = io.Copy(io.Discard, ch.Stderr()) }()
	}
	return p, nil
}

func (p *Program) start(spec proc.Spec) error {
	for _, v := range spec.Env {
		name, value, _ := strings.Cut(v, "=")
		if name == "LANG" || strings.HasPrefix(name, "LC_") || strings.HasPrefix(name, "ACCORD_") {
			_, _ = p.ch.SendRequest("env", false, ssh.Marshal(struct{ Name, Value string }{name, value}))
		}
	}
	if t := spec.PTY; t != nil {
		p.pty, p.width, p.height, p.xPixels, p.yPixels = true, t.Width, t.Height, t.XPixels, t.YPixels
		if err := p.ask("pty-req", ssh.Marshal(struct {
			Term                            string
			Columns, Rows, XPixels, YPixels uint32
			Modes                           string
		}{t.Term, uint32(t.Width), uint32(t.Height), uint32(t.XPixels), uint32(t.YPixels), string(t.Modes)})); err != nil {
			return fmt.Errorf("%w; write restrict,pty in place of restrict before the gateway's key in authorized_keys", err)
		}
	}
	switch {
	case spec.Inside == SFTP:
		return p.ask("subsystem", ssh.Marshal(struct{ Name string }{SFTP}))
	case spec.Inside != "" || len(spec.Args) > 0:
		return errors.New("a device without an agent runs only shells and commands")
	case spec.Command == "":
		return p.ask("shell", nil)
	}
	return p.ask("exec", ssh.Marshal(struct{ Command string }{spec.Command}))
}

// ask makes a request that must be granted. An sshd that does not answer is
// hung up.
func (p *Program) ask(kind string, payload []byte) error {
	timer := time.AfterFunc(handshakeLimit, p.client.Close)
	defer timer.Stop()
	ok, err := p.ch.SendRequest(kind, true, payload)
	if err != nil || !ok {
		return fmt.Errorf("the device's sshd refuses %s", kind)
	}
	return nil
}

// hear takes how the program ended (RFC 4254, section 6.10), until the channel
// is closed.
func (p *Program) hear(reqs <-chan *ssh.Request) {
	defer close(p.done)
	for r := range reqs {
		p.heard(r)
		if r.WantReply {
			_ = r.Reply(false, nil)
		}
	}
}

func (p *Program) heard(r *ssh.Request) {
	switch r.Type {
	case "exit-status":
		var m struct{ Status uint32 }
		if ssh.Unmarshal(r.Payload, &m) == nil {
			p.exit = proc.Exit{Status: int(m.Status)}
		}
	case "exit-signal":
		var m struct {
			Signal        string
			Dumped        bool
			Message, Lang string
		}
		if ssh.Unmarshal(r.Payload, &m) == nil && signal(m.Signal) {
			p.exit = proc.Exit{Status: 128, Signal: m.Signal, CoreDumped: m.Dumped}
		}
	}
}

// signal reports whether a name can be that of a signal.
func signal(name string) bool {
	return name != "" && len(name) <= 32 && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("@.-", r)
	})
}

// Stdin is the program's input.
func (p *Program) Stdin() io.WriteCloser { return input{p} }

type input struct{ p *Program }

func (i input) Write(b []byte) (int, error) { return i.p.ch.Write(b) }

// Close is the end of the input without a terminal, and nothing with one.
func (i input) Close() error {
	if i.p.pty {
		return nil
	}
	return i.p.ch.CloseWrite()
}

// Stdout is its output, with a terminal all of it.
func (p *Program) Stdout() io.Reader { return p.out }

// Stderr is its error output, nil with a terminal.
func (p *Program) Stderr() io.Reader {
	if p.errs == nil {
		return nil
	}
	return p.errs
}

// Take is a Read of Stdout that returns with hold locked, also with an error.
func (p *Program) Take(b []byte, hold sync.Locker) (int, error) { return p.out.take(b, hold) }

// barrierLimit bounds the wait for what is still on its way from the device.
const barrierLimit = time.Second

// Skim takes off what the device has sent and nobody has read. sshd is asked
// something first: what it answers comes after what it has sent. What it has
// read from the terminal and not sent by then can still come.
func (p *Program) Skim(each func([]byte)) {
	answered := make(chan struct{})
	go func() { // ends with the answer or with the login
		defer close(answered)
		_, _, _ = p.client.conn.SendRequest("keepalive@openssh.com", true, nil)
	}()
	timer := time.NewTimer(barrierLimit)
	defer timer.Stop()
	select {
	case <-answered:
	case <-timer.C:
	}
	p.out.skim(each)
}

// Echo says whether the terminal shows what is typed, which nobody here knows.
func (p *Program) Echo() bool { return false }

// Resize tells the terminal its size in cells and in pixels.
func (p *Program) Resize(width, height, xpixels, ypixels int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.pty {
		return errors.New("this program has no terminal")
	}
	p.width, p.height, p.xPixels, p.yPixels = width, height, xpixels, ypixels
	return p.window(0)
}

// window sends the size, narrower by some columns. The caller holds mu.
func (p *Program) window(less int) error {
	_, err := p.ch.SendRequest("window-change", false, ssh.Marshal(struct{ Columns, Rows, XPixels, YPixels uint32 }{
		uint32(p.width - less), uint32(p.height), uint32(p.xPixels), uint32(p.yPixels),
	}))
	return err
}

// noticeable is how long a window has another size, so that the program sees it.
const noticeable = 200 * time.Millisecond

// Redraw makes the program draw itself anew: the window is one column narrower
// for a moment. It waits for that, and gives up at until.
func (p *Program) Redraw(until <-chan struct{}) {
	p.mu.Lock()
	able := p.pty && p.width > 1 && p.window(1) == nil
	p.mu.Unlock()
	if !able {
		return
	}
	timer := time.NewTimer(noticeable)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-until:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.window(0) // it fails only when the channel is gone
}

// Signal asks sshd to send a signal, named as in RFC 4254 section 6.10.
func (p *Program) Signal(name string) error {
	if !signal(name) {
		return fmt.Errorf("signal %.20q is none that SSH knows", name)
	}
	_, err := p.ch.SendRequest("signal", false, ssh.Marshal(struct{ Name string }{name}))
	return err
}

// HangUp closes the channel: sshd hangs up the terminal.
func (p *Program) HangUp() { go func() { _ = p.ch.Close() }() }

// Wait waits for the program, or for the loss of it, and says how it ended.
func (p *Program) Wait() proc.Exit {
	<-p.done
	return p.exit
}

// Gone is closed when the program's channel is.
func (p *Program) Gone() <-chan struct{} { return p.done }

// TerminalName is that of a terminal here, of which there is none.
func (p *Program) TerminalName() string { return "" }

// Notice is what is to be noted about its start: nothing.
func (p *Program) Notice() string { return "" }

// killLimit is how long sshd gets to close a channel before the whole login is
// ended; with promise P7 in mind.
const killLimit = time.Second

// Kill ends the program as far as that can be done from here: nothing of it is
// delivered any more, its channel is closed, and if sshd does not see to that,
// the login is.
func (p *Program) Kill() {
	p.out.close()
	if p.errs != nil {
		p.errs.close()
	}
	p.HangUp()
	timer := time.NewTimer(killLimit)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.client.Close()
	}
}

// Close is Kill: nothing else is to be given back.
func (p *Program) Close() { p.Kill() }
