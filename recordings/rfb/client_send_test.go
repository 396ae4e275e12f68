package rfb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// scripted is a server whose end of the connection the test holds.
type scripted struct {
	t *testing.T
	net.Conn
}

// attend starts a client and shakes hands with it, up to its first request.
func attend(t *testing.T, o ClientOptions) (*Client, scripted, <-chan error) {
	t.Helper()
	ours, theirs := net.Pipe()
	server := scripted{t, theirs}
	greeted := make(chan struct{})
	go func() {
		defer close(greeted)
		hello := serverHello(100, 50, "scripted")
		server.send(hello[:12])
		server.expect(12)
		server.send(hello[12:14])
		server.expect(1)
		server.send(hello[14:18])
		server.expect(1)
		server.send(hello[18:])
		server.expect(20)
		head := server.expect(4)
		server.expect(4 * int(binary.BigEndian.Uint16(head[2:])))
	}()
	c, err := NewClient(ours, o)
	if err != nil {
		t.Fatal(err)
	}
	<-greeted
	ran := make(chan error, 1)
	go func() { ran <- c.Run() }()
	return c, server, ran
}

func (s scripted) send(b []byte) {
	if _, err := s.Write(b); err != nil {
		s.t.Errorf("the server sends: %v", err)
	}
}

func (s scripted) expect(n int) []byte {
	b := make([]byte, n)
	if _, err := io.ReadFull(s, b); err != nil {
		s.t.Errorf("the server reads: %v", err)
	}
	return b
}

func (s scripted) expectBytes(want ...byte) {
	s.t.Helper()
	if got := s.expect(len(want)); !bytes.Equal(got, want) {
		s.t.Errorf("the client sent % x, want % x", got, want)
	}
}

func (s scripted) expectRequest(incremental byte) {
	s.t.Helper()
	s.expectBytes(msgFramebufferUpdateRequest, incremental, 0, 0, 0, 0, 0, 100, 0, 50)
}

// finish ends a connection and waits for the client.
func finish(s scripted, ran <-chan error) error {
	s.Close()
	return <-ran
}

func TestRequestsKeepThePace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		committed := 0
		o := into(NewScreen())
		o.Commit = func(*Frame, Damage) error {
			committed++
			if committed == 3 {
				time.Sleep(2 * time.Second) //nolint:forbidigo // a recorder that lags, on the clock of the bubble
			}
			return nil
		}
		c, server, ran := attend(t, o)
		server.expectRequest(0)
		last := time.Now()
		next := func(answerAfter, want time.Duration) {
			t.Helper()
			time.Sleep(answerAfter) //nolint:forbidigo // on the clock of the bubble
			server.send(updateOf(1, dot(1, 1, 1, 1, 1)))
			server.expectRequest(1)
			if got := time.Since(last); got != want {
				t.Errorf("the next request came after %v, want %v", got, want)
			}
			last = time.Now()
		}
		next(0, 50*time.Millisecond)
		next(300*time.Millisecond, 300*time.Millisecond) // a quiet screen is asked for at once
		next(0, 2*time.Second)
		c.Pace(500 * time.Millisecond)
		next(0, 500*time.Millisecond)
		c.Pace(0)
		next(0, 0)
		if err := finish(server, ran); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
	})
}

func TestInputIsSentAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, server, ran := attend(t, into(NewScreen()))
		server.expectRequest(0)
		send := func(err error) {
			t.Helper()
			if err != nil {
				t.Error(err)
			}
		}
		send(c.Key(true, 0xff0d))
		server.expectBytes(msgKeyEvent, 1, 0, 0, 0, 0, 0xff, 0x0d)
		send(c.Key(false, 0x1000153))
		server.expectBytes(msgKeyEvent, 0, 0, 0, 1, 0, 1, 0x53)
		send(c.Pointer(-5, 70000, 4))
		server.expectBytes(msgPointerEvent, 4, 0, 0, 0, 49)
		send(c.Pointer(100, 3, 0))
		server.expectBytes(msgPointerEvent, 0, 0, 99, 0, 3)
		send(c.Cut("é €"))
		server.expectBytes(msgClientCutText, 0, 0, 0, 0, 0, 0, 3, 0xe9, ' ', '?')
		if err := c.Cut(strings.Repeat("x", maxCut+1)); err == nil {
			t.Error("a clipboard of more than 64 KiB was sent")
		}
		finish(server, ran) //nolint:errcheck // the end of the connection
		if err := c.Key(true, 1); !errors.Is(err, ErrEnded) {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestAStalledServerStallsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bells := 0
		o := into(NewScreen())
		o.Bell = func() { bells++ }
		c, server, ran := attend(t, o) // it reads nothing from now on
		server.send([]byte{msgBell})
		synctest.Wait()
		for range 100_000 { // moves replace each other
			if err := c.Pointer(1, 1, 0); err != nil {
				t.Fatal(err)
			}
		}
		var err error
		for range outboxSize {
			if err = c.Key(true, 1); err != nil {
				break
			}
		}
		if !errors.Is(err, ErrBusy) {
			t.Errorf("a queue without end: %v", err)
		}
		server.send([]byte{msgBell})
		synctest.Wait()
		if bells != 2 {
			t.Errorf("%d bells were heard while the server did not read, want 2", bells)
		}
		finish(server, ran) //nolint:errcheck // the end of the connection
	})
}

func TestRunEndsWhenTheConnectionIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, server, ran := attend(t, into(NewScreen())) // the first request is never read
		defer server.Close()
		if err := c.conn.(io.Closer).Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-ran; err == nil {
			t.Error("Run ended without an error")
		}
	})
}

func TestResizeTellsTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewScreen()
		c, server, ran := attend(t, into(s))
		server.expectRequest(0)
		if err := c.Resize(10, 10); err == nil || !strings.Contains(err.Error(), "can't change its size") {
			t.Errorf("a server that never told of its monitors: %v", err)
		}
		server.send(updateOf(2, sizes(0, 0, 100, 50), dot(0, 0, 0, 0, 0)))
		server.expectRequest(1)
		if err := c.Resize(65535, 65535); !errors.Is(err, ErrSize) {
			t.Errorf("65535x65535: %v", err)
		}
		for status, want := range []string{"", "forbids", "lacks the means", "lay out", "status 4"} {
			answer := make(chan error, 1)
			go func() { answer <- c.Resize(100, 50) }()
			server.expectBytes(msgSetDesktopSize, 0, 0, 100, 0, 50, 1, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 100, 0, 50, 0, 0, 0, 0)
			server.send(updateOf(1, sizes(1, status, 100, 50)))
			server.expectRequest(1)
			err := <-answer
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("status %d: %v, want %q", status, err, want)
			}
		}
		silent := make(chan error, 1)
		go func() { silent <- c.Resize(100, 50) }()
		server.expect(24)
		if err := <-silent; err == nil || !strings.Contains(err.Error(), "doesn't answer") {
			t.Errorf("no answer: %v", err)
		}
		go func() { silent <- c.Resize(100, 50) }()
		server.expect(24)
		finish(server, ran) //nolint:errcheck // the end of the connection
		if err := <-silent; !errors.Is(err, ErrEnded) {
			t.Errorf("the end while it waits: %v", err)
		}
	})
}

func TestAResizeIsFollowedByARequestForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server, ran := attend(t, into(NewScreen()))
		server.expectRequest(0)
		server.send(updateOf(1, sizes(0, 0, 40, 30)))
		server.expectBytes(msgFramebufferUpdateRequest, 0, 0, 0, 0, 0, 0, 40, 0, 30)
		server.send(updateOf(1, sizes(0, 0, 40, 30))) // TigerVNC tells it once more, alone
		server.expectBytes(msgFramebufferUpdateRequest, 1, 0, 0, 0, 0, 0, 40, 0, 30)
		finish(server, ran) //nolint:errcheck // the end of the connection
	})
}

func TestManyRectanglesAreOneDamage(t *testing.T) {
	var got Damage
	o := into(NewScreen())
	o.Commit = func(_ *Frame, d Damage) error {
		got = d
		return nil
	}
	var dots [][]byte
	for i := range 3 * maxDamage {
		dots = append(dots, dot(i%60, i/60, 1, 1, 1))
	}
	server := append(serverHello(60, 60, ""), updateOf(len(dots), dots...)...)
	c, err := NewClient(played{bytes.NewReader(server), io.Discard}, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Run(); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	var all image.Rectangle
	for _, r := range got.Rects {
		all = all.Union(r)
	}
	if len(got.Rects) != maxDamage || all != image.Rect(0, 0, 60, 52) {
		t.Errorf("%d rectangles cover %v", len(got.Rects), all)
	}
}
