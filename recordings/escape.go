package recordings

import (
	"encoding/binary"
	"math/bits"
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
	for len(p) > 0 {
		n := plainRun(p)
		dst, p = append(dst, p[:n]...), p[n:]
		if len(p) == 0 {
			break
		}
		if p[0] < utf8.RuneSelf {
			dst, p = appendControl(dst, p[0]), p[1:]
			continue
		}
		n = wideRun(p)
		dst, p = append(dst, p[:n]...), p[n:]
		if n > 0 {
			continue
		}
		r, size := utf8.DecodeRune(p)
		switch {
		case r != utf8.RuneError: // C1
			dst = appendControl(dst, byte(r))
		case size == 1:
			dst, raw, broken = append(dst, "\uFFFD"...), append(raw, p[0]), true
		default:
			dst, raw = append(dst, "\uFFFD"...), append(raw, 0)
		}
		p = p[size:]
	}
	return dst, raw, broken
}

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
// ASCII, no C1 control and not U+FFFD.
func wideRun(p []byte) int {
	i := 0
	for i < len(p) && p[i] >= utf8.RuneSelf {
		r, size := utf8.DecodeRune(p[i:])
		if r == utf8.RuneError || r < 0xA0 {
			break
		}
		i += size
	}
	return i
}

// appendControl appends the escape of an ASCII byte or C1 control.
func appendControl(dst []byte, b byte) []byte {
	const hex = "0123456789abcdef"
	switch b {
	case '"', '\\':
		return append(dst, '\\', b)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	case '\b':
		return append(dst, `\b`...)
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
