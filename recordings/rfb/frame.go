package rfb

import (
	"errors"
	"fmt"
	"image"
)

// Bounds of a framebuffer, checked before it is allocated.
const (
	MaxSide   = 8192        // pixels, each way
	MaxPixels = 7680 * 4320 // in all
)

// ErrSize reports a framebuffer that is too large, or has no pixels.
var ErrSize = errors.New("the screen has a size that is not served")

// CheckSize refuses what no [Frame] can have.
func CheckSize(width, height int) error {
	if width < 1 || height < 1 || width > MaxSide || height > MaxSide || width*height > MaxPixels {
		return fmt.Errorf("%w: %d by %d pixels, at most %d each way and %d in all", ErrSize, width, height, MaxSide, MaxPixels)
	}
	return nil
}

// pixel is the size of one, in bytes.
const pixel = 4

// Frame is a picture. A pixel has four bytes: blue, green, red, and one that is
// always 0. Rows follow each other without a gap. It is not for concurrent use.
type Frame struct {
	Width, Height int
	Pix           []byte
}

// NewFrame is a black picture.
func NewFrame(width, height int) (*Frame, error) {
	if err := CheckSize(width, height); err != nil {
		return nil, err
	}
	return &Frame{Width: width, Height: height, Pix: make([]byte, width*height*pixel)}, nil
}

// Bounds is the whole picture.
func (f *Frame) Bounds() image.Rectangle { return image.Rect(0, 0, f.Width, f.Height) }

// Row is the part of a row from x to x+width, to be read or written in place.
func (f *Frame) Row(x, y, width int) []byte {
	at := (y*f.Width + x) * pixel
	return f.Pix[at : at+width*pixel : at+width*pixel]
}

// Fill paints r, which lies within the picture.
func (f *Frame) Fill(r image.Rectangle, blue, green, red byte) {
	if r.Empty() {
		return
	}
	first := f.Row(r.Min.X, r.Min.Y, r.Dx())
	for i := 0; i < len(first); i += pixel {
		first[i], first[i+1], first[i+2], first[i+3] = blue, green, red, 0
	}
	for y := r.Min.Y + 1; y < r.Max.Y; y++ {
		copy(f.Row(r.Min.X, y, r.Dx()), first)
	}
}

// Move copies the pixels at from, as many as to has, to to; the two may overlap,
// and both lie within the picture.
func (f *Frame) Move(to image.Rectangle, from image.Point) {
	for i := range to.Dy() {
		if to.Min.Y > from.Y {
			i = to.Dy() - 1 - i
		}
		copy(f.Row(to.Min.X, to.Min.Y+i, to.Dx()), f.Row(from.X, from.Y+i, to.Dx()))
	}
}

// CopyFrom takes r, which lies within both pictures, from another one.
func (f *Frame) CopyFrom(from *Frame, r image.Rectangle) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		copy(f.Row(r.Min.X, y, r.Dx()), from.Row(r.Min.X, y, r.Dx()))
	}
}

// Cursor is the shape of a mouse pointer. It is not changed once it is made. One
// without pixels is invisible.
type Cursor struct {
	Width, Height int
	Hot           image.Point
	Pix           []byte // blue, green, red, and 255 where it covers, else 0
}

// Monitor is one of the monitors that a framebuffer is shown on.
type Monitor struct {
	ID     uint32
	Bounds image.Rectangle
	Flags  uint32
}

// Copy moves pixels: those at From to To.
type Copy struct {
	To   image.Rectangle
	From image.Point
}
