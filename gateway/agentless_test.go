package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/agent"
	"accord/gateway/store"
	"accord/policy"
	"accord/recordings"
	"accord/tui"
	"accord/wire"
)

// Devices that only have OpenSSH, and those who pretend to be one, against a
// real gateway with the real stand-in. Their sshd is one of x/crypto.

// sshd is a device's own SSH server on loopback.
type sshd struct {
	net.Listener
	hostKey gossh.Signer

	mu    sync.Mutex
	admit string // the line of authorized_keys
	conns []net.Conn
}

func newSSHD(t *testing.T) *sshd {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sshd{Listener: l, hostKey: newSigner(t)}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, c)
			s.mu.Unlock()
			all.Go(func() { s.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		s.cut()
		all.Wait()
	})
	return s
}

// place is where it listens now.
func (s *sshd) place() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Addr().String()
}

// cut ends all connections.
func (s *sshd) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		_ = c.Close()
	}
}

func (s *sshd) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	cfg := &gossh.ServerConfig{PublicKeyCallback: func(_ gossh.ConnMetadata, key gossh.PublicKey) (*gossh.Permissions, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !strings.Contains(s.admit, store.AuthorizedKey(key)) {
			return nil, errors.New("no")
		}
		return &gossh.Permissions{}, nil
	}}
	s.mu.Lock()
	cfg.AddHostKey(s.hostKey)
	s.mu.Unlock()
	conn, chans, reqs, err := gossh.NewServerConn(c, cfg)
	if err != nil {
		return
	}
	go gossh.DiscardRequests(reqs)
	for nc := range chans {
		go sshdSession(conn, nc)
	}
}

// sshdSession runs "die" (the connection ends), "hold" (says so, and goes on) or
// says what was asked for, with status 7.
func sshdSession(conn *gossh.ServerConn, nc gossh.NewChannel) {
	ch, reqs, err := nc.Accept()
	if err != nil {
		return
	}
	for r := range reqs {
		_ = r.Reply(r.Type == "exec" || r.Type == "pty-req" || r.Type == "shell", nil)
		if r.Type != "exec" && r.Type != "shell" {
			continue
		}
		var m struct{ Command string }
		_ = gossh.Unmarshal(r.Payload, &m)
		switch m.Command {
		case "die":
			_ = conn.Close()
		case "hold":
			_, _ = io.WriteString(ch, "device: ")
		default:
			_, _ = io.WriteString(ch, "ran "+m.Command)
			_, _ = io.WriteString(ch.Stderr(), "and said")
			_, _ = ch.SendRequest("exit-status", false, gossh.Marshal(struct{ Status uint32 }{7}))
			_ = ch.Close()
		}
	}
}

// bare is a device without an agent, and the key that holds its link.
type bare struct {
	house *house
	sshd  *sshd
	key   gossh.Signer
	calls int // to join
}

// bareHouse has an admin, ada, and one such device, till, that has joined.
func bareHouse(t *testing.T) *bare {
	t.Helper()
	h := newHouse(t, func(o *Options) {
		o.StandIn = func(ctx context.Context, s StandIn) error {
			return agent.StandIn{
				Folder: s.Folder, Device: s.Device, Organisation: s.Organisation, Gateway: s.Gateway, Call: s.Call, Dial: s.Dial,
				Login: s.Login, Key: s.Key, HostKey: s.HostKey, Authorize: s.Authorize,
				Terminal: s.Terminal, Out: s.Out, Locale: s.Locale, Owner: s.Owner, Log: s.Log,
			}.Run(ctx)
		}
		o.Policy.Groups = []policy.Group{{Name: "oncall", Members: []string{"alice"}}}
	})
	sshd := newSSHD(t) // after the house, which looks for what is left when all else has gone
	b := &bare{house: h, sshd: sshd, key: newSigner(t)}
	got := b.join(b.key, b.token("till")+" pi", keyLine(sshd.hostKey))
	if got.status != 0 || !strings.HasPrefix(got.out, "restrict,pty,from=") {
		t.Fatalf("joining: %+v", got)
	}
	sshd.admit = got.out
	return b
}

