package agent

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"accord/wire"
)

// terminal is a session with a pty, as a gateway sees it.
type terminal struct {
	t  testing.TB
	ch ssh.Channel

	mu    sync.Mutex
	out   bytes.Buffer
	typed bytes.Buffer // as the device told it
	ended chan struct{}
}

// terminal opens one that runs a command.
func (l *evilLink) terminal(visit, command string) *terminal {
	l.t.Helper()
	ch, reqs, err := l.conn.OpenChannel(wire.ChannelSession, wire.MarshalSession(visit))
	if err != nil {
		l.t.Fatal(err)
	}
	x := &terminal{t: l.t, ch: ch, ended: make(chan struct{})}
	pty := struct {
		Term         string
		W, H, XW, YH uint32
		Modes        string
	}{"xterm", 80, 24, 0, 0, "\x00"}
	if ok, err := ch.SendRequest("pty-req", true, ssh.Marshal(pty)); err != nil || !ok {
		l.t.Fatalf("pty: %v, %v", ok, err)
	}
	if ok, err := ch.SendRequest("exec", true, ssh.Marshal(struct{ Command string }{command})); err != nil || !ok {
		l.t.Fatalf("exec: %v, %v", ok, err)
	}
	var both sync.WaitGroup
	both.Go(func() { _, _ = io.Copy(x, ch) })
	both.Go(func() {
		for r := range reqs {
			if p, err := wire.ParseTyped(r.Payload); r.Type == wire.RequestTyped && err == nil {
				x.mu.Lock()
				x.typed.Write(p)
				x.mu.Unlock()
			}
		}
	})
	go func() {
		both.Wait()
		close(x.ended)
	}()
	return x
}

func (x *terminal) Write(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.out.Write(p)
}

func (x *terminal) shown() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.out.String()
}

func (x *terminal) told() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.typed.String()
}

func (x *terminal) until(text string) {
	x.t.Helper()
	eventually(x.t, "the terminal shows "+text, func() bool { return strings.Contains(x.shown(), text) })
}

func (x *terminal) types(text string) {
	x.t.Helper()
	if _, err := io.WriteString(x.ch, text); err != nil {
		x.t.Fatal(err)
	}
}

// control waits for a change that the device tells.
func control(v *evilVisit, change wire.Change) *wire.Control {
	v.t.Helper()
	for {
		c, ok := await[*wire.Control](v)
		if !ok || c.Change == change {
			if !ok {
				v.t.Fatalf("%s was not told", change)
			}
			return c
		}
	}
}

// mirror opens a screen that shows a visit's terminals.
func (e *evil) mirror(visit string) *person {
	e.t.Helper()
	p, err := e.connect(fromClient{Op: opMirror, ID: visit})
	if err != nil {
		e.t.Fatal(err)
	}
	return p
}

// reflects waits until the mirror has shown a text; what it showed is returned.
func (p *person) reflects(text string) string {
	p.t.Helper()
	var all strings.Builder
	p.until("the mirror shows "+text, func(m toClient) bool {
		if m.Mirrored == nil {
			return false
		}
		if m.Mirrored.Reset {
			all.Reset()
		}
		all.Write(m.Mirrored.Data)
		return strings.Contains(all.String(), text)
	})
	return all.String()
}

