package framelog

import (
	"encoding/binary"
	"image"

	"accord/recordings/rfb"
)

// Heights of a line of text that are looked for, in pixels: a tile has to show at
// least so many lines.
const (
	minPitch  = 7
	maxPitch  = side / leastText
	leastText = 4
)

// lines says where the lines of a text lie: at each y that is phase modulo
// pitch one begins.
type lines struct{ pitch, phase int }

// next is where the first line behind y begins.
func (l lines) next(y int) int {
	into := (y - l.phase) % l.pitch
	if into < 0 {
		into += l.pitch
	}
	return y + l.pitch - into
}

// whole makes the rows of r whole lines, as far as the picture goes.
func (l lines) whole(r, picture image.Rectangle) image.Rectangle {
	r.Min.Y = max(l.next(r.Min.Y)-l.pitch, picture.Min.Y)
	r.Max.Y = min(l.next(r.Max.Y-1), picture.Max.Y)
	return r
}

// maxTexts bounds the places of lines that are remembered.
const maxTexts = 4

// texts finds out where the lines of text lie in a tile. What it found is tried
// first the next time: the same text cut at the same places is the same bytes.
type texts struct {
	known []lines // the last that fitted is the first
	ink   []int   // scratch: of each row
	sums  []int   // scratch: of the rows before each
	top   int     // of the first row
}

// fewer is by how much rows where a line begins have less ink than the average.
const fewer = 16

// find tells where lines lie in a tile, if there are any; was is what it told the
// last time.
func (t *texts) find(f *rfb.Frame, tile image.Rectangle, was lines) lines {
	if !t.profile(f, tile) {
		return lines{}
	}
	if was.pitch > 0 && t.fits(was, 2) && !t.half(was) {
		return was
	}
	for i, l := range t.known {
		if t.fits(l, 2) {
			if t.half(l) {
				l = lines{l.pitch / 2, l.phase % (l.pitch / 2)}
			}
			return t.use(l, i)
		}
	}
	if l := t.look(); l.pitch > 0 {
		if len(t.known) < maxTexts {
			t.known = append(t.known, l)
		}
		return t.use(l, len(t.known)-1)
	}
	return lines{}
}

// half reports that the lines are twice as many.
func (t *texts) half(l lines) bool {
	return l.pitch%2 == 0 && l.pitch >= 2*minPitch && t.fits(lines{l.pitch / 2, l.phase % (l.pitch / 2)}, leastText)
}

// use puts what fits first, in the place of what is known as number i.
func (t *texts) use(l lines, i int) lines {
	copy(t.known[1:], t.known[:i])
	t.known[0] = l
	return l
}

// profile counts the changes of colour in each row of a tile, those that all rows
// have left out. It reports whether they are at least half of all, as where lines
// have gaps between them.
func (t *texts) profile(f *rfb.Frame, r image.Rectangle) bool {
	t.ink, t.top = t.ink[:0], r.Min.Y
	least, all := r.Dx(), 0
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row, n := f.Row(r.Min.X, y, r.Dx()), 0
		before := binary.LittleEndian.Uint32(row)
		for x := 4; x < len(row); x += 4 {
			px := binary.LittleEndian.Uint32(row[x:])
			if px != before {
				n++
			}
			before = px
		}
		t.ink = append(t.ink, n)
		least, all = min(least, n), all+n
	}
	t.sums = append(t.sums[:0], 0)
	for i := range t.ink {
		t.ink[i] -= least
		t.sums = append(t.sums, t.sums[i]+t.ink[i])
	}
	left := t.sums[len(t.ink)]
	return left > 0 && left >= all/2
}

// fits reports whether lines begin where there is almost no ink, and at least some
// have any.
func (t *texts) fits(l lines, some int) bool {
	rows := len(t.ink)
	sum, cuts, inked := 0, 0, 0
	for y := l.next(t.top-1) - t.top; y < rows; y += l.pitch {
		sum += t.ink[y]
		cuts++
		if t.sums[min(y+l.pitch, rows)] > t.sums[y] {
			inked++
		}
	}
	return inked >= some && sum*fewer*rows <= cuts*t.sums[rows]
}

// look finds the pitch at which there are the widest gaps, and begins lines in
// the middle of them.
func (t *texts) look() (found lines) {
	widest := 0
	for pitch := minPitch; pitch <= maxPitch; pitch++ {
		gap := 0
		for i := range 2 * pitch { // a gap may go on at the end of a line
			if !t.fits(lines{pitch, (t.top + i) % pitch}, leastText) {
				gap = 0
				continue
			}
			if gap++; gap > widest && gap < pitch {
				widest = gap
				found = lines{pitch, (t.top + i - gap/2) % pitch}
			}
		}
	}
	return found
}