// token is a fresh one, for a device without an agent.
func (b *bare) token(name string) string {
	b.house.t.Helper()
	got := b.house.run("gw", b.house.boss, "enroll --agentless --json --name "+name)
	var m struct{ Token string }
	if err := json.Unmarshal([]byte(got.out), &m); err != nil {
		b.house.t.Fatal(err, got)
	}
	return m.Token
}

// join runs a command as join, with something on standard input; each time from
// a place of its own, for who fails often is made to wait.
func (b *bare) join(key gossh.Signer, command, in string) said {
	b.house.t.Helper()
	b.calls++
	c, err := b.house.loginWith(fmt.Sprintf("127.0.1.%d", b.calls), userJoin, gossh.PublicKeys(key))
	if err != nil {
		b.house.t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	s, err := c.NewSession()
	if err != nil {
		b.house.t.Fatal(err)
	}
	return runWith(b.house.t, s, command, in)
}

func runWith(t *testing.T, s *gossh.Session, command, in string) said {
	t.Helper()
	var out, errs strings.Builder
	s.Stdin, s.Stdout, s.Stderr = strings.NewReader(in), &out, &errs
	status := 0
	if err := s.Run(command); err != nil {
		status = -1
		if e, ok := errors.AsType[*gossh.ExitError](err); ok {
			status = e.ExitStatus()
		}
	}
	return said{out.String(), errs.String(), status}
}

// held is a held link.
type held struct {
	*gossh.Client
	session *gossh.Session
	out     *transcript
	done    chan struct{}
	status  error
}

// transcript is what was printed, for many readers.
type transcript struct {
	mu   sync.Mutex
	text strings.Builder
}

func (w *transcript) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *transcript) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

const ownersConsent = `[agent]
class = "unattended"

[[agent.standing]]
name = "the night shift"
groups = ["oncall"]
capabilities = ["shell"]
`

// hold holds the link, with an owner's file or, without one, a terminal.
func (b *bare) hold(owner string) *held {
	b.house.t.Helper()
	c := b.house.mustLogin(userHold, b.key)
	b.through(c)
	if ok, _, err := c.SendRequest(listenTCP, true, payloadForward("localhost", 22)); !ok || err != nil {
		b.house.t.Fatal("the forward was refused", err)
	}
	s, err := c.NewSession()
	if err != nil {
		b.house.t.Fatal(err)
	}
	h := &held{Client: c, session: s, out: &transcript{}, done: make(chan struct{})}
	s.Stdout, s.Stderr = h.out, h.out
	if owner != "" {
		s.Stdin = strings.NewReader(owner)
	} else {
		_, err := s.StdinPipe() // nothing is typed, and it stays open
		if err := errors.Join(err, s.RequestPty("dumb", 24, 80, nil)); err != nil {
			b.house.t.Fatal(err)
		}
	}
	if err := s.Shell(); err != nil {
		b.house.t.Fatal(err)
	}
	go func() {
		defer close(h.done)
		h.status = s.Wait()
	}()
	return h
}

func payloadForward(host string, port uint32) []byte {
	return gossh.Marshal(struct {
		Host string
		Port uint32
	}{host, port})
}

// through serves the forward as OpenSSH does.
func (b *bare) through(c *gossh.Client) {
	incoming := c.HandleChannelOpen(forwardedTCP)
	go func() {
		for nc := range incoming {
			to, err := net.Dial("tcp", b.sshd.place())
			if err != nil {
				_ = nc.Reject(gossh.ConnectionFailed, "refused")
				continue
			}
			ch, reqs, err := nc.Accept()
			if err != nil {
				_ = to.Close()
				continue
			}
			go gossh.DiscardRequests(reqs)
			go func() {
				_, _ = io.Copy(to, ch)
				_ = to.Close()
			}()
			go func() {
				_, _ = io.Copy(ch, to)
				_ = ch.Close()
			}()
		}
	}()
}

// is waits until the device is online, or away.
func (b *bare) is(state string) {
	b.house.t.Helper()
	eventually(b.house.t, "the device is "+state, func() bool {
		d, err := b.house.store.DeviceByName(b.house.t.Context(), "till")
		return err == nil && b.house.line(d).State == state
	})
}

