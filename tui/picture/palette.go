package picture

import (
	"cmp"
	"image"
	"slices"
)

// A palette is the colours of one image.
type palette struct {
	list   []uint32 // 0xRRGGBB
	of     map[uint32]uint8
	counts []uint32 // of dots, by their colour in 15 bits
	bins   []bin
	near   []uint8 // the number of a colour in 15 bits
}

// bin is a colour of 15 bits with how often it is there.
type bin struct {
	key   uint16
	count uint32
}

// channel is one of the three of a bin, of five bits: 0 is red.
func (b bin) channel(n int) int { return int(b.key>>(10-5*n)) & 31 }

func key15(dot []byte) uint16 {
	return uint16(dot[0]>>3)<<10 | uint16(dot[1]>>3)<<5 | uint16(dot[2]>>3)
}

// fit chooses at most so many colours for a part of a canvas and appends the
// number of each dot's: its own where they are so few, else a near one.
func (p *palette) fit(dst []uint8, c *canvas, r image.Rectangle, colours int) []uint8 {
	if exact, ok := p.exact(dst, c, r, colours); ok {
		return exact
	}
	p.cut(c, r, colours)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for row := c.row(y, r.Min.X, r.Max.X); len(row) > 0; row = row[3:] {
			dst = append(dst, p.near[key15(row)])
		}
	}
	return dst
}

// exact succeeds where the colours are few.
func (p *palette) exact(dst []uint8, c *canvas, r image.Rectangle, colours int) ([]uint8, bool) {
	if p.of == nil {
		p.of = make(map[uint32]uint8)
	}
	clear(p.of)
	p.list = p.list[:0]
	last, number := uint32(1<<24), uint8(0)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for row := c.row(y, r.Min.X, r.Max.X); len(row) > 0; row = row[3:] {
			v := uint32(row[0])<<16 | uint32(row[1])<<8 | uint32(row[2])
			if v != last {
				n, known := p.of[v]
				if !known {
					if len(p.list) == colours {
						return nil, false
					}
					n = uint8(len(p.list)) //nolint:gosec // fewer than colours, which are at most 256
					p.of[v], p.list = n, append(p.list, v)
				}
				last, number = v, n
			}
			dst = append(dst, number)
		}
	}
	return dst, true
}

// cut halves the set of colours again and again, where that helps most (median
// cut), and takes the mean of each part.
func (p *palette) cut(c *canvas, r image.Rectangle, colours int) {
	p.count(c, r)
	boxes := [][]bin{p.bins}
	for len(boxes) < colours {
		most, which, along := 0, -1, 0
		for i, box := range boxes {
			if spread, channel := widest(box); len(box) > 1 && spread > most {
				most, which, along = spread, i, channel
			}
		}
		if which < 0 {
			break
		}
		box := boxes[which]
		slices.SortFunc(box, func(a, b bin) int { return cmp.Or(a.channel(along)-b.channel(along), int(a.key)-int(b.key)) })
		at := middle(box)
		boxes[which] = box[:at]
		boxes = append(boxes, box[at:])
	}
	p.list = p.list[:0]
	for n, box := range boxes {
		p.list = append(p.list, mean(box))
		for _, b := range box {
			p.near[b.key] = uint8(n) //nolint:gosec // at most 256 boxes
		}
	}
}

// count fills the bins.
func (p *palette) count(c *canvas, r image.Rectangle) {
	if p.counts == nil {
		p.counts, p.near = make([]uint32, 1<<15), make([]uint8, 1<<15)
	}
	clear(p.counts)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for row := c.row(y, r.Min.X, r.Max.X); len(row) > 0; row = row[3:] {
			p.counts[key15(row)]++
		}
	}
	p.bins = p.bins[:0]
	for key, n := range p.counts {
		if n > 0 {
			p.bins = append(p.bins, bin{uint16(key), n}) //nolint:gosec // of 15 bits
		}
	}
}

// widest is the channel in which a box reaches furthest, and a measure of what
// its halving is worth.
func widest(box []bin) (spread, channel int) {
	var total uint32
	low, high := [3]int{31, 31, 31}, [3]int{}
	for _, b := range box {
		total += b.count
		for n := range 3 {
			low[n], high[n] = min(low[n], b.channel(n)), max(high[n], b.channel(n))
		}
	}
	for n := range 3 {
		if width := high[n] - low[n]; width > spread {
			spread, channel = width, n
		}
	}
	// A few dots far away count less than many that are nearer.
	for n := total; n > 1; n /= 4 {
		spread += spread / 2
	}
	return spread, channel
}

// middle is where half of a box's dots are before; neither part is empty.
func middle(box []bin) int {
	var total, so uint32
	for _, b := range box {
		total += b.count
	}
	for i, b := range box {
		so += b.count
		if so*2 >= total {
			return clamp(i+1, 1, len(box)-1)
		}
	}
	return len(box) - 1
}

// mean is the mean colour of a box.
func mean(box []bin) uint32 {
	var sum [3]uint64
	var total uint64
	for _, b := range box {
		total += uint64(b.count)
		for n := range 3 {
			v := b.channel(n)
			sum[n] += uint64(v<<3|v>>2) * uint64(b.count)
		}
	}
	total = max(total, 1)
	return uint32(sum[0]/total)<<16 | uint32(sum[1]/total)<<8 | uint32(sum[2]/total) //nolint:gosec // each of eight bits
}
