package policy

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"pgregory.net/rapid"
)

func signerOf(t testing.TB) ssh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func lineOf(key ssh.PublicKey) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}

func certNoon() time.Time { return time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC) }

// certified makes a good certificate of alice's, changes it, and has it signed.
func certified(t testing.TB, ca, user ssh.Signer, change func(*ssh.Certificate)) *ssh.Certificate {
	t.Helper()
	cert := &ssh.Certificate{
		Key: user.PublicKey(), CertType: ssh.UserCert, Serial: 7, KeyId: "alice@laptop", ValidPrincipals: []string{"alice", "night"},
		ValidAfter: uint64(certNoon().Add(-time.Hour).Unix()), ValidBefore: uint64(certNoon().Add(time.Hour).Unix()),
	}
	if change != nil {
		change(cert)
	}
	if err := cert.SignCert(rand.Reader, ca); err != nil {
		t.Fatal(err)
	}
	return cert
}

func certPeople(t testing.TB, a Authority, more ...Authority) *People {
	t.Helper()
	people, err := NewPeople([]Person{
		{Name: "alice", Roles: []string{"technician"}, Principals: []string{"a.martin"}},
		{Name: "bob", Roles: []string{"technician"}},
	}, append([]Authority{a}, more...))
	if err != nil {
		t.Fatal(err)
	}
	return people
}

func TestCertified(t *testing.T) {
	ca, user := signerOf(t), signerOf(t)
	people := certPeople(t, Authority{Name: "company", Key: lineOf(ca.PublicKey())})
	got, err := people.Certified(certified(t, ca, user, nil), certNoon())
	if err != nil || got.Person.Name != "alice" || got.Authority != "company" || !slices.Equal(got.Principals, []string{"night"}) ||
		!got.Until.Equal(certNoon().Add(time.Hour)) {
		t.Errorf("got %+v, %v", got, err)
	}
	// Validity is a matter of the moment it is used.
	if _, err := people.Certified(certified(t, ca, user, nil), certNoon().Add(time.Hour)); err == nil {
		t.Error("it counts at the moment of its end")
	}
	byAlias := certified(t, ca, user, func(c *ssh.Certificate) { c.ValidPrincipals = []string{"a.martin"} })
	if got, err := people.Certified(byAlias, certNoon()); err != nil || got.Person.Name != "alice" {
		t.Errorf("by a principal of hers: %v, %v", got, err)
	}
	for name, ok := range map[string]bool{"permit-pty": true, "permit-agent-forwarding": true, "no-touch-required": false} {
		c := certified(t, ca, user, func(c *ssh.Certificate) { c.Extensions = map[string]string{name: ""} })
		if _, err := people.Certified(c, certNoon()); (err == nil) != ok {
			t.Errorf("extension %s: %v", name, err)
		}
	}
	if _, err := new(People).Certified(byAlias, certNoon()); err == nil {
		t.Error("the zero value trusts an authority")
	}
	if _, err := people.Certified(nil, certNoon()); err == nil {
		t.Error("no certificate is somebody")
	}
}

