package gateway

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/gateway/store"
	"accord/policy"
	"accord/recordings"
	"accord/tui"
	"accord/wire"
)

// screen is a terminal on which somebody watches.
type screen struct {
	t       *testing.T
	session *gossh.Session
	keys    io.WriteCloser
	mu      sync.Mutex
	shown   bytes.Buffer
	done    chan error
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown.Write(p)
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown.String()
}

// watch runs a command on a terminal of 80 by 24.
func (h *house) watch(key gossh.Signer, command string) *screen {
	h.t.Helper()
	session, err := h.mustLogin("gw", key).NewSession()
	if err != nil {
		h.t.Fatal(err)
	}
	s := &screen{t: h.t, session: session, done: make(chan error, 1)}
	if s.keys, err = session.StdinPipe(); err != nil {
		h.t.Fatal(err)
	}
	session.Stdout = s
	if err := session.RequestPty("xterm", 24, 80, gossh.TerminalModes{}); err != nil {
		h.t.Fatal(err)
	}
	if err := session.Start(command); err != nil {
		h.t.Fatal(err)
	}
	go func() { s.done <- session.Wait() }()
	return s
}

func (s *screen) shows(text string) {
	s.t.Helper()
	eventually(s.t, "the screen shows "+text, func() bool { return strings.Contains(s.text(), text) })
}

func (s *screen) types(keys string) {
	s.t.Helper()
	if _, err := io.WriteString(s.keys, keys); err != nil {
		s.t.Fatal(err)
	}
}

// left waits until the screen is over.
func (s *screen) left() error {
	s.t.Helper()
	select {
	case err := <-s.done:
		return err
	case <-time.After(patience):
		s.t.Fatal("the screen stays")
		return nil
	}
}

// mailbox keeps what a device hears.
type mailbox struct {
	mu  sync.Mutex
	all []string
	c   *wire.Conn
}

func (m *mailbox) hears(c *wire.Conn, msg wire.Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.c = c
	switch msg := msg.(type) {
	case *wire.Presence:
		names := []string{}
		for _, w := range msg.Watchers {
			name := w.Name
			if w.Hands {
				name += "+"
			}
			names = append(names, name)
		}
		m.all = append(m.all, "["+strings.Join(names, " ")+"]")
	case *wire.Say:
		m.all = append(m.all, msg.From+": "+msg.Text)
	}
}

func (m *mailbox) list() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string{}, m.all...)
}

func (m *mailbox) conn() *wire.Conn {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.c
}

// withRule puts one rule in force.
func withRule(change func(*policy.Rule)) func(*Options) {
	return func(o *Options) {
		r := policy.Rule{Name: "test", Effect: "allow", Who: []string{"role:technician"}, Capabilities: []string{"*"}}
		change(&r)
		o.Policy.Rules = []policy.Rule{r}
	}
}

// TestEverybodyIsTold: the device hears who watches and who types at each
// change, and what is said; the log and the timeline have it.
func TestEverybodyIsTold(t *testing.T) {
	h := newHouse(t, withRule(func(r *policy.Rule) { r.Hands = true }))
	d, box := h.device("laptop-7"), &mailbox{}
	d.hears = box.hears
	d.join()
	c := h.mustLogin("laptop-7", h.alice)
	ch, _ := h.started(c)
	id := h.visitOf("alice", "laptop-7")
	told := func(want ...string) {
		t.Helper()
		eventually(t, fmt.Sprintf("the device heard %v", want), func() bool { return fmt.Sprint(box.list()) == fmt.Sprint(want) })
		if t.Failed() {
			t.Fatalf("it heard %v", box.list())
		}
	}
	boss := h.watch(h.boss, "watch "+id)
	told("[boss]")
	boss.shows("device: ")
	boss.types("i")
	told("[boss]", "[boss+]")
	boss.types("\x1ds")
	told("[boss]", "[boss+]", "[boss]")
	boss.types("hello\r")
	told("[boss]", "[boss+]", "[boss]", "boss: hello")
	boss.types("q")
	if err := boss.left(); err != nil {
		t.Error(err)
	}
	told("[boss]", "[boss+]", "[boss]", "boss: hello", "[]")
	_ = ch.Close()
	h.noLive()
	entries, err := h.store.Audit(t.Context(), store.Filter{Kind: store.VisitWatched})
	if err != nil || len(entries) != 4 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	var kinds []string
	for e, err := range recordings.ReadTimeline(h.onlyRecording()) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == eventWatched || e.Kind == eventHands || e.Kind == eventSaid {
			kinds = append(kinds, e.Kind)
		}
	}
	if got := strings.Join(kinds, " "); got != "watched hands hands said watched" {
		t.Errorf("the timeline has %s", got)
	}
}

