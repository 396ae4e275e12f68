package rfb

import (
	cmdline "flag"
	"image"
	"testing"
)

var matrix = cmdline.Bool("matrix", false, "run every viewer against every server (make matrix-screen)")

func TestMatrixViewers(t *testing.T) {
	if !*matrix {
		t.Skip("make matrix-screen runs it")
	}
	for _, v := range realViewers() {
		t.Run(v.name, func(t *testing.T) {
			f := desk(t, 640, 400)
			g := desk(t, 640, 400)
			g.Fill(image.Rect(10, 20, 300, 200), 1, 2, 3)
			g.Move(image.Rect(50, 200, 400, 300), image.Pt(40, 100))
			v.shows(t, shown(f), f, g)
		})
	}
}
