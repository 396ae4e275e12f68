package gateway

import (
	"bytes"
	"cmp"
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
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	gossh "golang.org/x/crypto/ssh"

	"accord/policy"
	"accord/recordings"
	"accord/wire"
)

// Hostile devices and clients against a real gateway on loopback. Devices
// speak the protocol by hand, with hooks to misbehave at each step.

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait for something that must come, on a slow machine too.
// It is less than the 45 s after which a silent link is found.
const patience = 40 * time.Second

// house is a gateway with one technician and one supervisor.
type house struct {
	*Gateway
	t           *testing.T
	technicians string // addresses
	agents      string
	webSocket   string // where one is configured
	alice, boss gossh.Signer
	dir         string
	stopIt      func()
}

func newSigner(t *testing.T) gossh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := gossh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func keyLine(key gossh.Signer) string {
	return strings.TrimSpace(string(gossh.MarshalAuthorizedKey(key.PublicKey())))
}

// newHouse starts a gateway. change, which may be nil, alters its options. When
// the test ends the gateway is stopped and nothing of it may be left.
func newHouse(t *testing.T, change func(*Options)) *house {
	t.Helper()
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	back, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	// With the two, and with those that the runtime opens for the first socket
	// of the process and keeps.
	before := descriptors(t) - 2
	h := &house{t: t, alice: newSigner(t), boss: newSigner(t), dir: t.TempDir()}
	o := Options{
		Config: Defaults(), Policy: policy.Defaults(), Recordings: recordings.Default(), Version: "test", Log: slog.New(slog.DiscardHandler),
		People: []policy.Person{
			{Name: "alice", Full: "Alice Exe\u0301mple", Keys: []string{keyLine(h.alice)}, Roles: []string{"technician"}},
			{Name: "boss", Keys: []string{keyLine(h.boss)}, Roles: []string{"technician", "supervisor", "admin"}},
		},
	}
	o.Config.State, o.Recordings.Dir, o.Recordings.MinFreeMiB = filepath.Join(h.dir, "state"), filepath.Join(h.dir, "rec"), 0
	o.Policy.ReasonRequired = false
	if change != nil {
		change(&o)
	}
	if h.Gateway, err = New(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	h.technicians, h.agents = front.Addr().String(), back.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	// Both have no descriptor to spare at first.
	ports := Ports{Technicians: &short{Listener: front}, Agents: &short{Listener: back}}
	if o.Config.WebSocket.Listen != "" {
		if ports.WebSocket, err = net.Listen("tcp", o.Config.WebSocket.Listen); err != nil {
			t.Fatal(err)
		}
		h.webSocket = ports.WebSocket.Addr().String()
	}
	go func() { served <- h.Serve(ctx, ports) }()
	h.stopIt = sync.OnceFunc(func() {
		cancel()
		select {
		case <-served:
		case <-time.After(patience):
			t.Error("the gateway does not stop")
		}
	})
	t.Cleanup(func() {
		h.stopIt()
		var left error
		eventually(t, "no goroutine is left", func() bool { left = goleak.Find(); return left == nil })
		if left != nil {
			t.Error(left)
		}
		eventually(t, "descriptors are back", func() bool { return descriptors(t) <= before })
	})
	return h
}

// short is a listener of a machine that is short of descriptors, once.
type short struct {
	net.Listener
	failed atomic.Bool
}

func (s *short) Accept() (net.Conn, error) {
	if !s.failed.Swap(true) {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: syscall.EMFILE}
	}
	return s.Listener.Accept()
}

