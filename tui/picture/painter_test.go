package picture

import (
	"image"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"

	"accord/recordings/rfb"
)

// chart is a screen on which everything can be told apart: colours, greys, a
// frame of one pixel, a shape.
func chart(t testing.TB, width, height int) *rfb.Frame {
	t.Helper()
	f, err := rfb.NewFrame(width, height)
	if err != nil {
		t.Fatal(err)
	}
	for y := range height {
		for x := range width {
			p := f.Row(x, y, 1)
			p[0], p[1], p[2] = byte(x*255/width), byte(y*255/height), byte(255-x*255/width)
		}
	}
	for i := range 8 {
		bar := image.Rect(i*width/8, height/4, (i+1)*width/8, height/2)
		f.Fill(bar, byte(i&4)*63, byte(i&2)*127, byte(i&1)*255)
	}
	f.Fill(image.Rect(width/4, height*5/8, width*3/4, height*7/8), 255, 255, 255)
	f.Fill(image.Rect(0, 0, width, 1), 0, 255, 0)
	f.Fill(image.Rect(0, 0, 1, height), 0, 255, 0)
	return f
}

// noise changes a part of a frame and says which.
func noise(f *rfb.Frame, rng *rand.Rand) image.Rectangle {
	at := image.Pt(rng.IntN(f.Width), rng.IntN(f.Height))
	r := image.Rectangle{at, at.Add(image.Pt(1+rng.IntN(60), 1+rng.IntN(30)))}.Intersect(f.Bounds())
	f.Fill(r, byte(rng.Uint32()), byte(rng.Uint32()), byte(rng.Uint32()))
	return r
}

// means are one terminal of each kind.
func means() map[string]Means {
	return map[string]Means{
		"blocks 16":   {Way: Blocks, Colours: 16},
		"blocks 256":  {Way: Blocks, Colours: 256},
		"blocks true": {Way: Blocks, Colours: TrueColour},
		"sixel 16":    {Way: Sixel, Colours: 16, Cell: image.Pt(6, 13)},
		"sixel 256":   {Way: Sixel, Colours: 256, Cell: image.Pt(8, 16)},
		"kitty":       {Way: Kitty, Cell: image.Pt(8, 16)},
	}
}

// A small change costs little, and no change nothing.
func TestOnlyWhatChangedIsDrawn(t *testing.T) {
	for name, m := range means() {
		t.Run(name, func(t *testing.T) {
			f := chart(t, 640, 400)
			p := New(m)
			p.Show(image.Rect(0, 1, 80, 23), View{})
			p.Look(f, nil, rfb.State{})
			first, more := p.Paint(nil, 1<<30)
			if more || p.Pending() {
				t.Error("the whole picture is not whole")
			}
			p.Look(f, []image.Rectangle{f.Bounds()}, rfb.State{})
			if out, _ := p.Paint(nil, 1<<30); len(out) > 0 {
				t.Errorf("%d bytes for nothing", len(out))
			}
			r := noise(f, rand.New(rand.NewPCG(1, 2)))
			p.Look(f, []image.Rectangle{r}, rfb.State{})
			if out, _ := p.Paint(nil, 1<<30); len(out) == 0 || len(out) > len(first)/3 {
				t.Errorf("%d bytes for a part, %d for the whole", len(out), len(first))
			}
		})
	}
}

// near is how far at most a dot may be from what was meant, in a way.
func near(m Means) int {
	switch {
	case m.Way == Kitty:
		return 0
	case m.Colours == TrueColour:
		return 4 // by fours
	case m.Way == Sixel && m.Colours == 256:
		return 48
	}
	return 255
}

