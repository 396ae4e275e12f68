package recordings

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"accord/recordings/framelog"
	"accord/recordings/rfb"
)

// painted is a screen that a test paints on.
type painted struct {
	t      testing.TB
	screen *rfb.Screen
	frame  *rfb.Frame
	colour byte
}

func newPainted(t testing.TB, width, height int) *painted {
	t.Helper()
	f, err := rfb.NewFrame(width, height)
	must(t, err)
	p := &painted{t: t, screen: rfb.NewScreen(), frame: f}
	p.screen.Commit(f, rfb.Damage{})
	return p
}

// paint changes a corner of the picture.
func (p *painted) paint() {
	p.colour++
	r := image.Rect(int(p.colour), 10, int(p.colour)+40, 60)
	p.frame.Fill(r, p.colour, 100, 255-p.colour)
	p.screen.Commit(p.frame, rfb.Damage{Rects: []image.Rectangle{r}})
}

func frames(t testing.TB, r *Recording, p *painted) *Frames {
	t.Helper()
	f, err := r.Frames(FramesInfo{Name: "desktop", Rate: 20}, p.screen)
	must(t, err)
	return f
}

// player opens a frame log of a recording.
func player(t testing.TB, path string) (*framelog.Reader, *framelog.Player) {
	t.Helper()
	file, err := os.ReadFile(path)
	must(t, err)
	r, err := framelog.Open(bytes.NewReader(file), int64(len(file)))
	must(t, err)
	p, err := r.Play()
	must(t, err)
	t.Cleanup(p.Close)
	return r, p
}

// shows waits until the file holds the picture that is painted now.
func (p *painted) wantLast(path string) {
	p.t.Helper()
	r, play := player(p.t, path)
	must(p.t, play.Seek(context.Background(), r.Length()))
	if f := play.Frame(); f == nil || !bytes.Equal(f.Pix, p.frame.Pix) {
		p.t.Errorf("the last picture in %s is not the one that was shown", filepath.Base(path))
	}
}

// waitBytes waits until a recording has flushed a file of at least n bytes.
func waitBytes(t testing.TB, r *Recording, path string, n int64) {
	t.Helper()
	for head := r.Head(); ; head = waitHead(t, r, head.Seq) {
		if info, err := os.Stat(path); err == nil && info.Size() >= n {
			return
		}
	}
}

// TestFramesArePartOfTheVisit: a screen's file is numbered with the casts,
// chained, sealed, counted and told of, and its end is what was shown at the end.
func TestFramesArePartOfTheVisit(t *testing.T) {
	root := t.TempDir()
	l := openLibrary(t, root)
	r := create(t, l, visitNumber(1))
	s := shell(t, r, ptyInfo)
	must(t, s.Output([]byte("hello")))
	p := newPainted(t, 320, 200)
	f := frames(t, r, p)
	f.Key()
	f.Pointer(3, 4, 1)
	f.Clip(true, "text", false)
	f.Bell()
	f.Mark(map[string]string{"kind": "control", "text": "the user took the mouse"})
	f.Paused(true)
	f.Paused(false)
	must(t, f.Gate(t.Context()))
	p.paint()
	path := filepath.Join(dirOf(root, visitNumber(1)), "002.frames")
	waitBytes(t, r, path, 300)
	p.paint() // nobody waits for this one: Close writes it
	must(t, f.Close())
	must(t, f.Close())
	if err := f.Gate(t.Context()); !errors.Is(err, ErrSealed) {
		t.Errorf("a screen that is closed shows pictures: %v", err)
	}
	p.wantLast(path)
	second := frames(t, r, p)
	_, err := r.Seal(End{By: "user", Cause: "stopped"})
	must(t, err)
	if err := second.Gate(t.Context()); !errors.Is(err, ErrSealed) {
		t.Errorf("a visit that is sealed shows pictures: %v", err)
	}
	dir := dirOf(root, visitNumber(1))
	p.wantLast(filepath.Join(dir, "003.frames"))
	report := wantOK(t, dir, StateComplete)
	if e := report.Visit.End; e == nil || e.Shells != 1 || e.Screens != 2 || e.Bytes < 600 {
		t.Errorf("the end tells %+v", e)
	}
	var kinds []string
	for e, err := range ReadTimeline(dir) {
		must(t, err)
		kinds = append(kinds, e.Kind)
		var data struct{ Frames string }
		if e.Kind == KindScreenSize && (json.Unmarshal(e.Data, &data) != nil || data.Frames == "") {
			t.Errorf("an event without its file: %s", e.Data)
		}
	}
	want := []string{KindOpened, KindShell, KindScreen, KindScreenSize, KindScreenEnd, KindScreen, KindScreenSize, KindScreenEnd, KindEnded}
	if !slices.Equal(kinds, want) {
		t.Errorf("the timeline has %v, not %v", kinds, want)
	}
	log, _ := player(t, path)
	if m := log.Meta(); m.Visit != visitNumber(1) || m.Name != "desktop" || m.Rate != 20 || time.Since(m.Start) > time.Minute {
		t.Errorf("the header says %+v", m)
	}
	a, err := log.Activity(t.Context(), 0)
	must(t, err)
	if len(a.Inputs) != 2 || len(a.Events) != 5 {
		t.Errorf("%d inputs, events %+v", len(a.Inputs), a.Events)
	}
}
