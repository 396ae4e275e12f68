package rfb

import (
	"image"
)

// canvas is what a viewer shows, pixel for pixel, but for its format.
type canvas struct {
	frame  *Frame
	lacks  grid // where the screen may show something else
	redo   grid // where it is not known what the viewer shows
	send   grid // what is new in the frame, and goes out next
	moves  []Copy
	cursor drawn
	row    [cell * pixel]byte
}

// drawn is a mouse pointer within the picture, for a viewer that can't draw one.
type drawn struct {
	shape *Cursor
	at    image.Point
}

func (d drawn) bounds() image.Rectangle {
	if d.shape == nil {
		return image.Rectangle{}
	}
	return image.Rect(0, 0, d.shape.Width, d.shape.Height).Add(d.at.Sub(d.shape.Hot))
}

// newCanvas is one of which nothing is known.
func newCanvas(width, height int) (*canvas, error) {
	f, err := NewFrame(width, height)
	if err != nil {
		return nil, err
	}
	p := &canvas{frame: f, lacks: newGrid(width, height), redo: newGrid(width, height), send: newGrid(width, height)}
	p.forget(f.Bounds())
	return p, nil
}

// forget has r sent again whatever it is.
func (p *canvas) forget(r image.Rectangle) {
	r = r.Intersect(p.frame.Bounds())
	p.lacks.mark(r)
	p.redo.mark(r)
}

// note takes from a look where the screen has changed; part is what of it is
// shown.
func (p *canvas) note(changed []image.Rectangle, part image.Rectangle) {
	for _, r := range changed {
		p.lacks.mark(r.Intersect(part).Sub(part.Min).Intersect(p.frame.Bounds()))
	}
}

// cutout is a part of a frame, within it. Its own corner is 0, 0.
type cutout struct {
	frame *Frame
	part  image.Rectangle
}

func (f cutout) bounds() image.Rectangle { return f.part.Sub(f.part.Min) }

func (f cutout) row(x, y, width int) []byte {
	return f.frame.Row(f.part.Min.X+x, f.part.Min.Y+y, width)
}

// update brings region, which lies within it, up to date with the screen, and
// notes what that changes. It is called within [View.Take], and sends nothing.
func (p *canvas) update(f cutout, region image.Rectangle, cursor drawn) {
	whole := p.frame.Bounds()
	if cursor != p.cursor {
		p.lacks.mark(p.cursor.bounds().Intersect(whole))
		p.lacks.mark(cursor.bounds().Intersect(whole))
		p.cursor = cursor
	}
	for y := region.Min.Y / cell * cell; y < region.Max.Y; y += cell {
		for x := region.Min.X / cell * cell; x < region.Max.X; x += cell {
			if at := image.Rect(x, y, x+cell, y+cell).Intersect(whole); p.lacks.marked(at) {
				p.refresh(f, at, region)
			}
		}
	}
}

// move has the viewer copy pixels as was done on the screen. What lies there now
// is compared afterwards, so that it need not be right. The canvas begins at
// corner on the screen.
func (p *canvas) move(copies []Copy, region image.Rectangle, corner image.Point) {
	for _, m := range copies {
		m = Copy{m.To.Sub(corner), m.From.Sub(corner)}
		from := m.To.Sub(m.To.Min).Add(m.From)
		if m.To.In(region) && from.In(p.frame.Bounds()) && !p.redo.marked(m.To) && !p.redo.marked(from) {
			p.frame.Move(m.To, m.From)
			p.moves = append(p.moves, m)
		}
	}
}

// refresh takes what region has of a cell from the screen.
func (p *canvas) refresh(f cutout, at, region image.Rectangle) {
	part := at.Intersect(region)
	again, other := p.redo.marked(at), false
	for y := part.Min.Y; y < part.Max.Y; y++ {
		to := p.frame.Row(part.Min.X, y, part.Dx())
		row := p.shown(f, part, y)
		if string(to) != string(row) {
			copy(to, row)
			other = true
		}
	}
	if other || again {
		p.send.mark(part)
	}
	if part == at {
		p.lacks.unmark(at.Min)
		p.redo.unmark(at.Min)
	}
}

// shown is what the viewer ought to show in a row of r: the screen's pixels, black
// where it has none, and the pointer if it is drawn.
func (p *canvas) shown(f cutout, r image.Rectangle, y int) []byte {
	var row []byte
	covered := r.Overlaps(p.cursor.bounds())
	if r.In(f.bounds()) {
		row = f.row(r.Min.X, y, r.Dx())
		if !covered {
			return row
		}
		row = append(p.row[:0], row...)
	} else {
		row = p.row[:r.Dx()*pixel]
		clear(row)
		if inside := r.Intersect(f.bounds()); !inside.Empty() && y < inside.Max.Y {
			copy(row, f.row(r.Min.X, y, inside.Dx()))
		}
	}
	if covered {
		p.cursor.paint(row, r.Min.X, y)
	}
	return row
}

// paint draws the pointer over a row of pixels that starts at x, y.
func (d drawn) paint(row []byte, x, y int) {
	b := d.bounds()
	if y < b.Min.Y || y >= b.Max.Y {
		return
	}
	for i := 0; i < len(row); i += pixel {
		if at := x + i/pixel - b.Min.X; at >= 0 && at < d.shape.Width {
			p := d.shape.Pix[((y-b.Min.Y)*d.shape.Width+at)*pixel:]
			if p[3] != 0 {
				copy(row[i:i+3], p[:3])
			}
		}
	}
}

// take is what is to be sent, and forgets it.
func (p *canvas) take(region image.Rectangle) (moves []Copy, rects []image.Rectangle) {
	moves, rects = p.moves, p.send.rects(region)
	if len(rects) > rectsMost {
		rects = p.send.bands(region)
	}
	p.send.clear()
	p.moves = nil
	return moves, rects
}

// rectsMost is how many rectangles an update has before it sends more pixels
// instead.
const rectsMost = 1024
