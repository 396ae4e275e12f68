package gateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/wire"
)

// hostCert writes a certificate for a key to a file.
func hostCert(t *testing.T, file string, ca gossh.Signer, key gossh.PublicKey, change func(*gossh.Certificate)) {
	t.Helper()
	cert := &gossh.Certificate{
		Key: key, CertType: gossh.HostCert, Serial: 1, KeyId: "gateway", ValidPrincipals: []string{"gw.example.org", "*.care.example.org"},
		ValidAfter: uint64(time.Now().Add(-time.Hour).Unix()), ValidBefore: uint64(time.Now().Add(52 * 7 * 24 * time.Hour).Unix()),
	}
	if change != nil {
		change(cert)
	}
	if err := cert.SignCert(rand.Reader, ca); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, gossh.MarshalAuthorizedKey(cert), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestHostCertificates: what clients would refuse, or what says too much, is
// told in a sentence.
func TestHostCertificates(t *testing.T) {
	ca, key, other := newSigner(t), newSigner(t), newSigner(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "host-cert.pub")
	now := time.Now()
	for _, c := range []struct {
		name   string
		change func(*gossh.Certificate)
		want   string
	}{
		{"good", nil, ""},
		{"for ever", func(c *gossh.Certificate) { c.ValidBefore = gossh.CertTimeInfinity }, ""},
		{"a user's", func(c *gossh.Certificate) { c.CertType = gossh.UserCert }, "is a user's certificate"},
		{"for another key", func(c *gossh.Certificate) { c.Key = other.PublicKey() }, "is for another key (" + gossh.FingerprintSHA256(other.PublicKey())},
		{"for every host", func(c *gossh.Certificate) { c.ValidPrincipals = nil }, "names no host"},
		{"expired", func(c *gossh.Certificate) { c.ValidBefore = uint64(now.Unix()) }, "has expired on"},
		{"too early", func(c *gossh.Certificate) { c.ValidAfter = uint64(now.Add(time.Hour).Unix()) }, "is not valid yet"},
		{"with conditions", func(c *gossh.Certificate) { c.CriticalOptions = map[string]string{"x": "y"} }, "critical options"},
	} {
		t.Run(c.name, func(t *testing.T) {
			hostCert(t, file, ca, key.PublicKey(), c.change)
			cert, err := ReadHostCertificate(file, key.PublicKey(), now)
			if c.want == "" && (err != nil || cert == nil) || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	for text, want := range map[string]string{
		"": "holds no certificate", "rubbish": "holds no certificate", keyLine(key): "holds a bare key",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadHostCertificate(file, key.PublicKey(), now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := ReadHostCertificate(file+"x", key.PublicKey(), now); err == nil {
		t.Error("a missing file is taken")
	}
}

// TestHostCertificateForged: a signature that isn't the authority's counts for
// nothing.
func TestHostCertificateForged(t *testing.T) {
	ca, key := newSigner(t), newSigner(t)
	file := filepath.Join(t.TempDir(), "host-cert.pub")
	hostCert(t, file, ca, key.PublicKey(), nil)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	public, _, _, _, err := gossh.ParseAuthorizedKey(text)
	if err != nil {
		t.Fatal(err)
	}
	cert := public.(*gossh.Certificate)
	cert.ValidPrincipals = []string{"bank.example.org"}
	if err := os.WriteFile(file, gossh.MarshalAuthorizedKey(cert), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadHostCertificate(file, key.PublicKey(), time.Now()); err == nil || !strings.Contains(err.Error(), "can't be used") {
		t.Errorf("got %v", err)
	}
}

// proves is what the gateway proves itself by to a client that takes
// certificates, and to one that doesn't.
func (h *house) proves(algorithm string) gossh.PublicKey {
	h.t.Helper()
	var got gossh.PublicKey
	c, chans, reqs, err := gossh.NewClientConn(h.dialFrom("127.0.0.1", h.technicians), "gw.example.org:22", &gossh.ClientConfig{
		User: "gw", Auth: []gossh.AuthMethod{gossh.PublicKeys(h.alice)}, HostKeyAlgorithms: []string{algorithm},
		HostKeyCallback: gossh.HostKeyCallback(func(_ string, _ net.Addr, key gossh.PublicKey) error {
			got = key
			return nil
		}),
	})
	if err != nil {
		return nil
	}
	_ = gossh.NewClient(c, chans, reqs).Close()
	return got
}

// TestHostCertificateExpires: one is renewed while the gateway serves, a bad one
// leaves it in force, and one that has ended is not shown; the bare key always
// is.
func TestHostCertificateExpires(t *testing.T) {
	ca := newSigner(t)
	file := filepath.Join(t.TempDir(), "host-cert.pub")
	var key gossh.Signer
	h := newHouse(t, func(o *Options) {
		text, err := wire.NewPrivateKey("gateway")
		if err != nil {
			t.Fatal(err)
		}
		if key, err = gossh.ParsePrivateKey(text); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(o.Config.State, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(o.Config.State, "host_key"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		hostCert(t, file, ca, key.PublicKey(), nil)
		o.Config.HostCertificate = file
	})
	serial := func() uint64 {
		cert, ok := h.proves(gossh.CertAlgoED25519v01).(*gossh.Certificate)
		if !ok {
			return 0
		}
		check := gossh.CertChecker{IsHostAuthority: func(k gossh.PublicKey, _ string) bool { return string(k.Marshal()) == string(ca.PublicKey().Marshal()) }}
		if err := check.CheckHostKey("gw.example.org:22", nil, cert); err != nil {
			t.Error(err)
		}
		return cert.Serial
	}
	if n := serial(); n != 1 {
		t.Fatalf("serial %d is shown", n)
	}
	if got := h.proves(gossh.KeyAlgoED25519); got == nil || string(got.Marshal()) != string(key.PublicKey().Marshal()) {
		t.Errorf("the bare key is not shown: %v", got)
	}
	if err := os.WriteFile(file, []byte("half a f"), 0o600); err != nil {
		t.Fatal(err)
	}
	if n := serial(); n != 1 {
		t.Errorf("serial %d is shown", n)
	}
	soon := time.Now().Add(8 * time.Second)
	hostCert(t, file, ca, key.PublicKey(), func(c *gossh.Certificate) { c.Serial, c.ValidBefore = 2, uint64(soon.Unix()) })
	eventually(t, "the renewed one is shown", func() bool { return serial() == 2 })
	cert := h.papers.host.Load()
	if cert.usable(soon.Add(-2*time.Second)) == nil || cert.usable(soon.Add(time.Second)) != nil {
		t.Error("it is not known when it ends")
	}
	if !cert.names("gw.example.org") || !cert.names("a.care.example.org") || cert.names("example.org") || cert.names("") {
		t.Error("it is not known for whom it is")
	}
	if notes := PaperNotes(h.cfg, soon.Add(time.Minute)); len(notes) != 1 || !strings.Contains(notes[0], "has expired") {
		t.Errorf("got %q", notes)
	}
}

func TestExpiry(t *testing.T) {
	begins := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		life, at time.Duration
		want     string
	}{
		{365 * 24 * time.Hour, 300 * 24 * time.Hour, ""},
		{365 * 24 * time.Hour, 352 * 24 * time.Hour, "it expires on 2027-01-01 00:00:00 UTC; renew it"},
		{365 * 24 * time.Hour, 365 * 24 * time.Hour, "it has expired on 2027-01-01 00:00:00 UTC; renew it"},
		{24 * time.Hour, time.Hour, ""},
		{24 * time.Hour, 17 * time.Hour, "it expires on 2026-01-02 00:00:00 UTC; renew it"},
	} {
		if got := expiry(begins, begins.Add(c.life), begins.Add(c.at)); got != c.want {
			t.Errorf("%v of %v: got %q, want %q", c.at, c.life, got, c.want)
		}
	}
}

// tlsPair is a certificate of itself with this number, and its key, in PEM.
func tlsPair(t *testing.T, serial int64) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text := &x509.Certificate{SerialNumber: big.NewInt(serial), DNSNames: []string{"gw.example.org"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, text, text, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}

// TestTLSRenewed: a renewed certificate is shown without a restart, and not
// before its key is there too. Nothing older than TLS 1.2 is spoken, and no
// HTTP/2.
func TestTLSRenewed(t *testing.T) {
	dir := t.TempDir()
	files := WebSocket{Listen: "127.0.0.1:0", URL: "wss://gw.example.org", Certificate: filepath.Join(dir, "c.pem"), Key: filepath.Join(dir, "k.pem")}
	write := func(file string, text []byte) {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, key := tlsPair(t, 1)
	write(files.Certificate, cert)
	write(files.Key, key)
	h := newHouse(t, func(o *Options) { o.Config.WebSocket = files })
	looks := 0
	shown := func() int64 {
		looks++                                                                                                                                                                        // from another address each time, for who goes without a word is penalised
		conn := tls.Client(h.dialFrom(fmt.Sprintf("127.8.%d.%d", looks/250, 1+looks%250), h.webSocket), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}}) //nolint:gosec // it is looked at
		if err := conn.HandshakeContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		state := conn.ConnectionState()
		if state.NegotiatedProtocol != "http/1.1" {
			t.Errorf("it speaks %q", state.NegotiatedProtocol)
		}
		return state.PeerCertificates[0].SerialNumber.Int64()
	}
	if n := shown(); n != 1 {
		t.Fatalf("number %d is shown", n)
	}
	old := tls.Client(h.dialFrom("127.0.0.1", h.webSocket), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}) //nolint:gosec // it is refused
	if err := old.HandshakeContext(t.Context()); err == nil {
		t.Error("it speaks TLS 1.1")
	}
	cert, key = tlsPair(t, 2)
	write(files.Certificate, cert)
	if n := shown(); n != 1 {
		t.Errorf("number %d is shown", n)
	}
	write(files.Key, key)
	eventually(t, "the renewed one is shown", func() bool { return shown() == 2 })
}
