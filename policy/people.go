package policy

import (
	"crypto/rsa"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/crypto/ssh"
)

// Role is what a person may be.
type Role string

// The roles. An auditor is never an admin: who looks after the evidence does
// not run the place.
const (
	Technician Role = "technician"
	Supervisor Role = "supervisor"
	Auditor    Role = "auditor"
	Admin      Role = "admin"
)

// Roles are all roles.
func Roles() []Role { return []Role{Technician, Supervisor, Auditor, Admin} }

// Bounds of RSA keys, in bits: below is too weak, above only costs time at
// each login.
const (
	rsaLeast = 2048
	rsaMost  = 8192
)

// fullMost bounds a person's full name, in characters.
const fullMost = 64

var personName = regexp.MustCompile(`^[a-z0-9]([a-z0-9._@-]{0,62}[a-z0-9])?$`)

// Person is one entry of [[people]] in the configuration.
type Person struct {
	Name  string   `toml:"name"`
	Full  string   `toml:"full"`
	Keys  []string `toml:"keys"` // lines as in authorized_keys, without options
	Roles []string `toml:"roles"`
	// Principals of certificates that mean this person, besides the name.
	Principals []string `toml:"principals"`
	// TOTPFile holds the secret of the person's one-time codes; empty: none is
	// asked for. See [ParseSecret].
	TOTPFile string `toml:"totp_file"`
	// TrainedUntil is the last day on which the person may visit; none: no
	// training is asked for, unless the charter says so.
	TrainedUntil Date `toml:"trained_until"`
}

// Has reports whether the person holds a role.
func (p Person) Has(r Role) bool { return p.Name != "" && slices.Contains(p.Roles, string(r)) }

// Display is how the person is named to others: in full, where that is known.
func (p Person) Display() string {
	if p.Full != "" {
		return p.Full
	}
	return p.Name
}

// People finds people by their keys and certificates. It doesn't change after
// [NewPeople] and is safe for concurrent use. The zero value knows nobody.
type People struct {
	list        []Person
	byKey       map[string]Person // by the wire form of the key
	byPrincipal map[string]Person
	authorities map[string]authority // by the wire form of the key
}

