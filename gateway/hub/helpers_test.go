package hub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"accord/recordings/rfb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait for something that must come, on a slow machine too.
const patience = 40 * time.Second

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// ends closes a hub, which waits for nobody but itself.
func ends(t *testing.T, h *Hub, why error) {
	t.Helper()
	closed := make(chan struct{})
	go func() { defer close(closed); h.Close(why) }()
	select {
	case <-closed:
	case <-time.After(patience):
		t.Fatal("the hub does not end")
	}
}

// server is a screen's server whose picture the test paints, and which notes what
// it is told to do. Each time that it is opened it shows what it has.
type server struct {
	t      *testing.T
	screen *rfb.Screen
	frame  *rfb.Frame
	pair   func() (ours, theirs net.Conn)

	mu      sync.Mutex
	viewers []*rfb.Viewer
	conns   []net.Conn
	did     []string
	opened  int
	refuse  error
}

func newServer(t *testing.T, width, height int) *server {
	t.Helper()
	frame, err := rfb.NewFrame(width, height)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, screen: rfb.NewScreen(), frame: frame}
	s.pair = func() (ours, theirs net.Conn) { return socketPair(t) }
	s.paint(0)
	t.Cleanup(s.die)
	return s
}

// paint fills the whole picture with a shade.
func (s *server) paint(shade byte) {
	s.frame.Fill(s.frame.Bounds(), shade, shade, shade)
	s.screen.Commit(s.frame, rfb.Damage{Rects: []image.Rectangle{s.frame.Bounds()}})
}

// open is a connection of a hub's.
func (s *server) open(context.Context) (io.ReadWriteCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		return nil, s.refuse
	}
	ours, theirs := s.pair()
	s.opened++
	s.conns = append(s.conns, ours)
	go s.serve(ours)
	return theirs, nil
}

func (s *server) serve(conn net.Conn) {
	note := func(format string, args ...any) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.did = append(s.did, fmt.Sprintf(format, args...))
	}
	v, err := rfb.NewViewer(conn, s.screen, rfb.ViewerOptions{
		Key:     func(down bool, keysym uint32) { note("key %t %x", down, keysym) },
		Pointer: func(x, y int, buttons uint8) { note("pointer %d %d %d", x, y, buttons) },
		Cut:     func(text string) { note("cut %s", text) },
		Resize:  func(w, h int) error { note("resize %d %d", w, h); return nil },
	})
	if err != nil {
		_ = conn.Close()
		return
	}
	s.mu.Lock()
	s.viewers = append(s.viewers, v)
	s.mu.Unlock()
	_ = v.Run()
}

// die ends all connections.
func (s *server) die() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		_ = c.Close()
	}
	s.conns, s.viewers = nil, nil
}

// copied says that a text was copied on the device.
func (s *server) copied(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.viewers {
		v.SendCut(text)
	}
}

// done is what the device was told to do.
func (s *server) done() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.did)
}

// does waits until the device was told just this since the last call.
func (s *server) does(want ...string) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("the device does %q, not %q", want, s.done()), func() bool { return len(s.done()) >= len(want) })
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.did, want) {
		s.t.Fatalf("the device does %q, want %q", s.did, want)
	}
	s.did = nil
}

func socketPair(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	theirs, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if ours, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ours.Close(); _ = theirs.Close() })
	return ours, theirs
}

// recorder keeps what it is told, and is as slow and as faulty as the test wants.
type recorder struct {
	mu     sync.Mutex
	events []string
	gate   chan struct{} // closed while pictures may pass
	broken error
}

func newRecorder() *recorder {
	r := &recorder{gate: make(chan struct{})}
	close(r.gate)
	return r
}

// lag holds pictures back until the function that it returns is called.
func (r *recorder) lag() (catchUp func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	gate := make(chan struct{})
	r.gate = gate
	return func() { close(gate) }
}

func (r *recorder) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken = err
}

func (r *recorder) Gate(ctx context.Context) error {
	r.mu.Lock()
	gate, broken := r.gate, r.broken
	r.mu.Unlock()
	if broken != nil {
		return broken
	}
	select {
	case <-gate:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (r *recorder) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, fmt.Sprintf(format, args...))
}

func (r *recorder) Key(down bool, _ uint32)         { r.note("key %t", down) }
func (r *recorder) Pointer(x, y int, buttons uint8) { r.note("pointer %d %d %d", x, y, buttons) }
func (r *recorder) Clip(in bool, text string)       { r.note("clip %t %d", in, len(text)) }
func (r *recorder) Bell()                           { r.note("bell") }
func (r *recorder) Paused(on bool)                  { r.note("paused %t", on) }
func (r *recorder) Close() error                    { r.note("closed"); return nil }

func (r *recorder) has(event string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.events, event)
}

// newHub shows a server's screen. It is closed when the test ends.
func newHub(t *testing.T, s *server, r *recorder) *Hub {
	t.Helper()
	return hubOf(t, Options{Open: s.open}, r)
}

func hubOf(t *testing.T, o Options, r *recorder) *Hub {
	t.Helper()
	o.Name, o.Frozen = "laptop-7", "laptop-7 (paused)"
	o.Record = func(*rfb.Screen) (Recorder, error) { return r, nil }
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close(errors.New("the test is over")) })
	return h
}

// shade is the colour of a hub's picture at its middle, -1 where there is none.
func shade(h *Hub) int {
	v := h.Screen().View()
	defer v.Close()
	at := -1
	v.Take(func(c rfb.Changes) { at = int(c.Frame.Row(c.Frame.Width/2, c.Frame.Height/2, 1)[0]) })
	return at
}

func shows(t *testing.T, h *Hub, want int) {
	t.Helper()
	eventually(t, fmt.Sprintf("the picture is %d, not %d", want, shade(h)), func() bool { return shade(h) == want })
}

// rights are those of a seat, which a test may change.
type rights struct {
	mu  sync.Mutex
	all map[Right]bool
}

func may(list ...Right) *rights {
	r := &rights{all: make(map[Right]bool)}
	for _, right := range list {
		r.all[right] = true
	}
	return r
}

func (r *rights) set(right Right, on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all[right] = on
}

func (r *rights) has(right Right) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all[right]
}

func sit(t *testing.T, h *Hub, o SeatOptions) *Seat {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := h.Shown(ctx); err != nil {
		t.Fatal(err)
	}
	s, err := h.Sit(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Leave)
	eventually(t, "input is taken", func() bool { h.mu.Lock(); defer h.mu.Unlock(); return h.client != nil })
	return s
}

// tigervnc starts a real server of one screen and returns its socket and display.
func tigervnc(t *testing.T) (socket, display string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "rfb")
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("Xtigervnc", "-displayfd", "3", "-rfbunixpath", socket, "-rfbport", "-1", "-SecurityTypes", "None",
		"-geometry", "320x240", "-depth", "24", "-nolisten", "tcp", "-AlwaysShared")
	var said bytes.Buffer
	cmd.ExtraFiles, cmd.Stderr = []*os.File{write}, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = write.Close()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = read.Close()
	})
	number := make([]byte, 8)
	n, err := read.Read(number)
	if err != nil {
		t.Fatalf("Xtigervnc does not start: %v\n%s", err, said.String())
	}
	eventually(t, "Xtigervnc listens", func() bool { _, err := os.Stat(socket); return err == nil })
	return socket, ":" + strings.TrimSpace(string(number[:n]))
}

// x11 runs a program of the display's.
func x11(t *testing.T, display string, args ...string) string {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "DISPLAY="+display)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return string(out)
}
