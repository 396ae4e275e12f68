package rfb

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// pixelFormat is how a peer writes a pixel (RFC 6143 section 7.4).
type pixelFormat struct {
	bits   int // of a pixel: 8, 16 or 32
	depth  int // bits of it that count
	big    bool
	max    [3]uint16 // of red, green, blue
	shift  [3]uint8
	mapped bool // pixels are indexes into a map of colours
}

// formatBytes is the size of one on the wire, its padding included.
const formatBytes = 16

// ownFormat is that of a [Frame]: what we ask servers for and offer to viewers.
func ownFormat() pixelFormat {
	return pixelFormat{bits: 32, depth: 24, max: [3]uint16{255, 255, 255}, shift: [3]uint8{16, 8, 0}}
}

func (f pixelFormat) append(to []byte) []byte {
	to = append(to, byte(f.bits), byte(f.depth), flag(f.big), flag(!f.mapped))
	for _, m := range f.max {
		to = binary.BigEndian.AppendUint16(to, m)
	}
	return append(to, f.shift[0], f.shift[1], f.shift[2], 0, 0, 0)
}

// parseFormat reads what a viewer asks for and refuses what no pixel can hold.
func parseFormat(from []byte) (pixelFormat, error) {
	f := pixelFormat{bits: int(from[0]), depth: int(from[1]), big: from[2] != 0, mapped: from[3] == 0}
	if f.mapped {
		return f, errors.New("the viewer asks for a map of colours, which is not served: let it use true colour")
	}
	if f.bits != 8 && f.bits != 16 && f.bits != 32 {
		return f, fmt.Errorf("the viewer asks for pixels of %d bits; 8, 16 and 32 are served", f.bits)
	}
	for i := range f.max {
		f.max[i] = binary.BigEndian.Uint16(from[4+2*i:])
		f.shift[i] = from[10+i]
		if int(f.shift[i]) >= f.bits || uint64(f.max[i])<<f.shift[i] >= 1<<f.bits {
			return f, fmt.Errorf("the viewer asks for a colour of up to %d at bit %d of a pixel of %d bits, which has no room for it", f.max[i], f.shift[i], f.bits)
		}
	}
	return f, nil
}

// bytes is the size of a pixel.
func (f pixelFormat) bytes() int { return f.bits / 8 }

// put writes a pixel and returns its size.
func (f pixelFormat) put(to []byte, p uint32) int {
	switch {
	case f.bits == 8:
		to[0] = byte(p)
		return 1
	case f.bits == 16 && f.big:
		binary.BigEndian.PutUint16(to, uint16(p))
		return 2
	case f.bits == 16:
		binary.LittleEndian.PutUint16(to, uint16(p))
		return 2
	case f.big:
		binary.BigEndian.PutUint32(to, p)
	default:
		binary.LittleEndian.PutUint32(to, p)
	}
	return 4
}

// reducer turns pixels of a [Frame] into those of a viewer. The tables hold each
// colour's share of the pixel, rounded to the nearest that the format has.
type reducer struct {
	red, green, blue [256]uint32
}

func newReducer(f pixelFormat) *reducer {
	r := new(reducer)
	for i, table := range []*[256]uint32{&r.red, &r.green, &r.blue} {
		for c := range table {
			table[c] = (uint32(c)*uint32(f.max[i]) + 127) / 255 << f.shift[i]
		}
	}
	return r
}

// row turns a row of a frame, 4 bytes a pixel, into pixels of the viewer.
func (r *reducer) row(to []uint32, from []byte) {
	from = from[:len(to)*pixel]
	for i := range to {
		p := from[i*pixel : i*pixel+pixel : i*pixel+pixel]
		to[i] = r.blue[p[0]] | r.green[p[1]] | r.red[p[2]]
	}
}

// layout is how an encoding writes the pixels of a format: whole, or without the
// byte that says nothing.
type layout struct {
	bytes int
	put   func(to []byte, p uint32) int
}

// whole is PIXEL, for Raw and Hextile.
func (f pixelFormat) whole() layout { return layout{f.bytes(), f.put} }

// compact is CPIXEL, for ZRLE (RFC 6143 section 7.7.5): three bytes where a
// format of 32 bits keeps its colours in three of them.
func (f pixelFormat) compact() layout {
	var mask uint32
	for i, m := range f.max {
		mask |= uint32(m) << f.shift[i]
	}
	if f.bits != 32 || f.depth > 24 || mask&0xff != 0 && mask>>24 != 0 {
		return f.whole()
	}
	drop := 0 // the byte that is left out: the highest one, or the lowest
	if mask>>24 != 0 {
		drop = 8
	}
	if f.big {
		return layout{3, func(to []byte, p uint32) int {
			p >>= drop
			to[0], to[1], to[2] = byte(p>>16), byte(p>>8), byte(p)
			return 3
		}}
	}
	return layout{3, func(to []byte, p uint32) int {
		p >>= drop
		to[0], to[1], to[2] = byte(p), byte(p>>8), byte(p>>16)
		return 3
	}}
}

// tight is TPIXEL, for Tight: red, green, blue where each has eight bits of
// 32, wherever they lie.
func (f pixelFormat) tight() layout {
	if f.bits != 32 || f.depth != 24 || f.max != [3]uint16{255, 255, 255} {
		return f.whole()
	}
	return layout{3, func(to []byte, p uint32) int {
		to[0], to[1], to[2] = byte(p>>f.shift[0]), byte(p>>f.shift[1]), byte(p>>f.shift[2])
		return 3
	}}
}
