package picture

import (
	"image"
	"math/rand/v2"
	"testing"

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
			f := chart(t, 1280, 800)
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
			if out, _ := p.Paint(nil, 1<<30); len(out) == 0 || len(out) > len(first)/5 {
				t.Errorf("%d bytes for a part, %d for the whole", len(out), len(first))
			}
		})
	}
}