// What a terminal shows while the visit is paused reaches nobody on the other
// side, and not a byte before or after is lost or kept back: each byte is
// counted where it went.
func TestPauseWithholdsTerminals(t *testing.T) {
	e := newEvil(t, nil)
	l, p := e.link(), e.sit()
	v := l.open(p)
	secret := filepath.Join(e.dir, "secret")
	x := l.terminal(v.req.Visit, "stty -echo; while read -r line; do echo \"<$line>\"; [ -e "+secret+" ] && echo private; done")
	x.types("one\n")
	x.until("<one>")
	m := e.mirror(v.req.Visit)
	m.reflects("<one>")
	p.say(fromClient{Op: opPause})
	control(v, wire.Paused)
	if err := os.WriteFile(secret, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	x.types("dropped\n")
	m.say(fromClient{Op: opType, Shell: 1, Keys: []byte("by the user\n")})
	m.reflects("private")
	if err := os.Remove(secret); err != nil {
		t.Fatal(err)
	}
	p.say(fromClient{Op: opResume})
	resumed := control(v, wire.Resumed)
	if want := int64(len("<by the user>\r\nprivate\r\n")); resumed.Withheld != want {
		t.Errorf("%d bytes were withheld, want %d", resumed.Withheld, want)
	}
	x.types("two\n")
	x.until("<two>")
	if got := x.shown(); strings.Contains(got, "private") || strings.Contains(got, "dropped") || strings.Contains(got, "by the user") {
		t.Errorf("the technician saw %q", got)
	}
}

// A program that prints without end: of what it printed while the visit was
// paused nothing is sent after it goes on, not even what the kernel still held.
func TestPauseUnderLoad(t *testing.T) {
	e := newEvil(t, nil)
	l, p := e.link(), e.sit()
	v := l.open(p)
	flag := filepath.Join(e.dir, "flag")
	x := l.terminal(v.req.Visit, "word=open; while :; do [ -e "+flag+" ] && word=$(cat "+flag+"); echo $word; done")
	x.until("open")
	for i := range 5 {
		p.say(fromClient{Op: opPause})
		control(v, wire.Paused)
		private, public := fmt.Sprintf("private%d", i), fmt.Sprintf("public%d", i)
		m := e.mirror(v.req.Visit)
		if err := os.WriteFile(flag+"-new", []byte(private), 0o600); err != nil {
			t.Fatal(err)
		}
		_ = os.Rename(flag+"-new", flag)
		m.reflects(private)
		// The program learns in its own time; what it still says of the old
		// is older than the end of the pause, and must not come either.
		if err := os.WriteFile(flag+"-new", []byte(public), 0o600); err != nil {
			t.Fatal(err)
		}
		_ = os.Rename(flag+"-new", flag)
		m.reflects(public)
		_ = m.l.conn.Close()
		p.say(fromClient{Op: opResume})
		control(v, wire.Resumed)
		x.until(public)
	}
	if strings.Contains(x.shown(), "private") {
		t.Error("the technician saw what was printed during a pause")
	}
}

// Without a terminal both directions wait, and all of it arrives.
func TestPauseHoldsPipes(t *testing.T) {
	e := newEvil(t, nil)
	l, p := e.link(), e.sit()
	v := l.open(p)
	p.say(fromClient{Op: opPause})
	control(v, wire.Paused)
	if err := l.run(v.req.Visit, "true"); err == nil {
		t.Error("a command began while the visit was paused")
	}
	p.say(fromClient{Op: opResume})
	control(v, wire.Resumed)
	ch, reqs, err := l.conn.OpenChannel(wire.ChannelSession, wire.MarshalSession(v.req.Visit))
	if err != nil {
		t.Fatal(err)
	}
	go ssh.DiscardRequests(reqs)
	if ok, err := ch.SendRequest("exec", true, ssh.Marshal(struct{ Command string }{"cat"})); err != nil || !ok {
		t.Fatalf("exec: %v, %v", ok, err)
	}
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	go func() {
		_, _ = ch.Write(sent)
		_ = ch.CloseWrite()
	}()
	got := make([]byte, 64<<10)
	if _, err := io.ReadFull(ch, got); err != nil {
		t.Fatal(err)
	}
	p.say(fromClient{Op: opPause})
	control(v, wire.Paused)
	p.say(fromClient{Op: opResume})
	control(v, wire.Resumed)
	rest, err := io.ReadAll(ch)
	if err != nil || !bytes.Equal(append(got, rest...), sent) {
		t.Errorf("%d of %d bytes arrived, or other ones: %v", len(got)+len(rest), len(sent), err)
	}
}

// A visit that ends while it is paused ends as any other.
func TestStopWhilePaused(t *testing.T) {
	e := newEvil(t, nil)
	l, p := e.link(), e.sit()
	v := l.open(p)
	x := l.terminal(v.req.Visit, "echo up; exec cat")
	x.until("up")
	p.say(fromClient{Op: opPause})
	control(v, wire.Paused)
	p.say(fromClient{Op: opStop})
	p.ended(v.req.Visit)
	<-x.ended
}

// A mirror that is stopped, or never reads, slows nothing: the terminal prints
// far more than it could hold. When it reads again it starts over, in order.
func TestStoppedMirrorSlowsNothing(t *testing.T) {
	e := newEvil(t, nil)
	l, p := e.link(), e.sit()
	v := l.open(p)
	deaf, err := dialLocal(t.Context(), e.agent.Socket())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = deaf.conn.Close() }()
	_ = deaf.conn.(*net.UnixConn).SetReadBuffer(1) //nolint:forcetypeassert // it was dialled as unix
	if err := deaf.write(fromClient{Op: opMirror, ID: v.req.Visit}); err != nil {
		t.Fatal(err)
	}
	x := l.terminal(v.req.Visit, "seq 1 400000; echo all-printed; exec cat")
	x.until("all-printed")
	var last string
	resets := 0
	for !strings.Contains(last, "all-printed") {
		m, err := deaf.read()
		if err != nil {
			t.Fatal(err)
		}
		switch e := m.Mirrored; {
		case e == nil:
			t.Fatalf("instead of a shell: %+v", m)
		case e.Reset:
			last = ""
			resets++
			fallthrough
		default:
			last += string(e.Data)
		}
	}
	if resets < 2 {
		t.Errorf("it started over %d times, so it was never behind", resets)
	}
	lines := strings.Split(last, "\r\n")
	for i := 2; i < len(lines)-2; i++ {
		before, _ := strconv.Atoi(lines[i-1])
		if now, _ := strconv.Atoi(lines[i]); now != before+1 {
			t.Fatalf("%q comes after %q", lines[i], lines[i-1])
		}
	}
}

