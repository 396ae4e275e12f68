package gateway

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/gateway/store"
	"accord/wire"
)

// TestHonestDeviceServes shows that the harness can have a visit at all. The
// technician's full name is one that has to be cleaned.
func TestHonestDeviceServes(t *testing.T) {
	h := newHouse(t, nil)
	h.device("laptop-7").join()
	if got := h.run("laptop-7", h.alice, "hostname"); got.status != 0 || !strings.Contains(got.out, "hostname") {
		t.Errorf("%+v", got)
	}
	h.noLive()
	if list, err := h.library.List("", 10); err != nil || len(list) != 1 || !list[0].Sealed {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestConsentsThatDoNotCount sends answers that are signed, but wrong.
func TestConsentsThatDoNotCount(t *testing.T) {
	other := newSigner(t)
	for name, change := range map[string]func(*device){
		"signed by another key":  func(d *device) { d.signer = other },
		"for another visit":      func(d *device) { d.consent = func(c *wire.Consent) { c.Request.Visit = "20260102-030405-abcdefgh" } },
		"for another technician": func(d *device) { d.consent = func(c *wire.Consent) { c.Request.Technician.Name = "bob" } },
		"for another key":        func(d *device) { d.consent = func(c *wire.Consent) { c.Request.Technician.Key = "SHA256:x" } },
		"for another reason":     func(d *device) { d.consent = func(c *wire.Consent) { c.Request.Reason = "something else" } },
		"for more minutes":       func(d *device) { d.consent = func(c *wire.Consent) { c.Request.Minutes = 700 } },
		"for another device":     func(d *device) { d.consent = func(c *wire.Consent) { c.DeviceKey = "SHA256:x" } },
		"an account not offered": func(d *device) { d.consent = func(c *wire.Consent) { c.Login = "root" } },
		"longer than asked": func(d *device) {
			d.consent = func(c *wire.Consent) { until := c.Answered.Add(11 * time.Hour); c.Until = &until }
		},
		"more than asked": func(d *device) {
			d.consent = func(c *wire.Consent) {
				c.Request.Capabilities = []wire.Capability{wire.Shell, wire.FilesGet}
				c.Granted = c.Request.Capabilities
			}
		},
		"an ending instead": func(d *device) {
			d.visit = func(ch gossh.Channel) {
				c := wire.NewConn(ch)
				_, _ = c.Read()
				text, sig, _ := wire.SignStatement(d.key, wire.Ending{Visit: "20260102-030405-abcdefgh", Head: wire.Head{Hash: strings.Repeat("0", 64)}})
				_ = c.Write(&wire.Answer{Statement: text, Signature: sig})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, nil)
			d := h.device("laptop-7")
			change(d)
			d.join()
			got := h.run("laptop-7", h.alice, "hostname")
			if got.status == 0 || strings.Contains(got.out, "hostname") {
				t.Errorf("%+v", got)
			}
			h.noLive()
			h.nothingOpened(name)
		})
	}
}

// An answer of an earlier visit, byte for byte.
func TestReplayedConsent(t *testing.T) {
	h := newHouse(t, nil)
	d := h.device("laptop-7").join()
	if got := h.run("laptop-7", h.alice, "one"); got.status != 0 {
		t.Fatalf("%+v", got)
	}
	h.noLive()
	d.onVisit(func(ch gossh.Channel) {
		defer func() { _ = ch.Close() }()
		c := wire.NewConn(ch)
		_, _ = c.Read()
		d.mu.Lock()
		first := d.answers[0]
		d.mu.Unlock()
		_ = c.Write(first)
		_, _ = c.Read()
	})
	if got := h.run("laptop-7", h.alice, "two"); got.status == 0 || strings.Contains(got.out, "two") {
		t.Errorf("%+v", got)
	}
}

// TestDevicesOutOfOrder send what does not belong, at each step of a visit.
func TestDevicesOutOfOrder(t *testing.T) {
	zero := wire.Head{Hash: strings.Repeat("0", 64)}
	junk := map[string]func(gossh.Channel, *wire.Conn){
		"ready": func(_ gossh.Channel, c *wire.Conn) { _ = c.Write(&wire.Ready{}) },
		"open":  func(_ gossh.Channel, c *wire.Conn) { _ = c.Write(&wire.Open{Head: zero}) },
		"head":  func(_ gossh.Channel, c *wire.Conn) { _ = c.Write(&zero) },
		"end":   func(_ gossh.Channel, c *wire.Conn) { _ = c.Write(&wire.End{By: "user", Cause: "\x1b]0;x\a"}) },
		"card": func(_ gossh.Channel, c *wire.Conn) {
			_ = c.Write(&wire.Card{Statement: []byte("{}"), Signature: []byte("x")})
		},
		"garbage": func(ch gossh.Channel, _ *wire.Conn) { _, _ = ch.Write([]byte(strings.Repeat("\xff", 1<<20))) },
		"close":   func(ch gossh.Channel, _ *wire.Conn) { _ = ch.Close() },
		"eof":     func(ch gossh.Channel, _ *wire.Conn) { _ = ch.CloseWrite() },
	}
	for _, step := range []string{"before the answer", "instead of ready", "when open"} {
		t.Run(step, func(t *testing.T) {
			h, n := newHouse(t, nil), 0
			for name, send := range junk {
				n++
				d := h.device("lab-" + name)
				d.from = fmt.Sprintf("127.8.0.%d", n) // what it does is no other's fault
				d.visit = func(ch gossh.Channel) { d.outOfOrder(ch, step, send) }
				d.join()
			}
			var all sync.WaitGroup
			for name := range junk { // at once, for the gateway waits for some
				session, err := h.mustLogin("lab-"+name, h.alice).NewSession()
				if err != nil {
					t.Fatal(err)
				}
				all.Go(func() { endsWell(t, h.runIn(session, "cat"), name, step) })
			}
			all.Wait()
			h.noLive()
		})
	}
}

// outOfOrder is a visit in which something else is sent at a step.
func (d *device) outOfOrder(ch gossh.Channel, step string, send func(gossh.Channel, *wire.Conn)) {
	defer func() { _ = ch.Close() }()
	c := wire.NewConn(ch)
	m, _ := c.Read()
	req, ok := m.(*wire.Request)
	if !ok {
		return
	}
	if step != "before the answer" {
		text, sig, _ := wire.SignStatement(d.key, d.yes(req))
		_ = c.Write(&wire.Answer{Statement: text, Signature: sig})
		_, _ = c.Read()
	}
	if step == "when open" {
		_ = c.Write(&wire.Ready{})
	}
	send(ch, c)
	_, _ = io.Copy(io.Discard, ch)
}

// endsWell is how a session ends on a device that is out of order.
func endsWell(t *testing.T, got said, name, step string) {
	t.Helper()
	if name == "ready" && step == "instead of ready" {
		return // it is ready
	}
	if step != "when open" && (got.status == 0 || strings.Contains(got.out, "device:")) {
		t.Errorf("%s: %+v", name, got)
	}
	if strings.ContainsAny(got.errs, "\x1b\a") {
		t.Errorf("%s: an escape sequence reached the technician: %q", name, got.errs)
	}
}

// TestSilentDevices do not go on, at each step. The technician can leave, and
// nothing of the visit stays.
func TestSilentDevices(t *testing.T) {
	for name, change := range map[string]func(*device, chan struct{}){
		"no answer to the channel": func(d *device, _ chan struct{}) { d.mute = true },
		"no answer": func(d *device, over chan struct{}) {
			d.visit = func(ch gossh.Channel) { <-over; _ = ch.Close() }
		},
		"no ready": func(d *device, _ chan struct{}) { d.ready = func(*wire.Conn) {} },
		"no session": func(d *device, over chan struct{}) {
			d.session = func(nc gossh.NewChannel) { <-over; _ = nc.Reject(gossh.Prohibited, "") }
		},
		"no program": func(d *device, over chan struct{}) {
			d.session = func(nc gossh.NewChannel) {
				ch, _, err := nc.Accept()
				if err == nil {
					<-over
					_ = ch.Close()
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, nil)
			d := h.device("laptop-7")
			over := make(chan struct{})
			defer close(over)
			change(d, over)
			d.join()
			c := h.mustLogin("laptop-7", h.alice)
			ch, reqs, err := c.OpenChannel("session", nil)
			if err != nil {
				t.Fatal(err)
			}
			go gossh.DiscardRequests(reqs)
			if ok, err := ch.SendRequest("exec", true, gossh.Marshal(struct{ Command string }{"x"})); !ok || err != nil {
				t.Fatal(ok, err)
			}
			eventually(t, "the visit is there", func() bool { return len(h.visits.all()) == 1 })
			_ = c.Close()
			h.noLive()
		})
	}
}

// A device dies at each step, and can come back each time.
func TestDeviceDiesAtEachStep(t *testing.T) {
	h := newHouse(t, nil)
	d := h.device("laptop-7").join()
	_ = d.conn.Close()
	d.isOnline(false)
	for i := range 20 {
		// It says its hello and is gone before the welcome. What fails costs an
		// address its good name, so each time from another.
		d.from = fmt.Sprintf("127.0.3.%d", i+1)
		chans, err := d.call()
		if err != nil {
			t.Fatal(err)
		}
		if nc, ok := <-chans; ok {
			ch, reqs, err := nc.Accept()
			if err != nil {
				t.Fatal(err)
			}
			go gossh.DiscardRequests(reqs)
			_ = wire.NewConn(ch).Write(d.introduction())
			_ = d.tcp.Close()
		}
	}
	d.from = "127.0.0.1"
	d.online()
	for _, after := range []string{"request", "answer", "open"} {
		tcp, died := d.tcp, make(chan struct{})
		d.onVisit(func(ch gossh.Channel) {
			defer close(died)
			c := wire.NewConn(ch)
			m, _ := c.Read()
			req, ok := m.(*wire.Request)
			if ok && after != "request" {
				text, sig, _ := wire.SignStatement(d.key, d.yes(req))
				_ = c.Write(&wire.Answer{Statement: text, Signature: sig})
				if after == "open" {
					_, _ = c.Read()
				}
			}
			_ = tcp.Close()
		})
		got := h.run("laptop-7", h.alice, "x")
		select {
		case <-died:
		default:
			t.Fatalf("the device was not asked, so it can't die after %s: %+v", after, got)
		}
		if got.status == 0 {
			t.Errorf("dies after %s: %+v", after, got)
		}
		d.isOnline(false)
		h.noLive()
		d.online()
	}
}

// lines are those of a log. What nobody awaits is dropped when it is full.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	select {
	case l <- string(p):
	default:
	}
	return len(p), nil
}

