package agent

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"

	"accord/agent/files"
	"accord/agent/proc"
	"accord/agent/sockets"
	"accord/tui"
	"accord/wire"
)

// The evil gateway: it holds the real, pinned key, and speaks the protocol by
// hand, in whatever order it likes. A shell of a visit betrays itself by
// making a marker file. The user is played over the agent's own local socket.

func TestMain(m *testing.M) {
	proc.Main(proc.Inside{InsideFiles: files.Serve, InsideSockets: sockets.Serve})
	if os.Getenv(roleVar) != "" {
		os.Exit(playLocal())
	}
	goleak.VerifyTestMain(m)
}

// patience bounds every wait for something that must come, on a slow machine too.
// It is less than the 45 s after which a silent link is found.
const patience = 40 * time.Second

// evil is one agent and the compromised gateway that it calls.
type evil struct {
	t      testing.TB
	key    ssh.Signer
	ln     net.Listener
	agent  *Agent
	dir    string
	clean  func() // stops the agent and waits for it
	opts   Options
	marks  int
	before int // descriptors
}

func newSigner(t testing.TB) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// shortDir is a folder whose path leaves room for a socket's name.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "accord")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// newEvil starts an agent that has joined the evil gateway. change, which may
// be nil, alters its options.
func newEvil(t testing.TB, change func(*Options)) *evil {
	t.Helper()
	e := &evil{t: t, key: newSigner(t), dir: shortDir(t), before: descriptors(t)}
	e.listen()
	o := Options{Config: Defaults(), Version: "test", Log: slog.New(slog.DiscardHandler), Self: []string{"/bin/false"}}
	o.Config.State = filepath.Join(e.dir, "state")
	o.Config.Redial = 10 * time.Millisecond
	// Whatever display this machine's user has:
	o.Config.Screen.Server, o.Config.Surfaces = "off", []string{surfaceTmux, surfaceLine}
	if change != nil {
		change(&o)
	}
	st, err := openState(o.Config.State)
	if err != nil {
		t.Fatal(err)
	}
	pin := Pin{Address: e.ln.Addr().String(), Key: string(ssh.MarshalAuthorizedKey(e.key.PublicKey())), Device: "laptop-7", Organisation: "Evil"}
	if err := st.savePin(pin); err != nil {
		t.Fatal(err)
	}
	e.opts = o
	if e.agent, err = New(o); err != nil {
		t.Fatal(err)
	}
	e.run()
	t.Cleanup(e.check)
	return e
}

// listen is where agents call the evil gateway.
func (e *evil) listen() {
	e.t.Helper()
	var err error
	if e.ln, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		e.t.Fatal(err)
	}
}

func (e *evil) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.agent.Run(ctx) }()
	e.clean = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil && !errors.Is(err, ErrReplaced) {
				e.t.Errorf("the agent ended with %v", err)
			}
		case <-time.After(patience):
			e.t.Error("the agent does not stop")
		}
	})
	eventually(e.t, "the agent listens on its socket", func() bool {
		conn, err := net.Dial("unix", e.agent.Socket())
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

// again stops the agent and starts it anew in its folder.
func (e *evil) again() *evilLink {
	e.t.Helper()
	e.clean()
	var err error
	if e.agent, err = New(e.opts); err != nil {
		e.t.Fatal(err)
	}
	e.run()
	return e.link()
}

// check sees that nothing is left: no process, no goroutine, no descriptor.
func (e *evil) check() {
	e.clean()
	_ = e.ln.Close()
	eventually(e.t, "no process of a visit is left", func() bool { return len(processes(e.t, e.dir)) == 0 })
	var left error
	benchmark := goleak.IgnoreTopFunction("testing.(*B).run1") // the one that waits for this one
	eventually(e.t, "no goroutine is left", func() bool { left = goleak.Find(benchmark); return left == nil })
	if left != nil {
		e.t.Error(left)
	}
	eventually(e.t, "descriptors are back", func() bool { return descriptors(e.t) <= e.before })
}

// eventually waits for a fact that nothing announces.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Errorf("not within %v: %s", patience, what)
			return
		}
	}
}

