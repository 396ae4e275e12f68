package framelog

import (
	"bytes"
	"errors"
	"image"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"accord/recordings/rfb"
)

// pattern is what a film shows parts of.
func pattern(d *desk) *rfb.Frame {
	f, err := rfb.NewFrame(512, 512)
	must(d.t, err)
	for i := 0; i < len(f.Pix); i += 4 {
		x, y := float64(i/4%512), float64(i/4/512)
		v := math.Sin(x/23) + math.Cos(y/19)
		f.Pix[i], f.Pix[i+1], f.Pix[i+2] = byte(60*v+128)+byte(d.random.IntN(4)), byte(50*v+100), byte(40*v+90)+byte(d.random.IntN(4))
	}
	return f
}

// film paints a picture of a film into r.
func (d *desk) film(from *rfb.Frame, r image.Rectangle, n int) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		copy(d.frame.Row(r.Min.X, y, r.Dx()), from.Row(n*13%200, y+n*29%200, r.Dx()))
	}
	d.commit(r)
}

// TestBudget: a film that goes on makes the log save bytes, which it says; at
// rest, at the end and beside the film every picture is exact. A strict log
// saves nothing.
func TestBudget(t *testing.T) {
	for _, strict := range []bool{false, true} {
		d := newDesk(t, 260, 200, 9)
		d.log.meta.Strict = strict
		r, film := image.Rect(10, 10, 250, 190), pattern(d)
		d.log.level.sum = budgetBytes // as if it had gone on for a while
		d.log.level.slots[59] = budgetBytes
		lossy, rare, saved := false, false, int64(0)
		for i := range 65 {
			d.film(film, r, i)
			before := d.log.Size()
			d.record(200 * time.Millisecond)
			must(t, d.log.Flush())
			if i > 55 {
				saved += d.log.Size() - before
			}
			lossy, rare = lossy || d.log.Unsettled(), rare || d.log.level.is == levelRare
		}
		for range 20 {
			d.record(200 * time.Millisecond)
		}
		if d.log.Unsettled() {
			t.Error("a film at rest is not exact")
		}
		exact := d.states[len(d.states)-1].at
		for i := range 10 {
			d.film(film, r, 100+i)
			d.record(200 * time.Millisecond)
		}
		log, p := open(t, d.finish())
		must(t, p.Seek(t.Context(), exact))
		if !same(p.Frame(), d.shown(exact)) {
			t.Errorf("strict %v: the film at rest is another", strict)
		}
		must(t, p.Seek(t.Context(), log.Length()))
		if !same(p.Frame(), d.frame) {
			t.Errorf("strict %v: the last picture is another", strict)
		}
		marked := false
		for i := range log.Chunks() {
			a, err := log.Activity(t.Context(), i)
			must(t, err)
			marked = marked || a.Lossy
		}
		if lossy == strict || rare == strict || marked == strict {
			t.Errorf("strict %v: lossy %v, rarely %v, marked %v", strict, lossy, rare, marked)
		}
		t.Logf("strict %v: %.0f MB/h", strict, float64(saved)/9*5*3600/1e6)
	}
}

// TestBudgetForgets: bytes count for five minutes, in whatever steps time goes.
func TestBudgetForgets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b budget
		type spent struct {
			at time.Duration
			n  int64
		}
		var all []spent
		now, size := time.Duration(0), int64(0)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now += time.Duration(rapid.Int64Range(0, int64(3*time.Minute)).Draw(t, "after"))
			n := rapid.Int64Range(0, 1000).Draw(t, "bytes")
			size += n
			b.spend(now, size)
			all = append(all, spent{now, n})
		}
		want := int64(0)
		for _, s := range all {
			if int64(s.at/budgetSlot) > int64(now/budgetSlot)-budgetSlots {
				want += s.n
			}
		}
		if b.sum != want {
			t.Fatalf("%d bytes count, not %d", b.sum, want)
		}
	})
}

// TestRows: any pixels come back, and what is no row of the right length is
// refused.
func TestRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.IntRange(1, 256).Draw(t, "width")
		palette := rapid.SliceOfN(rapid.Uint32Range(0, rgb), 1, 5).Draw(t, "palette")
		row := make([]byte, 0, 4*width)
		for range width {
			px := palette[rapid.IntRange(0, len(palette)-1).Draw(t, "px")] + rapid.Uint32Range(0, 3).Draw(t, "off")*0x010101
			row = append(row, byte(px), byte(px>>8), byte(px>>16), 0)
		}
		data := appendRow(nil, row)
		got := make([]byte, len(row))
		if n, ok := readRow(got, data); !ok || n != len(data) || !bytes.Equal(got, row) {
			t.Fatalf("%x became %x by way of %x", row, got, data)
		}
		if _, ok := readRow(got, data[:len(data)-1]); ok {
			t.Fatal("a row that was cut was read")
		}
		f := &rfb.Frame{Width: 256, Height: 1, Pix: make([]byte, 1024)}
		if err := readRows(f, width, 1, append(data, 0)); err == nil {
			t.Fatal("a row that is too long was read")
		}
	})
}

