package picture

import (
	"image"
	"slices"

	"accord/recordings/rfb"
)

// Way is how a terminal shows pictures.
type Way uint8

// The ways, from that which every terminal has to the best.
const (
	Blocks Way = iota // half-blocks: two dots a cell
	Sixel
	Kitty
)

// String is the name that a person reads.
func (w Way) String() string { return [...]string{"½", "sixel", "kitty"}[min(w, Kitty)] }

// TrueColour is [Means.Colours] of a terminal that shows all.
const TrueColour = 1 << 24

// Means are what a terminal can do. The zero value is a terminal of sixteen
// colours.
type Means struct {
	Way Way
	// Colours are how many can be shown: by half-blocks 16, 256 or TrueColour,
	// by sixels as many as there are registers.
	Colours int
	// Cell is the size of a cell in dots, and Most that of the largest image
	// (sixel); 0 is not known.
	Cell, Most image.Point
}

// dots is the size of a cell as it is drawn.
func (m Means) dots() image.Point {
	switch {
	case m.Way == Blocks:
		return image.Pt(1, 2)
	case m.Cell.X >= 1 && m.Cell.Y >= 1 && m.Cell.X <= 256 && m.Cell.Y <= 256:
		return m.Cell
	case m.Way == Sixel:
		return image.Pt(10, 20) // that of the VT340, which those without a size of their own take
	}
	return image.Pt(8, 16) // the terminal scales
}

// An encoder makes the bytes for dirty tiles of a canvas.
type encoder interface {
	// tile is the size of a tile for a picture, in dots.
	tile(Place) image.Point
	// draw appends what shows a tile.
	draw(dst []byte, p *Place, c *canvas, tile int) []byte
	// flush appends what ends a run of tiles.
	flush(dst []byte) []byte
	// forget says that the terminal may show anything where the picture is.
	forget(tiles int)
	// erase appends what takes the pictures away. Text is left to the caller.
	erase(dst []byte) []byte
}

// A Painter draws a screen at one place of a terminal. It is not for concurrent
// use.
type Painter struct {
	means  Means
	room   image.Rectangle
	want   View
	place  Place
	enc    encoder
	canvas *canvas
	scaler scaler
	stale  bool // the next look takes everything
	dim    bool
	state  rfb.State
	row    []byte
	next   int // the tile to begin with
}

// New is a painter for a terminal.
func New(m Means) *Painter {
	p := &Painter{means: m}
	switch m.Way {
	case Kitty:
		p.enc = &kitty{}
	case Sixel:
		p.enc = newSixel(m)
	default:
		p.enc = &blocks{colours: m.Colours}
	}
	return p
}

// Show places the picture: in which cells, and what of the screen. What is shown
// there now is of no use any more once it differs from what was; then Stale
// reports true.
func (p *Painter) Show(room image.Rectangle, want View) {
	p.room, p.want = room, want
	p.lay(p.place.Screen)
}

// Dim darkens the picture, of a screen that is frozen.
func (p *Painter) Dim(on bool) {
	p.stale = p.stale || p.dim != on
	p.dim = on
}

// Place is where the picture is. Before the first look it is nowhere.
func (p *Painter) Place() Place { return p.place }

// Fit is the zoom that shows all there is.
func (p *Painter) Fit() float64 {
	return Lay(p.place.Screen, p.room, p.means.dots(), View{Part: p.want.Part}).Zoom
}

// Around is the view of that zoom with a pixel in its middle.
func (p *Painter) Around(zoom float64, pixel image.Point) View {
	size := Lay(p.place.Screen, p.room, p.means.dots(), View{Zoom: zoom, Part: p.want.Part}).Source.Size()
	return View{zoom, pixel.Sub(size.Div(2)), p.want.Part}
}

// Stale reports that the next look must have a frame, whatever has changed in it.
func (p *Painter) Stale() bool { return p.stale }

// Forget says that the cells of the picture were cleared, or written on. Nothing
// has to be looked at anew.
func (p *Painter) Forget() {
	if p.canvas != nil {
		p.canvas.soil()
		p.enc.forget(len(p.canvas.dirty))
	}
}

// lay finds the place again; a canvas of another size is a new one, and shows
// nothing yet.
func (p *Painter) lay(screen image.Point) {
	now := Lay(screen, p.room, p.means.dots(), p.want)
	if now == p.place && p.canvas != nil {
		return
	}
	was := p.place
	p.place, p.stale = now, true
	if now.Cells.Empty() {
		p.canvas = nil
		return
	}
	p.scaler.columns = spans(now.Source.Min.X, now.Source.Dx(), now.Dots.X)
	p.scaler.rows = spans(now.Source.Min.Y, now.Source.Dy(), now.Dots.Y)
	if p.canvas == nil || was.Cells != now.Cells || was.Cell != now.Cell || was.Dots != now.Dots {
		size := image.Pt(now.Cells.Dx()*now.Cell.X, now.Cells.Dy()*now.Cell.Y)
		p.canvas, p.next = newCanvas(size, p.enc.tile(now)), 0
		p.enc.forget(len(p.canvas.dirty))
	}
}