// TestWhoMayNotIsNotShown: nothing of the visit reaches who may not watch it, and
// nobody is told that they watch; each no stands in the log.
func TestWhoMayNotIsNotShown(t *testing.T) {
	carol, eve := newSigner(t), newSigner(t)
	h := newHouse(t, func(o *Options) {
		o.People = append(o.People,
			policy.Person{Name: "carol", Keys: []string{keyLine(carol)}, Roles: []string{"technician"}},
			policy.Person{Name: "eve", Keys: []string{keyLine(eve)}, Roles: []string{"auditor"}})
	})
	d, box := h.device("laptop-7"), &mailbox{}
	d.hears = box.hears
	d.join()
	h.started(h.mustLogin("laptop-7", h.alice))
	id := h.visitOf("alice", "laptop-7")
	for _, key := range []gossh.Signer{h.alice, carol, eve} {
		s := h.watch(key, "watch "+id)
		if err := s.left(); err == nil || strings.Contains(s.text(), "device: ") {
			t.Errorf("%v: %q", err, s.text())
		}
	}
	for _, key := range []gossh.Signer{carol, eve} {
		for _, command := range []string{"say " + id + " hello", "kill " + id} {
			if got := h.run("gw", key, command); got.status != exitRefused {
				t.Errorf("%s: %+v", command, got)
			}
		}
	}
	if got := h.run("gw", eve, "visits --json"); got.status != 0 || !strings.Contains(got.out, id) || !strings.Contains(got.out, `"watchers": []`) {
		t.Errorf("%+v", got)
	}
	if len(box.list()) > 0 {
		t.Errorf("the device heard %v", box.list())
	}
	denied, err := h.store.Audit(t.Context(), store.Filter{Kind: store.LoginDenied})
	if err != nil || len(denied) != 7 {
		t.Errorf("%d noes are in the log, %v", len(denied), err)
	}
}

// TestStalledWatcher: a watcher whose client reads nothing holds nobody up. The
// visit prints twenty million bytes meanwhile, all of them arrive, and the visit
// ends, before the watcher reads on.
func TestStalledWatcher(t *testing.T) {
	const total = 20_000_000
	h := newHouse(t, nil)
	d := h.device("laptop-7")
	start := make(chan struct{})
	block := bytes.Repeat([]byte("0123456789 abcdef\r\n"), 1000)
	d.session = func(nc gossh.NewChannel) {
		ch, reqs, err := nc.Accept()
		if err != nil {
			return
		}
		go func() {
			for r := range reqs {
				_ = r.Reply(true, nil)
			}
		}()
		_, _ = io.WriteString(ch, "device: ")
		<-start
		for sent := 0; sent < total; {
			n, err := ch.Write(block[:min(len(block), total-sent)])
			if err != nil {
				return
			}
			sent += n
		}
		_, _ = ch.SendRequest("exit-status", false, make([]byte, 4))
		_ = ch.Close()
	}
	d.join()
	ch, _ := h.started(h.mustLogin("laptop-7", h.alice))
	id := h.visitOf("alice", "laptop-7")
	tcp := &deafConn{Conn: h.dialFrom("127.0.0.1", h.technicians)}
	defer func() { _ = tcp.Close() }()
	conn, chans, reqs, err := gossh.NewClientConn(tcp, "gateway", &gossh.ClientConfig{
		User: "gw", Auth: []gossh.AuthMethod{gossh.PublicKeys(h.boss)}, HostKeyCallback: gossh.FixedHostKey(h.Key()),
	})
	if err != nil {
		t.Fatal(err)
	}
	session, err := gossh.NewClient(conn, chans, reqs).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := session.StdinPipe(); err != nil { // or its input would end at once
		t.Fatal(err)
	}
	if err := session.RequestPty("xterm", 24, 80, gossh.TerminalModes{}); err != nil {
		t.Fatal(err)
	}
	if err := session.Start("watch " + id); err != nil {
		t.Fatal(err)
	}
	eventually(t, "somebody watches", func() bool { return len(h.visits.get(id).audience.watching()) == 1 })
	tcp.stop() // nothing is read from here on
	close(start)
	late := time.AfterFunc(3*patience, func() { _ = ch.Close() })
	defer late.Stop()
	got, err := io.Copy(io.Discard, ch)
	if err != nil || got != total {
		t.Fatalf("%d bytes arrived, %v", got, err)
	}
	if reply := h.run("gw", h.boss, "visits --json"); reply.status != 0 {
		t.Errorf("%+v", reply)
	}
	_ = ch.Close()
	h.noLive()
}