func (l lines) await(t *testing.T, words string) {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case line := <-l:
			if strings.Contains(line, words) {
				return
			}
		case <-late:
			t.Fatalf("not within %v in the log: %s", patience, words)
		}
	}
}

// TestSecondCalls with the key of a device that is there are a copy's, but for
// the device's own earlier call that broke off and is heard late.
func TestSecondCalls(t *testing.T) {
	for name, c := range map[string]struct{ earlier, breaks, quarantined bool }{
		"earlier, broken off": {true, true, false},
		"earlier, standing":   {true, false, true},
		"later, broken off":   {false, true, true},
		"later, standing":     {false, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			told := make(lines, 16)
			h := newHouse(t, func(o *Options) { o.Log = slog.New(slog.NewTextHandler(told, nil)) })
			d := h.device("laptop-7").join()
			second := h.device("laptop-7")
			second.key, second.from = d.key, "127.0.0.3"
			if c.earlier {
				_ = d.conn.Close()
				d.isOnline(false)
			}
			chans, err := second.call()
			if err != nil {
				t.Fatal(err)
			}
			ch, reqs, err := (<-chans).Accept()
			if err != nil {
				t.Fatal(err)
			}
			go gossh.DiscardRequests(reqs)
			if c.earlier {
				d.online()
			}
			if err := wire.NewConn(ch).Write(second.introduction()); err != nil {
				t.Fatal(err)
			}
			if c.breaks {
				_ = second.tcp.(*net.TCPConn).CloseWrite()
			} else {
				_, _ = io.Copy(io.Discard, ch) // the refusal
				_ = second.conn.Close()
			}
			told.await(t, "a device was not admitted")
			got := h.run("laptop-7", h.alice, "x")
			if c.quarantined && (got.status != exitNobody || d.requests() > 0) || !c.quarantined && got.status != 0 {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestTwoLiveDevicesWithOneKey are quarantined until an admin releases them.
func TestTwoLiveDevicesWithOneKey(t *testing.T) {
	h := newHouse(t, nil)
	d := h.device("laptop-7").join()
	copied := h.device("laptop-7")
	copied.key, copied.from = d.key, "127.0.0.3"
	if m, err := copied.enter(copied.introduction()); err != nil {
		t.Error(err)
	} else if _, ok := m.(*wire.Denied); !ok {
		t.Errorf("the second is told %+v", m)
	}
	if got := h.run("laptop-7", h.alice, "x"); got.status != exitNobody || d.requests() > 0 {
		t.Errorf("a visit in quarantine: %+v", got)
	}
	_ = d.conn.Close()
	d.isOnline(false)
	d.online() // coming back does not end it
	if got := h.run("laptop-7", h.alice, "x"); got.status != exitNobody || d.requests() > 0 {
		t.Errorf("a visit in quarantine: %+v", got)
	}
	if got := h.run("gw", h.alice, "devices release laptop-7"); got.status == 0 {
		t.Errorf("a technician released it: %+v", got)
	}
	if got := h.run("gw", h.boss, "devices release laptop-7"); got.status != 0 {
		t.Errorf("%+v", got)
	}
	if got := h.run("laptop-7", h.alice, "x"); got.status != 0 {
		t.Errorf("released: %+v", got)
	}
}

func TestTokens(t *testing.T) {
	h := newHouse(t, nil)
	token := func(name string) string {
		tok, err := h.Enroll(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		return tok.Secret
	}
	spent := token("first")
	expired := wire.NewToken("x").Secret
	if err := h.store.MakeToken(t.Context(), expired, store.Token{Name: "late", Expires: time.Now().Add(time.Millisecond)}, self(time.Now())); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it has expired", func() bool { return true })
	first := h.device("first")
	hello := first.introduction()
	hello.Token = spent
	if m, err := first.enter(hello); err != nil {
		t.Fatal(m, err)
	}
	for i, c := range []struct{ name, token string }{
		{"spent", spent}, {"expired", expired}, {"unknown", wire.NewToken("x").Secret}, {"none", ""}, {"empty word", " "},
		{"of another form", strings.Repeat("A", 256)},
	} {
		d := h.device("second")
		d.from = "127.0.1." + string(rune('1'+i))
		hello := d.introduction()
		hello.Token = c.token
		m, err := d.enter(hello)
		if denied, ok := m.(*wire.Denied); err != nil || !ok || !denied.Final {
			t.Errorf("%s: %+v, %v", c.name, m, err)
		}
		d.isOnline(false)
	}
	if all, err := h.store.Devices(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%d devices, %v", len(all), err)
	}
}

// A device that claims to be another one is the one that its key says.
func TestDeviceClaimsAnotherName(t *testing.T) {
	h := newHouse(t, nil)
	h.device("laptop-7").join()
	liar := h.device("laptop-8").join()
	_ = liar.conn.Close()
	liar.isOnline(false)
	hello := liar.introduction()
	hello.Name = "laptop-7"
	m, err := liar.enter(hello)
	if w, ok := m.(*wire.Welcome); err != nil || !ok || w.Device != "laptop-8" {
		t.Errorf("%+v, %v", m, err)
	}
	if got := h.run("laptop-7", h.alice, "x"); got.status != 0 || liar.requests() > 0 {
		t.Errorf("%+v", got)
	}
	third := h.device("laptop-7") // and no token enrols a name that is taken
	token, err := h.Enroll(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	hello = third.introduction()
	hello.Token = token.Secret
	if m, err := third.enter(hello); err != nil {
		t.Error(err)
	} else if w, ok := m.(*wire.Welcome); ok && w.Device == "laptop-7" {
		t.Error("two devices have one name")
	}
}

// TestEscapesInTheHello: what a device says of itself is shown to technicians.
func TestEscapesInTheHello(t *testing.T) {
	h := newHouse(t, nil)
	const evil = "\x1b]52;c;x\a\u202e\u200b\u009b31m"
	d := h.device("laptop-7")
	d.from = "127.0.0.4"
	for _, change := range []func(*wire.Hello){
		func(m *wire.Hello) { m.Name = "a\x1b[2J" },
		func(m *wire.Hello) { m.Name = "../../etc" },
		func(m *wire.Hello) { m.Logins = []string{"ann\x1b[31m"} },
		func(m *wire.Hello) { m.Logins = []string{"-oProxyCommand=x"} },
		func(m *wire.Hello) { m.Capabilities = []wire.Capability{"\x1b"} },
		func(m *wire.Hello) { m.Capabilities = nil },
	} {
		d.from = "127.0.2." + string(rune('1'+d.requests())) // one address each, see the guard's penalties
		hello := d.introduction()
		change(hello)
		if m, err := d.enter(hello); err == nil {
			t.Errorf("%+v was heard: %+v", hello, m)
		}
		d.asked = append(d.asked, wire.Request{})
	}
	d.from, d.asked = "127.0.0.1", nil
	token, err := h.Enroll(t.Context(), d.name)
	if err != nil {
		t.Fatal(err)
	}
	hello := d.introduction()
	hello.Token, hello.OS, hello.Arch, hello.Agent, hello.Labels = token.Secret, evil, evil, evil, map[string]string{evil: evil}
	if m, err := d.enter(hello); err != nil {
		t.Fatal(m, err)
	}
	_ = d.conn.Close()
	hello.Token = ""
	if m, err := d.enter(hello); err != nil {
		t.Fatal(m, err)
	}
	d.isOnline(true)
	for _, command := range []string{"devices", "devices --json", "audit", "audit --json"} {
		got := h.run("gw", h.boss, command)
		for _, bad := range []string{"\x1b", "\a", "\u202e", "\u200b", "\u009b"} {
			if strings.Contains(got.out+got.errs, bad) {
				t.Errorf("%s shows %q", command, bad)
			}
		}
	}
}

// A device opens channels and sends requests toward the gateway.
func TestDeviceReachesForTheGateway(t *testing.T) {
	h := newHouse(t, nil)
	d := h.device("laptop-7").join()
	for _, kind := range []string{"session", wire.ChannelVisit, wire.ChannelHello, "direct-tcpip", "forwarded-tcpip", "x11", "auth-agent@openssh.com", "default", ""} {
		if _, _, err := d.conn.OpenChannel(kind, nil); err == nil {
			t.Errorf("a device opened a %q channel", kind)
		}
	}
	for _, kind := range []string{"tcpip-forward", "hostkeys-00@openssh.com", "x"} {
		if ok, _, err := d.conn.SendRequest(kind, true, nil); ok || err != nil {
			t.Errorf("%s: %v, %v", kind, ok, err)
		}
	}
	for range 2000 {
		_, _, _ = d.conn.SendRequest("noise", false, make([]byte, 1000))
	}
	if got := h.run("laptop-7", h.alice, "x"); got.status != 0 {
		t.Errorf("%+v", got)
	}
}

// A session that floods requests and ends in odd ways.
func TestSessionsThatEndOddly(t *testing.T) {
	for name, serve := range map[string]func(gossh.Channel, <-chan *gossh.Request){
		"dies":    func(gossh.Channel, <-chan *gossh.Request) {},
		"no exit": func(ch gossh.Channel, _ <-chan *gossh.Request) { _ = ch.CloseWrite() },
		"odd exit": func(ch gossh.Channel, _ <-chan *gossh.Request) {
			_, _ = ch.SendRequest("exit-status", false, []byte{1})
		},
		"many exits": func(ch gossh.Channel, _ <-chan *gossh.Request) {
			for range 100 {
				_, _ = ch.SendRequest("exit-signal", false, []byte(strings.Repeat("\x1b", 1000)))
				_, _ = ch.SendRequest("exit-status", true, make([]byte, 4))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, nil)
			d := h.device("laptop-7")
			d.session = func(nc gossh.NewChannel) {
				ch, reqs, err := nc.Accept()
				if err != nil {
					return
				}
				for r := range reqs {
					_ = r.Reply(true, nil)
					if r.Type == "exec" {
						break
					}
				}
				go gossh.DiscardRequests(reqs)
				serve(ch, reqs)
				_ = ch.Close()
			}
			d.join()
			_ = h.run("laptop-7", h.alice, "x")
			h.noLive()
		})
	}
}

// A device that ends a visit in the name of a supervisor or of the gateway is told
// apart from them: the log has what the device did under its own.
func TestEndInAnothersName(t *testing.T) {
	h := newHouse(t, nil)
	d := h.device("laptop-7")
	var name atomic.Value
	d.visit = func(ch gossh.Channel) {
		defer func() { _ = ch.Close() }()
		c := wire.NewConn(ch)
		m, _ := c.Read()
		req, ok := m.(*wire.Request)
		if !ok {
			return
		}
		text, sig, _ := wire.SignStatement(d.key, d.yes(req))
		_ = c.Write(&wire.Answer{Statement: text, Signature: sig})
		_, _ = c.Read()
		_ = c.Write(&wire.Ready{})
		_ = c.Write(&wire.End{By: name.Load().(string), Cause: "I have seen enough."})
		_, _ = io.Copy(io.Discard, ch)
	}
	d.join()
	for i, who := range []string{"boss", byGateway, byPolicy} {
		name.Store(who)
		h.run("laptop-7", h.alice, "cat")
		h.noLive()
		entries, err := h.store.Audit(t.Context(), store.Filter{Kind: store.VisitEnded})
		if err != nil || len(entries) != i+1 {
			t.Fatalf("%+v, %v", entries, err)
		}
		for _, e := range entries {
			if e.Actor != "device laptop-7" || e.Data["by"] != byAgent {
				t.Errorf("%s: the log has %+v", who, e)
			}
		}
	}
}
