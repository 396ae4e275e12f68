package ws

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"syscall"
	"testing"
	"time"

	"accord/wire"
)

// BenchmarkWebSocket is what carrying bytes costs both ends together, below SSH:
// over TCP alone, over TLS, and in a WebSocket over TLS, from the client, which
// must mask them, and to it.
func BenchmarkWebSocket(b *testing.B) {
	for _, c := range []struct {
		name string
		dial func(*testing.B) (client, server net.Conn)
	}{{"tcp", overTCP}, {"tls", overTLS}, {"websocket", overWebSocket}} {
		client, server := c.dial(b)
		b.Run(c.name+"/up", func(b *testing.B) { carry(b, client, server) })
		b.Run(c.name+"/down", func(b *testing.B) { carry(b, server, client) })
		_ = client.Close()
		_ = server.Close()
	}
}

// carry sends pieces of the size that SSH's buffer hands over.
func carry(b *testing.B, from, to net.Conn) {
	b.SetBytes(piece)
	out := wire.Buffered(from)
	before := processor()
	go func() {
		text := make([]byte, piece)
		for range b.N {
			_, _ = out.Write(text)
		}
	}()
	if _, err := io.CopyN(io.Discard, to, int64(b.N)*piece); err != nil {
		b.Error(err)
	}
	b.ReportMetric((processor()-before).Seconds()*(1<<30)/float64(b.N)/piece, "cpu-s/GiB")
}

// processor is the time of all threads.
func processor() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func overTCP(b *testing.B) (client, server net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		b.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		b.Fatal(err)
	}
	return client, server
}

func overTLS(b *testing.B) (client, server net.Conn) {
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	client, server = overTCP(b)
	server = tls.Server(server, s.TLS)
	client = tls.Client(client, &tls.Config{RootCAs: s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, ServerName: "example.com"})
	go func() { _, _ = server.Write([]byte{0}) }()
	if _, err := client.Read(make([]byte, 1)); err != nil {
		b.Fatal(err)
	}
	return client, server
}

func overWebSocket(b *testing.B) (client, server net.Conn) {
	g := certified(b, "localhost", time.Hour)
	g.hold = make(chan net.Conn, 1)
	direct := func(*http.Request) (*url.URL, error) { return nil, nil }
	client, err := Dialer{Authorities: g.ca, Proxy: direct}.Dial(b.Context(), "wss://localhost:"+g.port, PathTechnicians)
	if err != nil {
		b.Fatal(err)
	}
	return client, <-g.hold
}
