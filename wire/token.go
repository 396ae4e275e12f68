package wire

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
)

// Token lets one device join: a secret that the gateway knows by its hash, and
// the fingerprint of the gateway's key, so that the device trusts nobody else.
type Token struct {
	Secret  string
	Gateway string // SHA-256 fingerprint, as ssh-keygen -l prints it
}

// NewToken makes a token for the gateway with this fingerprint.
func NewToken(gateway string) Token {
	return Token{Secret: rand.Text(), Gateway: gateway}
}

// tokenStart tells a token from anything else that is pasted; the digit is its
// version.
const tokenStart = "accord1"

// String is the token as it is given to `accord join`.
func (t Token) String() string {
	return tokenStart + "." + t.Secret + "." + base64.RawURLEncoding.EncodeToString([]byte(t.Gateway))
}

// ParseToken reads what String wrote.
func ParseToken(s string) (Token, error) {
	bad := errors.New("this is no enrolment token: copy the whole word that starts with " + tokenStart + ".")
	parts := strings.Split(strings.TrimSpace(s), ".")
	if len(parts) != 3 || parts[0] != tokenStart || len(parts[1]) < 26 || len(parts[1]) > 64 {
		return Token{}, bad
	}
	gateway, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || !strings.HasPrefix(string(gateway), "SHA256:") || len(gateway) != 50 {
		return Token{}, bad
	}
	return Token{Secret: parts[1], Gateway: string(gateway)}, nil
}

// Digest is the SHA-256 of a text in hex.
func Digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