func descriptors(t testing.TB) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// processes are those whose command line names the test's folder.
func processes(t testing.TB, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, path := range paths {
		if text, _ := os.ReadFile(path); bytes.Contains(text, []byte(dir)) {
			list = append(list, filepath.Base(filepath.Dir(path))+" "+strings.ReplaceAll(string(text), "\x00", " "))
		}
	}
	return list
}

// evilLink is one connection that the agent made.
type evilLink struct {
	*evil
	tcp    net.Conn
	conn   ssh.Conn
	device ssh.PublicKey
}

// accept takes the agent's next call and shakes hands with the given key.
func (e *evil) accept(key ssh.Signer) (*evilLink, error) {
	_ = e.ln.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	tcp, err := e.ln.Accept()
	if err != nil {
		return nil, err
	}
	return e.shake(tcp, key)
}

func (e *evil) shake(tcp net.Conn, key ssh.Signer) (*evilLink, error) {
	l := &evilLink{evil: e, tcp: tcp}
	conn, chans, reqs, err := ssh.NewClientConn(tcp, "agent", &ssh.ClientConfig{
		Config: wire.Algorithms(false), User: wire.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(key)},
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error { l.device = key; return nil },
	})
	if err != nil {
		_ = tcp.Close()
		return nil, err
	}
	l.conn = conn
	go func() {
		for nc := range chans {
			e.t.Error("the agent opens a channel")
			_ = nc.Reject(ssh.Prohibited, "")
		}
	}()
	go func() {
		for r := range reqs {
			_ = r.Reply(true, nil)
		}
	}()
	e.t.Cleanup(func() { _ = conn.Close() })
	return l, nil
}

// link is a connection with the hello said.
func (e *evil) link() *evilLink {
	e.t.Helper()
	l, err := e.accept(e.key)
	if err == nil {
		_, err = l.hello(&wire.Welcome{Gateway: "evil", Organisation: "Evil", Device: "laptop-7"})
	}
	if err != nil {
		e.t.Fatal(err)
	}
	return l
}

// hello hears the device's introduction and answers it.
func (l *evilLink) hello(answer wire.Message) (*wire.Hello, error) {
	ch, reqs, err := l.conn.OpenChannel(wire.ChannelHello, nil)
	if err != nil {
		return nil, err
	}
	go ssh.DiscardRequests(reqs)
	c := wire.NewConn(ch)
	m, err := c.Read()
	if err != nil {
		return nil, err
	}
	h, ok := m.(*wire.Hello)
	if !ok {
		return nil, fmt.Errorf("%T instead of a hello", m)
	}
	if err := c.Write(answer); err != nil {
		return nil, err
	}
	_, ok = answer.(*wire.Welcome)
	if ok {
		eventually(l.t, "the agent is welcomed", func() bool {
			l.agent.desk.mu.Lock()
			defer l.agent.desk.mu.Unlock()
			return l.agent.desk.idle.Connected
		})
	}
	return h, nil
}

// evilVisit is a visit channel, as the gateway sees it.
type evilVisit struct {
	t    testing.TB
	ch   ssh.Channel
	conn *wire.Conn
	req  wire.Request
	in   chan wire.Message // closed with the channel
	sent *tap
}

// tap keeps what is written.
type tap struct {
	io.ReadWriter
	mu   sync.Mutex
	kept bytes.Buffer
}

func (t *tap) Write(p []byte) (int, error) {
	t.mu.Lock()
	t.kept.Write(p)
	t.mu.Unlock()
	return t.ReadWriter.Write(p)
}

func (t *tap) bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Clone(t.kept.Bytes())
}

