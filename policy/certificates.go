package policy

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/ssh"
)

// Authority is one entry of [[authorities]] in the configuration: a key that
// signs user certificates (ssh-keygen -s), which then log people in as their
// keys do.
type Authority struct {
	Name string `toml:"name"`
	Key  string `toml:"key"` // a line of a .pub file
	// Revoked are certificates that don't count any more: "serial:7",
	// "serial:7-19", "id:TEXT" (the key id), or the fingerprint "SHA256:…" of
	// the key that was certified.
	Revoked []string `toml:"revoked"`
}

// Bounds of what is read of a certificate.
const (
	principalMost  = 64 // characters of one
	principalsMost = 32 // of one certificate
)

// authority is a checked one.
type authority struct {
	name    string
	serials [][2]uint64
	ids     map[string]bool
	keys    map[string]bool // SHA-256 fingerprints
}

// CheckAuthorities refuses what can't be. An error is a [Mistake] whose key
// begins with the index of the entry: "[0].key".
func CheckAuthorities(list []Authority) error {
	_, err := NewPeople(nil, list)
	return err
}

// trust checks and indexes one authority.
func (p *People) trust(at string, a Authority) error {
	if !personName.MatchString(a.Name) {
		return mistake(at+".name", "%q is no name; 1 to 64 lower case letters, digits and . _ @ - are allowed", a.Name)
	}
	key, err := ParseKey(a.Key)
	if err != nil {
		return mistake(at+".key", "%v", err)
	}
	for _, other := range p.authorities {
		if other.name == a.Name {
			return mistake(at+".name", "%q stands here a second time; names are unique", a.Name)
		}
	}
	if other, ok := p.authorities[string(key.Marshal())]; ok {
		return mistake(at+".key", "this key of %s is already that of %s; the key of an authority stands once", a.Name, other.name)
	}
	trusted := authority{name: a.Name, ids: make(map[string]bool), keys: make(map[string]bool)}
	for i, entry := range a.Revoked {
		if err := trusted.revoke(entry); err != nil {
			return mistake(fmt.Sprintf("%s.revoked[%d]", at, i), "%v", err)
		}
	}
	p.authorities[string(key.Marshal())] = trusted
	return nil
}

// revoke reads one entry of the list of what is revoked.
func (a *authority) revoke(entry string) error {
	kind, rest, _ := strings.Cut(entry, ":")
	switch {
	case rest == "":
	case kind == "id":
		a.ids[rest] = true
		return nil
	case kind == "serial":
		first, last, isRange := strings.Cut(rest, "-")
		if !isRange {
			last = first
		}
		from, err := strconv.ParseUint(first, 10, 64)
		to, err2 := strconv.ParseUint(last, 10, 64)
		if err == nil && err2 == nil && from <= to {
			a.serials = append(a.serials, [2]uint64{from, to})
			return nil
		}
	case kind == "SHA256" && len(rest) == 43: // as ssh-keygen -l writes 32 bytes
		a.keys[entry] = true
		return nil
	}
	return fmt.Errorf(`%.80q names no certificate; write "serial:7", "serial:7-19", "id:KEY ID" or a fingerprint "SHA256:…"`, entry)
}

// revoked says by which entry a certificate doesn't count any more; empty: it
// isn't revoked.
func (a *authority) revoked(cert *ssh.Certificate) string {
	for _, s := range a.serials {
		if s[0] <= cert.Serial && cert.Serial <= s[1] {
			return fmt.Sprintf("serial %d", cert.Serial)
		}
	}
	if a.ids[cert.KeyId] {
		return fmt.Sprintf("id %.80q", cert.KeyId)
	}
	if key := ssh.FingerprintSHA256(cert.Key); a.keys[key] {
		return key
	}
	return ""
}

// Certified is what a certificate says of who proves its key.
type Certified struct {
	Person    Person
	Authority string
	// Principals are all but the one that named the person. Rules know them as
	// "principal:NAME".
	Principals []string
	Until      time.Time // zero: the certificate never ends
}

// Certified is the person that a certificate names, by the strictest reading:
// a user certificate of an authority that stands in the configuration, signed
// by the authority's own plain key and not with SHA-1, valid now, not revoked,
// with at least one principal and exactly one that means a person, and with no
// critical option but source-address. That last one is for the SSH library to
// keep, which knows the address. It must be asked again whenever the
// certificate is relied upon: time passes. The error is a sentence.
func (p *People) Certified(cert *ssh.Certificate, now time.Time) (Certified, error) {
	a, err := p.signed(cert)
	if err != nil {
		return Certified{}, err
	}
	if by := a.revoked(cert); by != "" {
		return Certified{}, fmt.Errorf("the certificate was revoked (%s)", by)
	}
	if err := checkOptions(cert); err != nil {
		return Certified{}, err
	}
	c := Certified{Authority: a.name}
	if c.Until, err = validAt(cert, now); err != nil {
		return Certified{}, err
	}
	c.Person, c.Principals, err = p.named(cert.ValidPrincipals)
	return c, err
}

