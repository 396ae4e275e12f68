package replay

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"os"
	"time"

	"accord/recordings/rfb"
)

// Export says what is made of a recorded screen.
type Export struct {
	// From and To bound the time; To 0 is the end.
	From, To time.Duration
	// Progress, if not nil, is told how much of the time is done.
	Progress func(done, of time.Duration)
}

// film is a recorded screen that is exported.
type film struct {
	Export
	*pictures
	canvas *image.RGBA
}

// openFilm opens a frame log, or the first one of a visit's folder.
func openFilm(path string, e Export) (*film, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("there is nothing to export: %w", err)
	}
	if info.IsDir() {
		logs, err := numbered(path, ".frames")
		if err != nil {
			return nil, err
		}
		if len(logs) == 0 {
			return nil, errNoScreen
		}
		path = logs[0]
	}
	p, err := openPictures(path, nil)
	if err != nil {
		return nil, err
	}
	f := &film{Export: e, pictures: p}
	if f.To <= 0 || f.To > p.log.Length() {
		f.To = p.log.Length()
	}
	if f.From > f.To {
		p.close()
		return nil, fmt.Errorf("the screen was recorded for %s, and %s is after that", p.log.Length().Round(time.Second), f.From.Round(time.Second))
	}
	width, height := p.log.Size()
	if width == 0 {
		p.close()
		return nil, errors.New("no picture of the screen was recorded")
	}
	f.canvas = image.NewRGBA(image.Rect(0, 0, width, height))
	return f, nil
}

// at is the picture of a time, in the upper left corner of one that is as large
// as the largest.
func (f *film) at(ctx context.Context, t time.Duration) (*image.RGBA, error) {
	if err := f.play.Seek(ctx, t); err != nil {
		return nil, err
	}
	f.play.Events()
	frame := f.play.Frame()
	if frame == nil {
		return nil, errors.New("no picture of the screen can be read")
	}
	size := f.canvas.Bounds()
	for y := range size.Dy() {
		to := f.canvas.Pix[y*f.canvas.Stride:][:4*size.Dx()]
		n := 0
		if y < frame.Height {
			row := frame.Row(0, y, frame.Width)
			for ; n < len(row); n += 4 {
				to[n], to[n+1], to[n+2], to[n+3] = row[n+2], row[n+1], row[n], 255
			}
		}
		for ; n < len(to); n += 4 {
			to[n], to[n+1], to[n+2], to[n+3] = 0, 0, 0, 255
		}
	}
	f.drawPointer(f.play.State(), image.Rect(0, 0, frame.Width, frame.Height))
	return f.canvas, nil
}

// drawPointer draws the device's pointer, where it has told of one.
func (f *film) drawPointer(s rfb.State, whole image.Rectangle) {
	c := s.Cursor
	if c == nil || s.Pointer == (image.Point{}) {
		return
	}
	for y := range c.Height {
		for x := range c.Width {
			at := s.Pointer.Sub(c.Hot).Add(image.Pt(x, y))
			px := c.Pix[4*(y*c.Width+x):]
			if px[3] == 0 || !at.In(whole) {
				continue
			}
			to := f.canvas.Pix[f.canvas.PixOffset(at.X, at.Y):]
			to[0], to[1], to[2] = px[2], px[1], px[0]
		}
	}
}

func (f *film) tell(t time.Duration) {
	if f.Progress != nil {
		f.Progress(t-f.From, f.To-f.From)
	}
}

// create makes a file that must not exist, and fills it; what can't be finished
// is removed.
func create(path string, fill func(*os.File) error) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s is there already: name another file", path)
	}
	if err != nil {
		return err
	}
	err = fill(file)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// PNG writes the picture of a time.
func PNG(ctx context.Context, path, file string, at time.Duration) error {
	f, err := openFilm(path, Export{})
	if err != nil {
		return err
	}
	defer f.close()
	img, err := f.at(ctx, min(at, f.To))
	if err != nil {
		return err
	}
	return create(file, func(to *os.File) error { return png.Encode(to, img) })
}

// Last is a time behind the end of every recording.
const Last = 1<<63 - 1

// times gives the moments at which the picture is another, within the film's
// bounds: at most one in every, and always the last.
func (f *film) times(ctx context.Context, every time.Duration) ([]time.Duration, error) {
	list, newest := []time.Duration{f.From}, f.From
	for i := range f.log.Chunks() {
		a, err := f.log.Activity(ctx, i)
		if err != nil {
			return nil, err
		}
		for _, t := range a.Pictures {
			if t <= f.From || t > f.To {
				continue
			}
			if newest = t; t-list[len(list)-1] >= every {
				list = append(list, t)
			}
		}
	}
	if last := list[len(list)-1]; newest > last {
		list = append(list, newest)
	}
	return list, nil
}
