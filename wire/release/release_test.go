package release

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"pgregory.net/rapid"

	"accord/wire"
)

const sumText = "9fa70123456789abcdef0123456789abcdef0123456789abcdef0123456789ab"

const good = `accord release 1
version v1.2.0
commit 0f3c9a1b2c3d4e5f60718293a4b5c6d7e8f90a1b
made 2026-11-23T05:00:00Z
program linux amd64 24117248 ` + sumText + `
program linux arm64 23117248 ` + sumText + `
program windows amd64 25117248 ` + sumText + "\n"

func newKey(t *testing.T) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestParse(t *testing.T) {
	m, err := Parse([]byte(good))
	if err != nil || m.Version != "v1.2.0" || !m.Made.Equal(time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC)) || len(m.Programs) != 3 {
		t.Fatalf("%+v, %v", m, err)
	}
	if p, err := m.For("linux", "arm64"); err != nil || p.Size != 23117248 || m.File(p) != "accord-v1.2.0-linux-arm64" {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err := m.For("windows", "amd64"); err != nil || m.File(p) != "accord-v1.2.0-windows-amd64.exe" {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := m.For("plan9", "amd64"); err == nil {
		t.Error("there is a program for plan9")
	}
}

func TestParseRefuses(t *testing.T) {
	amd := "program linux amd64 24117248 " + sumText + "\n"
	replace := func(was, is string) string { return strings.Replace(good, was, is, 1) }
	for name, text := range map[string]string{
		"nothing":                   "",
		"another format":            replace("release 1", "release 2"),
		"CRLF":                      strings.ReplaceAll(good, "\n", "\r\n"),
		"no newline at the end":     strings.TrimSuffix(good, "\n"),
		"an empty line":             good + "\n",
		"text behind":               good + "more\n",
		"a byte order mark":         "\ufeff" + good,
		"cut":                       good[:len(good)-10],
		"no program":                good[:strings.Index(good, "program")],
		"no version":                replace("version v1.2.0\n", ""),
		"version twice":             replace("version v1.2.0\n", "version v1.2.0\nversion v1.3.0\n"),
		"lines in another order":    replace("version v1.2.0\ncommit", "commit"),
		"version as a path":         replace("v1.2.0", "../../etc"),
		"version as a folder above": replace("v1.2.0", ".."),
		"hidden version":            replace("v1.2.0", ".v1"),
		"version as an option":      replace("v1.2.0", "-v1"),
		"version with an escape":    replace("v1.2.0", "v1\x1b[2J"),
		"version with a NUL":        replace("v1.2.0", "v1\x00"),
		"version that is too long":  replace("v1.2.0", "v"+strings.Repeat("1", 64)),
		"version with a space":      replace("v1.2.0", "v1 2"),
		"empty version":             replace("v1.2.0", ""),
		"commit in capitals":        replace("0f3c9a", "0F3C9A"),
		"no commit":                 replace("0f3c9a1b2c3d4e5f60718293a4b5c6d7e8f90a1b", "none"),
		"time with a zone":          replace("05:00:00Z", "05:00:00+00:00"),
		"time with a fraction":      replace("05:00:00Z", "05:00:00.5Z"),
		"no time":                   replace("2026-11-23T05:00:00Z", "yesterday"),
		"time of no release":        replace("2026", "1970"),
		"one program twice":         replace(amd, amd+amd),
		"two for one machine":       replace(amd, amd+strings.Replace(amd, "24117248", "1", 1)),
		"programs in another order": replace(amd, "") + amd,
		"system in capitals":        replace("linux amd64", "Linux amd64"),
		"system as a path":          replace("linux amd64", "../x amd64"),
		"size 0":                    replace("24117248", "0"),
		"negative size":             replace("24117248", "-1"),
		"size with a plus":          replace("24117248", "+24117248"),
		"size with zeros":           replace("24117248", "024117248"),
		"size too large":            replace("24117248", "268435457"),
		"size that overflows":       replace("24117248", "99999999999999999999"),
		"sum in capitals":           replace("9fa7", "9FA7"),
		"short sum":                 replace("9fa7", "9f"),
		"two spaces":                replace("linux amd64", "linux  amd64"),
		"a tab":                     replace("linux amd64", "linux\tamd64"),
		"a space at the end":        replace("89ab\n", "89ab \n"),
		"another word":              replace("program", "package"),
		"more than is allowed":      good + strings.Repeat("x", MaxManifest),
	} {
		if m, err := Parse([]byte(text)); !errors.Is(err, ErrManifest) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(strings.Replace(good, "v1.2.0", "..", 1)))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := Parse(text)
		if err != nil {
			return
		}
		if !bytes.Equal(m.Text(), text) || !ValidVersion(m.Version) || wire.Clean(m.Version, wire.MaxName) != m.Version {
			t.Fatalf("%q came back as %q", text, m.Text())
		}
		for _, p := range m.Programs {
			if name := m.File(p); filepath.Base(name) != name || !filepath.IsLocal(name) {
				t.Fatalf("a program's file is %q", name)
			}
		}
	})
}

