package picture

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"

	"github.com/klauspost/compress/zlib"
)

// kitty speaks the terminal graphics protocol of kitty, which others have too.
// The picture is a grid of images, each with a number of its own, so that what
// changed is sent alone. It uses no more of the protocol than those others have:
// no animation, and no placement without an image of its own.
type kitty struct {
	second []bool // the image of this tile now has the second of its two numbers
	drawn  []bool // it has one at all
	tiles  int    // of the picture now; there may be images of a larger one before
	pixels []byte
	packed bytes.Buffer
	zip    *zlib.Writer
}

const (
	// firstImage is the number of the first image. Numbers are the terminal's,
	// so that a high one keeps clear of those of other programs.
	firstImage = 0x41630000
	// chunk is the most that one sequence may carry, in bytes of base64.
	chunk = 4096
	// How large a tile is, in cells: small enough for a line that is typed,
	// large enough for what each image costs.
	tileColumns, tileRows = 16, 4
)

func (k *kitty) tile(p Place) image.Point {
	return image.Pt(p.Cell.X*tileColumns, p.Cell.Y*tileRows)
}

func (k *kitty) forget(tiles int) {
	k.tiles = tiles
	if tiles > len(k.drawn) {
		k.second = append(k.second, make([]bool, tiles-len(k.second))...)
		k.drawn = append(k.drawn, make([]bool, tiles-len(k.drawn))...)
	}
}

// flush takes away what is left of a picture that had more tiles.
func (k *kitty) flush(dst []byte) []byte { return k.removeFrom(dst, k.tiles) }

// draw puts a new image over the old one and then deletes that, so that there is
// no moment without one.
func (k *kitty) draw(dst []byte, p *Place, c *canvas, i int) []byte {
	r := c.bounds(i)
	old := k.number(i)
	replaces := k.drawn[i]
	k.second[i], k.drawn[i] = !k.second[i], true
	dst = moveTo(dst, p.Cells.Min.Add(image.Pt(r.Min.X/p.Cell.X, r.Min.Y/p.Cell.Y)))
	size := r.Size()
	pixels := k.take(c, r)
	if plain(pixels) {
		size, pixels = image.Pt(1, 1), pixels[:3]
	}
	// a=T: send and show; f=24: red, green, blue; o=z: zlib; C=1: the cursor
	// stays; q=2: no answer, whatever happens.
	head := fmt.Sprintf("a=T,q=2,f=24,o=z,C=1,i=%d,s=%d,v=%d,c=%d,r=%d,",
		k.number(i), size.X, size.Y, r.Dx()/p.Cell.X, r.Dy()/p.Cell.Y)
	dst = chunks(dst, head, k.pack(pixels))
	if replaces {
		dst = remove(dst, old)
	}
	return dst
}

// number is that of a tile's image.
func (k *kitty) number(i int) int {
	n := firstImage + 2*i
	if k.second[i] {
		n++
	}
	return n
}

// take copies the pixels of a tile.
func (k *kitty) take(c *canvas, r image.Rectangle) []byte {
	k.pixels = k.pixels[:0]
	for y := r.Min.Y; y < r.Max.Y; y++ {
		k.pixels = append(k.pixels, c.row(y, r.Min.X, r.Max.X)...)
	}
	return k.pixels
}

// plain reports whether all pixels are one.
func plain(pixels []byte) bool { return bytes.Equal(pixels[3:], pixels[:len(pixels)-3]) }

// pack compresses (RFC 1950).
func (k *kitty) pack(p []byte) []byte {
	k.packed.Reset()
	if k.zip == nil {
		k.zip, _ = zlib.NewWriterLevel(&k.packed, zlib.DefaultCompression) // the level is a valid one
	}
	k.zip.Reset(&k.packed)
	_, _ = k.zip.Write(p) // a buffer takes everything
	_ = k.zip.Close()
	return k.packed.Bytes()
}

// chunks appends data in as many sequences as it takes; only the first has the
// head.
func chunks(dst []byte, head string, data []byte) []byte {
	const most = chunk / 4 * 3
	for first := true; first || len(data) > 0; first = false {
		n := min(len(data), most)
		dst = append(dst, "\x1b_G"...)
		if first {
			dst = append(dst, head...)
		} else {
			dst = append(dst, "q=2,"...)
		}
		if n < len(data) {
			dst = append(dst, "m=1;"...)
		} else {
			dst = append(dst, "m=0;"...)
		}
		dst = base64.StdEncoding.AppendEncode(dst, data[:n])
		dst = append(dst, "\x1b\\"...)
		data = data[n:]
	}
	return dst
}

// remove deletes an image and frees its memory.
func remove(dst []byte, number int) []byte {
	return fmt.Appendf(dst, "\x1b_Ga=d,d=I,q=2,i=%d\x1b\\", number)
}

func (k *kitty) erase(dst []byte) []byte { return k.removeFrom(dst, 0) }

// removeFrom deletes the images of the tiles from first on.
func (k *kitty) removeFrom(dst []byte, first int) []byte {
	for i := first; i < len(k.drawn); i++ {
		if k.drawn[i] {
			dst = remove(dst, k.number(i))
			k.drawn[i] = false
		}
	}
	return dst
}
