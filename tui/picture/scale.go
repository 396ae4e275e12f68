package picture

import "accord/recordings/rfb"

// whole is the sum of the weights of a span.
const whole = 1 << 12

// A span is the part of a row, or of a column, of pixels that one dot shows.
type span struct {
	at      int
	weights []uint16 // of the pixels from at; nil: that one pixel alone
}

// spans are those of all dots along one side: from pixels to dots.
func spans(from, pixels, dots int) []span {
	list := make([]span, dots)
	if pixels <= dots {
		for i := range list {
			list[i].at = from + i*pixels/dots
		}
		return list
	}
	all := make([]uint16, 0, pixels+2*dots)
	for i := range list {
		first, last := i*pixels/dots, ((i+1)*pixels-1)/dots
		start, left := len(all), whole
		for at := first; at < last; at++ {
			// The part of the pixel within the dot, in units of 1/dots pixel.
			inside := min((at+1)*dots, (i+1)*pixels) - max(at*dots, i*pixels)
			weight := inside * whole / pixels
			all = append(all, uint16(weight)) //nolint:gosec // at most whole
			left -= weight
		}
		all = append(all, uint16(left)) //nolint:gosec // at most whole
		list[i] = span{from + first, all[start:len(all):len(all)]}
	}
	return list
}

// A scaler makes rows of dots of a frame.
type scaler struct {
	columns, rows []span
	sums          []uint32 // of one row of pixels: blue, green, red
	row           []byte   // a row of pixels that a cursor covers
	cursor        *rfb.Cursor
	x, y          int // of the cursor's upper left corner
}

// pixels is a row of the frame from one column to another, under the cursor.
func (s *scaler) pixels(f *rfb.Frame, y, from, to int) []byte {
	row := f.Row(from, y, to-from)
	c := s.cursor
	if c == nil || y < s.y || y >= s.y+c.Height || s.x >= to || s.x+c.Width <= from {
		return row
	}
	s.row = append(s.row[:0], row...)
	for x := max(from, s.x); x < min(to, s.x+c.Width); x++ {
		if p := c.Pix[((y-s.y)*c.Width+x-s.x)*4:]; p[3] != 0 {
			copy(s.row[(x-from)*4:], p[:4])
		}
	}
	return s.row
}

// dots appends the dots from one column to another of a row: red, green, blue.
func (s *scaler) dots(dst []byte, f *rfb.Frame, y, from, to int) []byte {
	row, columns := s.rows[y], s.columns[from:to]
	first, last := columns[0].at, columns[len(columns)-1]
	end := last.at + max(len(last.weights), 1)
	if row.weights == nil && columns[0].weights == nil {
		line := s.pixels(f, row.at, first, end)
		for _, c := range columns {
			p := line[(c.at-first)*4:]
			dst = append(dst, p[2], p[1], p[0])
		}
		return dst
	}
	s.sum(f, row, first, end)
	for _, c := range columns {
		p := s.sums[(c.at-first)*3:]
		if c.weights == nil {
			dst = append(dst, byte(p[2]>>8), byte(p[1]>>8), byte(p[0]>>8))
			continue
		}
		var blue, green, red uint32
		for i, w := range c.weights {
			blue += p[3*i] * uint32(w)
			green += p[3*i+1] * uint32(w)
			red += p[3*i+2] * uint32(w)
		}
		dst = append(dst, byte(red>>20), byte(green>>20), byte(blue>>20))
	}
	return dst
}

// sum adds the rows of pixels that a row of dots shows, by their weights; 255
// becomes 255*256, so that a sum of weighted sums has 28 bits.
func (s *scaler) sum(f *rfb.Frame, row span, from, to int) {
	n := (to - from) * 3
	if cap(s.sums) < n {
		s.sums = make([]uint32, n)
	}
	s.sums = s.sums[:n]
	clear(s.sums)
	weights := row.weights
	if weights == nil {
		weights = []uint16{whole}
	}
	for i, weight := range weights {
		line, w := s.pixels(f, row.at+i, from, to), uint32(weight)
		for x, k := 0, 0; x < n; x, k = x+3, k+4 {
			p := line[k : k+3 : k+3]
			sum := s.sums[x : x+3 : x+3]
			sum[0] += uint32(p[0]) * w
			sum[1] += uint32(p[1]) * w
			sum[2] += uint32(p[2]) * w
		}
	}
	for i := range s.sums {
		s.sums[i] >>= 4
	}
}