// TestLinesOfTheUser: a device can't speak in another's name, and one that talks
// without end fills nothing up and ends nothing.
func TestLinesOfTheUser(t *testing.T) {
	h := newHouse(t, nil)
	d, box := h.device("laptop-7"), &mailbox{}
	d.hears = box.hears
	d.join()
	ch, _ := h.started(h.mustLogin("laptop-7", h.alice))
	id := h.visitOf("alice", "laptop-7")
	boss := h.watch(h.boss, "watch "+id)
	eventually(t, "the device knows", func() bool { return len(box.list()) == 1 })
	for i := range 500 {
		if err := box.conn().Write(&wire.Say{From: "boss", Text: fmt.Sprint("I am the supervisor ", i)}); err != nil {
			t.Fatal(err)
		}
	}
	said := func() []tui.Spoken { return h.visits.get(id).scene((&session{}).phrases()).Said }
	last := tui.Spoken{From: "the user", Text: "I am the supervisor 499"}
	eventually(t, "all was heard", func() bool { list := said(); return len(list) > 0 && list[len(list)-1] == last })
	if n := len(said()); n != spokenMost {
		t.Errorf("%d lines are kept", n)
	}
	boss.shows("the user:")
	if got := box.list(); len(got) != 1 {
		t.Errorf("the device hears itself: %v", got[1:])
	}
	boss.types("q")
	_ = boss.left()
	_ = ch.Close()
	h.noLive()
}

// TestHandsDoNotMix: what two people type at once arrives whole, each in its
// order.
func TestHandsDoNotMix(t *testing.T) {
	h := newHouse(t, withRule(func(r *policy.Rule) { r.Hands = true }))
	d := h.device("laptop-7")
	var mu sync.Mutex
	var arrived bytes.Buffer
	d.session = func(nc gossh.NewChannel) {
		ch, reqs, err := nc.Accept()
		if err != nil {
			return
		}
		go func() {
			for r := range reqs {
				_ = r.Reply(true, nil)
			}
		}()
		_, _ = io.WriteString(ch, "device: ")
		buf := make([]byte, 32<<10)
		for {
			n, err := ch.Read(buf)
			mu.Lock()
			arrived.Write(buf[:n])
			mu.Unlock()
			if err != nil {
				return
			}
		}
	}
	d.join()
	ch, _ := h.started(h.mustLogin("laptop-7", h.alice))
	boss := h.watch(h.boss, "watch "+h.visitOf("alice", "laptop-7"))
	boss.shows("device: ")
	boss.types("i")
	boss.shows("You type too")
	var typing sync.WaitGroup
	typing.Go(func() {
		for i := range 200 {
			_, _ = fmt.Fprintf(ch, "<alice %d>", i)
		}
	})
	for i := range 50 {
		boss.types(fmt.Sprintf("\x1b[200~<boss %d>\x1b[201~", i))
		eventually(t, "it arrives", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return strings.Contains(arrived.String(), fmt.Sprintf("<boss %d>", i))
		})
	}
	typing.Wait()
	eventually(t, "all arrives", func() bool { mu.Lock(); defer mu.Unlock(); return strings.Contains(arrived.String(), "<alice 199>") })
	mu.Lock()
	defer mu.Unlock()
	for name, most := range map[string]int{"alice": 200, "boss": 50} {
		at := 0
		for i := range most {
			next := strings.Index(arrived.String()[at:], fmt.Sprintf("<%s %d>", name, i))
			if next < 0 {
				t.Fatalf("what %s typed is not in its order from %d on", name, i)
			}
			at += next
		}
	}
	_ = ch.Close()
	boss.types("\x1dq")
	_ = boss.left()
}

// TestWatcherLosesTheRole: who may not watch any more by new rules is shown out,
// and where a colleague must watch nothing flows from then on.
func TestWatcherLosesTheRole(t *testing.T) {
	var options Options
	h := newHouse(t, func(o *Options) {
		withRule(func(r *policy.Rule) { r.Watched = true })(o)
		options = *o
	})
	h.device("laptop-7").join()
	c := h.mustLogin("laptop-7", h.alice)
	ch, _, err := c.OpenChannel("session", nil)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := ch.SendRequest("exec", true, gossh.Marshal(struct{ Command string }{"hold"})); !ok || err != nil {
		t.Fatal(ok, err)
	}
	eventually(t, "the visit is open", func() bool {
		list := h.visits.all()
		return len(list) == 1 && list[0].isOpen()
	})
	id := h.visitOf("alice", "laptop-7")
	boss := h.watch(h.boss, "watch "+id)
	boss.shows("device: ")
	for i := range options.People {
		if options.People[i].Name == "boss" {
			options.People[i].Roles = []string{"admin"}
		}
	}
	law, err := newLaw(options)
	if err != nil {
		t.Fatal(err)
	}
	h.inForce.Store(law)
	h.recheck("a test")
	if err := boss.left(); err == nil {
		t.Error("the screen ended well")
	}
	boss.shows("watch needs the role")
	if v := h.visits.get(id); !v.audience.held() {
		t.Error("nobody watches, and it goes on")
	}
	_ = ch.Close()
	h.noLive()
}