// TestFailingDisk: the first error is for ever.
func TestFailingDisk(t *testing.T) {
	full := errors.New("no space")
	out := &failing{left: 300, err: full}
	w, err := NewWriter(out, testMeta)
	must(t, err)
	f, err := rfb.NewFrame(300, 300)
	must(t, err)
	var errs []error
	for i := range 300 {
		f.Fill(image.Rect(i, i, 300, 300), byte(i), byte(i*7), byte(i*13))
		w.Look(duration(uint32(i)), rfb.Changes{Frame: f, Rects: []image.Rectangle{f.Bounds()}})
		errs = append(errs, w.Put(duration(uint32(i))), w.Flush())
	}
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i < 0 || !errors.Is(errs[len(errs)-1], full) || !errors.Is(w.Press(0), full) || !errors.Is(w.Close(0), full) {
		t.Errorf("the error of the disk came as %v", errs[len(errs)-1])
	}
	if err := w.Put(time.Hour); !errors.Is(err, errEnded) {
		t.Errorf("after the end: %v", err)
	}
}

type failing struct {
	left int
	err  error
}

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, f.err
	}
	return len(p), nil
}

// TestEvents: what happens beside the picture comes back, and that a pause goes
// on is said at the begin of each chunk.
func TestEvents(t *testing.T) {
	d := newDesk(t, 64, 64, 10)
	must(t, d.log.Press(0)) // before the first picture: not kept
	must(t, d.log.Mark(0, map[string]string{"kind": "early"}))
	d.record(time.Second)
	must(t, d.log.Press(d.now))
	must(t, d.log.Pointer(d.now, 70000, -4, 5))
	must(t, d.log.Bell(d.now))
	must(t, d.log.Dropped(d.now, 3))
	must(t, d.log.Clip(d.now, true, "secret", false))
	must(t, d.log.Clip(d.now, false, "kept", true))
	must(t, d.log.Paused(d.now, true))
	must(t, d.log.Paused(d.now, true))
	if err := d.log.Mark(d.now, strings.Repeat("x", MaxMark)); !errors.Is(err, errMark) {
		t.Errorf("a long mark: %v", err)
	}
	if err := d.log.Mark(d.now, func() {}); err == nil {
		t.Error("a function is a mark")
	}
	d.record(time.Second)
	d.resize(65, 65)
	d.record(time.Second)
	again := d.now
	d.frame.Fill(d.frame.Bounds(), 1, 1, 1)
	d.commit(d.frame.Bounds())
	d.record(time.Second)
	must(t, d.log.Paused(d.now, false))
	log, p := open(t, d.finish())
	must(t, p.Seek(t.Context(), again))
	if !p.Paused() {
		t.Error("a pause is forgotten at the begin of a chunk")
	}
	must(t, p.Seek(t.Context(), log.Length()))
	if p.Paused() {
		t.Error("a pause has no end")
	}
	var got []Event
	for i := range log.Chunks() {
		a, err := log.Activity(t.Context(), i)
		must(t, err)
		got = append(got, a.Events...)
		if i == 0 && len(a.Inputs) != 2 {
			t.Errorf("%d inputs", len(a.Inputs))
		}
	}
	var kinds []string
	for _, e := range got {
		kinds = append(kinds, string('0'+rune(e.Kind))+e.Mark.Kind+e.Clip.Text)
	}
	if want := []string{";early", ":", "9", "9kept", ";pause", ";resume"}; !slices.Equal(kinds, want) {
		t.Errorf("events %q, not %q", kinds, want)
	}
	must(t, p.Seek(t.Context(), 0))
	must(t, p.Seek(t.Context(), 2500*time.Millisecond))
	if i := slices.IndexFunc(p.Events(), func(e Event) bool { return e.Kind == EventPointer && e.X == 65535 && e.Y == 0 && e.Buttons == 5 }); i < 0 {
		t.Error("the pointer is not told of on the way")
	}
}