// compare finds dots of the terminal that aren't what the painter has.
func compare(t testing.TB, o *terminal, p *Painter, most int) {
	t.Helper()
	o.show()
	place := p.Place()
	corner := image.Pt(place.Cells.Min.X*place.Cell.X, place.Cells.Min.Y*place.Cell.Y)
	for y := range p.canvas.size.Y {
		for x := range p.canvas.size.X {
			want := p.canvas.row(y, x, x+1)
			got := o.dots[((corner.Y+y)*o.width()+corner.X+x)*3:]
			for k := range 3 {
				if d := int(want[k]) - int(got[k]); d > most || d < -most {
					t.Fatalf("at %d, %d the terminal shows %v, not %v", x, y, got[:3], want)
				}
			}
		}
	}
}

// What the terminal shows after any sequence of changes, moves and interrupted
// drawings is what the painter was shown.
func TestTheTerminalShowsThePicture(t *testing.T) {
	for name, m := range means() {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(r *rapid.T) {
				f := chart(t, rapid.IntRange(1, 160).Draw(r, "width"), rapid.IntRange(1, 100).Draw(r, "height"))
				rng := rand.New(rand.NewPCG(1, uint64(f.Width)))
				p, size := New(m), image.Pt(16, 7)
				o := newTerminal(t, size, m.dots())
				room, view, state := image.Rectangle{Max: size}, View{}, rfb.State{}
				p.Show(room, view)
				cells := image.Rectangle{}
				for range rapid.IntRange(1, 6).Draw(r, "steps") {
					var changed []image.Rectangle
					switch rapid.IntRange(0, 5).Draw(r, "step") {
					case 0, 1:
						changed = append(changed, noise(f, rng))
					case 2:
						view = View{Zoom: rapid.SampledFrom([]float64{0, .1, .5, .7, 1, 2, 3}).Draw(r, "zoom"), At: image.Pt(rng.IntN(f.Width), rng.IntN(f.Height))}
						if rng.IntN(2) == 0 {
							view.Part = image.Rect(rng.IntN(f.Width), rng.IntN(f.Height), rng.IntN(f.Width), rng.IntN(f.Height))
						}
					case 3:
						room = image.Rect(rng.IntN(8), rng.IntN(4), 8+rng.IntN(9), 4+rng.IntN(4))
					case 4:
						state = pointed(rng, f)
					case 5:
						p.Dim(rng.IntN(2) == 0)
					}
					p.Show(room, view)
					p.Look(f, changed, state)
					if at := p.Place().Cells; at != cells {
						cells = at
						o.write(p.Erase(nil))
						clear(o.dots)
					}
					out, _ := p.Paint(nil, rng.IntN(20000))
					o.write(out)
				}
				for more := true; more; {
					var out []byte
					out, more = p.Paint(nil, 5000)
					o.write(out)
				}
				compare(t, o, p, near(m))
				if o.write(p.Erase(nil)); len(o.images) > 0 {
					t.Errorf("%d images are left behind", len(o.images))
				}
			})
		})
	}
}

// pointed is a state with a pointer somewhere, maybe half outside.
func pointed(rng *rand.Rand, f *rfb.Frame) rfb.State {
	c := &rfb.Cursor{Width: 1 + rng.IntN(20), Height: 1 + rng.IntN(20)}
	c.Hot = image.Pt(rng.IntN(c.Width), rng.IntN(c.Height))
	for range c.Width * c.Height {
		c.Pix = append(c.Pix, byte(rng.Uint32()), 9, 9, byte(rng.IntN(2))*255)
	}
	return rfb.State{Cursor: c, Pointer: image.Pt(rng.IntN(f.Width), rng.IntN(f.Height))}
}

