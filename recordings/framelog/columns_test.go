package framelog

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"image"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"accord/recordings/rfb"
)

// TestColumns: any pixels come back, and what are no lines of the right length
// are refused.
func TestColumns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, err := rfb.NewFrame(rapid.IntRange(1, 40).Draw(t, "width"), rapid.IntRange(1, 60).Draw(t, "height"))
		if err != nil {
			t.Fatal(err)
		}
		palette := rapid.SliceOfN(rapid.Uint32Range(0, rgb), 1, 5).Draw(t, "palette")
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		for i := 0; i < len(f.Pix); i += 4 {
			if i == 0 || random.IntN(4) == 0 {
				binary.LittleEndian.PutUint32(f.Pix[i:], palette[random.IntN(len(palette))]&^0x030303+random.Uint32N(2)*0x010201)
			} else {
				copy(f.Pix[i:i+4], f.Pix[i-4:])
			}
		}
		l := lines{rapid.IntRange(1, 80).Draw(t, "pitch"), rapid.IntRange(0, 79).Draw(t, "phase")}
		data := appendColumns(nil, f, f.Bounds(), l)
		got, _ := rfb.NewFrame(256, 256)
		if err := readColumns(got, f.Width, f.Height, data); err != nil {
			t.Fatal(err)
		}
		for y := range f.Height {
			if !bytes.Equal(got.Row(0, y, f.Width), f.Row(0, y, f.Width)) {
				t.Fatalf("row %d is another by way of %x", y, data)
			}
		}
		for name, bad := range map[string][]byte{"cut": data[:len(data)-1], "longer": append(bytes.Clone(data), 0), "no line": append([]byte{data[0], 0}, data[2:]...)} {
			if err := readColumns(got, f.Width, f.Height, bad); !errors.Is(err, errRows) {
				t.Fatalf("%s: %v", name, err)
			}
		}
	})
}

// terminal is a window on a desk that shows a long text from some row on.
type terminal struct {
	*desk
	area   image.Rectangle
	from   int
	glyphs [40][letter][6]bool
}

// letter is the height of a line.
const letter = 13

func newTerminal(t testing.TB, width, height int, seed uint64) *terminal {
	d := &terminal{desk: newDesk(t, width, height, seed), area: image.Rect(11, 33, width-10, 33+(height-50)/letter*letter)}
	d.frame.Fill(d.frame.Bounds(), 160, 100, 40)
	for g := range d.glyphs {
		for y := 2; y < 11; y++ {
			for x := range 5 {
				d.glyphs[g][y][x] = d.random.IntN(3) == 0
			}
		}
	}
	d.write()
	d.commit(d.frame.Bounds())
	return d
}

// write shows the text: words of three letters.
func (d *terminal) write() {
	d.frame.Fill(d.area, 255, 255, 255)
	for y := range d.area.Dy() {
		line, row := (d.from+y)/letter, (d.from+y)%letter
		for x := 2; x < d.area.Dx()-4; x++ {
			word := (line*line + 7*(x/24)*line + x/24) % 12
			if n := x % 24; n < 18 && d.glyphs[3*word+n/6][row][n%6] {
				copy(d.frame.Row(d.area.Min.X+x, d.area.Min.Y+y, 1), []byte{0, 0, byte(row), 0})
			}
		}
	}
}

// scroll moves the text up by so many pixels; told says whether the server tells
// of the move.
func (d *terminal) scroll(by int, told bool) {
	d.from += by
	d.write()
	to := d.area
	to.Max.Y -= by
	damage := rfb.Damage{Rects: []image.Rectangle{d.area}}
	if told {
		damage.Copies = []rfb.Copy{{To: to, From: to.Min.Add(image.Pt(0, by))}}
	}
	d.screen.Commit(d.frame, damage)
}

// codecs counts the tiles of a file by how they are written.
func codecs(t *testing.T, r *Reader) (n [256]int) {
	s, err := newStream(r.src)
	must(t, err)
	defer s.close()
	for _, c := range r.chunks {
		must(t, s.open(c, false))
		kind, length, err := s.next()
		for ; err == nil; kind, length, err = s.next() {
			body, err := s.read(length)
			must(t, err)
			for ; kind == recTiles && len(body) > 0; body = body[tileHead+int(body[7])+int(body[8])<<8+int(body[9])<<16:] {
				n[body[6]]++
			}
		}
		if !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
	}
	return n
}

