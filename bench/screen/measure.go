//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"time"

	"accord/recordings/framelog"
	"accord/recordings/rfb"
)

// result is what a film costs. Bytes are those of the film's length, processor
// times those of its length too.
type result struct {
	name   string
	length time.Duration

	raw, zrle, pngs, x264, log int
	budget                     int // of the log when video may become JPEG

	decodeCPU, logCPU, pngCPU, x264CPU time.Duration

	seeks    []time.Duration // sorted
	seeksCPU []time.Duration // likewise, of processor time
	heap     uint64          // of a client, its screen and the log's writer, in use
	same     bool            // the last picture of the log is the last one received
}

// spent is the processor time that this process has used.
func spent() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/2]
}

func measure(ctx context.Context, f *film, rounds int) (result, error) {
	r := result{name: f.name, length: f.length, zrle: f.bytes()}
	var decode, log []time.Duration
	for range rounds {
		began := spent()
		raw, err := rawBytes(f)
		if err != nil {
			return r, err
		}
		decode, r.raw = append(decode, spent()-began), raw
		began = spent()
		if err := r.frameLog(f); err != nil {
			return r, err
		}
		log = append(log, spent()-began-decode[len(decode)-1])
	}
	r.decodeCPU, r.logCPU = median(decode), median(log)
	if err := r.seek(ctx, f); err != nil {
		return r, err
	}
	if err := r.memory(f); err != nil {
		return r, err
	}
	began := spent()
	if err := r.pngTiles(f); err != nil {
		return r, err
	}
	r.pngCPU = spent() - began - r.decodeCPU
	return r, r.video(ctx, f)
}

// rawBytes reads a film into a screen, and counts what it would have in RFB
// without any encoding.
func rawBytes(f *film) (n int, err error) {
	const head = 4 + 12 // of a message and a rectangle
	s := rfb.NewScreen()
	err = f.project(func(_ time.Duration, frame *rfb.Frame, d rfb.Damage) error {
		for _, r := range d.Rects {
			n += head + r.Dx()*r.Dy()*4
		}
		n += len(d.Copies) * (head + 4) // CopyRect has no pixels
		s.Commit(frame, d)
		return nil
	})
	return n, err
}

// ticks calls as the recorder looks: five times a second while there is something
// new, with the picture as it was then.
type ticks struct {
	every, due time.Duration
	fresh      bool
	look       func(now time.Duration) (more bool, err error)
}

// until lets the time pass.
func (t *ticks) until(now time.Duration) error {
	for t.due <= now && t.fresh {
		var err error
		if t.fresh, err = t.look(t.due); err != nil {
			return err
		}
		t.due += t.every
	}
	t.due = max(t.due, now/t.every*t.every)
	return nil
}

const framesEvery = time.Second / 5

// frameLog writes our format, as recordings.Frames does, and reads its end.
func (r *result) frameLog(f *film) error {
	var kept bytes.Buffer
	last, err := record(f, true, &kept, nil)
	if err != nil {
		return err
	}
	r.log = kept.Len()
	_, p, err := play(kept.Bytes())
	if err != nil {
		return err
	}
	defer p.Close()
	if err := p.Seek(context.Background(), f.length); err != nil {
		return err
	}
	r.same = p.Frame() != nil && bytes.Equal(p.Frame().Pix, last.Pix)
	return nil
}

func play(kept []byte) (*framelog.Reader, *framelog.Player, error) {
	file, err := framelog.Open(bytes.NewReader(kept), int64(len(kept)))
	if err != nil {
		return nil, nil, err
	}
	p, err := file.Play()
	return file, p, err
}

// record writes a frame log of a film and returns the last picture. After each
// update it calls beside.
func record(f *film, strict bool, out io.Writer, beside func(now time.Duration)) (*rfb.Frame, error) {
	w, err := framelog.NewWriter(out, framelog.Meta{Start: time.Now(), Name: f.name, Rate: 5, Strict: strict})
	if err != nil {
		return nil, err
	}
	s := rfb.NewScreen()
	v := s.View()
	defer v.Close()
	t := ticks{every: framesEvery}
	t.look = func(now time.Duration) (bool, error) {
		v.Take(func(c rfb.Changes) { w.Look(now, c) })
		for _, part := range w.PutOff() {
			v.Invalidate(part)
		}
		if err := w.Put(now); err != nil {
			return false, err
		}
		if w.Waits(now) >= 600*time.Millisecond {
			if err := w.Flush(); err != nil {
				return false, err
			}
		}
		return w.Waits(now) > 0 || w.Unsettled(), nil
	}
	err = f.project(func(now time.Duration, frame *rfb.Frame, d rfb.Damage) error {
		if err := t.until(now); err != nil {
			return err
		}
		s.Commit(frame, d)
		t.fresh = true
		if beside != nil {
			beside(now)
		}
		return nil
	})
	if err == nil {
		err = t.until(f.length)
	}
	if err != nil {
		return nil, err
	}
	w.Finish()
	v.Take(func(c rfb.Changes) { w.Look(f.length, c) })
	return shownBy(s), w.Close(f.length)
}

