package agent

import (
	"bytes"
	"testing"
	"time"

	"pgregory.net/rapid"

	"accord/tui"
)

// glassOf plays a screen: it takes events and holds what a terminal would.
type glassOf struct {
	shown         []byte
	width, height int
	sized         []int // where in shown the size changed
	resets        int
	gone          bool
}

func (g *glassOf) take(events []tui.Mirrored) {
	for _, e := range events {
		if e.Current {
			continue
		}
		if e.Reset {
			g.shown, g.sized = nil, nil
			g.resets++
		}
		if e.Width != g.width || e.Height != g.height {
			g.width, g.height = e.Width, e.Height
			g.sized = append(g.sized, len(g.shown))
		}
		g.shown = append(g.shown, e.Data...)
		g.gone = e.Gone
	}
}

// Whatever is written and however seldom a screen looks: what it has is always
// a piece of what was written, without a gap, and in the end the end of it. The
// window's size is the one that was in force.
func TestMirrorIsAlwaysTheEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m mirror
		r := m.add(80, 24, true)
		w := m.watch("v")
		var all []byte
		var g glassOf
		now := time.Unix(0, 0)
		look := func() (more bool) {
			now = now.Add(mirrorEvery)
			events, more := w.next(now)
			g.take(events)
			if !bytes.HasSuffix(all[:len(all)-int(r.total-w.seen[1].at)], g.shown) {
				t.Fatalf("the screen has %d bytes that are no piece of the %d written", len(g.shown), len(all))
			}
			return more
		}
		width := 80
		t.Repeat(map[string]func(*rapid.T){
			"write": func(t *rapid.T) {
				p := bytes.Repeat([]byte{rapid.Byte().Draw(t, "byte")}, rapid.IntRange(1, 300_000).Draw(t, "bytes"))
				p[0]++
				all = append(all, p...)
				r.write(p)
			},
			"resize": func(t *rapid.T) {
				width = rapid.IntRange(1, 200).Draw(t, "width")
				r.resize(width, 24)
			},
			"look": func(*rapid.T) { look() },
		})
		r.end()
		for range 1000 {
			if !look() && g.gone {
				break
			}
		}
		if int64(len(all)) != r.total || !bytes.HasSuffix(all, g.shown) || len(g.shown) < min(len(all), mirrorKeeps) || g.width != width || !g.gone {
			t.Fatalf("of %d bytes the screen has %d, %d wide (%d), gone: %v", len(all), len(g.shown), g.width, width, g.gone)
		}
		w.leave()
	})
}

// A screen that fell behind starts over, but not all the time.
func TestMirrorStartsOverSeldom(t *testing.T) {
	var m mirror
	r := m.add(80, 24, true)
	w := m.watch("v")
	var g glassOf
	now := time.Unix(0, 0)
	for range 100 {
		r.write(make([]byte, 2*mirrorKeeps))
		now = now.Add(mirrorEvery)
		events, _ := w.next(now)
		g.take(events)
	}
	if most := int(100*mirrorEvery/mirrorAgain) + 1; g.resets < 2 || g.resets > most {
		t.Errorf("started over %d times, at most %d are right", g.resets, most)
	}
}

// Shells come and go; of those that ended the last few stay.
func TestMirrorForgetsShells(t *testing.T) {
	var m mirror
	w := m.watch("v")
	for range 20 {
		r := m.add(80, 24, false)
		r.write([]byte("x"))
		_, _ = w.next(time.Unix(0, 0))
		r.end()
	}
	live := m.add(80, 24, true)
	_, _ = w.next(time.Unix(1, 0))
	if len(m.shells) != mirrorGone+1 || m.shells[mirrorGone] != live || live.number != 21 || len(w.seen) != len(m.shells) {
		t.Errorf("%d shells, the last is number %d; %d places", len(m.shells), live.number, len(w.seen))
	}
	var none *reflection // a session without a terminal
	none.write([]byte("x"))
	none.resize(1, 1)
	none.end()
}

// What a key's echo pays while nobody watches.
func BenchmarkMirrorKey(b *testing.B) {
	var m mirror
	r := m.add(80, 24, true)
	key := []byte("k")
	for b.Loop() {
		r.write(key)
	}
}

func BenchmarkMirrorBulk(b *testing.B) {
	var m mirror
	r := m.add(80, 24, true)
	p := make([]byte, 4<<10) // as a terminal is read
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		r.write(p)
	}
}