// TestNewer: what is newer is so in both its time and its number, so that nothing
// is newer than what is newer than it.
func TestNewer(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		a, b Build
		want bool
	}{
		{Build{"v1.2.0", day(2)}, Build{"v1.1.9", day(1)}, true},
		{Build{"v1.10.0", day(2)}, Build{"v1.9.0", day(1)}, true},
		{Build{"v1.2", day(2)}, Build{"v1.2.0", day(1)}, true},
		{Build{"v1.2.0-3-gabcdef0", day(2)}, Build{"v1.2.0", day(1)}, true},
		{Build{"abcdef0", day(2)}, Build{"0123456", day(1)}, true},
		{Build{"v1.2.0", day(1)}, Build{"v1.2.0", day(1)}, false},
		{Build{"v1.1.9", day(2)}, Build{"v1.2.0", day(1)}, false}, // an older line, mended later
		{Build{"v1.2.0", day(1)}, Build{"v1.1.9", day(2)}, false},
		{Build{"v1.2.0", day(1)}, Build{"devel", time.Time{}}, false},
		{Build{"v1.2.0", time.Time{}}, Build{"v1.1.9", day(1)}, false},
	} {
		if err := c.a.Newer(c.b); (err == nil) != c.want {
			t.Errorf("%+v after %+v: %v", c.a, c.b, err)
		}
	}
	builds := rapid.Custom(func(t *rapid.T) Build {
		return Build{rapid.StringMatching(`v?[0-2](\.[0-2]){1,2}(-rc1)?|[a-f]{7}`).Draw(t, "version"), day(rapid.IntRange(1, 4).Draw(t, "day"))}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := builds.Draw(t, "a"), builds.Draw(t, "b")
		if a.Newer(b) == nil && b.Newer(a) == nil || a.Newer(a) == nil {
			t.Fatalf("%+v and %+v are newer than each other", a, b)
		}
	})
}

// TestOpen: only a signature by one of the signers, over this very text, in the
// namespace of releases counts.
func TestOpen(t *testing.T) {
	key, other := newKey(t), newKey(t)
	signers := []Signer{{"others", newKey(t).PublicKey()}, {"releases", key.PublicKey()}}
	sign := func(key ssh.Signer, namespace, text string) []byte {
		sig, err := wire.Sign(key, namespace, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}
	m, who, err := Open(signers, []byte(good), sign(key, Namespace, good))
	if err != nil || who.Name != "releases" || m.Version != "v1.2.0" {
		t.Fatalf("%+v, %v, %v", m, who, err)
	}
	for name, c := range map[string]struct {
		signers []Signer
		text    string
		sig     []byte
	}{
		"nobody counts":           {nil, good, sign(key, Namespace, good)},
		"another signer":          {signers, good, sign(other, Namespace, good)},
		"another namespace":       {signers, good, sign(key, wire.NamespaceOverride, good)},
		"namespace of a file":     {signers, good, sign(key, "file", good)},
		"another text":            {signers, strings.Replace(good, "v1.2.0", "v1.2.1", 1), sign(key, Namespace, good)},
		"not signed":              {signers, good, nil},
		"no signature":            {signers, good, []byte("-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n")},
		"endless signature":       {signers, good, append(sign(key, Namespace, good), make([]byte, MaxSignature)...)},
		"signed, but no manifest": {signers, good + "x", sign(key, Namespace, good+"x")},
	} {
		if m, _, err := Open(c.signers, []byte(c.text), c.sig); err == nil || m != nil {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

func TestParseSigner(t *testing.T) {
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(newKey(t).PublicKey())))
	if s, err := ParseSigner("releases " + line + " of the company"); err != nil || s.Name != "releases" {
		t.Errorf("%+v, %v", s, err)
	}
	for _, bad := range []string{"", "releases", line, "a\x1bb " + line, "releases command=\"x\" " + line, "releases " + line + "\nb " + line} {
		if s, err := ParseSigner(bad); err == nil {
			t.Errorf("%q is %+v", bad, s)
		}
	}
}

// TestFolder: a release is made of what make dist leaves, and each file of it that
// is altered, cut or missing is named.
func TestFolder(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b := Build{"v1.2.0", time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC)}
	if _, err := Make(dir, b, "0123456"); err == nil {
		t.Error("a release of nothing")
	}
	write("accord-v1.2.0-linux-amd64", "one")
	write("accord-v1.2.0-windows-arm64.exe", "two")
	for _, other := range []string{"accord-v1.2.0.cdx.json", "accord_1.2.0_amd64.deb", "accord-v1.1.0-linux-amd64", "accord-v1.2.0-windows-amd64", "SHA256SUMS"} {
		write(other, "other")
	}
	m, err := Make(dir, b, "0123456")
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("made 2026-11-23T05:00:00Z\nprogram linux amd64 3 %x\nprogram windows arm64 3 %x\n", sha256.Sum256([]byte("one")), sha256.Sum256([]byte("two")))
	if !strings.HasSuffix(string(m.Text()), want) {
		t.Errorf("the wrong files: %s", m.Text())
	}
	if _, err := ReadFolder(dir); err == nil || !strings.Contains(err.Error(), "is not signed") {
		t.Errorf("unsigned: %v", err)
	}
	sig, err := wire.Sign(newKey(t), Namespace, m.Text())
	if err != nil {
		t.Fatal(err)
	}
	write(SignatureFile, string(sig))
	f, err := ReadFolder(dir)
	if err != nil || f.Check(f.Programs[0]) != nil || f.Check(f.Programs[1]) != nil || !strings.HasPrefix(f.SignedBy(), "SHA256:") {
		t.Fatalf("%+v, %v", f, err)
	}
	for _, bad := range []string{"onf", "on", "one more"} {
		write("accord-v1.2.0-linux-amd64", bad)
		if f.Check(f.Programs[0]) == nil {
			t.Errorf("%q is the program that was signed", bad)
		}
	}
	write(ManifestFile, strings.Replace(string(m.Text()), "v1.2.0", "v1.2.1", 1))
	if _, err := ReadFolder(dir); err == nil || !strings.Contains(err.Error(), "the signature of release v1.2.1") {
		t.Errorf("altered: %v", err)
	}
	found, odd, err := List(filepath.Dir(dir))
	if err != nil || len(found) != 0 || len(odd) != 1 {
		t.Errorf("%v, %v, %v", found, odd, err)
	}
}
