package rfb

import (
	"encoding/binary"
	"image"
	"io"
)

// clearLast zeroes the byte of each pixel that has no colour in it. A server may
// send anything there.
func clearLast(row []byte) {
	for i := pixel - 1; i < len(row); i += pixel {
		row[i] = 0
	}
}

// raw reads pixels as they are (RFC 6143, section 7.7.1).
func (c *Client) raw(r image.Rectangle) error { return c.pixels(c.in, r) }

// pixels fills r with pixels of four bytes.
func (c *Client) pixels(from io.Reader, r image.Rectangle) error {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := c.frame.Row(r.Min.X, y, r.Dx())
		if _, err := io.ReadFull(from, row); err != nil {
			return err
		}
		clearLast(row)
	}
	return nil
}

// copyRect moves pixels within the frame (RFC 6143, section 7.7.2).
func (c *Client) copyRect(u *update, to image.Rectangle) error {
	b, err := c.head(4)
	if err != nil {
		return err
	}
	from := image.Pt(int(binary.BigEndian.Uint16(b)), int(binary.BigEndian.Uint16(b[2:])))
	if from.X+to.Dx() > c.frame.Width || from.Y+to.Dy() > c.frame.Height {
		return broken("a copy of %d by %d pixels from %d, %d on a screen of %d by %d",
			to.Dx(), to.Dy(), from.X, from.Y, c.frame.Width, c.frame.Height)
	}
	c.frame.Move(to, from)
	u.copied(Copy{To: to, From: from})
	return nil
}

// Bits of a Hextile tile's first byte (RFC 6143, section 7.7.4).
const (
	hexRaw = 1 << iota
	hexBackground
	hexForeground
	hexSubrects
	hexColoured
	hexAll = 1<<iota - 1
)

// hextiles reads tiles of 16 by 16 pixels, each of them raw or a background with
// rectangles on it. Colours that a tile doesn't name are those of the one before.
func (c *Client) hextiles(r image.Rectangle) error {
	clear(c.hextile[:])
	for y := r.Min.Y; y < r.Max.Y; y += 16 {
		for x := r.Min.X; x < r.Max.X; x += 16 {
			if err := c.hextileAt(image.Rect(x, y, x+16, y+16).Intersect(r)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Client) hextileAt(tile image.Rectangle) error {
	kind, err := c.in.ReadByte()
	if err != nil {
		return err
	}
	if kind&hexRaw != 0 {
		return c.pixels(c.in, tile)
	}
	if kind > hexAll {
		return broken("a Hextile tile of kind %d", kind)
	}
	for i := range c.hextile {
		if kind&(hexBackground<<i) != 0 {
			if _, err := io.ReadFull(c.in, c.hextile[i][:]); err != nil {
				return err
			}
		}
	}
	c.fill(tile, c.hextile[0])
	if kind&hexSubrects == 0 {
		return nil
	}
	n, err := c.in.ReadByte()
	if err != nil {
		return err
	}
	for range n {
		if err := c.subrect(tile, kind&hexColoured != 0); err != nil {
			return err
		}
	}
	return nil
}

// subrect paints one rectangle on a Hextile tile.
func (c *Client) subrect(tile image.Rectangle, coloured bool) error {
	colour := c.hextile[1]
	if coloured {
		if _, err := io.ReadFull(c.in, colour[:]); err != nil {
			return err
		}
	}
	b, err := c.head(2)
	if err != nil {
		return err
	}
	at := tile.Min.Add(image.Pt(int(b[0]>>4), int(b[0]&15)))
	r := image.Rectangle{Min: at, Max: at.Add(image.Pt(int(b[1]>>4)+1, int(b[1]&15)+1))}
	if !r.In(tile) {
		return broken("a rectangle that juts out of its Hextile tile")
	}
	c.fill(r, colour)
	return nil
}

func (c *Client) fill(r image.Rectangle, colour [pixel]byte) {
	c.frame.Fill(r, colour[0], colour[1], colour[2])
}
