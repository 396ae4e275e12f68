package gateway

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/gateway/store"
	"accord/policy"
)

// token is a FIDO token in software (OpenSSH, PROTOCOL.u2f): it signs with any
// flags, as a token that somebody else has could not be made to.
type token struct {
	public gossh.PublicKey
	flags  byte
	raw    func(signed []byte) []byte // the signature's blob
}

// The flags of a token's signature (CTAP2, authenticatorData).
const (
	touched  = 0x01
	verified = 0x04 // by PIN
)

func newToken(t *testing.T, kind string, flags byte) *token {
	t.Helper()
	tk := &token{flags: flags}
	var blob []byte
	switch kind {
	case gossh.KeyAlgoSKED25519:
		public, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		blob = gossh.Marshal(struct {
			Type, Key, Application string
		}{kind, string(public), "ssh:"})
		tk.raw = func(signed []byte) []byte { return ed25519.Sign(private, signed) }
	case gossh.KeyAlgoSKECDSA256:
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		point, err := private.PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		blob = gossh.Marshal(struct {
			Type, Curve, Key, Application string
		}{kind, "nistp256", string(point), "ssh:"})
		tk.raw = func(signed []byte) []byte {
			sum := sha256.Sum256(signed)
			r, s, err := ecdsa.Sign(rand.Reader, private, sum[:])
			if err != nil {
				t.Error(err)
			}
			return gossh.Marshal(struct{ R, S *big.Int }{r, s})
		}
	}
	var err error
	if tk.public, err = gossh.ParsePublicKey(blob); err != nil {
		t.Fatal(err)
	}
	return tk
}

func (tk *token) PublicKey() gossh.PublicKey { return tk.public }

func (tk *token) Sign(_ io.Reader, data []byte) (*gossh.Signature, error) {
	application, message := sha256.Sum256([]byte("ssh:")), sha256.Sum256(data)
	signed := append(append(append([]byte{}, application[:]...), tk.flags, 0, 0, 0, 9), message[:]...)
	return &gossh.Signature{Format: tk.public.Type(), Blob: tk.raw(signed), Rest: []byte{tk.flags, 0, 0, 0, 9}}, nil
}

func (tk *token) line() string {
	return strings.TrimSpace(string(gossh.MarshalAuthorizedKey(tk.public)))
}

// TestTokensMustBeTouched: the attack is malware on a technician's machine that
// has a signature made without the person's touch. The signature is good but
// for that flag.
func TestTokensMustBeTouched(t *testing.T) {
	for _, kind := range []string{gossh.KeyAlgoSKED25519, gossh.KeyAlgoSKECDSA256} {
		t.Run(kind, func(t *testing.T) {
			tk := newToken(t, kind, touched)
			h := newHouse(t, func(o *Options) { o.People[0].Keys = []string{tk.line()} })
			for i, c := range []struct {
				flags byte
				in    bool
			}{{touched, true}, {touched | verified, true}, {0, false}, {verified, false}} {
				tk.flags = c.flags
				client, err := h.loginWith(fmt.Sprintf("127.5.0.%d", i+1), "gw", gossh.PublicKeys(tk))
				if (err == nil) != c.in {
					t.Errorf("flags %02x: %v", c.flags, err)
				}
				if err == nil {
					_ = client.Close()
				}
			}
		})
	}
}

