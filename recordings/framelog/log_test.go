package framelog

import (
	"bytes"
	"image"
	"math/rand/v2"
	"testing"
	"time"

	"accord/recordings/rfb"
)

// desk is a screen on which a made-up session goes on, and a log of it.
type desk struct {
	t      testing.TB
	screen *rfb.Screen
	view   *rfb.View
	frame  *rfb.Frame
	random *rand.Rand
	now    time.Duration

	file   bytes.Buffer
	cuts   []int // lengths of the file after each write
	log    *Writer
	states []shot
}

// shot is what was shown at a time.
type shot struct {
	at  time.Duration
	pix *rfb.Frame
}

func (d *desk) Write(p []byte) (int, error) {
	d.file.Write(p)
	d.cuts = append(d.cuts, d.file.Len())
	return len(p), nil
}

var testMeta = Meta{Start: time.Date(2026, 11, 22, 16, 45, 0, 0, time.UTC), Visit: "20261122-164500-abcd2345", Rate: 5}

func newDesk(t testing.TB, width, height int, seed uint64) *desk {
	t.Helper()
	f, err := rfb.NewFrame(width, height)
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{t: t, screen: rfb.NewScreen(), frame: f, random: rand.New(rand.NewPCG(seed, 7))}
	d.log, err = NewWriter(d, testMeta)
	if err != nil {
		t.Fatal(err)
	}
	d.view = d.screen.View()
	d.commit(f.Bounds())
	return d
}

func (d *desk) commit(r ...image.Rectangle) { d.screen.Commit(d.frame, rfb.Damage{Rects: r}) }

// rect is a random one within the picture.
func (d *desk) rect() image.Rectangle {
	x, y := d.random.IntN(d.frame.Width), d.random.IntN(d.frame.Height)
	return image.Rect(x, y, x+1+d.random.IntN(d.frame.Width-x), y+1+d.random.IntN(d.frame.Height-y))
}

// act changes something.
func (d *desk) act() {
	switch r := d.rect(); d.random.IntN(6) {
	case 0, 1: // text on a background
		for y := r.Min.Y; y < r.Max.Y; y++ {
			for x := r.Min.X; x < r.Max.X; x++ {
				px := d.frame.Row(x, y, 1)
				px[0], px[1], px[2] = 255, 255, byte(x*y%7)*30
			}
		}
		d.commit(r)
	case 2: // noise
		r = r.Intersect(image.Rect(r.Min.X, r.Min.Y, r.Min.X+40, r.Min.Y+40))
		for y := r.Min.Y; y < r.Max.Y; y++ {
			for x := r.Min.X; x < r.Max.X; x++ {
				px := d.frame.Row(x, y, 1)
				px[0], px[1], px[2] = byte(d.random.Uint32()), byte(d.random.Uint32()), byte(d.random.Uint32())
			}
		}
		d.commit(r)
	case 3: // a scroll
		from := image.Pt(d.random.IntN(d.frame.Width-r.Dx()+1), d.random.IntN(d.frame.Height-r.Dy()+1))
		d.frame.Move(r, from)
		d.screen.Commit(d.frame, rfb.Damage{Copies: []rfb.Copy{{To: r, From: from}}})
	case 4:
		d.frame.Fill(r, byte(d.random.Uint32()), 20, 200)
		d.commit(r)
	case 5:
		at := r.Min
		d.screen.Change(func(s rfb.State) rfb.State {
			s.Pointer, s.Name = at, "désk"
			s.Cursor = &rfb.Cursor{Width: 2, Height: 1, Pix: []byte{1, 2, 3, 255, 0, 0, 0, 0}}
			return s
		})
	}
}

func (d *desk) resize(width, height int) {
	f, err := rfb.NewFrame(width, height)
	if err != nil {
		d.t.Fatal(err)
	}
	d.frame = f
	d.commit(f.Bounds())
}

// record takes a picture, after some time.
func (d *desk) record(after time.Duration) {
	d.t.Helper()
	d.now += after
	d.view.Take(func(c rfb.Changes) { d.log.Look(d.now, c) })
	for _, r := range d.log.PutOff() {
		d.view.Invalidate(r)
	}
	if err := d.log.Put(d.now); err != nil {
		d.t.Fatal(err)
	}
	if d.log.Waits(d.now) >= time.Second {
		if err := d.log.Flush(); err != nil {
			d.t.Fatal(err)
		}
	}
	d.states = append(d.states, shot{d.now, d.copy()})
}

func (d *desk) copy() *rfb.Frame {
	return &rfb.Frame{Width: d.frame.Width, Height: d.frame.Height, Pix: bytes.Clone(d.frame.Pix)}
}

func (d *desk) finish() []byte {
	d.t.Helper()
	d.log.Finish()
	d.view.Take(func(c rfb.Changes) { d.log.Look(d.now, c) })
	if err := d.log.Close(d.now); err != nil {
		d.t.Fatal(err)
	}
	d.states = append(d.states, shot{d.now, d.copy()})
	return d.file.Bytes()
}

// session is a made-up one of n pictures.
func session(t testing.TB, n int, seed uint64) *desk {
	t.Helper()
	d := newDesk(t, 200, 150, seed)
	for i := range n {
		for range d.random.IntN(4) {
			d.act()
		}
		if i%47 == 46 {
			d.resize(150+d.random.IntN(100), 100+d.random.IntN(100))
		}
		if i%10 == 3 {
			must(t, d.log.Press(d.now))
			must(t, d.log.Pointer(d.now, i, i, 1))
		}
		if i%25 == 7 {
			must(t, d.log.Mark(d.now, map[string]string{"kind": "note", "text": "n"}))
		}
		d.record(200 * time.Millisecond)
	}
	return d
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, file []byte) (*Reader, *Player) {
	t.Helper()
	r, err := Open(bytes.NewReader(file), int64(len(file)))
	must(t, err)
	p, err := r.Play()
	must(t, err)
	t.Cleanup(p.Close)
	return r, p
}

func same(a, b *rfb.Frame) bool {
	return a != nil && a.Width == b.Width && a.Height == b.Height && bytes.Equal(a.Pix, b.Pix)
}

// TestEveryPictureComesBack, bit for bit: in order, and by seeks anywhere.
func TestEveryPictureComesBack(t *testing.T) {
	d := session(t, 350, 1)
	r, p := open(t, d.finish())
	if !r.Whole() || len(r.Gaps()) > 0 || r.Chunks() < 4 {
		t.Fatalf("whole %v, gaps %v, %d chunks", r.Whole(), r.Gaps(), r.Chunks())
	}
	screen := rfb.NewScreen()
	view := screen.View()
	for i, s := range d.states {
		if i+1 < len(d.states) && d.states[i+1].at == s.at {
			continue
		}
		must(t, p.Seek(t.Context(), s.at))
		if !same(p.Frame(), s.pix) {
			t.Fatalf("picture %d at %v is another", i, s.at)
		}
		p.Show(screen)
		view.Take(func(c rfb.Changes) {
			if !same(c.Frame, s.pix) {
				t.Fatalf("picture %d at %v is another on the screen", i, s.at)
			}
		})
	}
	for range 100 {
		i := d.random.IntN(len(d.states) - 2)
		must(t, p.Seek(t.Context(), d.states[i].at+50*time.Millisecond))
		if !same(p.Frame(), d.states[i].pix) {
			t.Fatalf("picture %d at %v is another after a seek", i, d.states[i].at)
		}
	}
	if len(r.Gaps()) > 0 {
		t.Error(r.Gaps())
	}
}