func eventually(t *testing.T, what string, holds func() bool) {
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

func descriptors(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// dialFrom connects from an address of its own on loopback, so that penalties
// for one do not shut out the others.
func (h *house) dialFrom(from, to string) net.Conn {
	h.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience}
	conn, err := d.DialContext(h.t.Context(), "tcp", to)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// device is one that calls the gateway. Hooks left nil are honest.
type device struct {
	house *house
	key   gossh.Signer
	name  string
	from  string
	tcp   net.Conn
	conn  *gossh.ServerConn

	// consent alters what the device's user said, before it is signed by signer.
	consent func(*wire.Consent)
	signer  gossh.Signer
	// visit takes over the whole visit channel; session a session's.
	visit   func(gossh.Channel)
	session func(gossh.NewChannel)
	wrap    func(net.Conn) net.Conn // of the connection, nil for none
	deaf    *deafConn
	// offers are capabilities besides a shell; forwards serves connections that
	// go through the device, nil refuses them.
	offers   []wire.Capability
	screens  func(gossh.NewChannel) // answers channels of the screen; nil refuses them
	forwards func(gossh.NewChannel)
	listens  func(gossh.NewChannel)
	// further alters what the user said to more; nil agrees. Where it returns
	// false nothing is answered.
	further func(*wire.Consent) bool
	// mute answers no channel.
	mute bool
	// questions answers channels about the device itself; nil refuses them.
	questions func(gossh.Channel)
	// releases answers channels about releases; nil is an agent that knows none.
	releases func(gossh.Channel)
	agent    string // its version, where that matters
	// early says whether it is too early for one; nil never says so.
	early func() bool
	// hears gets what else the gateway says in a visit.
	hears func(*wire.Conn, wire.Message)
	// ready is sent instead of Ready.
	ready func(*wire.Conn)

	mu      sync.Mutex
	asked   []wire.Request
	answers []*wire.Answer
	mores   []wire.More
}

func (h *house) device(name string) *device {
	d := &device{house: h, key: newSigner(h.t), name: name, from: "127.0.0.1"}
	d.signer = d.key
	return d
}

// call connects and shakes hands with the gateway, which must prove its key.
func (d *device) call() (<-chan gossh.NewChannel, error) {
	d.tcp = d.house.dialFrom(d.from, d.house.agents)
	config := &gossh.ServerConfig{
		Config: wire.Algorithms(false),
		PublicKeyCallback: func(_ gossh.ConnMetadata, key gossh.PublicKey) (*gossh.Permissions, error) {
			if !bytes.Equal(key.Marshal(), d.house.Key().Marshal()) {
				return nil, errors.New("not the gateway")
			}
			return nil, nil
		},
	}
	config.AddHostKey(d.key)
	if d.wrap != nil {
		d.tcp = d.wrap(d.tcp)
	}
	conn, chans, reqs, err := gossh.NewServerConn(d.tcp, config)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	d.conn = conn
	d.mu.Unlock()
	d.house.t.Cleanup(func() { _ = conn.Close() })
	go func() {
		for r := range reqs {
			_ = r.Reply(true, nil)
		}
	}()
	return chans, nil
}

// hello answers the gateway's hello channel with a message and returns its word.
func (d *device) hello(nc gossh.NewChannel, m wire.Message) (wire.Message, error) {
	ch, reqs, err := nc.Accept()
	if err != nil {
		return nil, err
	}
	go gossh.DiscardRequests(reqs)
	defer func() { _ = ch.Close() }()
	c := wire.NewConn(ch)
	if err := c.Write(m); err != nil {
		return nil, err
	}
	return c.Read()
}

func (d *device) introduction() *wire.Hello {
	return &wire.Hello{
		Agent: cmp.Or(d.agent, "test"), Name: d.name, OS: "linux", Arch: "amd64",
		Capabilities: append([]wire.Capability{wire.Shell}, d.offers...), Logins: []string{"ann"},
	}
}

// enter calls with a hello and serves what the gateway opens.
func (d *device) enter(hello *wire.Hello) (wire.Message, error) {
	chans, err := d.call()
	if err != nil {
		return nil, err
	}
	nc, ok := <-chans
	if !ok || nc.ChannelType() != wire.ChannelHello {
		return nil, errors.New("the gateway opens no hello")
	}
	m, err := d.hello(nc, hello)
	if err != nil {
		return nil, err
	}
	go d.serve(chans)
	return m, nil
}

// join enrols the device and connects it.
func (d *device) join() *device {
	d.house.t.Helper()
	token, err := d.house.Enroll(d.house.t.Context(), d.name)
	if err != nil {
		d.house.t.Fatal(err)
	}
	hello := d.introduction()
	hello.Token = token.Secret
	if m, err := d.enter(hello); err != nil {
		d.house.t.Fatal(m, err)
	} else if _, ok := m.(*wire.Welcome); !ok {
		d.house.t.Fatalf("enrolment: %+v", m)
	}
	_ = d.conn.Close()
	return d.online()
}

func (d *device) online() *device {
	d.house.t.Helper()
	m, err := d.enter(d.introduction())
	if w, ok := m.(*wire.Welcome); err != nil || !ok || w.Device != d.name {
		d.house.t.Fatalf("%+v, %v", m, err)
	}
	d.isOnline(true)
	return d
}

func (d *device) isOnline(want bool) {
	d.house.t.Helper()
	eventually(d.house.t, fmt.Sprintf("%s online: %v", d.name, want), func() bool {
		h := d.house.homes.get(gossh.FingerprintSHA256(d.key.PublicKey()))
		return (h != nil) == want
	})
}

func (d *device) serve(chans <-chan gossh.NewChannel) {
	for nc := range chans {
		switch {
		case d.mute:
		case nc.ChannelType() == wire.ChannelVisit:
			ch, reqs, err := nc.Accept()
			if err != nil {
				continue
			}
			go gossh.DiscardRequests(reqs)
			d.mu.Lock()
			visit := d.visit
			d.mu.Unlock()
			if visit == nil {
				visit = d.honest
			}
			go visit(ch)
		case nc.ChannelType() == wire.ChannelDevice && d.tooEarly():
			_ = nc.Reject(gossh.ResourceShortage, "before the hello")
		case nc.ChannelType() == wire.ChannelDevice && d.questions != nil:
			ch, reqs, err := nc.Accept()
			if err != nil {
				continue
			}
			go gossh.DiscardRequests(reqs)
			go d.questions(ch)
		case nc.ChannelType() == wire.ChannelUpdate && d.aboutReleases() != nil:
			ch, reqs, err := nc.Accept()
			if err != nil {
				continue
			}
			go gossh.DiscardRequests(reqs)
			go d.aboutReleases()(ch)
		case nc.ChannelType() == wire.ChannelForward && d.forwards != nil:
			go d.forwards(nc)
		case nc.ChannelType() == wire.ChannelListen && d.listens != nil:
			go d.listens(nc)
		case nc.ChannelType() == wire.ChannelScreen && d.screens != nil:
			go d.screens(nc)
		case nc.ChannelType() != wire.ChannelSession:
			_ = nc.Reject(gossh.UnknownChannelType, "")
		case d.session != nil:
			go d.session(nc)
		default:
			go echo(nc)
		}
	}
}

// aboutReleases is releases, which a test may set while an older call still serves.
func (d *device) aboutReleases() func(gossh.Channel) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.releases
}

// tooEarly asks early, which a test may set while an older call still serves.
func (d *device) tooEarly() bool {
	d.mu.Lock()
	early := d.early
	d.mu.Unlock()
	return early != nil && early()
}

// honest is a device whose user says yes at once.
func (d *device) honest(ch gossh.Channel) {
	defer func() { _ = ch.Close() }()
	c := wire.NewConn(ch)
	m, err := c.Read()
	req, ok := m.(*wire.Request)
	if err != nil || !ok {
		return
	}
	consent := d.yes(req)
	if d.consent != nil {
		d.consent(consent)
	}
	text, sig, err := wire.SignStatement(d.signer, consent)
	if err != nil {
		d.house.t.Error(err)
		return
	}
	a := &wire.Answer{Statement: text, Signature: sig}
	d.mu.Lock()
	d.asked, d.answers = append(d.asked, *req), append(d.answers, a)
	d.mu.Unlock()
	if c.Write(a) != nil {
		return
	}
	for {
		m, err := c.Read()
		if err != nil {
			return
		}
		if d.hears != nil {
			d.hears(c, m)
		}
		switch m := m.(type) {
		case *wire.Open:
			if d.ready != nil {
				d.ready(c)
			} else {
				_ = c.Write(&wire.Ready{})
			}
		case *wire.More:
			d.more(c, consent, m)
		case *wire.End:
			if m.Head != nil {
				return
			}
		}
	}
}

// more answers a question for more in the visit that first opened.
func (d *device) more(c *wire.Conn, first *wire.Consent, m *wire.More) {
	d.mu.Lock()
	d.mores = append(d.mores, *m)
	n := len(d.mores)
	d.mu.Unlock()
	again := *first
	again.Request = m.Further(first.Request, first.Login)
	again.Number, again.Nonce, again.Further, again.Granted = n+1, fmt.Sprintf("m%d", n), true, m.Capabilities
	again.Choice, again.Signers = wire.Approve, nil
	again.Answered = time.Now().UTC()
	if d.further != nil && !d.further(&again) {
		return
	}
	text, sig, err := wire.SignStatement(d.signer, &again)
	if err != nil {
		d.house.t.Error(err)
		return
	}
	_ = c.Write(&wire.Prompt{State: wire.Shown, Surface: "tmux"})
	_ = c.Write(&wire.Answer{Statement: text, Signature: sig})
}

// asksFor is how often more was asked for.
func (d *device) asksFor() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.mores)
}

