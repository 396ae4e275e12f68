package recordings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
	"unicode/utf8"
)

// Limits of a cast that is read, besides 1 MiB a line.
const (
	maxEvents   = 100_000_000
	maxCastSize = 64 << 30 // bytes
	maxCastTime = 31 * 24 * time.Hour
)

// ErrCast reports a cast that breaks the format or a limit. What comes before
// the broken line can be read.
var ErrCast = errors.New("the cast is not a valid asciicast v2")

// CastHeader is the first line of a cast. Texts are as they were found: clean
// them before they are shown.
type CastHeader struct {
	Width, Height int // cells, 1 to 4096
	// Start is when the cast begins; zero if the file doesn't say.
	Start   time.Time
	Command string // exact, empty for a login shell
	Title   string
	Term    string
	// Visit, Login and PTY are known of casts that this package wrote.
	Visit string
	Login string
	PTY   bool
}

// CastKind says what a [CastEvent] is.
type CastKind byte

// The kinds of events, by their codes in the file. CastCarry holds bytes of an
// unfinished character that the stream's next event holds again; it matters
// only when no other event of the stream follows. CastExit has the status as
// text.
const (
	CastOutput CastKind = 'o'
	CastInput  CastKind = 'i'
	CastResize CastKind = 'r'
	CastMark   CastKind = 'm'
	CastExit   CastKind = 'x'
	CastCarry  CastKind = 'c'
)

// CastEvent is an event of a cast.
type CastEvent struct {
	Time time.Duration // since the start; never less than the event's before
	Kind CastKind
	// Text is what a player shows. It is valid UTF-8, and may hold any control.
	Text string
	// Stderr tells output, or a carry, of stderr apart.
	Stderr bool
	// Width and Height are set by a resize, in cells, 1 to 4096.
	Width, Height int

	raw    []byte // what the U+FFFD in Text stand for
	stream byte   // of output, input and carry
}

// Bytes gives the exact bytes of an output, input or carry.
func (e CastEvent) Bytes() []byte {
	switch {
	case e.Kind == CastCarry:
		return bytes.Clone(e.raw)
	case e.raw == nil:
		return []byte(e.Text)
	}
	return restore(e.Text, e.raw)
}

// restore undoes appendText for bytes that are not UTF-8.
func restore(text string, raw []byte) []byte {
	out := make([]byte, 0, len(text))
	for i, r := range text {
		switch {
		case r != utf8.RuneError:
			out = append(out, text[i:i+utf8.RuneLen(r)]...)
			continue
		case raw[0] == 0:
			out = append(out, "\uFFFD"...)
		default:
			out = append(out, raw[0])
		}
		raw = raw[1:]
	}
	return out
}

// Pos is a place in a cast: before an event. The zero Pos is before the first.
// It is of use only in the cast it came from.
type Pos struct {
	offset int64
	time   time.Duration // of the event before
	count  int           // events before
}

// Cast reads an asciicast v2, which it takes for hostile. It may still be
// written to; what was added is found. One goroutine at a time uses it.
type Cast struct {
	r      io.ReaderAt
	close  func() error
	header CastHeader
	ours   bool  // this package wrote it: further codes have a meaning
	body   int64 // where the events begin
	cut    bool

	window []byte // of the file, from base
	base   int64
}

// OpenCast opens a cast. The caller closes it.
func OpenCast(path string) (*Cast, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file: name a .cast", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	c, err := NewCast(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	c.close = f.Close
	return c, nil
}

// NewCast reads a cast from r, which stays the caller's.
func NewCast(r io.ReaderAt) (*Cast, error) {
	c := &Cast{r: r, close: func() error { return nil }}
	line, next, err := c.line(0)
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: it has no header", ErrCast)
	}
	if err != nil {
		return nil, err
	}
	if err := c.readHeader(line); err != nil {
		return nil, fmt.Errorf("%w: its header: %w", ErrCast, err)
	}
	c.body = next
	return c, nil
}

// Close closes the file.
func (c *Cast) Close() error { return c.close() }

// Header is the cast's header.
func (c *Cast) Header() CastHeader { return c.header }

// Cut reports whether reading has met an end within a line, as a crash leaves
// it. The cast ends before that line.
func (c *Cast) Cut() bool { return c.cut }

