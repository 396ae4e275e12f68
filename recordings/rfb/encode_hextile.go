package rfb

import "image"

// hextile is RFC 6143 section 7.7.4.
type hextile struct {
	pixels  []uint32
	done    []bool
	palette palette

	// What the tile before has set, within a rectangle.
	background, foreground uint32
	hasBack, hasFore       bool
}

const (
	hextileTile       = 16
	hextileRaw        = 1
	hextileBackground = 2
	hextileForeground = 4
	hextileSubrects   = 8
	hextileColoured   = 16
)

func (*hextile) number() int32        { return encHextile }
func (*hextile) largest() image.Point { return image.Pt(256, 256) }

func (e *hextile) encode(to []byte, s *source, r image.Rectangle) []byte {
	e.hasBack, e.hasFore = false, false
	l := s.format.whole()
	for _, t := range pieces(r, image.Pt(hextileTile, hextileTile)) {
		e.pixels = s.read(e.pixels, t)
		to = e.tile(to, t.Dx(), l)
	}
	return to
}

// tile appends the pixels, in rows of a width. What it says of background and
// foreground holds for the tiles after it, but not beyond a raw one.
func (e *hextile) tile(to []byte, width int, l layout) []byte {
	start := len(to)
	e.palette.collect(e.pixels, paletteMost) // a tile has at most so many pixels
	colours := e.palette.colours
	to = append(to, 0)
	if back := e.common(); !e.hasBack || back != e.background {
		to[start] |= hextileBackground
		to = appendPixels(to, []uint32{back}, l)
		e.background, e.hasBack = back, true
	}
	if len(colours) == 1 {
		return to
	}
	to[start] |= hextileSubrects
	if len(colours) == 2 {
		fore := colours[0]
		if fore == e.background {
			fore = colours[1]
		}
		if !e.hasFore || fore != e.foreground {
			to[start] |= hextileForeground
			to = appendPixels(to, []uint32{fore}, l)
			e.foreground, e.hasFore = fore, true
		}
	} else {
		to[start] |= hextileColoured
		e.hasFore = false
	}
	count := len(to)
	to = e.subrects(append(to, 0), count, width, l, len(colours) > 2)
	if len(to)-start > len(e.pixels)*l.bytes {
		e.hasBack, e.hasFore = false, false
		return appendPixels(append(to[:start], hextileRaw), e.pixels, l)
	}
	return to
}

// common is the colour of most of the tile's corners and middle, or its first:
// good enough to be the background.
func (e *hextile) common() uint32 {
	n := len(e.pixels)
	probes := [...]uint32{e.pixels[0], e.pixels[n-1], e.pixels[n/2], e.pixels[n/4], e.pixels[n*3/4]}
	best, most := probes[0], 0
	for _, p := range probes {
		same := 0
		for _, q := range probes {
			if p == q {
				same++
			}
		}
		if same > most {
			best, most = p, same
		}
	}
	return best
}

// subrects appends rectangles that cover what isn't background, and puts their
// number at count. There are at most 255: a tile of 256 pixels has one of its
// background.
func (e *hextile) subrects(to []byte, count, width int, l layout, coloured bool) []byte {
	e.done = append(e.done[:0], make([]bool, len(e.pixels))...)
	for at, c := range e.pixels {
		if e.done[at] || c == e.background {
			continue
		}
		w, h := e.spread(at, width)
		if coloured {
			to = appendPixels(to, []uint32{c}, l)
		}
		to = append(to, byte(at%width<<4|at/width), byte((w-1)<<4|(h-1)))
		to[count]++
	}
	return to
}

// spread is how far a colour goes on from at, first to the right, then down, and
// marks that as done.
func (e *hextile) spread(at, width int) (w, h int) {
	c := e.pixels[at]
	same := func(i int) bool { return i < len(e.pixels) && e.pixels[i] == c && !e.done[i] }
	for w = 1; at%width+w < width && same(at+w); w++ {
	}
	for h = 0; ; h++ {
		row := at + h*width
		for x := range w {
			if !same(row + x) {
				return w, max(h, 1)
			}
		}
		for x := range w {
			e.done[row+x] = true
		}
	}
}
