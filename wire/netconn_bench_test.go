package wire

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// BenchmarkBulk sends 256 MiB down one SSH channel over loopback, client and
// server in this process. It reports CPU seconds per GiB beside the rate.
func BenchmarkBulk(b *testing.B) {
	const size = 256 << 20
	for _, bc := range []struct {
		name string
		wrap func(net.Conn) net.Conn
	}{
		{"plain", func(c net.Conn) net.Conn { return c }},
		{"buffered", Buffered},
	} {
		b.Run(bc.name, func(b *testing.B) {
			b.SetBytes(size)
			var reads, writes atomic.Int64
			client := benchLink(b, func(c net.Conn) net.Conn { return bc.wrap(counted{c, &reads, &writes}) })
			began := cpuTime(b)
			reads.Store(0)
			writes.Store(0)
			b.ResetTimer()
			for range b.N {
				ch, reqs, err := client.OpenChannel("bulk", nil)
				if err != nil {
					b.Fatal(err)
				}
				go ssh.DiscardRequests(reqs)
				n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{ch}, make([]byte, 256<<10))
				if err != nil || n != size {
					b.Fatal(n, err)
				}
				_ = ch.Close()
			}
			b.ReportMetric((cpuTime(b)-began).Seconds()/float64(b.N)*float64(1<<30)/float64(size), "cpu-s/GiB")
			packets := float64(b.N) * size / (32 << 10) // x/crypto sends 32 KiB in one
			b.ReportMetric(float64(reads.Load())/packets, "reads/packet")
			b.ReportMetric(float64(writes.Load())/packets, "writes/packet")
		})
	}
}

// counted counts the calls that reach a connection.
type counted struct {
	net.Conn
	reads, writes *atomic.Int64
}

func (c counted) Read(p []byte) (int, error)  { c.reads.Add(1); return c.Conn.Read(p) }
func (c counted) Write(p []byte) (int, error) { c.writes.Add(1); return c.Conn.Write(p) }

// BenchmarkEcho sends one byte there and back.
func BenchmarkEcho(b *testing.B) {
	for _, bc := range []struct {
		name string
		wrap func(net.Conn) net.Conn
	}{
		{"plain", func(c net.Conn) net.Conn { return c }},
		{"buffered", Buffered},
	} {
		b.Run(bc.name, func(b *testing.B) {
			client := benchLink(b, bc.wrap)
			ch, reqs, err := client.OpenChannel("echo", nil)
			if err != nil {
				b.Fatal(err)
			}
			go ssh.DiscardRequests(reqs)
			key := []byte{'k'}
			b.ResetTimer()
			for range b.N {
				if _, err := ch.Write(key); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(ch, key); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkIdle reports the memory of a connection that has carried 1 MiB and
// gone quiet, both ends of it, without SSH above.
func BenchmarkIdle(b *testing.B) {
	const conns = 1000
	for range b.N {
		before := heap()
		held := make([]net.Conn, 0, 2*conns)
		for range conns {
			x, y := tcpPair(b)
			bx, by := Buffered(x), Buffered(y)
			go func() { _, _ = bx.Write(make([]byte, 1<<20)) }()
			if _, err := io.ReadFull(by, make([]byte, 1<<20)); err != nil {
				b.Fatal(err)
			}
			held = append(held, bx, by)
		}
		b.ReportMetric(float64(heap()-before)/1024/float64(len(held)), "KiB/conn")
		for _, c := range held {
			_ = c.Close()
		}
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // the first moves the pool's buffers aside, the second frees them
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

func cpuTime(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// benchLink is an SSH client of a server that fills "bulk" channels and sends
// back what comes on "echo" channels.
func benchLink(b *testing.B, wrap func(net.Conn) net.Conn) *ssh.Client {
	b.Helper()
	near, far := tcpPair(b)
	config := &ssh.ServerConfig{Config: Algorithms(false), NoClientAuth: true}
	config.AddHostKey(newKey(b))
	go benchServe(wrap(far), config)
	conn, chans, reqs, err := ssh.NewClientConn(wrap(near), "", &ssh.ClientConfig{
		Config: Algorithms(false), HostKeyCallback: ssh.InsecureIgnoreHostKey(), //nolint:gosec // both ends are this test
	})
	if err != nil {
		b.Fatal(err)
	}
	client := ssh.NewClient(conn, chans, reqs)
	b.Cleanup(func() { _ = client.Close() })
	return client
}

func benchServe(c net.Conn, config *ssh.ServerConfig) {
	_, chans, reqs, err := ssh.NewServerConn(c, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(reqs)
	piece := make([]byte, 256<<10)
	for n := range chans {
		ch, reqs, err := n.Accept()
		if err != nil {
			return
		}
		go ssh.DiscardRequests(reqs)
		go func() {
			defer ch.Close() //nolint:errcheck // the client has what it came for
			if n.ChannelType() == "echo" {
				_, _ = io.Copy(ch, ch)
				return
			}
			for range (256 << 20) / len(piece) {
				if _, err := ch.Write(piece); err != nil {
					return
				}
			}
		}()
	}
}

func tcpPair(tb testing.TB) (near, far net.Conn) {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // it has served
	near, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	far, err = l.Accept()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = near.Close(); _ = far.Close() })
	return near, far
}

func newKey(tb testing.TB) ssh.Signer {
	tb.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	key, err := ssh.NewSignerFromKey(private)
	if err != nil {
		tb.Fatal(fmt.Errorf("make a key: %w", err))
	}
	return key
}