func (c *Cast) readHeader(line []byte) error {
	if !utf8.Valid(line) {
		return errors.New("it is no UTF-8")
	}
	var h castHeader
	if err := json.Unmarshal(line, &h); err != nil {
		return fmt.Errorf("not understood: %w", err)
	}
	switch {
	case h.Version != 2:
		return fmt.Errorf("version %d, only 2 is known", h.Version)
	case h.Width < 1 || h.Width > maxSide || h.Height < 1 || h.Height > maxSide:
		return fmt.Errorf("a window of %d by %d, each side may have 1 to %d cells", h.Width, h.Height, maxSide)
	case h.Timestamp < 0 || h.Timestamp > 1<<40:
		return errors.New("an impossible time")
	}
	c.header = CastHeader{Width: h.Width, Height: h.Height, Command: h.Command, Title: h.Title, Term: h.Env["TERM"]}
	if h.Timestamp != 0 {
		c.header.Start = time.Unix(h.Timestamp, 0).UTC()
	}
	a := h.Accord
	if a == nil {
		return nil
	}
	if a.Format != 1 {
		return fmt.Errorf("format %d of Accord, only 1 is known", a.Format)
	}
	c.ours = true
	c.header.Visit, c.header.Login, c.header.PTY = a.Visit, a.Login, a.PTY
	c.header.Start = a.Start
	if a.Command != nil {
		c.header.Command = string(a.Command)
	}
	return nil
}

// ReadAt gives the event at p and the place after it. At the end the error is
// io.EOF; of a cast that is still written to, p may have an event later. A
// broken line is [ErrCast], again whenever it is read; there is no way past
// it. The text stays valid.
func (c *Cast) ReadAt(p Pos) (CastEvent, Pos, error) {
	if p.offset == 0 {
		p.offset = c.body
	}
	var parts prefix
	for at := p; ; {
		e, next, err := c.readLine(at)
		if errors.Is(err, io.EOF) && at != p {
			c.cut = true
		}
		if err != nil {
			return CastEvent{}, p, err
		}
		done, err := parts.join(&e, c.ours)
		if err != nil {
			return CastEvent{}, p, c.broken(at, err)
		}
		if done {
			return e, next, nil
		}
		at = next
	}
}

// readLine reads one line as an event.
func (c *Cast) readLine(p Pos) (CastEvent, Pos, error) {
	line, next, err := c.line(p.offset)
	if err != nil {
		return CastEvent{}, p, err
	}
	e, err := parseLine(line)
	switch {
	case err != nil:
	case e.Time < p.time:
		err = errors.New("its time is before that of the event before")
	case p.count >= maxEvents:
		err = fmt.Errorf("there are more than %d events", maxEvents)
	}
	if err != nil {
		return CastEvent{}, p, c.broken(p, err)
	}
	return e, Pos{next, e.Time, p.count + 1}, nil
}

func (c *Cast) broken(p Pos, why error) error {
	return fmt.Errorf("%w: event %d, at byte %d: %w", ErrCast, p.count+1, p.offset, why)
}

// line gives the line at an offset, without its newline, and where the next
// one starts. It is valid until the next call. A line without a newline is the
// end.
func (c *Cast) line(at int64) ([]byte, int64, error) {
	c.cut = false
	for want := 64 << 10; ; want *= 2 {
		w, err := c.view(at, want)
		if err != nil {
			return nil, at, err
		}
		if i := bytes.IndexByte(w, '\n'); i >= 0 && i < maxLine {
			return w[:i], at + int64(i) + 1, nil
		}
		switch {
		case len(w) >= maxLine || at > maxCastSize:
			return nil, at, fmt.Errorf("%w: at byte %d: a line has more than %d bytes, or the file more than %d", ErrCast, at, maxLine, int64(maxCastSize))
		case len(w) < want:
			c.cut = len(w) > 0
			return nil, at, io.EOF
		}
	}
}

// view gives the file's bytes from at, as far as the window holds a line, or
// want of them; fewer only at the end.
func (c *Cast) view(at int64, want int) ([]byte, error) {
	if at >= c.base && at < c.base+int64(len(c.window)) {
		w := c.window[at-c.base:]
		if len(w) >= want || bytes.IndexByte(w, '\n') >= 0 {
			return w, nil
		}
	}
	if cap(c.window) < want {
		c.window = make([]byte, want)
	}
	c.base = at
	n, err := c.r.ReadAt(c.window[:want], at)
	c.window = c.window[:n]
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("read a cast: %w", err)
	}
	return c.window, nil
}

// Stream names a stream of bytes in a cast.
type Stream byte

// The streams.
const (
	Stdout Stream = outStream
	Stderr Stream = errStream
	Stdin  Stream = inStream
)

// WriteStream writes the exact bytes of one stream to w, up to where the cast
// ends or breaks.
func (c *Cast) WriteStream(w io.Writer, s Stream) (int64, error) {
	var total int64
	var carry []byte
	put := func(b []byte) error {
		n, err := w.Write(b)
		total += int64(n)
		return err
	}
	for p := (Pos{}); ; {
		e, next, err := c.ReadAt(p)
		if err != nil {
			if werr := put(carry); werr != nil {
				return total, werr
			}
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return total, err
		}
		p = next
		switch {
		case e.stream != byte(s):
		case e.Kind == CastCarry:
			carry = e.Bytes()
		default:
			carry = nil
			if err := put(e.Bytes()); err != nil {
				return total, err
			}
		}
	}
}