func (b *bare) ended(h *held, says string) {
	b.house.t.Helper()
	select {
	case <-h.done:
	case <-time.After(patience):
		b.house.t.Fatal("the session does not end")
	}
	if !strings.Contains(h.out.String(), says) {
		b.house.t.Errorf("it said %q, want %q", h.out, says)
	}
}

func TestAgentlessByTheOwnersFile(t *testing.T) {
	b := bareHouse(t)
	link := b.hold(ownersConsent)
	b.is(tui.Online)
	got := b.house.run("till", b.house.alice, "uptime")
	// That the file is read is said before, where it was not read by then.
	theirs := got.errs[strings.LastIndex(got.errs, "\n")+1:]
	if got.out != "ran uptime" || theirs != "and said" || got.status != 7 {
		t.Errorf("a command: %+v", got)
	}
	b.house.noLive()
	list, err := b.house.library.List("", 10)
	if err != nil || len(list) != 1 || !list[0].Visit.Device.Agentless {
		t.Fatalf("recordings: %+v, %v", list, err)
	}
	if r, err := recordings.Verify(list[0].Dir, b.house.checkSeal); err != nil || !r.OK() {
		t.Errorf("the recording: %+v, %v", r, err)
	}

	// Who is not in the group is nobody to the file, and there is nobody to ask.
	if got := b.house.run("till", b.house.boss, "uptime"); got.status == 0 || !strings.Contains(got.errs, "Nobody is at this device") {
		t.Errorf("not in the group: %+v", got)
	}

	// The link dies in the middle of a visit.
	c := b.house.mustLogin("till", b.house.alice)
	ch, _ := b.house.started(c)
	_ = link.Close()
	if _, err := io.ReadAll(ch); err != nil && !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	b.house.noLive()
	b.is(tui.Away)
	d, err := b.house.store.DeviceByName(t.Context(), "till")
	if err != nil || !strings.Contains(d.Why, "has ended") {
		t.Errorf("away, because %q, %v", d.Why, err)
	}
}

func TestAgentlessSSHDDies(t *testing.T) {
	b := bareHouse(t)
	b.hold(ownersConsent)
	b.is(tui.Online)
	if got := b.house.run("till", b.house.alice, "die"); got.status == 0 {
		t.Errorf("a command whose sshd died: %+v", got)
	}
	b.house.noLive()
	// The link is well: the next visit logs in anew.
	if got := b.house.run("till", b.house.alice, "uptime"); got.out != "ran uptime" {
		t.Errorf("afterwards: %+v", got)
	}
}

// TestAgentlessKeyHoldsOnly: with the key of a device nothing else is opened.
func TestAgentlessKeyHoldsOnly(t *testing.T) {
	b := bareHouse(t)
	for _, user := range []string{userHold, "", "till", "root+till", "list"} {
		for _, command := range []string{"devices", "enroll", "kill x", "help", "action:beep"} {
			if got := b.house.run(user, b.key, command); got.status == 0 || !strings.Contains(got.errs, "holds the device's link") || got.out != "" {
				t.Errorf("%s@ %s: %+v", user, command, got)
			}
		}
	}
	c := b.house.mustLogin(userHold, b.key)
	for _, kind := range channelKinds() {
		if ch, _, err := c.OpenChannel(kind, payload(kind)); err == nil {
			_ = ch.Close()
			t.Errorf("a device opened a channel %q", kind)
		}
	}
	for kind := range globalRequests() {
		if kind == clientAlive || kind == listenTCP {
			continue
		}
		if ok, _, err := c.SendRequest(kind, true, payload(kind)); ok || err != nil {
			t.Errorf("a device was granted %q, %v", kind, err)
		}
	}
	for i, want := range []bool{true, false, false} {
		ok, port, err := c.SendRequest(listenTCP, true, payloadForward("0.0.0.0", 0))
		if ok != want || err != nil {
			t.Errorf("forward %d: %v, %v", i+1, ok, err)
		}
		if ok && string(port) != "\x00\x00\x00\x16" {
			t.Errorf("the port is %q", port)
		}
	}
	ch, reqs, err := c.OpenChannel("session", nil)
	if err != nil {
		t.Fatal(err)
	}
	go gossh.DiscardRequests(reqs)
	for kind, may := range sessionRequests() {
		if may || kind == "signal" || kind == "window-change" {
			continue
		}
		if ok, err := ch.SendRequest(kind, true, payload(kind)); ok || err != nil {
			t.Errorf("a device's session was granted %q, %v", kind, err)
		}
	}
	if second, _, err := c.OpenChannel("session", nil); err == nil {
		_ = second.Close()
		t.Error("a second session was opened")
	}
	b.is(tui.Away)
	b.house.nothingOpened("a device's key")
}

