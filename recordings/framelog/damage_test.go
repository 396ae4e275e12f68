package framelog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"accord/recordings/rfb"
)

// last is the picture at the end of what can be read of a file; nil if there is
// none.
func last(t *testing.T, file []byte) (*Reader, *rfb.Frame, time.Duration) {
	t.Helper()
	r, err := Open(bytes.NewReader(file), int64(len(file)))
	if errors.Is(err, ErrFormat) {
		return nil, nil, 0
	}
	must(t, err)
	p, err := r.Play()
	must(t, err)
	defer p.Close()
	must(t, p.Seek(t.Context(), r.Length()))
	return r, p.Frame(), p.At()
}

// shown finds the last picture that was recorded up to a time.
func (d *desk) shown(at time.Duration) *rfb.Frame {
	i, _ := slices.BinarySearchFunc(d.states, at+1, func(s shot, at time.Duration) int { return int(s.at - at) })
	if i == 0 {
		return nil
	}
	return d.states[i-1].pix
}

// TestCutAtEveryWrite: a crash leaves the file as it was after one of the
// writes. It opens, and its last picture is the one of its last block.
func TestCutAtEveryWrite(t *testing.T) {
	d := session(t, 220, 2)
	file := d.finish()
	for i, n := range d.cuts {
		r, f, at := last(t, file[:n])
		if r == nil {
			t.Fatalf("cut at %d of %d: not read", n, len(file))
		}
		if r.Whole() != (i == len(d.cuts)-1) || len(r.Gaps()) > 0 {
			t.Errorf("cut at %d: whole %v, gaps %v", n, r.Whole(), r.Gaps())
		}
		if f == nil && i > 0 || f != nil && !same(f, d.shown(at)) {
			t.Fatalf("cut at %d: the picture at %v is another", n, at)
		}
		if i > 3 && i < len(d.cuts)-2 && at < d.states[len(d.states)-1].at*time.Duration(i-3)/time.Duration(len(d.cuts)) {
			t.Errorf("cut at %d, after %d writes: only %v are left", n, i, at)
		}
	}
}

// TestCutAnywhere: and so does one that a power cut has left, at any byte, with
// zeros behind it or without.
func TestCutAnywhere(t *testing.T) {
	d := session(t, 120, 3)
	file := d.finish()
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, len(file)-1).Draw(rt, "bytes")
		zeros := rapid.SampledFrom([]int{0, 0, 1, 20, 5000}).Draw(rt, "zeros")
		r, f, at := last(t, append(bytes.Clone(file[:n]), make([]byte, zeros)...))
		switch {
		case r == nil && n > d.cuts[0]:
			rt.Fatal("not read")
		case f == nil && n >= d.cuts[1]:
			rt.Fatal("no picture")
		case f != nil && !same(f, d.shown(at)):
			rt.Fatalf("the picture at %v is another", at)
		}
	})
}

// TestDamageAnywhere: whatever happens to some bytes, a reader ends, says what is
// missing, and gives chunks that were not touched exactly.
func TestDamageAnywhere(t *testing.T) {
	d := session(t, 150, 4)
	file := d.finish()
	clean, _ := open(t, file)
	if clean.Chunks() < 3 {
		t.Fatalf("%d chunks are too few", clean.Chunks())
	}
	rapid.Check(t, func(rt *rapid.T) {
		bad := bytes.Clone(file)
		n := rapid.IntRange(1, 3).Draw(rt, "places")
		touched := map[int]bool{}
		for range n {
			at := rapid.IntRange(headSize, len(bad)-1).Draw(rt, "byte")
			bad[at] ^= rapid.ByteRange(1, 255).Draw(rt, "change")
			for i, c := range clean.chunks {
				if int64(at) >= c.offset && int64(at) < c.limit {
					touched[i] = true
				}
			}
		}
		r, err := Open(bytes.NewReader(bad), int64(len(bad)))
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				rt.Fatal(err)
			}
			return
		}
		p, err := r.Play()
		must(t, err)
		defer p.Close()
		for i, c := range clean.chunks {
			if touched[i] {
				continue
			}
			at := duration(c.end)
			if i+1 < len(clean.chunks) && clean.chunks[i+1].start == c.end {
				continue
			}
			must(t, p.Seek(t.Context(), at))
			if !same(p.Frame(), d.shown(at)) {
				rt.Fatalf("the picture at the end of chunk %d is another; gaps %v", i, r.Gaps())
			}
		}
		for err = nil; err == nil; err = p.Step(t.Context()) {
		}
		if err != io.EOF {
			rt.Fatal(err)
		}
		for i := range r.Chunks() {
			_, err := r.Activity(t.Context(), i)
			must(t, err)
		}
		if len(touched) > 0 && len(r.Gaps()) == 0 {
			rt.Fatalf("chunks %v were changed, and nothing is said of it", touched)
		}
	})
}

// TestOtherHash: a chunk that is whole but not the one that its end tells of is
// found by looking through it.
func TestOtherHash(t *testing.T) {
	d := session(t, 20, 5)
	file := d.finish()
	r, _ := open(t, file)
	end := r.chunks[0].limit
	file[end-1] ^= 1
	r, _ = open(t, file)
	a, err := r.Activity(t.Context(), 0)
	must(t, err)
	if g := r.Gaps(); len(g) != 1 || g[0].Why != whyChanged {
		t.Errorf("gaps %v", g)
	}
	if len(a.Pictures) == 0 || len(a.Inputs) != 4 {
		t.Errorf("%d pictures, %d inputs", len(a.Pictures), len(a.Inputs))
	}
}

