package picture

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"fmt"
	"image"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// terminal is one that understands what painters write: text with colours,
// images of kitty's protocol and sixels, kept as dots. It is written from the
// protocols' documents and shares nothing with the painters.
type terminal struct {
	t       testing.TB
	cell    image.Point
	size    image.Point // cells
	dots    []byte      // red, green, blue
	at      image.Point
	fg, bg  int // 0xRRGGBB
	images  map[int]kittyImage
	placed  []int // numbers in the order they were placed
	pending string
	data    bytes.Buffer
}

type kittyImage struct {
	at    image.Point // cells
	cells image.Point
	size  image.Point
	pix   []byte
}

func newTerminal(t testing.TB, size, cell image.Point) *terminal {
	return &terminal{t: t, cell: cell, size: size, dots: make([]byte, size.X*size.Y*cell.X*cell.Y*3), images: map[int]kittyImage{}}
}

func (o *terminal) width() int { return o.size.X * o.cell.X }

// set paints a dot.
func (o *terminal) set(x, y int, c int) {
	if x < 0 || y < 0 || x >= o.width() || y >= o.size.Y*o.cell.Y {
		o.t.Fatalf("a dot at %d, %d, outside of the terminal", x, y)
	}
	copy(o.dots[(y*o.width()+x)*3:], []byte{byte(c >> 16), byte(c >> 8), byte(c)})
}

// write takes whole sequences.
func (o *terminal) write(p []byte) {
	for s := string(p); s != ""; {
		switch {
		case strings.HasPrefix(s, "\x1b["):
			i := strings.IndexFunc(s[2:], func(r rune) bool { return r >= 0x40 }) + 2
			o.csi(s[2:i], s[i])
			s = s[i+1:]
		case strings.HasPrefix(s, "\x1b_G"), strings.HasPrefix(s, "\x1bP"):
			i := strings.Index(s, "\x1b\\")
			if i < 0 {
				o.t.Fatalf("a string without an end: %.40q", s)
			}
			if s[1] == 'P' {
				o.sixel(s[2:i])
			} else {
				o.kitty(s[3:i])
			}
			s = s[i+2:]
		default:
			r := []rune(s[:min(len(s), 4)])[0]
			o.text(r)
			s = s[len(string(r)):]
		}
	}
}

func (o *terminal) csi(params string, final byte) {
	var n []int
	for _, part := range strings.Split(params, ";") {
		v, _ := strconv.Atoi(part)
		n = append(n, v)
	}
	switch final {
	case 'H':
		o.at = image.Pt(n[1]-1, n[0]-1)
		if !o.at.In(image.Rectangle{Max: o.size}) {
			o.t.Fatalf("the cursor goes to %v", o.at)
		}
	case 'm':
		o.style(n)
	default:
		o.t.Fatalf("an unexpected sequence: CSI %s %c", params, final)
	}
}

func (o *terminal) style(n []int) {
	for i := 0; i < len(n); i++ {
		switch base := n[i] / 10 * 10; {
		case n[i] == 0:
			o.fg, o.bg = 0xd0d0d0, 0x123456
			continue
		case n[i]%10 == 8 && n[i+1] == 2:
			o.colour(base, n[i+2]<<16|n[i+3]<<8|n[i+4])
			i += 4
		case n[i]%10 == 8 && n[i+1] == 5:
			o.colour(base, paletteColour(n[i+2]))
			i += 2
		case n[i] >= 90:
			o.colour(base-60, paletteColour(n[i]-base+8))
		default:
			o.colour(base, paletteColour(n[i]-base))
		}
	}
}

func (o *terminal) colour(base, c int) {
	switch base {
	case 30:
		o.fg = c
	case 40:
		o.bg = c
	default:
		o.t.Fatalf("SGR of %d", base)
	}
}

// paletteColour is a colour of xterm's palette.
func paletteColour(n int) int {
	if n < 16 {
		return []int{
			0, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee, 0xcd00cd, 0x00cdcd, 0xe5e5e5,
			0x7f7f7f, 0xff0000, 0x00ff00, 0xffff00, 0x5c5cff, 0xff00ff, 0x00ffff, 0xffffff,
		}[n]
	}
	if n >= 232 {
		return (8 + 10*(n-232)) * 0x010101
	}
	levels := []int{0, 95, 135, 175, 215, 255}
	n -= 16
	return levels[n/36]<<16 | levels[n/6%6]<<8 | levels[n%6]
}

func (o *terminal) text(r rune) {
	if o.cell != image.Pt(1, 2) {
		o.t.Fatalf("text %q among images", r)
	}
	upper, lower := o.bg, o.bg
	switch r {
	case ' ':
	case '▀':
		upper = o.fg
	case '▄':
		lower = o.fg
	case '█':
		upper, lower = o.fg, o.fg
	default:
		o.t.Fatalf("text %q", r)
	}
	o.set(o.at.X, o.at.Y*2, upper)
	o.set(o.at.X, o.at.Y*2+1, lower)
	o.at.X++
}

