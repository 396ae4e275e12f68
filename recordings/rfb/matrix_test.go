package rfb

import (
	cmdline "flag"
	"image"
	"sync"
	"testing"
	"time"
)

var matrix = cmdline.Bool("matrix", false, "run every viewer against every server (make matrix-screen)")

func TestMatrix(t *testing.T) {
	if !*matrix {
		t.Skip("make matrix-screen runs it")
	}
	for _, v := range realViewers() {
		t.Run("changes of size/"+v.name, func(t *testing.T) { v.follows(t) })
	}
	for _, server := range matrixServers() {
		t.Run(server.name, func(t *testing.T) {
			run := server.start(t)
			s := run.watched(t)
			run.paint(t)
			var truth *Frame
			settled := func() bool { // nothing moves, and the client has seen it
				truth = run.truth(t)
				if w, h := s.Size(); w != truth.Width || h != truth.Height || colours(truth) < run.colours {
					return false
				}
				d := difference(picture(t, s), truth, image.Point{}) // TigerVNC's server paints a pointer that no viewer has moved
				return d.Dx() <= pointerMost && d.Dy() <= pointerMost
			}
			ok := true
			within(t, 10*time.Second, run.program, settled, func() { ok = false })
			if !ok {
				keep(t, "truth", truth)
				keep(t, "client", picture(t, s))
				t.Fatalf("our client does not see what %s shows: it differs at %v; %s", server.name, difference(picture(t, s), truth, image.Point{}), run.program)
			}
			seen := func(t testing.TB) *Frame { return picture(t, s) }
			for _, v := range realViewers() {
				t.Run(v.name, func(t *testing.T) {
					var once sync.Once
					v.shows(t, s, seen, func(t testing.TB) *Frame {
						once.Do(func() { run.scroll(t) })
						return picture(t, s)
					})
				})
			}
			t.Run("noVNC", func(t *testing.T) {
				var once sync.Once
				noVNCShows(t, s, seen, func(t testing.TB) *Frame {
					once.Do(func() { run.scroll(t) })
					return picture(t, s)
				})
			})
			t.Run("vncsnapshot", func(t *testing.T) {
				if far := distance(picture(t, s), snapshot(t, s, "")); far > 15 { // JPEG of noise
					t.Errorf("its picture is %.2f steps of 255 away on average", far)
				}
			})
		})
	}
}
