package rfb

import (
	"bytes"
	"compress/zlib"
	"errors"
	"image"
	"io"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// These encoders are as plain as can be, and choose among all that a format
// allows: what real servers never send is decoded too.

// painter encodes pictures for one client: its zlib streams run on.
type painter struct {
	*rapid.T
	streams map[string]*deflater
}

type deflater struct {
	out bytes.Buffer
	w   *zlib.Writer
}

// deflate goes on with a stream.
func (p painter) deflate(stream string, b []byte) []byte {
	d := p.streams[stream]
	if d == nil {
		d = &deflater{}
		d.w, _ = zlib.NewWriterLevel(&d.out, rapid.IntRange(0, 9).Draw(p.T, "level"))
		p.streams[stream] = d
	}
	d.out.Reset()
	d.w.Write(b) //nolint:errcheck // memory takes all
	d.w.Flush()  //nolint:errcheck // likewise
	return bytes.Clone(d.out.Bytes())
}

func (p painter) pick(what string, most int) int { return rapid.IntRange(0, most).Draw(p.T, what) }

// drawn is a picture of few or many colours, in runs.
func (p painter) drawn(width, height int) *Frame {
	f, _ := NewFrame(width, height)
	colours := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 3, 3), 1, []int{1, 2, 4, 16, 130}[p.pick("colours", 4)]).Draw(p.T, "palette")
	runs := rapid.SliceOfN(rapid.IntRange(0, 1<<16), 1, 60).Draw(p.T, "runs")
	at := 0
	for i := 0; at < width*height; i++ {
		run := runs[i%len(runs)] + i/len(runs)*7
		for range min(1+run/256, width*height-at) {
			copy(f.Pix[at*pixel:], colours[run%len(colours)])
			at++
		}
	}
	return f
}

// numbered lists the colours of a part of a picture, and each pixel's number.
func numbered(f *Frame, r image.Rectangle) (colours [][]byte, numbers []int) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			p := f.Row(x, y, 1)[:3]
			n := slices.IndexFunc(colours, func(c []byte) bool { return bytes.Equal(c, p) })
			if n < 0 {
				n, colours = len(colours), append(colours, p)
			}
			numbers = append(numbers, n)
		}
	}
	return colours, numbers
}

// tiles calls with each part of a picture.
func tiles(f *Frame, side int, with func(image.Rectangle)) {
	for y := 0; y < f.Height; y += side {
		for x := 0; x < f.Width; x += side {
			with(image.Rect(x, y, x+side, y+side).Intersect(f.Bounds()))
		}
	}
}

func (p painter) zrle(f *Frame) []byte {
	var b []byte
	tiles(f, zrleSide, func(r image.Rectangle) {
		colours, numbers := numbered(f, r)
		kinds := []string{"raw", "runs"}
		if len(colours) == 1 {
			kinds = append(kinds, "solid")
		} else if len(colours) <= 16 {
			kinds = append(kinds, "packed")
		}
		if len(colours) > 1 && len(colours) <= 127 {
			kinds = append(kinds, "numbered runs")
		}
		switch kinds[p.pick("kind", len(kinds)-1)] {
		case "raw":
			b = append(b, 0)
			for _, n := range numbers {
				b = append(b, colours[n]...)
			}
		case "solid":
			b = append(append(b, 1), colours[0]...)
		case "packed":
			b = append(append(b, byte(len(colours))), bytes.Join(colours, nil)...)
			b = append(b, packed(numbers, r.Dx(), len(colours))...)
		case "runs":
			b = append(b, 128)
			runsOf(numbers, func(n, length int) { b = append(append(b, colours[n]...), runBytes(length)...) })
		case "numbered runs":
			b = append(append(b, byte(128+len(colours))), bytes.Join(colours, nil)...)
			runsOf(numbers, func(n, length int) {
				if length == 1 {
					b = append(b, byte(n))
				} else {
					b = append(append(b, byte(n|128)), runBytes(length)...)
				}
			})
		}
	})
	return sized(p.deflate("zrle", b))
}

// packed puts numbers of few bits into bytes, each row for itself.
func packed(numbers []int, width, colours int) (b []byte) {
	bits := 4
	if colours <= 2 {
		bits = 1
	} else if colours <= 4 {
		bits = 2
	}
	for row := range slices.Chunk(numbers, width) {
		packedRow := make([]byte, (width*bits+7)/8)
		for x, n := range row {
			packedRow[x*bits/8] |= byte(n << (8 - bits - x*bits%8))
		}
		b = append(b, packedRow...)
	}
	return b
}

func runsOf(numbers []int, with func(n, length int)) {
	for len(numbers) > 0 {
		length := slices.IndexFunc(numbers, func(n int) bool { return n != numbers[0] })
		if length < 0 {
			length = len(numbers)
		}
		with(numbers[0], length)
		numbers = numbers[length:]
	}
}

func runBytes(length int) []byte {
	length--
	return append(bytes.Repeat([]byte{255}, length/255), byte(length%255))
}

func (p painter) hextile(f *Frame) (b []byte) {
	var ground, ink []byte
	tiles(f, 16, func(r image.Rectangle) {
		colours, numbers := numbered(f, r)
		if p.pick("raw", 3) == 0 {
			b = append(b, hexRaw)
			for _, n := range numbers {
				b = append(append(b, colours[n]...), 99)
			}
			ground, ink = nil, nil
			return
		}
		coloured := len(colours) > 2
		kind, body := 0, []byte(nil)
		if !bytes.Equal(ground, colours[0]) || p.pick("again", 1) == 0 {
			kind, ground, body = hexBackground, colours[0], append(append(body, colours[0]...), 99)
		}
		if len(colours) == 2 && (!bytes.Equal(ink, colours[1]) || p.pick("again", 1) == 0) {
			kind, ink, body = kind|hexForeground, colours[1], append(append(body, colours[1]...), 99)
		}
		var spots [][]byte
		for i, n := range numbers {
			if n == 0 {
				continue
			}
			var spot []byte
			if coloured {
				spot = append(slices.Clone(colours[n]), 99)
			}
			spots = append(spots, append(spot, byte(i%r.Dx()<<4|i/r.Dx()), 0))
		}
		if len(spots) > 0 {
			kind |= hexSubrects
			body = append(append(body, byte(len(spots))), bytes.Join(spots, nil)...)
		}
		if coloured {
			kind |= hexColoured
		}
		b = append(append(b, byte(kind)), body...)
	})
	return b
}

