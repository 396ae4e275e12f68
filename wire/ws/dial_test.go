package ws

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// gateway is a server that sends back what it gets, on both paths.
type gateway struct {
	url  string // names gw.example.org
	port string
	ca   *x509.CertPool
	pem  []byte
	hold chan net.Conn // takes the connections instead, if it is there
}

// newGateway has a certificate for gw.example.org.
func newGateway(t testing.TB) *gateway { return certified(t, "gw.example.org", time.Hour) }

// certified has one for a name that is valid for so long.
func certified(t testing.TB, name string, life time.Duration) *gateway {
	t.Helper()
	g := &gateway{ca: x509.NewCertPool()}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, DNSNames: []string{name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(life), KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case PathAgents, PathTechnicians:
		case "/moved":
			http.Redirect(w, r, PathAgents, http.StatusTemporaryRedirect)
			return
		case "/page":
			fmt.Fprint(w, "a page")
			return
		default:
			http.NotFound(w, r)
			return
		}
		c, err := Accept(w, r, r.Context().Value(belowKey{}).(net.Conn))
		if err != nil {
			return
		}
		if g.hold != nil {
			g.hold <- c
			return
		}
		_, _ = io.Copy(c, c)
		_ = c.Close()
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, belowKey{}, c) }
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	s.StartTLS()
	t.Cleanup(s.Close)
	g.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	g.ca.AppendCertsFromPEM(g.pem)
	_, g.port, _ = net.SplitHostPort(s.Listener.Addr().String())
	g.url = "wss://gw.example.org:" + g.port
	return g
}

// dialer reaches the gateway by a proxy, for nobody else knows its name.
func (g *gateway) dialer() Dialer {
	return Dialer{Authorities: g.ca, Proxy: g.proxy(http.StatusOK)}
}

// proxy makes one that answers so, and finds every host on this machine. It
// lives until the far side ends.
func (g *gateway) proxy(status int) func(*http.Request) (*url.URL, error) {
	return through(func(c net.Conn) {
		in := bufio.NewReader(c)
		if _, err := http.ReadRequest(in); err != nil {
			return
		}
		fmt.Fprintf(c, "HTTP/1.1 %d x\r\n\r\n", status)
		if status != http.StatusOK {
			return
		}
		far, err := net.Dial("tcp", "127.0.0.1:"+g.port)
		if err != nil {
			return
		}
		go func() {
			_, _ = io.Copy(far, in)
			_ = far.Close()
		}()
		_, _ = io.Copy(c, far)
	})
}

// through is a proxy that serves one connection so.
func through(serve func(net.Conn)) func(*http.Request) (*url.URL, error) {
	return func(*http.Request) (*url.URL, error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		go func() {
			c, err := l.Accept()
			_ = l.Close()
			if err == nil {
				serve(c)
				_ = c.Close()
			}
		}()
		return &url.URL{Scheme: "http", Host: l.Addr().String(), User: url.UserPassword("dora", "secret")}, nil
	}
}

// TestObstacles: each has a sentence of its own, and leaves nothing.
func TestObstacles(t *testing.T) {
	g := newGateway(t)
	for _, c := range []struct {
		name  string
		proxy func(*http.Request) (*url.URL, error)
		path  string
		want  string
	}{
		{"a proxy that wants a password", g.proxy(407), PathAgents, "wants a name and a password"},
		{"a proxy that refuses", g.proxy(403), PathAgents, "refuses to connect (HTTP 403)"},
		{"a proxy that fails", g.proxy(502), PathAgents, "refuses to connect (HTTP 502)"},
		{"a proxy that answers rubbish", through(func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1000))
			_, _ = c.Write([]byte("\x00\xff\x1b[2J rubbish\r\n\r\n"))
		}), PathAgents, "malformed HTTP"},
		{"a proxy that answers without end", through(func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1000))
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			for {
				if _, err := io.WriteString(c, "X-More: "+strings.Repeat("x", 1000)+"\r\n"); err != nil {
					return
				}
			}
		}), PathAgents, "can't be reached"},
		{"a proxy that hangs up", through(func(net.Conn) {}), PathAgents, "can't be reached"},
		{"a variable that is no address", func(*http.Request) (*url.URL, error) {
			return nil, errors.New(`invalid proxy address "http://dora:secret@:x"`)
		}, PathAgents, "HTTPS_PROXY is no address of a proxy"},
		{"another path", g.proxy(200), "/accord/nothing", "is no gateway (HTTP 404)"},
		{"a page", g.proxy(200), "/page", "is no gateway (HTTP 200)"},
		{"somewhere else", g.proxy(200), "/moved", "is no gateway (HTTP 307)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := Dialer{Authorities: g.ca, Proxy: c.proxy}.Dial(t.Context(), g.url, c.path)
			if conn != nil || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the password is told: %v", err)
			}
		})
	}
}

// TestProxyHangs: a call ends when its context does.
func TestProxyHangs(t *testing.T) {
	over := make(chan struct{})
	defer close(over)
	ctx, cancel := context.WithCancel(t.Context())
	proxy := through(func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1000))
		cancel()
		<-over
	})
	if _, err := (Dialer{Proxy: proxy}).Dial(ctx, "wss://gw.example.org", PathAgents); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestCertificates: one that is not right is not taken, and nothing was said to
// who showed it.
func TestCertificates(t *testing.T) {
	good, other, old := newGateway(t), certified(t, "other.example.org", time.Hour), certified(t, "gw.example.org", -time.Minute)
	for _, c := range []struct {
		name string
		g    *gateway
		ca   *x509.CertPool
		want string
	}{
		{"of an authority that nobody knows", good, nil, "signed by unknown authority"},
		{"of another authority", good, other.ca, "signed by unknown authority"},
		{"for another name", other, other.ca, "not gw.example.org"},
		{"that has expired", old, old.ca, "has expired"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := Dialer{Authorities: c.ca, Proxy: c.g.proxy(200)}
			if _, err := d.Dial(t.Context(), c.g.url, PathAgents); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "is not taken") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAuthorities(t *testing.T) {
	if pool, err := Authorities(""); pool != nil || err != nil {
		t.Errorf("got %v, %v", pool, err)
	}
	g := newGateway(t)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if _, err := Authorities(file); err == nil {
		t.Error("a missing file is taken")
	}
	if err := os.WriteFile(file, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Authorities(file); err == nil || !strings.Contains(err.Error(), "holds no certificate") {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(file, g.pem, 0o600); err != nil {
		t.Fatal(err)
	}
	pool, err := Authorities(file)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := Dialer{Authorities: pool, Proxy: g.proxy(200)}.Dial(t.Context(), g.url, PathTechnicians)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}
