package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"accord/wire"
)

// TestOtherDoorsAreClosed asks for everything that SSH knows and a visit does
// not need.
func TestOtherDoorsAreClosed(t *testing.T) {
	e := newEvil(t, nil)
	l, p := e.link(), e.sit()
	v := l.open(p)
	forward := ssh.Marshal(struct {
		Host string
		Port uint32
		From string
		At   uint32
	}{"127.0.0.1", 22, "127.0.0.1", 1})
	for _, kind := range []string{"direct-tcpip", "forwarded-tcpip", "direct-streamlocal@openssh.com", "x11", "auth-agent@openssh.com", "screen@accord", "", "session\x00"} {
		for _, extra := range [][]byte{nil, forward, wire.MarshalSession(v.req.Visit)} {
			if _, _, err := l.conn.OpenChannel(kind, extra); err == nil {
				t.Errorf("a channel of type %q was opened", kind)
			}
		}
	}
	for _, kind := range []string{"tcpip-forward", "cancel-tcpip-forward", "streamlocal-forward@openssh.com", "keepalive@openssh.com", "no-more-sessions@openssh.com"} {
		if ok, _, err := l.conn.SendRequest(kind, true, ssh.Marshal(struct {
			Host string
			Port uint32
		}{"", 0})); ok || err != nil {
			t.Errorf("the request %q: %v, %v", kind, ok, err)
		}
	}
	ch, reqs, err := l.conn.OpenChannel(wire.ChannelSession, wire.MarshalSession(v.req.Visit))
	if err != nil {
		t.Fatal(err)
	}
	go ssh.DiscardRequests(reqs)
	name := ssh.Marshal(struct{ Name string }{"sftp"})
	// A subsystem that isn't granted ends its channel, so it is the last.
	for _, kind := range []string{"auth-agent-req@openssh.com", "x11-req", "break", "xon-xoff", "signal", "window-change", "exec", "subsystem"} {
		if ok, err := ch.SendRequest(kind, true, map[bool][]byte{true: name}[kind == "subsystem"]); ok || err != nil && kind != "subsystem" {
			t.Errorf("the session's request %q: %v, %v", kind, ok, err)
		}
	}
	_ = ch.Close()
	if !l.mark(v.req.Visit) {
		t.Error("the visit has suffered")
	}
}

