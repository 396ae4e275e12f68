// Package ws carries the bytes of an SSH connection in binary WebSocket
// messages (RFC 6455) over TLS, for networks that let out nothing but HTTPS,
// often by a proxy. It is a way through and nothing more: who is there is
// proved by the SSH inside, with the same keys as everywhere else.
package ws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// Where a gateway takes WebSockets. There is nothing else behind its port.
const (
	PathAgents      = "/accord/agents"
	PathTechnicians = "/accord/technicians"
)

const (
	// piece is the longest message that is sent, in bytes; [wire.Buffered]
	// hands over as much at once.
	piece = 64 << 10
	// longest is the longest message that is taken: other programs that bridge
	// to a WebSocket choose their own.
	longest = 128 << 10
	// pingsMost bounds the pings between two messages with data. SSH's own
	// signs of life are data, every 15 s, so that somebody who pings more often
	// than that wants nothing but answers.
	pingsMost = 64
)

// scheme is how an address says that it is reached by a WebSocket. Without TLS
// there is none.
const scheme = "wss://"

// IsURL reports whether an address is meant for this package.
func IsURL(address string) bool { return strings.Contains(address, "://") }

// CheckURL refuses an address that is not wss://HOST or wss://HOST:PORT.
func CheckURL(address string) error {
	_, _, err := HostPort(address)
	return err
}

// HostPort takes an address of this package apart. Without a port it is 443.
func HostPort(address string) (host string, port int, err error) {
	bad := fmt.Errorf(`%q is no address of a WebSocket; write wss://HOST or wss://HOST:PORT, for example "wss://gateway.example.org"`, address)
	u, err := url.Parse(address)
	if err != nil || !strings.HasPrefix(address, scheme) || strings.TrimSuffix(address, "/") != scheme+u.Host || u.Hostname() == "" {
		return "", 0, bad
	}
	if u.Port() == "" {
		if strings.HasSuffix(u.Host, ":") {
			return "", 0, bad
		}
		return u.Hostname(), 443, nil
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil || n == 0 {
		return "", 0, bad
	}
	return u.Hostname(), int(n), nil
}

// stream is a WebSocket as a connection. Deadlines and addresses are those of
// the connection below. One that has passed is final, as everywhere below SSH.
type stream struct {
	ws    *websocket.Conn
	below net.Conn // what TLS, or the WebSocket itself, runs on
	rest  io.Reader
	pings *pings
}

// pings counts what the other side sends besides data.
type pings struct {
	since atomic.Int32 // the last message with data
	close atomic.Pointer[net.Conn]
}

// received is called for each ping and says whether it is answered.
func (p *pings) received(context.Context, []byte) bool {
	if p.since.Add(1) <= pingsMost {
		return true
	}
	if c := p.close.Load(); c != nil {
		_ = (*c).Close()
	}
	return false
}

func newStream(ws *websocket.Conn, below net.Conn, p *pings) *stream {
	ws.SetReadLimit(longest)
	p.close.Store(&below)
	return &stream{ws: ws, below: below, pings: p}
}

// errText reports a peer that sends what is no data of SSH.
var errText = errors.New("the other side sent text, which SSH never is")

// Read returns data of one message at most. It has one caller at a time. An
// error is final: the connection is closed by it.
func (s *stream) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if s.rest == nil {
			kind, r, err := s.ws.Reader(context.Background())
			if err != nil {
				return 0, s.fail(err)
			}
			if kind != websocket.MessageBinary {
				return 0, s.fail(errText)
			}
			s.rest = r
		}
		n, err := s.rest.Read(p)
		if n > 0 {
			s.pings.since.Store(0)
			return n, nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, s.fail(err)
		}
		if err != nil {
			s.rest = nil
		}
	}
}

// fail closes the connection, for the library leaves it open after some errors.
func (s *stream) fail(err error) error {
	err = ended(err)
	_ = s.Close()
	return err
}

// ended makes of an error what SSH expects when a connection is over. That
// nothing is missing is SSH's own affair, which proves each packet.
func ended(err error) error {
	status := websocket.CloseStatus(err)
	if status == websocket.StatusNormalClosure || status == websocket.StatusGoingAway || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return io.EOF
	}
	return err
}

// Write sends p in as many messages as it takes.
func (s *stream) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		n := min(len(p)-done, piece)
		if err := s.ws.Write(context.Background(), websocket.MessageBinary, p[done:done+n]); err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}

// Close closes the connection below first, so that it waits for nobody: not for
// the other side's farewell, nor for a write that hangs.
func (s *stream) Close() error {
	err := s.below.Close()
	_ = s.ws.CloseNow()
	return err
}

func (s *stream) LocalAddr() net.Addr                { return s.below.LocalAddr() }
func (s *stream) RemoteAddr() net.Addr               { return s.below.RemoteAddr() }
func (s *stream) SetDeadline(t time.Time) error      { return s.below.SetDeadline(t) }
func (s *stream) SetReadDeadline(t time.Time) error  { return s.below.SetReadDeadline(t) }
func (s *stream) SetWriteDeadline(t time.Time) error { return s.below.SetWriteDeadline(t) }
