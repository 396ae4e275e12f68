package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"accord/config"
	"accord/gateway/guard"
	"accord/wire"
	"accord/wire/ws"
)

// WebSocket is the port by which devices and technicians come whose networks
// let out nothing but HTTPS. The SSH inside is the same, and so is what proves
// who is there.
type WebSocket struct {
	Listen string `toml:"listen"` // host:port; empty: there is no such port
	URL    string `toml:"url"`    // wss://HOST[:PORT], as it is called from outside
	// Certificate and Key are files in PEM. Without them it speaks HTTP, on
	// this machine only, to a reverse proxy that speaks TLS.
	Certificate string `toml:"certificate"`
	Key         string `toml:"key"`
	// Proxies are addresses or networks of reverse proxies, whose word on where
	// a connection comes from is taken.
	Proxies []string `toml:"proxies"`
}

// proxiesMost bounds the reverse proxies.
const proxiesMost = 32

func (w WebSocket) check(others ...string) error {
	if w.Listen == "" {
		return w.checkAbsent()
	}
	if err := checkAddress("listen", w.Listen); err != nil {
		return err
	}
	for _, other := range others {
		if w.Listen == other && !strings.HasSuffix(other, ":0") {
			return config.Badf("listen", "%q is a port of the gateway already; this one needs its own", w.Listen)
		}
	}
	if err := ws.CheckURL(w.URL); err != nil {
		return config.Badf("url", "%s", err)
	}
	if strings.ContainsRune(w.Certificate+w.Key, 0) {
		return config.Badf("certificate", "this is no file")
	}
	if w.Certificate == "" != (w.Key == "") {
		return config.Badf("key", "certificate and key belong together; name both files, or none")
	}
	proxies, err := w.proxies()
	if err != nil {
		return err
	}
	if w.Certificate == "" && !loopback(w.Listen) {
		return config.Badf("certificate", "without TLS this port may be open on this machine only, for a reverse proxy that speaks TLS: name certificate and key, or let it listen on 127.0.0.1")
	}
	if w.Certificate == "" && len(proxies) == 0 {
		return config.Badf("proxies", `without TLS it serves a reverse proxy; name its address, for example proxies = ["127.0.0.1"], and let it say in X-Forwarded-For who calls`)
	}
	return nil
}

func (w WebSocket) checkAbsent() error {
	for _, key := range []struct {
		name string
		set  bool
	}{{"url", w.URL != ""}, {"certificate", w.Certificate != ""}, {"key", w.Key != ""}, {"proxies", len(w.Proxies) > 0}} {
		if key.set {
			return config.Badf(key.name, "this is for gateway.websocket.listen, which is empty")
		}
	}
	return nil
}

// proxies are the reverse proxies as networks.
func (w WebSocket) proxies() ([]netip.Prefix, error) {
	if len(w.Proxies) > proxiesMost {
		return nil, config.Badf("proxies", "%d are too many; up to %d are allowed", len(w.Proxies), proxiesMost)
	}
	var list []netip.Prefix
	for i, text := range w.Proxies {
		p, err := netip.ParsePrefix(text)
		if one, e := netip.ParseAddr(text); e == nil {
			p, err = netip.PrefixFrom(one, one.BitLen()), nil
		}
		if err != nil || p.Masked() != p || p.Bits() == 0 || p.Addr().Zone() != "" {
			return nil, config.Badf(fmt.Sprintf("proxies[%d]", i), `%q is no address and no network; write for example "127.0.0.1" or "10.1.2.0/28"`, text)
		}
		list = append(list, p)
	}
	return list, nil
}

func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && ip != nil && ip.IsLoopback()
}

func among(networks []netip.Prefix, a netip.Addr) bool {
	for _, p := range networks {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// webSockets serves the port. A connection is one request, which becomes one
// connection of the port that its path names, or nothing.
type webSockets struct {
	gateway *Gateway
	proxies []netip.Prefix
	paths   map[string]webPath
	log     seldom
}

// webPath is where a path leads.
type webPath struct {
	guard *guard.Listener
	serve func(net.Conn)
}

// belowKey finds the guarded connection that a request came on.
type belowKey struct{}

// Times and sizes of a request, which is a few lines.
const (
	requestTime = wire.Handshake / 2 // for TLS, and then for the request
	requestMost = 8 << 10            // bytes of its headers
)

// serveWebSockets takes connections until the gateway stops.
func (g *Gateway) serveWebSockets(l net.Listener, paths map[string]webPath) error {
	proxies, err := g.cfg.WebSocket.proxies()
	if err != nil {
		return err
	}
	w := &webSockets{gateway: g, proxies: proxies, paths: paths, log: seldom{log: g.log}}
	front := net.Listener(guard.New(wire.Accepting(l, g.cannotAccept("websocket")), g.cfg.Limits.webSockets(proxies), g.refused("websocket")))
	if g.cfg.WebSocket.Certificate != "" {
		front = tls.NewListener(front, &tls.Config{
			MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return g.papers.tls.Load(), nil },
		})
	}
	server := &http.Server{
		Handler: w, ConnContext: below, ErrorLog: log.New(&w.log, "", 0),
		ReadTimeout: requestTime, WriteTimeout: requestTime, MaxHeaderBytes: requestMost,
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}, // no HTTP/2
	}
	server.SetKeepAlivesEnabled(false)
	var requests sync.WaitGroup // those that became no WebSocket; the others are the gateway's
	server.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			requests.Add(1)
		case http.StateClosed, http.StateHijacked:
			requests.Done()
		}
	}
	defer requests.Wait()
	defer context.AfterFunc(g.ctx, func() { _ = server.Close() })()
	if err := server.Serve(front); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("take WebSocket connections: %w", err)
	}
	return nil
}

