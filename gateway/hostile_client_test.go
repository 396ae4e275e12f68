package gateway

import (
	"bytes"
	"crypto/rand"
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
	"golang.org/x/sys/unix"

	"accord/recordings"
	"accord/wire"
)

// TestGarbageOnBothPorts: nothing crashes, and honest people still get in.
func TestGarbageOnBothPorts(t *testing.T) {
	h := newHouse(t, nil)
	d := h.device("laptop-7").join()
	noise := make([]byte, 1<<20)
	_, _ = rand.Read(noise)
	const hello = "SSH-2.0-evil\r\n"
	for i, text := range []string{
		"", "\n", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\x00", string(noise), "SSH-1.5-old\r\n", "SSH-2.0-" + strings.Repeat("x", 1<<16),
		hello + string(noise), hello + "\xff\xff\xff\xff" + string(noise), hello + "\x00\x00\x00\x01\x00", hello + "\x00\x04\x00\x00\x10" + string(noise),
		hello + strings.Repeat("\x00", 1<<16),
	} {
		for j, port := range []string{h.technicians, h.agents} {
			conn := h.dialFrom(fmt.Sprintf("127.1.%d.%d", j, i+1), port)
			_, _ = io.WriteString(conn, text)
			_ = conn.(*net.TCPConn).CloseWrite()
			_ = conn.SetDeadline(time.Now().Add(patience))
			_, _ = io.Copy(io.Discard, conn)
		}
	}
	if got := h.run(d.name, h.alice, "x"); got.status != 0 {
		t.Errorf("%+v", got)
	}
}

// TestUnfinishedHandshakes holds 200 connections on each port that never get
// through; others get in, and the gateway stops at once.
func TestUnfinishedHandshakes(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Config.Limits.Handshakes = 250 })
	d := h.device("laptop-7").join()
	for i := range 200 {
		for j, port := range []string{h.technicians, h.agents} {
			conn := h.dialFrom(fmt.Sprintf("127.2.%d.%d", j, i+1), port)
			_, _ = io.WriteString(conn, "SSH-2.0-slow\r\n\x00"[:1+i%15])
		}
	}
	last := h.dialFrom("127.2.2.1", h.agents)
	held := time.Now()
	if got := h.run(d.name, h.alice, "x"); got.status != 0 {
		t.Errorf("%+v", got)
	}
	h.stopIt()
	_, _ = io.Copy(io.Discard, last)
	if time.Since(held) > wire.Handshake {
		t.Error("the gateway waited for the time of the handshakes to be over")
	}
}

// TestOneSourceCannotTakeAllHandshakes: with the limits that are in force
// without a file, one address leaves places for others.
func TestOneSourceCannotTakeAllHandshakes(t *testing.T) {
	h := newHouse(t, nil)
	d := h.device("laptop-7").join()
	for range 2 * Defaults().Limits.Handshakes {
		for _, port := range []string{h.technicians, h.agents} {
			h.dialFrom("127.4.0.1", port)
		}
	}
	_ = d.conn.Close()
	d.isOnline(false)
	d.online()
	if got := h.run(d.name, h.alice, "x"); got.status != 0 {
		t.Errorf("%+v", got)
	}
}

// TestShutdownWithIdleTechnicians: a client that stays connected does not keep
// the gateway from stopping.
func TestShutdownWithIdleTechnicians(t *testing.T) {
	h := newHouse(t, nil)
	h.device("laptop-7").join()
	h.mustLogin("gw", h.alice) // and opens nothing
	c := h.mustLogin("laptop-7", h.alice)
	h.started(c)
	h.stopIt()
	r, err := recordings.Verify(h.onlyRecording(), h.checkSeal)
	if err != nil || !r.OK() {
		t.Errorf("%+v, %v", r, err)
	}
}

// onlyRecording is the folder of the one recording there is.
func (h *house) onlyRecording() string {
	h.t.Helper()
	list, err := filepath.Glob(filepath.Join(h.dir, "rec", "*", "*", "*", "*"))
	if err != nil || len(list) != 1 {
		h.t.Fatalf("recordings: %v, %v", list, err)
	}
	return list[0]
}

