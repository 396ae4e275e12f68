package rfb

import "image"

// tight is the Tight encoding, without its lossy parts: an area of one colour, a
// palette, or plain pixels. Its four streams of zlib are used as follows.
type tight struct {
	level   int
	plain   stream // 0
	mono    stream // 1: two colours
	indexed stream // 2: more
	pixels  []uint32
	bytes   []byte
	palette palette
}

// tightFilter is set in the first byte, above the number of the stream, where
// the number of a filter follows.
const tightFilter = 4

// In an 8-bit format an index isn't shorter than a pixel, unless it is one bit.
const tightColoursOf8 = 2

func (*tight) number() int32 { return encTight }

// A width up to 2048 is what the encoding allows. Small areas have few colours;
// smaller ones cost more in headers than that saves.
func (*tight) largest() image.Point { return image.Pt(256, 64) }

func (e *tight) encode(to []byte, s *source, r image.Rectangle) []byte {
	e.pixels = s.read(e.pixels, r)
	l := s.format.tight()
	most := paletteMost
	if s.format.bits == 8 {
		most = tightColoursOf8
	}
	if !e.palette.collect(e.pixels, most) {
		e.bytes = appendPixels(e.bytes[:0], e.pixels, l)
		return e.pack(append(to, 0), &e.plain)
	}
	colours := e.palette.colours
	switch len(colours) {
	case 1:
		return appendPixels(append(to, tightFill<<4), colours, l)
	case 2:
		to = append(to, (tightFilter|1)<<4, filterPalette, 1)
		e.bytes = e.palette.appendPacked(e.bytes[:0], e.pixels, r.Dx(), 1)
		return e.pack(appendPixels(to, colours, l), &e.mono)
	}
	to = append(to, (tightFilter|2)<<4, filterPalette, byte(len(colours)-1))
	e.bytes = e.palette.appendPacked(e.bytes[:0], e.pixels, r.Dx(), 8)
	return e.pack(appendPixels(to, colours, l), &e.indexed)
}

// pack appends the bytes, compressed if they are enough, after their length.
func (e *tight) pack(to []byte, z *stream) []byte {
	if len(e.bytes) < tightRaw {
		return append(to, e.bytes...)
	}
	z.level = e.level
	packed := z.pack(e.bytes)
	return append(appendCompact(to, len(packed)), packed...)
}

// appendCompact writes a length of up to 22 bits in one to three bytes, the lowest
// bits first.
func appendCompact(to []byte, n int) []byte {
	switch {
	case n < 1<<7:
		return append(to, byte(n))
	case n < 1<<14:
		return append(to, byte(n)|0x80, byte(n>>7))
	}
	return append(to, byte(n)|0x80, byte(n>>7)|0x80, byte(n>>14))
}