// ServeHTTP answers a request. What it leads to is served here, to its end.
func (w *webSockets) ServeHTTP(answer http.ResponseWriter, r *http.Request) {
	path, ok := w.paths[r.URL.Path]
	if !ok || r.URL.RawQuery != "" {
		http.NotFound(answer, r)
		return
	}
	below, ok := r.Context().Value(belowKey{}).(*guard.Conn)
	if !ok || !w.gateway.enterRunning() {
		http.Error(answer, "The gateway is being stopped.", http.StatusServiceUnavailable)
		return
	}
	defer w.gateway.running.Done()
	from, err := w.source(r, below.RemoteAddr())
	if err != nil {
		w.log.say(err)
		http.Error(answer, "The reverse proxy does not say who calls.", http.StatusBadRequest)
		return
	}
	stream, err := ws.Accept(answer, r, below)
	if err != nil {
		w.log.say(fmt.Errorf("from %s: %w", from, err))
		return
	}
	conn := path.guard.Admit(&passenger{Conn: stream, below: below, from: from, by: webAddr(w.gateway.cfg.WebSocket.URL)})
	if conn != nil {
		path.serve(conn)
	}
}

// below keeps the guarded connection of a request, which TLS may hide.
func below(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	return context.WithValue(ctx, belowKey{}, c)
}

// source is where a connection comes from: its own address, or, where that is a
// reverse proxy's, the last that the proxy has written into X-Forwarded-For.
// What stands before it is anybody's word. A proxy that writes nothing would
// make all the world one source, so it is refused.
func (w *webSockets) source(r *http.Request, peer net.Addr) (net.Addr, error) {
	at, err := netip.ParseAddrPort(peer.String())
	if err != nil {
		return nil, fmt.Errorf("a connection from %s has no address", peer)
	}
	if !among(w.proxies, at.Addr().Unmap()) {
		return peer, nil
	}
	lines := r.Header.Values("X-Forwarded-For")
	if len(lines) == 0 {
		return nil, fmt.Errorf("the reverse proxy at %s sends no X-Forwarded-For; for nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for", at.Addr())
	}
	last := lines[len(lines)-1]
	ip, err := netip.ParseAddr(strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:]))
	if err != nil || ip.Zone() != "" {
		return nil, fmt.Errorf("the reverse proxy at %s sends X-Forwarded-For %q, whose end is no address", at.Addr(), wire.Clean(last, wire.MaxName))
	}
	return &net.TCPAddr{IP: ip.Unmap().AsSlice()}, nil
}

// passenger is a connection inside a WebSocket, by the address where it really
// comes from. The guarded connection below it hears how its handshake goes.
type passenger struct {
	net.Conn
	below *guard.Conn
	from  net.Addr
	by    net.Addr
}

func (p *passenger) RemoteAddr() net.Addr { return p.from }
func (p *passenger) LocalAddr() net.Addr  { return p.by }

// Handshaken and Failed are for the guard.
func (p *passenger) Handshaken()         { p.below.Handshaken() }
func (p *passenger) Failed(k guard.Kind) { p.below.Failed(k) }

// webAddr is the gateway as it was reached: a URL.
type webAddr string

func (webAddr) Network() string  { return "websocket" }
func (a webAddr) String() string { return string(a) }

// seldom keeps what strangers cause out of the log but for one line a second.
type seldom struct {
	log *slog.Logger

	mu      sync.Mutex
	last    time.Time
	skipped int
}

func (s *seldom) say(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.last) < time.Second {
		s.skipped++
		return
	}
	s.log.Warn("a WebSocket did not come about", "error", wire.Clean(err.Error(), wire.MaxReason), "skipped", s.skipped)
	s.last, s.skipped = time.Now(), 0
}

// Write takes what package http would log.
func (s *seldom) Write(line []byte) (int, error) {
	s.say(errors.New(strings.TrimSpace(string(line))))
	return len(line), nil
}
