package wire

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
)

// KeyWords spells the first 64 bits of a key's fingerprint ("SHA256:" and
// unpadded base64, as ssh-keygen -l prints it) as four words that can be read
// out over a telephone: "lusab-babad-gutih-tugad". The spelling is that of
// proquints (arXiv:0901.4016). It is "" for what is no such fingerprint.
func KeyWords(fingerprint string) string {
	sum, ok := strings.CutPrefix(fingerprint, "SHA256:")
	bits, err := base64.RawStdEncoding.Strict().DecodeString(sum)
	if !ok || err != nil || len(bits) != 32 || len(sum) != 43 {
		return ""
	}
	words := make([]string, 4)
	for i := range words {
		words[i] = proquint(binary.BigEndian.Uint16(bits[2*i:]))
	}
	return strings.Join(words, "-")
}

// proquint is a word for 16 bits: consonants of four bits, vowels of two.
func proquint(n uint16) string {
	const consonants, vowels = "bdfghjklmnprstvz", "aiou"
	return string([]byte{
		consonants[n>>12], vowels[n>>10&3], consonants[n>>6&15], vowels[n>>4&3], consonants[n&15],
	})
}
