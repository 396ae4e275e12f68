package wire

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Statements that people sign are texts they can read: a title with the
// version, then one "key: value" a line, in one order, each key once unless it
// is said to repeat. There is one spelling of each, so a text that was parsed
// and written again is the same text.

// maxStatement bounds a statement that people sign, in bytes.
const maxStatement = 32 << 10

// errStatement reports a statement that is not in its one spelling.
var errStatement = errors.New("the statement is not in the form that is allowed")

// textWriter writes such a statement.
type textWriter struct{ b bytes.Buffer }

func newTextWriter(title string) *textWriter {
	w := new(textWriter)
	w.b.WriteString(title + "\n")
	return w
}

func (w *textWriter) line(key, value string) { fmt.Fprintf(&w.b, "%s: %s\n", key, value) }

func (w *textWriter) number(key string, n int) { w.line(key, strconv.Itoa(n)) }

// time writes a time in UTC, to the second.
func (w *textWriter) time(key string, t time.Time) { w.line(key, t.UTC().Format(time.RFC3339)) }

func (w *textWriter) text() []byte { return w.b.Bytes() }

// textReader reads one; its first error is sticky.
type textReader struct {
	lines []string
	err   error
}

func newTextReader(title string, text []byte) *textReader {
	r := new(textReader)
	if len(text) > maxStatement || !bytes.HasPrefix(text, []byte(title+"\n")) || !bytes.HasSuffix(text, []byte("\n")) {
		r.err = fmt.Errorf("%w: it does not begin with %q", errStatement, title)
		return r
	}
	r.lines = strings.Split(strings.TrimSuffix(string(text[len(title)+1:]), "\n"), "\n")
	return r
}

// has reports whether the next line has this key.
func (r *textReader) has(key string) bool {
	return r.err == nil && len(r.lines) > 0 && strings.HasPrefix(r.lines[0], key+": ")
}

func (r *textReader) line(key string) string {
	if !r.has(key) {
		if r.err == nil {
			r.err = fmt.Errorf("%w: the line %q is missing", errStatement, key)
		}
		return ""
	}
	value := strings.TrimPrefix(r.lines[0], key+": ")
	r.lines = r.lines[1:]
	return value
}

func (r *textReader) number(key string) int {
	n, err := strconv.Atoi(r.line(key))
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("%w: %q is no number", errStatement, key)
	}
	return n
}

func (r *textReader) time(key string) time.Time {
	t, err := time.Parse(time.RFC3339, r.line(key))
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("%w: %q is no time", errStatement, key)
	}
	return t
}

// end wants nothing to be left, and the text to be the one that again is.
func (r *textReader) end(text, again []byte) error {
	if r.err == nil && len(r.lines) > 0 {
		r.err = fmt.Errorf("%w: there are lines too many", errStatement)
	}
	if r.err == nil && !bytes.Equal(text, again) {
		r.err = fmt.Errorf("%w: it is not in its one spelling", errStatement)
	}
	return r.err
}