// TestText: a terminal that scrolls, by lines or by pixels, told of or not, with
// other things happening in its window, comes back bit for bit, cut after any
// write too. It is written as text.
func TestText(t *testing.T) {
	d := newTerminal(t, 340, 400, 21)
	for i := range 90 {
		switch i % 9 {
		case 0, 1, 2, 3:
			d.scroll(letter*(1+d.random.IntN(4)), i%2 == 0)
		case 4:
			if i > 60 {
				d.scroll(1+d.random.IntN(60), i%4 == 0)
			}
		case 6:
			d.act()
		}
		if i == 60 {
			d.log.work = chunkWork // a chunk begins in the middle
		}
		d.record(300 * time.Millisecond)
	}
	r, p := open(t, d.finish())
	for _, s := range d.states {
		must(t, p.Seek(t.Context(), s.at))
		if want := d.shown(s.at); !same(p.Frame(), want) {
			t.Fatalf("the picture at %v is another", s.at)
		}
	}
	if n := codecs(t, r); n[codecColumns] < 100 || r.Chunks() < 2 || len(r.Gaps()) > 0 {
		t.Errorf("%d tiles of text among %v, %d chunks, gaps %v", n[codecColumns], n, r.Chunks(), r.Gaps())
	}
	for _, n := range d.cuts {
		if r, f, at := last(t, d.file.Bytes()[:n]); r == nil || len(r.Gaps()) > 0 || f != nil && !same(f, d.shown(at)) {
			t.Fatalf("cut at %d: the picture at %v is another", n, at)
		}
	}
}

// TestTextGlides: text that moves by pixels all the time is no text, for its rows
// are found again; at rest it is.
func TestTextGlides(t *testing.T) {
	d := newTerminal(t, 340, 400, 22)
	d.record(0)
	for range 20 {
		d.scroll(5, false)
		d.record(200 * time.Millisecond)
	}
	tiles := func() (n int) {
		for _, tile := range d.log.grid.tiles {
			if tile.steady == steady {
				n++
			}
		}
		return n
	}
	if n := tiles(); n > 2 {
		t.Errorf("%d tiles that glide are text", n)
	}
	for range 5 {
		d.scroll(letter, false)
		d.record(200 * time.Millisecond)
	}
	if n := tiles(); n < 6 {
		t.Errorf("%d tiles of text at rest are text", n)
	}
	must(t, d.log.Close(d.now))
}

// TestLines finds where lines of text begin, and none in what is no text.
func TestLines(t *testing.T) {
	d := newTerminal(t, 340, 400, 23)
	tile := image.Rect(128, 128, 256, 256)
	var found texts
	l := found.find(d.frame, tile, lines{})
	if gap := (l.phase - d.area.Min.Y%letter + 2 + letter) % letter; l.pitch != letter || gap > 4 { // two rows above and two below are blank
		t.Errorf("lines of %d pixels from %d are %+v", letter, d.area.Min.Y%letter, l)
	}
	found.known = []lines{{2 * l.pitch, l.phase}}
	if got := found.find(d.frame, tile, lines{}); got != l {
		t.Errorf("every other line was known, now %+v", got)
	}
	for i := range d.frame.Pix {
		d.frame.Pix[i] = byte(d.random.Uint32())
	}
	if got := found.find(d.frame, tile, l); got.pitch != 0 {
		t.Errorf("noise has lines: %+v", got)
	}
}

// TestVersion1: files from before there were columns play as they did.
func TestVersion1(t *testing.T) {
	file, err := os.ReadFile(filepath.Join("testdata", "version1.frames"))
	must(t, err)
	r, f, _ := last(t, file)
	if r == nil || !r.Whole() || len(r.Gaps()) > 0 || f == nil {
		t.Fatal("a file of version 1 is not read")
	}
	const want = "3d12abef80d182be9074d3a622bfdd286fc24c06d1dc0be2d0d597b8e7e89cf1"
	if sum := sha256.Sum256(f.Pix); hex.EncodeToString(sum[:]) != want {
		t.Errorf("its last picture has the sum %x", sum)
	}
}
