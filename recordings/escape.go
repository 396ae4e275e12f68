package recordings

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf8"
)

// appendText appends p to dst as the inside of a JSON string. Runs that need no
// escape are copied whole. C0 and C1 controls and DEL are escaped, so that a
// cast is harmless to the terminal of someone who prints the file.
//
// A byte that is no part of valid UTF-8 becomes U+FFFD. For each U+FFFD in the
// result, raw gets one byte: the byte it stands for, or 0 when U+FFFD itself
// was there (0 is valid UTF-8, so it can't be meant otherwise). broken reports
// whether there was a byte of the first kind.
func appendText(dst, raw, p []byte) (text, bytes []byte, broken bool) {
	start := 0 // what is before it is in dst
	for i := 0; i < len(p); {
		if i += plainRun(p[i:]); i == len(p) {
			break
		}
		if b := p[i]; b < utf8.RuneSelf {
			dst = appendEscape(append(dst, p[start:i]...), b)
			i++
			start = i
			continue
		}
		if n := wideRun(p[i:]); n > 0 {
			i += n
			continue
		}
		r, size := utf8.DecodeRune(p[i:])
		dst = append(dst, p[start:i]...)
		switch {
		case r != utf8.RuneError: // C1
			dst = appendEscape(dst, byte(r))
			i += size
		case size == 1:
			var n int
			dst, raw, n = appendDense(dst, raw, p[i:])
			i, broken = i+n, true
		default:
			dst, raw = append(dst, "\uFFFD"...), append(raw, 0)
			i += size
		}
		start = i
	}
	return append(dst, p[start:]...), raw, broken
}

// denseBytes is how far appendDense goes. Where one byte is no UTF-8, others
// are near.
const denseBytes = 64

// appendDense is appendText for bytes that are mostly no text, up to
// denseBytes of them and a character more. It writes each byte's escape from a
// table, eight bytes at once, so that a branch is left only where a character
// may start. It returns how many bytes it took.
func appendDense(dst, raw, p []byte) (text, bytes []byte, took int) {
	limit := min(len(p), denseBytes)
	n, m := len(dst), len(raw)
	dst, raw = slices.Grow(dst, 8*denseBytes+8), slices.Grow(raw, denseBytes+1)
	dst, raw = dst[:cap(dst)], raw[:cap(raw)]
	for took < limit {
		b := p[took]
		if b >= 0xC2 && b <= 0xF4 { // RFC 3629: no other byte starts a wide character
			if r, size := utf8.DecodeRune(p[took:]); size > 1 {
				switch {
				case r < 0xA0:
					n = len(appendEscape(dst[:n], byte(r)))
				default:
					n += copy(dst[n:], p[took:took+size])
				}
				if r == utf8.RuneError {
					raw[m], m = 0, m+1
				}
				took += size
				continue
			}
		}
		e := &escapes[b]
		binary.LittleEndian.PutUint64(dst[n:], e.text)
		raw[m] = b
		n, m, took = n+int(e.size), m+int(e.raw), took+1
	}
	return dst[:n], raw[:m], took
}

// escapes is how appendDense writes a byte: text is size bytes long, and raw is
// 1 if the byte is no ASCII.
var escapes = func() (table [256]struct {
	text      uint64
	size, raw uint8
}) {
	for b := range table {
		text := []byte{byte(b)}
		switch {
		case b >= utf8.RuneSelf:
			text, table[b].raw = []byte("\uFFFD"), 1
		case plainRun(text) == 0:
			text = appendEscape(nil, byte(b))
		}
		table[b].size = uint8(len(text))
		table[b].text = binary.LittleEndian.Uint64(append(text, make([]byte, 8)...))
	}
	return table
}()

// plainRun counts the bytes at the start of p that stand for themselves in a
// JSON string: ASCII but controls, quote and backslash. It looks at eight bytes
// at a time. In each sum below the top bit of a byte is set where the byte is
// to be escaped; a borrow can only reach bytes after such a one, so the lowest
// set bit is always right.
func plainRun(p []byte) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; i+8 <= len(p); i += 8 {
		w := binary.LittleEndian.Uint64(p[i:])
		escape := w | (w - ones*0x20) | ((w ^ ones*'"') - ones) | ((w ^ ones*'\\') - ones) | ((w ^ ones*0x7F) - ones)
		if escape &= tops; escape != 0 {
			return i + bits.TrailingZeros64(escape)/8
		}
	}
	for i < len(p) && p[i] >= ' ' && p[i] < 0x7F && p[i] != '"' && p[i] != '\\' {
		i++
	}
	return i
}

// wideRun counts the bytes at the start of p that are valid UTF-8 outside
// ASCII, no C1 control and not U+FFFD. The two common lengths are looked at
// here, as far as one lead byte decides (RFC 3629, section 4).
func wideRun(p []byte) int {
	i := 0
	for i < len(p) && p[i] >= utf8.RuneSelf {
		b := p[i]
		if b >= 0xC3 && b <= 0xDF && len(p)-i >= 2 && p[i+1]&0xC0 == 0x80 {
			i += 2
			continue
		}
		if b >= 0xE1 && b <= 0xEC && len(p)-i >= 3 && p[i+1]&0xC0 == 0x80 && p[i+2]&0xC0 == 0x80 {
			i += 3
			continue
		}
		r, size := utf8.DecodeRune(p[i:])
		if r == utf8.RuneError || r < 0xA0 {
			break
		}
		i += size
	}
	return i
}

// appendEscape appends the escape of an ASCII byte or C1 control.
func appendEscape(dst []byte, b byte) []byte {
	const hex = "0123456789abcdef"
	switch b {
	case '"', '\\':
		return append(dst, '\\', b)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	case '\b':
		return append(dst, '\\', 'b')
	}
	return append(dst, '\\', 'u', '0', '0', hex[b>>4], hex[b&0xF])
}

// splitTail finds where an unfinished character starts at the end of p: at
// most three bytes from the end. It is len(p) when there is none.
func splitTail(p []byte) int {
	for i := len(p) - 1; i >= 0 && i >= len(p)-utf8.UTFMax+1; i-- {
		if utf8.RuneStart(p[i]) {
			if !utf8.FullRune(p[i:]) {
				return i
			}
			break
		}
	}
	return len(p)
}

// completeRune joins the carried bytes of a character with the bytes that come
// next. It returns the whole character and how many bytes of p it took. When
// p doesn't go on with the character, it returns the carried bytes alone; when
// p is too short to tell, whole is false and all of p was taken.
func completeRune(carry, p []byte) (char []byte, took int, whole bool) {
	char = append(make([]byte, 0, utf8.UTFMax), carry...)
	for took < len(p) && !utf8.FullRune(char) {
		char = append(char, p[took])
		took++
	}
	if !utf8.FullRune(char) {
		return char, took, false
	}
	if _, size := utf8.DecodeRune(char); size != len(char) {
		return char[:len(carry)], 0, true
	}
	return char, took, true
}
