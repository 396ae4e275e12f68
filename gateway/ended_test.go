package gateway

import (
	"net"
	"testing"

	gossh "golang.org/x/crypto/ssh"

	"accord/wire"
)

// Whoever opens a channel in the moment in which the connection ends is told,
// and waits for no answer that can't come.
func TestOpeningsEndWithTheConnection(t *testing.T) {
	const rounds, openings = 100, 4
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() //nolint:errcheck // a test's
	key := newSigner(t)
	for range rounds {
		near, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		far, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		over := make(chan struct{})
		go func() {
			defer close(over)
			config := &gossh.ServerConfig{NoClientAuth: true}
			config.AddHostKey(key)
			if _, _, _, err := gossh.NewServerConn(far, config); err != nil {
				t.Error(err)
			}
			_ = far.Close()
		}()
		below := &endingConn{Conn: wire.Buffered(near)}
		conn, chans, reqs, err := gossh.NewClientConn(below, "", &gossh.ClientConfig{HostKeyCallback: gossh.FixedHostKey(key.PublicKey())})
		<-over
		if err != nil {
			_ = near.Close()
			continue // it ended before it was one
		}
		below.over(conn)
		go gossh.DiscardRequests(reqs)
		opened := make(chan error, openings)
		for range openings {
			go func() {
				_, _, err := conn.OpenChannel("x", nil)
				opened <- err
			}()
		}
		for range openings {
			if <-opened == nil {
				t.Error("a channel was opened on a connection that has ended")
			}
		}
		for range chans {
			t.Error("a channel was opened from there")
		}
		_ = conn.Close()
	}
}
