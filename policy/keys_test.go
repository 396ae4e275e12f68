package policy

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// line writes a key as authorized_keys does.
func line(t *testing.T, key any) string {
	t.Helper()
	pub, err := ssh.NewPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(pub)))
}

func ed25519Line(t *testing.T) string {
	t.Helper()
	pub, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return line(t, pub)
}

func ecdsaLine(t *testing.T, curve elliptic.Curve) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return line(t, &key.PublicKey)
}

func rsaLine(t *testing.T, bits int) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return line(t, &key.PublicKey)
}

// skLine writes the key of a FIDO token (OpenSSH, PROTOCOL.u2f).
func skLine(t *testing.T) string {
	t.Helper()
	pub, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	blob := ssh.Marshal(struct {
		Type        string
		Key         []byte
		Application string
	}{ssh.KeyAlgoSKED25519, pub, "ssh:"})
	return ssh.KeyAlgoSKED25519 + " " + base64.StdEncoding.EncodeToString(blob) + " token"
}

// certLine writes a certificate over a fresh key.
func certLine(t *testing.T) string {
	t.Helper()
	_, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(priv)
	if err != nil {
		t.Fatal(err)
	}
	cert := &ssh.Certificate{Key: signer.PublicKey(), CertType: ssh.UserCert, ValidBefore: ssh.CertTimeInfinity}
	if err := cert.SignCert(rand.Reader, signer); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(cert)))
}

func TestParseKey(t *testing.T) {
	good := ed25519Line(t)
	for _, c := range []struct{ name, line, want string }{
		{"ed25519", good, ""},
		{"with a comment", good + " alice@laptop", ""},
		{"ecdsa 256", ecdsaLine(t, elliptic.P256()), ""},
		{"ecdsa 521", ecdsaLine(t, elliptic.P521()), ""},
		{"token", skLine(t), ""},
		{"rsa 2048", rsaLine(t, 2048), ""},
		{"rsa 1024", rsaLine(t, 1024), "an rsa key of 1024 bits is not accepted"},
		{"certificate", certLine(t), `keys of the type "ssh-ed25519-cert-v01@openssh.com" are not accepted`},
		{"option", `command="id" ` + good, "the option \"command=\\\"id\\\"\" stands before the key"},
		{"two lines", good + "\n" + ed25519Line(t), "one line is expected"},
		{"empty", "", `"" is no public key`},
		{"comment", "# alice", `"# alice" is no public key`},
		{"private key", "-----BEGIN OPENSSH PRIVATE KEY-----", "is no public key"},
		{"cut", good[:len(good)-9], "is no public key"},
		{"type and blob differ", strings.Replace(good, "ssh-ed25519", "ssh-rsa", 1), "is no public key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			key, err := ParseKey(c.line)
			if c.want == "" {
				if err != nil || key == nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// FuzzParseKey: no line crashes it, and what it accepts is a key whose own
// line it accepts as the same key.
func FuzzParseKey(f *testing.F) {
	f.Add("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPdcYVUVtN4vo65hoLb4FX/uXKPL4ikFZVUjKm60i9cf alice@laptop")
	f.Add(`from="10.0.0.1",command="x" ssh-rsa AAAA`)
	f.Fuzz(func(t *testing.T, text string) {
		key, err := ParseKey(text)
		if err != nil {
			return
		}
		again, err := ParseKey(strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))))
		if err != nil || string(again.Marshal()) != string(key.Marshal()) {
			t.Fatalf("%q reads back as %v, %v", text, again, err)
		}
	})
}