// Look takes what has changed of a picture: parts of it, or with stale all of it,
// and where the mouse pointer is. It keeps nothing of the frame.
func (p *Painter) Look(f *rfb.Frame, changed []image.Rectangle, state rfb.State) {
	p.lay(image.Pt(f.Width, f.Height))
	if p.canvas == nil {
		return
	}
	was, is := p.pointer(p.state), p.pointer(state)
	if was != is || p.state.Cursor != state.Cursor {
		changed = append(slices.Clone(changed), was, is)
	}
	p.state = state
	p.scaler.cursor = nil
	if c := state.Cursor; c != nil && len(c.Pix) >= c.Width*c.Height*4 {
		at := state.Pointer.Sub(c.Hot)
		p.scaler.cursor, p.scaler.x, p.scaler.y = c, at.X, at.Y
	}
	if p.stale {
		changed, p.stale = []image.Rectangle{p.place.Source}, false
	}
	for _, r := range changed {
		p.take(f, p.place.dots(r))
	}
}

// take takes dots from a frame.
func (p *Painter) take(f *rfb.Frame, r image.Rectangle) {
	if r.Empty() {
		return
	}
	hot, marked := p.hot()
	for y := r.Min.Y; y < r.Max.Y; y++ {
		p.row = p.scaler.dots(p.row[:0], f, y, r.Min.X, r.Max.X)
		if marked && hot.Y == y && hot.X >= r.Min.X && hot.X < r.Max.X {
			contrast(p.row[(hot.X-r.Min.X)*3:])
		}
		if p.dim {
			for i, v := range p.row {
				p.row[i] = v / 3
			}
		}
		p.canvas.set(r.Min.X, y, p.row)
	}
}

// pointer is where a state's pointer is drawn, in pixels.
func (p *Painter) pointer(s rfb.State) image.Rectangle {
	if s.Cursor == nil || s.Cursor.Width == 0 || s.Cursor.Height == 0 {
		return image.Rectangle{}
	}
	at := s.Pointer.Sub(s.Cursor.Hot)
	r := image.Rectangle{at, at.Add(image.Pt(s.Cursor.Width, s.Cursor.Height))}
	return r.Union(image.Rectangle{s.Pointer, s.Pointer.Add(image.Pt(1, 1))})
}

// hot is the dot of the pointer in a picture so coarse that its shape can't be
// seen.
func (p *Painter) hot() (image.Point, bool) {
	if c := p.state.Cursor; c == nil || c.Width == 0 || p.place.Zoom > 1.0/6 {
		return image.Point{}, false
	}
	at := p.state.Pointer
	r := p.place.dots(image.Rectangle{at, at.Add(image.Pt(1, 1))})
	return r.Min, !r.Empty()
}

// contrast makes a dot differ from what it was, and from its neighbours.
func contrast(dot []byte) {
	v := byte(255)
	if int(dot[0])*3+int(dot[1])*6+int(dot[2]) > 1280 {
		v = 0
	}
	dot[0], dot[1], dot[2] = v, v, v
}

// Pending reports whether the terminal doesn't show yet what was seen.
func (p *Painter) Pending() bool { return p.canvas != nil && p.canvas.count > 0 }

// Paint appends what shows tiles that have changed, until there are about budget
// bytes of it. More reports that there are such tiles left: another call draws
// them, as they are then. The cursor is anywhere afterwards, and the style is
// the plain one.
func (p *Painter) Paint(dst []byte, budget int) (out []byte, more bool) {
	if !p.Pending() {
		return dst, false
	}
	start, n := len(dst), len(p.canvas.dirty)
	for i := 0; i < n && p.canvas.count > 0 && len(dst)-start < budget; i++ {
		at := p.next
		p.next = (p.next + 1) % n
		if p.canvas.dirty[at] {
			p.canvas.clean(at)
			dst = p.enc.draw(dst, &p.place, p.canvas, at)
		}
	}
	return p.enc.flush(dst), p.canvas.count > 0
}

// Erase appends what takes images off the terminal and out of its memory. Of
// half-blocks, which are text, nothing is erased.
func (p *Painter) Erase(dst []byte) []byte {
	dst = p.enc.erase(dst)
	p.Forget()
	return dst
}
