package policy

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 6238 as every authenticator program has it
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// One-time codes as RFC 6238 has them, with the values that every program for
// telephones takes without asking: SHA-1, 30 seconds, 6 digits.
const (
	codeStep   = 30 * time.Second
	codeDigits = 6
	// codeWindow is how many steps a code may be early or late, for clocks that
	// differ and people who type slowly (RFC 6238, section 5.2).
	codeWindow = 1
	// secretLeast and secretMost bound a secret in bytes (RFC 4226, section 4,
	// R6: 128 bits at least).
	secretLeast = 16
	secretMost  = 128
)

// Secret is the secret of one person's codes.
type Secret []byte

// ParseSecret reads a secret in base32 (RFC 4648, section 6): capitals or
// small letters, with or without padding, in groups with spaces or without.
// Nothing else may stand in the text. An error doesn't repeat it.
func ParseSecret(text string) (Secret, error) {
	joined := strings.ToUpper(strings.Join(strings.Fields(text), ""))
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.TrimRight(joined, "="))
	if err != nil {
		return nil, fmt.Errorf("this is no secret in base32; make one with: head -c 20 /dev/urandom | base32")
	}
	if len(secret) < secretLeast || len(secret) > secretMost {
		return nil, fmt.Errorf("the secret has %d bytes, %d to %d are allowed; make one with: head -c 20 /dev/urandom | base32", len(secret), secretLeast, secretMost)
	}
	return secret, nil
}

// Step counts the steps of codes up to a time. A code belongs to one step.
func Step(now time.Time) int64 { return now.Unix() / int64(codeStep/time.Second) }

// Code is the code of one step (RFC 4226, section 5.3).
func (s Secret) Code(step int64) string {
	mac := hmac.New(sha1.New, s)
	_ = binary.Write(mac, binary.BigEndian, step) // a hash takes everything
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	value := binary.BigEndian.Uint32(sum[at:at+4]) & 0x7fffffff
	return fmt.Sprintf("%0*d", codeDigits, value%1_000_000)
}

// Match finds the step whose code was typed, among those around now that come
// after the step last used: a code serves once. Spaces in what was typed don't
// count.
func (s Secret) Match(typed string, now time.Time, last int64) (step int64, ok bool) {
	typed = strings.Join(strings.Fields(typed), "")
	if len(s) < secretLeast || len(typed) != codeDigits {
		return 0, false
	}
	around := Step(now)
	for n := around - codeWindow; n <= around+codeWindow; n++ {
		// All are compared, in a time that says nothing of the digits.
		if subtle.ConstantTimeCompare([]byte(s.Code(n)), []byte(typed)) == 1 && n > last && !ok {
			step, ok = n, true
		}
	}
	return step, ok
}
