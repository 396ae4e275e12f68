package rfb

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"image"
	"io"
)

// check is what a looker needs of a test.
type check interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// looker is a small viewer, written from the standards alone, that keeps pixels as
// they come: in any true-colour format, by any of the encodings that we write.
type looker struct {
	t      check
	conn   io.Writer
	in     *bufio.Reader
	format pixelFormat
	size   image.Point
	title  string
	pixels []uint32

	streams map[string]*inflated // of each encoding

	// What the last update had beside pixels.
	encodings []int32
	cursor    []byte // its payload
	hot       image.Point
	mouse     image.Point
	monitors  []byte
	reason    image.Point // of ExtendedDesktopSize: reason and status
	bells     int
	cuts      []string
}

// inflated is one stream of zlib, fed a piece at a time.
type inflated struct {
	packed bytes.Buffer
	plain  io.Reader
}

// newLooker shakes hands with version 3.8 and no security.
func newLooker(t check, conn io.ReadWriter) *looker {
	t.Helper()
	l := &looker{t: t, conn: conn, in: bufio.NewReader(conn), format: ownFormat(), streams: make(map[string]*inflated)}
	l.expect("RFB 003.008\n")
	l.send([]byte("RFB 003.008\n"))
	l.expect("\x01\x01")
	l.send([]byte{securityNone})
	l.expect("\x00\x00\x00\x00")
	l.send([]byte{1})
	l.serverInit()
	return l
}

func (l *looker) serverInit() {
	l.t.Helper()
	b := l.bytes(20)
	l.resize(image.Pt(int(binary.BigEndian.Uint16(b)), int(binary.BigEndian.Uint16(b[2:]))))
	if want := ownFormat().append(nil); !bytes.Equal(b[4:], want) {
		l.t.Fatalf("the format is %d, want %d", b[4:], want)
	}
	l.title = string(l.bytes(int(l.u32())))
}

func (l *looker) resize(size image.Point) {
	l.size, l.pixels = size, make([]uint32, size.X*size.Y)
}

func (l *looker) send(b []byte) {
	l.t.Helper()
	if _, err := l.conn.Write(b); err != nil {
		l.t.Fatal(err)
	}
}

func (l *looker) bytes(n int) []byte {
	l.t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(l.in, b); err != nil {
		l.t.Fatalf("read %d bytes: %v", n, err)
	}
	return b
}

func (l *looker) expect(want string) {
	l.t.Helper()
	if got := string(l.bytes(len(want))); got != want {
		l.t.Fatalf("got %q, want %q", got, want)
	}
}

func (l *looker) u8() int     { l.t.Helper(); return int(l.bytes(1)[0]) }
func (l *looker) u16() int    { l.t.Helper(); return int(binary.BigEndian.Uint16(l.bytes(2))) }
func (l *looker) u32() uint32 { l.t.Helper(); return binary.BigEndian.Uint32(l.bytes(4)) }

func (l *looker) setFormat(f pixelFormat) {
	l.t.Helper()
	l.format = f
	l.send(f.append([]byte{msgSetPixelFormat, 0, 0, 0}))
}

func (l *looker) setEncodings(list ...int32) {
	l.t.Helper()
	b := binary.BigEndian.AppendUint16([]byte{msgSetEncodings, 0}, uint16(len(list)))
	for _, e := range list {
		b = binary.BigEndian.AppendUint32(b, uint32(e))
	}
	l.send(b)
}

func (l *looker) ask(incremental bool, r image.Rectangle) {
	l.t.Helper()
	b := []byte{msgFramebufferUpdateRequest, flag(incremental)}
	for _, n := range []int{r.Min.X, r.Min.Y, r.Dx(), r.Dy()} {
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	}
	l.send(b)
}

// all is the whole picture.
func (l *looker) all() image.Rectangle { return image.Rectangle{Max: l.size} }

// update reads messages up to the end of an update.
func (l *looker) update() {
	l.t.Helper()
	for {
		switch kind := l.u8(); byte(kind) {
		case msgFramebufferUpdate:
			l.u8()
			l.encodings = nil
			for range l.u16() {
				l.rectangle()
			}
			return
		case msgBell:
			l.bells++
		case msgServerCutText:
			l.bytes(3)
			l.cuts = append(l.cuts, string(l.bytes(int(l.u32()))))
		default:
			l.t.Fatalf("a message of kind %d", kind)
		}
	}
}

func (l *looker) rectangle() {
	l.t.Helper()
	x, y, w, h := l.u16(), l.u16(), l.u16(), l.u16()
	encoding := int32(l.u32())
	l.encodings = append(l.encodings, encoding)
	r := image.Rect(x, y, x+w, y+h)
	if encoding >= 0 && !r.In(l.all()) {
		l.t.Fatalf("a rectangle %v in a picture of %v", r, l.size)
	}
	switch encoding {
	case encRaw:
		l.paint(r, l.plain(l.in, w*h, l.format.bytes(), l.whole))
	case encCopyRect:
		l.move(r, image.Pt(l.u16(), l.u16()))
	case encHextile:
		l.hextile(r)
	case encZRLE:
		l.zrle(r)
	case encTight:
		l.tight(r)
	case encCursor:
		l.hot, l.cursor = r.Min, l.bytes(w*h*l.format.bytes()+(w+7)/8*h)
	case encPointerPos:
		l.mouse = r.Min
	case encDesktopName:
		l.title = string(l.bytes(int(l.u32())))
	case encDesktopSize:
		l.resize(r.Size())
	case encExtendedDesktopSize:
		l.reason = r.Min
		n := l.u8()
		l.bytes(3)
		l.monitors = l.bytes(16 * n)
		if r.Min.Y == 0 {
			l.resize(r.Size())
		}
	default:
		l.t.Fatalf("a rectangle of encoding %d", encoding)
	}
}

// reduced is a picture as the standard has it in another format: each colour
// scaled to the nearest.
func reduced(f *Frame, format pixelFormat) []uint32 {
	pixels := make([]uint32, f.Width*f.Height)
	for i := range pixels {
		for c, at := range []int{2, 1, 0} { // red, green, blue
			v := float64(f.Pix[i*4+at]) / 255 * float64(format.max[c])
			pixels[i] |= uint32(v+0.5) << format.shift[c]
		}
	}
	return pixels
}

// mustShow compares every pixel.
func (l *looker) mustShow(f *Frame) {
	l.t.Helper()
	if l.size != f.Bounds().Max {
		l.t.Fatalf("the picture is %v, want %v", l.size, f.Bounds().Max)
	}
	for i, want := range reduced(f, l.format) {
		if l.pixels[i] != want {
			l.t.Fatalf("at %d,%d: %#x, want %#x", i%l.size.X, i/l.size.X, l.pixels[i], want)
		}
	}
}