// TestEnvFlood sends 90 MB of env requests to one session.
func TestEnvFlood(t *testing.T) {
	e := newEvil(t, nil)
	l, p := e.link(), e.sit()
	v := l.open(p)
	ch, reqs, err := l.conn.OpenChannel(wire.ChannelSession, wire.MarshalSession(v.req.Visit))
	if err != nil {
		t.Fatal(err)
	}
	go ssh.DiscardRequests(reqs)
	before := heap()
	payload := ssh.Marshal(struct{ Name, Value string }{"LC_ALL", string(make([]byte, 30<<10))})
	for range 3000 {
		if _, err := ch.SendRequest("env", false, payload); err != nil {
			t.Fatal(err)
		}
	}
	if ok, err := ch.SendRequest("env", true, payload); ok || err != nil {
		t.Errorf("env without end: %v, %v", ok, err)
	}
	if after := heap(); after > before+16<<20 {
		t.Errorf("90 MB of env requests hold %d MB", (after-before)>>20)
	}
	_ = ch.Close()
	if !l.mark(v.req.Visit) {
		t.Error("the visit has suffered")
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestChannelFloods opens 10,000 channels of each kind. Only as many as are
// allowed are there at any time.
func TestChannelFloods(t *testing.T) {
	for _, kind := range []string{wire.ChannelVisit, wire.ChannelSession, wire.ChannelHello, "unknown"} {
		t.Run(kind, func(t *testing.T) {
			e := newEvil(t, nil)
			l, p := e.link(), e.sit()
			v := l.open(p)
			extra := []byte(nil)
			if kind == wire.ChannelSession {
				extra = wire.MarshalSession(v.req.Visit)
			}
			var opened sync.Map
			var all sync.WaitGroup
			work := make(chan struct{})
			for range 50 {
				all.Go(func() {
					for range work {
						if ch, reqs, err := l.conn.OpenChannel(kind, extra); err == nil {
							go ssh.DiscardRequests(reqs)
							opened.Store(ch, true)
						}
					}
				})
			}
			for range 10_000 {
				work <- struct{}{}
			}
			close(work)
			all.Wait()
			n := 0
			opened.Range(func(any, any) bool { n++; return true })
			if n > wire.MaxSessions {
				t.Errorf("%d channels were opened", n)
			}
			opened.Range(func(ch, _ any) bool { _ = ch.(ssh.Channel).Close(); return true })
			eventually(t, "the visit goes on", func() bool { return l.mark(v.req.Visit) })
		})
	}
}

// TestCrowdedLinkIsHungUp serves channels none of whose refusals gets sent.
// (The kernel's buffers hide that from a test over a socket.)
func TestCrowdedLinkIsHungUp(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	l := &link{}
	serve := l.handle(ctx, cancel, func(ctx context.Context, _ *ssh.ServerConn, _ ssh.NewChannel) { <-ctx.Done() })
	var all sync.WaitGroup
	for range maxChannels {
		all.Go(func() { serve(nil, nil, nil, nil) })
	}
	eventually(t, "all are served", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.channels == maxChannels
	})
	if ctx.Err() != nil {
		t.Error("hung up too early")
	}
	serve(nil, nil, nil, nil)
	if ctx.Err() == nil {
		t.Error("the link goes on")
	}
	all.Wait()
	l.running.Wait()
	if serve(nil, nil, nil, nil); l.channels != 0 {
		t.Errorf("%d channels are left", l.channels)
	}
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

func (d *deafConn) Close() error {
	d.mu.Lock()
	if d.deaf != nil {
		select {
		case <-d.deaf:
		default:
			close(d.deaf)
		}
	}
	d.mu.Unlock()
	return d.Conn.Close()
}

// TestStopWhileTheGatewayDoesNotRead is the user's stop key against a gateway
// that lets everything run full: nothing of the visit runs, and it never reads.
func TestStopWhileTheGatewayDoesNotRead(t *testing.T) {
	e := newEvil(t, nil)
	p := e.sit()
	_ = e.ln.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	tcp, err := e.ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	deaf := &deafConn{Conn: tcp}
	l, err := e.shake(deaf, e.key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.hello(&wire.Welcome{Gateway: "evil", Device: "laptop-7"}); err != nil {
		t.Fatal(err)
	}
	v := l.open(p)
	var shells []ssh.Channel
	for i := range 4 {
		ch, reqs, err := l.conn.OpenChannel(wire.ChannelSession, wire.MarshalSession(v.req.Visit))
		if err != nil {
			t.Fatal(err)
		}
		go ssh.DiscardRequests(reqs)
		shells = append(shells, ch)
		command := fmt.Sprintf("echo > %s/up-%d; setsid sleep 300 & yes %s", e.dir, i, e.dir)
		if ok, err := ch.SendRequest("exec", true, ssh.Marshal(struct{ Command string }{command})); !ok || err != nil {
			t.Fatal(ok, err)
		}
		eventually(t, "the shell floods", func() bool { return exists(fmt.Sprintf("%s/up-%d", e.dir, i)) })
	}
	deaf.stop() // and now nothing is read any more, on no channel
	if ended, err := Stop(t.Context(), e.agent.Socket(), ""); err != nil || len(ended) != 1 {
		t.Fatalf("stop: %v, %v", ended, err)
	}
	eventually(t, "everything is dead", func() bool { return len(processes(t, e.dir)) == 0 })
	p.ended(v.req.Visit)
	good, bad, err := Receipts(t.Context(), e.agent.Socket(), 10)
	if err != nil || len(bad) > 0 || len(good) != 1 || good[0].Ending == nil && !eventuallyEnded(t, e) {
		t.Errorf("the receipt: %+v, %v, %v", good, bad, err)
	}
	_ = tcp.Close()
	_ = l.conn.Close()
	for _, ch := range shells {
		_ = ch.Close()
	}
}

// BenchmarkStop is how long it takes from the user's stop key until nothing of a
// visit runs: promise P7 allows two seconds.
func BenchmarkStop(b *testing.B) {
	e := newEvil(b, nil)
	l, p := e.link(), e.sit()
	for b.Loop() {
		b.StopTimer()
		v, up := l.open(p), filepath.Join(e.dir, "up")
		ran := make(chan error, 1)
		go func() { ran <- l.run(v.req.Visit, "echo > "+up+"; setsid sleep 300 "+e.dir+" & exec yes "+e.dir) }()
		eventually(b, "the shell runs", func() bool { return exists(up) && len(processes(b, e.dir)) > 1 })
		_ = os.Remove(up)
		b.StartTimer()
		p.say(fromClient{Op: opStop, ID: v.req.Visit})
		eventually(b, "everything is dead", func() bool { return len(processes(b, e.dir)) == 0 })
		b.StopTimer()
		<-ran
		p.ended(v.req.Visit)
		b.StartTimer()
	}
}

func eventuallyEnded(t testing.TB, e *evil) bool {
	t.Helper()
	eventually(t, "the receipt has its end", func() bool {
		good, _, err := Receipts(t.Context(), e.agent.Socket(), 10)
		return err == nil && len(good) > 0 && good[0].Ending != nil
	})
	return !t.Failed()
}

// TestVisitWithoutAWindow reads nothing of its visit channel. The user's stop
// works all the same.
func TestVisitWithoutAWindow(t *testing.T) {
	e := newEvil(t, nil)
	l, p := e.link(), e.sit()
	ch, reqs, err := l.conn.OpenChannel(wire.ChannelVisit, nil)
	if err != nil {
		t.Fatal(err)
	}
	go ssh.DiscardRequests(reqs)
	v := &evilVisit{t: t, ch: ch, sent: &tap{ReadWriter: ch}, req: request()}
	v.conn = wire.NewConn(v.sent)
	v.write(&v.req)
	asked := p.asked()
	p.give(asked.ID, approval())
	v.write(&wire.Open{Head: zeroHead()})
	p.until("the visit begins", func(m toClient) bool { return m.Began != nil })
	go func() { _ = l.run(v.req.Visit, "echo > "+e.dir+"/up; exec sleep 300 # "+e.dir) }()
	eventually(t, "the shell runs", func() bool { return exists(e.dir+"/up") || reopen(l, v, e) })
	p.say(fromClient{Op: opStop, ID: v.req.Visit})
	eventually(t, "everything is dead", func() bool { return len(processes(t, e.dir)) == 0 })
	p.ended(v.req.Visit)
}

// reopen tries the shell again where it came before the visit was open.
func reopen(l *evilLink, v *evilVisit, e *evil) bool {
	err := l.run(v.req.Visit, "echo > "+e.dir+"/up")
	return err == nil || !errors.Is(err, errNoShell)
}

// TestStalledHandshake says hello to the agent's SSH and nothing more.
func TestStalledHandshake(t *testing.T) {
	e := newEvil(t, nil)
	_ = e.ln.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	tcp, err := e.ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(tcp, "SSH-2.0-evil\r\n")
	// Nothing follows. Stopping the agent does not wait for the handshake's limit.
	began := time.Now()
	e.clean()
	if time.Since(began) >= wire.Handshake {
		t.Error("the agent has waited for the handshake's limit")
	}
	_ = tcp.Close()
}
