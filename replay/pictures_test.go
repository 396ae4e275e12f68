package replay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"accord/recordings/framelog"
	"accord/recordings/rfb"
)

// colours are what the screen of a test shows, second by second.
func colours() [][3]byte {
	return [][3]byte{{200, 0, 0}, {0, 200, 0}, {0, 0, 200}, {200, 200, 0}}
}

// filmed writes a frame log: 61 by 41 pixels, whose left half has another colour
// each second.
func filmed(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := framelog.NewWriter(f, framelog.Meta{Name: "desk\x1b[31m"})
	if err != nil {
		t.Fatal(err)
	}
	frame, err := rfb.NewFrame(61, 41)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range colours() {
		at := time.Duration(i) * time.Second
		r := image.Rect(0, 0, 30, 41)
		frame.Fill(r, c[2], c[1], c[0])
		w.Look(at, rfb.Changes{Frame: frame, Rects: []image.Rectangle{r}, Resized: i == 0})
		if err := errors.Join(w.Put(at), w.Press(at), w.Mark(at, map[string]string{"kind": "note", "text": fmt.Sprint("mark ", i)})); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Paused(3*time.Second, true), w.Paused(4*time.Second, false), w.Clip(4*time.Second, true, "text", false), w.Close(4*time.Second)); err != nil {
		t.Fatal(err)
	}
}

