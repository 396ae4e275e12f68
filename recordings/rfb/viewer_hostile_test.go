package rfb

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"
)

func bufferedReader(r io.Reader) *bufio.Reader { return bufio.NewReader(r) }

// message is one with numbers of 1, 2 or 4 bytes in it.
func message(fields ...any) []byte {
	var b []byte
	for _, f := range fields {
		switch f := f.(type) {
		case string:
			b = append(b, f...)
		default:
			var err error
			if b, err = binary.Append(b, binary.BigEndian, f); err != nil {
				panic(err)
			}
		}
	}
	return b
}

func formatMessage(f pixelFormat) []byte { return f.append([]byte{msgSetPixelFormat, 0, 0, 0}) }

func TestViewerMessagesThatCantBeMeant(t *testing.T) {
	with := func(change func(*pixelFormat)) []byte {
		f := ownFormat()
		change(&f)
		return formatMessage(f)
	}
	for name, c := range map[string]struct {
		says  []byte
		fails string
	}{
		"a map of colours":        {with(func(f *pixelFormat) { f.mapped, f.bits = true, 8 }), "a map of colours, which is not served"},
		"pixels of no size":       {with(func(f *pixelFormat) { f.bits = 0 }), "pixels of 0 bits"},
		"pixels of 24 bits":       {with(func(f *pixelFormat) { f.bits = 24 }), "pixels of 24 bits"},
		"a colour outside":        {with(func(f *pixelFormat) { f.shift[1] = 25 }), "no room for it"},
		"a shift by 255":          {with(func(f *pixelFormat) { f.shift[2] = 255 }), "no room for it"},
		"too many greens":         {with(func(f *pixelFormat) { f.bits = 8 }), "no room for it"},
		"half a format":           {formatMessage(ownFormat())[:11], "it ends too early"},
		"fewer encodings":         {message(byte(2), byte(0), uint16(65535), encRaw, encTight), "it ends too early"},
		"half a request":          {message(byte(3), byte(1), uint16(0)), "it ends too early"},
		"half a key":              {message(byte(4), byte(1)), "it ends too early"},
		"half a move":             {message(byte(5), byte(1), byte(9)), "it ends too early"},
		"a text that is cut":      {message(byte(6), "\x00\x00\x00", uint32(10), "nine char"), "it ends within a text"},
		"a long text that is cut": {message(byte(6), "\x00\x00\x00", uint32(1<<20), "nine char"), "it ends within a text"},
		"a text of 4 GB":          {message(byte(6), "\x00\x00\x00", uint32(1<<32-1)), "4294967295 bytes"},
		"monitors that are cut":   {message(byte(251), byte(0), uint16(100), uint16(100), byte(255), byte(0)), "it ends too early"},
		"continuous updates":      {message(byte(150), "\x01\x00\x00\x00\x00\xff\xff\xff\xff"), "message 150"},
		"a fence":                 {message(byte(248), "\x00\x00\x00\x00\x00\x00\x00\x00"), "message 248"},
		"power off by xvp":        {message(byte(250), "\x00\x01\x02"), "nobody knows where it ends"},
		"QEMU's key":              {message(byte(255), byte(0), uint16(1), uint32(65), uint32(30)), "message 255"},
	} {
		t.Run(name, func(t *testing.T) {
			a := &answers{Reader: io.MultiReader(strings.NewReader(handshake), bytes.NewReader(c.says))}
			v, err := NewViewer(a, shown(desk(t, 30, 20)), ViewerOptions{Cut: func(string) {}})
			if err != nil {
				t.Fatal(err)
			}
			err = v.Run()
			if err == nil || !strings.Contains(err.Error(), c.fails) {
				t.Fatalf("got %v, want %q", err, c.fails)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one sentence: %q", err)
			}
		})
	}
}

