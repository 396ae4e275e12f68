package wire

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"testing"

	"golang.org/x/crypto/ssh"
)

// token plays a FIDO key: it signs what OpenSSH has such a key sign
// (PROTOCOL.u2f), with these flags.
type token struct {
	private ed25519.PrivateKey
	public  ssh.PublicKey
}

const skType, skApplication = "sk-ssh-ed25519@openssh.com", "ssh:"

func newToken(t *testing.T) token {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.ParsePublicKey(ssh.Marshal(struct {
		Type        string
		Key         []byte
		Application string
	}{skType, public, skApplication}))
	if err != nil {
		t.Fatal(err)
	}
	return token{private, key}
}

// sign makes the armored SSHSIG (PROTOCOL.sshsig).
func (k token) sign(namespace string, statement []byte, flags byte) []byte {
	digest := sha512.Sum512(statement)
	blob := append([]byte("SSHSIG"), ssh.Marshal(struct {
		Namespace, Reserved, Hash string
		Digest                    []byte
	}{namespace, "", "sha512", digest[:]})...)
	app, message := sha256.Sum256([]byte(skApplication)), sha256.Sum256(blob)
	signed := append(app[:], flags)
	signed = binary.BigEndian.AppendUint32(signed, 7)
	signed = append(signed, message[:]...)
	sig := ssh.Marshal(struct {
		Type string
		Blob []byte
	}{skType, ed25519.Sign(k.private, signed)})
	sig = binary.BigEndian.AppendUint32(append(sig, flags), 7)
	packed := append([]byte("SSHSIG"), ssh.Marshal(struct {
		Version                   uint32
		Key                       []byte
		Namespace, Reserved, Hash string
		Signature                 []byte
	}{1, k.public.Marshal(), namespace, "", "sha512", sig})...)
	text := base64.StdEncoding.EncodeToString(packed)
	var b bytes.Buffer
	b.WriteString("-----BEGIN SSH SIGNATURE-----\n")
	for len(text) > 70 {
		b.WriteString(text[:70] + "\n")
		text = text[70:]
	}
	b.WriteString(text + "\n-----END SSH SIGNATURE-----\n")
	return b.Bytes()
}

// A FIDO key signs like any other, if it was touched.
func TestFIDOKeysSign(t *testing.T) {
	const present = 0x01
	k, text := newToken(t), []byte("a statement\n")
	if err := Verify(k.public, NamespaceOverride, text, k.sign(NamespaceOverride, text, present)); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"untouched":         Verify(k.public, NamespaceOverride, text, k.sign(NamespaceOverride, text, 0)),
		"another namespace": Verify(k.public, NamespaceOverride, text, k.sign(NamespaceRoster, text, present)),
		"another text":      Verify(k.public, NamespaceOverride, text, k.sign(NamespaceOverride, append(text, 'x'), present)),
		"another key":       Verify(newToken(t).public, NamespaceOverride, text, k.sign(NamespaceOverride, text, present)),
	} {
		if !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
