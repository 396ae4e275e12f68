package rfb

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	mrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// certificate makes a server's certificate and key in a folder.
func certificate(t *testing.T, dir string) (cert, key string, roots *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "vnc"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, about, about, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for path, text := range map[string][]byte{cert: certPEM, key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots = x509.NewCertPool()
	roots.AppendCertsFromPEM(certPEM)
	return cert, key, roots
}

// tigerPassword is a file as vncpasswd(1) writes it.
func tigerPassword(t *testing.T, dir string) string {
	t.Helper()
	c := exec.Command("tigervncpasswd", "-f")
	c.Stdin = strings.NewReader(secret + "\n")
	text, err := c.Output()
	if err != nil {
		t.Fatal("tigervncpasswd: ", err)
	}
	path := filepath.Join(dir, "passwd")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// tiger starts Xtigervnc on a Unix socket and waits for it. It ends with the test.
func tiger(t *testing.T, dir string, args ...string) (socket, display string) {
	t.Helper()
	socket = filepath.Join(dir, "vnc")
	display = fmt.Sprintf(":%d", 1000+mrand.IntN(40000)) // no other test's
	runServer(t, socket, exec.Command("Xtigervnc", append([]string{
		display, "-rfbport", "-1", "-rfbunixpath", socket, "-geometry", "320x200", "-nolisten", "tcp", "-noreset",
	}, args...)...))
	return socket, display
}

// runServer starts a VNC server and waits until it listens. It ends with the test.
func runServer(t *testing.T, socket string, c *exec.Cmd) {
	t.Helper()
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)                                  // it takes its lock file with it
		gone := time.AfterFunc(2*time.Second, func() { _ = c.Process.Kill() }) // x11vnc forgets it sometimes
		_ = c.Wait()
		gone.Stop()
		if t.Failed() {
			t.Logf("%s", said.Bytes())
		}
	})
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for {
		if conn, err := net.Dial("unix", socket); err == nil {
			_, err = io.ReadFull(conn, make([]byte, 12)) // it serves
			_ = conn.Close()
			if err == nil {
				return
			}
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%s does not start", c.Path)
		}
	}
}

// libVNC starts x11vnc for a display, on a Unix socket, and waits for it. It ends
// with the test.
func libVNC(t *testing.T, display string, args ...string) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "vnc")
	c := exec.Command("x11vnc", append([]string{
		"-display", display, "-unixsock", socket, "-rfbport", "0", "-rfbportv6", "-1", "-norc", "-quiet", "-forever", "-shared",
	}, args...)...)
	runServer(t, socket, c)
	return socket
}

// enter goes through a server's security and reads the begin of its ServerInit.
func enter(t *testing.T, socket string, c Credentials) error {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	secured, err := Secure(conn, c)
	if err != nil {
		return err
	}
	if _, err := secured.Write([]byte{1}); err != nil {
		return err
	}
	var size [4]byte
	if _, err := io.ReadFull(secured, size[:]); err != nil {
		return err
	}
	if size != [4]byte{320 >> 8, 320 & 0xff, 0, 200} {
		t.Errorf("the screen's size is %v", size)
	}
	return nil
}

// try is what comes of credentials; want is part of the error, "" for none.
type try struct {
	c    Credentials
	want string
}

// TestSecureWithTigerVNC gets into a real server by each of its kinds of security,
// and not with less than it wants.
func TestSecureWithTigerVNC(t *testing.T) {
	dir := t.TempDir()
	cert, key, roots := certificate(t, dir)
	_, _, others := certificate(t, t.TempDir())
	passwd := tigerPassword(t, dir)
	for types, tries := range map[string][]try{
		"None": {
			{Credentials{}, ""},
			{Credentials{Password: secret}, "another program may have taken its place"},
		},
		"VncAuth": {
			{Credentials{Password: secret}, ""},
			{Credentials{Password: "wrong"}, "Authentication fail"},
			{Credentials{}, "asks for a password"},
			{Credentials{Roots: roots, Password: secret}, "offers no TLS"},
		},
		"X509None,X509Vnc": {
			{Credentials{Roots: roots}, ""},
			{Credentials{Roots: roots, Password: secret}, ""},
			{Credentials{Roots: roots, Password: "wrong"}, "Authentication fail"},
			{Credentials{Roots: others}, "certificate"},
			{Credentials{}, "name the file of its certificate"},
		},
		"TLSNone,TLSVnc": {{Credentials{Roots: roots, Password: secret}, "has no certificate"}},
		"X509Vnc":        {{Credentials{Roots: roots}, "doesn't fit"}},
	} {
		t.Run(types, func(t *testing.T) {
			socket, _ := tiger(t, t.TempDir(), "-SecurityTypes", types, "-rfbauth", passwd, "-X509Cert", cert, "-X509Key", key)
			for _, tt := range tries {
				fits(t, enter(t, socket, tt.c), tt.want)
			}
		})
	}
}

func fits(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("not let in: %v", err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("%v, not %q", err, want)
	case want != "" && !errors.Is(err, ErrSecurity):
		t.Errorf("%v is not ErrSecurity", err)
	}
}

// TestSecureWithX11VNC gets into LibVNCServer, in all its versions.
func TestSecureWithX11VNC(t *testing.T) {
	dir := t.TempDir()
	passwd := tigerPassword(t, dir)
	_, display := tiger(t, dir, "-SecurityTypes", "None")
	for _, version := range []string{"3.3", "3.7", "3.8"} {
		socket := libVNC(t, display, "-rfbauth", passwd, "-rfbversion", version)
		fits(t, enter(t, socket, Credentials{Password: secret}), "")
		fits(t, enter(t, socket, Credentials{Password: "wrong"}), "password")
		fits(t, enter(t, socket, Credentials{}), "password")
	}
	fits(t, enter(t, libVNC(t, display, "-nopw", "-rfbversion", "3.3"), Credentials{}), "")
}