// TestCertifiedRefuses has one line for each rule; every certificate but for
// what the line says is good.
func TestCertifiedRefuses(t *testing.T) {
	ca, user := signerOf(t), signerOf(t)
	a := Authority{Name: "company", Key: lineOf(ca.PublicKey()), Revoked: []string{
		"serial:100-199", "serial:5", "id:lost laptop", "id:a:b", ssh.FingerprintSHA256(signerOf(t).PublicKey()),
	}}
	gone := signerOf(t)
	a.Revoked = append(a.Revoked, ssh.FingerprintSHA256(gone.PublicKey()))
	people := certPeople(t, a)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	weakKey, err := ssh.NewPublicKey(&weak.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(*ssh.Certificate)
		want   string
	}{
		{"of a host", func(c *ssh.Certificate) { c.CertType = ssh.HostCert }, "not one for a user"},
		{"of no type", func(c *ssh.Certificate) { c.CertType = 0 }, "not one for a user"},
		{"no principals: OpenSSH takes it for everybody's", func(c *ssh.Certificate) { c.ValidPrincipals = nil }, "for nobody"},
		{"an empty principal", func(c *ssh.Certificate) { c.ValidPrincipals = []string{"alice", ""} }, "malformed"},
		{"a principal twice", func(c *ssh.Certificate) { c.ValidPrincipals = []string{"alice", "alice"} }, "stands twice"},
		{"a principal with an escape", func(c *ssh.Certificate) { c.ValidPrincipals = []string{"alice", "\x1b[2J"} }, "malformed"},
		{"nobody's principal", func(c *ssh.Certificate) { c.ValidPrincipals = []string{"mallory"} }, `no principal of the certificate means a person here; it has "mallory"`},
		{"two people", func(c *ssh.Certificate) { c.ValidPrincipals = []string{"alice", "bob"} }, "two principals"},
		{"one person twice", func(c *ssh.Certificate) { c.ValidPrincipals = []string{"alice", "a.martin"} }, "two principals"},
		{"other case", func(c *ssh.Certificate) { c.ValidPrincipals = []string{"Alice"} }, "no principal"},
		{"too many", func(c *ssh.Certificate) {
			for i := range 40 {
				c.ValidPrincipals = append(c.ValidPrincipals, strings.Repeat("x", i+1))
			}
		}, "42 principals"},
		{"not yet", func(c *ssh.Certificate) { c.ValidAfter = uint64(certNoon().Add(time.Second).Unix()) }, "not valid yet"},
		{"over", func(c *ssh.Certificate) { c.ValidBefore = uint64(certNoon().Unix()) }, "expired on 2026-06-01 at 12:00"},
		{"backwards", func(c *ssh.Certificate) { c.ValidBefore = c.ValidAfter - 1 }, "for no time"},
		{"beyond time", func(c *ssh.Certificate) { c.ValidAfter = 1 << 63; c.ValidBefore = ssh.CertTimeInfinity }, "for no time"},
		{"until beyond time", func(c *ssh.Certificate) { c.ValidBefore = 1 << 63 }, ""},
		{"forced command", func(c *ssh.Certificate) { c.CriticalOptions = map[string]string{"force-command": "id"} }, `critical option "force-command"`},
		{"unknown option beside a known one", func(c *ssh.Certificate) {
			c.CriticalOptions = map[string]string{"source-address": "10.0.0.0/8", "x@y": ""}
		}, `critical option "x@y"`},
		{"the PIN", func(c *ssh.Certificate) { c.CriticalOptions = map[string]string{"verify-required": ""} }, "PIN"},
		{"revoked serial", func(c *ssh.Certificate) { c.Serial = 5 }, "revoked (serial 5)"},
		{"revoked range", func(c *ssh.Certificate) { c.Serial = 199 }, "revoked (serial 199)"},
		{"revoked id", func(c *ssh.Certificate) { c.KeyId = "a:b" }, `revoked (id "a:b")`},
		{"revoked key", func(c *ssh.Certificate) { c.Key = gone.PublicKey() }, "revoked (SHA256:"},
		{"weak key", func(c *ssh.Certificate) { c.Key = weakKey }, "1024 bits"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := people.Certified(certified(t, ca, user, c.change), certNoon())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// TestCertifiedSignature: what the authority did not sign, by its plain key and
// soundly, is nobody's.
func TestCertifiedSignature(t *testing.T) {
	ca, user := signerOf(t), signerOf(t)
	people := certPeople(t, Authority{Name: "company", Key: lineOf(ca.PublicKey())})
	refused := func(name string, c *ssh.Certificate, want string) {
		t.Helper()
		if _, err := people.Certified(c, certNoon()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
	refused("another authority", certified(t, signerOf(t), user, nil), "no authority")
	refused("by the user", certified(t, user, user, nil), "no authority")

	changed := certified(t, ca, user, nil)
	changed.ValidPrincipals = []string{"bob"}
	refused("changed afterwards", changed, "signature is not that")

	// The authority certifies a second key, which then signs alice's: a chain.
	middle := signerOf(t)
	over := certified(t, ca, middle, nil)
	chained := certified(t, middle, user, nil)
	refused("by who is certified", chained, "no authority")
	chained.SignatureKey = over
	refused("by a certificate", chained, "no authority")
	over.Key = certified(t, ca, user, nil)
	refused("over a certificate", over, "")
}

// TestCertifiedSHA1: an authority with an RSA key may have signed with SHA-1.
func TestCertifiedSHA1(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	people := certPeople(t, Authority{Name: "company", Key: lineOf(plain.PublicKey())})
	for algorithm, ok := range map[string]bool{ssh.KeyAlgoRSA: false, ssh.KeyAlgoRSASHA256: true, ssh.KeyAlgoRSASHA512: true} {
		ca, err := ssh.NewSignerWithAlgorithms(plain.(ssh.AlgorithmSigner), []string{algorithm})
		if err != nil {
			t.Fatal(err)
		}
		_, err = people.Certified(certified(t, ca, signerOf(t), nil), certNoon())
		if (err == nil) != ok {
			t.Errorf("%s: %v", algorithm, err)
		}
	}
}

func TestAuthorityMistakes(t *testing.T) {
	ca, other := lineOf(signerOf(t).PublicKey()), lineOf(signerOf(t).PublicKey())
	ok := Authority{Name: "company", Key: ca}
	for _, c := range []struct {
		name string
		list []Authority
		at   string
		want string
	}{
		{"none", nil, "", ""},
		{"good", []Authority{ok, {Name: "night", Key: other, Revoked: []string{"serial:0", "serial:3-9", "id:x y", "SHA256:" + strings.Repeat("a", 43)}}}, "", ""},
		{"no name", []Authority{{Key: ca}}, "[0].name", `"" is no name`},
		{"same name", []Authority{ok, {Name: "company", Key: other}}, "[1].name", "second time"},
		{"same key", []Authority{ok, {Name: "night", Key: ca}}, "[1].key", "already that of company"},
		{"no key", []Authority{{Name: "company"}}, "[0].key", "is no public key"},
		{"a certificate", []Authority{{Name: "company", Key: certLine(t)}}, "[0].key", "are not accepted"},
		{"weak", []Authority{{Name: "company", Key: rsaLine(t, 1024)}}, "[0].key", "1024 bits"},
		{"a word", []Authority{{Name: "company", Key: ca, Revoked: []string{"id:a", "7"}}}, "[0].revoked[1]", `"7" names no certificate`},
		{"backwards", []Authority{{Name: "company", Key: ca, Revoked: []string{"serial:9-3"}}}, "[0].revoked[0]", "names no certificate"},
		{"negative", []Authority{{Name: "company", Key: ca, Revoked: []string{"serial:-3"}}}, "[0].revoked[0]", "names no certificate"},
		{"short fingerprint", []Authority{{Name: "company", Key: ca, Revoked: []string{"SHA256:abc"}}}, "[0].revoked[0]", "names no certificate"},
		{"empty id", []Authority{{Name: "company", Key: ca, Revoked: []string{"id:"}}}, "[0].revoked[0]", "names no certificate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := CheckAuthorities(c.list)
			var m Mistake
			switch {
			case c.at == "":
				if err != nil {
					t.Errorf("refused: %v", err)
				}
			case !errors.As(err, &m) || m.At() != c.at || !strings.Contains(m.Sentence, c.want):
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := NewPeople([]Person{{Name: "alice", Keys: []string{ca}, Roles: []string{"admin"}}}, []Authority{ok}); err == nil {
		t.Error("the authority's key is alice's")
	}
}

// TestRevokedIsRevoked: whatever else stands in the list, and a longer list
// never lets more in.
func TestRevokedIsRevoked(t *testing.T) {
	ca, user := signerOf(t), signerOf(t)
	entry := rapid.OneOf(
		rapid.StringMatching(`serial:[0-9]{1,2}`), rapid.StringMatching(`id:[ab]{1,2}`),
		rapid.Just(ssh.FingerprintSHA256(user.PublicKey())),
	)
	rapid.Check(t, func(rt *rapid.T) {
		cert := certified(t, ca, user, func(c *ssh.Certificate) {
			c.Serial, c.KeyId = rapid.Uint64Range(0, 99).Draw(rt, "serial"), rapid.StringMatching(`[ab]{1,2}`).Draw(rt, "id")
		})
		list := rapid.SliceOfN(entry, 0, 6).Draw(rt, "list")
		counts := func(list []string) bool {
			_, err := certPeople(t, Authority{Name: "company", Key: lineOf(ca.PublicKey()), Revoked: list}).Certified(cert, certNoon())
			return err == nil
		}
		before, after := counts(list), counts(append(list, entry.Draw(rt, "more")))
		if after && !before {
			rt.Fatalf("%v lets in what less did not", list)
		}
	})
}

// FuzzCertified: no certificate crashes it, and only what the authority has
// signed is somebody's.
func FuzzCertified(f *testing.F) {
	ca := signerOf(f)
	people := certPeople(f, Authority{Name: "company", Key: lineOf(ca.PublicKey())})
	f.Add(certified(f, signerOf(f), signerOf(f), nil).Marshal())
	f.Fuzz(func(t *testing.T, blob []byte) {
		key, err := ssh.ParsePublicKey(blob)
		if err != nil {
			return
		}
		if cert, ok := key.(*ssh.Certificate); ok {
			if who, err := people.Certified(cert, certNoon()); err == nil {
				t.Fatalf("nobody signed it, and it is %s's", who.Person.Name)
			}
		}
	})
}

func FuzzRevoke(f *testing.F) {
	for _, s := range []string{"serial:1", "serial:1-2", "id:x", "SHA256:" + strings.Repeat("a", 43), ":", "serial:99999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, entry string) {
		a := authority{ids: map[string]bool{}, keys: map[string]bool{}}
		n := 0
		if err := a.revoke(entry); err == nil {
			n = 1
		}
		if len(a.serials)+len(a.ids)+len(a.keys) != n {
			t.Fatalf("%q is %d entries", entry, n)
		}
	})
}
