package agent

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"accord/config"
	"accord/tui"
	"accord/wire"
)

// The evil gateway was granted one declared action, and wants more of it: a
// shell, another action, arguments of its own, a say in its environment.

// withActions declares actions that leave traces in dir.
func withActions(o *Options) {
	dir := o.Config.State + "-traces"
	if err := os.MkdirAll(dir, 0o755); err != nil {
		panic(err)
	}
	script := fmt.Sprintf("env > %[1]s/env; cat > %[1]s/stdin; printf '%%s|' \"$@\"; echo done; echo wrong >&2; exit 3", dir)
	o.Config.Actions = []Action{
		{Name: "report", About: "report how it is", Command: []string{"/bin/sh", "-c", script, "sh", "a b", "$HOME", "*"}},
		{Name: "slow", About: "take a while", Command: []string{"/bin/sh", "-c", "echo > " + dir + "/slow; sleep 300 & exec sleep 300 # " + dir}, Timeout: time.Second},
		{Name: "other", About: "do something else", Command: []string{"/bin/sh", "-c", "echo > " + dir + "/other"}},
		{Name: "missing", About: "run nothing", Command: []string{"/no/such/program"}},
	}
}

// grants asks for capabilities and brings the visit to where it is open.
func (l *evilLink) grants(p *person, caps ...string) *evilVisit {
	l.t.Helper()
	req := request()
	req.Capabilities = nil
	for _, c := range caps {
		req.Capabilities = append(req.Capabilities, wire.Capability(c))
	}
	v := l.ask(req)
	p.give(p.asked().ID, approval(caps...))
	if c := l.answer(v); c.Choice != wire.Approve {
		l.t.Fatalf("the approval became %s: %s", c.Choice, c.Why)
	}
	v.write(&wire.Open{Head: zeroHead()})
	if _, ok := await[*wire.Ready](v); !ok {
		l.t.Fatal("the visit does not open")
	}
	return v
}

// ran is what came of a program.
type ran struct {
	out, err string
	status   int // -1: none was told
	signal   bool
}

// exec sends requests, then exec, pipes input in, and waits for the end.
func (l *evilLink) exec(visit, command, input string, before ...func(ssh.Channel)) (ran, error) {
	l.t.Helper()
	ch, reqs, err := l.conn.OpenChannel(wire.ChannelSession, wire.MarshalSession(visit))
	if err != nil {
		return ran{}, fmt.Errorf("%w: %w", errNoShell, err)
	}
	defer func() { _ = ch.Close() }()
	for _, do := range before {
		do(ch)
	}
	got, done := ran{status: -1}, make(chan struct{})
	go func() {
		defer close(done)
		for r := range reqs {
			var m struct{ Status uint32 }
			if r.Type == "exit-status" && ssh.Unmarshal(r.Payload, &m) == nil {
				got.status = int(m.Status)
			}
			got.signal = got.signal || r.Type == "exit-signal"
		}
	}()
	ok, err := ch.SendRequest("exec", true, ssh.Marshal(struct{ Command string }{command}))
	if err != nil || !ok {
		said, _ := io.ReadAll(ch.Stderr())
		return ran{err: string(said)}, fmt.Errorf("%w: %v %v", errNoShell, ok, err)
	}
	_, _ = io.WriteString(ch, input)
	errs := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(ch.Stderr())
		errs <- string(text)
	}()
	text, _ := io.ReadAll(ch)
	got.out, got.err = string(text), <-errs
	<-done
	return got, nil
}

