package picture

import (
	"image"
	"math"
)

// Bounds of what is drawn. A terminal that claims more is drawn on in part, or
// more coarsely.
const (
	mostDots  = 3840 * 2160 // of a picture
	mostCells = 1000        // each way
)

// A View is how a person wants to see a screen.
type View struct {
	// Zoom is how many dots of the terminal a pixel of the device takes, each
	// way. 0 shows all there is, but never larger than it is.
	Zoom float64
	// At is the pixel in the upper left corner, where not all can be shown.
	At image.Point
	// Part is all that there is to show, such as one of several monitors; empty is
	// the whole screen.
	Part image.Rectangle
}

// Bounds of [View.Zoom]. What is below shows next to nothing.
const (
	MinZoom = 1.0 / 64
	MaxZoom = 16
)

// A Place is where a part of a screen is on a terminal. The zero value is
// nowhere.
type Place struct {
	Screen image.Point     // size of the device's screen, in pixels
	Part   image.Rectangle // all of it that there is to show
	Cells  image.Rectangle // what is drawn on, in cells; the first cell is 0, 0
	Cell   image.Point     // size of a cell, in dots
	Source image.Rectangle // what is shown, in pixels of the device
	Dots   image.Point     // size of that on the terminal; the rest of Cells is black
	Zoom   float64         // dots a pixel
}

// Lay finds the place for a screen in a room of cells, in its middle.
func Lay(screen image.Point, room image.Rectangle, cell image.Point, want View) Place {
	room = image.Rectangle{room.Min, room.Min.Add(image.Pt(clamp(room.Dx(), 0, mostCells), clamp(room.Dy(), 0, mostCells)))}
	cell = image.Pt(max(cell.X, 1), max(cell.Y, 1))
	for room.Dx()*cell.X*room.Dy()*cell.Y > mostDots && (cell.X > 1 || cell.Y > 1) {
		cell = image.Pt(max(cell.X/2, 1), max(cell.Y/2, 1))
	}
	if screen.X < 1 || screen.Y < 1 || room.Empty() {
		return Place{Cell: cell}
	}
	most := image.Pt(room.Dx()*cell.X, room.Dy()*cell.Y)
	part := want.Part.Intersect(image.Rectangle{Max: screen})
	if part.Empty() {
		part = image.Rectangle{Max: screen}
	}
	zoom := want.Zoom
	if zoom <= 0 || math.IsNaN(zoom) {
		zoom = math.Min(1, math.Min(float64(most.X)/float64(part.Dx()), float64(most.Y)/float64(part.Dy())))
	} else {
		zoom = math.Max(MinZoom, math.Min(zoom, MaxZoom))
	}
	p := Place{Screen: screen, Part: part, Cell: cell, Zoom: zoom}
	var size image.Point
	p.Dots.X, size.X = along(part.Dx(), most.X, zoom)
	p.Dots.Y, size.Y = along(part.Dy(), most.Y, zoom)
	at := image.Pt(clamp(want.At.X, part.Min.X, part.Max.X-size.X), clamp(want.At.Y, part.Min.Y, part.Max.Y-size.Y))
	p.Source = image.Rectangle{at, at.Add(size)}
	cells := image.Pt((p.Dots.X+cell.X-1)/cell.X, (p.Dots.Y+cell.Y-1)/cell.Y)
	corner := room.Min.Add(room.Size().Sub(cells).Div(2))
	p.Cells = image.Rectangle{corner, corner.Add(cells)}
	return p
}

// along is how many dots are used of those there are, and for how many pixels.
func along(pixels, most int, zoom float64) (dots, shown int) {
	dots = max(int(math.Round(float64(pixels)*zoom)), 1)
	if dots <= most {
		return dots, pixels
	}
	return most, clamp(int(math.Round(float64(most)/zoom)), 1, pixels)
}

func clamp(n, low, high int) int { return max(low, min(n, high)) }

// Whole reports whether nothing that there is to show is outside.
func (p Place) Whole() bool { return p.Source == p.Part }

// Pixel is the device's pixel under a spot of the terminal. The spot is counted
// from 0 in parts of a cell, of which there are so many in per: 1 by 1 for cells
// themselves, the cell's size for dots. Outside of the picture it is the nearest
// pixel, and inside is false.
func (p Place) Pixel(spot, per image.Point) (pixel image.Point, inside bool) {
	if p.Source.Empty() || per.X < 1 || per.Y < 1 {
		return image.Point{}, false
	}
	x, inX := across(spot.X-p.Cells.Min.X*per.X, per.X, p.Cell.X, p.Dots.X, p.Source.Dx())
	y, inY := across(spot.Y-p.Cells.Min.Y*per.Y, per.Y, p.Cell.Y, p.Dots.Y, p.Source.Dy())
	return p.Source.Min.Add(image.Pt(x, y)), inX && inY
}

// across finds the pixel under the middle of a spot, so that a click on a coarse
// picture means the middle of what is there.
func across(spot, per, cell, dots, pixels int) (pixel int, inside bool) {
	spot = clamp(spot, -1<<20, 1<<20)
	// The spot's middle, in halves of a part of a dot.
	at := (2*spot + 1) * cell
	switch {
	case at < 0:
		return 0, false
	case at >= 2*per*dots:
		return pixels - 1, false
	}
	return at * pixels / (2 * per * dots), true
}

// dots is where pixels of the device are in the picture, rounded outwards.
func (p Place) dots(r image.Rectangle) image.Rectangle {
	r = r.Intersect(p.Source).Sub(p.Source.Min)
	if r.Empty() {
		return image.Rectangle{}
	}
	w, h := p.Source.Dx(), p.Source.Dy()
	return image.Rect(r.Min.X*p.Dots.X/w, r.Min.Y*p.Dots.Y/h,
		(r.Max.X*p.Dots.X+w-1)/w, (r.Max.Y*p.Dots.Y+h-1)/h)
}
