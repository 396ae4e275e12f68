package recordings

import (
	"encoding/base64"
	"slices"
	"strconv"
	"time"
)

// encoder collects lines of a cast for one write(2).
type encoder struct {
	lines []byte

	raw, line []byte // scratch
}

// event adds an event that is no part of a stream.
func (e *encoder) event(t time.Duration, code byte, text string) {
	e.lines, e.raw, _ = appendText(appendHead(e.lines, t, code), e.raw[:0], []byte(text))
	e.lines = append(e.lines, "\"]\n"...)
}

// piece adds one event with the text of char and p, and before it the lines
// that say what the text does not.
func (e *encoder) piece(stream byte, t time.Duration, char, p []byte) {
	code := stream
	if stream == errStream {
		e.event(t, 'e', "")
		code = outStream
	}
	start := len(e.lines)
	var broken, brokenChar bool
	e.lines, e.raw, brokenChar = appendText(appendHead(e.lines, t, code), e.raw[:0], char)
	e.lines, e.raw, broken = appendText(e.lines, e.raw, p)
	e.lines = append(e.lines, "\"]\n"...)
	if broken || brokenChar {
		e.line = base64.StdEncoding.AppendEncode(appendHead(e.line[:0], t, 'b'), e.raw)
		e.line = append(e.line, "\"]\n"...)
		e.lines = slices.Insert(e.lines, start, e.line...)
	}
}

// carry adds the start of a character that the stream's next event will hold
// again.
func (e *encoder) carry(stream byte, t time.Duration, char []byte) {
	e.lines = append(appendHead(e.lines, t, 'c'), stream)
	e.lines = base64.StdEncoding.AppendEncode(e.lines, char)
	e.lines = append(e.lines, "\"]\n"...)
}

// appendHead appends an event up to its text: the time in seconds with six
// decimals, and the code.
func appendHead(dst []byte, t time.Duration, code byte) []byte {
	us := t.Microseconds()
	dst = strconv.AppendInt(append(dst, '['), us/1e6, 10)
	dst = append(dst, '.')
	for div := int64(1e5); div > 0; div /= 10 {
		dst = append(dst, byte('0'+us/div%10))
	}
	return append(dst, ',', '"', code, '"', ',', '"')
}

// maxKept bounds the memory of an encoder that is kept, in bytes. Text fits;
// binary data can take more, up to 0.7 MiB.
const maxKept = 512 << 10

func (l *Library) encoder() *encoder { return l.encoders.Get().(*encoder) }

func (l *Library) recycle(e *encoder) {
	if cap(e.lines)+cap(e.raw)+cap(e.line) <= maxKept {
		l.encoders.Put(e)
	}
}
