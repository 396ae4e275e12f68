package ws

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"accord/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait for something that must come.
const patience = 30 * time.Second

func TestHostPort(t *testing.T) {
	for _, c := range []struct {
		address, host string
		port          int
	}{
		{"wss://gateway.example.org", "gateway.example.org", 443},
		{"wss://gateway.example.org/", "gateway.example.org", 443},
		{"wss://gateway.example.org:8443", "gateway.example.org", 8443},
		{"wss://[2001:db8::1]:8443", "2001:db8::1", 8443},
		{"wss://192.0.2.1", "192.0.2.1", 443},
		{"ws://gateway.example.org", "", 0},
		{"https://gateway.example.org", "", 0},
		{"WSS://gateway.example.org", "", 0},
		{"wss://", "", 0},
		{"wss://:443", "", 0},
		{"wss://gw:", "", 0},
		{"wss://gw:0", "", 0},
		{"wss://gw:65536", "", 0},
		{"wss://gw/path", "", 0},
		{"wss://gw?x=1", "", 0},
		{"wss://gw#x", "", 0},
		{"wss://name:secret@gw", "", 0},
		{"wss://g w", "", 0},
		{"wss://gw\n", "", 0},
	} {
		host, port, err := HostPort(c.address)
		if host != c.host || port != c.port || (err == nil) != (c.port > 0) || (CheckURL(c.address) == nil) != (c.port > 0) {
			t.Errorf("%q: got %q, %d, %v", c.address, host, port, err)
		}
	}
}

// taken is a server that hands out what Accept made of its requests.
func taken(t *testing.T) (address string, conns <-chan net.Conn, said <-chan error) {
	t.Helper()
	got, errs := make(chan net.Conn, 1), make(chan error, 1)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := Accept(w, r, r.Context().Value(belowKey{}).(net.Conn))
		if err != nil {
			errs <- err
			return
		}
		got <- c
	}))
	s.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, belowKey{}, c) }
	s.Start()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), got, errs
}

type belowKey struct{}

// call is a client by hand, which has been let in.
func call(t *testing.T) (client net.Conn, server net.Conn) {
	t.Helper()
	address, conns, _ := taken(t)
	client, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	_ = client.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(client, "GET / HTTP/1.1\r\nHost: gw\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
	var answer []byte
	for !bytes.HasSuffix(answer, []byte("\r\n\r\n")) {
		one := make([]byte, 1)
		if _, err := client.Read(one); err != nil {
			t.Fatal(err)
		}
		answer = append(answer, one...)
	}
	if !bytes.HasPrefix(answer, []byte("HTTP/1.1 101 ")) || bytes.Contains(answer, []byte("Extensions")) {
		t.Fatalf("got %s", answer)
	}
	server = <-conns
	t.Cleanup(func() { _ = server.Close() })
	return client, server
}

// frame is one frame of a client, masked with zeros (RFC 6455, 5.2).
func frame(first byte, payload []byte) []byte {
	f := []byte{first}
	switch n := len(payload); {
	case n < 126:
		f = append(f, 0x80|byte(n))
	case n < 1<<16:
		f = binary.BigEndian.AppendUint16(append(f, 0x80|126), uint16(n))
	default:
		f = binary.BigEndian.AppendUint64(append(f, 0x80|127), uint64(n))
	}
	return append(append(f, 0, 0, 0, 0), payload...)
}

const (
	final                                   = 0x80
	opMore, opText, opBinary, opBye, opPing = 0, 1, 2, 8, 9
)

// TestBadPeers: whatever a peer sends that is not data of SSH ends its
// connection, and nothing else.
func TestBadPeers(t *testing.T) {
	huge := binary.BigEndian.AppendUint64([]byte{final | opBinary, 0x80 | 127}, 1<<62)
	for _, c := range []struct {
		name string
		send []byte
		want string // of the error; "": io.EOF
	}{
		{"text", frame(final|opText, []byte("SSH-2.0-x\r\n")), "text"},
		{"a giant message", frame(final|opBinary, make([]byte, longest+2)), "too big"},
		{"a message that says it is endless", append(append(huge, 0, 0, 0, 0), make([]byte, longest+2)...), "too big"},
		{"a giant message in parts", bytes.Repeat(append(frame(opBinary, nil), bytes.Repeat(frame(opMore, make([]byte, 1000)), longest/1000+1)...), 1), "too big"},
		{"pings without end", bytes.Repeat(frame(final|opPing, []byte("x")), pingsMost+8), "closed"},
		{"a giant ping", frame(final|opPing, make([]byte, 200)), "control frame"},
		{"without a mask", []byte{final | opBinary, 1, 'x'}, "unmasked"},
		{"compressed", frame(final|0x40|opBinary, []byte("x")), "rsv"},
		{"an unknown kind", frame(final|5, []byte("x")), "opcode"},
		{"a continuation of nothing", frame(final|opMore, []byte("x")), "continuation"},
		{"a farewell", frame(final|opBye, []byte{3, 232}), ""},
		{"nothing, and gone", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, server := call(t)
			go func() { _, _ = io.Copy(io.Discard, client) }()
			go func() {
				_, _ = client.Write(c.send)
				if c.send == nil {
					_ = client.Close()
				}
			}()
			_ = server.SetDeadline(time.Now().Add(patience))
			got, err := io.ReadAll(io.LimitReader(server, 1<<20))
			if len(got) > longest+1 {
				t.Errorf("%d bytes came through", len(got))
			}
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if _, err := server.Read(make([]byte, 1)); err == nil {
				t.Error("it goes on")
			}
		})
	}
}

