package ws

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/coder/websocket"

	"accord/wire"
)

// dialing is how long a call may take in all: proxy, TLS and the gateway's yes.
const dialing = 30 * time.Second

// answerMost bounds the headers of an answer, in bytes, a proxy's included.
const answerMost = 16 << 10

// Dialer calls gateways. The zero Dialer trusts what the system trusts and goes
// where HTTPS_PROXY and NO_PROXY say.
type Dialer struct {
	// Authorities sign certificates of gateways; nil: those of the system.
	Authorities *x509.CertPool
	// Proxy is as in [http.Transport]; nil: [http.ProxyFromEnvironment].
	Proxy func(*http.Request) (*url.URL, error)
}

// Authorities reads certificates of authorities, in PEM. Without a path it is
// nil, which stands for those of the system.
func Authorities(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the certificate of the gateway's authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate of an authority; it must be in PEM (-----BEGIN CERTIFICATE-----)", path)
	}
	return pool, nil
}

// Dial calls one path of the gateway at an address that [CheckURL] takes. The
// certificate must be right for the name in it; there is no way around.
func (d Dialer) Dial(ctx context.Context, address, path string) (net.Conn, error) {
	host, port, err := HostPort(address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialing)
	defer cancel()
	c := &calling{dialer: d}
	transport := c.transport()
	defer transport.CloseIdleConnections()
	p := new(pings)
	ws, answer, err := websocket.Dial(ctx, scheme+net.JoinHostPort(host, fmt.Sprint(port))+path, &websocket.DialOptions{ //nolint:bodyclose // the library has read and closed it
		HTTPClient: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		HTTPHeader:      http.Header{"User-Agent": {"Accord"}},
		CompressionMode: websocket.CompressionDisabled,
		OnPingReceived:  p.received,
	})
	if err != nil {
		c.hangUp()
		return nil, c.sentence(ctx, address, answer, err)
	}
	return newStream(ws, c.conn(), p), nil
}

// calling is one call.
type calling struct {
	dialer Dialer

	mu      sync.Mutex
	below   net.Conn // to the gateway, or to the proxy
	refused error    // what the proxy said
}

// transport is made for one call, so that nothing is kept and nothing shared.
func (c *calling) transport() *http.Transport {
	return &http.Transport{
		Proxy:       c.proxy,
		DialContext: c.dial,
		TLSClientConfig: &tls.Config{
			MinVersion: tls.VersionTLS12, RootCAs: c.dialer.Authorities, NextProtos: []string{"http/1.1"},
		},
		TLSNextProto:           map[string]func(string, *tls.Conn) http.RoundTripper{}, // no HTTP/2: it has no upgrade
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: answerMost,
		OnProxyConnectResponse: c.proxyAnswered,
	}
}

// proxy keeps the password that may stand in the variable out of the error.
func (c *calling) proxy(r *http.Request) (*url.URL, error) {
	find := c.dialer.Proxy
	if find == nil {
		find = http.ProxyFromEnvironment
	}
	u, err := find(r)
	if err != nil {
		return nil, c.refuse(errors.New("HTTPS_PROXY is no address of a proxy; write for example http://proxy.example.org:3128"))
	}
	return u, nil
}

func (c *calling) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{KeepAlive: wire.PingEvery}
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.below = conn
	return conn, nil
}

func (c *calling) conn() net.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.below
}

// hangUp leaves nothing of a call that failed, whoever still holds its
// connection.
func (c *calling) hangUp() {
	if conn := c.conn(); conn != nil {
		_ = conn.Close()
	}
}

// refuse remembers why there is no way through.
func (c *calling) refuse(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused = err
	return err
}

// proxyAnswered words what a proxy says to CONNECT (RFC 9110, 9.3.6).
func (c *calling) proxyAnswered(_ context.Context, proxy *url.URL, _ *http.Request, answer *http.Response) error {
	switch {
	case answer.StatusCode == http.StatusOK:
		return nil
	case answer.StatusCode == http.StatusProxyAuthRequired:
		return c.refuse(fmt.Errorf("the proxy %s wants a name and a password that it takes: HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT", wire.Clean(proxy.Host, wire.MaxName)))
	}
	return c.refuse(fmt.Errorf("the proxy %s refuses to connect (HTTP %d)", wire.Clean(proxy.Host, wire.MaxName), answer.StatusCode))
}

// sentence says why a call failed, and what can be done.
func (c *calling) sentence(ctx context.Context, address string, answer *http.Response, err error) error {
	c.mu.Lock()
	refused := c.refused
	c.mu.Unlock()
	var untrusted *tls.CertificateVerificationError
	switch {
	case refused != nil:
		return fmt.Errorf("the gateway at %s can't be reached: %w", address, refused)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("the gateway at %s can't be reached: nothing was heard within %d s", address, int(dialing.Seconds()))
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &untrusted):
		return fmt.Errorf("the TLS certificate that %s shows is not taken (%w); where it is from an authority of your own, name that one's file", address, untrusted.Err)
	case answer != nil:
		return fmt.Errorf("what answers at %s is no gateway (HTTP %d): check the address", address, answer.StatusCode)
	}
	return fmt.Errorf("the gateway at %s can't be reached: %w", address, err)
}
