package framelog

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"

	"github.com/klauspost/compress/zstd"
)

// errDamaged is what a stream ends with where the file is not as it was written.
var errDamaged = errors.New(whyDamaged)

// payloads reads the payloads of one chunk, put together. Each is checked before
// a byte of it is given.
type payloads struct {
	src   io.ReaderAt
	c     chunk
	pos   int64
	buf   []byte
	rest  []byte
	ended bool // with its end, not by a cut
	sum   hash.Hash
}

func (p *payloads) Read(to []byte) (int, error) {
	for len(p.rest) == 0 {
		if err := p.next(); err != nil {
			return 0, err
		}
	}
	n := copy(to, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// next reads a block.
func (p *payloads) next() error {
	if p.ended || p.pos >= p.c.limit {
		return io.EOF
	}
	var head [endSize]byte
	n, err := p.src.ReadAt(head[:min(endSize, p.c.limit-p.pos)], p.pos)
	if err != nil && err != io.EOF {
		return fmt.Errorf("read a frame log: %w", err)
	}
	if _, hash, ok := parseEnd(head[:n]); ok {
		p.ended = true
		if p.sum != nil {
			p.sum.Write(head[:endSize-32])
			if hash != [32]byte(p.sum.Sum(nil)) {
				return errChanged
			}
		}
		return io.EOF
	}
	h, ok := parseBlock(head[:n])
	if !ok || p.pos+blockSize+int64(h.length) > p.c.limit {
		return errDamaged
	}
	if cap(p.buf) < h.length {
		p.buf = make([]byte, h.length)
	}
	p.rest = p.buf[:h.length]
	if n, err := p.src.ReadAt(p.rest, p.pos+blockSize); n < h.length {
		p.rest = nil
		if errors.Is(err, io.EOF) {
			return errDamaged
		}
		return fmt.Errorf("read a frame log: %w", err)
	}
	if castagnoli(p.rest) != h.crc {
		p.rest = nil
		return errDamaged
	}
	if p.sum != nil {
		p.sum.Write(head[:blockSize])
		p.sum.Write(p.rest)
	}
	p.pos += blockSize + int64(h.length)
	return nil
}

// errChanged reports a chunk whose bytes are whole but not those that its hash
// was made of.
var errChanged = errors.New(whyChanged)

// stream reads the records of one chunk after the other.
type stream struct {
	src  io.ReaderAt
	in   payloads
	zip  *zstd.Decoder
	buf  *bufio.Reader
	now  uint32 // ms: of the last record read
	left int64  // bytes that may still come
	body []byte
}

func newStream(src io.ReaderAt) (*stream, error) {
	zip, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, fmt.Errorf("read a frame log: %w", err)
	}
	return &stream{src: src, zip: zip, buf: bufio.NewReaderSize(nil, 32<<10)}, nil
}

// close gives the memory back.
func (s *stream) close() { s.zip.Close() }

// open goes to the begin of a chunk; hashed compares it with its hash when it is
// read to its end.
func (s *stream) open(c chunk, hashed bool) error {
	head := make([]byte, chunkSize)
	if _, err := s.src.ReadAt(head, c.offset); err != nil && err != io.EOF {
		return fmt.Errorf("read a frame log: %w", err)
	}
	h, ok := parseChunk(head)
	if !ok || h.start != c.start || h.width != c.width || h.height != c.height {
		return errDamaged
	}
	s.in = payloads{src: s.src, c: c, pos: c.offset + chunkSize, buf: s.in.buf}
	if hashed {
		s.in.sum = sha256.New()
		s.in.sum.Write(head)
	}
	if err := s.zip.Reset(&s.in); err != nil {
		return errDamaged
	}
	s.buf.Reset(s.zip)
	s.now = c.start
	// A writer ends a chunk where it has this behind its first picture, at a
	// picture's end. Four bytes a pixel are the most that a picture takes.
	s.left = chunkWork + 64<<20 + 8*int64(c.width)*int64(c.height)
	return nil
}

// next reads the head of a record; io.EOF is the end of the chunk, or where it
// was cut.
func (s *stream) next() (kind byte, length int, err error) {
	dt, err := binary.ReadUvarint(s.buf)
	if errors.Is(err, io.EOF) {
		return 0, 0, s.ending(err)
	}
	if err != nil {
		return 0, 0, s.broken(err)
	}
	if kind, err = s.buf.ReadByte(); err != nil {
		return 0, 0, s.broken(err)
	}
	n, err := binary.ReadUvarint(s.buf)
	if err != nil {
		return 0, 0, s.broken(err)
	}
	s.left -= int64(min(n, maxRecord)) + 3
	if n > maxRecord || dt > math.MaxUint32-uint64(s.now) || s.left < 0 {
		return 0, 0, errDamaged
	}
	s.now += uint32(dt)
	return kind, int(n), nil
}

// ending tells an end from one that came too early.
func (s *stream) ending(err error) error {
	if s.in.ended || s.in.pos >= s.in.c.limit {
		return io.EOF
	}
	return s.broken(err)
}

// broken turns what a decoder says into an end, for a chunk that was cut, or
// damage.
func (s *stream) broken(err error) error {
	switch {
	case errors.Is(err, errDamaged), errors.Is(err, errChanged):
		return err
	case (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) && !s.in.ended && s.in.pos >= s.in.c.limit:
		return io.EOF
	}
	return errDamaged
}

// read reads the body of the record whose head was read.
func (s *stream) read(n int) ([]byte, error) {
	if cap(s.body) < n {
		s.body = make([]byte, max(n, 4096))
	}
	if _, err := io.ReadFull(s.buf, s.body[:n]); err != nil {
		return nil, s.broken(err)
	}
	return s.body[:n], nil
}

// skip passes over it.
func (s *stream) skip(n int) error {
	if _, err := s.buf.Discard(n); err != nil {
		return s.broken(err)
	}
	return nil
}

// shorts takes numbers of 16 bits off the front of a body.
func shorts(body []byte, numbers ...*int) (rest []byte, ok bool) {
	if len(body) < 2*len(numbers) {
		return nil, false
	}
	for i, n := range numbers {
		*n = int(binary.LittleEndian.Uint16(body[2*i:]))
	}
	return body[2*len(numbers):], true
}
