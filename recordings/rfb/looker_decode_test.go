package rfb

import (
	"bufio"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"image"
	"io"
)

// whole reads a PIXEL.
func (l *looker) whole(b []byte) uint32 {
	switch {
	case len(b) == 1:
		return uint32(b[0])
	case len(b) == 2 && l.format.big:
		return uint32(b[0])<<8 | uint32(b[1])
	case len(b) == 2:
		return uint32(b[1])<<8 | uint32(b[0])
	case l.format.big:
		return binary.BigEndian.Uint32(b)
	}
	return binary.LittleEndian.Uint32(b)
}

// cpixel is the size of a CPIXEL and how to read one: RFC 6143 section 7.7.5.
func (l *looker) cpixel() (int, func([]byte) uint32) {
	f := l.format
	var used uint32
	for i := range f.max {
		used |= uint32(f.max[i]) << f.shift[i]
	}
	low, high := used < 1<<24, used&0xff == 0
	if f.bits != 32 || f.depth > 24 || !low && !high {
		return f.bytes(), l.whole
	}
	return 3, func(b []byte) uint32 {
		full := append([]byte{}, b...)
		if f.big == low {
			full = append([]byte{0}, full...)
		} else {
			full = append(full, 0)
		}
		return l.whole(full)
	}
}

// tpixel is the same for TPIXEL.
func (l *looker) tpixel() (int, func([]byte) uint32) {
	f := l.format
	if f.bits != 32 || f.depth != 24 || f.max != [3]uint16{255, 255, 255} {
		return f.bytes(), l.whole
	}
	return 3, func(b []byte) uint32 {
		return uint32(b[0])<<f.shift[0] | uint32(b[1])<<f.shift[1] | uint32(b[2])<<f.shift[2]
	}
}

func (l *looker) plain(from io.Reader, n, size int, get func([]byte) uint32) []uint32 {
	l.t.Helper()
	b := make([]byte, n*size)
	if _, err := io.ReadFull(from, b); err != nil {
		l.t.Fatal(err)
	}
	pixels := make([]uint32, n)
	for i := range pixels {
		pixels[i] = get(b[i*size : i*size+size])
	}
	return pixels
}

func (l *looker) paint(r image.Rectangle, pixels []uint32) {
	for y := range r.Dy() {
		copy(l.pixels[(r.Min.Y+y)*l.size.X+r.Min.X:][:r.Dx()], pixels[y*r.Dx():])
	}
}

func (l *looker) fill(r image.Rectangle, c uint32) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			l.pixels[y*l.size.X+x] = c
		}
	}
}

func (l *looker) move(to image.Rectangle, from image.Point) {
	var pixels []uint32
	for y := range to.Dy() {
		pixels = append(pixels, l.pixels[(from.Y+y)*l.size.X+from.X:][:to.Dx()]...)
	}
	l.paint(to, pixels)
}

// inflate is the reader of a stream after more was added to it.
func (l *looker) inflate(name string, packed []byte) io.Reader {
	l.t.Helper()
	z := l.streams[name]
	if z == nil {
		z = new(inflated)
		l.streams[name] = z
	}
	z.packed.Write(packed)
	if z.plain == nil {
		var err error
		if z.plain, err = zlib.NewReader(&z.packed); err != nil {
			l.t.Fatal(err)
		}
	}
	return z.plain
}

func (l *looker) hextile(r image.Rectangle) {
	l.t.Helper()
	size := l.format.bytes()
	var back, fore uint32
	one := func() uint32 { return l.plain(l.in, 1, size, l.whole)[0] }
	for _, tile := range pieces(r, image.Pt(16, 16)) {
		kind := l.u8()
		if kind&1 != 0 {
			l.paint(tile, l.plain(l.in, tile.Dx()*tile.Dy(), size, l.whole))
			continue
		}
		if kind&2 != 0 {
			back = one()
		}
		if kind&4 != 0 {
			fore = one()
		}
		l.fill(tile, back)
		if kind&8 == 0 {
			continue
		}
		for range l.u8() {
			c := fore
			if kind&16 != 0 {
				c = one()
			}
			at, wh := l.u8(), l.u8()
			x, y := tile.Min.X+at>>4, tile.Min.Y+at&15
			sub := image.Rect(x, y, x+wh>>4+1, y+wh&15+1)
			if !sub.In(tile) {
				l.t.Fatalf("a part %v of a tile %v", sub, tile)
			}
			l.fill(sub, c)
		}
	}
}

