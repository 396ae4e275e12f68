package rfb

import (
	"image"
	"io"
)

// maxCursor bounds the shape of a pointer, in pixels each way.
const maxCursor = 1024

// newCursor is one whose pixels are to be filled in. One without any is invisible.
func newCursor(hot image.Point, width, height int) (*Cursor, error) {
	if width > maxCursor || height > maxCursor {
		return nil, broken("a pointer of %d by %d pixels", width, height)
	}
	if width == 0 || height == 0 {
		return &Cursor{}, nil
	}
	hot.X, hot.Y = min(hot.X, width-1), min(hot.Y, height-1)
	return &Cursor{Width: width, Height: height, Hot: hot, Pix: make([]byte, width*height*pixel)}, nil
}

// bit reports pixel x, y of a bitmap whose rows are whole bytes.
func bit(bitmap []byte, width, x, y int) bool {
	return bitmap[y*((width+7)/8)+x/8]&(0x80>>(x%8)) != 0
}

// cursor reads pixels and a bitmap of those that cover (RFC 6143, section 7.8.1).
func (c *Client) cursor(hot image.Point, width, height int) error {
	shape, err := newCursor(hot, width, height)
	if err != nil {
		return err
	}
	mask := make([]byte, (shape.Width+7)/8*shape.Height)
	if _, err := io.ReadFull(c.in, shape.Pix); err != nil {
		return err
	}
	if _, err := io.ReadFull(c.in, mask); err != nil {
		return err
	}
	for y := range shape.Height {
		for x := range shape.Width {
			p := shape.Pix[(y*width+x)*pixel:][:pixel]
			if bit(mask, width, x, y) {
				p[3] = 255
			} else {
				clear(p)
			}
		}
	}
	c.state.Cursor = shape
	return nil
}

// xCursor reads two colours, and bitmaps of which is where and of what covers.
func (c *Client) xCursor(hot image.Point, width, height int) error {
	shape, err := newCursor(hot, width, height)
	if err != nil {
		return err
	}
	if len(shape.Pix) == 0 {
		c.state.Cursor = shape
		return nil
	}
	var colours [6]byte // red, green, blue: of bits that are set, then of the others
	size := (width + 7) / 8 * height
	maps := make([]byte, 2*size)
	if _, err := io.ReadFull(c.in, colours[:]); err != nil {
		return err
	}
	if _, err := io.ReadFull(c.in, maps); err != nil {
		return err
	}
	for y := range height {
		for x := range width {
			if !bit(maps[size:], width, x, y) {
				continue
			}
			colour := colours[3:]
			if bit(maps, width, x, y) {
				colour = colours[:3]
			}
			copy(shape.Pix[(y*width+x)*pixel:], []byte{colour[2], colour[1], colour[0], 255})
		}
	}
	c.state.Cursor = shape
	return nil
}
