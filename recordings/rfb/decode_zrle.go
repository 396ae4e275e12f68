package rfb

import (
	"bufio"
	"errors"
	"image"
	"io"
)

// cpixel is the size of a pixel in ZRLE and Tight, whose fourth byte is left out.
const cpixel = 3

// zrleSide is that of a tile, in pixels.
const zrleSide = 64

// zrleRect reads compressed tiles (RFC 6143, section 7.7.6).
func (c *Client) zrleRect(r image.Rectangle) error {
	n, err := c.length()
	if err != nil {
		return err
	}
	tiles := ((r.Dx() + zrleSide - 1) / zrleSide) * ((r.Dy() + zrleSide - 1) / zrleSide)
	most := r.Dx()*r.Dy()*(cpixel+1) + tiles*(1+127*cpixel) // each pixel a run; each tile its kind and a palette
	if err := c.zrle.begin(n, most); err != nil {
		return err
	}
	for y := r.Min.Y; y < r.Max.Y; y += zrleSide {
		for x := r.Min.X; x < r.Max.X; x += zrleSide {
			tile := image.Rect(x, y, x+zrleSide, y+zrleSide).Intersect(r)
			if err := c.zrleTile(c.zrle.out, tile); err != nil {
				if errors.Is(err, ErrServer) {
					return err
				}
				return c.zrle.failed(err)
			}
		}
	}
	return c.zrle.end()
}

func (c *Client) zrleTile(from *bufio.Reader, tile image.Rectangle) error {
	kind, err := from.ReadByte()
	if err != nil {
		return err
	}
	if kind == 0 {
		return c.zrleRaw(from, tile)
	}
	if kind > 16 && kind < 128 || kind == 129 {
		return broken("a ZRLE tile of kind %d", kind)
	}
	palette := c.palette[:kind&127]
	for i := range palette {
		if _, err := io.ReadFull(from, palette[i][:cpixel]); err != nil {
			return err
		}
		palette[i][cpixel] = 0
	}
	switch {
	case kind == 1:
		c.fill(tile, palette[0])
		return nil
	case kind <= 16:
		return c.zrlePacked(from, tile, palette)
	}
	return c.zrleRuns(from, tile, palette)
}

// zrleRaw reads a tile whose pixels follow each other.
func (c *Client) zrleRaw(from *bufio.Reader, tile image.Rectangle) error {
	b := c.scratch[:tile.Dx()*tile.Dy()*cpixel]
	if _, err := io.ReadFull(from, b); err != nil {
		return err
	}
	for y := tile.Min.Y; y < tile.Max.Y; y++ {
		row := c.frame.Row(tile.Min.X, y, tile.Dx())
		for i := 0; i < len(row); i += pixel {
			row[i], row[i+1], row[i+2], row[i+3] = b[0], b[1], b[2], 0
			b = b[cpixel:]
		}
	}
	return nil
}

// zrlePacked reads numbers of colours of 1, 2 or 4 bits; rows are whole bytes.
func (c *Client) zrlePacked(from *bufio.Reader, tile image.Rectangle, palette [][pixel]byte) error {
	bits := 4
	switch {
	case len(palette) == 2:
		bits = 1
	case len(palette) <= 4:
		bits = 2
	}
	b := c.scratch[:(tile.Dx()*bits+7)/8]
	for y := tile.Min.Y; y < tile.Max.Y; y++ {
		if _, err := io.ReadFull(from, b); err != nil {
			return err
		}
		row := c.frame.Row(tile.Min.X, y, tile.Dx())
		for x := range tile.Dx() {
			at := x * bits
			number := int(b[at/8]>>(8-bits-at%8)) & (1<<bits - 1)
			if number >= len(palette) {
				return broken("a ZRLE tile with colour %d of %d", number, len(palette))
			}
			copy(row[x*pixel:], palette[number][:])
		}
	}
	return nil
}

// zrleRuns reads runs of equal pixels, which go on from row to row. Without a
// palette each begins with its colour; with one, a number below 128 is a single
// pixel.
func (c *Client) zrleRuns(from *bufio.Reader, tile image.Rectangle, palette [][pixel]byte) error {
	todo := tile.Dx() * tile.Dy()
	for at := 0; at < todo; {
		var colour [pixel]byte
		run := 1
		long := true
		if len(palette) == 0 {
			b := c.scratch[:cpixel]
			if _, err := io.ReadFull(from, b); err != nil {
				return err
			}
			copy(colour[:], b)
		} else {
			number, err := from.ReadByte()
			if err != nil {
				return err
			}
			long = number >= 128
			if number &= 127; int(number) >= len(palette) {
				return broken("a ZRLE tile with colour %d of %d", number, len(palette))
			}
			colour = palette[number]
		}
		if long {
			more, err := runLength(from, todo-at)
			if err != nil {
				return err
			}
			run = more
		}
		c.run(tile, at, run, colour)
		at += run
	}
	return nil
}

// runLength reads one, which is 1 and the sum of bytes of which the last is not
// 255.
func runLength(from *bufio.Reader, most int) (int, error) {
	run := 1
	for {
		b, err := from.ReadByte()
		if err != nil {
			return 0, err
		}
		if run += int(b); run > most {
			return 0, broken("a ZRLE tile with a run of more pixels than the tile has left")
		}
		if b < 255 {
			return run, nil
		}
	}
}

// run paints n pixels of a tile from the one with number at on, row by row.
func (c *Client) run(tile image.Rectangle, at, n int, colour [pixel]byte) {
	for n > 0 {
		x := at % tile.Dx()
		here := min(n, tile.Dx()-x)
		row := c.frame.Row(tile.Min.X+x, tile.Min.Y+at/tile.Dx(), here)
		for i := 0; i < len(row); i += pixel {
			row[i], row[i+1], row[i+2], row[i+3] = colour[0], colour[1], colour[2], 0
		}
		at, n = at+here, n-here
	}
}