// TestActionRuns: the owner's words to the letter, and nothing of the
// technician's.
func TestActionRuns(t *testing.T) {
	e := newEvil(t, withActions)
	traces := e.opts.Config.State + "-traces"
	l, p := e.link(), e.sit()
	v := l.grants(p, "action:report")
	env := func(ch ssh.Channel) {
		_, _ = ch.SendRequest("env", true, ssh.Marshal(struct{ Name, Value string }{"LANG", "xx_XX.EVIL"}))
		_, _ = ch.SendRequest("env", true, ssh.Marshal(struct{ Name, Value string }{"LD_PRELOAD", "/tmp/evil.so"}))
	}
	got, err := l.exec(v.req.Visit, "action:report", "typed by the technician\n", env)
	if err != nil || got.out != "a b|$HOME|*|done\n" || got.err != "wrong\n" || got.status != 3 {
		t.Fatalf("ran: %+v, %v", got, err)
	}
	for name, forbidden := range map[string][]string{"env": {"EVIL", "evil", "TERM=", "SSH_TTY"}, "stdin": {"typed"}} {
		text, err := os.ReadFile(traces + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range forbidden {
			if strings.Contains(string(text), word) {
				t.Errorf("%s has %q:\n%s", name, word, text)
			}
		}
	}
	terminal := func(ch ssh.Channel) {
		_, _ = ch.SendRequest("pty-req", true, ssh.Marshal(struct {
			Term       string
			C, R, X, Y uint32
			Modes      string
		}{"xterm", 80, 24, 0, 0, ""}))
	}
	if got, err := l.exec(v.req.Visit, "action:report", "", terminal); err != nil || got.out != "a b|$HOME|*|done\r\n" {
		t.Errorf("with a terminal: %+v, %v", got, err)
	}
	_ = v.ch.Close()
	card := p.until("the end card", func(m toClient) bool { return m.Ended != nil }).Ended
	if len(card.Used) != 1 || card.Used[0] != "action:report" {
		t.Errorf("the card says %v was used", card.Used)
	}
}

// TestActionOpensNoMore: an action is no shell, no other action, and takes no
// arguments.
func TestActionOpensNoMore(t *testing.T) {
	e := newEvil(t, withActions)
	other := e.opts.Config.State + "-traces/other"
	l, p := e.link(), e.sit()
	v := l.grants(p, "action:report")
	l.mustNot(v.req.Visit, "a command in a visit for an action")
	for _, command := range []string{
		"action:other", "action:report; echo > " + other, "action:report\necho > " + other, "action:other x", "action:", "action:nothing",
		"Action:other", " action:other", "action:report ", "sh -c 'echo > " + other + "'",
	} {
		if got, err := l.exec(v.req.Visit, command, ""); !errors.Is(err, errNoShell) || !strings.Contains(got.err+err.Error(), "accord:") {
			t.Errorf("%q: %+v, %v", command, got, err)
		}
	}
	ch, reqs, err := l.conn.OpenChannel(wire.ChannelSession, wire.MarshalSession(v.req.Visit))
	if err != nil {
		t.Fatal(err)
	}
	go ssh.DiscardRequests(reqs)
	if ok, _ := ch.SendRequest("shell", true, nil); ok {
		t.Error("a login shell in a visit for an action")
	}
	if exists(other) {
		t.Error("something else was done")
	}
	shell := l.open(p)
	if _, err := l.exec(shell.req.Visit, "action:other", ""); !errors.Is(err, errNoShell) || exists(other) {
		t.Errorf("an action in a visit for a shell: %v", err)
	}
	both := l.grants(p, "shell", "action:missing")
	if got, err := l.exec(both.req.Visit, "action:missing", ""); !errors.Is(err, errNoShell) || !strings.Contains(got.err, "no such file") {
		t.Errorf("a program that is not there: %+v, %v", got, err)
	}
	if !l.mark(both.req.Visit) {
		t.Error("no shell where both were granted")
	}
}

// An action ends with its time, with the visit, and when the user takes it
// back; nothing of it is left. The harness counts the processes.
func TestActionEnds(t *testing.T) {
	e := newEvil(t, withActions)
	slow := e.opts.Config.State + "-traces/slow"
	l, p := e.link(), e.sit()
	v := l.grants(p, "action:slow")
	got, err := l.exec(v.req.Visit, "action:slow", "")
	if err != nil || !got.signal || !strings.Contains(got.err, "the action was stopped after 1s") {
		t.Errorf("its time: %+v, %v", got, err)
	}
	_ = v.ch.Close()
	p.ended(v.req.Visit)
	v = l.grants(p, "action:slow", "action:other")
	if err := os.Remove(slow); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = l.exec(v.req.Visit, "action:slow", "")
	}()
	eventually(t, "the action runs", func() bool { return exists(slow) })
	p.say(fromClient{Op: opReduce, ID: v.req.Visit, Take: []wire.Capability{"action:slow"}})
	<-done
	if _, err := l.exec(v.req.Visit, "action:slow", ""); !errors.Is(err, errNoShell) {
		t.Errorf("an action that was taken back: %v", err)
	}
	if _, err := l.exec(v.req.Visit, "action:other", ""); err != nil {
		t.Errorf("the one that was left: %v", err)
	}
}

// The prompt says what an action does, in the owner's words.
func TestActionIsWorded(t *testing.T) {
	e := newEvil(t, withActions)
	l, p := e.link(), e.sit()
	req := request()
	req.Capabilities = []wire.Capability{"action:report"}
	v := l.ask(req)
	asked := p.asked()
	if text := asked.Text(tui.PhrasesFor("")); !strings.Contains(text, "run: report how it is") {
		t.Errorf("shown:\n%s", text)
	}
	p.give(asked.ID, approval("action:report"))
	if c := l.answer(v); !strings.Contains(c.Text, "run: report how it is") {
		t.Errorf("the receipt says:\n%s", c.Text)
	}
}

func TestActionMistakes(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Action)
		at     string
	}{
		"capitals":        {func(a *Action) { a.Name = "Reboot" }, "action[1].name"},
		"a name twice":    {func(a *Action) { a.Name = "report" }, "action[1].name"},
		"no words":        {func(a *Action) { a.About = "" }, "action[1].about"},
		"two lines":       {func(a *Action) { a.About = "a\nb" }, "action[1].about"},
		"too many words":  {func(a *Action) { a.About = strings.Repeat("x", wire.MaxName+1) }, "action[1].about"},
		"no command":      {func(a *Action) { a.Command = nil }, "action[1].command"},
		"no path":         {func(a *Action) { a.Command = []string{"reboot"} }, "action[1].command"},
		"NUL":             {func(a *Action) { a.Command = []string{"/bin/true", "\x00"} }, "action[1].command"},
		"no account":      {func(a *Action) { a.User = "a b" }, "action[1].user"},
		"no time at all":  {func(a *Action) { a.Timeout = time.Millisecond }, "action[1].timeout"},
		"time without an": {func(a *Action) { a.Timeout = 13 * time.Hour }, "action[1].timeout"},
	} {
		cfg := Defaults()
		cfg.Actions = []Action{{Name: "report", About: "x", Command: []string{"/bin/true"}}, {Name: "reboot", About: "start it again", Command: []string{"/sbin/reboot"}}}
		if err := cfg.Check(); err != nil {
			t.Fatal(err)
		}
		c.change(&cfg.Actions[1])
		var placed config.Placed
		if err := cfg.Check(); !errors.As(err, &placed) || placed.At() != c.at {
			t.Errorf("%s: %v", name, err)
		}
	}
	o := Options{Config: Defaults(), Log: discard()}
	o.Config.State, o.Config.Actions = t.TempDir(), []Action{{Name: "x", About: "x", Command: []string{"/bin/true"}, User: "no-such-account"}}
	if _, err := New(o); err == nil || !strings.Contains(err.Error(), "agent.action[0].user") {
		t.Errorf("an account that is not there: %v", err)
	}
}
