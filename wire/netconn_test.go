package wire

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"
	"pgregory.net/rapid"
)

// gated is a connection whose writes wait until they are let through.
type gated struct {
	net.Conn
	entered chan int      // the size of each write as it begins
	pass    chan struct{} // lets one through; closed: all
	fail    error         // what writes then return

	mu     sync.Mutex
	got    bytes.Buffer
	closed chan struct{}
	once   sync.Once
}

func newGated() *gated {
	return &gated{entered: make(chan int, 100), pass: make(chan struct{}), closed: make(chan struct{})}
}

func (g *gated) Write(p []byte) (int, error) {
	g.entered <- len(p)
	select {
	case <-g.pass:
	case <-g.closed:
		return 0, net.ErrClosed
	}
	if g.fail != nil {
		return 0, g.fail
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.got.Write(p)
}

func (g *gated) Close() error {
	err := net.ErrClosed
	g.once.Do(func() { close(g.closed); err = nil })
	return err
}

func (g *gated) text() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.got.String()
}

func TestBufferedGathersDuringASystemCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGated()
		c := Buffered(g)
		first := bytes.Repeat([]byte("a"), flows)
		mustWrite(t, c, first)
		synctest.Wait()
		if n := <-g.entered; n != len(first) {
			t.Fatalf("the first call has %d bytes, want %d: nothing may wait for company", n, len(first))
		}
		for range 10 {
			mustWrite(t, c, []byte("key")) // does not wait for the call
		}
		g.pass <- struct{}{}
		if n := <-g.entered; n != 30 {
			t.Errorf("the second call has %d bytes, want the 30 gathered meanwhile", n)
		}
		close(g.pass)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if want := string(first) + "keykeykeykeykeykeykeykeykeykey"; g.text() != want {
			t.Errorf("%d bytes arrived, want %d", len(g.text()), len(want))
		}
	})
}

func TestBufferedSendsAKeystrokeItself(t *testing.T) {
	g := newGated()
	close(g.pass)
	c := Buffered(g)
	mustWrite(t, c, []byte("k"))
	if g.text() != "k" { // no other goroutine is waited for
		t.Errorf("%q has arrived when Write returns", g.text())
	}
}

func TestBufferedHoldsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGated()
		c := Buffered(g)
		wrote := make(chan error, 1)
		go func() {
			_, err := c.Write(make([]byte, 3*gather))
			wrote <- err
		}()
		synctest.Wait()
		select {
		case <-wrote:
			t.Fatal("192 KiB were taken while nothing went out")
		default:
		}
		close(g.pass)
		if err := <-wrote; err != nil {
			t.Error(err)
		}
		if err := c.Close(); err != nil || len(g.text()) != 3*gather {
			t.Error(err, len(g.text()))
		}
	})
}

func TestBufferedErrorStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGated()
		g.fail = io.ErrShortWrite
		close(g.pass)
		c := Buffered(g)
		mustWrite(t, c, make([]byte, flows)) // taken; fails behind its back
		synctest.Wait()
		for _, p := range [][]byte{nil, []byte("k"), make([]byte, flows)} {
			if n, err := c.Write(p); !errors.Is(err, g.fail) || n != 0 {
				t.Errorf("Write of %d bytes after a failure: %d, %v", len(p), n, err)
			}
		}
		if err := c.Close(); !errors.Is(err, g.fail) {
			t.Errorf("Close after a failure: %v", err)
		}
		if err := c.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the second Close: %v", err)
		}
	})
}

// The bubble's clock shows that a peer that takes nothing delays Close by
// exactly the time allowed, and that whoever waits in Write is told.
func TestBufferedCloseIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGated()
		c := Buffered(g)
		wrote := make(chan error, 1)
		go func() {
			_, err := c.Write(make([]byte, 3*gather))
			wrote <- err
		}()
		synctest.Wait()
		began := time.Now()
		if err := c.Close(); err == nil {
			t.Error("Close does not say that data was lost")
		}
		if d := time.Since(began); d != closeWait {
			t.Errorf("Close took %v", d)
		}
		if err := <-wrote; !errors.Is(err, net.ErrClosed) {
			t.Errorf("the waiting Write: %v", err)
		}
		if _, err := c.Write([]byte("k")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Write after Close: %v", err)
		}
	})
}

func TestBufferedDeadlinesPass(t *testing.T) {
	defer goleak.VerifyNone(t)
	near, _ := tcpPair(t)
	c := Buffered(near)
	past := time.Now().Add(-time.Second)
	if err := c.SetDeadline(past); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Read: %v", err)
	}
	if _, err := c.Write([]byte("k")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Write: %v", err)
	}
	if err := c.Close(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Close: %v", err)
	}
}