// Where it is, and only there, the pointer covers the picture, and it leaves
// nothing behind.
func TestThePointerIsDrawn(t *testing.T) {
	f := chart(t, 64, 48)
	p := New(Means{Way: Kitty, Cell: image.Pt(8, 16)})
	p.Show(image.Rect(0, 0, 8, 3), View{Zoom: 1})
	p.Look(f, nil, rfb.State{})
	before := slices.Clone(p.canvas.pix)
	c := &rfb.Cursor{Width: 2, Height: 2, Hot: image.Pt(1, 1), Pix: []byte{1, 2, 3, 255, 0, 0, 0, 0, 0, 0, 0, 0, 4, 5, 6, 255}}
	p.Look(f, nil, rfb.State{Cursor: c, Pointer: image.Pt(10, 10)})
	for y := range 48 {
		for x := range 64 {
			want := before[(y*64+x)*3 : (y*64+x)*3+3]
			switch (image.Point{x, y}) {
			case image.Pt(9, 9):
				want = []byte{3, 2, 1}
			case image.Pt(10, 10):
				want = []byte{6, 5, 4}
			}
			if got := p.canvas.row(y, x, x+1); !slices.Equal(got, want) {
				t.Errorf("at %d, %d: %v, want %v", x, y, got, want)
			}
		}
	}
	p.Look(f, nil, rfb.State{Cursor: &rfb.Cursor{}, Pointer: image.Pt(10, 10)})
	if !slices.Equal(p.canvas.pix, before) {
		t.Error("the pointer is left behind")
	}
}

// A picture made smaller has the mean of what each dot stands for.
func TestSmallerPicturesAreMeans(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		pixels := rapid.IntRange(1, 500).Draw(r, "pixels")
		dots := rapid.IntRange(1, 700).Draw(r, "dots")
		from := rapid.IntRange(0, 10).Draw(r, "from")
		list := spans(from, pixels, dots)
		last := from
		for i, s := range list {
			sum, n := 0, max(len(s.weights), 1)
			for _, w := range s.weights {
				sum += int(w)
			}
			if len(s.weights) > 0 && sum != whole {
				t.Fatalf("dot %d weighs %d", i, sum)
			}
			if s.at < from || s.at+n > from+pixels || s.at > last+1 {
				t.Fatalf("dot %d of %d: pixels %d to %d of %d, after %d", i, dots, s.at, s.at+n, pixels, last)
			}
			last = s.at + n - 1
		}
		if last != from+pixels-1 {
			t.Fatalf("the last pixel is %d of %d", last-from, pixels)
		}
	})
}

func TestGreyStaysGrey(t *testing.T) {
	f, _ := rfb.NewFrame(777, 555)
	f.Fill(f.Bounds(), 200, 200, 200)
	p := New(Means{Way: Blocks, Colours: TrueColour})
	p.Show(image.Rect(0, 0, 80, 24), View{})
	p.Look(f, nil, rfb.State{})
	for i, v := range p.canvas.row(4, 0, p.place.Dots.X) {
		if v < 199 || v > 200 {
			t.Fatalf("dot %d is %d", i/3, v)
		}
	}
}

// Lines is the same picture as Paint draws.
func TestLines(t *testing.T) {
	for _, colours := range []int{16, 256, TrueColour} {
		m := Means{Way: Blocks, Colours: colours}
		p, o, q := New(m), newTerminal(t, image.Pt(30, 10), m.dots()), newTerminal(t, image.Pt(30, 10), m.dots())
		p.Show(image.Rect(3, 1, 29, 9), View{})
		p.Look(chart(t, 320, 200), nil, rfb.State{})
		for y, line := range p.Lines() {
			o.at = p.Place().Cells.Min.Add(image.Pt(0, y))
			o.write([]byte(line))
			if n := ansi.StringWidth(line); n != p.Place().Cells.Dx() {
				t.Errorf("line %d has %d cells", y, n)
			}
		}
		out, _ := p.Paint(nil, 1<<20)
		q.write(out)
		if !slices.Equal(o.dots, q.dots) {
			t.Errorf("%d colours: lines differ from the picture", colours)
		}
	}
	p := New(Means{Way: Kitty})
	p.Show(image.Rect(0, 0, 10, 10), View{})
	p.Look(chart(t, 32, 20), nil, rfb.State{})
	if p.Lines() != nil {
		t.Error("images as lines")
	}
}

