package hub

import (
	"context"
	"errors"
	"image"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"accord/recordings/rfb"
)

// TestRealServer: Xtigervnc's picture arrives, follows what is painted there, and
// what a seat does reaches the display.
func TestRealServer(t *testing.T) {
	socket, display := tigervnc(t)
	r := newRecorder()
	h := hubOf(t, Options{Open: func(context.Context) (io.ReadWriteCloser, error) { return net.Dial("unix", socket) }}, r)
	s := sit(t, h, SeatOptions{May: may(See, Control).has})
	if w, ht := h.Screen().Size(); w != 320 || ht != 240 {
		t.Errorf("the picture has %d by %d pixels", w, ht)
	}
	x11(t, display, "xsetroot", "-solid", "#505050")
	shows(t, h, 0x50)
	s.Pointer(100, 50, 0)
	eventually(t, "the mouse is where it was moved", func() bool {
		return strings.HasPrefix(x11(t, display, "xdotool", "getmouselocation"), "x:100 y:50 ")
	})
	if h.Screen().State().Name != "laptop-7" {
		t.Errorf("the screen is called %q", h.Screen().State().Name)
	}
}

// TestRecorderBehind is promise P1 for screens: while the recorder lags nothing
// new is shown, and when it has failed nothing ever is.
func TestRecorderBehind(t *testing.T) {
	t.Parallel()
	srv, r := newServer(t, 64, 48), newRecorder()
	h := newHub(t, srv, r)
	srv.paint(1)
	shows(t, h, 1)
	catchUp := r.lag()
	srv.paint(2)
	quiet := time.After(300 * time.Millisecond)
	for waiting := true; waiting; {
		select {
		case <-quiet:
			waiting = false
		default:
			if got := shade(h); got != 1 {
				t.Fatalf("picture %d is shown, and not recorded", got)
			}
		}
	}
	catchUp()
	shows(t, h, 2)
	full := errors.New("the disk is full")
	r.fail(full)
	srv.paint(3)
	<-h.Done()
	if err := context.Cause(h.Context()); !errors.Is(err, full) {
		t.Errorf("it ended by %v", err)
	}
	if got := shade(h); got != 2 || !r.has("closed") {
		t.Errorf("picture %d is shown; the recorder was told %q", got, r.events)
	}
}

// TestPause: what is painted during a pause is never shown, on either side of
// it; the picture is frozen and says so, and then goes on by a new connection.
func TestPause(t *testing.T) {
	t.Parallel()
	srv, r := newServer(t, 64, 48), newRecorder()
	h := newHub(t, srv, r)
	s := sit(t, h, SeatOptions{May: may(See, Control, Put).has})
	srv.paint(1)
	shows(t, h, 1)
	seen := make(chan int, 1000)
	view := h.Screen().View()
	watched := make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(watched)
		defer view.Close()
		for {
			select {
			case <-view.News():
				view.Take(func(c rfb.Changes) { seen <- int(c.Frame.Row(3, 3, 1)[0]) })
			case <-stop:
				return
			}
		}
	}()
	s.Key(true, 'a')
	srv.does("key true 61")
	h.Pause(true)
	srv.paint(100) // a secret
	s.Key(true, 'b')
	s.Pointer(1, 1, 1)
	s.Put("text")
	if s.Controls() || h.Screen().State().Name != "laptop-7 (paused)" {
		t.Errorf("hands on a screen that is paused, or it does not say so: %q", h.Screen().State().Name)
	}
	srv.paint(2)
	h.Pause(false)
	shows(t, h, 2)
	close(stop)
	<-watched
	close(seen)
	for shade := range seen {
		if shade == 100 {
			t.Fatal("what was painted during the pause was shown")
		}
	}
	if srv.opened != 2 || !r.has("paused true") || !r.has("paused false") {
		t.Errorf("opened %d times; recorded %q", srv.opened, r.events)
	}
	// The key that was down is let go, at the latest on the new connection.
	eventually(t, "the key is let go", func() bool { return strings.Contains(strings.Join(srv.done(), ","), "key false 61") })
	for _, did := range srv.done() {
		if did != "key false 61" {
			t.Errorf("the device did %q during the pause", did)
		}
	}
}

// TestDeviceCutsFirst: the device closes its screen before it tells of a pause,
// and opens none until the end of it.
func TestDeviceCutsFirst(t *testing.T) {
	t.Parallel()
	srv, r := newServer(t, 64, 48), newRecorder()
	h := newHub(t, srv, r)
	srv.paint(1)
	shows(t, h, 1)
	srv.die()
	h.Pause(true)
	srv.paint(2)
	h.Pause(false)
	shows(t, h, 2)
}