func (l *looker) zrle(r image.Rectangle) {
	l.t.Helper()
	in := bufio.NewReaderSize(l.inflate("zrle", l.bytes(int(l.u32()))), 16)
	size, get := l.cpixel()
	for _, tile := range pieces(r, image.Pt(64, 64)) {
		l.zrleTile(in, tile, size, get)
	}
}

func (l *looker) zrleTile(in *bufio.Reader, tile image.Rectangle, size int, get func([]byte) uint32) {
	l.t.Helper()
	kind, err := in.ReadByte()
	if err != nil {
		l.t.Fatal(err)
	}
	w, n := tile.Dx(), tile.Dx()*tile.Dy()
	length := func() int {
		sum := 1
		for {
			b, err := in.ReadByte()
			if err != nil {
				l.t.Fatal(err)
			}
			if sum += int(b); b != 255 {
				return sum
			}
		}
	}
	var pixels []uint32
	switch {
	case kind == 0:
		pixels = l.plain(in, n, size, get)
	case kind == 1:
		l.fill(tile, l.plain(in, 1, size, get)[0])
		return
	case kind <= 16:
		colours := l.plain(in, int(kind), size, get)
		bits := map[bool]int{true: 4}[kind > 4] + map[bool]int{true: 2}[kind > 2 && kind <= 4] + map[bool]int{true: 1}[kind == 2]
		for range tile.Dy() {
			row := make([]byte, (w*bits+7)/8)
			if _, err := io.ReadFull(in, row); err != nil {
				l.t.Fatal(err)
			}
			for x := range w {
				at := x * bits
				pixels = append(pixels, colours[int(row[at/8])>>(8-bits-at%8)&(1<<bits-1)])
			}
		}
	case kind == 128:
		for len(pixels) < n {
			c := l.plain(in, 1, size, get)[0]
			for range length() {
				pixels = append(pixels, c)
			}
		}
	case kind >= 130:
		colours := l.plain(in, int(kind)-128, size, get)
		for len(pixels) < n {
			b, err := in.ReadByte()
			if err != nil {
				l.t.Fatal(err)
			}
			run := 1
			if b&128 != 0 {
				run = length()
			}
			for range run {
				pixels = append(pixels, colours[b&127])
			}
		}
	default:
		l.t.Fatalf("a tile of kind %d", kind)
	}
	if len(pixels) != n {
		l.t.Fatalf("%d pixels in a tile of %d, kind %d", len(pixels), n, kind)
	}
	l.paint(tile, pixels)
}

func (l *looker) tight(r image.Rectangle) {
	l.t.Helper()
	control := l.u8()
	size, get := l.tpixel()
	n := r.Dx() * r.Dy()
	if control>>4 == 8 {
		l.fill(r, l.plain(l.in, 1, size, get)[0])
		return
	}
	if control&0x8f != 0 {
		l.t.Fatalf("control %x", control)
	}
	name := fmt.Sprint("tight", control>>4&3)
	if control&0x40 == 0 {
		l.paint(r, l.plain(l.tightData(name, n*size), n, size, get))
		return
	}
	if filter := l.u8(); filter != 1 {
		l.t.Fatalf("filter %d", filter)
	}
	colours := l.plain(l.in, l.u8()+1, size, get)
	width := r.Dx()
	if len(colours) == 2 {
		width = (r.Dx() + 7) / 8
	}
	in := l.tightData(name, width*r.Dy())
	var pixels []uint32
	for range r.Dy() {
		row := make([]byte, width)
		if _, err := io.ReadFull(in, row); err != nil {
			l.t.Fatal(err)
		}
		for x := range r.Dx() {
			if len(colours) == 2 {
				pixels = append(pixels, colours[row[x/8]>>(7-x%8)&1])
			} else {
				pixels = append(pixels, colours[row[x]])
			}
		}
	}
	l.paint(r, pixels)
}

// tightData is n bytes, compressed if there are 12 or more.
func (l *looker) tightData(name string, n int) io.Reader {
	l.t.Helper()
	if n < 12 {
		return l.in
	}
	length, shift := 0, 0
	for i := range 3 {
		b := l.u8()
		if i == 2 {
			length |= b << 14
			break
		}
		length |= b & 127 << shift
		shift += 7
		if b&128 == 0 {
			break
		}
	}
	return l.inflate(name, l.bytes(length))
}