// shownBy is a copy of the picture of a screen. The client's own may hold half of
// an update, when a film ends within a message.
func shownBy(s *rfb.Screen) (f *rfb.Frame) {
	v := s.View()
	defer v.Close()
	v.Take(func(c rfb.Changes) {
		f = &rfb.Frame{Width: c.Frame.Width, Height: c.Frame.Height, Pix: bytes.Clone(c.Frame.Pix)}
	})
	return f
}

// memory is what a client, its screen and the log's writer have in use, in the
// middle of a film, and the log's size when video may become JPEG.
func (r *result) memory(f *film) error {
	inUse := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := inUse()
	var size counter
	_, err := record(f, false, &size, func(now time.Duration) {
		if r.heap == 0 && now > f.length/2 {
			r.heap = inUse() - before
		}
	})
	r.budget = int(size)
	return err
}

// seek goes to times in a frame log of the film, to and fro.
func (r *result) seek(ctx context.Context, f *film) error {
	var kept bytes.Buffer
	if _, err := record(f, true, &kept, nil); err != nil {
		return err
	}
	file, p, err := play(kept.Bytes())
	if err != nil {
		return err
	}
	defer p.Close()
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		at := time.Duration(random.Int64N(int64(file.Length()) + 1))
		began, beganCPU := time.Now(), spent()
		if err := p.Seek(ctx, at); err != nil {
			return err
		}
		r.seeks, r.seeksCPU = append(r.seeks, time.Since(began)), append(r.seeksCPU, spent()-beganCPU)
	}
	slices.Sort(r.seeks)
	slices.Sort(r.seeksCPU)
	return nil
}

// watched calls look with the picture that is shown, at a steady pace while there
// is something new, or always.
func watched(f *film, every time.Duration, always bool, look func(*rfb.Frame) error) error {
	var shown *rfb.Frame
	t := ticks{every: every, look: func(time.Duration) (bool, error) { return always, look(shown) }}
	err := f.project(func(now time.Duration, frame *rfb.Frame, _ rfb.Damage) error {
		if err := t.until(now); err != nil {
			return err
		}
		if shown == nil {
			var err error
			if shown, err = rfb.NewFrame(frame.Width, frame.Height); err != nil {
				return err
			}
		}
		if frame.Width != shown.Width || frame.Height != shown.Height {
			return errors.New("the screen changed its size, which the other formats can't keep")
		}
		copy(shown.Pix, frame.Pix)
		t.fresh = true
		return nil
	})
	if err != nil {
		return err
	}
	return t.until(f.length)
}

// pngTiles counts what tiles of 128 by 128 pixels take as PNG, five times a
// second, those that have not changed left out.
func (r *result) pngTiles(f *film) error {
	const side = 128
	shadow, err := rfb.NewFrame(f.width, f.height)
	if err != nil {
		return err
	}
	var size counter
	encoder := png.Encoder{CompressionLevel: png.BestSpeed}
	err = watched(f, framesEvery, false, func(current *rfb.Frame) error {
		for y := 0; y < current.Height; y += side {
			for x := 0; x < current.Width; x += side {
				at := image.Rect(x, y, x+side, y+side).Intersect(current.Bounds())
				if equal(shadow, current, at) {
					continue
				}
				shadow.CopyFrom(current, at)
				if err := encoder.Encode(&size, opaque(current, at)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	r.pngs = int(size)
	return err
}

func equal(a, b *rfb.Frame, part image.Rectangle) bool {
	for y := part.Min.Y; y < part.Max.Y; y++ {
		if !bytes.Equal(a.Row(part.Min.X, y, part.Dx()), b.Row(part.Min.X, y, part.Dx())) {
			return false
		}
	}
	return true
}

// counter counts what is written to it.
type counter int

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}

// opaque is a part of a picture as the standard library has it.
func opaque(f *rfb.Frame, at image.Rectangle) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, at.Dx(), at.Dy()))
	for y := range at.Dy() {
		row := f.Row(at.Min.X, at.Min.Y+y, at.Dx())
		for x := 0; x < len(row); x += 4 {
			copy(m.Pix[y*m.Stride+x:], []byte{row[x+2], row[x+1], row[x], 255})
		}
	}
	return m
}

// video counts what x264 makes of it at ten pictures a second, and what it costs.
func (r *result) video(ctx context.Context, f *film) error {
	c := exec.CommandContext(ctx, "ffmpeg", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "bgr0",
		"-s", strconv.Itoa(f.width)+"x"+strconv.Itoa(f.height), "-r", "10", "-i", "-", "-c:v", "libx264", "-preset", "ultrafast",
		"-f", "matroska", "-")
	var size counter
	c.Stdout, c.Stderr = &size, os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return fmt.Errorf("x264: %w", err)
	}
	err = watched(f, time.Second/10, true, func(current *rfb.Frame) error {
		_, err := in.Write(current.Pix)
		return err
	})
	err = errors.Join(err, in.Close(), c.Wait())
	r.x264, r.x264CPU = int(size), c.ProcessState.UserTime()+c.ProcessState.SystemTime()
	return err
}