func (d *device) yes(req *wire.Request) *wire.Consent {
	at := time.Now().UTC()
	until := at.Add(time.Duration(req.Minutes) * time.Minute)
	return &wire.Consent{
		Number: 1, Device: d.name, DeviceKey: gossh.FingerprintSHA256(d.key.PublicKey()), Nonce: "n", Request: *req,
		Choice: wire.Approve, Granted: req.Capabilities, Login: "ann", Until: &until, Text: "?", Language: "en", UID: 1000,
		Asked: at, Answered: at,
	}
}

// onVisit changes what a device that is online does with a visit.
func (d *device) onVisit(visit func(gossh.Channel)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.visit = visit
}

func (d *device) requests() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.asked)
}

// echo is a session that says the command back, then waits for the end of its
// input, then exits with 0.
func echo(nc gossh.NewChannel) {
	ch, reqs, err := nc.Accept()
	if err != nil {
		return
	}
	defer func() { _ = ch.Close() }()
	for r := range reqs {
		ok := r.Type == "exec" || r.Type == "shell" || r.Type == "pty-req" || r.Type == "env" || r.Type == "window-change"
		if r.WantReply {
			_ = r.Reply(ok, nil)
		}
		if r.Type != "exec" && r.Type != "shell" {
			continue
		}
		go gossh.DiscardRequests(reqs)
		_, _ = io.WriteString(ch, "device: ")
		_, _ = ch.Write(r.Payload)
		_, _ = io.Copy(ch, ch)
		_, _ = ch.SendRequest("exit-status", false, make([]byte, 4))
		return
	}
}