// The mirror and its keyboard are the user's: not another account's, and not
// what runs in a visit's.
func TestMirrorIsTheUsersOwn(t *testing.T) {
	e := newEvil(t, nil)
	l, p := e.link(), e.sit()
	v := l.open(p)
	x := l.terminal(v.req.Visit, "echo up; exec cat")
	x.until("up")
	lines := fmt.Sprintf(`{"op":"mirror","id":%q}`+"\n"+`{"op":"type","shell":1,"keys":"ZXZpbAo="}`+"\n"+`{"op":"pause"}`+"\n", v.req.Visit)
	if os.Getuid() == 0 {
		if out := e.local(nobodyUID, lines); !strings.Contains(out, `"error"`) || strings.Contains(out, "mirrored") {
			t.Errorf("another account: %s", out)
		}
		if out := e.local(nobodyUID, `{"op":"user"}`+"\n"+`{"op":"pause"}`+"\n"+`{"op":"reduce","take":["shell"]}`+"\n"); !strings.Contains(out, `"error"`) {
			t.Errorf("another account: %s", out)
		}
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(e.dir, "out")
	_ = l.run(v.req.Visit, "env "+roleVar+"="+e.agent.Socket()+" "+linesVar+"='"+lines+"' "+exe+" > "+out)
	if text, _ := os.ReadFile(out); !strings.Contains(string(text), `"error"`) || strings.Contains(string(text), "mirrored") {
		t.Errorf("from inside the visit: %s", text)
	}
	m := e.mirror(v.req.Visit)
	m.reflects("up")
	m.say(fromClient{Op: opType, Shell: 1, Keys: []byte("mine\n")})
	x.until("mine")
	if strings.Contains(x.shown(), "evil") {
		t.Error("somebody else typed")
	}
	for name, bad := range map[string]fromClient{
		"no such shell": {Op: opType, Shell: 7, Keys: []byte("evil\n")},
		"too much":      {Op: opType, Shell: 1, Keys: bytes.Repeat([]byte("evil\n"), 2000)},
		"nothing":       {Op: opType, Shell: 1},
		"other op":      {Op: opStop},
	} {
		m.say(bad)
		m.say(fromClient{Op: opType, Shell: 1, Keys: []byte(name + "\n")})
		x.until(name)
	}
	if strings.Contains(x.shown(), "evil") {
		t.Error("what can't be typed was typed")
	}
	if gone := e.mirror("20260102-030405-aaaaaaaa").next(); gone.Error == "" {
		t.Errorf("the mirror of no visit: %+v", gone)
	}
}

// A shell of another account is shown, and not typed in: the visit must not
// lend the user rights that they don't have.
func TestNoTypingInAnotherAccountsShell(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root serves other accounts")
	}
	if err := exec.Command("id", "nobody").Run(); err != nil {
		t.Skip("this machine has no account nobody")
	}
	e := newEvil(t, nil)
	l, p := e.link(), e.sit()
	v := l.open(p)
	x := l.terminal(v.req.Visit, "echo up; exec cat")
	x.until("up")
	e.agent.desk.mu.Lock()
	live := e.agent.desk.visits[v.req.Visit]
	e.agent.desk.mu.Unlock()
	live.mirror.mu.Lock()
	live.mirror.shells[0].mine = false // as of the login of another account
	live.mirror.mu.Unlock()
	if err := live.userTypes(1, []byte("evil\n")); err == nil {
		t.Error("the user types in another account's shell")
	}
	e.agent.user.UID = nobodyUID
	if e.agent.ownShell(e.agent.user) != true {
		t.Error("the user's own shell is not theirs")
	}
	root := e.agent.user
	root.UID = 0
	if e.agent.ownShell(root) {
		t.Error("a user who isn't root may type in a shell of root's")
	}
	e.agent.user.UID = 0
}

