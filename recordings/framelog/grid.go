package framelog

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/jpeg"
	"iter"
	"time"

	"accord/recordings/rfb"
)

// side is that of a tile, in pixels. Tiles lie on a fixed grid, so that one
// which comes again is found again.
const side = 128

const (
	// gap is how long a tile may rest and still be one that goes on changing.
	gap = 700 * time.Millisecond
	// streak is how many changes without such a rest make it hot.
	streak = 10
	// steady is how often a tile's lines are found in the same places before it is
	// text, once they have moved.
	steady = 3
	// settled is the rest after which a lossy tile is written exactly.
	settled = time.Second
)

// grid compares pictures by tiles. Its shadow is the picture that a reader of
// the file has, but for rough tiles.
type grid struct {
	shadow        *rfb.Frame
	columns, rows int
	tiles         []tile
	any           bool // a tile has changed
	fresh         bool // the shadow is another picture than before
	rough         int  // tiles of which a reader has a lossy picture
	late          []image.Rectangle
}

type tile struct {
	area    image.Rectangle // that has changed, within the picture
	rough   bool
	changed time.Duration
	shown   time.Duration // when it was last taken
	streak  int           // changes without a rest
	lines   lines         // of the text that it had last
	steady  int           // how often these were found, up to that at which it is text
}

func (g *grid) fits(f *rfb.Frame) bool {
	return g.shadow != nil && g.shadow.Width == f.Width && g.shadow.Height == f.Height
}

// reset takes a picture whole.
func (g *grid) reset(f *rfb.Frame) {
	if !g.fits(f) {
		g.shadow = &rfb.Frame{Width: f.Width, Height: f.Height, Pix: make([]byte, len(f.Pix))}
		g.columns, g.rows = (f.Width+side-1)/side, (f.Height+side-1)/side
	}
	copy(g.shadow.Pix, f.Pix)
	g.tiles = make([]tile, g.columns*g.rows)
	g.fresh, g.any, g.rough, g.late = true, true, 0, nil
}

// bounds of tile i.
func (g *grid) bounds(i int) image.Rectangle {
	x, y := i%g.columns*side, i/g.columns*side
	return image.Rect(x, y, x+side, y+side).Intersect(g.shadow.Bounds())
}

// touching gives the tiles that r, which lies within the picture, touches.
func (g *grid) touching(r image.Rectangle) iter.Seq[int] {
	return func(yield func(int) bool) {
		if r.Empty() {
			return
		}
		for y := r.Min.Y / side; y <= (r.Max.Y-1)/side; y++ {
			for x := r.Min.X / side; x <= (r.Max.X-1)/side; x++ {
				if !yield(y*g.columns + x) {
					return
				}
			}
		}
	}
}

// copied moves pixels of the shadow, and reports whether it did.
func (g *grid) copied(c rfb.Copy) bool {
	from := c.To.Sub(c.To.Min).Add(c.From)
	if whole := g.shadow.Bounds(); c.To.Empty() || !c.To.In(whole) || !from.In(whole) {
		return false
	}
	g.shadow.Move(c.To, c.From)
	rough := false
	for i := range g.touching(from) {
		rough = rough || g.tiles[i].rough
	}
	if rough {
		for i := range g.touching(c.To) {
			g.roughen(i)
		}
	}
	return true
}

func (g *grid) roughen(i int) {
	if !g.tiles[i].rough {
		g.tiles[i].rough = true
		g.rough++
	}
}

// compare finds what has changed within r and takes it over. A hot tile that
// was taken less than wait ago is put off.
func (g *grid) compare(f *rfb.Frame, r image.Rectangle, now, wait time.Duration) {
	for i := range g.touching(r) {
		t := &g.tiles[i]
		if t.hot(now) && now-t.shown < wait {
			g.late = append(g.late, g.bounds(i).Intersect(r))
			continue
		}
		part := g.bounds(i).Intersect(r)
		part.Min.Y, part.Max.Y = g.take(f, part)
		if part.Empty() {
			continue
		}
		t.area = t.area.Union(part)
		if t.shown != now {
			t.heat(now)
		}
		g.any = true
	}
}

// take copies the rows of part that differ; it gives the first, and the one
// after the last.
func (g *grid) take(f *rfb.Frame, part image.Rectangle) (top, bottom int) {
	for y := part.Min.Y; y < part.Max.Y; y++ {
		have, is := g.shadow.Row(part.Min.X, y, part.Dx()), f.Row(part.Min.X, y, part.Dx())
		if bytes.Equal(have, is) {
			continue
		}
		copy(have, is)
		if top == bottom {
			top = y
		}
		bottom = y + 1
	}
	return top, bottom
}

