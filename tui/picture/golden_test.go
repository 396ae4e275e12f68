package picture

import (
	"flag"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"accord/recordings/rfb"
)

var update = flag.Bool("update", false, "write the golden files anew")

// little is a small desktop: a window with a title, three colours, a shadow.
func little(t testing.TB) *rfb.Frame {
	t.Helper()
	f, err := rfb.NewFrame(320, 200)
	if err != nil {
		t.Fatal(err)
	}
	f.Fill(f.Bounds(), 140, 90, 40)
	f.Fill(image.Rect(44, 34, 204, 154), 40, 30, 10)
	f.Fill(image.Rect(40, 30, 200, 150), 240, 240, 240)
	f.Fill(image.Rect(40, 30, 200, 42), 200, 60, 20)
	for i, c := range [][3]byte{{0, 0, 220}, {0, 220, 0}, {220, 0, 0}} {
		f.Fill(image.Rect(52+44*i, 60, 90+44*i, 98), c[0], c[1], c[2])
	}
	f.Fill(image.Rect(0, 188, 320, 200), 60, 60, 60)
	return f
}

// The bytes for half-blocks, as they were when somebody looked at them: each line
// of a file is one line of cells, with its sequences written out.
func TestBlockGoldens(t *testing.T) {
	for _, size := range []image.Point{{80, 24}, {40, 12}} {
		for _, colours := range []int{16, 256, TrueColour} {
			p := New(Means{Way: Blocks, Colours: colours})
			p.Show(image.Rectangle{Max: size}, View{})
			p.Look(little(t), nil, rfb.State{})
			out, _ := p.Paint(nil, 1<<20)
			got := strings.ReplaceAll(string(out), "\x1b[m", "\x1b[m\n")
			got = strings.NewReplacer("\x1b", "␛", "H", "H\n").Replace(got)
			path := filepath.Join("testdata", fmt.Sprintf("blocks-%d-%dx%d.golden", colours, size.X, size.Y))
			if *update {
				if err := os.MkdirAll("testdata", 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatalf("%v; run the test with -update to write it", err)
			}
			if got != string(want) {
				t.Errorf("%s has changed. Look at it, then run the test with -update.\n--- now\n%s", path, got)
			}
		}
	}
}
