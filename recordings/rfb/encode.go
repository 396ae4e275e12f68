package rfb

import (
	"bytes"
	"encoding/binary"
	"image"

	"github.com/klauspost/compress/zlib"
)

// source is a picture as a viewer's pixels.
type source struct {
	frame  *Frame
	format pixelFormat
	reduce *reducer
}

func newSource(f *Frame, format pixelFormat) *source {
	return &source{frame: f, format: format, reduce: newReducer(format)}
}

// read puts the pixels of r, row by row, into the buffer, which it returns,
// enlarged if need be.
func (s *source) read(buffer []uint32, r image.Rectangle) []uint32 {
	w, n := r.Dx(), r.Dx()*r.Dy()
	if cap(buffer) < n {
		buffer = make([]uint32, n)
	}
	buffer = buffer[:n]
	for y := range r.Dy() {
		s.reduce.row(buffer[y*w:(y+1)*w], s.frame.Row(r.Min.X, r.Min.Y+y, w))
	}
	return buffer
}

// encoder writes rectangles in one encoding. It lives as long as its viewer:
// the streams of zlib run through all rectangles.
type encoder interface {
	// number is what the encoding is called on the wire.
	number() int32
	// largest is the size of a rectangle that is encoded at once.
	largest() image.Point
	// encode appends r, without the header of a rectangle.
	encode(to []byte, s *source, r image.Rectangle) []byte
}

// newEncoder serves one of the encodings of [abilities].
func newEncoder(number int32, level int) encoder {
	switch number {
	case encTight:
		return &tight{level: level}
	case encZRLE:
		return &zrle{stream: stream{level: level}}
	case encHextile:
		return new(hextile)
	}
	return new(raw)
}

// pieces cuts r into rectangles of at most the size of most, on no grid but its
// own.
func pieces(r image.Rectangle, most image.Point) (list []image.Rectangle) {
	for y := r.Min.Y; y < r.Max.Y; y += most.Y {
		for x := r.Min.X; x < r.Max.X; x += most.X {
			list = append(list, image.Rect(x, y, x+most.X, y+most.Y).Intersect(r))
		}
	}
	return list
}

// appendHeader begins a rectangle (RFC 6143 section 7.6.1).
func appendHeader(to []byte, r image.Rectangle, encoding int32) []byte {
	for _, n := range []int{r.Min.X, r.Min.Y, r.Dx(), r.Dy()} {
		to = binary.BigEndian.AppendUint16(to, uint16(n))
	}
	return binary.BigEndian.AppendUint32(to, uint32(encoding))
}

// appendPixels writes pixels one after the other.
func appendPixels(to []byte, pixels []uint32, l layout) []byte {
	at := len(to)
	to = append(to, make([]byte, len(pixels)*l.bytes)...)
	for _, p := range pixels {
		at += l.put(to[at:], p)
	}
	return to
}

// raw is RFC 6143 section 7.7.1.
type raw struct{ buffer []uint32 }

func (*raw) number() int32        { return encRaw }
func (*raw) largest() image.Point { return image.Pt(MaxSide, 8) }

func (e *raw) encode(to []byte, s *source, r image.Rectangle) []byte {
	e.buffer = s.read(e.buffer, r)
	return appendPixels(to, e.buffer, s.format.whole())
}

// stream is one stream of zlib, cut where the peer must be able to go on.
type stream struct {
	level  int // 1 (fast) to 9
	writer *zlib.Writer
	out    bytes.Buffer
}

// pack compresses data and returns all that the peer needs to have them. The
// result is good until the next call.
func (s *stream) pack(data []byte) []byte {
	s.out.Reset()
	if s.writer == nil {
		var err error
		if s.writer, err = zlib.NewWriterLevel(&s.out, s.level); err != nil {
			s.writer = zlib.NewWriter(&s.out)
		}
	}
	must(s.writer.Write(data))
	must(0, s.writer.Flush())
	return s.out.Bytes()
}

// must is for writers into memory, which can't fail.
func must(_ int, err error) {
	if err != nil {
		panic("rfb: writing to memory failed: " + err.Error())
	}
}