// While the user types, the technician's keys wait; then they arrive, none
// lost. The gateway is told of the begin and of the end.
func TestUsersHandsComeFirst(t *testing.T) {
	e := newEvil(t, nil)
	l, p := e.link(), e.sit()
	v := l.open(p)
	x := l.terminal(v.req.Visit, "stty -echo; echo up; while read -r line; do echo \"<$line>\"; done")
	x.until("up")
	m := e.mirror(v.req.Visit)
	m.reflects("up")
	began := time.Now()
	m.say(fromClient{Op: opType, Shell: 1, Keys: []byte("first\n")})
	control(v, wire.Typing)
	x.types("second\n")
	x.until("<second>")
	if waited := time.Since(began); waited < handsOff {
		t.Errorf("the technician's keys came %v after the user's began", waited)
	}
	control(v, wire.Quiet)
	if got := x.shown(); strings.Index(got, "<first>") > strings.Index(got, "<second>") {
		t.Errorf("in another order: %q", got)
	}
}

// What is taken back ends at once and is opened no more; the rest goes on.
func TestReduceEndsWhatRuns(t *testing.T) {
	e := newEvil(t, nil)
	l, p := e.link(), e.sit()
	v := l.open(p)
	x := l.terminal(v.req.Visit, "echo up; exec cat")
	x.until("up")
	p.say(fromClient{Op: opReduce, Take: []wire.Capability{wire.FilesGet}}) // was never granted
	p.say(fromClient{Op: opReduce, Take: []wire.Capability{wire.Shell}})
	if c := control(v, wire.Reduced); len(c.Granted) != 0 {
		t.Errorf("%v are left", c.Granted)
	}
	p.ended(v.req.Visit)
	<-x.ended
	l.mustNot(v.req.Visit, "the shell was taken back")
}

// What is typed is told where the request said so, and never while the terminal
// does not echo.
func TestTypedIsToldWithEchoOnly(t *testing.T) {
	for _, input := range []bool{true, false} {
		t.Run(fmt.Sprint(input), func(t *testing.T) {
			e := newEvil(t, nil)
			l, p := e.link(), e.sit()
			req := request()
			req.Input = input
			v := l.ask(req)
			asked := p.asked()
			if asked.Input != input {
				t.Errorf("the prompt says %v", asked.Input)
			}
			p.give(asked.ID, approval())
			c := l.answer(v)
			if strings.Contains(c.Text, "what is typed is recorded") != input {
				t.Errorf("signed: %s", c.Text)
			}
			v.write(&wire.Open{Head: zeroHead()})
			if _, ok := await[*wire.Ready](v); !ok {
				t.Fatal("the visit does not open")
			}
			x := l.terminal(v.req.Visit, "echo up; read -r a; stty -echo; echo hidden; read -r b; stty echo; echo shown; read -r c; echo done")
			x.until("up")
			x.types("open-1\n")
			x.until("hidden")
			x.types("password\n")
			x.until("shown")
			x.types("open-2\n")
			x.until("done")
			<-x.ended
			want := ""
			if input {
				want = "open-1\nopen-2\n"
			}
			if got := x.told(); got != want {
				t.Errorf("told %q, want %q", got, want)
			}
		})
	}
}

// A line travels both ways, and who watches is shown.
func TestLinesAndWatchers(t *testing.T) {
	e := newEvil(t, nil)
	l, p := e.link(), e.sit()
	v := l.open(p)
	v.write(&wire.Presence{Watchers: []wire.Watcher{{Name: "bob", Full: "Bob Stone", Hands: true}}})
	began := p.until("who watches", func(m toClient) bool { return m.Began != nil && len(m.Began.Watchers) > 0 }).Began
	if w := began.Watchers[0]; w.Name != "Bob Stone" || !w.Hands {
		t.Errorf("shown: %+v", w)
	}
	v.write(&wire.Say{From: "bob", Text: "close\x1b[2Jyour mail"})
	if s := p.until("a line", func(m toClient) bool { return m.Said != nil }).Said; s.From != "bob" || strings.Contains(s.Text, "\x1b") {
		t.Errorf("said: %+v", s)
	}
	p.say(fromClient{Op: opSay, Text: "I have\nnone open"})
	if s, ok := await[*wire.Say](v); !ok || s.Text != "I have<U+000A>none open" {
		t.Errorf("said back: %+v", s)
	}
}
