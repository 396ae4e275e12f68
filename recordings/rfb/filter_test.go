package rfb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"pgregory.net/rapid"
)

func always() bool { return true }

func keyMessage(down byte, sym uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{msgKeyEvent, down, 0, 0}, sym)
}

func pointerMessage(buttons, x, y byte) []byte { return []byte{msgPointerEvent, buttons, 0, x, 0, y} }

func cutMessage(text string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{msgClientCutText, 0, 0, 0}, uint32(len(text))), text...)
}

func encodingsMessage(list ...int32) []byte {
	m := binary.BigEndian.AppendUint16([]byte{msgSetEncodings, 0}, uint16(len(list)))
	for _, e := range list {
		m = binary.BigEndian.AppendUint32(m, uint32(e))
	}
	return m
}

func wantFormat() []byte  { return append([]byte{msgSetPixelFormat}, make([]byte, 19)...) }
func wantPicture() []byte { return append([]byte{msgFramebufferUpdateRequest}, make([]byte, 9)...) }
func wantSize(n byte) []byte {
	return append([]byte{msgSetDesktopSize, 0, 1, 0, 1, 0, n, 0}, make([]byte, 16*int(n))...)
}

// filtered is what a server is told.
func filtered(control, clip func() bool, says []byte) (told []byte, err error) {
	var server bytes.Buffer
	f := NewFilter(&server)
	f.Control, f.Clip = control, clip
	err = f.Run(bytes.NewReader(append([]byte{0}, says...)))
	told = server.Bytes()
	if len(told) > 0 {
		told = told[1:]
	}
	return told, err
}