// TestAgentlessNeeds: what a hold must bring, and what it may not.
func TestAgentlessNeeds(t *testing.T) {
	b := bareHouse(t)
	for owner, says := range map[string]string{
		" ":                             "lets nobody in",
		"nonsense":                      "owner's file:1",
		"[agent]\nlabels = {}":          "labels",
		"[gateway]\nlisten = \"x\"":     "gateway",
		"[agent]\nclass = \"attended\"": "lets nobody in",
		strings.Replace(ownersConsent, "unattended", "attended", 1):           "class",
		strings.Replace(ownersConsent, `"shell"`, `"screen.view"`, 1):         "nothing that a device without an agent offers",
		strings.Replace(ownersConsent, `"shell"`, `"shell", "everything"`, 1): "nothing that this device could allow",
		strings.Repeat("# long\n", 12_000):                                    "longer than",
	} {
		b.ended(b.hold(owner), says)
	}
	c := b.house.mustLogin(userHold, b.key)
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if got := runWith(t, s, "", ""); got.status == 0 || !strings.Contains(got.errs, "nobody could be asked") {
		t.Errorf("without a file and a terminal: %+v", got)
	}
	b.is(tui.Away)
}

// TestAgentlessSSHD: an sshd that is another one, that lets nobody in, or that
// sends rubbish, holds no link, and the sentence says what to do.
func TestAgentlessSSHD(t *testing.T) {
	b := bareHouse(t)
	admit, hostKey, at := b.sshd.admit, b.sshd.hostKey, b.sshd.Listener
	set := func(admit string, key gossh.Signer, at net.Listener) {
		b.sshd.mu.Lock()
		defer b.sshd.mu.Unlock()
		b.sshd.admit, b.sshd.hostKey, b.sshd.Listener = admit, key, at
	}
	set("", hostKey, at)
	b.ended(b.hold(ownersConsent), "add this line to ~pi/.ssh/authorized_keys there: restrict,pty,from=")
	set(admit, newSigner(t), at)
	b.ended(b.hold(ownersConsent), "another host key")
	for _, says := range []string{"HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-x\r\n" + strings.Repeat("\xff", 4096), strings.Repeat("x", 1<<20), ""} {
		set(admit, hostKey, rubbish(t, says))
		b.ended(b.hold(ownersConsent), "no sshd answers")
	}
	set(admit, hostKey, at)
	b.is(tui.Away)
	b.hold(ownersConsent)
	b.is(tui.Online)
}

// rubbish listens, and says the same to everybody.
func rubbish(t *testing.T, says string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, says)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l
}

// TestAgentlessTwins: a second holder of the same key, and nothing opens on
// either until an admin has looked.
func TestAgentlessTwins(t *testing.T) {
	b := bareHouse(t)
	b.hold(ownersConsent)
	b.is(tui.Online)
	b.ended(b.hold(ownersConsent), "One of them is a copy")
	b.is(tui.Quarantined)
	if got := b.house.run("till", b.house.alice, "uptime"); got.status == 0 || got.out != "" {
		t.Errorf("in quarantine: %+v", got)
	}
	if got := b.house.run("gw", b.house.boss, "devices release till"); got.status != 0 {
		t.Fatal(got)
	}
	b.is(tui.Online)
}

// TestAgentlessNoAnswer: whoever ends the session that asks has not said yes.
func TestAgentlessNoAnswer(t *testing.T) {
	b := bareHouse(t)
	link := b.hold("")
	b.is(tui.Online)
	eventually(t, "its user is told what it is", func() bool { return strings.Contains(link.out.String(), "No agent runs") })
	got := make(chan said, 1)
	go func() { got <- b.house.run("till", b.house.alice, "uptime") }()
	eventually(t, "the user is asked", func() bool { return strings.Contains(link.out.String(), "the gateway judges your answer") })
	_ = link.Close()
	if got := <-got; got.status == 0 || got.out != "" {
		t.Errorf("nobody has said yes: %+v", got)
	}
	b.is(tui.Away)
	b.house.nothingOpened("no answer")
}