func TestViewerInput(t *testing.T) {
	type event struct {
		kind   string
		down   bool
		x, y   int
		symbol uint32
		text   string
	}
	var got []event
	s := shown(desk(t, 30, 20))
	h, l := byHand(t, s, ViewerOptions{
		Key:     func(down bool, symbol uint32) { got = append(got, event{kind: "key", down: down, symbol: symbol}) },
		Pointer: func(x, y int, b uint8) { got = append(got, event{kind: "pointer", x: x, y: y, symbol: uint32(b)}) },
		Cut:     func(text string) { got = append(got, event{kind: "cut", text: text}) },
		Resize: func(w, h int) error {
			got = append(got, event{kind: "size", x: w, y: h})
			return nil
		},
	})
	defer h.v.view.Close()
	long := strings.Repeat("x", maxCut)
	l.send(bytes.Join([][]byte{
		message(byte(4), byte(1), uint16(0), uint32(0xff0d)),
		message(byte(4), byte(0), uint16(7), uint32(0xff0d)),
		message(byte(5), byte(5), uint16(29), uint16(19)),
		message(byte(5), byte(0), uint16(65535), uint16(20)),
		message(byte(6), "\x00\x00\x00", uint32(4), "caf\xe9"),
		message(byte(6), "\x00\x00\x00", uint32(0)),
		message(byte(6), "\x00\x00\x00", uint32(maxCut+1), long+"x"), // dropped
		message(byte(6), "\x00\x00\x00", uint32(maxCut), long),
		message(byte(251), byte(0), uint16(800), uint16(600), byte(1), byte(0), "sixteen bytes ..."[:16]),
		message(byte(251), byte(0), uint16(65535), uint16(65535), byte(0), byte(0)), // refused
		message(byte(251), byte(0), uint16(0), uint16(5), byte(0), byte(0)),         // refused
	}, nil))
	if err := h.turn(); err != nil {
		t.Fatal(err)
	}
	want := []event{
		{kind: "key", down: true, symbol: 0xff0d}, {kind: "key", symbol: 0xff0d},
		{kind: "pointer", x: 29, y: 19, symbol: 5}, {kind: "pointer", x: 29, y: 19},
		{kind: "cut", text: "café"}, {kind: "cut"}, {kind: "cut", text: long},
		{kind: "size", x: 800, y: 600},
	}
	if len(got) != len(want) {
		t.Fatalf("got %d events, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("event %d: %.100v, want %.100v", i, got[i], want[i])
		}
	}
}

func TestViewerTellsWhatElseChanged(t *testing.T) {
	s := shown(desk(t, 40, 30))
	s.Change(func(st State) State { st.Name = "first"; return st })
	h, l := byHand(t, s, ViewerOptions{Resize: func(int, int) error { return errors.New("no") }})
	defer h.v.view.Close()
	turn := func() {
		t.Helper()
		l.ask(true, l.all())
		if err := h.turn(); err != nil {
			t.Fatal(err)
		}
		l.update()
	}
	f := pixelFormat{bits: 16, depth: 16, max: [3]uint16{31, 63, 31}, shift: [3]uint8{11, 5, 0}}
	l.setFormat(f)
	l.setEncodings(encRaw, encZRLE, encCursor, encPointerPos, encDesktopName, encExtendedDesktopSize, encDesktopSize)
	turn()
	if l.title != "first" || len(l.monitors) != 16 || l.reason != (image.Point{}) {
		t.Errorf("title %q, monitors %d, reason %v", l.title, l.monitors, l.reason)
	}
	turn() // the picture
	if l.encodings[0] != encZRLE {
		t.Errorf("encodings %d: Raw comes last", l.encodings)
	}
	h.v.Bell()
	h.v.SendCut("early")
	h.v.SendCut("naïve €")
	s.Change(func(st State) State {
		st.Name, st.Pointer = "second", image.Pt(7, 8)
		st.Cursor = &Cursor{Width: 9, Height: 1, Hot: image.Pt(3, 0), Pix: bytes.Repeat([]byte{255, 0, 0, 255}, 9)}
		return st
	})
	turn()
	if l.title != "second" || l.mouse != image.Pt(7, 8) || l.hot != image.Pt(3, 0) || l.bells != 1 {
		t.Errorf("title %q, mouse %v, hot %v, %d bells", l.title, l.mouse, l.hot, l.bells)
	}
	if want := strings.Repeat("\x1f\x00", 9) + "\xff\x80"; string(l.cursor) != want {
		t.Errorf("the cursor is %x, want %x", l.cursor, want)
	}
	if len(l.cuts) != 1 || l.cuts[0] != "na\xefve ?" {
		t.Errorf("texts %q", l.cuts)
	}
	h.v.SendCut(strings.Repeat("x", maxCut+1)) // dropped

	l.send(message(byte(251), byte(0), uint16(80), uint16(60), byte(0), byte(0)))
	turn()
	if l.reason != image.Pt(1, 1) || l.size != image.Pt(40, 30) {
		t.Errorf("a wish that is refused: reason %v, size %v", l.reason, l.size)
	}
	s.Change(func(st State) State {
		st.Monitors = []Monitor{{ID: 5, Bounds: image.Rect(0, 0, 20, 30)}, {ID: 6, Bounds: image.Rect(20, 0, 40, 30), Flags: 9}}
		return st
	})
	turn()
	if want := message(uint32(5), uint16(0), uint16(0), uint16(20), uint16(30), uint32(0), uint32(6), uint16(20), uint16(0), uint16(20), uint16(30), uint32(9)); !bytes.Equal(l.monitors, want) {
		t.Errorf("monitors %d", l.monitors)
	}
	g := desk(t, 50, 20)
	s.Commit(g, Damage{})
	turn()
	turn()
	l.mustShow(g)
}

