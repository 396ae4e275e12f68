package replay

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/draw"
	"image/png"
	"io"
	"os"
	"time"
)

// apngEvery is the least time between two pictures of an animated PNG.
const apngEvery = 200 * time.Millisecond

// apngHold is how long the last picture stays before the film begins again.
const apngHold = 2 * time.Second

// APNG writes the screen as an animated PNG (PNG specification, third edition):
// each picture as the rectangle in which it differs from the one before.
func APNG(ctx context.Context, path, file string, e Export) error {
	f, err := openFilm(path, e)
	if err != nil {
		return err
	}
	defer f.close()
	times, err := f.times(ctx, apngEvery)
	if err != nil {
		return err
	}
	return create(file, func(to *os.File) error {
		w := &apng{to: bufio.NewWriterSize(to, 1<<20)}
		w.begin(f.canvas.Bounds(), len(times))
		for i, t := range times {
			img, err := f.at(ctx, t)
			if err != nil {
				return err
			}
			hold := apngHold
			if i+1 < len(times) {
				hold = times[i+1] - t
			}
			if err := w.frame(img, hold); err != nil {
				return err
			}
			f.tell(t)
		}
		w.chunk("IEND", nil)
		if w.err != nil {
			return w.err
		}
		return w.to.Flush()
	})
}

// apng writes an animation. The first error is for ever.
type apng struct {
	to   *bufio.Writer
	seq  uint32
	last *image.RGBA // the picture before; nil at first
	err  error
}

func (w *apng) chunk(kind string, data ...[]byte) {
	n := 0
	for _, d := range data {
		n += len(d)
	}
	sum := crc32.NewIEEE()
	var head [8]byte
	binary.BigEndian.PutUint32(head[:], uint32(n))
	copy(head[4:], kind)
	sum.Write(head[4:])
	w.write(head[:])
	for _, d := range data {
		sum.Write(d)
		w.write(d)
	}
	w.write(binary.BigEndian.AppendUint32(nil, sum.Sum32()))
}

func (w *apng) write(b []byte) {
	if w.err == nil {
		_, w.err = w.to.Write(b)
	}
}

// begin writes what comes before the pictures: 8 bits of red, green, blue.
func (w *apng) begin(size image.Rectangle, frames int) {
	w.write([]byte("\x89PNG\r\n\x1a\n"))
	head := binary.BigEndian.AppendUint32(nil, uint32(size.Dx()))
	head = binary.BigEndian.AppendUint32(head, uint32(size.Dy()))
	w.chunk("IHDR", append(head, 8, 2, 0, 0, 0))
	count := binary.BigEndian.AppendUint32(nil, uint32(frames))
	w.chunk("acTL", binary.BigEndian.AppendUint32(count, 0)) // again and again
}

// frame writes a picture that is shown for a time.
func (w *apng) frame(img *image.RGBA, hold time.Duration) error {
	r := img.Bounds()
	if w.last == nil {
		w.last = image.NewRGBA(r)
	} else {
		r = differs(w.last, img)
	}
	draw.Draw(w.last, r, img, r.Min, draw.Src)
	data, err := idat(img.SubImage(r))
	if err != nil {
		return err
	}
	first := w.seq == 0
	control := w.number()
	for _, n := range []int{r.Dx(), r.Dy(), r.Min.X, r.Min.Y} {
		control = binary.BigEndian.AppendUint32(control, uint32(n))
	}
	// Hundredths of a second; a longer time than the format has is its longest.
	control = binary.BigEndian.AppendUint16(control, uint16(min(hold.Milliseconds()/10, 0xffff)))
	control = binary.BigEndian.AppendUint16(control, 100)
	w.chunk("fcTL", append(control, 0, 0))
	if first {
		w.chunk("IDAT", data)
	} else {
		w.chunk("fdAT", w.number(), data)
	}
	return w.err
}

func (w *apng) number() []byte {
	w.seq++
	return binary.BigEndian.AppendUint32(nil, w.seq-1)
}

// differs is the rectangle around all that differs; one pixel where nothing does.
func differs(a, b *image.RGBA) image.Rectangle {
	var all image.Rectangle
	size := a.Bounds()
	for y := range size.Dy() {
		was, is := a.Pix[y*a.Stride:][:4*size.Dx()], b.Pix[y*b.Stride:][:4*size.Dx()]
		if bytes.Equal(was, is) {
			continue
		}
		left, right := 0, size.Dx()
		for bytes.Equal(was[4*left:4*left+4], is[4*left:4*left+4]) {
			left++
		}
		for bytes.Equal(was[4*right-4:4*right], is[4*right-4:4*right]) {
			right--
		}
		all = all.Union(image.Rect(left, y, right, y+1))
	}
	if all.Empty() {
		return image.Rect(0, 0, 1, 1)
	}
	return all
}

// idat is the data of a picture as a PNG has it.
func idat(img image.Image) ([]byte, error) {
	var file bytes.Buffer
	if err := png.Encode(&file, img); err != nil {
		return nil, err
	}
	var data []byte
	for b := file.Bytes()[8:]; len(b) >= 12; {
		n := int(binary.BigEndian.Uint32(b))
		if string(b[4:8]) == "IDAT" {
			data = append(data, b[8:8+n]...)
		}
		b = b[12+n:]
	}
	if len(data) == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	return data, nil
}