// signedBy makes a certificate for a key, good for a minute unless changed.
func signedBy(t *testing.T, ca, key gossh.Signer, change func(*gossh.Certificate)) gossh.Signer {
	t.Helper()
	cert := &gossh.Certificate{
		Key: key.PublicKey(), CertType: gossh.UserCert, Serial: 1, KeyId: "carol@desk", ValidPrincipals: []string{"carol", "night"},
		ValidAfter: uint64(time.Now().Add(-time.Minute).Unix()), ValidBefore: uint64(time.Now().Add(time.Minute).Unix()),
	}
	if change != nil {
		change(cert)
	}
	if err := cert.SignCert(rand.Reader, ca); err != nil {
		t.Fatal(err)
	}
	signer, err := gossh.NewCertSigner(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// company lets carol in by the certificates of an authority.
func company(ca gossh.Signer, revoked ...string) func(*Options) {
	return func(o *Options) {
		o.Authorities = []policy.Authority{{Name: "company", Key: keyLine(ca), Revoked: revoked}}
		o.People = append(o.People, policy.Person{Name: "carol", Roles: []string{"technician"}})
	}
}

// TestCertificateOfATokenMustBeTouched: neither an authority nor the client can
// waive the touch.
func TestCertificateOfATokenMustBeTouched(t *testing.T) {
	ca, tk := newSigner(t), newToken(t, gossh.KeyAlgoSKED25519, touched)
	h := newHouse(t, company(ca))
	waived := func(c *gossh.Certificate) { c.Extensions = map[string]string{"no-touch-required": ""} }
	for i, c := range []struct {
		flags  byte
		change func(*gossh.Certificate)
		in     bool
	}{{touched, nil, true}, {0, nil, false}, {0, waived, false}, {touched, waived, false}} {
		tk.flags = c.flags
		client, err := h.loginWith(fmt.Sprintf("127.5.1.%d", i+1), "gw", gossh.PublicKeys(signedBy(t, ca, tk, c.change)))
		if (err == nil) != c.in {
			t.Errorf("%d: %v", i, err)
		}
		if err == nil {
			_ = client.Close()
		}
	}
}

// TestCertificateFromElsewhere: its source-address is kept, and one that can't
// be read lets nobody in.
func TestCertificateFromElsewhere(t *testing.T) {
	ca, key := newSigner(t), newSigner(t)
	h := newHouse(t, company(ca))
	for i, c := range []struct {
		source string
		in     bool
	}{{"127.0.0.0/8", true}, {"192.0.2.1,127.6.0.2", true}, {"192.0.2.1", false}, {"", false}, {"everywhere", false}, {"127.0.0.0/8,x", true}} {
		signer := signedBy(t, ca, key, func(cert *gossh.Certificate) { cert.CriticalOptions = map[string]string{"source-address": c.source} })
		client, err := h.loginWith(fmt.Sprintf("127.6.0.%d", i+1), "gw", gossh.PublicKeys(signer))
		if (err == nil) != c.in {
			t.Errorf("%q: %v", c.source, err)
		}
		if err == nil {
			_ = client.Close()
		}
	}
}

// TestPrincipalsReachThePolicy: those that name nobody are for the rules.
func TestPrincipalsReachThePolicy(t *testing.T) {
	ca := newSigner(t)
	h := newHouse(t, company(ca))
	signer := signedBy(t, ca, newSigner(t), nil)
	p, err := h.law().identify(signer.PublicKey(), time.Now())
	if err != nil || p.Name != "carol" || strings.Join(p.principals, " ") != "night" || p.certificate != `company serial 1 id "carol@desk"` {
		t.Errorf("%+v, %v", p, err)
	}
	s := &session{caller: caller{gateway: h.Gateway, person: p}}
	q := s.question(&home{}, asked{})
	if q.Person.Name != "carol" || strings.Join(q.Principals, " ") != "night" {
		t.Errorf("%+v", q)
	}
}

// over waits until the other side has ended a session on a device.
func over(t *testing.T, ch gossh.Channel) {
	t.Helper()
	late := time.AfterFunc(patience, func() { _ = ch.Close() })
	_, _ = io.Copy(io.Discard, ch)
	if !late.Stop() {
		t.Error("the session goes on")
	}
}

// TestCertificateEndsInMidVisit: the visit ends with it, and the connection can
// open nothing more.
func TestCertificateEndsInMidVisit(t *testing.T) {
	ca := newSigner(t)
	h := newHouse(t, company(ca))
	d := h.device("laptop-7").join()
	began := time.Now()
	first := h.mustLogin(d.name, h.alice)
	h.started(first)
	_ = first.Close()
	// Long enough to log in with, on any machine:
	end := time.Now().Add(3*time.Second + 5*time.Since(began)).Truncate(time.Second)
	signer := signedBy(t, ca, newSigner(t), func(c *gossh.Certificate) { c.ValidBefore = uint64(end.Unix()) })
	c := h.mustLogin(d.name, signer)
	ch, reqs := h.started(c)
	go gossh.DiscardRequests(reqs)
	over(t, ch)
	if early := time.Until(end); early > 0 {
		t.Errorf("the session ended %v before the certificate", early)
	}
	h.noLive()
	if _, err := c.NewSession(); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("the connection still opens sessions: %v", err)
	}
}

// enact puts another law in force, as a reload does.
func (h *house) enact(o Options) {
	h.t.Helper()
	l, err := newLaw(o)
	if err != nil {
		h.t.Fatal(err)
	}
	h.inForce.Store(l)
	h.recheck("test")
}

// TestWhatEndsAVisit: what takes away somebody's standing ends what they have
// open, and others' visits go on.
func TestWhatEndsAVisit(t *testing.T) {
	ca, key := newSigner(t), newSigner(t)
	for name, change := range map[string]func(*testing.T, *house, *Options){
		"revoked":      func(_ *testing.T, h *house, o *Options) { o.Authorities[0].Revoked = []string{"serial:1"}; h.enact(*o) },
		"no authority": func(_ *testing.T, h *house, o *Options) { o.Authorities = nil; o.People = o.People[:2]; h.enact(*o) },
		"another's by now": func(_ *testing.T, h *house, o *Options) {
			o.People[2].Name, o.People[2].Principals = "dave", []string{"carol"}
			h.enact(*o)
		},
		"training over": func(_ *testing.T, h *house, o *Options) {
			o.People[2].TrainedUntil = policy.Date{Year: 2020, Month: 1, Day: 1}
			h.enact(*o)
		},
		"a charter to sign": func(_ *testing.T, h *house, o *Options) {
			o.Charter = policy.CharterConfig{Version: "5", Text: "Be kind."}
			o.People[0].Roles = []string{"technician"}
			h.enact(*o)
		},
		"locked": func(t *testing.T, h *house, _ *Options) {
			if got := h.run("gw", h.boss, "lock carol stolen laptop"); got.status != 0 {
				t.Errorf("%+v", got)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var options Options
			h := newHouse(t, func(o *Options) {
				company(ca)(o)
				options = *o
				options.Authorities, options.People = append([]policy.Authority{}, o.Authorities...), append([]policy.Person{}, o.People...)
			})
			d, other := h.device("laptop-7").join(), h.device("kiosk-2").join()
			ch, reqs := h.started(h.mustLogin(d.name, signedBy(t, ca, key, nil)))
			go gossh.DiscardRequests(reqs)
			alices, reqs := h.started(h.mustLogin(other.name, h.alice))
			go gossh.DiscardRequests(reqs)
			change(t, h, &options)
			over(t, ch)
			eventually(t, "the visit is over", func() bool { return len(h.visits.of(person{Person: policy.Person{Name: "carol"}})) == 0 })
			if name == "a charter to sign" {
				return // alice has not signed it either
			}
			if open := h.visits.of(person{Person: policy.Person{Name: "alice"}}); len(open) != 1 {
				t.Errorf("alice's visit ended too: %v", open)
			}
			_ = alices.Close()
		})
	}
}

// TestLockedConnection: one that was there before the lock opens nothing.
func TestLockedConnection(t *testing.T) {
	h := newHouse(t, nil)
	c := h.mustLogin("gw", h.alice)
	if got := h.run("gw", h.boss, "lock alice 'gone \x1b[2J astray'"); got.status != 0 {
		t.Fatalf("%+v", got)
	}
	if _, err := c.NewSession(); err == nil || !strings.Contains(err.Error(), "locked by boss (gone <U+001B>[2J astray)") {
		t.Errorf("%v", err)
	}
	says, err := h.loginSays("127.7.0.1", "gw", gossh.PublicKeys(h.alice))
	if err == nil || !strings.Contains(says, "You have been locked by boss") || strings.Contains(says, "none of your keys") {
		t.Errorf("%q, %v", says, err)
	}
	for command, want := range map[string]string{"unlock boss": "Nobody unlocks themself", "unlock bob": "not locked", "lock alice": "locked already", "lock": "Name a person"} {
		if got := h.run("gw", h.boss, command); got.status == 0 || !strings.Contains(got.errs, want) {
			t.Errorf("%s: %+v", command, got)
		}
	}
	if got := h.run("gw", h.boss, "unlock alice"); got.status != 0 {
		t.Errorf("%+v", got)
	}
	if got := h.run("gw", h.alice, "help"); got.status != 0 {
		t.Errorf("%+v", got)
	}
}

// loginSays is a login, and what the gateway says before it is through.
func (h *house) loginSays(from, user string, auth ...gossh.AuthMethod) (says string, err error) {
	conn := h.dialFrom(from, h.technicians)
	c, _, _, err := gossh.NewClientConn(conn, "gateway", &gossh.ClientConfig{
		User: user, Auth: auth, HostKeyCallback: gossh.FixedHostKey(h.Key()), Timeout: patience,
		BannerCallback: func(m string) error { says += m; return nil },
	})
	if err == nil {
		_ = c.Close()
	}
	return says, err
}

// withCodes gives alice one-time codes.
func withCodes(t *testing.T, secret policy.Secret) (func(*Options), string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "alice.totp")
	writeSecret(t, path, secret)
	return func(o *Options) { o.People[0].TOTPFile = path }, path
}

