package wire

import (
	"crypto/rand"
	"crypto/rsa"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// TestKeyChange: only what both keys have said counts, in the one spelling.
func TestKeyChange(t *testing.T) {
	from, to, other := newKey(t), newKey(t), newKey(t)
	c := KeyChange{Gateway: "SHA256:x", Device: "laptop-7", Nonce: NewToken("").Secret, Made: time.Now().UTC().Truncate(time.Second)}
	good, err := SignKeyChange(c, from, to)
	if err != nil {
		t.Fatal(err)
	}
	got, key, err := OpenKeyChange(from.PublicKey(), good)
	if err != nil || got.Nonce != c.Nonce || ssh.FingerprintSHA256(key) != ssh.FingerprintSHA256(to.PublicKey()) || good.check() != nil {
		t.Fatalf("%+v, %v", got, err)
	}
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	weak, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(from, to ssh.Signer) Rekeyed {
		m, err := SignKeyChange(c, from, to)
		if err != nil {
			t.Fatal(err)
		}
		return *m
	}
	for name, change := range map[string]func(*Rekeyed){
		"another device's":       func(m *Rekeyed) { *m = sign(other, to) },
		"without the new key":    func(m *Rekeyed) { m.New = m.Old },
		"the new key by another": func(m *Rekeyed) { m.New = sign(from, other).New },
		"without the old key":    func(m *Rekeyed) { m.Old = m.New },
		"the same key":           func(m *Rekeyed) { *m = sign(from, from) },
		"a key of another kind":  func(m *Rekeyed) { *m = sign(from, weak) },
		"an altered device": func(m *Rekeyed) {
			m.Statement = []byte(strings.Replace(string(m.Statement), "laptop-7", "laptop-8", 1))
		},
		"another spelling": func(m *Rekeyed) {
			m.Statement = append(m.Statement, ' ')
			m.Old, _ = Sign(from, NamespaceKey, m.Statement)
			m.New, _ = Sign(to, NamespaceKey, m.Statement)
		},
		"for another purpose": func(m *Rekeyed) { m.Old, _ = Sign(from, NamespaceReceipt, m.Statement) },
	} {
		m := *good
		m.Statement = append([]byte{}, good.Statement...)
		change(&m)
		if _, _, err := OpenKeyChange(from.PublicKey(), &m); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if (&NewKey{Nonce: "short"}).check() == nil || (&NewKey{Nonce: c.Nonce}).check() != nil || (&Rekeyed{}).check() == nil || (&Rekeyed{Sentence: "no"}).check() != nil {
		t.Error("messages are checked wrongly")
	}
}
