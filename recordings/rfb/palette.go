package rfb

// palette is the colours of a few pixels, in the order in which they come.
type palette struct {
	colours []uint32
	index   [paletteSlots]uint16 // of a colour, plus 1, at its hash or after it
}

// paletteMost is how many colours a palette can have; paletteSlots leaves as many
// places free, so that a search ends soon.
const (
	paletteMost  = 256
	paletteSlots = 1024
)

// collect takes the colours of pixels and reports whether they are at most as
// many as most.
func (p *palette) collect(pixels []uint32, most int) bool {
	p.colours = p.colours[:0]
	clear(p.index[:])
	last, any := uint32(0), false
	for _, c := range pixels {
		if any && c == last {
			continue
		}
		last, any = c, true
		at := p.slot(c)
		if p.index[at] != 0 {
			continue
		}
		if len(p.colours) == most {
			return false
		}
		p.colours = append(p.colours, c)
		p.index[at] = uint16(len(p.colours))
	}
	return true
}

// slot is where a colour is, or would be.
func (p *palette) slot(c uint32) uint32 {
	at := c * 2654435761 >> 22 // Knuth's multiplicative hash, its 10 highest bits
	for p.index[at] != 0 && p.colours[p.index[at]-1] != c {
		at = (at + 1) % paletteSlots
	}
	return at
}

// of is the index of a colour that is in the palette.
func (p *palette) of(c uint32) byte { return byte(p.index[p.slot(c)] - 1) }

// appendPacked writes the indexes of pixels with some bits each, the first in the
// highest bits, each row from a byte of its own.
func (p *palette) appendPacked(to []byte, pixels []uint32, width, bits int) []byte {
	for ; len(pixels) > 0; pixels = pixels[width:] {
		var b byte
		free := 8
		for _, c := range pixels[:width] {
			free -= bits
			b |= p.of(c) << free
			if free == 0 {
				to = append(to, b)
				b, free = 0, 8
			}
		}
		if free < 8 {
			to = append(to, b)
		}
	}
	return to
}