func writeSecret(t *testing.T, path string, secret policy.Secret) {
	t.Helper()
	if err := os.WriteFile(path, []byte(base32.StdEncoding.EncodeToString(secret)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// typing answers each question with the next of the codes.
func typing(codes ...string) gossh.AuthMethod {
	return gossh.RetryableAuthMethod(gossh.KeyboardInteractive(func(_, _ string, questions []string, _ []bool) ([]string, error) {
		if len(questions) == 0 || len(codes) == 0 {
			return nil, io.EOF
		}
		answer := codes[0]
		codes = codes[1:]
		return []string{answer}, nil
	}), 10)
}

// TestCodes: the key and a code, in that order, and each code once.
func TestCodes(t *testing.T) {
	secret := policy.Secret("12345678901234567890")
	change, path := withCodes(t, secret)
	h := newHouse(t, change)
	code := func(off int64) string { return secret.Code(policy.Step(time.Now()) + off) }
	key := gossh.PublicKeys(h.alice)
	in := func(i int, auth ...gossh.AuthMethod) string {
		t.Helper()
		says, err := h.loginSays(fmt.Sprintf("127.8.0.%d", i), "gw", auth...)
		if err == nil {
			return "in"
		}
		return says
	}
	for i, c := range []struct {
		name string
		auth []gossh.AuthMethod
		want string
	}{
		{"the key alone", []gossh.AuthMethod{key}, ""},
		{"a code alone", []gossh.AuthMethod{typing(code(0))}, "none of your keys"},
		{"a stranger's key and a code", []gossh.AuthMethod{gossh.PublicKeys(newSigner(t)), typing(code(0))}, "none of your keys"},
		{"a key that isn't held, and a code", []gossh.AuthMethod{gossh.PublicKeys(&liar{newSigner(t), h.alice.PublicKey()}), typing(code(0))}, ""},
		{"a wrong code", []gossh.AuthMethod{key, typing("000000x")}, "wrong, or it was used"},
		{"a wrong code, then a good one", []gossh.AuthMethod{key, typing("", code(0))}, "in"},
		{"the same again", []gossh.AuthMethod{key, typing(code(0))}, "wrong, or it was used"},
		{"the next", []gossh.AuthMethod{key, typing(code(1))}, "in"},
		{"who has no codes", []gossh.AuthMethod{gossh.PublicKeys(h.boss)}, "in"},
	} {
		if got := in(i+1, c.auth...); !strings.Contains(got, c.want) || c.want != "in" && got == "in" {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	// Another secret counts at once, and a file that can't be trusted is a no.
	other := policy.Secret("abcdefghijabcdefghij")
	writeSecret(t, path, other)
	if got := in(20, key, typing(secret.Code(policy.Step(time.Now())+1))); got == "in" {
		t.Error("the old secret still counts")
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if got := in(21, key, typing(other.Code(policy.Step(time.Now())+1))); !strings.Contains(got, "can't be read") {
		t.Errorf("by a secret that others can read: %q", got)
	}
}

// TestGuessingCodes: who holds the key and guesses is cut off after three, and
// after five in all no code is looked at, from whatever address.
func TestGuessingCodes(t *testing.T) {
	secret := policy.Secret("12345678901234567890")
	change, _ := withCodes(t, secret)
	h := newHouse(t, change)
	key := gossh.PublicKeys(h.alice)
	guesses := make([]string, 10)
	for i := range guesses {
		guesses[i] = "wrong!"
	}
	asked := 0
	counting := gossh.RetryableAuthMethod(gossh.KeyboardInteractive(func(_, _ string, q []string, _ []bool) ([]string, error) {
		asked += len(q)
		return guesses[:len(q)], nil
	}), 10)
	for i := range 3 {
		asked = 0
		says, err := h.loginSays(fmt.Sprintf("127.9.0.%d", i+1), "gw", key, counting)
		if err == nil || asked != codesMost {
			t.Errorf("connection %d: asked %d times, %v", i, asked, err)
		}
		if rests := strings.Contains(says, "Too many wrong codes"); rests != (i > 0) {
			t.Errorf("connection %d is told %q", i, says)
		}
	}
	if says, err := h.loginSays("127.9.1.1", "gw", key, typing(secret.Code(policy.Step(time.Now())))); err == nil || !strings.Contains(says, "Too many") {
		t.Errorf("the right code after too many wrong ones: %q, %v", says, err)
	}
}

// TestNoRecordNoCode: a code that can't be noted as used lets nobody in.
func TestNoRecordNoCode(t *testing.T) {
	secret := policy.Secret("12345678901234567890")
	change, _ := withCodes(t, secret)
	h := newHouse(t, change)
	hs := &handshake{gateway: h.Gateway, conn: nowhere{}}
	who := person{Person: policy.Person{Name: "alice", TOTPFile: h.law().people.All()[0].TOTPFile}}
	answer := func(string, string, []string, []bool) ([]string, error) {
		return []string{secret.Code(policy.Step(time.Now()))}, nil
	}
	h.stopIt()
	if err := hs.code(who, answer); err == nil || !strings.Contains(err.Error(), "can't write its records") {
		t.Errorf("%v", err)
	}
}

// nowhere is a connection that nothing is asked of but its end.
type nowhere struct{ net.Conn }

func (nowhere) Close() error { return nil }

// TestLawsThatCannotBe: a gateway whose people could never log in, or with a
// charter that nobody could read, doesn't start.
func TestLawsThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct {
		name   string
		change func(*Options)
		want   string
	}{
		{"no secret", func(o *Options) { o.People[0].TOTPFile = filepath.Join(dir, "none") }, "people[0].totp_file (of alice)"},
		{"a folder", func(o *Options) { o.People[0].TOTPFile = dir }, "is no file"},
		{"read by others", func(o *Options) { o.People[0].TOTPFile = write("open", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", 0o644) }, "chmod 600"},
		{"short", func(o *Options) { o.People[0].TOTPFile = write("short", "GEZDGNBV", 0o600) }, "5 bytes"},
		{"no charter", func(o *Options) {
			o.Charter = policy.CharterConfig{Version: "1", File: filepath.Join(dir, "none")}
		}, "charter.file"},
		{"an empty charter", func(o *Options) { o.Charter = policy.CharterConfig{Version: "1", File: write("empty", " \n", 0o644)} }, "is empty"},
		{"a charter without version", func(o *Options) { o.Charter = policy.CharterConfig{Text: "x"} }, "charter.version"},
		{"an authority twice", func(o *Options) {
			key := keyLine(newSigner(t))
			o.Authorities = []policy.Authority{{Name: "a", Key: key}, {Name: "b", Key: key}}
		}, "already that of a"},
	} {
		o := Options{Config: Defaults(), Policy: policy.Defaults(), People: []policy.Person{
			{Name: "alice", Keys: []string{keyLine(newSigner(t))}, Roles: []string{"technician"}},
		}}
		c.change(&o)
		if _, err := newLaw(o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestCharterText: the hash is that of the file, and what is shown is clean.
func TestCharterText(t *testing.T) {
	c, err := readCharter(policy.CharterConfig{Version: "4", Text: "One\ttwo\r\n\x1b[2Jthree\n\n"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Digest != fmt.Sprintf("%x", sha256.Sum256([]byte(c.text))) {
		t.Errorf("digest %s", c.Digest)
	}
	if got := strings.Join(c.lines(), "|"); got != "One    two|<U+001B>[2Jthree" {
		t.Errorf("shown %q", got)
	}
}

// TestLocksAreReadInOrder: of locks and unlocks that cross, the gateway knows
// what the store knows.
func TestLocksAreReadInOrder(t *testing.T) {
	h := newHouse(t, nil)
	done := make(chan error)
	for i := range 8 {
		go func() {
			name := fmt.Sprintf("p%d", i)
			err := h.store.Lock(context.Background(), name, "", self(time.Now()))
			if err == nil {
				err = h.reloadLocks(context.Background(), "test")
			}
			if err == nil && i%2 == 0 {
				err = h.store.Unlock(context.Background(), name, self(time.Now()))
			}
			if err == nil {
				err = h.reloadLocks(context.Background(), "test")
			}
			done <- err
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	for i := range 8 {
		if locked := h.locks.of(fmt.Sprintf("p%d", i)) != (policy.Lock{}); locked != (i%2 == 1) {
			t.Errorf("p%d locked: %v", i, locked)
		}
	}
}

// TestEveryRefusalIsInTheLog: also of a client that asks its person nothing,
// and once for each connection.
func TestEveryRefusalIsInTheLog(t *testing.T) {
	ca := newSigner(t)
	h := newHouse(t, company(ca))
	expired := signedBy(t, ca, newSigner(t), func(c *gossh.Certificate) { c.ValidBefore = c.ValidAfter + 1 })
	nothing := gossh.KeyboardInteractive(func(string, string, []string, []bool) ([]string, error) { return nil, nil })
	for i, c := range []struct {
		auth []gossh.AuthMethod
		want string
	}{
		{[]gossh.AuthMethod{gossh.PublicKeys(newSigner(t), newSigner(t))}, "no key of this client is known"},
		{[]gossh.AuthMethod{gossh.PublicKeys(newSigner(t)), nothing}, "no key of this client is known"},
		{[]gossh.AuthMethod{gossh.PublicKeys(expired)}, "The certificate expired"},
		{[]gossh.AuthMethod{gossh.PublicKeys(expired), nothing}, "The certificate expired"},
		{[]gossh.AuthMethod{gossh.PublicKeys(expired, h.alice)}, ""}, // in by another key
	} {
		from := fmt.Sprintf("127.10.0.%d", i+1)
		_, err := h.loginSays(from, "gw", c.auth...)
		if (err == nil) != (c.want == "") {
			t.Errorf("%d: %v", i, err)
		}
		told := func() (list []store.Entry) {
			entries, err := h.store.Audit(t.Context(), store.Filter{Kind: store.LoginDenied})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if strings.HasPrefix(e.Address, from+":") {
					list = append(list, e)
				}
			}
			return list
		}
		if c.want == "" {
			continue
		}
		eventually(t, "it is in the log", func() bool { return len(told()) > 0 })
		if list := told(); len(list) != 1 || !strings.Contains(list[0].Data["why"], c.want) || list[0].Data["what"] != "login as gw" {
			t.Errorf("%d: %+v", i, list)
		}
	}
}