// login is a technician's connection.
func (h *house) login(user string, key gossh.Signer) (*gossh.Client, error) {
	return h.loginWith("127.0.0.1", user, gossh.PublicKeys(key))
}

func (h *house) loginWith(from, user string, auth ...gossh.AuthMethod) (*gossh.Client, error) {
	conn := h.dialFrom(from, h.technicians)
	c, chans, reqs, err := gossh.NewClientConn(conn, "gateway", &gossh.ClientConfig{
		User: user, Auth: auth, HostKeyCallback: gossh.FixedHostKey(h.Key()), Timeout: patience,
	})
	if err != nil {
		return nil, err
	}
	client := gossh.NewClient(c, chans, reqs)
	h.t.Cleanup(func() { _ = client.Close() })
	return client, nil
}

func (h *house) mustLogin(user string, key gossh.Signer) *gossh.Client {
	h.t.Helper()
	c, err := h.login(user, key)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// said is what a command of a technician came to.
type said struct {
	out, errs string
	status    int
}

// run runs a command on user@gateway with an empty input.
func (h *house) run(user string, key gossh.Signer, command string) said {
	h.t.Helper()
	c := h.mustLogin(user, key)
	defer func() { _ = c.Close() }()
	s, err := c.NewSession()
	if err != nil {
		h.t.Fatal(err)
	}
	return h.runIn(s, command)
}

func (h *house) runIn(s *gossh.Session, command string) said {
	h.t.Helper()
	var out, errs bytes.Buffer
	s.Stdin, s.Stdout, s.Stderr = strings.NewReader(""), &out, &errs
	done := make(chan error, 1)
	go func() { done <- s.Run(command) }()
	select {
	case err := <-done:
		status := 0
		if e, ok := errors.AsType[*gossh.ExitError](err); ok {
			status = e.ExitStatus()
		} else if err != nil {
			status = -1
		}
		return said{out.String(), errs.String(), status}
	case <-time.After(patience):
		h.t.Fatalf("%q does not end", command)
		return said{}
	}
}

// started begins a command and waits until the device has spoken.
func (h *house) started(c *gossh.Client) (gossh.Channel, <-chan *gossh.Request) {
	h.t.Helper()
	ch, reqs, err := c.OpenChannel("session", nil)
	if err != nil {
		h.t.Fatal(err)
	}
	if ok, err := ch.SendRequest("exec", true, gossh.Marshal(struct{ Command string }{"hold"})); !ok || err != nil {
		h.t.Fatal(ok, err)
	}
	if _, err := io.ReadFull(ch, make([]byte, len("device: "))); err != nil {
		h.t.Fatal(err)
	}
	return ch, reqs
}

// noLive waits until no visit is left.
func (h *house) noLive() {
	h.t.Helper()
	eventually(h.t, "no visit is live", func() bool { return len(h.visits.all()) == 0 })
}

// nothingOpened says that no recording was ever begun.
func (h *house) nothingOpened(when string) {
	h.t.Helper()
	list, err := h.library.List("", 10)
	if err != nil || len(list) > 0 {
		h.t.Errorf("%s: %d recordings, %v", when, len(list), err)
	}
}
