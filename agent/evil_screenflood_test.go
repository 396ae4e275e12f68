package agent

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"accord/tui"
	"accord/wire"
)

// visit is the agent's own, open one.
func (e *evil) visit(id string) *visit {
	e.agent.desk.mu.Lock()
	defer e.agent.desk.mu.Unlock()
	return e.agent.desk.visits[id]
}

// TestScreenIsCut pauses, resumes, takes back, stops and lets the link die while
// the server paints as fast as it can. Each time the screen is gone in two seconds,
// and while the visit is paused there is none.
func TestScreenIsCut(t *testing.T) {
	s, e := newVNC(t)
	l, p := e.link(), e.sit()
	v := l.openFor(p, wire.Shell, wire.ScreenView, wire.ScreenControl)
	id := v.req.Visit
	cut := func(what string, how fromClient) {
		t.Helper()
		ch := l.mustScreen(id)
		p.until("the user is told", func(m toClient) bool { return m.Began != nil && m.Began.Screen && m.Began.Control })
		p.say(how)
		drained(t, ch, what)
		_ = ch.Close()
		eventually(t, "the server is left", func() bool { return s.clients() == 0 })
	}
	cut("paused", fromClient{Op: opPause, ID: id})
	p.until("the pause", func(m toClient) bool { return m.Began != nil && m.Began.Paused && !m.Began.Screen })
	if m, ok := await[*wire.Control](v); !ok || m.Change != wire.Paused {
		t.Errorf("the gateway is told %+v", m)
	}
	l.noScreen(id, "paused")
	p.say(fromClient{Op: opResume, ID: id})
	eventually(t, "it goes on", func() bool { return e.visit(id).hold.refuses() == nil })
	cut("taken back", fromClient{Op: opReduce, ID: id, Take: []wire.Capability{wire.ScreenView}})
	if _, err := e.agent.may(id, wire.ScreenControl); err == nil {
		t.Error("the mouse is left without the screen")
	}
	l.noScreen(id, "taken back")
	_ = v.ch.Close()
	p.ended(id)

	v = l.openFor(p, wire.ScreenView)
	id = v.req.Visit
	ch := l.mustScreen(id)
	p.until("the user is told", func(m toClient) bool { return m.Began != nil && m.Began.Screen })
	_ = v.ch.Close()
	drained(t, ch, "the visit ended")
	card := p.until("the end card", func(m toClient) bool { return m.Ended != nil && m.Ended.ID == id }).Ended
	if strings.Join(card.Used, " ") != "screen.view" {
		t.Errorf("the card says that %v was used", card.Used)
	}

	v = l.openFor(p, wire.ScreenView)
	ch = l.mustScreen(v.req.Visit)
	_ = l.tcp.Close()
	drained(t, ch, "the link is lost")
	eventually(t, "the server is left", func() bool { return s.clients() == 0 })
}