// signed finds the authority of a certificate and verifies its signature.
func (p *People) signed(cert *ssh.Certificate) (authority, error) {
	var none authority
	if cert == nil || cert.Key == nil || cert.SignatureKey == nil || cert.Signature == nil {
		return none, fmt.Errorf("this is no certificate")
	}
	a, ok := p.authorities[string(cert.SignatureKey.Marshal())]
	switch {
	case !ok: // a key that is itself a certificate is never among them
		return none, fmt.Errorf("the certificate is signed by no authority that is known here")
	case cert.CertType != ssh.UserCert:
		return none, fmt.Errorf("the certificate is not one for a user")
	case cert.Signature.Format == ssh.KeyAlgoRSA:
		return none, fmt.Errorf("the certificate is signed with SHA-1; sign it anew with ssh-keygen -t rsa-sha2-512")
	}
	if err := checkKey(cert.Key); err != nil {
		return none, fmt.Errorf("the certificate is for a key that can't be used: %w", err)
	}
	// Only the signature is of interest here: whatever else the library looks
	// at is judged by us, so it is shown a moment and options that suit it.
	if cert.ValidAfter > math.MaxInt64 || cert.ValidBefore <= cert.ValidAfter || len(cert.ValidPrincipals) == 0 {
		return none, fmt.Errorf("the certificate is for nobody or for no time")
	}
	checker := ssh.CertChecker{Clock: func() time.Time { return time.Unix(int64(cert.ValidAfter), 0) }}
	for name := range cert.CriticalOptions {
		checker.SupportedCriticalOptions = append(checker.SupportedCriticalOptions, name)
	}
	if err := checker.CheckCert(cert.ValidPrincipals[0], cert); err != nil {
		return none, fmt.Errorf("the certificate's signature is not that of the authority %q", a.name)
	}
	return a, nil
}

// The options and extensions of certificates that mean something here
// (OpenSSH, PROTOCOL.certkeys).
const (
	optionSource   = "source-address"
	optionVerify   = "verify-required"
	extensionTouch = "no-touch-required"
)

func checkOptions(cert *ssh.Certificate) error {
	for name := range cert.CriticalOptions {
		switch name {
		case optionSource: // kept by the SSH library, which knows the address
		case optionVerify:
			return fmt.Errorf("the certificate wants the token's PIN to be checked, which this gateway can't")
		default:
			return fmt.Errorf("the certificate has the critical option %.40q, which this gateway doesn't know", name)
		}
	}
	if _, ok := cert.Extensions[extensionTouch]; ok {
		return fmt.Errorf("the certificate waives the touch of the token (%s), and every login here needs it", extensionTouch)
	}
	return nil
}

func validAt(cert *ssh.Certificate, now time.Time) (until time.Time, err error) {
	if now.Before(time.Unix(int64(cert.ValidAfter), 0)) { //nolint:gosec // bounded by [People.signed]
		return time.Time{}, fmt.Errorf("the certificate is not valid yet")
	}
	if cert.ValidBefore == ssh.CertTimeInfinity {
		return time.Time{}, nil
	}
	if cert.ValidBefore > math.MaxInt64 {
		return time.Time{}, fmt.Errorf("the certificate is valid until a time that makes no sense")
	}
	until = time.Unix(int64(cert.ValidBefore), 0)
	if !now.Before(until) {
		return time.Time{}, fmt.Errorf("the certificate expired on %s", until.In(now.Location()).Format("2006-01-02 at 15:04"))
	}
	return until, nil
}

// named finds the one person that principals mean, and the other principals.
func (p *People) named(principals []string) (who Person, rest []string, err error) {
	if len(principals) > principalsMost {
		return Person{}, nil, fmt.Errorf("the certificate has %d principals, at most %d are taken", len(principals), principalsMost)
	}
	for i, name := range principals {
		if !validPrincipal(name) || slices.Contains(principals[:i], name) {
			return Person{}, nil, fmt.Errorf("the certificate has a principal that is malformed or stands twice: %.40q", name)
		}
		found, ok := p.byPrincipal[name]
		switch {
		case !ok:
			rest = append(rest, name)
		case who.Name != "":
			return Person{}, nil, fmt.Errorf("two principals of the certificate mean people here, and exactly one must")
		default:
			who = found
		}
	}
	if who.Name == "" {
		return Person{}, nil, fmt.Errorf("no principal of the certificate means a person here; it has %s", quoted(rest))
	}
	return who, rest, nil
}

func quoted(names []string) string {
	var b strings.Builder
	for i, name := range names {
		if i == 3 {
			return b.String() + " and others"
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", name)
	}
	return b.String()
}

func validPrincipal(name string) bool {
	n := utf8.RuneCountInString(name)
	return n >= 1 && n <= principalMost && utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsPrint(r) || unicode.IsSpace(r) || r == ','
	})
}