// Identity comes from the finished handshake, never from what was offered.
func TestIdentity(t *testing.T) {
	h := newHouse(t, nil)
	stranger := newSigner(t)
	offers := func(keys ...gossh.Signer) gossh.AuthMethod { return gossh.PublicKeys(keys...) }
	shown := &liar{stranger, h.boss.PublicKey()}
	questions := gossh.KeyboardInteractive(func(string, string, []string, []bool) ([]string, error) { return []string{"x"}, nil })
	for name, auth := range map[string][]gossh.AuthMethod{
		"none":                                  {},
		"password":                              {gossh.Password("")},
		"keyboard":                              {questions},
		"unknown key":                           {offers(stranger)},
		"shows a key it does not hold":          {offers(shown)},
		"shows one, then signs by a stranger's": {offers(shown, stranger)},
		"shows one, then a password":            {offers(shown), gossh.Password("x")},
		"shows one, then answers questions":     {offers(shown), questions},
	} {
		if c, err := h.loginWith("127.3.0."+fmt.Sprint(1+len(name)), "gw", auth...); err == nil {
			t.Errorf("%s: let in", name)
			_ = c.Close()
		}
	}
	// The good key of one, then that of another: who finished is who is there,
	// if the first failure does not end it.
	for i, c := range []struct {
		auth gossh.AuthMethod
		want string
		must bool
	}{
		{offers(shown, h.alice), "You are alice", false}, {offers(stranger, h.alice), "You are alice", true},
		{offers(&liar{stranger, h.alice.PublicKey()}, h.boss), "You are boss", false}, {offers(h.alice, h.boss), "You are alice", true},
	} {
		client, err := h.loginWith(fmt.Sprintf("127.3.1.%d", i+1), "boss", c.auth)
		if err != nil && c.must {
			t.Fatal(err)
		}
		if err != nil {
			continue
		}
		s, err := client.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		if got := h.runIn(s, "help"); !strings.Contains(got.out, c.want) {
			t.Errorf("%d: %+v", i, got)
		}
		_ = client.Close()
	}
}

// liar shows one key and signs with another.
type liar struct {
	gossh.Signer
	shown gossh.PublicKey
}

func (l *liar) PublicKey() gossh.PublicKey { return l.shown }

func (l *liar) SignWithAlgorithm(r io.Reader, data []byte, _ string) (*gossh.Signature, error) {
	return l.Sign(r, data)
}

func (l *liar) Algorithms() []string { return []string{gossh.KeyAlgoED25519} }

// A certificate by a known key is nobody's key.
func TestCertificates(t *testing.T) {
	h := newHouse(t, nil)
	cert := &gossh.Certificate{Key: h.alice.PublicKey(), CertType: gossh.UserCert, ValidBefore: gossh.CertTimeInfinity}
	if err := cert.SignCert(rand.Reader, h.boss); err != nil {
		t.Fatal(err)
	}
	signer, err := gossh.NewCertSigner(cert, h.alice)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := h.loginWith("127.3.2.1", "gw", gossh.PublicKeys(signer)); err == nil {
		t.Error("let in")
		_ = c.Close()
	}
}

