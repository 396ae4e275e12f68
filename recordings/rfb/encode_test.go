package rfb

import (
	"bufio"
	"bytes"
	"fmt"
	"image"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// formats are what viewers ask for, and a few that only the standard allows.
func formats() map[string]pixelFormat {
	of := func(bits, depth int, big bool, max [3]uint16, shift [3]uint8) pixelFormat {
		return pixelFormat{bits: bits, depth: depth, big: big, max: max, shift: shift}
	}
	eight, five := [3]uint16{255, 255, 255}, [3]uint16{31, 63, 31}
	return map[string]pixelFormat{
		"own":                    ownFormat(),
		"noVNC":                  of(32, 24, false, eight, [3]uint8{0, 8, 16}),
		"big-endian":             of(32, 24, true, eight, [3]uint8{16, 8, 0}),
		"colours in high bytes":  of(32, 24, false, eight, [3]uint8{24, 16, 8}),
		"the same, big-endian":   of(32, 24, true, eight, [3]uint8{8, 16, 24}),
		"a gap between colours":  of(32, 24, false, eight, [3]uint8{24, 12, 0}),
		"depth 32":               of(32, 32, false, eight, [3]uint8{16, 8, 0}),
		"ten bits a colour":      of(32, 30, false, [3]uint16{1023, 1023, 1023}, [3]uint8{20, 10, 0}),
		"565":                    of(16, 16, false, five, [3]uint8{11, 5, 0}),
		"565, big-endian":        of(16, 16, true, five, [3]uint8{11, 5, 0}),
		"555, blue first":        of(16, 15, false, [3]uint16{31, 31, 31}, [3]uint8{0, 5, 10}),
		"TightVNC -bgr233":       of(8, 8, false, [3]uint16{7, 7, 3}, [3]uint8{0, 3, 6}),
		"TigerVNC 64 colours":    of(8, 6, false, [3]uint16{3, 3, 3}, [3]uint8{4, 2, 0}),
		"TigerVNC 8 colours":     of(8, 3, false, [3]uint16{1, 1, 1}, [3]uint8{2, 1, 0}),
		"grey of the green only": of(8, 8, false, [3]uint16{0, 255, 0}, [3]uint8{0, 0, 0}),
	}
}

var encodings = map[string]int32{"Raw": encRaw, "Hextile": encHextile, "ZRLE": encZRLE, "Tight": encTight}

func TestEveryEncodingInEveryFormat(t *testing.T) {
	f := desk(t, 271, 83) // odd, so that tiles at the edges are cut
	for name, format := range formats() {
		for encoding, number := range encodings {
			t.Run(fmt.Sprint(encoding, "/", name), func(t *testing.T) {
				s := shown(f)
				conn, _ := serveScreen(t, s, ViewerOptions{})
				l := newLooker(t, conn)
				l.setFormat(format)
				l.setEncodings(number)
				l.ask(false, l.all())
				l.update()
				l.mustShow(f)

				// The streams go on, and so does the picture.
				f := &Frame{f.Width, f.Height, append([]byte{}, f.Pix...)}
				r := image.Rect(40, 20, 265, 80)
				f.Move(r, image.Pt(1, 2))
				s.Commit(f, Damage{Rects: []image.Rectangle{r}})
				l.ask(true, l.all())
				l.update()
				l.mustShow(f)
			})
		}
	}
}

// Whatever is painted, with whatever number of colours and length of runs: what
// an encoding says is what was painted.
func TestEncodersKeepEveryPicture(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w, h := rapid.IntRange(1, 150).Draw(rt, "w"), rapid.IntRange(1, 90).Draw(rt, "h")
		f, err := NewFrame(w, h)
		if err != nil {
			rt.Fatal(err)
		}
		colours := rapid.SampledFrom([]uint32{1, 2, 3, 4, 5, 16, 17, 100, 127, 128, 256, 257, 5000}).Draw(rt, "colours")
		run := rapid.SampledFrom([]int{1, 2, 3, 20, 255, 256, 257, 4096}).Draw(rt, "run")
		seed := rapid.Uint32().Draw(rt, "seed")
		for i := range w * h {
			c := (uint32(i/run)*2654435761 + seed) % colours * 40503
			f.Pix[i*4], f.Pix[i*4+1], f.Pix[i*4+2] = byte(c), byte(c>>8), byte(c>>16)
		}
		list := formats()
		format := list[rapid.SampledFrom(keys(list)).Draw(rt, "format")]
		number := encodings[rapid.SampledFrom(keys(encodings)).Draw(rt, "encoding")]
		x, y := rapid.IntRange(0, w-1).Draw(rt, "x"), rapid.IntRange(0, h-1).Draw(rt, "y")
		roundTrip(rt, f, image.Rect(x, y, w, h), format, number)
	})
}

func roundTrip(rt *rapid.T, f *Frame, r image.Rectangle, format pixelFormat, number int32) {
	e, s := newEncoder(number, 1), newSource(f, format)
	var message []byte
	for range 2 { // twice: streams go on
		for _, piece := range pieces(r, e.largest()) {
			message = e.encode(appendHeader(message, piece, number), s, piece)
		}
	}
	l := &looker{t: rt, in: bufio.NewReader(bytes.NewReader(message)), format: format, streams: make(map[string]*inflated)}
	l.resize(f.Bounds().Max)
	for l.in.Buffered() > 0 || len(l.encodings) == 0 {
		l.rectangle()
		if _, err := l.in.Peek(1); err != nil {
			break
		}
	}
	want := reduced(f, format)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if at := y*f.Width + x; l.pixels[at] != want[at] {
				rt.Fatalf("at %d,%d: %#x, want %#x", x, y, l.pixels[at], want[at])
			}
		}
	}
}

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func BenchmarkEncode(b *testing.B) {
	f := desk(b, 1280, 800)
	for encoding, number := range encodings {
		b.Run(encoding, func(b *testing.B) {
			e, s := newEncoder(number, 2), newSource(f, ownFormat())
			var out []byte
			size := 0
			b.SetBytes(int64(len(f.Pix)))
			b.ReportAllocs()
			for b.Loop() {
				size = 0
				for _, r := range pieces(f.Bounds(), e.largest()) {
					out = e.encode(out[:0], s, r)
					size += len(out)
				}
			}
			b.ReportMetric(float64(size), "bytes/picture")
		})
	}
}

// How long a viewer's look at a picture that has changed everywhere, or is said to
// have, keeps others from it.
func BenchmarkLook(b *testing.B) {
	f, g := desk(b, 1280, 800), desk(b, 1280, 800)
	g.Move(g.Bounds().Inset(20), image.Pt(0, 0))
	for name, pictures := range map[string][2]*Frame{"changed": {f, g}, "the same": {f, f}} {
		b.Run(name, func(b *testing.B) {
			c, err := newCanvas(f.Width, f.Height)
			if err != nil {
				b.Fatal(err)
			}
			for i := 0; b.Loop(); i++ {
				c.note([]image.Rectangle{f.Bounds()}, f.Bounds())
				c.update(cutout{pictures[i%2], f.Bounds()}, f.Bounds(), drawn{})
				c.take(f.Bounds())
			}
		})
	}
}
