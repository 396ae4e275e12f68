package rfb

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// played is a server whose every byte is known beforehand; what the client sends
// goes nowhere.
type played struct {
	io.Reader
	io.Writer
}

// serverHello is a handshake of 3.8 up to ServerInit.
func serverHello(width, height int, name string) []byte {
	b := []byte("RFB 003.008\n")
	b = append(b, 1, securityNone)
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(width))
	b = binary.BigEndian.AppendUint16(b, uint16(height))
	b = append(b, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(len(name)))
	return append(b, name...)
}

// into commits to a screen.
func into(s *Screen) ClientOptions {
	return ClientOptions{Change: s.Change, Commit: func(f *Frame, d Damage) error {
		s.Commit(f, d)
		return nil
	}}
}

// play runs a client on what a server sends after its ServerInit.
func play(t testing.TB, width, height int, s *Screen, messages io.Reader) error {
	t.Helper()
	c, err := NewClient(played{io.MultiReader(bytes.NewReader(serverHello(width, height, "test")), messages), io.Discard}, into(s))
	if err != nil {
		t.Fatal(err)
	}
	return c.Run()
}

// picture is a copy of what a screen shows.
func picture(t testing.TB, s *Screen) *Frame {
	t.Helper()
	v := s.View()
	defer v.Close()
	var f *Frame
	v.Take(func(c Changes) { f = &Frame{c.Frame.Width, c.Frame.Height, bytes.Clone(c.Frame.Pix)} })
	if f == nil {
		t.Fatal("the screen shows nothing")
	}
	return f
}

// rectangle is the head of one.
func rectangle(x, y, w, h int, encoding int32) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(x))
	b = binary.BigEndian.AppendUint16(b, uint16(y))
	b = binary.BigEndian.AppendUint16(b, uint16(w))
	b = binary.BigEndian.AppendUint16(b, uint16(h))
	return binary.BigEndian.AppendUint32(b, uint32(encoding))
}

func TestClientShowsWhatAServerPaints(t *testing.T) {
	s := NewScreen()
	message := []byte{msgFramebufferUpdate, 0, 0, 2}
	message = append(message, rectangle(1, 0, 2, 1, encRaw)...)
	message = append(message, 1, 2, 3, 99, 4, 5, 6, 99)
	message = append(message, rectangle(0, 1, 2, 1, encCopyRect)...)
	message = append(message, 0, 1, 0, 0)
	if err := play(t, 3, 2, s, bytes.NewReader(message)); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	want := []byte{
		0, 0, 0, 0, 1, 2, 3, 0, 4, 5, 6, 0,
		1, 2, 3, 0, 4, 5, 6, 0, 0, 0, 0, 0,
	}
	if got := picture(t, s).Pix; !bytes.Equal(got, want) {
		t.Errorf("the screen shows %d, want %d", got, want)
	}
	if got := s.State().Name; got != "test" {
		t.Errorf("its name is %q", got)
	}
}

// capture is what a real server sent after its ServerInit: the width and height,
// and one message after the other.
func capture(t testing.TB, name string) (width, height int, messages [][]byte) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name)) // see testdata/cut for the form
	if err != nil {
		t.Fatal(err)
	}
	width, height, b = int(binary.BigEndian.Uint16(b[4:])), int(binary.BigEndian.Uint16(b[6:])), b[8:]
	for len(b) > 0 {
		n := 8 + int(binary.BigEndian.Uint32(b))
		messages = append(messages, b[8:n])
		b = b[n:]
	}
	return width, height, messages
}

func TestTwoEncodingsOfOneDesktopShowTheSame(t *testing.T) {
	shown := make(map[string]*Frame)
	for _, name := range []string{"desktop.zrle.xfbs", "desktop.tight.xfbs"} {
		width, height, messages := capture(t, name)
		s := NewScreen()
		if err := play(t, width, height, s, bytes.NewReader(bytes.Join(messages, nil))); !errors.Is(err, io.EOF) {
			t.Fatalf("%s: %v", name, err)
		}
		shown[name] = picture(t, s)
	}
	one, other := shown["desktop.zrle.xfbs"], shown["desktop.tight.xfbs"]
	if !bytes.Equal(one.Pix, other.Pix) {
		t.Error("ZRLE and Tight of the same moment show different pixels")
	}
	// What the decoders of noVNC 1.7.0 made of the same files, read into a plain
	// array (its pixels have red first, so those of ZRLE were turned round).
	const novnc = "1f382d7e1f2eadfbb59e8ef4eb561fc319f571cc4b1874f5ced2fb5679cffdb6"
	if got := fmt.Sprintf("%x", sha256.Sum256(one.Pix)); got != novnc {
		t.Errorf("the picture has the hash %s, noVNC's has %s", got, novnc)
	}
}