// User names are where to go; what is in them reaches nobody's terminal.
func TestUserNames(t *testing.T) {
	h := newHouse(t, nil)
	h.device("laptop-7").join()
	for _, user := range []string{
		"", "\x1b]0;x\a", "a\x00b", "laptop-7\n", "+laptop-7", "root+laptop-7", "-oX+laptop-7", "../laptop-7", "laptop-7+laptop-7",
		strings.Repeat("x", 30<<10), "\u202elaptop", "\xff\xfe", "laptop-7 ", "LAPTOP-7", "' OR 1=1 --",
	} {
		got := h.run(user, h.alice, "nonsense \x1b[31m")
		if user == "+laptop-7" {
			continue // the device's own account
		}
		if got.status == 0 || strings.ContainsAny(got.out+got.errs, "\x1b\a\x00\u202e") {
			t.Errorf("%.40q: %+v", user, got)
		}
	}
	for _, c := range []string{strings.Repeat("x", 40<<10), "'", `"\`, "\x00", "devices \x00", strings.Repeat("'' ", 10_000), "play ../../etc", "kill \x1b", "explain \x1b[2J"} {
		if got := h.run("gw", h.alice, c); got.status == 0 || strings.ContainsAny(got.out+got.errs, "\x1b\x00") {
			t.Errorf("%.20q: %+v", c, got)
		}
	}
}

// TestOtherDoorsAreClosed asks for what a gateway does not do.
func TestOtherDoorsAreClosed(t *testing.T) {
	h := newHouse(t, nil)
	h.device("laptop-7").join()
	c := h.mustLogin("laptop-7", h.alice)
	for _, kind := range []string{"direct-tcpip", "forwarded-tcpip", "direct-streamlocal@openssh.com", "x11", "auth-agent@openssh.com", wire.ChannelVisit, wire.ChannelHello, "default", ""} {
		if _, _, err := c.OpenChannel(kind, nil); err == nil {
			t.Errorf("a %q channel was opened", kind)
		}
	}
	for _, kind := range []string{"tcpip-forward", "streamlocal-forward@openssh.com", "ping@accord", "no-more-sessions@openssh.com"} {
		if ok, _, err := c.SendRequest(kind, true, nil); ok || err != nil {
			t.Errorf("%s: %v, %v", kind, ok, err)
		}
	}
	ch, reqs, err := c.OpenChannel("session", nil)
	if err != nil {
		t.Fatal(err)
	}
	go gossh.DiscardRequests(reqs)
	pty := gossh.Marshal(ptyRequest{Term: "xterm", Columns: 80, Rows: 24})
	yes := func(kind string, payload []byte, want bool) {
		t.Helper()
		if ok, err := ch.SendRequest(kind, true, payload); ok != want || err != nil {
			t.Errorf("%s: %v, %v", kind, ok, err)
		}
	}
	for _, kind := range []string{"auth-agent-req@openssh.com", "x11-req", "subsystem", "break", "signal", "window-change", "pty-req", "env", "exec"} {
		yes(kind, nil, false)
	}
	for range 3 {
		yes("env", gossh.Marshal(struct{ Name, Value string }{"LD_PRELOAD", "x"}), false)
		yes("env", gossh.Marshal(struct{ Name, Value string }{"LC_ALL", strings.Repeat("x", 30<<10)}), false)
	}
	yes("pty-req", pty, true)
	yes("pty-req", pty, false)
	yes("exec", gossh.Marshal(struct{ Command string }{strings.Repeat("x", 40<<10)}), false)
	huge := gossh.Marshal(struct{ W, H, X, Y uint32 }{4_000_000_000, 4_000_000_000, 1 << 31, 1 << 31})
	yes("window-change", huge, true)
	yes("exec", gossh.Marshal(struct{ Command string }{"hold"}), true)
	yes("exec", gossh.Marshal(struct{ Command string }{"hold"}), false)
	yes("shell", nil, false)
	yes("env", gossh.Marshal(struct{ Name, Value string }{"LANG", "C"}), false)
	for range 1000 {
		if _, err := ch.SendRequest("window-change", false, huge); err != nil {
			t.Fatal(err)
		}
	}
	_ = c.Close()
	h.noLive()
}

// TestSessionFlood opens 1,000 session channels.
func TestSessionFlood(t *testing.T) {
	h := newHouse(t, nil)
	h.device("laptop-7").join()
	c := h.mustLogin("laptop-7", h.alice)
	opened := 0
	for range 1000 {
		ch, reqs, err := c.OpenChannel("session", nil)
		if err != nil {
			continue
		}
		go gossh.DiscardRequests(reqs)
		defer func() { _ = ch.Close() }()
		opened++
	}
	if opened == 0 || opened > 64 {
		t.Errorf("%d sessions were opened", opened)
	}
	if got := h.run("laptop-7", h.boss, "x"); got.status != 0 {
		t.Errorf("another's session: %+v", got)
	}
}

// TestStalledTechnician does not read any more in mid-visit, by window or on
// the network. Another visit on the same device goes on, and a supervisor ends
// the stalled one within 2 s.
func TestStalledTechnician(t *testing.T) {
	t.Run("closed window", func(t *testing.T) { stalledTechnician(t, false) })
	t.Run("reads nothing", func(t *testing.T) { stalledTechnician(t, true) })
}

func stalledTechnician(t *testing.T, deaf bool) {
	h := newHouse(t, nil)
	d := h.device("laptop-7")
	var flooding sync.Map
	d.session = func(nc gossh.NewChannel) {
		ch, reqs, err := nc.Accept()
		if err != nil {
			return
		}
		for r := range reqs {
			_ = r.Reply(true, nil)
			if r.Type != "exec" {
				continue
			}
			if !bytes.Contains(r.Payload, []byte("flood")) {
				_, _ = io.WriteString(ch, "device: ok")
				_, _ = ch.SendRequest("exit-status", false, make([]byte, 4))
				_ = ch.Close()
				go gossh.DiscardRequests(reqs)
				return
			}
			go func() {
				block := make([]byte, 32<<10)
				for {
					if _, err := ch.Write(block); err != nil {
						return
					}
					flooding.Store("on", true)
				}
			}()
		}
	}
	d.join()
	tcp := &deafConn{Conn: h.dialFrom("127.0.0.1", h.technicians)}
	c, chans, connReqs, err := gossh.NewClientConn(tcp, "gateway", &gossh.ClientConfig{
		User: "laptop-7", Auth: []gossh.AuthMethod{gossh.PublicKeys(h.alice)}, HostKeyCallback: gossh.FixedHostKey(h.Key()),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tcp.Close() }()
	client := gossh.NewClient(c, chans, connReqs)
	ch, reqs, err := client.OpenChannel("session", nil)
	if err != nil {
		t.Fatal(err)
	}
	go gossh.DiscardRequests(reqs)
	if ok, err := ch.SendRequest("exec", true, gossh.Marshal(struct{ Command string }{"flood"})); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if deaf {
		tcp.stop()
	}
	eventually(t, "the device floods", func() bool { _, ok := flooding.Load("on"); return ok })
	// ch is never read: its window is closed by now or soon. Others go on.
	for range 3 {
		if got := h.run("laptop-7", h.boss, "x"); got.status != 0 || !strings.Contains(got.out, "ok") {
			t.Fatalf("%+v", got)
		}
	}
	if got := h.run("gw", h.boss, "kill "+h.visitOf("alice", d.name)); got.status != 0 {
		t.Errorf("%+v", got)
	}
	h.noLive()
}

// visitOf is the number of a person's live visit on a device.
func (h *house) visitOf(name, device string) string {
	h.t.Helper()
	for _, v := range h.visits.all() {
		if v.person.Name == name && v.home.device.Name == device {
			return v.req.Visit
		}
	}
	h.t.Fatalf("%s has no visit on %s", name, device)
	return ""
}

// deafConn stops reading when told.
type deafConn struct {
	net.Conn
	mu   sync.Mutex
	deaf chan struct{}
}

func (d *deafConn) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.deaf = make(chan struct{})
}

func (d *deafConn) Read(p []byte) (int, error) {
	d.mu.Lock()
	deaf := d.deaf
	d.mu.Unlock()
	if deaf != nil {
		<-deaf
		return 0, net.ErrClosed
	}
	return d.Conn.Read(p)
}

// Close is called once.
func (d *deafConn) Close() error {
	d.mu.Lock()
	if d.deaf != nil {
		close(d.deaf)
		d.deaf = nil
	}
	d.mu.Unlock()
	return d.Conn.Close()
}

// TestStalledDevice does not read any more in mid-visit. What is typed fills
// everything up; the technician's leaving and the kill end the visit all the
// same, and other devices go on.
func TestStalledDevice(t *testing.T) {
	h := newHouse(t, nil)
	d := h.device("laptop-7")
	d.wrap = func(c net.Conn) net.Conn { d.deaf = &deafConn{Conn: c}; return d.deaf }
	d.join()
	other := h.device("laptop-8").join()
	c := h.mustLogin("laptop-7", h.alice)
	ch, reqs := h.started(c)
	go gossh.DiscardRequests(reqs)
	d.deaf.stop()
	go func() {
		block := make([]byte, 32<<10)
		for {
			if _, err := ch.Write(block); err != nil {
				return
			}
		}
	}()
	go func() { _, _ = io.Copy(io.Discard, ch) }()
	if got := h.run(other.name, h.alice, "x"); got.status != 0 {
		t.Errorf("another device: %+v", got)
	}
	if got := h.run("gw", h.boss, "kill "+h.visitOf("alice", d.name)); got.status != 0 {
		t.Errorf("%+v", got)
	}
	h.noLive()
}

// TestRecorderFailsInMidVisit fills the disk of the recordings. The visit ends,
// and nothing reached the technician that is not in the recording.
func TestRecorderFailsInMidVisit(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can mount a small file system")
	}
	small := t.TempDir()
	if err := unix.Mount("none", small, "tmpfs", 0, "size=2m"); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(small, unix.MNT_DETACH) })
	h := newHouse(t, func(o *Options) { o.Recordings.Dir = small })
	d := h.device("laptop-7")
	d.session = func(nc gossh.NewChannel) {
		ch, reqs, err := nc.Accept()
		if err != nil {
			return
		}
		defer func() { _ = ch.Close() }()
		for r := range reqs {
			_ = r.Reply(true, nil)
			if r.Type == "exec" {
				go gossh.DiscardRequests(reqs)
				for i := 0; ; i++ {
					if _, err := fmt.Fprintf(ch, "line %08d of the device's output\n", i); err != nil {
						return
					}
				}
			}
		}
	}
	d.join()
	got := h.run("laptop-7", h.alice, "flood")
	if got.status == 0 || !strings.Contains(got.errs, "recording can't go on") {
		t.Errorf("status %d, %q", got.status, got.errs)
	}
	h.noLive()
	list, err := filepath.Glob(filepath.Join(small, "*", "*", "*", "*", "001.cast"))
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	if reached := recorded(t, list[0]); !strings.HasPrefix(reached, got.out) {
		t.Errorf("%d bytes reached the technician, %d are recorded", len(got.out), len(reached))
	}
}

// recorded is the output in a cast.
func recorded(t *testing.T, path string) string {
	t.Helper()
	cast, err := recordings.OpenCast(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cast.Close() }()
	var out bytes.Buffer
	if _, err := cast.WriteStream(&out, recordings.Stdout); err != nil {
		t.Logf("the cast ends with %v", err)
	}
	return out.String()
}

// A gateway that is stopped in mid-visit ends and seals it, and says so.
func TestShutdownInMidVisit(t *testing.T) {
	h := newHouse(t, nil)
	h.device("laptop-7").join()
	c := h.mustLogin("laptop-7", h.alice)
	ch, reqs := h.started(c)
	go gossh.DiscardRequests(reqs)
	var said bytes.Buffer
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(&said, ch.Stderr())
	}()
	h.stopIt()
	<-read
	if !strings.Contains(said.String(), "being stopped") {
		t.Errorf("the technician reads %q", said.String())
	}
	if r, err := recordings.Verify(h.onlyRecording(), h.checkSeal); err != nil || !r.OK() || r.State != recordings.StateComplete {
		t.Errorf("%+v, %v", r, err)
	}
}

// Technicians disconnect at each moment of a visit.
func TestTechnicianDisconnects(t *testing.T) {
	h := newHouse(t, nil)
	d := h.device("laptop-7").join()
	for i := range 12 {
		c := h.mustLogin("laptop-7", h.alice)
		ch, reqs, err := c.OpenChannel("session", nil)
		if err != nil {
			t.Fatal(err)
		}
		go gossh.DiscardRequests(reqs)
		asked := d.requests()
		if i > 0 {
			_, _ = ch.SendRequest("exec", true, gossh.Marshal(struct{ Command string }{"x"}))
		}
		switch {
		case i > 4:
			_, _ = io.ReadFull(ch, make([]byte, i))
		case i > 2:
			eventually(t, "the device is asked", func() bool { return d.requests() > asked })
		}
		if i%2 == 0 {
			_ = c.Close()
		} else {
			_ = ch.Close()
		}
		h.noLive()
		_ = c.Close()
	}
}
