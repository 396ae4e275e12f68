package recordings

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// parseLine reads a line of a cast as [time, code, text], strictly.
func parseLine(line []byte) (CastEvent, error) {
	if !utf8.Valid(line) {
		return CastEvent{}, errors.New("it is no UTF-8")
	}
	s := scanner{rest: line}
	s.want('[')
	number := s.number()
	s.want(',')
	code := s.text()
	s.want(',')
	text := s.text()
	s.want(']')
	if s.bad || len(s.space()) > 0 {
		return CastEvent{}, errors.New("it is not a list of a time, a code and a text")
	}
	at, err := parseTime(number)
	if err != nil {
		return CastEvent{}, err
	}
	if len(code) != 1 {
		return CastEvent{}, errors.New("its code is not one letter")
	}
	return CastEvent{Time: at, Kind: CastKind(code[0]), Text: text}, nil
}

// parseTime reads a time in seconds.
func parseTime(number []byte) (time.Duration, error) {
	if !json.Valid(number) {
		return 0, errors.New("its time is no number")
	}
	t, err := strconv.ParseFloat(string(number), 64)
	if err != nil || t < 0 || math.Signbit(t) || t > maxCastTime.Seconds() {
		return 0, errors.New("its time is negative or beyond 31 days")
	}
	return time.Duration(math.Round(t*1e6)) * time.Microsecond, nil
}

// scanner takes a line apart. The first error is for ever.
type scanner struct {
	rest []byte
	bad  bool
}

func (s *scanner) space() []byte {
	s.rest = bytes.TrimLeft(s.rest, " \t\r")
	return s.rest
}

func (s *scanner) want(b byte) {
	if rest := s.space(); len(rest) == 0 || rest[0] != b {
		s.bad = true
		return
	}
	s.rest = s.rest[1:]
}

// number takes what can be part of a number; whether it is one is not looked
// at.
func (s *scanner) number() []byte {
	rest := s.space()
	n := 0
	for n < len(rest) && n < 64 && strings.IndexByte("+-.0123456789eE", rest[n]) >= 0 {
		n++
	}
	s.rest = rest[n:]
	return rest[:n]
}

// text takes a string. One without escapes is copied as it is.
func (s *scanner) text() string {
	rest := s.space()
	if s.bad || len(rest) == 0 || rest[0] != '"' {
		s.bad = true
		return ""
	}
	end := 1
	for end < len(rest) && rest[end] != '"' {
		if rest[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(rest) {
		s.bad = true
		return ""
	}
	s.rest = rest[end+1:]
	text, ok := unquote(rest[1:end])
	s.bad = s.bad || !ok
	return text
}

// unquote undoes the escapes of a JSON string. A lone surrogate is refused: it
// is no character.
func unquote(in []byte) (string, bool) {
	if bytes.IndexByte(in, '\\') < 0 {
		return string(in), !bytes.ContainsFunc(in, func(r rune) bool { return r < ' ' })
	}
	var b strings.Builder
	b.Grow(len(in))
	for len(in) > 0 {
		n := bytes.IndexByte(in, '\\')
		if n < 0 {
			n = len(in)
		}
		for _, c := range in[:n] {
			if c < ' ' {
				return "", false
			}
		}
		b.Write(in[:n])
		if in = in[n:]; len(in) == 0 {
			break
		}
		r, size := unescape(in)
		if size == 0 {
			return "", false
		}
		b.WriteRune(r)
		in = in[size:]
	}
	return b.String(), true
}

// unescape reads one escape, size bytes long; 0 means that it is none.
func unescape(in []byte) (r rune, size int) {
	if len(in) < 2 {
		return 0, 0
	}
	if in[1] != 'u' {
		const letters, meant = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
		i := strings.IndexByte(letters, in[1])
		if i < 0 {
			return 0, 0
		}
		return rune(meant[i]), 2
	}
	r, ok := unhex(in)
	switch {
	case !ok:
		return 0, 0
	case r < 0xD800 || r > 0xDFFF:
		return r, 6
	}
	low, ok := unhex(in[6:])
	if !ok || r > 0xDBFF || low < 0xDC00 || low > 0xDFFF {
		return 0, 0
	}
	return 0x10000 + (r-0xD800)<<10 + (low - 0xDC00), 12
}

// unhex reads \uXXXX.
func unhex(in []byte) (r rune, ok bool) {
	if len(in) < 6 || in[0] != '\\' || in[1] != 'u' {
		return 0, false
	}
	for _, c := range in[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// prefix collects the lines that belong to the event after them.
type prefix struct {
	stderr bool
	raw    []byte
}

// join completes an event with the lines before it. done is false when e is
// such a line, or has a code that nobody knows and that must be passed over.
func (p *prefix) join(e *CastEvent, ours bool) (done bool, err error) {
	alone := !p.stderr && p.raw == nil
	switch e.Kind {
	case CastOutput, CastInput:
		return true, p.complete(e)
	case CastResize:
		e.Width, e.Height, err = parseSize(e.Text)
	case CastMark:
	case 'e', 'b', CastCarry, CastExit:
		if !ours {
			return false, nil
		}
		done, err = p.own(e)
		return done, err
	default:
		if ours {
			return false, errors.New("its code is unknown")
		}
		return false, nil
	}
	if err == nil && !alone {
		err = errors.New("it stands between an output and what belongs to it")
	}
	return true, err
}

// own reads a line with a code of this package's.
func (p *prefix) own(e *CastEvent) (done bool, err error) {
	switch {
	case e.Kind == 'e' && !p.stderr && p.raw == nil && e.Text == "":
		p.stderr = true
		return false, nil
	case e.Kind == 'b' && p.raw == nil:
		p.raw, err = base64.StdEncoding.Strict().DecodeString(e.Text)
		if err != nil || len(p.raw) == 0 {
			return false, errors.New("its bytes are malformed")
		}
		return false, nil
	case p.stderr || p.raw != nil:
		return false, errors.New("it stands between an output and what belongs to it")
	case e.Kind == CastExit:
		return true, nil
	case e.Kind == CastCarry && e.Text != "" && strings.IndexByte("oei", e.Text[0]) >= 0:
		e.stream = e.Text[0]
		e.Stderr = e.stream == errStream
		e.raw, err = base64.StdEncoding.Strict().DecodeString(e.Text[1:])
		if err != nil || len(e.raw) == 0 || len(e.raw) >= utf8.UTFMax {
			return false, errors.New("its bytes are malformed")
		}
		e.Text = ""
		return true, nil
	}
	return false, errors.New("its code is out of place")
}

// complete gives output or input what the lines before it said.
func (p *prefix) complete(e *CastEvent) error {
	e.stream, e.raw = byte(e.Kind), p.raw
	if p.stderr {
		if e.Kind != CastOutput {
			return errors.New("input is marked as error output")
		}
		e.stream, e.Stderr = errStream, true
	}
	if e.raw == nil {
		return nil
	}
	if strings.Count(e.Text, "\uFFFD") != len(e.raw) {
		return errors.New("its bytes don't fit its text")
	}
	for _, b := range e.raw {
		if b != 0 && b < utf8.RuneSelf {
			return errors.New("its bytes are ASCII")
		}
	}
	return nil
}

// parseSize reads a window's size, as in 80x24.
func parseSize(text string) (width, height int, err error) {
	w, h, _ := strings.Cut(text, "x")
	width, werr := strconv.Atoi(w)
	height, herr := strconv.Atoi(h)
	if werr != nil || herr != nil || width < 1 || width > maxSide || height < 1 || height > maxSide {
		return 0, 0, errors.New("its size is malformed or too large")
	}
	return width, height, nil
}
