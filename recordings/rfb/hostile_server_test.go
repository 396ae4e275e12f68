package rfb

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// deflated is a zlib stream, flushed but not ended.
func deflated(b []byte) []byte {
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	w.Write(b) //nolint:errcheck // memory takes all
	w.Flush()  //nolint:errcheck // likewise
	return out.Bytes()
}

// sized puts a length of four bytes in front.
func sized(b []byte) []byte { return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...) }

// tightSized puts a length as Tight has it in front.
func tightSized(b []byte) []byte {
	n := len(b)
	return append([]byte{byte(n&127) | 128, byte(n>>7&127) | 128, byte(n >> 14)}, b...)
}

// jpegOf is a picture as JPEG.
func jpegOf(width, height int) []byte {
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	for i := range m.Pix {
		m.Pix[i] = 200
	}
	m.Set(0, 0, color.White)
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 90}); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// A server is the device's: whoever holds the device holds it. It must not be
// able to crash the gateway, to fill its memory, or to keep a visit busy with
// what never ends. Each of these is one message to a screen of 64 by 64 pixels.
func TestAHostileServerIsLeftWithOneSentence(t *testing.T) {
	zeros := make([]byte, 2<<20)
	bomb := deflated(zeros)
	one := func(head []byte, body ...byte) []byte { return updateOf(1, append(head, body...)) }
	for _, c := range []struct {
		what    string
		message []byte
		fails   string
	}{
		{"a message nobody knows", []byte{99}, "a message of type 99"},
		{"continuous updates, never asked for", []byte{150}, "a message of type 150"},
		{"an encoding nobody asked for", one(rectangle(0, 0, 1, 1, 50)), "an encoding that nobody asked for (50)"},
		{"a pseudo-encoding nobody asked for", one(rectangle(0, 0, 1, 1, -261)), "an encoding that nobody asked for (-261)"},
		{"too far right", one(rectangle(64, 0, 1, 1, encRaw)), "a rectangle of 1 by 1 pixels at 64, 0 on a screen of 64 by 64"},
		{"too far down", one(rectangle(0, 1, 64, 64, encTight)), "a rectangle of 64 by 64 pixels at 0, 1"},
		{"65535 of all", one(rectangle(65535, 65535, 65535, 65535, encZRLE)), "a rectangle of 65535 by 65535"},
		{"a copy from outside", one(rectangle(0, 0, 10, 10, encCopyRect), 0, 55, 0, 0), "a copy of 10 by 10 pixels from 55, 0"},
		{"a copy from far below", one(rectangle(0, 0, 10, 10, encCopyRect), 0, 0, 255, 255), "a copy of 10 by 10 pixels from 0, 65535"},
		{"a new size of none", one(rectangle(0, 0, 0, 9, encDesktopSize)), "size that is not served"},
		{"a new size of 65535x65535", one(rectangle(0, 0, 65535, 65535, encDesktopSize)), "size that is not served"},
		{"a new size, with monitors", one(rectangle(0, 0, 65535, 1, encExtendedDesktopSize), 0, 0, 0, 0), "size that is not served"},
		{"a huge pointer", one(rectangle(0, 0, 65535, 65535, encCursor)), "a pointer of 65535 by 65535 pixels"},
		{"a huge pointer of two colours", one(rectangle(0, 0, 1, 2000, encXCursor)), "a pointer of 1 by 2000 pixels"},
		{"a name without end", one(rectangle(0, 0, 0, 0, encDesktopName), 255, 255, 255, 255), "a text of 4294967295 bytes"},
		{"the extended clipboard", []byte{msgServerCutText, 0, 0, 0, 255, 255, 255, 0}, "a clipboard in a form"},

		{"Hextile: another kind", one(rectangle(0, 0, 4, 4, encHextile), 64), "a Hextile tile of kind 64"},
		{"Hextile: juts out", one(rectangle(0, 0, 4, 4, encHextile), hexSubrects|hexForeground, 1, 2, 3, 4, 1, 0x30, 0x10), "juts out"},

		{"zlib: a length of 4 GiB", one(rectangle(0, 0, 64, 64, encZlib), 255, 255, 255, 255), "4294967295 compressed bytes for at most 16384"},
		{"zlib: no zlib", one(rectangle(0, 0, 64, 64, encZlib), sized([]byte("GET / HTTP"))...), "don't begin as zlib does"},
		{"zlib: with a dictionary", one(rectangle(0, 0, 64, 64, encZlib), sized([]byte{0x78, 0x20 | 0x1b, 0, 0})...), "don't begin as zlib does"},
		{"zlib: nothing", one(rectangle(0, 0, 64, 64, encZlib), 0, 0, 0, 0), "inflate to less"},
		{"zlib: too little", one(rectangle(0, 0, 64, 64, encZlib), sized(deflated(zeros[:100]))...), "inflate to less"},
		{"zlib: damaged", one(rectangle(0, 0, 64, 64, encZlib), sized([]byte{0x78, 0x9c, 0xff, 0xff, 0xff, 0xff})...), "damaged"},
		{"zlib: a bomb", one(rectangle(0, 0, 64, 64, encZlib), sized(bomb)...), "inflate to more"},

		{"ZRLE: a length of 4 GiB", one(rectangle(0, 0, 64, 64, encZRLE), 255, 255, 255, 255), "compressed bytes for at most"},
		{"ZRLE: a bomb", one(rectangle(0, 0, 64, 64, encZRLE), sized(bomb)...), "inflate to more"},
		{"ZRLE: another kind", one(rectangle(0, 0, 64, 64, encZRLE), sized(deflated([]byte{17}))...), "a ZRLE tile of kind 17"},
		{"ZRLE: a palette of one", one(rectangle(0, 0, 64, 64, encZRLE), sized(deflated([]byte{129}))...), "a ZRLE tile of kind 129"},
		{"ZRLE: a long run", one(rectangle(0, 0, 64, 64, encZRLE), sized(deflated(append([]byte{128, 1, 2, 3}, bytes.Repeat([]byte{255}, 100)...)))...), "a run of more pixels"},
		{"ZRLE: no such colour", one(rectangle(0, 0, 64, 64, encZRLE), sized(deflated(append([]byte{3}, bytes.Repeat([]byte{255}, 100)...)))...), "with colour 3 of 3"},
		{"ZRLE: no such colour in runs", one(rectangle(0, 0, 64, 64, encZRLE), sized(deflated(append([]byte{130}, bytes.Repeat([]byte{5}, 100)...)))...), "with colour 5 of 2"},
		{"ZRLE: one tile of four", one(rectangle(0, 0, 33, 33, encZRLE), sized(deflated([]byte{0, 1, 2}))...), "inflate to less"},

		{"Tight: another kind", one(rectangle(0, 0, 4, 4, encTight), 0xa0), "a Tight rectangle of kind 10"},
		{"Tight: another filter", one(rectangle(0, 0, 4, 4, encTight), 0x40, 3), "a Tight rectangle with filter 3"},
		{"Tight: a length too great", one(rectangle(0, 0, 4, 4, encTight), 0, 255, 255, 255), "4194303 compressed bytes for at most 48"},
		{"Tight: a bomb", one(rectangle(0, 0, 64, 64, encTight), append([]byte{0}, tightSized(bomb)...)...), "inflate to more"},
		{"Tight: a stream that goes on after its reset", one(rectangle(0, 0, 4, 4, encTight), append([]byte{1}, tightSized(deflated(zeros[:48])[2:])...)...), "don't begin as zlib does"},
		{"Tight: no such colour", one(rectangle(0, 0, 4, 4, encTight), append([]byte{0x40, filterPalette, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0}, tightSized(deflated(bytes.Repeat([]byte{3}, 16)))...)...), "with colour 3 of 3"},
		{"Tight: no JPEG", one(rectangle(0, 0, 4, 4, encTight), append([]byte{0x90}, tightSized([]byte("hello"))...)...), "no JPEG"},
		{"Tight: a JPEG of another size", one(rectangle(0, 0, 4, 4, encTight), append([]byte{0x90}, tightSized(jpegOf(200, 200))...)...), "a picture of 200 by 200 pixels for a rectangle of 4 by 4"},
		{"Tight: a damaged JPEG", one(rectangle(0, 0, 16, 16, encTight), append([]byte{0x90}, tightSized(jpegOf(16, 16)[:300])...)...), "no JPEG"},
	} {
		t.Run(c.what, func(t *testing.T) {
			s := NewScreen()
			var err error
			used := allocated(func() {
				err = play(t, 64, 64, s, bytes.NewReader(slices.Concat(updateOf(1, dot(5, 5, 1, 2, 3)), c.message)))
			})
			if !errors.Is(err, ErrServer) || !strings.Contains(err.Error(), c.fails) || strings.Contains(err.Error(), "\n") {
				t.Errorf("it ended with %v, want a sentence with %q", err, c.fails)
			}
			if used > 1<<20 {
				t.Errorf("%d KiB of memory were used", used>>10)
			}
			if got := picture(t, s).Row(5, 5, 1); !bytes.Equal(got, []byte{1, 2, 3, 0}) {
				t.Errorf("what was shown before is %d now", got)
			}
		})
	}
}