// TestAgentlessRetired: its link ends, and its key is a stranger's.
func TestAgentlessRetired(t *testing.T) {
	b := bareHouse(t)
	link := b.hold(ownersConsent)
	b.is(tui.Online)
	if got := b.house.run("gw", b.house.boss, "devices retire till"); got.status != 0 {
		t.Fatal(got)
	}
	b.ended(link, "it was retired")
	if _, err := b.house.login(userHold, b.key); err == nil {
		t.Error("the key of a retired device logs in")
	}
}

// TestAgentlessNoOtherAgent: the stand-in's own key, taken from the gateway's
// folder, is worth nothing at the agents' door.
func TestAgentlessNoOtherAgent(t *testing.T) {
	b := bareHouse(t)
	found, err := filepath.Glob(filepath.Join(b.house.dir, "state", "agentless", "*", standInFile))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	text, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	d := b.house.device("till")
	if d.key, err = gossh.ParsePrivateKey(text); err != nil {
		t.Fatal(err)
	}
	m, err := d.enter(d.introduction())
	if denied, ok := m.(*wire.Denied); !ok || !strings.Contains(denied.Sentence, "without an agent") {
		t.Errorf("%+v, %v", m, err)
	}
}

// TestAgentlessJoin: what does not join.
func TestAgentlessJoin(t *testing.T) {
	b := bareHouse(t)
	key, host := newSigner(t), keyLine(b.sshd.hostKey)
	if _, err := b.house.login(userJoin, key); err == nil {
		t.Error("a stranger logs in to join while nobody is awaited")
	}
	good := b.token("other")
	token, err := wire.ParseToken(good)
	if err != nil {
		t.Fatal(err)
	}
	wrong, elsewhere := wire.NewToken(token.Gateway).String(), wire.Token{Secret: token.Secret, Gateway: "SHA256:" + strings.Repeat("A", 43)}.String()
	agents, err := b.house.Enroll(t.Context(), "laptop")
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []struct{ command, in, says string }{
		{"", host, "joining takes a token"},
		{good, host, "joining takes a token"},
		{good + " pi more", host, "joining takes a token"},
		{good + " -x", host, "joining takes a token"},
		{good + " 'a b'", host, "joining takes a token"},
		{"devices --json", host, "joining takes a token"},
		{"hello pi", host, "no enrolment token"},
		{wrong + " pi", host, "not known here"},
		{elsewhere + " pi", host, "another gateway"},
		{agents.String() + " pi", host, "another kind of device"},
		{good + " pi", "", "not one public host key"},
		{good + " pi", host + "\n" + host, "not one public host key"},
		{good + " pi", `command="x" ` + host, "not one public host key"},
		{good + " pi", strings.Repeat("x", 20<<10), "longer than"},
	} {
		if got := b.join(newSigner(t), bad.command, bad.in); got.status == 0 || !strings.Contains(got.errs, bad.says) || got.out != "" {
			t.Errorf("%q: %+v, want %q", bad.command, got, bad.says)
		}
	}
	if got := b.join(b.house.alice, good+" pi", host); got.status == 0 || !strings.Contains(got.errs, "a person") {
		t.Errorf("with a person's key: %+v", got)
	}
	if folders, err := os.ReadDir(filepath.Join(b.house.dir, "state", "agentless")); err != nil || len(folders) != 1 {
		t.Errorf("%d folders, want that of till alone; %v", len(folders), err)
	}
	if got := b.join(key, good+" pi", host); got.status != 0 {
		t.Errorf("the good one: %+v", got)
	}
	next := b.token("third")
	if got := b.join(newSigner(t), good+" pi", host); got.status == 0 || !strings.Contains(got.errs, "has been used") {
		t.Errorf("a spent one: %+v", got)
	}
	// A device that joins again keeps its name.
	if got := b.join(b.key, next+" pi", host); got.status != 0 || !strings.Contains(got.errs, "called third") {
		t.Errorf("again: %+v", got)
	}
}