// A viewer asks for everything as often as it can, changes its format each time and
// never reads an answer. It costs what its picture takes, and the screen goes on.
func TestViewerThatNeverReads(t *testing.T) {
	f := desk(t, 640, 480)
	s := shown(f)
	near, ended := serveScreen(t, s, ViewerOptions{})
	l := newLooker(t, near)
	near.SetWriteDeadline(time.Now().Add(patience))
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	flood := bytes.Repeat(bytes.Join([][]byte{
		formatMessage(formats()["noVNC"]), message(byte(2), byte(0), uint16(2), encTight, encZRLE),
		message(byte(3), byte(0), uint16(0), uint16(0), uint16(65535), uint16(65535)),
		formatMessage(formats()["565"]), message(byte(2), byte(0), uint16(1), encRaw),
		message(byte(3), byte(0), uint16(65535), uint16(65535), uint16(65535), uint16(65535)),
		message(byte(3), byte(1), uint16(0), uint16(0), uint16(0), uint16(0)),
	}, nil), 1000)
	for range 50 {
		l.send(flood)
		s.Commit(f, Damage{Rects: []image.Rectangle{f.Bounds()}}) // is not held up
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 16<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	near.Close()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("it is served on though it is gone")
	}
}

// A viewer that wants everything all the time, and reads it, gets half a processor.
func TestViewerRests(t *testing.T) {
	h, _ := byHand(t, shown(desk(t, 5, 5)), ViewerOptions{})
	defer h.v.view.Close()
	h.v.worked = 50 * time.Millisecond
	if began := time.Now(); !h.v.rest() || time.Since(began) < h.v.worked {
		t.Error("no rest after work")
	}
	h.v.worked = time.Hour
	close(h.v.stop)
	if h.v.rest() {
		t.Error("it goes on for a viewer that is gone")
	}
}

// Whatever a viewer sends, each message is taken or it is the end; and what it is
// sent is no longer than what it has asked for can be.
func FuzzViewer(f *testing.F) {
	all := message(byte(3), byte(0), uint16(0), uint16(0), uint16(65535), uint16(65535))
	for _, format := range formats() {
		f.Add(append(formatMessage(format), all...))
	}
	for _, list := range [][]int32{{encTight, encCopyRect, encCursor}, {encZRLE, encExtendedDesktopSize}, {encHextile, encDesktopSize, encPointerPos, encDesktopName}} {
		f.Add(append(message(byte(2), byte(0), uint16(len(list)), list), all...))
	}
	f.Add(message(byte(6), "\x00\x00\x00", uint32(4), "text", byte(4), byte(1), uint16(0), uint32(65), byte(5), byte(1), uint16(3), uint16(4)))
	f.Add(message(byte(251), byte(0), uint16(80), uint16(60), byte(1), byte(0), "sixteen bytes ..."[:16]))
	picture := desk(f, 70, 40)
	f.Fuzz(func(t *testing.T, says []byte) {
		s := shown(picture)
		s.Change(func(st State) State {
			st.Cursor = &Cursor{Width: 3, Height: 2, Hot: image.Pt(1, 1), Pix: make([]byte, 24)}
			return st
		})
		a := &answers{Reader: io.MultiReader(strings.NewReader(handshake), bytes.NewReader(says))}
		v, err := NewViewer(a, s, ViewerOptions{
			Pointer: func(x, y int, _ uint8) {
				if !image.Pt(x, y).In(picture.Bounds()) {
					t.Errorf("a pointer at %d,%d", x, y)
				}
			},
			Cut:    func(string) {},
			Resize: func(w, h int) error { return CheckSize(w, h) },
		})
		if err != nil {
			t.Fatal(err)
		}
		v.view = s.View()
		defer v.view.Close()
		for range 100 {
			kind, err := v.in.ReadByte()
			if err != nil || v.message(kind) != nil {
				return
			}
			a.said.Reset()
			if err := v.serve(); err != nil {
				t.Fatal(err)
			}
			v.out.Flush()
			if most := 70*40*4*2 + 4096; a.said.Len() > most {
				t.Fatalf("%d bytes for a picture of %d", a.said.Len(), 70*40*4)
			}
		}
	})
}
