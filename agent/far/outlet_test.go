package far

import (
	"bytes"
	"io"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestOutletIsWhole: what is filled in comes out, in order, however it is cut.
func TestOutletIsWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := bytes.Repeat([]byte("0123456789abcdef"), rapid.IntRange(0, 20_000).Draw(t, "blocks"))
		piece := rapid.IntRange(1, 100_000).Draw(t, "piece")
		o := newOutlet()
		go o.fill(bytes.NewReader(want))
		var got []byte
		p := make([]byte, piece)
		for {
			n, err := o.Read(p)
			got = append(got, p[:n]...)
			if err == io.EOF {
				break
			}
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("%d bytes came of %d", len(got), len(want))
		}
	})
}

// TestOutletSkim: what has come while its taker was held off is skimmed, and
// reaches nobody else.
func TestOutletSkim(t *testing.T) {
	o := newOutlet()
	var hold sync.Mutex
	hold.Lock()
	took := make(chan string, 1)
	go func() { // whenever it comes, it waits for the hold
		p := make([]byte, 64)
		n, _ := o.take(p, &hold)
		hold.Unlock()
		took <- string(p[:n])
	}()
	o.put([]byte("private"), nil)
	skimmed := ""
	o.skim(func(p []byte) { skimmed += string(p) })
	hold.Unlock()
	o.put([]byte("public"), nil)
	if got := <-took; got != "public" || skimmed != "private" {
		t.Errorf("took %q, skimmed %q", got, skimmed)
	}
}

// TestOutletSkimEnds: a program that goes on writing does not hold it.
func TestOutletSkimEnds(t *testing.T) {
	o := newOutlet()
	r, w := io.Pipe()
	go o.fill(r)
	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		for {
			if _, err := w.Write(make([]byte, 4<<10)); err != nil {
				return
			}
		}
	}()
	n := 0
	o.skim(func(p []byte) { n += len(p) })
	if n > skimMost+4<<10 {
		t.Errorf("skimmed %d bytes", n)
	}
	o.close()
	_ = r.Close()
	<-wrote
}

// TestOutletCut: a cut outlet delivers nothing, and holds up nobody who fills it.
func TestOutletCut(t *testing.T) {
	o := newOutlet()
	o.put([]byte("before"), nil)
	o.close()
	o.put(make([]byte, 3*outletHolds), nil)
	o.put(make([]byte, 3*outletHolds), nil)
	if n, err := o.Read(make([]byte, 8)); n != 0 || err != io.EOF {
		t.Errorf("read %d, %v", n, err)
	}
}
