package hub

import (
	"context"
	"errors"
	"image"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"accord/recordings/rfb"
)

// TestRights: each thing that a seat does takes its own right, at that moment.
func TestRights(t *testing.T) {
	t.Parallel()
	srv, r := newServer(t, 64, 48), newRecorder()
	h := newHub(t, srv, r)
	all := may(See)
	s := sit(t, h, SeatOptions{May: all.has})
	try := func() {
		s.Key(true, 'a')
		s.Key(false, 'a')
		s.Pointer(5, 6, 1)
		s.Pointer(5, 6, 0)
		s.Put("text")
		_ = s.Resize(100, 100)
	}
	try() // may look, and nothing else
	if s.Controls() {
		t.Error("it has hands on the screen")
	}
	all.set(Put, true)
	try()
	srv.does("cut text")
	all.set(Put, false)
	all.set(Control, true)
	s.Key(true, 'a')
	s.Key(false, 'a')
	s.Pointer(5, 6, 1)
	s.Pointer(5, 6, 0)
	srv.does("key true 61", "key false 61", "pointer 5 6 1", "pointer 5 6 0")
	all.set(See, false)
	all.set(Put, true)
	try()
	all.set(See, true)
	all.set(Control, false)
	s.Put("end")
	srv.does("cut end")
	if _, err := h.Sit(SeatOptions{May: may(Control).has}); !errors.Is(err, ErrMayNot) {
		t.Errorf("somebody sits who may not look: %v", err)
	}
	for _, e := range r.events {
		if strings.HasPrefix(e, "key") && e != "key true" && e != "key false" {
			t.Errorf("recorded %q", e)
		}
	}
}

// TestClipboard: texts go only where they may, are noted before, and not at all
// when they can't be noted or are too long.
func TestClipboard(t *testing.T) {
	t.Parallel()
	srv, r := newServer(t, 64, 48), newRecorder()
	h := newHub(t, srv, r)
	got := make(chan string, 10)
	var mu sync.Mutex
	var noted []Clip
	var broken error
	o := SeatOptions{
		May: may(See, Get, Put).has, Copied: func(text string) { got <- text },
		Clipped: func(c Clip) error {
			mu.Lock()
			defer mu.Unlock()
			noted = append(noted, c)
			return broken
		},
	}
	s := sit(t, h, o)
	blind := sit(t, h, SeatOptions{May: may(See).has, Copied: func(text string) { t.Errorf("who may not read is sent %q", text) }})
	blind.Put("from who may not")
	srv.copied("from the device")
	if text := <-got; text != "from the device" {
		t.Errorf("%q", text)
	}
	s.Put(strings.Repeat("x", MaxClip+1))
	s.Put("")
	s.Put("to the device")
	srv.does("cut to the device")
	mu.Lock()
	if len(noted) != 2 || noted[0] != (Clip{Text: "from the device"}) || noted[1] != (Clip{In: true, Text: "to the device"}) {
		t.Errorf("noted %+v", noted)
	}
	broken = errors.New("the disk is full")
	mu.Unlock()
	s.Put("not noted")
	srv.copied("not noted")
	srv.paint(9)
	shows(t, h, 9) // what was copied before has come by now
	if len(got) > 0 || len(srv.done()) > 0 {
		t.Error("what can't be noted is handed on")
	}
	if !r.has("clip false 15") || !r.has("clip true 13") || r.has("clip true 9") {
		t.Errorf("recorded %q", r.events)
	}
}

// TestNoStuckKeys: what is held down is let go when hands are taken off, when a
// seat is left, and when the screen ends; and not while another seat holds it.
func TestNoStuckKeys(t *testing.T) {
	for name, test := range map[string]struct {
		let  func(*Hub, *Seat, *rights)
		want []string
	}{
		"leaves":    {func(_ *Hub, s *Seat, _ *rights) { s.Leave() }, []string{"key false 61", "pointer 5 6 0"}},
		"released":  {func(h *Hub, _ *Seat, all *rights) { all.set(Control, false); h.Release() }, []string{"key false 61", "pointer 5 6 0"}},
		"the end":   {func(h *Hub, _ *Seat, _ *rights) { h.Close(errors.New("the visit is over")) }, []string{"key false 61", "pointer 5 6 0"}},
		"twice let": {func(_ *Hub, s *Seat, _ *rights) { s.Key(false, 'a'); s.Key(false, 'a'); s.Pointer(5, 6, 0) }, []string{"key false 61", "pointer 5 6 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, r := newServer(t, 64, 48), newRecorder()
			h := newHub(t, srv, r)
			all := may(See, Control)
			s := sit(t, h, SeatOptions{May: all.has})
			s.Key(true, 'a')
			s.Pointer(5, 6, 4)
			srv.does("key true 61", "pointer 5 6 4")
			test.let(h, s, all)
			srv.does(test.want...)
		})
	}
	t.Run("two hold it", func(t *testing.T) {
		t.Parallel()
		srv, r := newServer(t, 64, 48), newRecorder()
		h := newHub(t, srv, r)
		one, two := sit(t, h, SeatOptions{May: may(See, Control).has}), sit(t, h, SeatOptions{May: may(See, Control).has})
		one.Key(true, 'a')
		two.Key(true, 'a')
		one.Leave()
		two.Key(true, 'b')
		srv.does("key true 61", "key true 61", "key true 62")
		two.Leave()
		eventually(t, "both are let go", func() bool { return len(srv.done()) == 2 })
	})
}

