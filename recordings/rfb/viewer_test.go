package rfb

import (
	"bytes"
	"errors"
	"image"
	"math/rand/v2"
	"net"
	"testing"
	"time"
)

// link is a TCP connection of this machine with itself.
func link(t testing.TB) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if near, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

// serveScreen welcomes a viewer and serves it until the test ends. What Run returns
// is sent on the channel.
func serveScreen(t testing.TB, s *Screen, o ViewerOptions) (viewer net.Conn, ended <-chan error) {
	t.Helper()
	near, far := link(t)
	result := make(chan error, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		v, err := NewViewer(far, s, o)
		if err == nil {
			err = v.Run()
		}
		far.Close()
		result <- err
	}()
	t.Cleanup(func() { near.Close(); <-done })
	return near, result
}

// patience bounds every wait for something that must come, on a slow machine too.
const patience = time.Minute

// until waits for something that another goroutine brings about.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-deadline:
			t.Fatalf("%s: not within %v", what, patience)
		case <-tick.C:
		}
	}
}

// desk paints something of each kind that encoders tell apart: one colour, two,
// few, many, text-like runs, noise.
func desk(t testing.TB, width, height int) *Frame {
	t.Helper()
	f, err := NewFrame(width, height)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	f.Fill(f.Bounds(), 90, 60, 30)
	part := func(x, y, w, h float64) image.Rectangle {
		return image.Rect(int(x*float64(width)), int(y*float64(height)), int((x+w)*float64(width)), int((y+h)*float64(height)))
	}
	paint := func(r image.Rectangle, colour func(x, y int) [3]byte) {
		for y := r.Min.Y; y < r.Max.Y; y++ {
			for x := r.Min.X; x < r.Max.X; x++ {
				c := colour(x, y)
				copy(f.Row(x, y, 1), c[:])
			}
		}
	}
	paint(part(0.02, 0.03, 0.4, 0.4), func(x, y int) [3]byte { // a terminal: two colours
		if random.IntN(5) == 0 {
			return [3]byte{0, 255, 0}
		}
		return [3]byte{}
	})
	paint(part(0.45, 0.03, 0.25, 0.4), func(x, y int) [3]byte { // a few colours in runs
		return [3]byte{byte(x / 5 % 4 * 80), byte(y / 3 % 3 * 100), 7}
	})
	paint(part(0.72, 0.03, 0.25, 0.4), func(x, y int) [3]byte { // a gradient
		return [3]byte{byte(x), byte(y), byte(x + y)}
	})
	paint(part(0.1, 0.5, 0.3, 0.4), func(x, y int) [3]byte { // noise
		return [3]byte{byte(random.Uint32()), byte(random.Uint32()), byte(random.Uint32())}
	})
	paint(part(0.5, 0.5, 0.4, 0.4), func(x, y int) [3]byte { // some dozens of colours
		return [3]byte{byte(random.IntN(40) * 6), 100, 200}
	})
	return f
}

// shown is a screen with a picture.
func shown(f *Frame) *Screen {
	s := NewScreen()
	s.Commit(f, Damage{})
	return s
}

func TestClientAndViewerAgree(t *testing.T) {
	f := desk(t, 333, 217)
	s := shown(f)
	conn, _ := serveScreen(t, s, ViewerOptions{Name: "a desk"})
	copied := NewScreen()
	c, err := NewClient(conn, into(copied))
	if err != nil {
		t.Fatal(err)
	}
	c.Pace(0)
	ran := make(chan error, 1)
	go func() { ran <- c.Run() }()
	defer func() { conn.Close(); <-ran }()
	same := func() bool {
		w, _ := copied.Size()
		return w != 0 && bytes.Equal(picture(t, copied).Pix, f.Pix)
	}
	until(t, "the first picture", same)
	for i := range 20 {
		to := image.Rect(10+i, 20+i, 150+i, 90+i)
		f.Move(to, image.Pt(12+i, 40))
		r := image.Rect(5*i, 3*i, 7*i+9, 4*i+5)
		f.Fill(r, byte(i), 1, 2)
		s.Commit(f, Damage{Copies: []Copy{{to, image.Pt(12+i, 40)}}, Rects: []image.Rectangle{r}})
		until(t, "an update", same)
	}
	if got := copied.State().Name; got != "a desk" {
		t.Errorf("its name is %q", got)
	}
}

func TestNoPicture(t *testing.T) {
	near, _ := link(t)
	if _, err := NewViewer(near, NewScreen(), ViewerOptions{}); !errors.Is(err, ErrNoPicture) {
		t.Errorf("got %v", err)
	}
}