// TestServerDies: without word of a pause the screen is over, with a sentence.
func TestServerDies(t *testing.T) {
	for name, test := range map[string]struct {
		open func(context.Context) (io.ReadWriteCloser, error)
		want string
	}{
		"refuses": {func(context.Context) (io.ReadWriteCloser, error) { return nil, errors.New("no screen is set up") }, "no screen is set up"},
		"closes":  {says(t, ""), "the device's screen can't be shown"},
		"no RFB":  {says(t, "SSH-2.0-OpenSSH_9.9 hello\n"), "the device's screen can't be shown"},
		"huge":    {says(t, "RFB 003.008\n\x01\x01\x00\x00\x00\x00\xff\xff\xff\xff"+strings.Repeat("x", 20)), "the device's screen can't be shown"},
		"unknown": {says(t, "RFB 003.008\n\x01\x01\x00\x00\x00\x00\x00\x10\x00\x10"+strings.Repeat("\x00", 20)+"\xfe"), "the device's screen can't be shown"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRecorder()
			h := hubOf(t, Options{Open: test.open}, r)
			<-h.Done()
			if why := context.Cause(h.Context()); why == nil || !strings.Contains(why.Error(), test.want) {
				t.Errorf("it ended by %v", why)
			}
			if err := h.Shown(t.Context()); err == nil {
				t.Error("there is a picture")
			}
			if _, err := h.Sit(SeatOptions{May: may(See).has}); err == nil || !r.has("closed") {
				t.Errorf("somebody sits before it (%v), or it is recorded on: %q", err, r.events)
			}
		})
	}
}

// says opens connections whose server says something and hangs up.
func says(t *testing.T, text string) func(context.Context) (io.ReadWriteCloser, error) {
	return func(context.Context) (io.ReadWriteCloser, error) {
		ours, theirs := socketPair(t)
		go func() {
			_, _ = io.WriteString(ours, text)
			if text != "" {
				_, _ = io.CopyN(io.Discard, ours, 12) // the client's version
			}
			_ = ours.Close()
		}()
		return theirs, nil
	}
}

// TestUnwatched: while nobody who must watch does, nothing of the device is
// shown: neither pictures nor what is copied.
func TestUnwatched(t *testing.T) {
	t.Parallel()
	srv, r := newServer(t, 64, 48), newRecorder()
	open := make(chan struct{})
	pass := func(stop <-chan struct{}) bool {
		select {
		case <-open:
			return true
		case <-stop:
			return false
		}
	}
	h := hubOf(t, Options{Open: srv.open, Pass: pass}, r)
	eventually(t, "it is open", func() bool { srv.mu.Lock(); defer srv.mu.Unlock(); return len(srv.viewers) > 0 })
	select {
	case <-h.shown:
		t.Error("a picture is shown")
	case <-time.After(200 * time.Millisecond):
	}
	close(open)
	shows(t, h, 0)
}

// TestEndWhileHeld: a hub that waits for its recorder, or for a watcher, ends all
// the same.
func TestEndWhileHeld(t *testing.T) {
	t.Parallel()
	srv, r := newServer(t, 64, 48), newRecorder()
	r.lag()
	h := newHub(t, srv, r)
	why := errors.New("the visit is over")
	ends(t, h, why)
	if got := context.Cause(h.Context()); !errors.Is(got, why) {
		t.Errorf("it ended by %v", got)
	}
}

// TestPace: the device is asked slowly while only the recorder looks.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, r := newServer(t, 64, 48), newRecorder()
		srv.pair = net.Pipe // the clock of the bubble does not wait for sockets
		h := newHub(t, srv, r)
		if err := h.Shown(t.Context()); err != nil {
			t.Fatal(err)
		}
		pictures := func() (n int) {
			view := h.Screen().View()
			defer view.Close()
			view.Take(func(rfb.Changes) {})
			for end, shade := time.After(time.Second), byte(0); ; {
				shade++
				srv.paint(shade)
				select {
				case <-view.News():
					n++
					view.Take(func(rfb.Changes) {})
				case <-time.After(5 * time.Millisecond):
				case <-end:
					return n
				}
			}
		}
		if n := pictures(); n > 4 {
			t.Errorf("%d pictures in a second for the recorder alone", n)
		}
		sit(t, h, SeatOptions{May: may(See).has})
		if n := pictures(); n < 8 || n > 25 {
			t.Errorf("%d pictures in a second for who looks", n)
		}
	})
}

// TestSizeChanges: a screen of another size is shown whole.
func TestSizeChanges(t *testing.T) {
	t.Parallel()
	srv, r := newServer(t, 64, 48), newRecorder()
	h := newHub(t, srv, r)
	shows(t, h, 0)
	larger, err := rfb.NewFrame(200, 100)
	if err != nil {
		t.Fatal(err)
	}
	larger.Fill(larger.Bounds(), 7, 7, 7)
	srv.screen.Commit(larger, rfb.Damage{Rects: []image.Rectangle{larger.Bounds()}})
	eventually(t, "the picture has the new size", func() bool { w, ht := h.Screen().Size(); return w == 200 && ht == 100 })
	shows(t, h, 7)
}
