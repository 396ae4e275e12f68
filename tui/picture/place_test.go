package picture

import (
	"image"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// Whatever is asked for, a place lies in its room and shows a part of the screen.
func TestPlacesStayInside(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		number := func(low, high int, name string) int { return rapid.IntRange(low, high).Draw(r, name) }
		screen := image.Pt(number(0, 8192, "width"), number(0, 4096, "height"))
		at := image.Pt(number(0, 50, "left"), number(0, 50, "top"))
		room := image.Rectangle{at, at.Add(image.Pt(number(0, 1200, "columns"), number(0, 1200, "rows")))}
		cell := image.Pt(number(0, 256, "cell width"), number(0, 256, "cell height"))
		zoom := rapid.OneOf(rapid.Just(0.0), rapid.Just(1.0), rapid.Float64(), rapid.Float64Range(0.01, 20)).Draw(r, "zoom")
		part := image.Rect(number(-9, 8200, "part left"), number(-9, 5000, "part top"), number(-9, 8200, "part right"), number(-9, 5000, "part bottom"))
		p := Lay(screen, room, cell, View{zoom, image.Pt(number(-99999, 99999, "x"), number(-99999, 99999, "y")), part})
		if p.Cells.Empty() {
			if screen.X > 0 && screen.Y > 0 && !room.Empty() {
				t.Fatalf("no place for %v in %v", screen, room)
			}
			return
		}
		whole := image.Rectangle{Max: screen}
		if part.Overlaps(whole) {
			whole = part.Intersect(whole)
		}
		switch {
		case !p.Cells.In(room):
			t.Fatalf("%v is outside of %v", p.Cells, room)
		case p.Source.Empty() || !p.Source.In(whole):
			t.Fatalf("%v is outside of %v", p.Source, whole)
		case p.Dots.X > p.Cells.Dx()*p.Cell.X || p.Dots.Y > p.Cells.Dy()*p.Cell.Y || p.Dots.X < 1 || p.Dots.Y < 1:
			t.Fatalf("%v dots in %v cells", p.Dots, p.Cells)
		case p.Dots.X*p.Dots.Y > mostDots:
			t.Fatalf("%v dots are too many", p.Dots)
		case zoom == 0 && (!p.Whole() || p.Zoom > 1):
			t.Fatalf("%v of %v is shown, not all, at %v", p.Source, screen, p.Zoom)
		}
		inside(t, r, p)
	})
}

// inside checks that what is pointed at lies in what is shown, and that the
// middle of a pixel that is at least a dot is found again.
func inside(t *testing.T, r *rapid.T, p Place) {
	number := func(low, high int, name string) int { return rapid.IntRange(low, high).Draw(r, name) }
	per := image.Pt(number(1, 40, "parts across"), number(1, 40, "parts down"))
	spot := image.Pt(number(-9, 1100*per.X, "spot x"), number(-9, 1100*per.Y, "spot y"))
	pixel, in := p.Pixel(spot, per)
	if !pixel.In(p.Source) {
		t.Fatalf("%v, which is not in %v, is at %v", pixel, p.Source, spot)
	}
	cell := image.Pt(floor(spot.X, per.X), floor(spot.Y, per.Y))
	if in && !cell.In(p.Cells) {
		t.Fatalf("%v, in cell %v, is said to be in %v", spot, cell, p.Cells)
	}
	if r := p.dots(image.Rectangle{pixel, pixel.Add(image.Pt(1, 1))}); r.Empty() || !r.In(image.Rectangle{Max: p.Dots}) {
		t.Fatalf("pixel %v is at %v of %v", pixel, r, p.Dots)
	}
	if p.Cell != per || !in {
		return
	}
	back := p.dots(image.Rectangle{pixel, pixel.Add(image.Pt(1, 1))}).Add(image.Pt(p.Cells.Min.X*per.X, p.Cells.Min.Y*per.Y))
	if !spot.In(back) {
		t.Fatalf("%v shows %v, which is at %v", spot, pixel, back)
	}
}

func floor(a, b int) int { return int(math.Floor(float64(a) / float64(b))) }

func TestPixel(t *testing.T) {
	half := Lay(image.Pt(1280, 800), image.Rect(0, 1, 80, 23), image.Pt(1, 2), View{})
	one := Lay(image.Pt(1280, 800), image.Rect(0, 0, 80, 24), image.Pt(8, 16), View{Zoom: 1, At: image.Pt(100, 50)})
	for _, c := range []struct {
		p         Place
		spot, per image.Point
		want      image.Point
		in        bool
	}{
		{half, image.Pt(5, 1), image.Pt(1, 1), image.Pt(9, 18), true},
		{half, image.Pt(74, 22), image.Pt(1, 1), image.Pt(1270, 781), true},
		{half, image.Pt(0, 0), image.Pt(1, 1), image.Pt(0, 0), false},
		{half, image.Pt(79, 23), image.Pt(1, 1), image.Pt(1279, 799), false},
		{half, image.Pt(5*8, 16), image.Pt(8, 16), image.Pt(1, 1), true},
		{one, image.Pt(0, 0), image.Pt(8, 16), image.Pt(100, 50), true},
		{one, image.Pt(639, 383), image.Pt(8, 16), image.Pt(739, 433), true},
		{one, image.Pt(2, 3), image.Pt(1, 1), image.Pt(120, 106), true},
		{Place{}, image.Pt(1, 1), image.Pt(1, 1), image.Point{}, false},
	} {
		if got, in := c.p.Pixel(c.spot, c.per); got != c.want || in != c.in {
			t.Errorf("%v of %v: %v %v, want %v %v", c.spot, c.per, got, in, c.want, c.in)
		}
	}
}

// A terminal that claims huge cells is drawn on more coarsely.
func TestHugeTerminals(t *testing.T) {
	p := Lay(image.Pt(8192, 4050), image.Rect(0, 0, 1000, 1000), image.Pt(256, 256), View{Zoom: 16})
	if n := p.Dots.X * p.Dots.Y; n > mostDots || p.Cells.Dx() != 1000 {
		t.Errorf("%d dots in %v", n, p.Cells)
	}
	for _, cell := range []image.Point{{}, {-1, 4}, {257, 10}, {1 << 30, 1 << 30}} {
		if d := (Means{Way: Kitty, Cell: cell}).dots(); d != image.Pt(8, 16) {
			t.Errorf("a cell of %v is drawn as %v", cell, d)
		}
	}
	if d := (Means{Way: Sixel}).dots(); d != image.Pt(10, 20) {
		t.Errorf("sixels without a cell: %v", d)
	}
}
