package agent

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"accord/recordings/rfb"
	"accord/wire"
)

// vnc is a VNC server that asks for nothing, paints one byte again and again, and
// keeps what it is told.
type vnc struct {
	t    *testing.T
	ln   net.Listener
	path string
	deaf bool // reads nothing after the handshake

	mu    sync.Mutex
	told  bytes.Buffer // by all clients, after their ClientInit
	conns map[net.Conn]bool
}

// newVNC starts one, and an agent whose screen it is.
func newVNC(t *testing.T) (*vnc, *evil) {
	t.Helper()
	s := &vnc{t: t, path: filepath.Join(shortDir(t), "vnc.sock"), conns: make(map[net.Conn]bool)}
	e := newEvil(t, func(o *Options) { o.Config.Screen.Server = s.path })
	s.listen()
	return s, e
}

func (s *vnc) listen() {
	s.t.Helper()
	var err error
	if s.ln, err = net.Listen("unix", s.path); err != nil {
		s.t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := s.ln.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns[conn] = true
			s.mu.Unlock()
			all.Go(func() { s.serve(conn) })
		}
	})
	s.t.Cleanup(func() { // before the agent's check
		_ = s.ln.Close()
		s.mu.Lock()
		for c := range s.conns {
			_ = c.Close()
		}
		s.mu.Unlock()
		all.Wait()
	})
}

func (s *vnc) serve(conn net.Conn) {
	defer func() {
		_ = conn.Close()
		s.mu.Lock()
		delete(s.conns, conn)
		s.mu.Unlock()
	}()
	if rfb.Welcome(conn) != nil {
		return
	}
	var init [1]byte
	if _, err := io.ReadFull(conn, init[:]); err != nil {
		return
	}
	if init[0] != 1 {
		s.t.Error("the agent would throw out the server's other clients")
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for { // as fast as it is taken
			if _, err := conn.Write(bytes.Repeat([]byte{'.'}, 32<<10)); err != nil {
				return
			}
		}
	}()
	buf := make([]byte, 4096)
	for !s.deaf {
		n, err := conn.Read(buf)
		s.mu.Lock()
		s.told.Write(buf[:n])
		s.mu.Unlock()
		if err != nil {
			_ = conn.Close()
			break
		}
	}
	<-done
}

// heard is what clients have said.
func (s *vnc) heard() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.told.Bytes())
}

func (s *vnc) clients() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// screen opens a screen's channel and shakes hands on it.
func (l *evilLink) screen(visit string) (ssh.Channel, error) {
	ch, reqs, err := l.conn.OpenChannel(wire.ChannelScreen, wire.MarshalSession(visit))
	if err != nil {
		return nil, err
	}
	go ssh.DiscardRequests(reqs)
	if _, err := rfb.Secure(ch, rfb.Credentials{}); err != nil {
		_ = ch.Close()
		return nil, err
	}
	_, err = ch.Write([]byte{0}) // ClientInit: not shared, or so it would like
	return ch, err
}

func (l *evilLink) mustScreen(visit string) ssh.Channel {
	l.t.Helper()
	ch, err := l.screen(visit)
	if err != nil {
		l.t.Fatal(err)
	}
	return ch
}

// noScreen fails the test when the screen can be had.
func (l *evilLink) noScreen(visit, when string) {
	l.t.Helper()
	var refused *ssh.OpenChannelError
	ch, err := l.screen(visit)
	if err == nil {
		_ = ch.Close()
		l.t.Errorf("%s: the screen was shown", when)
	} else if !errors.As(err, &refused) {
		l.t.Errorf("%s: %v", when, err)
	}
}

// drained reads until the agent ends the channel.
func drained(t *testing.T, ch ssh.Channel, what string) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(io.Discard, ch)
	}()
	select {
	case <-done:
	case <-time.After(patience):
		t.Errorf("the screen goes on: %s", what)
		_ = ch.Close()
		<-done
	}
}

// openFor is a visit for these capabilities.
func (l *evilLink) openFor(p *person, caps ...wire.Capability) *evilVisit {
	l.t.Helper()
	req := request()
	req.Capabilities = caps
	v := l.ask(req)
	var names []string
	for _, c := range caps {
		names = append(names, string(c))
	}
	p.give(p.asked().ID, approval(names...))
	if c := l.answer(v); c.Choice != wire.Approve {
		l.t.Fatalf("the approval became %s: %s", c.Choice, c.Why)
	}
	v.write(&wire.Open{Head: zeroHead()})
	if _, ok := await[*wire.Ready](v); !ok {
		l.t.Fatal("the visit does not open")
	}
	return v
}

