package wire

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// ErrMessage reports a message that is malformed, of an unknown kind or
// version, or too long. The connection it came on can't be used further.
var ErrMessage = errors.New("the other side sent a message that makes no sense")

// envelope is what a message travels in.
type envelope struct {
	V    int             `json:"v"`
	Kind string          `json:"kind"`
	Body json.RawMessage `json:"body"`
}

// Conn sends and receives messages: a length of four bytes, most significant
// first, then JSON. Reading and writing may go on at once; one goroutine
// reads, any number write. The first error is sticky in each direction.
type Conn struct {
	r    io.Reader
	rerr error

	mu   sync.Mutex // guards w and werr
	w    io.Writer
	werr error
}

// NewConn speaks messages over rw. The caller closes rw.
func NewConn(rw io.ReadWriter) *Conn { return &Conn{r: rw, w: rw} }

// Write sends one message, whole or not at all.
func (c *Conn) Write(m Message) error {
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode %s: %w", m.kind(), err)
	}
	text, err := json.Marshal(envelope{Version, m.kind(), body})
	if err != nil {
		return fmt.Errorf("encode %s: %w", m.kind(), err)
	}
	if len(text) > MaxMessage {
		return fmt.Errorf("send %s: %d bytes, at most %d are allowed", m.kind(), len(text), MaxMessage)
	}
	frame := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(text)), uint32(len(text)))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.werr == nil {
		if _, err := c.w.Write(append(frame, text...)); err != nil {
			c.werr = fmt.Errorf("send %s: %w", m.kind(), err)
		}
	}
	return c.werr
}

// Read waits for the next message. At the end of the stream, between two
// messages, the error is io.EOF.
func (c *Conn) Read() (Message, error) {
	if c.rerr != nil {
		return nil, c.rerr
	}
	m, err := readMessage(c.r)
	c.rerr = err
	return m, err
}

func readMessage(r io.Reader) (Message, error) {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > MaxMessage {
		return nil, fmt.Errorf("%w: %d bytes long", ErrMessage, n)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, fmt.Errorf("a message was cut: %w", noEOF(err))
	}
	return parse(text)
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// parse decodes one message strictly, checks and cleans it.
func parse(text []byte) (Message, error) {
	var e envelope
	if err := decodeStrict(text, &e); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	if e.V != Version {
		return nil, fmt.Errorf("%w: it speaks version %d of the protocol, this side version %d", ErrMessage, e.V, Version)
	}
	m := newMessage(e.Kind)
	if m == nil {
		return nil, fmt.Errorf("%w: unknown kind %q", ErrMessage, Clean(e.Kind, MaxName))
	}
	if err := decodeStrict(e.Body, m); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrMessage, e.Kind, err)
	}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrMessage, e.Kind, err)
	}
	return m, nil
}