// NewPeople checks the entries and indexes them by key and principal. An error
// is a [Mistake] whose key begins with the index of the entry: "[2].keys[0]".
// The authorities must have passed [CheckAuthorities].
func NewPeople(list []Person, authorities []Authority) (*People, error) {
	p := &People{
		list: slices.Clone(list), byKey: make(map[string]Person), byPrincipal: make(map[string]Person),
		authorities: make(map[string]authority),
	}
	for i, a := range authorities {
		if err := p.trust(fmt.Sprintf("[%d]", i), a); err != nil {
			return nil, err
		}
	}
	for i, person := range list {
		if err := p.add(fmt.Sprintf("[%d]", i), person); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// add checks and indexes one person.
func (p *People) add(at string, person Person) error {
	if err := person.check(at); err != nil {
		return err
	}
	if len(person.Keys) == 0 && len(p.authorities) == 0 {
		return mistake(at+".keys", "%s has no key and could never log in; add a line of their .pub file", person.Name)
	}
	other, taken := p.byPrincipal[person.Name]
	switch {
	case taken && other.Name == person.Name:
		return mistake(at+".name", "%q stands here a second time; names are unique", person.Name)
	case taken:
		return mistake(at+".name", "%q is a principal of %s already; a name in a certificate means one person", person.Name, other.Name)
	}
	p.byPrincipal[person.Name] = person
	for j, name := range person.Principals {
		at := fmt.Sprintf("%s.principals[%d]", at, j)
		if !validPrincipal(name) {
			return mistake(at, "%q is no principal; 1 to %d printable characters without spaces and commas are allowed", name, principalMost)
		}
		if other, ok := p.byPrincipal[name]; ok {
			return mistake(at, "%q already means %s; a name in a certificate means one person and stands once", name, other.Name)
		}
		p.byPrincipal[name] = person
	}
	return p.addKeys(at, person)
}

func (p *People) addKeys(at string, person Person) error {
	for j, line := range person.Keys {
		at := fmt.Sprintf("%s.keys[%d]", at, j)
		key, err := ParseKey(line)
		if err != nil {
			return mistake(at, "%v", err)
		}
		if other, ok := p.byKey[string(key.Marshal())]; ok {
			return mistake(at, "this key of %s is already that of %s; a key belongs to one person and stands once", person.Name, other.Name)
		}
		if a, ok := p.authorities[string(key.Marshal())]; ok {
			return mistake(at, "this key of %s signs the certificates of the authority %q; nobody logs in with such a key", person.Name, a.name)
		}
		p.byKey[string(key.Marshal())] = person
	}
	return nil
}

// All are the people in the order of the configuration.
func (p *People) All() []Person { return slices.Clone(p.list) }

// Named is the person of that name.
func (p *People) Named(name string) (Person, bool) {
	i := slices.IndexFunc(p.list, func(person Person) bool { return person.Name == name })
	if i < 0 {
		return Person{}, false
	}
	return p.list[i], true
}

// Find is the person whose key this is. A certificate is nobody's key.
func (p *People) Find(key ssh.PublicKey) (Person, bool) {
	if key == nil {
		return Person{}, false
	}
	found, ok := p.byKey[string(key.Marshal())]
	return found, ok
}

// check judges one entry by itself, but for its keys.
func (p Person) check(at string) error {
	switch {
	case !personName.MatchString(p.Name):
		return mistake(at+".name", "%q is no name; 1 to 64 lower case letters, digits and . _ @ - are allowed", p.Name)
	case len([]rune(p.Full)) > fullMost || strings.ContainsFunc(p.Full, func(r rune) bool { return !unicode.IsPrint(r) }):
		return mistake(at+".full", "%q is no full name; up to %d printable characters are allowed", p.Full, fullMost)
	case strings.ContainsFunc(p.TOTPFile, func(r rune) bool { return !unicode.IsPrint(r) }):
		return mistake(at+".totp_file", "%q is no name of a file", p.TOTPFile)
	case len(p.Roles) == 0:
		return mistake(at+".roles", "%s has no role and may do nothing; allowed are %s", p.Name, roleNames())
	case p.Has(Auditor) && p.Has(Admin):
		return mistake(at+".roles", "%s is auditor and admin; nobody may be both", p.Name)
	}
	seen := make(map[string]bool, len(p.Roles))
	for j, r := range p.Roles {
		if !slices.Contains(Roles(), Role(r)) {
			return mistake(fmt.Sprintf("%s.roles[%d]", at, j), "%q is no role; allowed are %s", r, roleNames())
		}
		if seen[r] {
			return mistake(fmt.Sprintf("%s.roles[%d]", at, j), "%q stands twice", r)
		}
		seen[r] = true
	}
	return nil
}

func roleNames() string {
	names := make([]string, 0, len(Roles()))
	for _, r := range Roles() {
		names = append(names, string(r))
	}
	return strings.Join(names, ", ")
}

// ParseKey reads one line as in authorized_keys (sshd(8)). Options are
// refused, for they would be silently without effect; so are certificates,
// DSA, and RSA keys of a length outside 2048 to 8192 bits.
func ParseKey(line string) (ssh.PublicKey, error) {
	if strings.ContainsAny(line, "\r\n") {
		return nil, fmt.Errorf("one line is expected; write each key as a text of its own")
	}
	key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return nil, fmt.Errorf("%.40q is no public key; copy the line of a .pub file, which begins with its type such as ssh-ed25519", line)
	}
	if len(options) > 0 {
		return nil, fmt.Errorf("the option %.40q stands before the key and would have no effect; remove it", options[0])
	}
	if err := checkKey(key); err != nil {
		return nil, err
	}
	return key, nil
}

func checkKey(key ssh.PublicKey) error {
	switch key.Type() {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256,
		ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521:
		return nil
	case ssh.KeyAlgoRSA:
		return checkRSA(key)
	}
	return fmt.Errorf("keys of the type %q are not accepted; use ssh-ed25519, ecdsa, an sk- key, or rsa", key.Type())
}

func checkRSA(key ssh.PublicKey) error {
	bits := 0
	if c, ok := key.(ssh.CryptoPublicKey); ok {
		if k, ok := c.CryptoPublicKey().(*rsa.PublicKey); ok {
			bits = k.N.BitLen()
		}
	}
	if bits < rsaLeast || bits > rsaMost {
		return fmt.Errorf("an rsa key of %d bits is not accepted, %d to %d are; better make one with ssh-keygen -t ed25519", bits, rsaLeast, rsaMost)
	}
	return nil
}
