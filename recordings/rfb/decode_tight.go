package rfb

import (
	"bytes"
	"errors"
	"image"
	"image/draw"
	"image/jpeg"
	"io"
)

// The upper half of a Tight rectangle's first byte; below 8 are the kinds with a
// filter and a zlib stream. The lower half says which streams begin anew.
const (
	tightFill = 8
	tightJPEG = 9
)

// Filters of Tight.
const (
	filterCopy     = 0
	filterPalette  = 1
	filterGradient = 2
)

// tightRaw is the number of bytes from which on Tight compresses them.
const tightRaw = 12

// maxJPEG bounds the side of a rectangle of JPEG, in pixels: a decoder takes
// twelve bytes for each. Tight itself allows a width of 2048 at most.
const maxJPEG = 2048

// tightRect reads a Tight rectangle (the community's registry, section Tight).
func (c *Client) tightRect(r image.Rectangle) error {
	control, err := c.in.ReadByte()
	if err != nil {
		return err
	}
	for i, z := range c.tight {
		if control&(1<<i) != 0 {
			z.reset()
		}
	}
	switch kind := control >> 4; {
	case kind == tightFill:
		b, err := c.head(cpixel)
		if err == nil {
			c.frame.Fill(r, b[2], b[1], b[0])
		}
		return err
	case kind == tightJPEG:
		return c.tightPicture(r)
	case kind > tightJPEG:
		return broken("a Tight rectangle of kind %d", kind)
	default:
		return c.tightBasic(r, c.tight[kind&3], kind&4 != 0)
	}
}

// tightBasic reads one that went through a filter and maybe a zlib stream.
func (c *Client) tightBasic(r image.Rectangle, z *inflater, filtered bool) error {
	filter := byte(filterCopy)
	if filtered {
		var err error
		if filter, err = c.in.ReadByte(); err != nil {
			return err
		}
	}
	rowSize := r.Dx() * cpixel
	var rows func(io.Reader) error
	switch filter {
	case filterCopy:
		rows = func(from io.Reader) error { return c.tightCopy(from, r) }
	case filterGradient:
		rows = func(from io.Reader) error { return c.tightGradient(from, r) }
	case filterPalette:
		palette, err := c.tightPalette()
		if err != nil {
			return err
		}
		bits := 8
		if len(palette) <= 2 {
			bits = 1
		}
		rowSize = (r.Dx()*bits + 7) / 8
		rows = func(from io.Reader) error { return c.tightNumbers(from, r, palette, rowSize, bits) }
	default:
		return broken("a Tight rectangle with filter %d", filter)
	}
	size := rowSize * r.Dy()
	if size < tightRaw {
		return rows(c.in)
	}
	n, err := c.tightLength()
	if err != nil {
		return err
	}
	if err := z.begin(n, size); err != nil {
		return err
	}
	if err := rows(z.out); err != nil {
		if errors.Is(err, ErrServer) {
			return err
		}
		return z.failed(err)
	}
	return z.end()
}

// tightLength reads a length of one to three bytes.
func (c *Client) tightLength() (n uint32, err error) {
	for shift := 0; shift < 21; shift += 7 {
		b, err := c.in.ReadByte()
		if err != nil {
			return 0, err
		}
		if shift == 14 {
			return n | uint32(b)<<shift, nil
		}
		n |= uint32(b&127) << shift
		if b < 128 {
			break
		}
	}
	return n, nil
}

// rowBuffer is a row of n bytes, valid until the next call.
func (c *Client) rowBuffer(n int) []byte {
	if cap(c.row) < n {
		c.row = make([]byte, n)
	}
	return c.row[:n]
}

func (c *Client) tightCopy(from io.Reader, r image.Rectangle) error {
	b := c.rowBuffer(r.Dx() * cpixel)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		if _, err := io.ReadFull(from, b); err != nil {
			return err
		}
		row, b := c.frame.Row(r.Min.X, y, r.Dx()), b
		for i := 0; i < len(row); i += pixel {
			row[i], row[i+1], row[i+2], row[i+3] = b[2], b[1], b[0], 0
			b = b[cpixel:]
		}
	}
	return nil
}