// TestScreenFlood opens a thousand channels for the screen. Two are served at a
// time; the visit goes on.
func TestScreenFlood(t *testing.T) {
	s, e := newVNC(t)
	l, p := e.link(), e.sit()
	v := l.openFor(p, wire.Shell, wire.ScreenView)
	var mu sync.Mutex
	var opened []ssh.Channel
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for range 50 {
				if ch, reqs, err := l.conn.OpenChannel(wire.ChannelScreen, wire.MarshalSession(v.req.Visit)); err == nil {
					go ssh.DiscardRequests(reqs)
					mu.Lock()
					opened = append(opened, ch)
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	if len(opened) != maxScreens || s.clients() != maxScreens {
		t.Errorf("%d channels, %d connections", len(opened), s.clients())
	}
	for _, ch := range opened {
		_ = ch.Close()
	}
	eventually(t, "the server is left", func() bool { return s.clients() == 0 })
	if !l.mark(v.req.Visit) {
		t.Error("the visit has suffered")
	}
}

// TestScreenGarbage says what no viewer says, at every point. The channel ends; the
// server hears nothing of it; the visit goes on.
func TestScreenGarbage(t *testing.T) {
	s, e := newVNC(t)
	l, p := e.link(), e.sit()
	v := l.openFor(p, wire.Shell, wire.ScreenView, wire.ScreenControl, wire.ClipboardPut)
	raw := func() ssh.Channel {
		ch, reqs, err := l.conn.OpenChannel(wire.ChannelScreen, wire.MarshalSession(v.req.Visit))
		if err != nil {
			t.Fatal(err)
		}
		go ssh.DiscardRequests(reqs)
		return ch
	}
	for _, says := range []string{"RFB 003.003\n", "GET / HTTP/1.1\r\n\r\n", "RFB 003.008\n\x02"} {
		ch := raw()
		_, _ = io.WriteString(ch, says)
		drained(t, ch, says)
		_ = ch.Close()
	}
	for _, says := range []string{"\x07", "\xff\x01\x00\x02", "\x06\x00\x00\x00\xff\xff\xff\xff", "\x02\x00\xff\xff", "\x96\x01", "\xf8\x00\x00\x00"} {
		ch := l.mustScreen(v.req.Visit)
		_, _ = io.WriteString(ch, says+strings.Repeat("\x00", 32))
		drained(t, ch, says)
		_ = ch.Close()
		eventually(t, "the server is left", func() bool { return s.clients() == 0 })
	}
	if got := s.heard(); len(got) > 0 {
		t.Errorf("the server was told %q", got)
	}
	if !l.mark(v.req.Visit) {
		t.Error("the visit has suffered")
	}
}

// TestScreenServerDies ends the channel, and not the visit; another can be had.
func TestScreenServerDies(t *testing.T) {
	s, e := newVNC(t)
	l, p := e.link(), e.sit()
	v := l.openFor(p, wire.Shell, wire.ScreenView)
	for range 3 {
		ch := l.mustScreen(v.req.Visit)
		p.until("the user is told", func(m toClient) bool { return m.Began != nil && m.Began.Screen })
		s.mu.Lock()
		for c := range s.conns {
			_ = c.Close()
		}
		s.mu.Unlock()
		drained(t, ch, "its server is dead")
		_ = ch.Close()
		p.until("the user is told", func(m toClient) bool { return m.Began != nil && !m.Began.Screen })
	}
	if !l.mark(v.req.Visit) {
		t.Error("the visit has suffered")
	}
}

// TestScreenNobodyReads has a gateway that reads nothing of the screen, and a VNC
// server that reads nothing of the input. The user's stop key works, and nothing
// piles up.
func TestScreenNobodyReads(t *testing.T) {
	s, e := newVNC(t)
	s.deaf = true
	l, p := e.link(), e.sit()
	v := l.openFor(p, wire.ScreenView, wire.ScreenControl)
	ch := l.mustScreen(v.req.Visit) // and never reads again
	before := heap()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for { // until the channel ends
			if _, err := ch.Write(bytes.Repeat([]byte{4, 1, 0, 0, 0, 0, 0, 'a', 4, 0, 0, 0, 0, 0, 0, 'a'}, 1000)); err != nil {
				return
			}
		}
	}()
	p.until("the user is told", func(m toClient) bool { return m.Began != nil && m.Began.Screen })
	if after := heap(); after > before+16<<20 {
		t.Errorf("%d MB are held", (after-before)>>20)
	}
	p.say(fromClient{Op: opStop, ID: v.req.Visit})
	eventually(t, "the server is left", func() bool { return s.clients() == 0 })
	p.ended(v.req.Visit)
	_ = ch.Close()
	_ = l.conn.Close()
	<-done
}

// TestScreenWithoutServer has nobody listen, or somebody who is no VNC server. The
// gateway gets a sentence and no channel.
func TestScreenWithoutServer(t *testing.T) {
	dir := shortDir(t)
	path := filepath.Join(dir, "vnc.sock")
	e := newEvil(t, func(o *Options) { o.Config.Screen.Server = path })
	l, p := e.link(), e.sit()
	v := l.openFor(p, wire.ScreenView)
	if _, err := l.screen(v.req.Visit); err == nil || !strings.Contains(err.Error(), "can't be reached") {
		t.Errorf("nobody listens: %v", err)
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		conn, err := ln.Accept()
		if err == nil {
			_, _ = io.WriteString(conn, "\x1b[2JSSH-2.0-OpenSSH\r\n")
			_ = conn.Close()
		}
	}()
	if _, err := l.screen(v.req.Visit); err == nil || !strings.Contains(err.Error(), "no version of RFB") || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("another server: %q", err)
	}
	_ = ln.Close()
	<-served
	_ = v.ch.Close()
	p.ended(v.req.Visit)
}

