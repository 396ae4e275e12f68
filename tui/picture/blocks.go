package picture

import (
	"image"
	"strconv"
	"strings"
)

// blocks draws two dots a cell: U+2580 has the colour of the text above and that
// of the background below.
type blocks struct {
	colours int
	shown   []pair // by cell
	known   []bool
	// What the terminal's pen is set to, and which cell it is at; -1 for
	// anything.
	pen  pair
	next int
}

// A colour is 0xRRGGBB, or a number of the palette with [indexed].
type colour int32

const (
	indexed   colour = 1 << 24
	noColour  colour = -1
	coarse           = 0xfc // of true colours the lowest two bits are left out: nobody sees them, and runs get longer
	upperHalf        = "▀"
	lowerHalf        = "▄"
)

type pair struct{ upper, lower colour }

func (b *blocks) tile(Place) image.Point { return image.Pt(1, 2) }

func (b *blocks) forget(tiles int) {
	b.shown, b.known = make([]pair, tiles), make([]bool, tiles)
	b.pen, b.next = pair{noColour, noColour}, -1
}

func (b *blocks) erase(dst []byte) []byte { return dst }

// cell is what a cell shows.
func (b *blocks) cell(c *canvas, i int) pair {
	x, y := i%c.tiles.X, i/c.tiles.X*2
	up, down := c.row(y, x, x+1), c.row(y+1, x, x+1)
	return pair{b.nearest(up, x, y), b.nearest(down, x, y+1)}
}

func (b *blocks) draw(dst []byte, p *Place, c *canvas, i int) []byte {
	now := b.cell(c, i)
	if b.known[i] && b.shown[i] == now {
		return dst
	}
	b.shown[i], b.known[i] = now, true
	if b.next != i {
		at := p.Cells.Min.Add(image.Pt(i%c.tiles.X, i/c.tiles.X))
		dst = moveTo(dst, at)
	}
	b.next = i + 1
	if b.next%c.tiles.X == 0 {
		b.next = -1 // where a line ends, terminals differ
	}
	return b.put(dst, now)
}

// put draws a cell with the pen, changing as little of it as will do.
func (b *blocks) put(dst []byte, now pair) []byte {
	switch {
	case now.upper == now.lower && b.pen.upper == now.upper && b.pen.lower != now.lower:
		return append(dst, "█"...)
	case now.upper == now.lower:
		dst = b.set(dst, pair{b.pen.upper, now.lower})
		return append(dst, ' ')
	case b.cost(pair{now.lower, now.upper}) < b.cost(now):
		dst = b.set(dst, pair{now.lower, now.upper})
		return append(dst, lowerHalf...)
	}
	dst = b.set(dst, now)
	return append(dst, upperHalf...)
}

// cost is how many colours of the pen must be set.
func (b *blocks) cost(to pair) (n int) {
	if to.upper != b.pen.upper {
		n++
	}
	if to.lower != b.pen.lower {
		n++
	}
	return n
}

// set changes the pen: its text to the upper colour, its background to the lower.
func (b *blocks) set(dst []byte, to pair) []byte {
	if b.cost(to) == 0 {
		return dst
	}
	dst = append(dst, "\x1b["...)
	if to.upper != b.pen.upper {
		dst = to.upper.sgr(dst, 30)
		if to.lower != b.pen.lower {
			dst = append(dst, ';')
		}
	}
	if to.lower != b.pen.lower {
		dst = to.lower.sgr(dst, 40)
	}
	b.pen = to
	return append(dst, 'm')
}

func (b *blocks) flush(dst []byte) []byte {
	b.pen, b.next = pair{noColour, noColour}, -1
	return append(dst, "\x1b[m"...)
}

// sgr appends the parameters that select a colour; base is 30 for text and 40
// for the background.
func (c colour) sgr(dst []byte, base int) []byte {
	n := int(c &^ indexed)
	switch {
	case c&indexed == 0:
		dst = strconv.AppendInt(dst, int64(base+8), 10)
		dst = append(dst, ";2;"...)
		dst = strconv.AppendInt(dst, int64(n>>16), 10)
		dst = append(dst, ';')
		dst = strconv.AppendInt(dst, int64(n>>8&255), 10)
		dst = append(dst, ';')
		return strconv.AppendInt(dst, int64(n&255), 10)
	case n < 8:
		return strconv.AppendInt(dst, int64(base+n), 10)
	case n < 16:
		return strconv.AppendInt(dst, int64(base+60+n-8), 10)
	}
	dst = strconv.AppendInt(dst, int64(base+8), 10)
	dst = append(dst, ";5;"...)
	return strconv.AppendInt(dst, int64(n), 10)
}

