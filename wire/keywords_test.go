package wire

import (
	"encoding/base64"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

func TestKeyWords(t *testing.T) {
	// 127.0.0.1 and 63.84.220.193 are examples of arXiv:0901.4016.
	bits := append([]byte{127, 0, 0, 1, 63, 84, 220, 193}, make([]byte, 24)...)
	good := "SHA256:" + base64.RawStdEncoding.EncodeToString(bits)
	for _, c := range []struct{ in, want string }{
		{good, "lusab-babad-gutih-tugad"},
		{"", ""},
		{strings.TrimPrefix(good, "SHA256:"), ""},
		{"MD5:" + good[7:], ""},
		{good + "=", ""},
		{good[:49], ""},
		{good[:20] + "\n" + good[20:], ""},
		{good[:49] + "B", ""}, // bits behind the end
	} {
		if got := KeyWords(c.in); got != c.want {
			t.Errorf("KeyWords(%q) = %q, want %q", c.in, got, c.want)
		}
	}
	words := KeyWords(ssh.FingerprintSHA256(newKey(t).PublicKey()))
	if len(words) != 4*5+3 {
		t.Errorf("words of a real key: %q", words)
	}
}
