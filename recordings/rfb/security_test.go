package rfb

import (
	"bytes"
	"crypto/aes"
	"crypto/md5"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
)

const secret = "kitten42"

// TestVNCResponse sees which parts of a password count. That the answer is right, the
// real servers say below.
func TestVNCResponse(t *testing.T) {
	var challenge [16]byte
	for i := range challenge {
		challenge[i] = byte(i)
	}
	first, second := vncResponse(challenge, "password"), vncResponse(challenge, "passwordAndMore")
	if first != second {
		t.Error("more than eight bytes of the password count")
	}
	if first == vncResponse(challenge, "passwor") {
		t.Error("the eighth byte does not count")
	}
	for b := range 256 {
		if r := reversed(byte(b)); reversed(r) != byte(b) || r>>7 != byte(b)&1 {
			t.Errorf("%08b reversed is %08b", b, r)
		}
	}
}

// script is a server that plays bytes, reads as many as it is told between them,
// and then hangs up.
type script struct {
	io.Reader
	wrote bytes.Buffer
}

func (s *script) Write(p []byte) (int, error) { return s.wrote.Write(p) }

// TestSecureRefusesWhatIsHostile meets servers that lie, stop or send nonsense.
func TestSecureRefusesWhatIsHostile(t *testing.T) {
	const v8 = "RFB 003.008\n"
	long := strings.Repeat("x", 1<<20)
	apple := func(size int, prime, public string) string {
		return v8 + "\x01\x1e" + string([]byte{0, 2, byte(size >> 8), byte(size)}) + prime + public
	}
	zeros, ones := strings.Repeat("\x00", 128), strings.Repeat("\xff", 128)
	with := Credentials{User: "u", Password: secret}
	tls := Credentials{Roots: x509.NewCertPool()}
	for name, tt := range map[string]struct {
		says string
		c    Credentials
	}{
		"nothing":             {"", with},
		"half a version":      {"RFB 003", with},
		"another protocol":    {"SSH-2.0-OpenSSH_9.2\r\n", with},
		"no number":           {"RFB 003.0x8\n", with},
		"an old version":      {"RFB 002.008\n", with},
		"no types":            {v8 + "\x00\x00\x00\x00\x03bad", with},
		"a giant reason":      {v8 + "\x00\xff\xff\xff\xff" + long, with},
		"half a reason":       {v8 + "\x00\x00\x00\x00\x09bad", with},
		"half a list":         {v8 + "\x09\x01\x02", with},
		"unknown types":       {v8 + "\x03\x05\x10\x81", with},
		"3.3 refuses":         {"RFB 003.003\n\x00\x00\x00\x00\x00\x00\x00\x03bad", with},
		"3.3 decides oddly":   {"RFB 003.003\n\x01\x00\x00\x01", with},
		"half a challenge":    {v8 + "\x01\x02abc", with},
		"no verdict":          {v8 + "\x01\x020123456789abcdef\x00\x00", with},
		"a verdict of 7":      {v8 + "\x01\x020123456789abcdef\x00\x00\x00\x07", with},
		"too many tries":      {"RFB 003.007\n\x01\x020123456789abcdef\x00\x00\x00\x02", with},
		"apple: short":        {apple(8, "01234567", "01234567"), with},
		"apple: giant":        {apple(0xffff, long, ""), with},
		"apple: half":         {apple(128, ones, ""), with},
		"apple: zero":         {apple(128, zeros, zeros), with},
		"apple: even":         {apple(128, ones[1:]+"\x00", ones), with},
		"apple: weak public":  {apple(128, ones, zeros[1:]+"\x01"), with},
		"apple: large public": {apple(128, ones, ones), with},
		"vencrypt: 0.1":       {v8 + "\x01\x13\x00\x01", tls},
		"vencrypt: refuses":   {v8 + "\x01\x13\x00\x02\x01", tls},
		"vencrypt: no types":  {v8 + "\x01\x13\x00\x02\x00\x00", tls},
		"vencrypt: half":      {v8 + "\x01\x13\x00\x02\x00\x03\x00\x00", tls},
		"vencrypt: plain":     {v8 + "\x01\x13\x00\x02\x00\x01\x00\x00\x01\x00", Credentials{Roots: tls.Roots, User: "u", Password: secret}},
		"vencrypt: no tls":    {v8 + "\x01\x13\x00\x02\x00\x01\x00\x00\x01\x04\x00", tls},
		"vencrypt: bad tls":   {v8 + "\x01\x13\x00\x02\x00\x01\x00\x00\x01\x04\x01" + long, tls},
	} {
		s := &script{Reader: strings.NewReader(tt.says)}
		_, err := Secure(s, tt.c)
		if err == nil {
			t.Errorf("%s: let in", name)
			continue
		}
		if len(err.Error()) > 4*reasonMost+200 || strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' }) {
			t.Errorf("%s: %.100q", name, err)
		}
		if strings.Contains(s.wrote.String(), secret) {
			t.Errorf("%s: the password is out", name)
		}
	}
}