// TestSeatsAreBounded: a flood of keys holds down only so many.
func TestSeatsAreBounded(t *testing.T) {
	t.Parallel()
	srv, r := newServer(t, 64, 48), newRecorder()
	h := newHub(t, srv, r)
	s := sit(t, h, SeatOptions{May: may(See, Control).has})
	for k := range uint32(10 * keysMost) {
		s.Key(true, k+1)
		s.Key(false, 1<<20+k) // never pressed
	}
	s.Pointer(-1, 5, 1)
	s.Pointer(64, 5, 1)
	s.Pointer(5, 48, 1)
	s.Leave()
	eventually(t, "all are let go", func() bool { return len(srv.done()) == 2*keysMost })
	s.Key(true, 'x')
	s.Pointer(1, 1, 1)
	if s.Controls() || s.Resize(10, 10) == nil {
		t.Error("who has left has hands on the screen")
	}
}

// TestUsersMouseWins: when the mouse goes where nobody sent it, it is the user's,
// and everybody else waits; then they go on.
func TestUsersMouseWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h hands
		now := time.Now
		for x := range 200 {
			h.caused(image.Pt(x, 7), now())
		}
		if h.moved(image.Pt(199, 7), now()) || h.moved(image.Pt(150, 8), now()) || !h.free(now()) {
			t.Error("the technician's own mouse is taken for the user's")
		}
		if !h.moved(image.Pt(10, 300), now()) || h.free(now()) {
			t.Error("the user's mouse is taken for the technician's")
		}
		<-time.After(handsOff - time.Millisecond)
		if h.free(now()) {
			t.Error("others go on too early")
		}
		<-time.After(time.Millisecond)
		if !h.free(now()) {
			t.Error("others wait too long")
		}
		<-time.After(sentFor)
		if !h.moved(image.Pt(199, 7), now()) {
			t.Error("where the mouse was sent long ago is still the technician's")
		}
	})
}

// TestUsersMouseOnDisplay is the same with a real server, which reports where the
// display's own mouse is.
func TestUsersMouseOnDisplay(t *testing.T) {
	socket, display := tigervnc(t)
	r := newRecorder()
	h := hubOf(t, Options{Open: func(context.Context) (io.ReadWriteCloser, error) { return net.Dial("unix", socket) }}, r)
	s := sit(t, h, SeatOptions{May: may(See, Control).has})
	s.Pointer(100, 50, 1)
	eventually(t, "the technician's mouse is there", func() bool { return strings.HasPrefix(x11(t, display, "xdotool", "getmouselocation"), "x:100 y:50 ") })
	eventually(t, "hands are free", s.Controls)
	x11(t, display, "xdotool", "mousemove", "20", "30")
	eventually(t, "the user has the mouse", func() bool { return !s.Controls() })
	s.Pointer(200, 200, 0)
	if at := x11(t, display, "xdotool", "getmouselocation"); !strings.HasPrefix(at, "x:100 y:50 ") && !strings.HasPrefix(at, "x:20 y:30 ") {
		t.Errorf("the technician has moved the mouse: %s", at)
	}
	eventually(t, "the technician has hands again", s.Controls)
}

// view connects a viewer that is one of ours.
func view(t *testing.T, h *Hub, o SeatOptions) (client net.Conn, ended <-chan error) {
	t.Helper()
	ours, theirs := socketPair(t)
	done := make(chan error, 1)
	go func() { done <- h.View(t.Context(), ours, o) }()
	return theirs, done
}

