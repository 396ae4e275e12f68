package rfb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
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