// TestSecureVersions answers all versions with one that is published.
func TestSecureVersions(t *testing.T) {
	for version, want := range map[string]string{
		"003.003": "003.003", "003.005": "003.003", "003.007": "003.007", "003.008": "003.008",
		"003.889": "003.008", "004.001": "003.008", "005.000": "003.008",
	} {
		s := &script{Reader: strings.NewReader("RFB " + version + "\n")}
		_, _ = Secure(s, Credentials{})
		if got := s.wrote.String(); got != "RFB "+want+"\n" {
			t.Errorf("%s is answered with %q", version, got)
		}
	}
}

// secureWith runs a server of ours against Secure.
func secureWith(t *testing.T, c Credentials, server func(net.Conn)) error {
	t.Helper()
	mine, theirs := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { _ = theirs.Close() }()
		server(theirs)
	}()
	_, err := Secure(mine, c)
	_ = mine.Close()
	<-done
	return err
}

// open8 is the begin of a server of version 3.8 with one type.
func open8(conn net.Conn, kind byte) {
	_, _ = io.WriteString(conn, "RFB 003.008\n")
	_, _ = io.ReadFull(conn, make([]byte, 12))
	_, _ = conn.Write([]byte{1, kind})
	_, _ = io.ReadFull(conn, make([]byte, 1))
}

// TestSecureWithApple is a server as Apple's is published to be: what it decrypts
// is name and password.
func TestSecureWithApple(t *testing.T) {
	prime, err := rand.Prime(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	private := big.NewInt(0x1234567890abcdef)
	public := new(big.Int).Exp(big.NewInt(2), private, prime)
	var name, password string
	err = secureWith(t, Credentials{User: "jörg", Password: secret}, func(conn net.Conn) {
		open8(conn, securityApple)
		_, _ = conn.Write(append(append([]byte{0, 2, 0, 128}, prime.FillBytes(make([]byte, 128))...), public.FillBytes(make([]byte, 128))...))
		answer := make([]byte, 256)
		if _, err := io.ReadFull(conn, answer); err != nil {
			return
		}
		shared := new(big.Int).Exp(new(big.Int).SetBytes(answer[128:]), private, prime)
		key := md5.Sum(shared.FillBytes(make([]byte, 128)))
		block, _ := aes.NewCipher(key[:])
		for at := 0; at < 128; at += 16 {
			block.Decrypt(answer[at:], answer[at:])
		}
		name, _, _ = strings.Cut(string(answer[:64]), "\x00")
		password, _, _ = strings.Cut(string(answer[64:128]), "\x00")
		_, _ = conn.Write(make([]byte, 4))
	})
	if err != nil || name != "jörg" || password != secret {
		t.Errorf("%v; the server read %q, %q", err, name, password)
	}
	if err := appleAuth(&script{Reader: strings.NewReader("")}, Credentials{User: strings.Repeat("x", 64)}); !errors.Is(err, ErrSecurity) {
		t.Errorf("a long name: %v", err)
	}
}

// TestSecureWithX509Plain tells name and password within TLS, to who has the
// certificate.
func TestSecureWithX509Plain(t *testing.T) {
	cert, key, roots := certificate(t, t.TempDir())
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	var told string
	err = secureWith(t, Credentials{User: "ann", Password: secret, Roots: roots}, func(conn net.Conn) {
		open8(conn, securityVeNCrypt)
		_, _ = conn.Write([]byte{0, 2})
		_, _ = io.ReadFull(conn, make([]byte, 2))
		_, _ = conn.Write(binary.BigEndian.AppendUint32([]byte{0, 1}, veNCryptX509Plain))
		_, _ = io.ReadFull(conn, make([]byte, 4))
		_, _ = conn.Write([]byte{1})
		c := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
		text := make([]byte, 8+3+len(secret))
		if _, err := io.ReadFull(c, text); err != nil {
			return
		}
		told = string(text)
		_, _ = c.Write(make([]byte, 4))
	})
	if want := "\x00\x00\x00\x03\x00\x00\x00\x08ann" + secret; err != nil || told != want {
		t.Errorf("%v; the server was told %q", err, told)
	}
}

// TestWelcome meets good and bad viewers.
func TestWelcome(t *testing.T) {
	for says, good := range map[string]bool{
		"RFB 003.008\n\x01": true, "RFB 003.008\n\x02": false, "RFB 003.003\n\x01": false, "RFB 003.008\n": false, "GET / HTTP/1.1": false, "": false,
	} {
		s := &script{Reader: strings.NewReader(says + "next")}
		err := Welcome(s)
		if (err == nil) != good {
			t.Errorf("%q: %v", says, err)
		}
		if rest, _ := io.ReadAll(s); good && string(rest) != "next" {
			t.Errorf("%q: it read too much, %q is left", says, rest)
		}
	}
}