// visit opens a visit channel and says nothing yet.
func (l *evilLink) visit() (*evilVisit, error) {
	ch, reqs, err := l.conn.OpenChannel(wire.ChannelVisit, nil)
	if err != nil {
		return nil, err
	}
	go ssh.DiscardRequests(reqs)
	v := &evilVisit{t: l.t, ch: ch, in: make(chan wire.Message, 64), sent: &tap{ReadWriter: ch}}
	v.conn = wire.NewConn(v.sent)
	go func() {
		defer close(v.in)
		for {
			m, err := v.conn.Read()
			if err != nil {
				return
			}
			v.in <- m
		}
	}()
	return v, nil
}

func (l *evilLink) mustVisit() *evilVisit {
	l.t.Helper()
	v, err := l.visit()
	if err != nil {
		l.t.Fatal(err)
	}
	return v
}

// ask opens a visit channel and sends a request on it.
func (l *evilLink) ask(req wire.Request) *evilVisit {
	l.t.Helper()
	v := l.mustVisit()
	v.req = req
	v.write(&req)
	return v
}

// write sends a message; the agent may have hung up, so errors mean nothing.
func (v *evilVisit) write(m wire.Message) { _ = v.conn.Write(m) }

// await waits for a message of type M; false when the channel ends before.
func await[M wire.Message](v *evilVisit) (M, bool) {
	v.t.Helper()
	var none M
	late := time.After(patience)
	for {
		select {
		case m, ok := <-v.in:
			if !ok {
				return none, false
			}
			if got, is := m.(M); is {
				return got, true
			}
		case <-late:
			v.t.Errorf("no %T came", none)
			return none, false
		}
	}
}

// gone waits until the agent has closed the channel.
func (v *evilVisit) gone() {
	v.t.Helper()
	late := time.After(patience)
	for {
		select {
		case _, ok := <-v.in:
			if !ok {
				return
			}
		case <-late:
			v.t.Error("the agent keeps the visit channel open")
			return
		}
	}
}

// answer reads the consent that the device signed; it verifies.
func (l *evilLink) answer(v *evilVisit) *wire.Consent {
	l.t.Helper()
	m, ok := await[*wire.Answer](v)
	if !ok {
		l.t.Fatal("no answer came")
	}
	c, err := wire.OpenConsent(l.device, m.Statement, m.Signature)
	if err != nil {
		l.t.Fatal(err)
	}
	return c
}

var ids struct { //nolint:gochecknoglobals // a counter, so that ids are never the same
	sync.Mutex
	n int
}

// newID is the id of a visit that was never asked for.
func newID() string {
	const letters = "abcdefghijklmnopqrstuvwxyz234567"
	ids.Lock()
	defer ids.Unlock()
	ids.n++
	id, n := make([]byte, 8), ids.n
	for i := range id {
		id[i] = letters[n%32]
		n /= 32
	}
	return "20260102-030405-" + string(id)
}

func request() wire.Request {
	id := newID()
	return wire.Request{
		Visit: id, Organisation: "Evil", Technician: wire.Technician{Name: "mallory", Key: "SHA256:" + id},
		Reason: "printer", Ticket: "T-1", Capabilities: []wire.Capability{wire.Shell}, Minutes: 5,
	}
}

func zeroHead() wire.Head { return wire.Head{Hash: strings.Repeat("0", 64)} }

// errNoShell reports that the agent opened nothing.
var errNoShell = errors.New("no shell")

// run tries a command in the named visit.
func (l *evilLink) run(visit, command string) error {
	return l.runOn(wire.MarshalSession(visit), command)
}

func (l *evilLink) runOn(extra []byte, command string) error {
	ch, reqs, err := l.conn.OpenChannel(wire.ChannelSession, extra)
	if err != nil {
		return fmt.Errorf("%w: %w", errNoShell, err)
	}
	defer func() { _ = ch.Close() }()
	ok, err := ch.SendRequest("exec", true, ssh.Marshal(struct{ Command string }{command}))
	if err != nil || !ok {
		go ssh.DiscardRequests(reqs)
		return fmt.Errorf("%w: exec: %v, %w", errNoShell, ok, err)
	}
	go func() { _, _ = io.Copy(io.Discard, ch.Stderr()) }()
	go func() { _, _ = io.Copy(io.Discard, ch) }()
	for r := range reqs {
		if r.Type == "exit-status" {
			return nil
		}
	}
	return nil
}