// TestNoFrameLog refuses what is none, in a sentence.
func TestNoFrameLog(t *testing.T) {
	newer := bytes.Clone(session(t, 3, 6).finish())
	newer[8] = version + 1
	for name, file := range map[string][]byte{
		"nothing": {}, "text": []byte("hello, this is no frame log at all"), "magic": []byte(headMagic),
		"zeros": make([]byte, 3<<20), "newer": newer,
	} {
		if _, err := Open(bytes.NewReader(file), int64(len(file))); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	empty := newDesk(t, 16, 16, 7)
	must(t, empty.log.Close(0))
	r, p := open(t, empty.file.Bytes())
	must(t, p.Seek(t.Context(), time.Hour))
	if p.Frame() != nil || r.Length() != 0 || !r.Whole() {
		t.Errorf("a log without a picture: %v, %v", p.Frame(), r.Length())
	}
}

// FuzzReader takes any file: no panic, no hang, no memory beyond its bounds.
func FuzzReader(f *testing.F) {
	d := newDesk(f, 40, 30, 8)
	for range 3 {
		d.act()
		d.record(time.Second)
	}
	d.resize(20, 20)
	d.record(time.Second)
	file := d.finish()
	f.Add(file)
	f.Add(file[:d.cuts[2]])
	f.Add(file[:len(file)-10])
	text := newTerminal(f, 50, 130, 9)
	for range 3 {
		text.scroll(13, false)
		text.record(time.Second)
	}
	f.Add(text.finish())
	f.Fuzz(func(t *testing.T, file []byte) {
		if len(file) > 1<<20 {
			return
		}
		r, err := Open(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			return
		}
		p, err := r.Play()
		must(t, err)
		defer p.Close()
		screen := rfb.NewScreen()
		for range 300 {
			if err := p.Step(t.Context()); err != nil {
				break
			}
			p.Show(screen)
			p.Events()
		}
		must(t, p.Seek(t.Context(), r.Length()/2))
		for i := range min(r.Chunks(), 10) {
			_, err := r.Activity(t.Context(), i)
			must(t, err)
		}
	})
}

// forged is a file with a picture and then any records, behind checks that a real
// one has to pass.
func forged(t testing.TB, records []byte) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := NewWriter(&file, testMeta)
	must(t, err)
	frame, err := rfb.NewFrame(16, 16)
	must(t, err)
	w.Look(0, rfb.Changes{Frame: frame, Resized: true})
	must(t, w.Put(0))
	_, err = w.zip.Write(records)
	must(t, err)
	w.waits++
	must(t, w.Close(0))
	return file.Bytes()
}

// A small file that was made to be much to remember: keys without end, texts
// without end, and texts that are longer than a writer's.
func TestMuchToRemember(t *testing.T) {
	var records []byte
	record := func(kind byte, body []byte) {
		records = append(binary.AppendUvarint(append(records, 1, kind), uint64(len(body))), body...)
	}
	for range 3 * maxMoments {
		record(recPress, nil)
	}
	record(recClip, make([]byte, 37+MaxClip+1))
	record(recMark, append(append([]byte(`{"kind":"`), bytes.Repeat([]byte("x"), MaxMark)...), `"}`...))
	for range 3 * maxWords / MaxClip {
		record(recClip, make([]byte, 37+MaxClip))
	}
	file := forged(t, records)
	if len(file) > 64<<10 {
		t.Fatalf("the file has %d bytes, which is no wonder", len(file))
	}
	r, p := open(t, file)
	a, err := r.Activity(t.Context(), 0)
	must(t, err)
	must(t, p.Seek(t.Context(), time.Hour))
	if len(a.Inputs) != maxMoments {
		t.Errorf("%d inputs are told", len(a.Inputs))
	}
	for _, list := range [][]Event{a.Events, p.Events()} {
		words := 0
		for _, e := range list {
			words += len(e.Clip.Text) + len(e.Mark.Kind)
			if len(e.Clip.Text) > MaxClip || len(e.Mark.Kind) > MaxMark {
				t.Error("a text is longer than a writer's")
			}
		}
		if words > maxWords {
			t.Errorf("%d bytes of texts are kept", words)
		}
	}
}

// FuzzRecords takes any records, behind checks that a real file has to pass.
func FuzzRecords(f *testing.F) {
	f.Add([]byte{0, recSize, 4, 16, 0, 16, 0, 0, recKey, 0, 0, recTiles, 13, 0, 0, 0, 0, 15, 15, codecFill, 3, 0, 0, 1, 2, 3})
	f.Add([]byte{0, recCopy, 12, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1, recCursor, 0, 1, recMark, 2, '{', '}'})
	f.Add([]byte{0, recTiles, 14, 1, 0, 1, 0, 3, 3, codecColumns, 4, 0, 0, 3, 2, opRun | 7, opRun | 7})
	f.Fuzz(func(t *testing.T, records []byte) {
		file := forged(t, records)
		var err error
		r, p := open(t, file)
		for err == nil {
			err = p.Step(t.Context())
		}
		if p.Frame().Width != 16 || r.Chunks() != 1 {
			t.Error("the picture has another size")
		}
	})
}
