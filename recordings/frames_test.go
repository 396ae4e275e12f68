package recordings

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
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

// TestFramesKilled: after kill -9 the recording of a screen is closed, verifies,
// and its last picture is no older than the gate has promised.
func TestFramesKilled(t *testing.T) {
	root := t.TempDir()
	cmd := childProcess(t, "filmed", root)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(out)
	shown := make(map[int]time.Time)
	last := 0
	for lines.Scan() && (last == 0 || shown[last].Sub(shown[0]) < 3*time.Second) {
		last, err = strconv.Atoi(lines.Text())
		must(t, err)
		shown[last] = time.Now()
	}
	must(t, cmd.Process.Kill())
	_, err = io.Copy(io.Discard, out)
	must(t, err)
	_ = cmd.Wait()
	l := openLibrary(t, root)
	done, err := l.Recover(t.Context())
	must(t, err)
	if len(done) != 1 || done[0].Err != nil || done[0].End.Screens != 1 || done[0].End.Shells != 0 || done[0].End.Bytes == 0 {
		t.Fatalf("recovered %+v", done)
	}
	dir := dirOf(root, visitNumber(1))
	wantOK(t, dir, StateInterrupted, done[0].Head)
	r, p := player(t, filepath.Join(dir, "001.frames"))
	must(t, p.Seek(t.Context(), r.Length()))
	if r.Whole() || p.Frame() == nil {
		t.Fatalf("whole %v after a crash; gaps %v", r.Whole(), r.Gaps())
	}
	pictures, _ := replayed(p.Frame(), last)
	if missing := shown[last].Sub(shown[max(pictures, 0)]); pictures < 0 || missing > 4*time.Second {
		t.Errorf("the last picture kept is number %d of %d, and %v were shown after it", pictures, last, missing)
	}
}

// replayed finds which of the pictures that childFilmed paints this one is.
func replayed(f *rfb.Frame, most int) (number int, ok bool) {
	frame, err := rfb.NewFrame(300, 200)
	if err != nil {
		return -1, false
	}
	random := rand.New(rand.NewPCG(5, 6))
	number = -1
	for i := 0; i <= most+1000; i++ {
		area := image.Rect(random.IntN(150), random.IntN(100), 160+random.IntN(140), 110+random.IntN(90))
		frame.Fill(area, byte(i), byte(random.Uint32()), byte(random.Uint32()))
		if bytes.Equal(frame.Pix, f.Pix) {
			number = i
		}
	}
	return number, number >= 0
}

// TestGateWaits: a recorder that is a second behind lets no new picture pass,
// until it has caught up; what it missed is counted.
func TestGateWaits(t *testing.T) {
	root := t.TempDir()
	l := openLibrary(t, root)
	r := create(t, l, visitNumber(1))
	p := newPainted(t, 64, 64)
	f := frames(t, r, p)
	must(t, f.Gate(t.Context()))
	release, held := make(chan struct{}), make(chan struct{})
	began := time.Now()
	go p.screen.Change(func(s rfb.State) rfb.State { // nobody can look meanwhile
		close(held)
		<-release
		return s
	})
	<-held
	after := time.Duration(0)
	for shut := 0; shut < 3; { // once it is, it stays so
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		switch err := f.Gate(ctx); {
		case err == nil:
			shut = 0
			<-ctx.Done()
		case errors.Is(err, context.DeadlineExceeded):
			if shut++; shut == 1 {
				after = time.Since(began)
			}
		default:
			t.Fatal(err)
		}
		cancel()
	}
	if after < 700*time.Millisecond {
		t.Errorf("the gate closed after %v", after)
	}
	close(release)
	must(t, f.Gate(t.Context()))
	p.paint()
	must(t, f.Close())
	p.wantLast(filepath.Join(dirOf(root, visitNumber(1)), "001.frames"))
	seal(t, r)
}

// TestFramesFail: what can't be written ends the recording, and the gate for
// ever.
func TestFramesFail(t *testing.T) {
	l := openLibrary(t, t.TempDir())
	r := create(t, l, visitNumber(1))
	p := newPainted(t, 64, 64)
	f := frames(t, r, p)
	must(t, f.Gate(t.Context()))
	must(t, f.file.f.Close())
	for range 50 {
		p.paint()
		f.Key()
	}
	<-r.Failed()
	var failure *Failure
	if err := f.Gate(t.Context()); !errors.As(err, &failure) {
		t.Errorf("the gate says %v", err)
	}
	if err := f.Close(); !errors.As(err, &failure) {
		t.Errorf("the end says %v", err)
	}
	if _, err := r.Frames(FramesInfo{}, p.screen); !errors.As(err, &failure) {
		t.Errorf("another screen: %v", err)
	}
	if _, err := r.Seal(End{By: "gateway", Cause: "the disk"}); err == nil {
		t.Error("a recording without one of its files was sealed")
	}
}

// TestFramesChanged: verify names the file of a screen, whatever was done to it.
func TestFramesChanged(t *testing.T) {
	source := t.TempDir()
	l := openLibrary(t, source)
	r := create(t, l, visitNumber(1))
	p := newPainted(t, 64, 64)
	f := frames(t, r, p)
	p.paint()
	must(t, f.Close())
	head := seal(t, r)
	for what, spoil := range map[string]func(path string){
		"removed": func(path string) { must(t, os.Remove(path)) },
		"changed": func(path string) { flip(t, path, 150) },
		"cut":     func(path string) { must(t, os.Truncate(path, 200)) },
		"grown":   func(path string) { appendTo(t, path, "x") },
	} {
		root := t.TempDir()
		copyTree(t, source, root)
		dir := dirOf(root, visitNumber(1))
		wantOK(t, dir, StateComplete, head)
		spoil(filepath.Join(dir, "001.frames"))
		if problems := verify(t, dir, head).Problems; len(problems) == 0 || problems[0].File != "001.frames" {
			t.Errorf("%s: verify finds %v", what, problems)
		}
	}
}

// TestFramesTurn: a file that has become too old is followed by another, which
// stands alone.
func TestFramesTurn(t *testing.T) {
	root := t.TempDir()
	l := openLibrary(t, root)
	r := create(t, l, visitNumber(1))
	p := newPainted(t, 64, 64)
	f := frames(t, r, p)
	f.Paused(true)
	must(t, f.Close())
	f.stop, f.done, f.stopped = make(chan struct{}), make(chan struct{}), false
	f.view = p.screen.View() // as if the recorder went on a day later
	must(t, f.begin())
	f.start = f.start.Add(-framesAge)
	go f.run()
	dir := dirOf(root, visitNumber(1))
	p.paint()
	waitBytes(t, r, filepath.Join(dir, "003.frames"), 1)
	must(t, f.Close())
	seal(t, r)
	wantOK(t, dir, StateComplete)
	p.wantLast(filepath.Join(dir, "003.frames"))
	if _, play := player(t, filepath.Join(dir, "003.frames")); play.Seek(t.Context(), 0) != nil || !play.Paused() {
		t.Error("the file that follows does not say that the visit is paused")
	}
}