func TestManyColoursGetNearOnes(t *testing.T) {
	f := chart(t, 400, 300)
	for _, colours := range []int{2, 16, 64, 256} {
		p := New(Means{Way: Sixel, Colours: colours, Cell: image.Pt(10, 20)})
		p.Show(image.Rect(0, 0, 40, 15), View{Zoom: 1})
		p.Look(f, nil, rfb.State{})
		o := newTerminal(t, image.Pt(40, 15), image.Pt(10, 20))
		out, _ := p.Paint(nil, 1<<20)
		o.write(out)
		var off float64
		for i, v := range p.canvas.pix {
			d := float64(int(v) - int(o.dots[i]))
			off += d * d
		}
		off = math.Sqrt(off / float64(len(o.dots)))
		if most := map[int]float64{2: 90, 16: 30, 64: 12, 256: 6}[colours]; off > most {
			t.Errorf("%d colours: %.1f away in the mean, at most %.0f", colours, off, most)
		}
	}
}

// Colours are near those meant where there are 256 of them.
func TestNearestOf256(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		dot := []byte{rapid.Byte().Draw(r, "red"), rapid.Byte().Draw(r, "green"), rapid.Byte().Draw(r, "blue")}
		away := func(n int) (off int) {
			c := paletteColour(n)
			for k, v := range []int{c >> 16, c >> 8 & 255, c & 255} {
				off += (int(dot[k]) - v) * (int(dot[k]) - v)
			}
			return off
		}
		got, best := of256(dot), 16
		for n := 16; n < 256; n++ {
			if away(n) < away(best) {
				best = n
			}
		}
		if away(got) > away(best)+150 {
			t.Fatalf("%v becomes %d (%d away), %d is nearer (%d)", dot, got, away(got), best, away(best))
		}
	})
}

func TestWays(t *testing.T) {
	for way, want := range map[Way]string{Blocks: "½", Sixel: "sixel", Kitty: "kitty"} {
		if way.String() != want {
			t.Errorf("%q", way.String())
		}
	}
}

// A painter without a place, or for nothing, draws nothing.
func TestNothingToDraw(t *testing.T) {
	for name, m := range means() {
		p := New(m)
		p.Forget()
		if out, more := p.Paint(nil, 1000); len(out) > 0 || more || p.Pending() || p.Lines() != nil {
			t.Errorf("%s: %q before anything was seen", name, out)
		}
		p.Show(image.Rectangle{}, View{})
		p.Look(chart(t, 10, 10), nil, rfb.State{})
		if out, more := p.Paint(nil, 1000); len(out) > 0 || more || p.Fit() != 0 {
			t.Errorf("%s: %q in no room", name, out)
		}
	}
}

// One terminal after another: what is drawn is as small as it was.
func BenchmarkPaint(b *testing.B) {
	for name, m := range means() {
		for _, what := range []string{"whole", "line"} {
			b.Run(name+"/"+what, func(b *testing.B) {
				f := chart(b, 1280, 800)
				p := New(m)
				p.Show(image.Rect(0, 0, 160, 50), View{})
				p.Look(f, nil, rfb.State{})
				p.Paint(nil, 1<<30)
				rng, sent := rand.New(rand.NewPCG(1, 2)), 0
				b.SetBytes(int64(len(f.Pix)))
				for b.Loop() {
					changed := []image.Rectangle{image.Rect(100, 300, 700, 316)}
					f.Fill(image.Rect(100, 300, 100+rng.IntN(600), 316), byte(rng.Uint32()), 0, 99)
					if what == "whole" {
						p.Forget()
						changed[0] = f.Bounds()
					}
					p.Look(f, changed, rfb.State{})
					out, _ := p.Paint(nil, 1<<30)
					sent += len(out)
				}
				b.ReportMetric(float64(sent)/float64(b.N), "sent/op")
			})
		}
	}
}