// mark tries to make a marker file through the visit and says whether it is
// there afterwards.
func (l *evilLink) mark(visit string) bool {
	l.t.Helper()
	l.marks++
	path := filepath.Join(l.dir, fmt.Sprintf("marker-%d", l.marks))
	_ = l.run(visit, "echo > "+path)
	_, err := os.Stat(path)
	return err == nil
}

// mustNot fails the test when a shell of the visit can be had.
func (l *evilLink) mustNot(visit, when string) {
	l.t.Helper()
	if l.mark(visit) {
		l.t.Errorf("%s: a shell was opened", when)
	}
}

// person is the device's user, at the local socket.
type person struct {
	t   testing.TB
	l   *local
	out chan toClient // closed with the connection
}

// sit opens a resident screen.
func (e *evil) sit() *person {
	e.t.Helper()
	p, err := e.connect(fromClient{Op: opUser, Surface: "resident"})
	if err != nil {
		e.t.Fatal(err)
	}
	first := p.next()
	if first.Idle == nil {
		e.t.Fatalf("the agent greets with %+v", first)
	}
	return p
}

func (e *evil) connect(opening fromClient) (*person, error) {
	l, err := dialLocal(context.Background(), e.agent.Socket())
	if err != nil {
		return nil, err
	}
	e.t.Cleanup(func() { _ = l.conn.Close() })
	if err := l.write(opening); err != nil {
		return nil, err
	}
	p := &person{t: e.t, l: l, out: make(chan toClient, 256)}
	go func() {
		defer close(p.out)
		for {
			m, err := l.read()
			if err != nil && m.Error == "" {
				return
			}
			p.out <- m
		}
	}()
	return p, nil
}

// next is the agent's next line; the zero value when it has hung up.
func (p *person) next() toClient {
	p.t.Helper()
	select {
	case m := <-p.out:
		return m
	case <-time.After(patience):
		p.t.Fatal("the agent tells the user nothing")
		return toClient{}
	}
}

// until waits for a line that fits.
func (p *person) until(what string, fits func(toClient) bool) toClient {
	p.t.Helper()
	late := time.After(patience)
	for {
		select {
		case m, ok := <-p.out:
			if fits(m) {
				return m
			}
			if !ok {
				p.t.Fatalf("the agent hung up before %s", what)
			}
		case <-late:
			p.t.Fatalf("never came: %s", what)
		}
	}
}

// asked waits for the prompt of a request.
func (p *person) asked() *tui.Prompt {
	p.t.Helper()
	return p.until("a request", func(m toClient) bool { return m.Asking != nil }).Asking
}

func (p *person) ended(visit string) {
	p.t.Helper()
	p.until("the end card", func(m toClient) bool { return m.Ended != nil && m.Ended.ID == visit })
}

func (p *person) say(m fromClient) {
	p.t.Helper()
	if err := p.l.write(m); err != nil {
		p.t.Fatal(err)
	}
}

func (p *person) give(id string, a tui.Answer) {
	p.t.Helper()
	p.say(fromClient{Op: opAnswer, ID: id, Answer: &a})
}

func approval(caps ...string) tui.Answer {
	if len(caps) == 0 {
		caps = []string{string(wire.Shell)}
	}
	return tui.Answer{Choice: tui.Approve, Granted: caps}
}

// open brings a visit to where shells can be had, all in order.
func (l *evilLink) open(p *person) *evilVisit {
	l.t.Helper()
	v := l.ask(request())
	p.give(p.asked().ID, approval())
	if c := l.answer(v); c.Choice != wire.Approve {
		l.t.Fatalf("the approval became %s: %s", c.Choice, c.Why)
	}
	v.write(&wire.Open{Head: zeroHead()})
	if _, ok := await[*wire.Ready](v); !ok {
		l.t.Fatal("the visit does not open")
	}
	return v
}
