package wire

import (
	"bytes"
	"strings"
	"testing"
)

func TestTyped(t *testing.T) {
	for _, text := range []string{"x", "\xff\x00", strings.Repeat("y", maxTyped)} {
		if got, err := ParseTyped(MarshalTyped([]byte(text))); err != nil || string(got) != text {
			t.Errorf("%.10q became %.10q: %v", text, got, err)
		}
	}
	for _, bad := range [][]byte{nil, {0}, MarshalTyped(nil), MarshalTyped(make([]byte, maxTyped+1)), append(MarshalTyped([]byte("x")), 'y')} {
		if got, err := ParseTyped(bad); err == nil {
			t.Errorf("%.10q became %.10q", bad, got)
		}
	}
}

func FuzzParseTyped(f *testing.F) {
	f.Add(MarshalTyped([]byte("ls\n")))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if p, err := ParseTyped(payload); err == nil && !bytes.Equal(MarshalTyped(p), payload) {
			t.Errorf("%q has two spellings", payload)
		}
	})
}
