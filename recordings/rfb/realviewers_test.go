package rfb

import (
	"bytes"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// realViewer is a program that shows a screen on an X display.
type realViewer struct {
	name   string
	run    func(d *door) (name string, args []string)
	reduce func(*Frame) *Frame // what its picture becomes; nil: nothing
	scales bool                // a picture of another size to its window
}

func tigerVNC(name string, args ...string) realViewer {
	return realViewer{name: "TigerVNC " + name, run: func(d *door) (string, []string) {
		return "xtigervncviewer", append(args, "-SecurityTypes=None", "-RemoteResize=0", "-AlertOnFatalError=0", "-ReconnectOnError=0", d.double())
	}}
}

func tightVNC(program, name string, args ...string) realViewer {
	return realViewer{name: name, run: func(d *door) (string, []string) {
		return program, append(args, d.double())
	}}
}

// eight is a picture in 8 bits a pixel and back, as X has it in 24.
func eight(f *Frame) *Frame {
	g := &Frame{f.Width, f.Height, make([]byte, len(f.Pix))}
	scale := func(c byte, max int) byte {
		v := (int(c)*max + 127) / 255
		return byte((2*v*255 + max) / (2 * max))
	}
	for i := 0; i < len(f.Pix); i += pixel {
		g.Pix[i], g.Pix[i+1], g.Pix[i+2] = scale(f.Pix[i], 3), scale(f.Pix[i+1], 7), scale(f.Pix[i+2], 7)
	}
	return g
}

func realViewers() []realViewer {
	list := quickViewers()
	ssvnc8 := tightVNC("ssvncviewer", "ssvnc 8 bpp", "-bgr233")
	ssvnc8.reduce = eight
	return append(list,
		tigerVNC("ZRLE", "-AutoSelect=0", "-PreferredEncoding=ZRLE"),
		tigerVNC("Hextile", "-AutoSelect=0", "-PreferredEncoding=Hextile"),
		tigerVNC("Raw", "-AutoSelect=0", "-PreferredEncoding=Raw"),
		tightVNC("xtightvncviewer", "TightVNC Tight", "-encodings", "tight copyrect"),
		tightVNC("xtightvncviewer", "TightVNC Hextile", "-encodings", "hextile"),
		tightVNC("xtightvncviewer", "TightVNC Raw", "-encodings", "raw"),
		tightVNC("ssvncviewer", "ssvnc"),
		tightVNC("ssvncviewer", "ssvnc ZRLE", "-encodings", "zrle copyrect"),
		ssvnc8,
		realViewer{name: "gvncviewer", scales: true, run: func(d *door) (string, []string) { return "gvncviewer", []string{d.display()} }},
	)
}

// quickViewers are those that every run of the tests has.
func quickViewers() []realViewer {
	bgr233 := tightVNC("xtightvncviewer", "TightVNC 8 bpp", "-bgr233")
	bgr233.reduce = eight
	return []realViewer{
		tigerVNC("Tight", "-AutoSelect=0", "-PreferredEncoding=Tight", "-NoJPEG"),
		tigerVNC("by itself"),
		tightVNC("xtightvncviewer", "TightVNC"),
		bgr233,
	}
}

func TestRealViewersShowThePicture(t *testing.T) {
	for _, v := range quickViewers() {
		t.Run(v.name, func(t *testing.T) { v.follows(t) })
	}
}

// follows has a viewer show a picture, what becomes of it, and one of another size.
func (r realViewer) follows(t *testing.T) {
	f, g, h := desk(t, 400, 260), desk(t, 400, 260), desk(t, 317, 203)
	if r.scales {
		h = desk(t, 400, 260)
	}
	move := Copy{image.Rect(50, 100, 300, 200), image.Pt(40, 60)}
	g.Fill(image.Rect(10, 20, 200, 120), 1, 2, 3)
	g.Move(move.To, move.From)
	s := shown(f)
	r.shows(t, s, func(testing.TB) *Frame { return f }, func(testing.TB) *Frame {
		s.Commit(g, Damage{Rects: []image.Rectangle{g.Bounds()}, Copies: []Copy{move}})
		return g
	}, func(testing.TB) *Frame {
		s.Commit(h, Damage{Rects: []image.Rectangle{h.Bounds()}})
		return h
	})
}

// What is typed and pointed at in a viewer's window comes to us.
func TestRealViewersSendInput(t *testing.T) {
	for _, v := range quickViewers()[:3] {
		t.Run(v.name, func(t *testing.T) {
			f := desk(t, 640, 400)
			type event struct {
				key  uint32
				down bool
				at   image.Point
				b    uint8
			}
			events := make(chan event, 1000)
			d := openDoor(t, shown(f), ViewerOptions{
				Name:    "a test",
				Key:     func(down bool, key uint32) { events <- event{key: key, down: down} },
				Pointer: func(x, y int, b uint8) { events <- event{at: image.Pt(x, y), b: b} },
			})
			display := xvfb(t, 900, 600)
			// A key that the keyboard lacks xdotool maps for a moment, which may be over when
			// the viewer looks what was released.
			<-start(t, display, nil, "xmodmap", "-e", "keycode 120 = eacute").gone
			name, args := v.run(d)
			p := start(t, display, nil, name, args...)
			var at image.Point
			within(t, patience, p, func() (found bool) {
				at, found = find(screenshot(t, display), f)
				return found
			}, func() { t.Fatalf("no picture: %s", p.out) })
			<-start(t, display, nil, "xdotool", "search", "--name", "a test", "windowfocus", "mousemove", strconv.Itoa(at.X+123), strconv.Itoa(at.Y+45), "click", "1", "key", "eacute", "key", "F5").gone
			missing := []event{{at: image.Pt(123, 45), b: 1}, {at: image.Pt(123, 45)}, {key: 0xe9, down: true}, {key: 0xe9}, {key: 0xffc2, down: true}, {key: 0xffc2}}
			late := time.After(patience)
			for len(missing) > 0 {
				select {
				case e := <-events: // others may come between: a move, a modifier
					if e == missing[0] {
						missing = missing[1:]
					}
				case <-late:
					t.Fatalf("these didn't come: %v", missing)
				}
			}
		})
	}
}

// vncsnapshot speaks RFB 3.3, has no cursor of its own and asks once.
func TestVncsnapshot(t *testing.T) {
	f, err := NewFrame(500, 333)
	if err != nil {
		t.Fatal(err)
	}
	for y := range f.Height { // smooth, because it writes JPEG
		for x := range f.Width {
			copy(f.Row(x, y, 1), []byte{byte(x / 2), byte(y / 2), byte((x + y) / 4)})
		}
	}
	f.Fill(image.Rect(100, 100, 200, 200), 255, 255, 255)
	s := shown(f)
	arrow := &Cursor{Width: 16, Height: 16, Hot: image.Pt(8, 8), Pix: bytes.Repeat([]byte{0, 0, 255, 255}, 256)}
	s.Change(func(st State) State { st.Cursor, st.Pointer = arrow, image.Pt(400, 300); return st })
	f.Fill(image.Rect(392, 292, 408, 308), 0, 0, 255)

	for _, password := range []string{"", "once-only"} {
		t.Run("password "+password, func(t *testing.T) {
			if far := distance(f, snapshot(t, s, password)); far > 2 {
				t.Errorf("its picture is %.2f steps of 255 away on average", far)
			}
		})
	}
}

// snapshot runs vncsnapshot.
func snapshot(t testing.TB, s *Screen, password string) image.Image {
	t.Helper()
	d := openDoor(t, s, ViewerOptions{Password: password})
	folder := t.TempDir()
	args := []string{"-quiet", d.display(), filepath.Join(folder, "out.jpg")}
	if password != "" {
		file := filepath.Join(folder, "passwd")
		if err := os.WriteFile(file, passwordFile(password), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append([]string{"-passwd", file}, args...)
	}
	p := start(t, "", nil, "vncsnapshot", args...)
	select {
	case <-p.gone:
	case <-time.After(patience):
		t.Fatalf("vncsnapshot does not end: %s", p.out)
	}
	b, err := os.ReadFile(filepath.Join(folder, "out.jpg"))
	if err != nil {
		t.Fatalf("%v; it says %s; we say %v", err, p.out, d.problems())
	}
	m, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// passwordFile is one as vncpasswd writes it: encrypted with a key that everybody
// knows.
func passwordFile(password string) []byte {
	var block [16]byte
	copy(block[:8], password)
	answer := vncResponse(block, "\x17\x52\x6b\x06\x23\x4e\x58\x07")
	return answer[:8]
}

// distance is how far two pictures are apart, in steps of a colour on average; one of
// another size is very far away.
func distance(f *Frame, g image.Image) float64 {
	if g.Bounds() != f.Bounds() {
		return 255
	}
	sum := 0
	for y := range f.Height {
		for x := range f.Width {
			p := f.Row(x, y, 1)
			red, green, blue, _ := g.At(x, y).RGBA()
			for i, c := range []uint32{blue, green, red} {
				sum += max(int(p[i])-int(c>>8), int(c>>8)-int(p[i]))
			}
		}
	}
	return float64(sum) / float64(3*f.Width*f.Height)
}

// shows runs a viewer on a display of its own until it shows each of the pictures,
// or what truth says at the moment.
func (r realViewer) shows(t testing.TB, s *Screen, pictures ...func(testing.TB) *Frame) {
	t.Helper()
	d := openDoor(t, s, ViewerOptions{Name: "a test"})
	display := xvfb(t, 900, 600)
	name, args := r.run(d)
	p := start(t, display, nil, name, args...)
	defer p.stop()
	for _, truth := range pictures {
		within(t, patience, p, func() bool {
			if err := d.problems(); err != nil {
				t.Fatalf("%s: %v\n%s", r.name, err, p.out)
			}
			want := truth(t)
			if r.reduce != nil {
				want = r.reduce(want)
			}
			_, found := find(screenshot(t, display), want)
			return found
		}, func() {
			keep(t, "viewer", screenshot(t, display))
			t.Fatalf("%s does not show the picture; it says:\n%s", r.name, p.out)
		})
	}
}
