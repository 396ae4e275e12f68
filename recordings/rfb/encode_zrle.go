package rfb

import (
	"encoding/binary"
	"image"
)

// zrle is RFC 6143 section 7.7.6.
type zrle struct {
	stream  stream
	pixels  []uint32
	bytes   []byte
	palette palette
}

const (
	zrleTile       = 64
	zrleRuns       = 128 // a tile of runs; with a palette: and its size
	zrlePaletteMax = 127
	zrlePackedMax  = 16 // colours of a palette without runs
)

func (*zrle) number() int32        { return encZRLE }
func (*zrle) largest() image.Point { return image.Pt(8*zrleTile, 2*zrleTile) }

func (e *zrle) encode(to []byte, s *source, r image.Rectangle) []byte {
	l := s.format.compact()
	e.bytes = e.bytes[:0]
	for _, t := range pieces(r, image.Pt(zrleTile, zrleTile)) {
		e.pixels = s.read(e.pixels, t)
		e.tile(t.Dx(), l)
	}
	packed := e.stream.pack(e.bytes)
	to = binary.BigEndian.AppendUint32(to, uint32(len(packed)))
	return append(to, packed...)
}

// tile appends the pixels, in rows of a width, in the shortest of the ways that
// there are.
func (e *zrle) tile(width int, l layout) {
	few := e.palette.collect(e.pixels, zrlePaletteMax)
	colours := e.palette.colours
	if few && len(colours) == 1 {
		e.bytes = appendPixels(append(e.bytes, 1), colours, l)
		return
	}
	plain, indexed := runSizes(e.pixels, l.bytes)
	best := min(len(e.pixels)*l.bytes, plain)
	if few {
		indexed += len(colours) * l.bytes
		packed := packedSize(len(colours), width, len(e.pixels)/width) + len(colours)*l.bytes
		if packed <= min(best, indexed) {
			e.bytes = appendPixels(append(e.bytes, byte(len(colours))), colours, l)
			e.bytes = e.palette.appendPacked(e.bytes, e.pixels, width, indexBits(len(colours)))
			return
		}
		if indexed <= best {
			e.bytes = appendPixels(append(e.bytes, byte(zrleRuns+len(colours))), colours, l)
			e.indexedRuns()
			return
		}
	}
	if plain == best {
		e.bytes = append(e.bytes, zrleRuns)
		for c, n := range runs(e.pixels) {
			e.bytes = appendRun(appendPixels(e.bytes, []uint32{c}, l), n)
		}
		return
	}
	e.bytes = appendPixels(append(e.bytes, 0), e.pixels, l)
}

func (e *zrle) indexedRuns() {
	for c, n := range runs(e.pixels) {
		if n == 1 {
			e.bytes = append(e.bytes, e.palette.of(c))
			continue
		}
		e.bytes = appendRun(append(e.bytes, e.palette.of(c)|zrleRuns), n)
	}
}

// runs yields the colour and the length of each run.
func runs(pixels []uint32) func(yield func(uint32, int) bool) {
	return func(yield func(uint32, int) bool) {
		for at := 0; at < len(pixels); {
			end := at + 1
			for end < len(pixels) && pixels[end] == pixels[at] {
				end++
			}
			if !yield(pixels[at], end-at) {
				return
			}
			at = end
		}
	}
}

// appendRun writes the length of a run, less 1: as many 255 as fit, and the rest.
func appendRun(to []byte, n int) []byte {
	for n--; n >= 255; n -= 255 {
		to = append(to, 255)
	}
	return append(to, byte(n))
}

// runSizes is how many bytes the runs take, with their colours or with indexes.
func runSizes(pixels []uint32, bytes int) (plain, indexed int) {
	for _, n := range runs(pixels) {
		length := (n-1)/255 + 1
		plain += bytes + length
		if indexed++; n > 1 {
			indexed += length
		}
	}
	return plain, indexed
}

// indexBits is how many bits an index has in a packed palette, 0 if there are too
// many colours for one.
func indexBits(colours int) int {
	switch {
	case colours <= 2:
		return 1
	case colours <= 4:
		return 2
	case colours <= zrlePackedMax:
		return 4
	}
	return 0
}

// packedSize is how many bytes the indexes take in a packed palette.
func packedSize(colours, width, height int) int {
	bits := indexBits(colours)
	if bits == 0 {
		return MaxPixels
	}
	return (width*bits + 7) / 8 * height
}