// allocated is how much memory is asked for in all while a function runs.
func allocated(run func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestALongSessionUsesNoMoreMemoryThanAShortOne(t *testing.T) {
	width, height, messages := capture(t, "desktop.tight.xfbs")
	server := slices.Concat(serverHello(width, height, ""), bytes.Join(messages, nil))
	o := into(NewScreen())
	o.Commit = func(*Frame, Damage) error { return nil }
	used := allocated(func() {
		c, err := NewClient(played{bytes.NewReader(server), io.Discard}, o)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Run(); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
	})
	frame := uint64(width * height * pixel)
	if limit := frame + 2<<20; used > limit {
		t.Errorf("%d messages took %d KiB, want at most %d", len(messages), used>>10, limit>>10)
	}
}

// A screen's server may die at any moment. What was shown last stays; half of an
// update is never shown.
func TestAServerThatDiesMidwayLeavesTheLastWholeUpdate(t *testing.T) {
	whole := updateOf(1, dot(1, 1, 1, 1, 1))
	tight := append(rectangle(0, 0, 4, 4, encTight), append([]byte{0}, tightSized(deflated(bytes.Repeat([]byte{9}, 48)))...)...)
	zrle := append(rectangle(0, 0, 4, 4, encZRLE), sized(deflated([]byte{1, 9, 9, 9}))...)
	half := updateOf(4, dot(1, 1, 9, 9, 9), tight, zrle, append(rectangle(0, 0, 2, 2, encCopyRect), 0, 1, 0, 1))
	for cut := 1; cut < len(half); cut++ {
		s := NewScreen()
		err := play(t, 4, 4, s, bytes.NewReader(slices.Concat(whole, half[:cut])))
		if !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, ErrServer) || !strings.Contains(err.Error(), "ended within a message") {
			t.Errorf("cut at %d: %v", cut, err)
		}
		if got := picture(t, s).Row(1, 1, 1); !bytes.Equal(got, []byte{1, 1, 1, 0}) {
			t.Errorf("cut at %d: half of an update is shown: %d", cut, got)
		}
	}
}