// nearest is the colour for a dot.
func (b *blocks) nearest(dot []byte, x, y int) colour {
	switch {
	case b.colours > 256:
		return colour(dot[0]&coarse)<<16 | colour(dot[1]&coarse)<<8 | colour(dot[2]&coarse)
	case b.colours > 16:
		return indexed | colour(of256(dot))
	}
	return indexed | colour(of16(dot, x, y))
}

// of256 is the nearest of xterm's colours from 16 on: a cube of six levels each
// way, and 24 greys.
func of256(dot []byte) int {
	var n, off int
	for _, v := range dot {
		level := 0
		if v >= 115 {
			level = (int(v) - 35) / 40
		} else if v >= 48 {
			level = 1
		}
		d := int(v) - cube(level)
		n, off = n*6+level, off+d*d
	}
	mean := (int(dot[0]) + int(dot[1]) + int(dot[2])) / 3
	grey := clamp((mean-3)/10, 0, 23)
	var offGrey int
	for _, v := range dot {
		d := int(v) - (8 + 10*grey)
		offGrey += d * d
	}
	if offGrey < off {
		return 232 + grey
	}
	return 16 + n
}

// cube is a level of the cube of colours.
func cube(level int) int {
	if level == 0 {
		return 0
	}
	return 55 + 40*level
}

// of16 is one of the sixteen colours: of the two that are nearest, the one that
// a fixed pattern chooses, so that shades between them can be told apart.
func of16(dot []byte, x, y int) int {
	pattern := [4][4]int{{0, 8, 2, 10}, {12, 4, 14, 6}, {3, 11, 1, 9}, {15, 7, 13, 5}}
	shift := (pattern[y&3][x&3]*2 - 15) * 2
	best, least := 0, 1<<30
	for i, c := range sixteen() {
		var off int
		for k, v := range dot {
			d := clamp(int(v)+shift, 0, 255) - int(c[k])
			off += d * d
		}
		if off < least {
			best, least = i, off
		}
	}
	return best
}

// sixteen are the colours as xterm has them; other terminals' are near.
func sixteen() [16][3]uint8 {
	return [16][3]uint8{
		{0, 0, 0}, {205, 0, 0}, {0, 205, 0}, {205, 205, 0}, {0, 0, 238}, {205, 0, 205}, {0, 205, 205}, {229, 229, 229},
		{127, 127, 127}, {255, 0, 0}, {0, 255, 0}, {255, 255, 0}, {92, 92, 255}, {255, 0, 255}, {0, 255, 255}, {255, 255, 255},
	}
}

// moveTo moves the cursor to a cell, of which the first is 0, 0.
func moveTo(dst []byte, cell image.Point) []byte {
	dst = append(dst, "\x1b["...)
	dst = strconv.AppendInt(dst, int64(cell.Y+1), 10)
	dst = append(dst, ';')
	dst = strconv.AppendInt(dst, int64(cell.X+1), 10)
	return append(dst, 'H')
}

// Lines is the whole picture as half-blocks, a string for each line of cells, with
// the plain style at the end of each: for a screen that is composed of lines and
// compared elsewhere. It is for a painter whose way is [Blocks]; nothing counts
// as drawn by it.
func (p *Painter) Lines() []string {
	if p.canvas == nil {
		return nil
	}
	b, ok := p.enc.(*blocks)
	if !ok {
		return nil
	}
	own := &blocks{colours: b.colours}
	lines := make([]string, p.canvas.tiles.Y)
	for y := range lines {
		var line []byte
		own.flush(nil)
		for x := range p.canvas.tiles.X {
			line = own.put(line, own.cell(p.canvas, y*p.canvas.tiles.X+x))
		}
		lines[y] = strings.TrimSuffix(string(own.flush(line)), "\x1b[m") + "\x1b[m"
	}
	return lines
}