func TestHandshakes(t *testing.T) {
	serverInit := serverHello(4, 3, "a name")[18:]
	none := []byte{1, securityNone}
	reason := append([]byte{0, 0, 0, 4}, "busy"...)
	for _, c := range []struct {
		what   string
		server []byte
		sent   string // the beginning of what the client sends
		fails  string
	}{
		{what: "3.3", server: slices.Concat([]byte("RFB 003.003\n"), []byte{0, 0, 0, 1}, serverInit), sent: "RFB 003.003\n\x01"},
		{what: "3.5 is 3.3", server: slices.Concat([]byte("RFB 003.005\n"), []byte{0, 0, 0, 1}, serverInit), sent: "RFB 003.003\n\x01"},
		{what: "3.7 has no result", server: slices.Concat([]byte("RFB 003.007\n"), none, serverInit), sent: "RFB 003.007\n\x01\x01"},
		{what: "3.8", server: slices.Concat([]byte("RFB 003.008\n"), []byte{3, 2, 16, 1, 0, 0, 0, 0}, serverInit), sent: "RFB 003.008\n\x01\x01"},
		{what: "Apple", server: slices.Concat([]byte("RFB 003.889\n"), none, []byte{0, 0, 0, 0}, serverInit), sent: "RFB 003.008\n\x01\x01"},
		{what: "RealVNC", server: slices.Concat([]byte("RFB 005.000\n"), none, []byte{0, 0, 0, 0}, serverInit), sent: "RFB 003.008\n\x01\x01"},
		{what: "too old", server: []byte("RFB 003.002\n"), fails: "older than 3.3"},
		{what: "no RFB", server: []byte("SSH-2.0-OpenSSH_9\r\n"), fails: "its version of RFB is due"},
		{what: "3.3 with a password", server: []byte("RFB 003.003\n\x00\x00\x00\x02"), fails: "wants a password"},
		{what: "3.3 refuses", server: slices.Concat([]byte("RFB 003.003\n\x00\x00\x00\x00"), reason), fails: "refuses: busy"},
		{what: "3.8 with a password", server: []byte("RFB 003.008\n\x01\x02"), fails: "wants a password"},
		{what: "3.8 refuses", server: slices.Concat([]byte("RFB 003.008\n\x00"), reason), fails: "refuses: busy"},
		{what: "3.8 refuses late", server: slices.Concat([]byte("RFB 003.008\n"), none, []byte{0, 0, 0, 1}, reason), fails: "refuses: busy"},
		{what: "a reason without end", server: []byte("RFB 003.008\n\x00\xff\xff\xff\xff"), fails: "a text of 4294967295 bytes"},
		{what: "a reason with a trick", server: []byte("RFB 003.008\n\x00\x00\x00\x00\x06\x1b[2Jhi"), fails: "refuses: [2Jhi"},
		{what: "no pixels", server: serverHello(0, 3, ""), fails: "size that is not served"},
		{what: "65535x65535", server: serverHello(65535, 65535, ""), fails: "size that is not served"},
		{what: "too many pixels", server: serverHello(8192, 8192, ""), fails: "size that is not served"},
		{what: "an early end", server: serverHello(4, 3, "a name")[:30], fails: "ended within a message"},
	} {
		t.Run(c.what, func(t *testing.T) {
			var sent bytes.Buffer
			s := NewScreen()
			_, err := NewClient(played{bytes.NewReader(c.server), &sent}, into(s))
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Errorf("%v, want an error with %q", err, c.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(sent.String(), c.sent) || sent.Bytes()[len(c.sent)] != msgSetPixelFormat {
				t.Errorf("the client sent %q, want %q and SetPixelFormat", sent.Bytes(), c.sent)
			}
			if got := s.State().Name; got != "a name" {
				t.Errorf("the screen is called %q", got)
			}
		})
	}
}

// update is a FramebufferUpdate of n rectangles.
func updateOf(n int, rectangles ...[]byte) []byte {
	return append([]byte{msgFramebufferUpdate, 0, byte(n >> 8), byte(n)}, bytes.Join(rectangles, nil)...)
}

// dot is a raw rectangle of one pixel.
func dot(x, y int, b, g, r byte) []byte {
	return append(rectangle(x, y, 1, 1, encRaw), b, g, r, 77)
}

// text is a string with its length in front.
func text(s string) []byte { return append(binary.BigEndian.AppendUint32(nil, uint32(len(s))), s...) }

func TestWhatComesBesidesPixels(t *testing.T) {
	s := NewScreen()
	o := into(s)
	var heard []string
	o.Bell = func() { heard = append(heard, "bell") }
	o.Cut = func(text []byte) { heard = append(heard, string(text)) }
	long := strings.Repeat("x", maxCut+1)
	doubled := strings.Repeat("\xe9", maxCut/2+1) // takes more than 64 KiB in UTF-8
	server := slices.Concat(serverHello(20, 10, "before"),
		[]byte{msgBell},
		[]byte{msgSetColourMapEntries, 0, 0, 0, 0, 2}, make([]byte, 12),
		[]byte{msgServerCutText, 0, 0, 0}, text("caf\xe9"),
		[]byte{msgServerCutText, 0, 0, 0}, text(long),
		[]byte{msgServerCutText, 0, 0, 0}, text(doubled),
		updateOf(65535,
			append(rectangle(1, 2, 3, 2, encCursor), slices.Concat(bytes.Repeat([]byte{9, 8, 7, 6}, 6), []byte{0xa0, 0x40})...),
			rectangle(30, 5, 0, 0, encPointerPos),
			append(rectangle(0, 0, 0, 0, encDesktopName), text("after\x1b[31m")...),
			dot(3, 3, 1, 2, 3),
			rectangle(0, 0, 0, 0, encLastRect)),
		[]byte{msgBell})
	c, err := NewClient(played{bytes.NewReader(server), io.Discard}, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Run(); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if want := []string{"bell", "café", "bell"}; !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q", heard, want)
	}
	state := s.State()
	if state.Name != "after [31m" || state.Pointer != image.Pt(19, 5) {
		t.Errorf("the state is %+v", state)
	}
	want := &Cursor{Width: 3, Height: 2, Hot: image.Pt(1, 1), Pix: []byte{
		9, 8, 7, 255, 0, 0, 0, 0, 9, 8, 7, 255,
		0, 0, 0, 0, 9, 8, 7, 255, 0, 0, 0, 0,
	}}
	if !reflect.DeepEqual(state.Cursor, want) {
		t.Errorf("the cursor is %+v, want %+v", state.Cursor, want)
	}
}

func TestAnXCursorHasTwoColours(t *testing.T) {
	s := NewScreen()
	shape := append(rectangle(0, 0, 3, 1, encXCursor), 1, 2, 3, 4, 5, 6, 0x80, 0xc0)
	message := updateOf(3, shape, rectangle(0, 0, 0, 0, encXCursor), shape)
	if err := play(t, 5, 5, s, bytes.NewReader(append(message, updateOf(1, dot(0, 0, 0, 0, 0))...))); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if got, want := s.State().Cursor.Pix, []byte{3, 2, 1, 255, 6, 5, 4, 255, 0, 0, 0, 0}; !bytes.Equal(got, want) {
		t.Errorf("the pixels are %d, want %d", got, want)
	}
}

// sizes is a rectangle of ExtendedDesktopSize with two monitors, of which the
// second juts out.
func sizes(reason, status, width, height int) []byte {
	b := append(rectangle(reason, status, width, height, encExtendedDesktopSize), 2, 0, 0, 0)
	for i, x := range []int{0, width / 2} {
		b = binary.BigEndian.AppendUint32(b, uint32(i+7))
		for _, v := range []int{x, 0, width - x + i*100, height} {
			b = binary.BigEndian.AppendUint16(b, uint16(v))
		}
		b = binary.BigEndian.AppendUint32(b, 0)
	}
	return b
}

func TestAResizedScreenIsShownOncePainted(t *testing.T) {
	s := NewScreen()
	var shown []string
	o := into(s)
	o.Commit = func(f *Frame, d Damage) error {
		shown = append(shown, fmt.Sprintf("%dx%d %v", f.Width, f.Height, d.Rects))
		s.Commit(f, d)
		return nil
	}
	server := slices.Concat(serverHello(4, 4, ""),
		updateOf(1, sizes(0, 0, 4, 4)), // alone, as TigerVNC begins
		updateOf(1, dot(1, 1, 9, 9, 9)),
		updateOf(1, sizes(0, 0, 8, 2)),
		updateOf(0),
		updateOf(1, dot(7, 1, 8, 8, 8)),
		updateOf(1, sizes(1, 1, 100, 100)), // a wish that was refused
		updateOf(2, rectangle(0, 0, 3, 3, encDesktopSize), dot(2, 2, 7, 7, 7)))
	c, err := NewClient(played{bytes.NewReader(server), io.Discard}, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Run(); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	want := []string{"4x4 [(1,1)-(2,2)]", "8x2 [(7,1)-(8,2)]", "8x2 []", "3x3 [(2,2)-(3,3)]"}
	if !slices.Equal(shown, want) {
		t.Errorf("shown were %q, want %q", shown, want)
	}
	monitors := []Monitor{{ID: 7, Bounds: image.Rect(0, 0, 8, 2)}, {ID: 8, Bounds: image.Rect(4, 0, 8, 2)}}
	if got := s.State().Monitors; !reflect.DeepEqual(got, monitors) {
		t.Errorf("the monitors are %+v, want %+v", got, monitors)
	}
}

func TestAnErrorOfCommitEndsTheClient(t *testing.T) {
	stop := errors.New("the disk is full")
	server := slices.Concat(serverHello(4, 4, ""), updateOf(1, dot(1, 1, 9, 9, 9)), []byte{msgBell})
	c, err := NewClient(played{bytes.NewReader(server), io.Discard}, ClientOptions{
		Change: NewScreen().Change,
		Commit: func(*Frame, Damage) error { return stop },
		Bell:   func() { t.Error("it read on") },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Run(); !errors.Is(err, stop) {
		t.Errorf("it ended with %v", err)
	}
}
