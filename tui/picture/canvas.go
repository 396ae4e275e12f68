package picture

import (
	"bytes"
	"image"
)

// A canvas holds the dots that a terminal shall show, and which tiles of them it
// doesn't show yet.
type canvas struct {
	size  image.Point // dots
	pix   []byte      // red, green, blue
	tile  image.Point // size of a tile, in dots; those at the edges are smaller
	tiles image.Point // how many there are each way
	dirty []bool
	count int // of dirty ones
}

func newCanvas(size, tile image.Point) *canvas {
	tiles := image.Pt((size.X+tile.X-1)/tile.X, (size.Y+tile.Y-1)/tile.Y)
	c := &canvas{size: size, pix: make([]byte, size.X*size.Y*3), tile: tile, tiles: tiles, dirty: make([]bool, tiles.X*tiles.Y)}
	c.soil()
	return c
}

// soil makes every tile dirty: nobody knows what the terminal shows.
func (c *canvas) soil() {
	for i := range c.dirty {
		c.dirty[i] = true
	}
	c.count = len(c.dirty)
}

func (c *canvas) mark(i int) {
	if !c.dirty[i] {
		c.dirty[i] = true
		c.count++
	}
}

func (c *canvas) clean(i int) {
	if c.dirty[i] {
		c.dirty[i] = false
		c.count--
	}
}

// set takes a row of dots from x on and marks the tiles where it is another.
func (c *canvas) set(x, y int, dots []byte) {
	base := y / c.tile.Y * c.tiles.X
	for len(dots) > 0 {
		n := min(c.tile.X-x%c.tile.X, len(dots)/3)
		at := (y*c.size.X + x) * 3
		if was := c.pix[at : at+3*n]; !bytes.Equal(was, dots[:3*n]) {
			copy(was, dots)
			c.mark(base + x/c.tile.X)
		}
		x, dots = x+n, dots[3*n:]
	}
}

// bounds is where a tile is, in dots.
func (c *canvas) bounds(i int) image.Rectangle {
	at := image.Pt(i%c.tiles.X*c.tile.X, i/c.tiles.X*c.tile.Y)
	return image.Rectangle{at, at.Add(c.tile)}.Intersect(image.Rectangle{Max: c.size})
}

// row is a part of a row of dots.
func (c *canvas) row(y, from, to int) []byte {
	return c.pix[(y*c.size.X+from)*3 : (y*c.size.X+to)*3]
}
