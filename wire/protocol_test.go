package wire

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"pgregory.net/rapid"
)

func TestAlgorithms(t *testing.T) {
	for _, compat := range []bool{false, true} {
		c := Algorithms(compat)
		supported := ssh.SupportedAlgorithms()
		for _, list := range []struct{ ours, known []string }{
			{c.KeyExchanges, supported.KeyExchanges}, {c.Ciphers, supported.Ciphers}, {c.MACs, supported.MACs},
			{KeyAlgorithms(), append(supported.HostKeys, supported.PublicKeyAuths...)},
		} {
			for i, name := range list.ours {
				// ssh.SupportedAlgorithms leaves out what is insecure.
				if !slices.Contains(list.known, name) || slices.Contains(list.ours[:i], name) {
					t.Errorf("compat %v: %s is insecure, unknown or offered twice", compat, name)
				}
			}
		}
		if plain := slices.ContainsFunc(c.MACs, func(m string) bool { return !strings.Contains(m, "etm") }); plain != compat {
			t.Errorf("compat %v, MACs %v", compat, c.MACs)
		}
		if c.KeyExchanges[0] != ssh.KeyExchangeMLKEM768X25519 {
			t.Errorf("the first key exchange is %s", c.KeyExchanges[0])
		}
		if slices.Contains(c.Ciphers, ssh.CipherChaCha20Poly1305) == hasAES() {
			t.Errorf("ciphers %v, AES in the processor: %v", c.Ciphers, hasAES())
		}
	}
}

func TestToken(t *testing.T) {
	gateway := ssh.FingerprintSHA256(newKey(t).PublicKey())
	token := NewToken(gateway)
	if got, err := ParseToken(" " + token.String() + "\n"); err != nil || got != token {
		t.Errorf("%+v, %v", got, err)
	}
	if NewToken(gateway).Secret == token.Secret {
		t.Error("two tokens have one secret")
	}
	if h := Digest(token.Secret); len(h) != 64 || h != Digest(token.Secret) || h == Digest(token.Secret+"x") {
		t.Errorf("hash %q", h)
	}
	parts := strings.Split(token.String(), ".")
	for _, bad := range []string{
		"", "accord1", "accord1..", token.Secret,
		"accord2." + parts[1] + "." + parts[2],
		parts[0] + ".short." + parts[2],
		parts[0] + "." + parts[1] + "." + parts[2] + "=",
		parts[0] + "." + parts[1] + "." + parts[2][:20],
		token.String() + ".x",
	} {
		if got, err := ParseToken(bad); err == nil {
			t.Errorf("ParseToken(%q) = %+v", bad, got)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add(NewToken("SHA256:" + strings.Repeat("A", 43)).String())
	f.Fuzz(func(t *testing.T, s string) {
		token, err := ParseToken(s)
		if err != nil {
			return
		}
		if again, err := ParseToken(token.String()); err != nil || again != token {
			t.Fatalf("%+v came back as %+v, %v", token, again, err)
		}
	})
}

func TestSession(t *testing.T) {
	if visit, err := ParseSession(MarshalSession(visitName)); err != nil || visit != visitName {
		t.Errorf("%q, %v", visit, err)
	}
	for _, bad := range [][]byte{nil, {}, MarshalSession(""), MarshalSession("../x"), append(MarshalSession(visitName), 0), {0xff, 0xff, 0xff, 0xff}} {
		if visit, err := ParseSession(bad); err == nil {
			t.Errorf("%q names visit %q", bad, visit)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOf(rapid.Byte()).Draw(t, "data")
		if visit, err := ParseSession(data); err == nil && !ValidVisit(visit) {
			t.Fatalf("%q", visit)
		}
	})
}