// heat counts a change.
func (t *tile) heat(now time.Duration) {
	if now-t.changed > gap {
		t.streak = 0
	}
	t.streak++
	t.changed, t.shown = now, now
}

func (t *tile) hot(now time.Duration) bool { return t.streak >= streak && now-t.changed <= gap }

// putOff gives what was put off, once.
func (g *grid) putOff() []image.Rectangle {
	late := g.late
	g.late = nil
	return late
}

// key makes the whole picture one that has changed.
func (g *grid) key() {
	for i := range g.tiles {
		g.tiles[i].area = g.bounds(i)
	}
	g.any = true
}

// settle has rough tiles written that have come to rest, or all.
func (g *grid) settle(now time.Duration, all bool) {
	if g.rough == 0 {
		return
	}
	for i := range g.tiles {
		if t := &g.tiles[i]; t.rough && (all || now-t.changed >= settled) {
			t.area = g.bounds(i)
			g.any = true
		}
	}
}

// changed gives what is to be written, tile by tile, and whether it is hot. A
// rough tile is written whole, and a hot one where whole says so.
func (g *grid) changed(now time.Duration, whole bool) iter.Seq2[image.Rectangle, bool] {
	return func(yield func(image.Rectangle, bool) bool) {
		for i := range g.tiles {
			t := &g.tiles[i]
			if t.area.Empty() {
				continue
			}
			r, hot := g.bounds(i), t.hot(now)
			if !t.rough && !(hot && whole) {
				r = trim(r, t.area)
			}
			if !yield(r, hot) {
				return
			}
		}
	}
}

// number of the tile that r lies in.
func (g *grid) number(r image.Rectangle) int { return r.Min.Y/side*g.columns + r.Min.X/side }

// text tells where the lines of the tile of r lie, if it is to be written as text.
// Text that glides is not: its lines lie elsewhere each time, and equal rows are
// found again anywhere.
func (g *grid) text(texts *texts, r image.Rectangle) (lines, bool) {
	i := g.number(r)
	t := &g.tiles[i]
	was := t.lines
	is := texts.find(g.shadow, g.bounds(i), was)
	switch {
	case is.pitch == 0:
		return is, false
	case was.pitch == 0:
		t.steady = steady
	case is == was:
		t.steady = min(t.steady+1, steady)
	default:
		t.steady = 0
	}
	t.lines = is
	return is, t.steady == steady
}

// written notes how the tile of r was.
func (g *grid) written(r image.Rectangle, rough bool) {
	i := g.number(r)
	switch t := &g.tiles[i]; {
	case rough:
		g.roughen(i)
	case t.rough:
		t.rough = false
		g.rough--
	}
}

// clean begins anew, once all is written.
func (g *grid) clean() {
	for i := range g.tiles {
		g.tiles[i].area = image.Rectangle{}
	}
	g.any, g.fresh = false, false
}

// plain tells whether r has one colour only.
func plain(f *rfb.Frame, r image.Rectangle) (px uint32, ok bool) {
	first := f.Row(r.Min.X, r.Min.Y, r.Dx())
	if !bytes.Equal(first[4:], first[:len(first)-4]) {
		return 0, false
	}
	for y := r.Min.Y + 1; y < r.Max.Y; y++ {
		if !bytes.Equal(first, f.Row(r.Min.X, y, r.Dx())) {
			return 0, false
		}
	}
	return binary.LittleEndian.Uint32(first) & rgb, true
}

// jpegQuality is for hot tiles of a log that has spent its bytes.
const jpegQuality = 75

// jpegTile encodes a tile; nil if that fails.
func jpegTile(f *rfb.Frame, r image.Rectangle) []byte {
	img := image.NewRGBA(image.Rect(0, 0, r.Dx(), r.Dy()))
	for y := range r.Dy() {
		row := f.Row(r.Min.X, r.Min.Y+y, r.Dx())
		to := img.Pix[y*img.Stride:]
		for i := 0; i < len(row); i += 4 {
			to[i], to[i+1], to[i+2], to[i+3] = row[i+2], row[i+1], row[i], 255
		}
	}
	var b bytes.Buffer
	if jpeg.Encode(&b, img, &jpeg.Options{Quality: jpegQuality}) != nil {
		return nil
	}
	return b.Bytes()
}

// trim cuts a tile to what has changed of it. Its columns stay, unless only a
// small part of them has: rows that are equal to earlier ones are worth more.
func trim(tile, area image.Rectangle) image.Rectangle {
	tile.Min.Y, tile.Max.Y = area.Min.Y, area.Max.Y
	if area.Dx() <= trimmed {
		tile.Min.X, tile.Max.X = area.Min.X, area.Max.X
	}
	return tile
}

// trimmed is the most columns, in pixels, to which a tile is cut.
const trimmed = 64