// TestViewer: a VNC viewer sees the picture, its keys arrive, and it is told why
// when the screen ends.
func TestViewer(t *testing.T) {
	t.Parallel()
	srv, r := newServer(t, 64, 48), newRecorder()
	h := newHub(t, srv, r)
	conn, ended := view(t, h, SeatOptions{May: may(See, Control, Get, Put).has})
	seen, cuts, titles := make(chan byte, 100), make(chan string, 1), make(chan string, 100)
	c, err := rfb.NewClient(conn, rfb.ClientOptions{
		Commit: func(f *rfb.Frame, _ rfb.Damage) error { seen <- f.Row(1, 1, 1)[0]; return nil },
		Change: func(with func(rfb.State) rfb.State) { titles <- with(rfb.State{}).Name },
		Cut:    func(text []byte) { cuts <- string(text) },
	})
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan error, 1)
	go func() { over <- c.Run() }()
	if <-seen != 0 {
		t.Error("the first picture is another")
	}
	srv.paint(9)
	for <-seen != 9 {
	}
	if err := errors.Join(c.Key(true, 'a'), c.Key(false, 'a'), c.Pointer(3, 4, 0), c.Cut("put")); err != nil {
		t.Fatal(err)
	}
	srv.does("key true 61", "key false 61", "pointer 3 4 0", "cut put")
	srv.copied("got")
	if text := <-cuts; text != "got" {
		t.Errorf("%q", text)
	}
	h.Pause(true)
	for <-titles != "laptop-7 (paused)" {
	}
	why := errors.New("the user took the screen back")
	h.End(why)
	if err := <-ended; !errors.Is(err, why) {
		t.Errorf("the viewer ended by %v", err)
	}
	<-over
}

// TestStalledViewer: a viewer that does not read keeps nobody from anything, not
// even the end.
func TestStalledViewer(t *testing.T) {
	srv, r := newServer(t, 1000, 1000), newRecorder()
	h := newHub(t, srv, r)
	conn, ended := view(t, h, SeatOptions{May: may(See).has})
	if _, err := io.WriteString(conn, "RFB 003.003\n\x01"); err != nil { // and then it asks without end, and reads nothing
		t.Fatal(err)
	}
	asks := make(chan struct{})
	go func() {
		defer close(asks)
		for {
			if _, err := conn.Write([]byte{3, 0, 0, 0, 0, 0, 0x03, 0xe8, 0x03, 0xe8}); err != nil {
				return
			}
			<-time.After(time.Millisecond)
		}
	}()
	eventually(t, "it sits", func() bool { return len(h.all()) == 1 })
	for shade := range byte(20) {
		srv.paint(shade)
		shows(t, h, int(shade))
	}
	ends(t, h, errors.New("the visit is over"))
	<-ended
	_ = conn.Close()
	<-asks
}

// TestViewerThatSaysNothing gets no seat; the end does not wait for it.
func TestViewerThatSaysNothing(t *testing.T) {
	t.Parallel()
	srv, r := newServer(t, 64, 48), newRecorder()
	h := newHub(t, srv, r)
	_, ended := view(t, h, SeatOptions{May: may(See).has})
	shows(t, h, 0)
	if len(h.all()) > 0 {
		t.Error("it sits")
	}
	h.Close(errors.New("over"))
	<-ended
}

// TestRefuse: a viewer of each version is told why there is no screen.
func TestRefuse(t *testing.T) {
	t.Parallel()
	const why = "the screen was not granted"
	for _, version := range []string{"RFB 003.003\n", "RFB 003.007\n", "RFB 003.008\n"} {
		ours, theirs := socketPair(t)
		done := make(chan error, 1)
		go func() { done <- Refuse(ours, why) }()
		older := struct {
			io.Reader
			io.Writer
		}{io.MultiReader(strings.NewReader(version), skip(theirs, len(version))), theirs}
		_, err := rfb.NewClient(older, rfb.ClientOptions{Change: func(func(rfb.State) rfb.State) {}})
		if err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v", version, err)
		}
		_ = theirs.Close()
		if err := <-done; err != nil {
			t.Errorf("%q: %v", version, err)
		}
	}
	ours, theirs := socketPair(t)
	_ = theirs.Close()
	_ = Refuse(ours, why) // nobody is there; it ends all the same
}

// skip reads from r without its first n bytes.
func skip(r io.Reader, n int) io.Reader {
	_, _ = io.CopyN(io.Discard, r, int64(n))
	return r
}