// tightPalette reads the number of colours, less one, and the colours.
func (c *Client) tightPalette() ([][pixel]byte, error) {
	n, err := c.in.ReadByte()
	if err != nil {
		return nil, err
	}
	b, err := c.head((int(n) + 1) * cpixel)
	if err != nil {
		return nil, err
	}
	palette := c.palette[:int(n)+1]
	for i := range palette {
		palette[i] = [pixel]byte{b[i*cpixel+2], b[i*cpixel+1], b[i*cpixel]}
	}
	return palette, nil
}

// tightNumbers reads numbers of colours: of one bit if there are two, else of a
// byte; rows are whole bytes.
func (c *Client) tightNumbers(from io.Reader, r image.Rectangle, palette [][pixel]byte, rowSize, bits int) error {
	b := c.rowBuffer(rowSize)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		if _, err := io.ReadFull(from, b); err != nil {
			return err
		}
		row := c.frame.Row(r.Min.X, y, r.Dx())
		for x := range r.Dx() {
			var number int
			if bits == 8 {
				number = int(b[x])
			} else {
				number = int(b[x/8]>>(7-x%8)) & 1
			}
			if number >= len(palette) {
				return broken("a Tight rectangle with colour %d of %d", number, len(palette))
			}
			copy(row[x*pixel:], palette[number][:])
		}
	}
	return nil
}

// tightGradient reads differences to what the pixels above and to the left let
// expect. What lies outside of the rectangle counts as black.
func (c *Client) tightGradient(from io.Reader, r image.Rectangle) error {
	b := c.rowBuffer(r.Dx() * cpixel)
	above := make([]byte, r.Dx()*pixel)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		if _, err := io.ReadFull(from, b); err != nil {
			return err
		}
		row := c.frame.Row(r.Min.X, y, r.Dx())
		var left, corner [cpixel]byte
		for x := range r.Dx() {
			for i := range cpixel {
				up := above[x*pixel+i]
				guess := max(0, min(int(left[i])+int(up)-int(corner[i]), 255))
				left[i] = byte(guess) + b[x*cpixel+cpixel-1-i]
				corner[i] = up
				row[x*pixel+i] = left[i]
			}
			row[x*pixel+cpixel] = 0
		}
		above = row
	}
	return nil
}

// tightPicture reads a rectangle of JPEG.
func (c *Client) tightPicture(r image.Rectangle) error {
	n, err := c.tightLength()
	if err != nil {
		return err
	}
	if r.Dx() > maxJPEG || r.Dy() > maxJPEG {
		return broken("a picture of %d by %d pixels as JPEG", r.Dx(), r.Dy())
	}
	var data bytes.Buffer // grows with what arrives, to 4 MiB
	if _, err := io.CopyN(&data, c.in, int64(n)); err != nil {
		return err
	}
	config, err := jpeg.DecodeConfig(bytes.NewReader(data.Bytes()))
	if err != nil {
		return broken("a picture that is no JPEG: %w", err)
	}
	if config.Width != r.Dx() || config.Height != r.Dy() {
		return broken("a picture of %d by %d pixels for a rectangle of %d by %d", config.Width, config.Height, r.Dx(), r.Dy())
	}
	picture, err := jpeg.Decode(&data)
	if err != nil {
		return broken("a picture that is damaged: %w", err)
	}
	plain, ok := picture.(*image.RGBA)
	if !ok {
		plain = image.NewRGBA(picture.Bounds())
		draw.Draw(plain, plain.Bounds(), picture, picture.Bounds().Min, draw.Src)
	}
	for y := range r.Dy() {
		row, from := c.frame.Row(r.Min.X, r.Min.Y+y, r.Dx()), plain.Pix[y*plain.Stride:]
		for i := 0; i < len(row); i += pixel {
			row[i], row[i+1], row[i+2], row[i+3] = from[i+2], from[i+1], from[i], 0
		}
	}
	return nil
}