// A stalled peer, a real socket: Close comes back, and nothing stays behind.
func TestBufferedStalledPeer(t *testing.T) {
	defer goleak.VerifyNone(t)
	near, _ := tcpPair(t)
	c := Buffered(near)
	stuck := make(chan struct{})
	go func() {
		defer close(stuck)
		for {
			if _, err := c.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	}()
	_ = c.Close()
	<-stuck
}

// sent waits until all that was written is. Close waits for half a second, for which
// a machine may stand still.
func (b *buffered) sent() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.sending {
		b.idle.Wait()
	}
}

// Whatever the sizes of writes and reads, what arrives is what was sent, and
// then the end; and a connection that is quiet holds nothing.
func TestBufferedCarriesEverything(t *testing.T) {
	defer goleak.VerifyNone(t)
	rapid.Check(t, func(rt *rapid.T) {
		sizes := rapid.SliceOfN(rapid.OneOf(rapid.IntRange(0, 40), rapid.IntRange(4090, 4100),
			rapid.IntRange(gather-2, gather+2), rapid.IntRange(0, 3*gather)), 1, 12).Draw(rt, "writes")
		piece := rapid.SampledFrom([]int{1 << 10, 4096, 5000, gather, 2 * gather}).Draw(rt, "read size")
		x, y := tcpPair(t)
		near, far := Buffered(x).(*buffered), Buffered(y).(*buffered)
		source := rand.New(rand.NewPCG(1, uint64(len(sizes))))
		var sent []byte
		for _, n := range sizes {
			p := make([]byte, n)
			for i := range p {
				p[i] = byte(source.Uint32())
			}
			sent = append(sent, p...)
		}
		wrote := make(chan error, 1)
		go func() {
			rest := sent
			for _, n := range sizes {
				if _, err := near.Write(rest[:n]); err != nil {
					wrote <- err
					return
				}
				rest = rest[n:]
			}
			near.sent()
			wrote <- near.Close()
		}()
		var got bytes.Buffer
		if _, err := io.CopyBuffer(struct{ io.Writer }{&got}, struct{ io.Reader }{far}, make([]byte, piece)); err != nil {
			rt.Fatal(err)
		}
		if err := <-wrote; err != nil {
			rt.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), sent) {
			rt.Fatalf("%d bytes arrived, %d were sent", got.Len(), len(sent))
		}
		if near.waiting != nil || near.sending || far.held != nil {
			rt.Fatal("a quiet connection holds a buffer")
		}
		_ = far.Close()
	})
}

func TestBufferedManyWriters(t *testing.T) {
	defer goleak.VerifyNone(t)
	x, y := tcpPair(t)
	near, far := Buffered(x), Buffered(y)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 200 {
				if _, err := near.Write(bytes.Repeat([]byte{byte(i)}, 100)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	go func() { all.Wait(); near.(*buffered).sent(); _ = near.Close() }()
	got, err := io.ReadAll(far)
	if err != nil || len(got) != 8*200*100 {
		t.Fatal(len(got), err)
	}
	for at := 0; at < len(got); at += 100 { // each write is in one piece
		if !bytes.Equal(got[at:at+100], bytes.Repeat(got[at:at+1], 100)) {
			t.Fatalf("writes are mixed at %d", at)
		}
	}
}

// SSH over it, with a stock configuration, there and back.
func TestBufferedUnderSSH(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	near, far := tcpPair(t)
	config := &ssh.ServerConfig{Config: Algorithms(false), NoClientAuth: true}
	config.AddHostKey(newKey(t))
	served := make(chan struct{})
	go func() { defer close(served); benchServe(Buffered(far), config) }()
	conn, chans, reqs, err := ssh.NewClientConn(Buffered(near), "", &ssh.ClientConfig{
		Config: Algorithms(false), HostKeyCallback: ssh.InsecureIgnoreHostKey(), //nolint:gosec // both ends are this test
	})
	if err != nil {
		t.Fatal(err)
	}
	client := ssh.NewClient(conn, chans, reqs)
	ch, chReqs, err := client.OpenChannel("echo", nil)
	if err != nil {
		t.Fatal(err)
	}
	go ssh.DiscardRequests(chReqs)
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	go func() { _, _ = ch.Write(sent); _ = ch.CloseWrite() }()
	got, err := io.ReadAll(ch)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d bytes came back of %d: %v", len(got), len(sent), err)
	}
	_ = client.Close()
	<-served
}

func mustWrite(t *testing.T, w io.Writer, p []byte) {
	t.Helper()
	if n, err := w.Write(p); err != nil || n != len(p) {
		t.Fatalf("Write: %d, %v", n, err)
	}
}
