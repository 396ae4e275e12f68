package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdAuthority: authority HOST makes an authority for TLS, ca.pem, and what it
// has certified for a host: tls.pem and tls.key.
func cmdAuthority(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 1, 1)
	now := time.Now()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "an authority of our own"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(48 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: []string{args[0]}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	write := func(name, kind string, der []byte, err error) {
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	write("ca.pem", "CERTIFICATE", der, err)
	der, err = x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
	write("tls.pem", "CERTIFICATE", der, err)
	der, err = x509.MarshalPKCS8PrivateKey(key)
	write("tls.key", "PRIVATE KEY", der, err)
}

// cmdProxy: proxy NAME:PASSWORD is a company's proxy on $proxy. It knows CONNECT
// only, takes this name and password only, and finds every host on this
// machine. What it is asked for is in proxy.log.
func cmdProxy(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 1, 1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	log, err := os.Create(ts.MkAbs("proxy.log"))
	ts.Check(err)
	p := &connectProxy{credentials: "Basic " + base64.StdEncoding.EncodeToString([]byte(args[0])), log: log}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.serve(l)
	}()
	ts.Defer(func() {
		_ = l.Close()
		<-done
		_ = log.Close()
	})
	ts.Setenv("proxy", l.Addr().String())
}

// connectProxy is a proxy that knows CONNECT (RFC 9110, 9.3.6) and nothing else.
type connectProxy struct {
	credentials string
	log         io.Writer
	tunnels     sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
}

// serve ends with the listener, and closes what is open then.
func (p *connectProxy) serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			break
		}
		p.keep(c)
		p.tunnels.Go(func() { p.tunnel(c) })
	}
	p.mu.Lock()
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.mu.Unlock()
	p.tunnels.Wait()
}

func (p *connectProxy) keep(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, c)
}

func (p *connectProxy) tunnel(c net.Conn) {
	defer func() { _ = c.Close() }()
	in := bufio.NewReader(c)
	r, err := http.ReadRequest(in)
	if err != nil {
		return
	}
	status := "200 Connection established"
	var far net.Conn
	switch {
	case r.Method != http.MethodConnect || strings.HasPrefix(r.Host, "forbidden."):
		status = "403 Forbidden"
	case r.Header.Get("Proxy-Authorization") != p.credentials:
		status = "407 Proxy Authentication Required"
	default:
		_, port, _ := net.SplitHostPort(r.Host)
		if far, err = net.Dial("tcp", "127.0.0.1:"+port); err != nil {
			status = "502 Bad Gateway"
		}
	}
	p.mu.Lock()
	fmt.Fprintf(p.log, "%s %s: %s\n", r.Method, r.Host, status)
	p.mu.Unlock()
	fmt.Fprintf(c, "HTTP/1.1 %s\r\n\r\n", status)
	if far == nil {
		return
	}
	p.keep(far)
	go func() {
		_, _ = io.Copy(far, in)
		_ = far.Close()
	}()
	_, _ = io.Copy(c, far)
}