// kitty takes one sequence of the graphics protocol.
func (o *terminal) kitty(seq string) {
	head, data, _ := strings.Cut(seq, ";")
	if o.data.Len() == 0 && o.pending == "" {
		o.pending = head
	}
	raw, err := base64.StdEncoding.DecodeString(data)
	if err != nil || len(data) > 4096 {
		o.t.Fatalf("%d bytes of data: %v", len(data), err)
	}
	o.data.Write(raw)
	if slices.Contains(strings.Split(head, ","), "m=1") {
		return
	}
	keys := map[string]string{}
	for _, pair := range strings.Split(o.pending, ",") {
		k, v, _ := strings.Cut(pair, "=")
		keys[k] = v
	}
	number := func(k string) int { n, _ := strconv.Atoi(keys[k]); return n }
	if keys["q"] != "2" {
		o.t.Errorf("an answer is asked for: %s", o.pending)
	}
	switch keys["a"] {
	case "d":
		delete(o.images, number("i"))
		o.placed = slices.DeleteFunc(o.placed, func(n int) bool { return n == number("i") })
	case "T":
		o.place(number("i"), kittyImage{o.at, image.Pt(number("c"), number("r")), image.Pt(number("s"), number("v")), o.unpack()})
	default:
		o.t.Errorf("an unknown action: %s", o.pending)
	}
	o.pending = ""
	o.data.Reset()
}

func (o *terminal) unpack() []byte {
	r, err := zlib.NewReader(&o.data)
	if err != nil {
		o.t.Fatal(err)
	}
	pix, err := io.ReadAll(r)
	if err != nil {
		o.t.Fatal(err)
	}
	return pix
}

func (o *terminal) place(n int, i kittyImage) {
	if len(i.pix) != i.size.X*i.size.Y*3 || i.cells.X < 1 || i.cells.Y < 1 {
		o.t.Fatalf("an image of %v with %d bytes in %v cells", i.size, len(i.pix), i.cells)
	}
	if !(image.Rectangle{i.at, i.at.Add(i.cells)}).In(image.Rectangle{Max: o.size}) {
		o.t.Fatalf("an image at %v of %v cells", i.at, i.cells)
	}
	if _, there := o.images[n]; there {
		o.t.Errorf("image %d is sent while it is shown", n)
	}
	o.images[n] = i
	o.placed = append(o.placed, n)
}

// show paints the images, each over those before it.
func (o *terminal) show() {
	for _, n := range o.placed {
		i := o.images[n]
		for y := range i.cells.Y * o.cell.Y {
			for x := range i.cells.X * o.cell.X {
				from := (y*i.size.Y/(i.cells.Y*o.cell.Y)*i.size.X + x*i.size.X/(i.cells.X*o.cell.X)) * 3
				o.set(i.at.X*o.cell.X+x, i.at.Y*o.cell.Y+y, int(i.pix[from])<<16|int(i.pix[from+1])<<8|int(i.pix[from+2]))
			}
		}
	}
}

// sixel draws an image at the cursor (DEC STD 070, chapter 9).
func (o *terminal) sixel(seq string) {
	params, seq, ok := strings.Cut(seq, "q")
	if !ok || params != "0;1;0" {
		o.t.Fatalf("not a sixel image: %.40q", params)
	}
	var width, height int
	if _, err := fmt.Sscanf(seq, "\"1;1;%d;%d", &width, &height); err != nil {
		o.t.Fatal(err)
	}
	seq = strings.TrimLeft(seq[1:], "0123456789;")
	palette := map[int]int{}
	corner := image.Pt(o.at.X*o.cell.X, o.at.Y*o.cell.Y)
	x, y, colour, count := 0, 0, 0, 0
	for seq != "" {
		c := seq[0]
		seq = seq[1:]
		switch {
		case c == '$':
			x = 0
		case c == '-':
			x, y = 0, y+6
		case c == '#', c == '!':
			i := strings.IndexFunc(seq, func(r rune) bool { return (r < '0' || r > '9') && r != ';' })
			n := strings.Split(seq[:i], ";")
			v := make([]int, len(n))
			for k := range n {
				v[k], _ = strconv.Atoi(n[k])
			}
			seq = seq[i:]
			if c == '!' {
				count = v[0]
				continue
			}
			colour = v[0]
			if len(v) == 5 {
				palette[colour] = v[2]*255/100<<16 | v[3]*255/100<<8 | v[4]*255/100
			}
		case c >= '?' && c <= '~':
			for range max(count, 1) {
				for bit := range 6 {
					if (c-'?')>>bit&1 == 1 {
						if x >= width || y+bit >= height {
							o.t.Fatalf("a dot at %d, %d of an image of %d by %d", x, y+bit, width, height)
						}
						o.set(corner.X+x, corner.Y+y+bit, palette[colour])
					}
				}
				x++
			}
			count = 0
		default:
			o.t.Fatalf("%q in an image", c)
		}
	}
}
