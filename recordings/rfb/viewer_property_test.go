package rfb

import (
	"bytes"
	"image"
	"io"
	"testing"

	"pgregory.net/rapid"
)

// hand drives a viewer's two sides in turn, in one goroutine, so that what it says
// depends on nothing but what it is told.
type hand struct {
	v        *Viewer
	to, from bytes.Buffer // the viewer's program to us, and back
}

func (h *hand) Read(b []byte) (int, error)  { return h.to.Read(b) }
func (h *hand) Write(b []byte) (int, error) { return h.from.Write(b) }
func (h *hand) Close() error                { return nil }

// far is the program's end.
type far struct{ h *hand }

func (f far) Read(b []byte) (int, error)  { return f.h.from.Read(b) }
func (f far) Write(b []byte) (int, error) { return f.h.to.Write(b) }

// handshake is what a viewer of 3.8 sends before its first message.
const handshake = "RFB 003.008\n\x01\x01"

func byHand(t check, s *Screen, o ViewerOptions) (*hand, *looker) {
	t.Helper()
	h := new(hand)
	h.to.WriteString(handshake)
	v, err := NewViewer(h, s, o)
	if err != nil {
		t.Fatal(err)
	}
	h.v, v.view = v, s.View()
	l := newLooker(t, far{h})
	h.to.Reset() // the looker has said again what was said for it
	return h, l
}

// turn takes all messages, then serves. It returns what reading ended with.
func (h *hand) turn() error {
	for {
		kind, err := h.v.in.ReadByte()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = h.v.message(kind)
		}
		if err != nil {
			return err
		}
	}
	if err := h.v.serve(); err != nil {
		return err
	}
	return h.v.out.Flush()
}

// answered reads the update if there is one.
func (h *hand) answered(l *looker) bool {
	if h.from.Len() == 0 && l.in.Buffered() == 0 {
		return false
	}
	l.update()
	return true
}

// Whatever happens on the screen and whatever the viewer asks for, in any order:
// once it has asked for everything and nothing more comes, it shows the screen, or
// the monitor of it that it was to show.
func TestViewerEndsWithThePicture(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		size := func() (int, int) {
			return rapid.IntRange(1, 90).Draw(rt, "w"), rapid.IntRange(1, 70).Draw(rt, "h")
		}
		f, err := NewFrame(size())
		if err != nil {
			rt.Fatal(err)
		}
		s := shown(f)
		monitor := rapid.IntRange(0, 2).Draw(rt, "monitor")
		h, l := byHand(rt, s, ViewerOptions{Monitor: monitor})
		defer h.v.view.Close()
		list := formats()
		can := []int32{encTight, encCopyRect, encDesktopSize}
		l.setEncodings(can...)
		rect := func(name string, within image.Rectangle) image.Rectangle {
			x, y := rapid.IntRange(0, within.Dx()-1).Draw(rt, name+" x"), rapid.IntRange(0, within.Dy()-1).Draw(rt, name+" y")
			return image.Rect(x, y, rapid.IntRange(x+1, within.Dx()).Draw(rt, name+" x2"), rapid.IntRange(y+1, within.Dy()).Draw(rt, name+" y2"))
		}
		settle := func() {
			for range 10 {
				l.ask(true, image.Rect(0, 0, 65535, 65535))
				if err := h.turn(); err != nil {
					rt.Fatal(err)
				}
				if !h.answered(l) {
					return
				}
			}
			rt.Fatal("there is no end of updates although nothing happens")
		}
		rt.Repeat(map[string]func(*rapid.T){
			"paint": func(rt *rapid.T) {
				r := rect("paint", f.Bounds())
				f.Fill(r, rapid.Byte().Draw(rt, "blue"), rapid.Byte().Draw(rt, "green"), 9)
				s.Commit(f, Damage{Rects: []image.Rectangle{r}})
			},
			"copy": func(rt *rapid.T) {
				r := rect("copy", f.Bounds())
				from := image.Pt(rapid.IntRange(0, f.Width-r.Dx()).Draw(rt, "from x"), rapid.IntRange(0, f.Height-r.Dy()).Draw(rt, "from y"))
				f.Move(r, from)
				s.Commit(f, Damage{Copies: []Copy{{r, from}}})
			},
			"resize": func(rt *rapid.T) {
				if f, err = NewFrame(size()); err != nil {
					rt.Fatal(err)
				}
				f.Fill(rect("new", f.Bounds()), 200, 100, 50)
				s.Commit(f, Damage{Rects: []image.Rectangle{f.Bounds()}})
			},
			"point": func(rt *rapid.T) {
				at := image.Pt(rapid.IntRange(-5, 95).Draw(rt, "x"), rapid.IntRange(-5, 75).Draw(rt, "y"))
				s.Change(func(st State) State { st.Pointer = at; return st })
			},
			"monitors": func(rt *rapid.T) {
				list := make([]Monitor, rapid.IntRange(0, 2).Draw(rt, "monitors"))
				for i := range list {
					list[i].Bounds = rect("monitor", f.Bounds())
				}
				s.Change(func(st State) State { st.Monitors = list; return st })
			},
			"ask": func(rt *rapid.T) {
				l.ask(rapid.Bool().Draw(rt, "incremental"), rect("ask", image.Rect(0, 0, 120, 100)))
				if err := h.turn(); err != nil {
					rt.Fatal(err)
				}
				h.answered(l)
			},
			"encodings": func(rt *rapid.T) {
				can[0] = encodings[rapid.SampledFrom(keys(encodings)).Draw(rt, "encoding")]
				l.setEncodings(rapid.SampledFrom([][]int32{can, {can[0], encDesktopSize}, {can[0], encExtendedDesktopSize}}).Draw(rt, "list")...)
			},
			"format": func(rt *rapid.T) {
				settle() // as viewers do: nothing may be on its way
				l.setFormat(list[rapid.SampledFrom(keys(list)).Draw(rt, "format")])
				l.ask(false, l.all())
				if err := h.turn(); err != nil {
					rt.Fatal(err)
				}
				h.answered(l)
			},
		})
		settle()
		part, _ := s.Part(monitor)
		l.mustShow(cut(rt, f, part))
	})
}

