package picture

import (
	"fmt"
	"image"
	"strconv"
)

// sixel draws the picture as a few images side by side, each with a palette of
// its own. They keep their places and sizes, so that terminals which remember
// images (xterm remembers sixteen) put each in the place of the one before.
type sixel struct {
	colours int
	most    image.Point
	palette palette
	index   []uint8 // of each dot of an image
	bands   []byte  // six rows of dots as sixels, for each colour
	used    [256]reach
}

// reach is where a colour is in a band: from first to before last.
type reach struct{ first, last int }

// How many images there are at most, each way, unless the terminal takes only
// smaller ones.
const sixelColumns, sixelRows = 4, 3

func newSixel(m Means) *sixel {
	return &sixel{colours: clamp(m.Colours, 2, 256), most: m.Most}
}

func (s *sixel) tile(p Place) image.Point {
	cells := image.Pt((p.Cells.Dx()+sixelColumns-1)/sixelColumns, (p.Cells.Dy()+sixelRows-1)/sixelRows)
	if s.most.X > 0 {
		cells.X = clamp(s.most.X/p.Cell.X, 1, cells.X)
	}
	if s.most.Y > 0 {
		cells.Y = clamp(s.most.Y/p.Cell.Y, 1, cells.Y)
	}
	return image.Pt(cells.X*p.Cell.X, cells.Y*p.Cell.Y)
}

func (s *sixel) forget(int)              {}
func (s *sixel) flush(dst []byte) []byte { return dst }
func (s *sixel) erase(dst []byte) []byte { return dst } // goes with the text that is written over it

// draw appends an image: pixels are square, and none is left out.
func (s *sixel) draw(dst []byte, p *Place, c *canvas, i int) []byte {
	r := c.bounds(i)
	dst = moveTo(dst, p.Cells.Min.Add(image.Pt(r.Min.X/p.Cell.X, r.Min.Y/p.Cell.Y)))
	dst = fmt.Appendf(dst, "\x1bP0;1;0q\"1;1;%d;%d", r.Dx(), r.Dy())
	s.index = s.palette.fit(s.index[:0], c, r, s.colours)
	for n, v := range s.palette.list {
		dst = fmt.Appendf(dst, "#%d;2;%d;%d;%d", n, percent(v>>16), percent(v>>8), percent(v))
	}
	for y := 0; y < r.Dy(); y += 6 {
		if y > 0 {
			dst = append(dst, '-')
		}
		dst = s.band(dst, s.index[y*r.Dx():min(y+6, r.Dy())*r.Dx()], r.Dx())
	}
	return append(dst, "\x1b\\"...)
}

// percent is how sixels give an intensity.
func percent(v uint32) uint32 { return (v&255*100 + 127) / 255 }

// band appends six rows, one colour after another.
func (s *sixel) band(dst []byte, index []uint8, width int) []byte {
	colours := len(s.palette.list)
	if n := colours * width; len(s.bands) < n {
		s.bands = make([]byte, n)
	}
	for n := range colours {
		s.used[n] = reach{width, 0}
	}
	for at, n := range index {
		x := at % width
		u := &s.used[n]
		u.first, u.last = min(u.first, x), max(u.last, x+1)
		s.bands[int(n)*width+x] |= 1 << (at / width)
	}
	again := false
	for n := range colours {
		u := s.used[n]
		if u.last == 0 {
			continue
		}
		if again {
			dst = append(dst, '$')
		}
		again = true
		dst = append(dst, '#')
		dst = strconv.AppendInt(dst, int64(n), 10)
		dst = run(dst, 0, u.first)
		row := s.bands[n*width+u.first : n*width+u.last]
		dst = runs(dst, row)
		clear(row)
	}
	return dst
}

// runs appends sixels, equal ones together.
func runs(dst, row []byte) []byte {
	for len(row) > 0 {
		n := 1
		for n < len(row) && row[n] == row[0] {
			n++
		}
		dst = run(dst, row[0], n)
		row = row[n:]
	}
	return dst
}

func run(dst []byte, bits byte, n int) []byte {
	c := bits + '?'
	if n > 3 {
		dst = append(dst, '!')
		dst = strconv.AppendInt(dst, int64(n), 10)
		return append(dst, c)
	}
	for range n {
		dst = append(dst, c)
	}
	return dst
}
