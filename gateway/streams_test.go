package gateway

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
)

func TestBulky(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "text\r\n\x1b[2J": false, strings.Repeat("é", 100): false, "a\x00b": true, strings.Repeat("\xff", 9): true, strings.Repeat("a", 100) + "\xff": false,
	} {
		if bulky([]byte(text)) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}

// TestStreamKeepsText: whatever could be read is kept, of the rest the begin; the
// sum is of all.
func TestStreamKeepsText(t *testing.T) {
	r, _ := noticed(t, false)
	s := newStreams(r.shell)
	var kept bytes.Buffer
	record := s.out.recorder(func(p []byte) error {
		kept.Write(p)
		return nil
	})
	sum := sha256.New()
	bulk := append(bytes.Repeat([]byte{0xfe}, 128<<10-1), 0)
	for range 16 {
		if err := record(bulk); err != nil {
			t.Fatal(err)
		}
		sum.Write(bulk)
	}
	if kept.Len() != bulkKept {
		t.Errorf("%d bytes of bulk are kept, want %d", kept.Len(), bulkKept)
	}
	text := []byte("password file follows\n")
	if err := record(text); err != nil {
		t.Fatal(err)
	}
	sum.Write(text)
	if !bytes.HasSuffix(kept.Bytes(), text) {
		t.Error("text behind bulk data is not kept")
	}
	if got := s.out.told(); got.Sum != hex.EncodeToString(sum.Sum(nil)) || got.Bytes != 16*128<<10+int64(len(text)) || got.Left != 8*128<<10 {
		t.Errorf("%+v", got)
	}
}
