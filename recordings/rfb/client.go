package rfb

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
)

// ErrServer reports a screen's server that sent what can't be meant. Nothing
// more is read from it; what was committed before stays as it is.
var ErrServer = errors.New("the screen's server sent what can't be meant")

func broken(format string, about ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrServer}, about...)...)
}

// ClientOptions say what becomes of what a server sends. The functions are
// called by [Client.Run], one at a time; nothing is read meanwhile.
type ClientOptions struct {
	// Commit is called once with each whole update, never with a half one. The
	// frame may be read until it returns. While it waits, no further update is
	// asked for; its error ends the client.
	Commit func(*Frame, Damage) error
	// Change alters the state that is shown, as [Screen.Change]. It is called
	// after the Commit of the same update, and once by [NewClient].
	Change func(with func(State) State)
	// Bell may be nil.
	Bell func()
	// Cut gets the text of the server's clipboard in UTF-8, at most 64 KiB.
	// A longer one is not told of. It may be nil.
	Cut func(text []byte)
	// Quality from 1 to 9 lets the server send JPEG. With 0 nothing is lost.
	Quality int
}

// Client reads one server and keeps the picture that it paints. Its methods may
// be called from any goroutine.
type Client struct {
	options ClientOptions
	conn    io.ReadWriter
	in      *bufio.Reader
	out     *outbox
	done    chan struct{} // closed when Run returns

	resizing sync.Mutex              // held by the one who waits for an answer
	answers  chan byte               // the status of the last SetDesktopSize
	monitor  atomic.Pointer[Monitor] // the first; nil if the server can't be resized

	// Only Run touches these.
	frame   *Frame
	stale   bool  // nothing was painted since the frame got its size
	state   State // as the server told last
	scratch [64 * 64 * 3]byte
	palette [256][pixel]byte
	zlib    *inflater
	zrle    *inflater
	tight   [4]*inflater
	row     []byte         // one of Tight's, and the one before
	hextile [2][pixel]byte // background and foreground, which tiles hand on
}

// NewClient shakes hands with a server of RFB 3.3 to 3.8 that asks for no
// security, up to its ServerInit, and tells it the pixels and encodings that it
// is to send. The caller closes conn.
func NewClient(conn io.ReadWriter, o ClientOptions) (*Client, error) {
	c := &Client{
		options: o, conn: conn, in: bufio.NewReaderSize(conn, 64<<10), out: newOutbox(),
		done: make(chan struct{}), answers: make(chan byte, 1), stale: true,
	}
	c.zlib, c.zrle = newInflater(c.in), newInflater(c.in)
	for i := range c.tight {
		c.tight[i] = newInflater(c.in)
	}
	if err := c.hello(); err != nil {
		return nil, fmt.Errorf("shake hands with the screen's server: %w", ended(err))
	}
	if err := c.ask(c.encodings()); err != nil {
		return nil, fmt.Errorf("tell the screen's server what to send: %w", err)
	}
	o.Change(func(s State) State { s.Name = c.state.Name; return s })
	return c, nil
}

// Run reads the server until the connection ends or sends what can't be meant,
// and closes the connection if it can be closed. It returns io.EOF after an end
// between two messages. To stop it, close the connection. It is called once.
func (c *Client) Run() error {
	closeConn := func() {}
	written := make(chan struct{})
	if closer, ok := c.conn.(io.Closer); ok {
		closeConn = func() { closer.Close() }
	}
	go func() {
		defer close(written)
		if err := c.out.run(c.conn); err != nil {
			closeConn()
		}
	}()
	c.out.request(true)
	err := c.read()
	c.out.close()
	close(c.done)
	if _, ok := c.conn.(io.Closer); ok {
		closeConn()
		<-written
	}
	return err
}

// Pace sets the least time between two requests for an update, 50 ms at first.
func (c *Client) Pace(every time.Duration) { c.out.setPace(every) }

// read takes one message after the other.
func (c *Client) read() error {
	for {
		kind, err := c.in.ReadByte()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return io.EOF
			}
			return fmt.Errorf("read the screen: %w", err)
		}
		if err := c.message(kind); err != nil {
			return ended(err)
		}
	}
}

func (c *Client) message(kind byte) error {
	switch kind {
	case msgFramebufferUpdate:
		return c.update()
	case msgSetColourMapEntries:
		return c.colours()
	case msgBell:
		if c.options.Bell != nil {
			c.options.Bell()
		}
		return nil
	case msgServerCutText:
		return c.cut()
	}
	return broken("a message of type %d, which has no length that is known", kind)
}

// colours skips the entries of a colour map: our pixels have true colours.
func (c *Client) colours() error {
	b, err := c.head(5)
	if err != nil {
		return err
	}
	_, err = c.in.Discard(int(binary.BigEndian.Uint16(b[3:])) * 6)
	return err
}

func (c *Client) cut() error {
	b, err := c.head(7)
	if err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(b[3:])
	if n > 1<<31-1 {
		return broken("a clipboard in a form that nobody asked for") // negative: the extended clipboard
	}
	if n > maxCut {
		_, err := io.CopyN(io.Discard, c.in, int64(n))
		return err
	}
	raw := make([]byte, n)
	if _, err := io.ReadFull(c.in, raw); err != nil {
		return err
	}
	if text := fromLatin1(raw); c.options.Cut != nil && len(text) <= maxCut {
		c.options.Cut(text)
	}
	return nil
}

// head reads the next n bytes, at most 1 KiB, valid until the next call.
func (c *Client) head(n int) ([]byte, error) {
	b := c.scratch[:n]
	_, err := io.ReadFull(c.in, b)
	return b, err
}

// text reads a string with its length in front, of which at most limit bytes are
// kept. Nothing in it moves a cursor or hides.
func (c *Client) text(limit int) (string, error) {
	b, err := c.head(4)
	if err != nil {
		return "", err
	}
	n := binary.BigEndian.Uint32(b)
	if n > maxCut {
		return "", broken("a text of %d bytes where a name or a reason is due", n)
	}
	kept := make([]byte, min(int(n), limit))
	if _, err := io.ReadFull(c.in, kept); err != nil {
		return "", err
	}
	if _, err := c.in.Discard(int(n) - len(kept)); err != nil {
		return "", err
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, string(kept))), nil
}

// ended says in words that a connection ended where more was due.
func ended(err error) error {
	if !errors.Is(err, ErrServer) && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
		return fmt.Errorf("the connection to the screen ended within a message: %w", io.ErrUnexpectedEOF)
	}
	return err
}