// TestScreenWithoutConsent asks for the screen of no visit, of one that nobody
// has answered, of one that is for a shell, for a mouse without a screen, and of
// one that has ended.
func TestScreenWithoutConsent(t *testing.T) {
	s, e := newVNC(t)
	l, p := e.link(), e.sit()
	l.noScreen(newID(), "no visit")
	if ch, _, err := l.conn.OpenChannel(wire.ChannelScreen, []byte("visit")); err == nil {
		_ = ch.Close()
		t.Error("the screen of garbage was shown")
	}
	req := request()
	req.Capabilities = []wire.Capability{wire.ScreenView}
	v := l.ask(req)
	asked := p.asked()
	l.noScreen(req.Visit, "asked, not answered")
	p.give(asked.ID, approval(string(wire.ScreenView)))
	l.answer(v)
	l.noScreen(req.Visit, "approved, not begun")
	v.write(&wire.End{By: byGateway, Cause: "x"})
	v.gone()
	_ = v.ch.Close()
	for _, caps := range [][]wire.Capability{{wire.Shell}, {wire.ScreenControl}, {wire.ClipboardGet, wire.ClipboardPut}} {
		v := l.openFor(p, caps...)
		l.noScreen(v.req.Visit, fmt.Sprintf("granted %v", caps))
		_ = v.ch.Close() // so that nobody waits for last words
		p.ended(v.req.Visit)
		l.noScreen(v.req.Visit, "ended")
	}
	if n := len(s.heard()); n > 0 {
		t.Errorf("the VNC server was told %d bytes", n)
	}
}

// TestScreenInput types, clicks and fills the clipboard with and without being
// allowed to, and after it was taken back.
func TestScreenInput(t *testing.T) {
	s, e := newVNC(t)
	l, p := e.link(), e.sit()
	key := func(down, sym byte) []byte { return []byte{4, down, 0, 0, 0, 0, 0, sym} }
	click := []byte{5, 1, 0, 10, 0, 20}
	cut := append([]byte{6, 0, 0, 0, 0, 0, 0, 3}, "abc"...)
	ask := []byte{3, 1, 0, 0, 0, 0, 0, 1, 0, 1}

	v := l.openFor(p, wire.ScreenView)
	ch := l.mustScreen(v.req.Visit)
	for _, m := range [][]byte{key(1, 'a'), click, cut, {251, 0, 0, 1, 0, 1, 0, 0}, {250, 0, 1, 2}, ask} {
		if _, err := ch.Write(m); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the request for a picture comes", func() bool { return bytes.HasSuffix(s.heard(), ask) })
	if got := s.heard(); !bytes.Equal(got, ask) {
		t.Errorf("without control the server was told %v", got)
	}
	_ = v.ch.Close()
	drained(t, ch, "the visit ended")
	_ = ch.Close()
	p.ended(v.req.Visit)

	from := len(s.heard())
	v = l.openFor(p, wire.ScreenView, wire.ScreenControl, wire.ClipboardPut)
	ch = l.mustScreen(v.req.Visit)
	for _, m := range [][]byte{key(1, 'a'), click, cut, ask} {
		_, _ = ch.Write(m)
	}
	want := bytes.Join([][]byte{key(1, 'a'), click, cut, ask}, nil)
	eventually(t, "all that was granted passes", func() bool { return bytes.Equal(s.heard()[from:], want) })

	from = len(s.heard())
	p.say(fromClient{Op: opReduce, ID: v.req.Visit, Take: []wire.Capability{wire.ScreenControl, wire.ClipboardPut}})
	let := append(key(0, 'a'), 5, 0, 0, 10, 0, 20)
	eventually(t, "what was held down is let go", func() bool { return bytes.Equal(s.heard()[from:], let) })
	for _, m := range [][]byte{key(1, 'b'), click, cut, ask} {
		_, _ = ch.Write(m)
	}
	eventually(t, "the request for a picture comes", func() bool { return bytes.HasSuffix(s.heard(), ask) })
	if got := s.heard()[from+len(let):]; !bytes.Equal(got, ask) {
		t.Errorf("after control was taken back the server was told %v", got)
	}
	p.say(fromClient{Op: opReduce, ID: v.req.Visit, Take: []wire.Capability{wire.ScreenView}})
	drained(t, ch, "the screen taken back")
	_ = ch.Close()
	l.noScreen(v.req.Visit, "the screen was taken back")
}