// TestUsersHandsWin moves the user's own mouse while the technician drags: the
// technician's hands are off for two seconds, and what was held is let go.
func TestUsersHandsWin(t *testing.T) {
	s, e := newVNC(t)
	l, p := e.link(), e.sit()
	v := l.openFor(p, wire.ScreenView, wire.ScreenControl)
	ch := l.mustScreen(v.req.Visit)
	drag := []byte{5, 1, 0, 1, 0, 1}
	_, _ = ch.Write(drag)
	eventually(t, "the technician drags", func() bool { return bytes.Equal(s.heard(), drag) })
	hands := e.visit(v.req.Visit).screens[0].felt
	still := make(chan struct{})
	var moving sync.WaitGroup
	moving.Go(func() {
		for tick := time.Tick(10 * time.Millisecond); ; {
			hands()
			select {
			case <-still:
				return
			case <-tick:
			}
		}
	})
	let := append(bytes.Clone(drag), 5, 0, 0, 1, 0, 1)
	eventually(t, "the drag is let go", func() bool { return bytes.Equal(s.heard(), let) })
	ask := []byte{3, 1, 0, 0, 0, 0, 0, 1, 0, 1}
	_, _ = ch.Write(append([]byte{4, 1, 0, 0, 0, 0, 0, 'a', 5, 1, 0, 9, 0, 9}, ask...))
	eventually(t, "the picture is asked for all the same", func() bool { return bytes.HasSuffix(s.heard(), ask) })
	if got := s.heard()[len(let):]; !bytes.Equal(got, ask) {
		t.Errorf("while the user's hands are on the mouse the server was told %v", got)
	}
	close(still)
	moving.Wait()
	began := time.Now()
	hands()
	key := []byte{4, 1, 0, 0, 0, 0, 0, 'b'}
	eventually(t, "the technician goes on", func() bool {
		_, _ = ch.Write(key)
		return bytes.HasSuffix(s.heard(), key)
	})
	if took := time.Since(began); took < handsOff {
		t.Errorf("after %v", took)
	}
	_ = v.ch.Close()
	drained(t, ch, "the visit ended")
	_ = ch.Close()
	p.ended(v.req.Visit)
}

// TestViewOnlyAnswer grants with the prompt's one key for it the sight of the
// screen and nothing else of what was asked for.
func TestViewOnlyAnswer(t *testing.T) {
	s, e := newVNC(t)
	l, p := e.link(), e.sit()
	req := request()
	req.Capabilities = []wire.Capability{wire.Shell, wire.ScreenView, wire.ScreenControl, wire.ClipboardPut}
	v := l.ask(req)
	p.give(p.asked().ID, tui.Answer{Choice: tui.Approve, Granted: []string{string(wire.ScreenView)}})
	l.answer(v)
	v.write(&wire.Open{Head: zeroHead()})
	if _, ok := await[*wire.Ready](v); !ok {
		t.Fatal("the visit does not open")
	}
	ch := l.mustScreen(req.Visit)
	ask := []byte{3, 1, 0, 0, 0, 0, 0, 1, 0, 1}
	_, _ = ch.Write(append([]byte{4, 1, 0, 0, 0, 0, 0, 'a'}, ask...))
	eventually(t, "the picture is asked for", func() bool { return bytes.HasSuffix(s.heard(), ask) })
	if !bytes.Equal(s.heard(), ask) {
		t.Errorf("the server was told %v", s.heard())
	}
	l.mustNot(req.Visit, "view only")
	_ = v.ch.Close()
	drained(t, ch, "the visit ended")
	_ = ch.Close()
}

// TestScreenSecrets refuses a file of a password that others can read, is a
// folder, or is empty.
func TestScreenSecrets(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, tt := range map[string]struct {
		screen Screen
		want   string // of the error; empty: the password is "kitten42"
	}{
		"good":           {Screen{Password: write("good", "kitten42\r\nnot this\n", 0o400)}, ""},
		"readable":       {Screen{Password: write("readable", "kitten42\n", 0o640)}, "chmod 600"},
		"empty":          {Screen{Password: write("empty", "\nkitten42\n", 0o600)}, "first line"},
		"missing":        {Screen{Password: filepath.Join(dir, "none")}, "no such file"},
		"folder":         {Screen{Password: dir}, "others can"},
		"no certificate": {Screen{Certificate: write("pem", "kitten42\n", 0o644)}, "no certificate"},
		"others' pem":    {Screen{Certificate: write("pem2", "kitten42\n", 0o666)}, "others can"},
	} {
		c, err := tt.screen.credentials()
		switch {
		case tt.want == "" && (err != nil || c.Password != "kitten42"):
			t.Errorf("%s: %q, %v", name, c.Password, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: %v", name, err)
		}
	}
}