func (p painter) tight(f *Frame) []byte {
	colours, numbers := numbered(f, f.Bounds())
	stream := p.pick("stream", 3)
	control, name := byte(stream<<4), string(rune('0'+stream))
	if p.pick("reset", 3) == 0 {
		control |= 1 << stream
		delete(p.streams, name)
	}
	var head, body []byte
	switch {
	case len(colours) == 1 && p.pick("fill", 1) == 0:
		return []byte{control&15 | tightFill<<4, colours[0][2], colours[0][1], colours[0][0]}
	case len(colours) > 1 && len(colours) <= 256 && p.pick("palette", 1) == 0:
		head = []byte{control | 0x40, filterPalette, byte(len(colours) - 1)}
		for _, c := range colours {
			head = append(head, c[2], c[1], c[0])
		}
		if len(colours) == 2 {
			body = packed(numbers, f.Width, 2)
		} else {
			for _, n := range numbers {
				body = append(body, byte(n))
			}
		}
	case p.pick("gradient", 1) == 0:
		head, body = []byte{control | 0x40, filterGradient}, gradient(f)
	default:
		head = []byte{control}
		for _, n := range numbers {
			body = append(body, colours[n][2], colours[n][1], colours[n][0])
		}
	}
	if len(body) < tightRaw {
		return append(head, body...)
	}
	body = p.deflate(name, body)
	switch n := len(body); {
	case n < 1<<7:
		head = append(head, byte(n))
	case n < 1<<14:
		head = append(head, byte(n)|128, byte(n>>7))
	default:
		return append(head, tightSized(body)...)
	}
	return append(head, body...)
}

// gradient is what Tight's filter of that name makes of a picture.
func gradient(f *Frame) (b []byte) {
	at := func(x, y, i int) int {
		if x < 0 || y < 0 {
			return 0
		}
		return int(f.Row(x, y, 1)[i])
	}
	for y := range f.Height {
		for x := range f.Width {
			for _, i := range []int{2, 1, 0} {
				guess := at(x-1, y, i) + at(x, y-1, i) - at(x-1, y-1, i)
				b = append(b, byte(at(x, y, i)-max(0, min(guess, 255))))
			}
		}
	}
	return b
}

func TestEveryFormOfAnEncodingIsDecoded(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		p := painter{r, make(map[string]*deflater)}
		width, height := 1+p.pick("width", 80), 1+p.pick("height", 70)
		server := serverHello(width+2, height+1, "")
		var want []*Frame
		for range 1 + p.pick("updates", 4) {
			f := p.drawn(width, height)
			want = append(want, f)
			var body []byte
			encoding := []int32{encZRLE, encHextile, encTight, encZlib}[p.pick("encoding", 3)]
			switch encoding {
			case encZRLE:
				body = p.zrle(f)
			case encHextile:
				body = p.hextile(f)
			case encTight:
				body = p.tight(f)
			case encZlib:
				body = sized(p.deflate("zlib", f.Pix))
			}
			server = append(server, updateOf(1, append(rectangle(1, 1, width, height, encoding), body...))...)
		}
		o := into(NewScreen())
		o.Commit = func(got *Frame, _ Damage) error {
			for y := range height {
				if !bytes.Equal(got.Row(1, y+1, width), want[0].Row(0, y, width)) {
					r.Fatalf("row %d is % x, want % x", y, got.Row(1, y+1, width), want[0].Row(0, y, width))
				}
			}
			want = want[1:]
			return nil
		}
		c, err := NewClient(played{bytes.NewReader(server), io.Discard}, o)
		if err != nil {
			r.Fatal(err)
		}
		if err := c.Run(); !errors.Is(err, io.EOF) || len(want) > 0 {
			r.Fatalf("it ended with %v, %d updates before the end", err, len(want))
		}
	})
}

func TestAJPEGIsDecoded(t *testing.T) {
	s := NewScreen()
	message := updateOf(1, append(rectangle(3, 2, 20, 10, encTight), append([]byte{tightJPEG << 4}, tightSized(jpegOf(20, 10))...)...))
	if err := play(t, 30, 30, s, bytes.NewReader(message)); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	f := picture(t, s)
	for y := range f.Height {
		for x := range f.Width {
			got, in := f.Row(x, y, 1), image.Pt(x, y).In(image.Rect(3, 2, 23, 12))
			grey := got[0] > 90 && got[1] > 90 && got[2] > 90 && got[3] == 0
			if in != grey {
				t.Fatalf("the pixel at %d, %d is %d", x, y, got)
			}
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, name := range []string{"desktop.zrle.xfbs", "desktop.tight.xfbs"} {
		b.Run(name, func(b *testing.B) {
			width, height, messages := capture(b, name)
			stream := bytes.Join(messages, nil)
			b.SetBytes(int64(len(stream)))
			b.ReportAllocs()
			for b.Loop() {
				if err := play(b, width, height, NewScreen(), bytes.NewReader(stream)); !errors.Is(err, io.EOF) {
					b.Fatal(err)
				}
			}
		})
	}
}
