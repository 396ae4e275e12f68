package rfb

import (
	"bufio"
	"encoding/binary"
	"errors"
	"image"
	"io"

	"github.com/klauspost/compress/flate"
)

// leftOver is how much of a rectangle's compressed bytes may be left when all
// its pixels are there: the end of a block and the marks of a flush.
const leftOver = 64

// inflater is a zlib stream that runs through many rectangles (RFC 1950). Only
// as much is inflated as a rectangle's pixels need, so that no more memory is
// used than for these. It is never read beyond what a rectangle holds: an
// inflater has no way back from the end of its input.
type inflater struct {
	conn *bufio.Reader
	left int           // of the rectangle, not yet read from conn
	in   *bufio.Reader // compressed; begins with what the last rectangle left
	flat io.Reader     // nil before the stream's header
	out  *bufio.Reader
}

func newInflater(conn *bufio.Reader) *inflater { return &inflater{conn: conn} }

// Read gives out the rectangle's compressed bytes.
func (z *inflater) Read(b []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n, err := z.conn.Read(b[:min(len(b), z.left)])
	z.left -= n
	return n, err
}

// reset makes the next rectangle begin a new stream.
func (z *inflater) reset() { z.flat = nil }

// begin is called with the number of compressed bytes of a rectangle, and how
// many it may have when inflated.
func (z *inflater) begin(n uint32, most int) error {
	if uint64(n) > uint64(most)+uint64(most)/8+1024 {
		return broken("%d compressed bytes for at most %d", n, most)
	}
	z.left = int(n)
	if z.flat != nil {
		return nil
	}
	if z.in == nil {
		z.in, z.out = bufio.NewReaderSize(z, 8<<10), bufio.NewReaderSize(nil, 8<<10)
	}
	z.in.Reset(z)
	var head [2]byte
	if _, err := io.ReadFull(z.in, head[:]); err != nil {
		return z.failed(err)
	}
	const deflate, dictionary = 8, 0x20
	if head[0]&15 != deflate || head[0]>>4 > 7 || head[1]&dictionary != 0 || binary.BigEndian.Uint16(head[:])%31 != 0 {
		return broken("compressed bytes that don't begin as zlib does")
	}
	// Without this option the reader wants to see the next block before it
	// gives out the last one, which arrives with the next rectangle.
	z.flat = flate.NewReaderOpts(z.in, flate.WithPartialBlock())
	z.out.Reset(z.flat)
	return nil
}

// end is called when a rectangle has its pixels. What is left goes with the next.
func (z *inflater) end() error {
	rest := z.left + z.in.Buffered()
	if rest > leftOver || z.out.Buffered() > 0 {
		return broken("compressed bytes that inflate to more than their rectangle holds")
	}
	_, err := z.in.Peek(rest)
	return err
}

// failed tells compressed bytes that are damaged, or are too few, from a
// connection that failed.
func (z *inflater) failed(err error) error {
	var corrupt flate.CorruptInputError
	var internal flate.InternalError
	switch {
	case errors.As(err, &corrupt), errors.As(err, &internal):
		return broken("compressed bytes that are damaged: %w", err)
	case z.left == 0 && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)):
		return broken("compressed bytes that inflate to less than their rectangle holds")
	}
	return err
}

// length reads the number of compressed bytes of a Zlib or ZRLE rectangle.
func (c *Client) length() (uint32, error) {
	b, err := c.head(4)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint32(b), nil
}

// zlibRaw reads pixels as they are, compressed.
func (c *Client) zlibRaw(r image.Rectangle) error {
	n, err := c.length()
	if err != nil {
		return err
	}
	if err := c.zlib.begin(n, r.Dx()*r.Dy()*pixel); err != nil {
		return err
	}
	if err := c.pixels(c.zlib.out, r); err != nil {
		return c.zlib.failed(err)
	}
	return c.zlib.end()
}
