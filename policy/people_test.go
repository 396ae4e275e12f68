package policy

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

func TestPeopleFindsByKey(t *testing.T) {
	first, second, third := ed25519Line(t), skLine(t), ed25519Line(t)
	people, err := NewPeople([]Person{
		{Name: "alice", Full: "Alice Martin", Keys: []string{first, second}, Roles: []string{"technician", "supervisor"}},
		{Name: "bob@example.org", Keys: []string{third}, Roles: []string{"auditor"}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for text, name := range map[string]string{first: "alice", second: "alice", third: "bob@example.org", ed25519Line(t): ""} {
		key, err := ParseKey(text)
		if err != nil {
			t.Fatal(err)
		}
		if p, ok := people.Find(key); p.Name != name || ok != (name != "") {
			t.Errorf("found %q, want %q", p.Name, name)
		}
	}
	if _, ok := people.Find(nil); ok {
		t.Error("no key found somebody")
	}
	if _, ok := new(People).Find(mustParse(t, first)); ok {
		t.Error("the zero value knows somebody")
	}
}

// TestCertificateIsNobodysKey: a certificate over alice's own key doesn't find
// alice, whoever signed it.
func TestCertificateIsNobodysKey(t *testing.T) {
	cert, _, _, _, err := ssh.ParseAuthorizedKey([]byte(certLine(t)))
	if err != nil {
		t.Fatal(err)
	}
	inner := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(cert.(*ssh.Certificate).Key)))
	people, err := NewPeople([]Person{{Name: "alice", Keys: []string{inner}, Roles: []string{"technician"}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := people.Find(cert); ok {
		t.Error("the certificate was taken for the key")
	}
}

func mustParse(t *testing.T, text string) ssh.PublicKey {
	t.Helper()
	key, err := ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestPeopleMistakes(t *testing.T) {
	key, other := ed25519Line(t), ed25519Line(t)
	ok := Person{Name: "alice", Keys: []string{key}, Roles: []string{"technician"}}
	with := func(change func(*Person)) []Person {
		p := Person{Name: "bob", Keys: []string{other}, Roles: []string{"technician"}}
		change(&p)
		return []Person{ok, p}
	}
	for _, c := range []struct {
		name string
		list []Person
		at   string
		want string
	}{
		{"same name", with(func(p *Person) { p.Name = "alice" }), "[1].name", `"alice" stands here a second time`},
		{"no name", with(func(p *Person) { p.Name = "" }), "[1].name", `"" is no name`},
		{"capitals", with(func(p *Person) { p.Name = "Bob" }), "[1].name", `"Bob" is no name`},
		{"escape in the name", with(func(p *Person) { p.Name = "b\x1b[2J" }), "[1].name", `"b\x1b[2J" is no name`},
		{"escape in the full name", with(func(p *Person) { p.Full = "B\x1b[2J" }), "[1].full", `"B\x1b[2J" is no full name`},
		{"turned full name", with(func(p *Person) { p.Full = "B\u202e" }), "[1].full", `"B\u202e" is no full name`},
		{"long full name", with(func(p *Person) { p.Full = strings.Repeat("b", 65) }), "[1].full", "is no full name"},
		{"no keys", with(func(p *Person) { p.Keys = nil }), "[1].keys", "bob has no key"},
		{"a file that can't be", with(func(p *Person) { p.TOTPFile = "a\x00" }), "[1].totp_file", "is no name of a file"},
		{"a principal that is a name", with(func(p *Person) { p.Principals = []string{"alice"} }), "[1].principals[0]", `"alice" already means alice`},
		{"a principal twice", with(func(p *Person) { p.Principals = []string{"x", "x"} }), "[1].principals[1]", `"x" already means bob`},
		{"a principal with a comma", with(func(p *Person) { p.Principals = []string{"x,y"} }), "[1].principals[0]", `"x,y" is no principal`},
		{"no roles", with(func(p *Person) { p.Roles = nil }), "[1].roles", "bob has no role and may do nothing; allowed are technician, supervisor, auditor, admin"},
		{"unknown role", with(func(p *Person) { p.Roles = []string{"admin", "root"} }), "[1].roles[1]", `"root" is no role; allowed are technician, supervisor, auditor, admin`},
		{"role twice", with(func(p *Person) { p.Roles = []string{"admin", "admin"} }), "[1].roles[1]", `"admin" stands twice`},
		{"auditor and admin", with(func(p *Person) { p.Roles = []string{"auditor", "admin"} }), "[1].roles", "bob is auditor and admin; nobody may be both"},
		{"no key", with(func(p *Person) { p.Keys = []string{other, "ssh-nonsense"} }), "[1].keys[1]", `"ssh-nonsense" is no public key`},
		{"another's key", with(func(p *Person) { p.Keys = []string{key + " mine"} }), "[1].keys[0]", "this key of bob is already that of alice"},
		{"key twice", with(func(p *Person) { p.Keys = []string{other, other} }), "[1].keys[1]", "this key of bob is already that of bob"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := NewPeople(c.list, nil)
			var m Mistake
			if !errors.As(err, &m) || m.At() != c.at || !strings.Contains(m.Sentence, c.want) {
				t.Errorf("got %v", err)
			}
			if err != nil && !strings.HasPrefix(err.Error(), c.at+": ") {
				t.Errorf("the text doesn't begin with the key: %v", err)
			}
		})
	}
}