// withScreen is a visit with a shell, two screens and something that isn't one.
func withScreen(t *testing.T) string {
	t.Helper()
	dir := record(t)
	filmed(t, filepath.Join(dir, "003.frames"))
	filmed(t, filepath.Join(dir, "004.frames"))
	if err := os.WriteFile(filepath.Join(dir, "005.frames"), []byte("no frame log"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestVisitWithScreens(t *testing.T) {
	dir := withScreen(t)
	rec, done, err := load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	if len(rec.Tracks) != 4 || rec.Tracks[2].Pictures == nil || rec.Tracks[2].Name != "003.frames desk[31m" && !strings.HasPrefix(rec.Tracks[2].Name, "003.frames desk") || !strings.Contains(rec.Notice, "005.frames") {
		t.Fatalf("%+v", rec)
	}
	if strings.ContainsRune(rec.Tracks[2].Name, 0x1b) {
		t.Error("a name from a recording is not cleaned")
	}
	p := rec.Tracks[2].Pictures
	m, err := p.Seek(t.Context(), 1500*time.Millisecond)
	if err != nil || m.At != time.Second || m.Next != 2*time.Second || m.Paused {
		t.Errorf("the place is %+v, %v", m, err)
	}
	if m, err = p.Seek(t.Context(), 3500*time.Millisecond); err != nil || !m.Paused {
		t.Errorf("in a pause: %+v, %v", m, err)
	}
	if m, err = p.Seek(t.Context(), time.Hour); err != nil || m.Next != -1 {
		t.Errorf("at the end: %+v, %v", m, err)
	}
	var marks []string
	changes, inputs := 0, 0
	for more := true; more; {
		pulse, left := p.Look(t.Context())
		more = left
		changes, inputs = changes+len(pulse.Changes), inputs+len(pulse.Inputs)
		for _, m := range pulse.Marks {
			marks = append(marks, m.Text)
		}
	}
	want := "mark 0, mark 1, mark 2, mark 3, paused by the user, the user went on, clipboard to the device: 4 bytes"
	if changes != 4 || inputs != 4 || strings.Join(marks, ", ") != want || p.Broken() != "" {
		t.Errorf("%d changes, %d inputs, marks %q, %s", changes, inputs, marks, p.Broken())
	}
	var out bytes.Buffer
	if err := Play(t.Context(), plain(&out), dir); err != nil || !strings.Contains(out.String(), "003.frames") {
		t.Errorf("played plainly: %v, %s", err, out.String())
	}
	out.Reset()
	if err := Play(t.Context(), plain(&out), filepath.Join(dir, "003.frames")); err != nil || !strings.Contains(out.String(), "00:04 long") {
		t.Errorf("a single frame log: %v, %s", err, out.String())
	}
}

func decode(t *testing.T, path string) image.Image {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func wantColour(t *testing.T, img image.Image, i int) {
	t.Helper()
	c := colours()[i]
	if got := color.NRGBAModel.Convert(img.At(3, 3)); got != (color.NRGBA{c[0], c[1], c[2], 255}) {
		t.Errorf("the picture shows %v, not %v", got, c)
	}
}

func TestExportImages(t *testing.T) {
	dir, to := withScreen(t), t.TempDir()
	for i, at := range []time.Duration{0, time.Second, 2900 * time.Millisecond, Last} {
		file := filepath.Join(to, fmt.Sprint(i, ".png"))
		if err := PNG(t.Context(), dir, file, at); err != nil {
			t.Fatal(err)
		}
		img := decode(t, file)
		if img.Bounds() != image.Rect(0, 0, 61, 41) {
			t.Errorf("the image is %v", img.Bounds())
		}
		wantColour(t, img, i)
	}
	if err := PNG(t.Context(), dir, filepath.Join(to, "0.png"), 0); err == nil || !strings.Contains(err.Error(), "there already") {
		t.Errorf("a file was written over: %v", err)
	}
	told := 0
	sheet := filepath.Join(to, "sheet.png")
	if err := Contact(t.Context(), dir, sheet, Export{Progress: func(done, of time.Duration) { told++ }}); err != nil {
		t.Fatal(err)
	}
	img := decode(t, sheet)
	if img.Bounds().Dx() != 4*(contactWidth+contactGap)+contactGap || told != 4 {
		t.Errorf("a sheet of %v, %d pictures", img.Bounds(), told)
	}
	for i, c := range colours() {
		if got := color.NRGBAModel.Convert(img.At(contactGap+i*(contactWidth+contactGap)+20, contactGap+20)); got != (color.NRGBA{c[0], c[1], c[2], 255}) {
			t.Errorf("picture %d of the sheet shows %v", i, got)
		}
	}
	shell := record(t)
	if err := PNG(t.Context(), shell, filepath.Join(to, "no.png"), 0); !errors.Is(err, errNoScreen) {
		t.Errorf("a visit without a screen: %v", err)
	}
	if err := APNG(t.Context(), dir, filepath.Join(to, "no.png"), Export{From: time.Minute}); err == nil {
		t.Error("a film was made of a time that wasn't recorded")
	}
	if _, err := os.Stat(filepath.Join(to, "no.png")); !errors.Is(err, os.ErrNotExist) {
		t.Error("a file was left of what could not be made")
	}
}

// pictureOf is what ffmpeg finds in a film at a time.
func pictureOf(t *testing.T, film, at string) image.Image {
	t.Helper()
	out, err := exec.Command("ffmpeg", "-v", "error", "-i", film, "-ss", at, "-frames:v", "1", "-f", "image2pipe", "-c:v", "png", "-").Output()
	if err != nil {
		t.Fatalf("%s: %v", film, err)
	}
	img, err := png.Decode(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// TestExportFilms: another program finds in the films what was shown when.
func TestExportFilms(t *testing.T) {
	dir, to := withScreen(t), t.TempDir()
	apng := filepath.Join(to, "film.png")
	if err := APNG(t.Context(), dir, apng, Export{}); err != nil {
		t.Fatal(err)
	}
	wantColour(t, decode(t, apng), 0) // who knows no animation sees the first picture
	for i, at := range []string{"0", "0.9", "1.9"} {
		wantColour(t, pictureOf(t, apng, at), i)
	}
	for _, kind := range []Video{MP4, WebM} {
		film := filepath.Join(to, "film."+string(kind))
		if err := Film(t.Context(), dir, film, kind, Export{From: time.Second, To: 3 * time.Second}); err != nil {
			t.Fatal(err)
		}
		img := pictureOf(t, film, "1.5")
		r, g, b, _ := img.At(3, 3).RGBA()
		if img.Bounds() != image.Rect(0, 0, 62, 42) || b>>8 < 150 || r>>8 > 60 || g>>8 > 60 {
			t.Errorf("%s: %v, red %d, green %d, blue %d", kind, img.Bounds(), r>>8, g>>8, b>>8)
		}
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	gone := filepath.Join(to, "gone.mp4")
	if err := Film(stopped, dir, gone, MP4, Export{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a film that was cancelled: %v", err)
	}
	if _, err := os.Stat(gone); !errors.Is(err, os.ErrNotExist) {
		t.Error("half of a film was left")
	}
	t.Setenv("PATH", to)
	if err := Film(t.Context(), dir, gone, MP4, Export{}); !errors.Is(err, ErrNoEncoder) {
		t.Errorf("without ffmpeg: %v", err)
	}
}

// TestServe: a viewer on loopback sees a replay to its last picture.
func TestServe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.frames")
	filmed(t, path)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ready, over := make(chan struct{}), make(chan error, 1)
	go func() { over <- Serve(ctx, nil, path, l, func() { close(ready) }) }()
	<-ready
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	last := make(chan struct{})
	client, err := rfb.NewClient(conn, rfb.ClientOptions{
		Change: func(func(rfb.State) rfb.State) {},
		Commit: func(f *rfb.Frame, _ rfb.Damage) error {
			if px := f.Row(3, 3, 1); px[2] == 200 && px[1] == 200 {
				close(last)
				return io.EOF
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = client.Run() }()
	select {
	case <-last:
	case <-time.After(time.Minute):
		t.Error("the last picture was not shown")
	}
	cancel()
	if err := <-over; !errors.Is(err, context.Canceled) {
		t.Errorf("the replay ended with %v", err)
	}
	l, err = net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := Serve(t.Context(), nil, record(t), l, func() {}); !errors.Is(err, errNoScreen) {
		t.Errorf("a visit without a screen: %v", err)
	}
}