// TestFilter says each message with and without being allowed to.
func TestFilter(t *testing.T) {
	for name, tt := range map[string]struct {
		says          []byte
		free          []byte // what passes without anything allowed
		control, clip []byte // with control only, with the clipboard only
		err           error
	}{
		"nothing":    {},
		"format":     {wantFormat(), wantFormat(), wantFormat(), wantFormat(), nil},
		"request":    {wantPicture(), wantPicture(), wantPicture(), wantPicture(), nil},
		"key":        {keyMessage(1, 'a'), nil, keyMessage(1, 'a'), nil, nil},
		"release":    {keyMessage(0, 'a'), nil, nil, nil, nil},
		"pointer":    {pointerMessage(1, 2, 3), nil, pointerMessage(1, 2, 3), nil, nil},
		"cut":        {cutMessage("text"), nil, nil, cutMessage("text"), nil},
		"resize":     {wantSize(2), nil, wantSize(2), nil, nil},
		"power off":  {[]byte{msgXVP, 0, 1, 2}, nil, nil, nil, nil},
		"QEMU key":   {[]byte{msgQEMU, 0, 0, 1, 0, 0, 0, 'a', 0, 0, 0, 30}, nil, nil, nil, nil},
		"QEMU sound": {[]byte{msgQEMU, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, nil, nil, nil, ErrClient},
		"encodings": {
			encodingsMessage(16, -1063131698, 7, 50, 21, -260, -308, -258, -259, -312, -313, -32, -247, 0),
			encodingsMessage(16, 7, -308, -32, -247, 0), encodingsMessage(16, 7, -308, -32, -247, 0), encodingsMessage(16, 7, -308, -32, -247, 0), nil,
		},
		"too many":        {encodingsMessage(make([]int32, filterEncodings+1)...), nil, nil, nil, ErrClient},
		"long cut":        {cutMessage(string(make([]byte, maxCut+1))), nil, nil, nil, ErrClient},
		"extended cut":    {[]byte{msgClientCutText, 0, 0, 0, 0xff, 0xff, 0xff, 0xfc, 0, 0, 0, 1}, nil, nil, nil, ErrClient},
		"fence":           {[]byte{248, 0, 0, 0, 0, 0, 0, 0, 0}, nil, nil, nil, ErrClient},
		"continuous":      {[]byte{150, 1, 0, 0, 0, 0, 0, 1, 0, 1}, nil, nil, nil, ErrClient},
		"files":           {[]byte{252, 0, 0, 0}, nil, nil, nil, ErrClient},
		"cut off":         {wantPicture()[:5], nil, nil, nil, io.ErrUnexpectedEOF},
		"cut off in text": {cutMessage("text")[:10], nil, nil, nil, io.ErrUnexpectedEOF},
	} {
		for _, way := range []struct {
			control, clip func() bool
			want          []byte
		}{{nil, nil, tt.free}, {always, nil, tt.control}, {nil, always, tt.clip}} {
			told, err := filtered(way.control, way.clip, tt.says)
			if !errors.Is(err, tt.err) || !bytes.Equal(told, way.want) {
				t.Errorf("%s: the server was told %v, not %v; %v", name, told, way.want, err)
			}
		}
	}
}

// TestFilterShares never lets a client throw out the others.
func TestFilterShares(t *testing.T) {
	for _, shared := range []byte{0, 1, 7} {
		var server bytes.Buffer
		if err := NewFilter(&server).Run(bytes.NewReader([]byte{shared})); err != nil || !bytes.Equal(server.Bytes(), []byte{1}) {
			t.Errorf("%d became %v, %v", shared, server.Bytes(), err)
		}
	}
}

// TestFilterLetsGo takes control away in the middle of a drag with Shift held, and
// gives it back: nothing is held, and the button counts again once it was let go.
func TestFilterLetsGo(t *testing.T) {
	var server bytes.Buffer
	allowed, moved := true, 0
	f := NewFilter(&server)
	f.Control, f.Sent = func() bool { return allowed }, func() { moved++ }
	said := func(messages ...[]byte) []byte {
		server.Reset()
		for _, m := range messages {
			if err := f.take(bytes.Clone(m)); err != nil {
				t.Fatal(err)
			}
		}
		return bytes.Clone(server.Bytes())
	}
	held := append(keyMessage(1, 0xffe1), pointerMessage(1, 10, 20)...)
	if got := said(keyMessage(1, 0xffe1), pointerMessage(1, 10, 20)); !bytes.Equal(got, held) || moved != 2 {
		t.Fatalf("%v, %d", got, moved)
	}
	allowed = false
	let := append(keyMessage(0, 0xffe1), pointerMessage(0, 10, 20)...)
	server.Reset()
	if err := f.Release(); err != nil || !bytes.Equal(server.Bytes(), let) {
		t.Errorf("%v, %v", server.Bytes(), err)
	}
	if got := said(pointerMessage(1, 11, 20), keyMessage(0, 0xffe1), keyMessage(1, 'x')); len(got) > 0 || moved != 2 {
		t.Errorf("without control: %v, %d", got, moved)
	}
	allowed = true
	want := append(pointerMessage(0, 12, 20), pointerMessage(0, 13, 20)...)
	want = append(want, pointerMessage(1, 13, 20)...)
	if got := said(pointerMessage(1, 12, 20), pointerMessage(0, 13, 20), pointerMessage(1, 13, 20), keyMessage(0, 'x')); !bytes.Equal(got, want) {
		t.Errorf("with control again: %v", got)
	}
	if got := said(); f.Release() != nil || len(got) > 0 {
		t.Error(got)
	}
	for sym := range uint32(2 * filterKeys) {
		said(keyMessage(1, sym))
	}
	if n := len(f.keys); n != filterKeys {
		t.Errorf("%d keys are held", n)
	}
}

// TestFilterProperty holds that whatever is said while control comes and goes, a
// server sees no key go up that is not down, and nothing is down after Release.
func TestFilterProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var server bytes.Buffer
		allowed := true
		f := NewFilter(&server)
		f.Control = func() bool { return allowed }
		for range rapid.IntRange(1, 40).Draw(t, "n") {
			switch rapid.IntRange(0, 3).Draw(t, "kind") {
			case 0:
				allowed = !allowed
			case 1:
				_ = f.Release()
			case 2:
				_ = f.take(keyMessage(rapid.ByteRange(0, 1).Draw(t, "down"), rapid.Uint32Range(1, 4).Draw(t, "sym")))
			case 3:
				_ = f.take(pointerMessage(rapid.ByteRange(0, 3).Draw(t, "buttons"), 1, 1))
			}
		}
		_ = f.Release()
		down, buttons := map[uint32]bool{}, byte(0)
		for all := server.Bytes(); len(all) > 0; {
			if all[0] == msgPointerEvent {
				buttons, all = all[1], all[6:]
				continue
			}
			sym := binary.BigEndian.Uint32(all[4:])
			if all[1] == 0 && !down[sym] {
				t.Fatalf("%d goes up without being down", sym)
			}
			down[sym], all = all[1] != 0, all[8:]
		}
		for sym, is := range down {
			if is {
				t.Fatalf("%d stays down", sym)
			}
		}
		if buttons != 0 {
			t.Fatalf("buttons %b stay down", buttons)
		}
	})
}

// FuzzFilter lets a client say anything. What passes is what a server may be told.
func FuzzFilter(f *testing.F) {
	for _, m := range [][]byte{wantFormat(), wantPicture(), keyMessage(1, 'a'), pointerMessage(1, 2, 3), cutMessage("abc"), wantSize(1), encodingsMessage(16, -308, 50)} {
		f.Add(m, true, true)
		f.Add(append(bytes.Clone(m), wantPicture()...), false, false)
	}
	f.Fuzz(func(t *testing.T, says []byte, control, clip bool) {
		told, err := filtered(func() bool { return control }, func() bool { return clip }, says)
		if len(told) > len(says) {
			t.Errorf("%d bytes became %d", len(says), len(told))
		}
		again, again2 := filtered(always, always, told)
		if again2 != nil || len(again) > len(told) {
			t.Errorf("what passed would not pass: %v, after %v", again2, err)
		}
		for rest := bytes.NewReader(told); ; {
			m, err := readClient(rest)
			if err != nil {
				break
			}
			if !control && (m[0] == msgKeyEvent || m[0] == msgPointerEvent || m[0] == msgSetDesktopSize) || !clip && m[0] == msgClientCutText {
				t.Errorf("a message of type %d passed", m[0])
			}
		}
	})
}