func FuzzServerStream(f *testing.F) {
	const width, height = 64, 64
	for _, name := range []string{"desktop.zrle.xfbs", "desktop.tight.xfbs"} {
		_, _, messages := capture(f, name)
		for _, m := range messages {
			if len(m) < 2000 {
				f.Add(m)
			}
		}
	}
	f.Add(updateOf(1, append(rectangle(0, 0, 64, 64, encHextile), hexBackground|hexSubrects|hexColoured, 1, 2, 3, 4, 1, 1, 2, 3, 4, 0, 0x22)))
	f.Add(updateOf(1, append(rectangle(0, 0, 4, 4, encZRLE), sized(deflated([]byte{1, 9, 9, 9}))...)))
	f.Add(updateOf(1, append(rectangle(0, 0, 4, 4, encTight), append([]byte{0x90}, tightSized(jpegOf(4, 4))...)...)))
	f.Add(updateOf(1, append(rectangle(0, 0, 4, 4, encTight), append([]byte{0x40, filterGradient}, tightSized(deflated(make([]byte, 48)))...)...)))
	f.Add(updateOf(2, sizes(0, 0, 32, 16), rectangle(1, 1, 0, 0, encPointerPos)))
	f.Fuzz(func(t *testing.T, stream []byte) {
		s := NewScreen()
		err := play(t, width, height, s, bytes.NewReader(stream))
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, ErrServer) {
			t.Errorf("it ended with %v", err)
		}
		v := s.View()
		defer v.Close()
		v.Take(func(c Changes) {
			for i := 3; i < len(c.Frame.Pix); i += pixel {
				if c.Frame.Pix[i] != 0 {
					t.Fatalf("pixel %d has a fourth byte", i/pixel)
				}
			}
		})
	})
}