// cut is a part of a picture as a picture of its own.
func cut(t check, f *Frame, part image.Rectangle) *Frame {
	t.Helper()
	c, err := NewFrame(part.Dx(), part.Dy())
	if err != nil {
		t.Fatal(err)
	}
	for y := range part.Dy() {
		copy(c.Row(0, y, part.Dx()), f.Row(part.Min.X, part.Min.Y+y, part.Dx()))
	}
	return c
}

// A viewer of one monitor sees that alone, its mouse and the pointer that it is
// told are where they belong, and it can't ask for another size.
func TestViewerOfOneMonitor(t *testing.T) {
	f := desk(t, 200, 90)
	s := shown(f)
	right := image.Rect(120, 10, 200, 90)
	s.Change(func(st State) State {
		st.Monitors = []Monitor{{Bounds: image.Rect(0, 0, 120, 90)}, {ID: 7, Bounds: right}}
		st.Pointer = image.Pt(130, 50)
		return st
	})
	var at []image.Point
	h, l := byHand(t, s, ViewerOptions{
		Monitor: 2,
		Pointer: func(x, y int, _ uint8) { at = append(at, image.Pt(x, y)) },
		Resize:  func(int, int) error { t.Error("the whole screen gets the size of a monitor"); return nil },
	})
	defer h.v.view.Close()
	l.setEncodings(encTight, encPointerPos, encExtendedDesktopSize)
	settle := func() {
		t.Helper()
		for range 5 {
			l.ask(true, l.all())
			if err := h.turn(); err != nil {
				t.Fatal(err)
			}
			if !h.answered(l) {
				return
			}
		}
	}
	settle()
	l.mustShow(cut(t, f, right))
	if l.mouse != image.Pt(10, 40) || len(l.monitors) != 16 {
		t.Errorf("the pointer is at %v, %d bytes of monitors", l.mouse, len(l.monitors))
	}
	l.send([]byte{msgPointerEvent, 0, 0, 3, 0, 4})
	l.send([]byte{msgPointerEvent, 0, 0xff, 0xff, 0xff, 0xff})
	l.send([]byte{msgSetDesktopSize, 0, 0, 50, 0, 50, 0, 0})
	settle()
	if len(at) != 2 || at[0] != image.Pt(123, 14) || at[1] != image.Pt(199, 89) {
		t.Errorf("the mouse goes to %v", at)
	}
	if l.reason != image.Pt(1, 1) {
		t.Errorf("another size is answered by %v", l.reason)
	}
	f.Fill(image.Rect(0, 0, 130, 20), 1, 2, 3)
	s.Commit(f, Damage{Rects: []image.Rectangle{image.Rect(0, 0, 130, 20)}})
	settle()
	l.mustShow(cut(t, f, right))
	s.Change(func(st State) State { st.Monitors = nil; return st }) // it was unplugged
	settle()
	l.mustShow(f)
}

// A viewer that can draw no pointer gets it painted into its picture, and what was
// under it comes back. One that can't resize keeps its size, black where the screen
// is smaller.
func TestViewerWithoutAbilities(t *testing.T) {
	f := desk(t, 120, 90)
	s := shown(f)
	h, l := byHand(t, s, ViewerOptions{})
	defer h.v.view.Close()
	show := func(want *Frame) {
		t.Helper()
		for range 3 {
			l.ask(true, l.all())
			if err := h.turn(); err != nil {
				t.Fatal(err)
			}
			if !h.answered(l) {
				break
			}
		}
		l.mustShow(want)
	}
	show(f)
	arrow := &Cursor{Width: 2, Height: 1, Hot: image.Pt(1, 0), Pix: []byte{1, 2, 3, 255, 4, 5, 6, 0}}
	for _, at := range []image.Point{{50, 50}, {0, 0}, {119, 89}, {120, 90}, {300, -7}} {
		s.Change(func(st State) State { st.Cursor, st.Pointer = arrow, at; return st })
		want := &Frame{f.Width, f.Height, bytes.Clone(f.Pix)}
		if p := at.Sub(arrow.Hot); p.In(f.Bounds()) {
			copy(want.Row(p.X, p.Y, 1), []byte{1, 2, 3})
		}
		show(want)
	}
	s.Change(func(st State) State { st.Cursor = nil; return st })
	show(f)

	small := desk(t, 70, 100)
	s.Commit(small, Damage{})
	want := &Frame{f.Width, f.Height, make([]byte, len(f.Pix))}
	want.CopyFrom(small, image.Rect(0, 0, 70, 90))
	show(want)
	s.Commit(f, Damage{})
	show(f)
}