// TestPingsBetweenData: who sends data may ping.
func TestPingsBetweenData(t *testing.T) {
	client, server := call(t)
	go func() { _, _ = io.Copy(io.Discard, client) }()
	go func() {
		for range 3 {
			_, _ = client.Write(bytes.Repeat(frame(final|opPing, nil), pingsMost))
			_, _ = client.Write(frame(final|opBinary, []byte("x")))
		}
	}()
	if _, err := io.ReadFull(server, make([]byte, 3)); err != nil {
		t.Error(err)
	}
}

// TestBrowsers: a page in a browser is turned away, even one of this very host.
func TestBrowsers(t *testing.T) {
	address, _, said := taken(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{
		"Origin": {"http://" + address}, "Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"AAAAAAAAAAAAAAAAAAAAAA=="},
	}
	answer, err := new(http.Transport).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusForbidden || !strings.Contains((<-said).Error(), "browser") {
		t.Errorf("got %s", answer.Status)
	}
}

// TestStalledPeer: a write that hangs is ended by Close, and by a deadline.
func TestStalledPeer(t *testing.T) {
	for _, end := range []func(net.Conn){
		func(c net.Conn) { _ = c.Close() },
		func(c net.Conn) { _ = c.SetDeadline(time.Now()) },
	} {
		_, server := call(t)
		wrote := make(chan error, 1)
		went := make(chan struct{}, 1)
		go func() {
			for {
				_, err := server.Write(make([]byte, piece))
				if err != nil {
					wrote <- err
					return
				}
				select {
				case went <- struct{}{}:
				default:
				}
			}
		}()
		<-went
		end(server)
		select {
		case <-wrote:
		case <-time.After(patience):
			t.Fatal("it still writes")
		}
		_ = server.Close()
	}
}

// TestBytes: what goes in comes out, whatever its size, with the buffer that SSH
// has below it.
func TestBytes(t *testing.T) {
	g := newGateway(t)
	conn, err := g.dialer().Dial(t.Context(), g.url, PathAgents)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	buffered := wire.Buffered(conn)
	sent := make([]byte, 3<<20+7)
	_, _ = rand.Read(sent)
	go func() {
		for rest := sent; len(rest) > 0; {
			n := min(len(rest), 1+len(rest)%(300<<10))
			_, _ = buffered.Write(rest[:n])
			rest = rest[n:]
		}
	}()
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(buffered, got); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("they differ: %v", err)
	}
	_ = buffered.Close()
	if _, err := conn.Write([]byte("x")); err == nil {
		t.Error("a closed one writes")
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a closed one reads: %v", err)
	}
}
