package rfb

import (
	"image"
	"slices"
)

// cell is the side of what is told apart when a picture changes, in pixels.
const cell = 16

// grid marks cells of a picture. The edges' cells may be smaller.
type grid struct {
	columns, rows int
	marks         []bool // row by row
	any           bool   // one of them may be set
}

func newGrid(width, height int) grid {
	columns, rows := (width+cell-1)/cell, (height+cell-1)/cell
	return grid{columns: columns, rows: rows, marks: make([]bool, columns*rows)}
}

// mark sets the cells that r, which lies within the picture, touches.
func (g *grid) mark(r image.Rectangle) {
	if r.Empty() {
		return
	}
	g.any = true
	for y := r.Min.Y / cell; y <= (r.Max.Y-1)/cell; y++ {
		row := g.marks[y*g.columns:]
		for x := r.Min.X / cell; x <= (r.Max.X-1)/cell; x++ {
			row[x] = true
		}
	}
}

// marked reports whether a cell that r touches is set.
func (g *grid) marked(r image.Rectangle) bool {
	if r.Empty() || !g.any {
		return false
	}
	from, to := r.Min.X/cell, (r.Max.X-1)/cell+1
	for y := r.Min.Y / cell; y <= (r.Max.Y-1)/cell; y++ {
		if slices.Contains(g.marks[y*g.columns+from:y*g.columns+to], true) {
			return true
		}
	}
	return false
}

func (g *grid) clear() {
	clear(g.marks)
	g.any = false
}

// rects covers the marked cells within bounds: runs of a row, joined with equal
// runs below.
func (g *grid) rects(bounds image.Rectangle) []image.Rectangle {
	var list, open []image.Rectangle // open: those that reach the row above, in cells
	for y := range g.rows {
		here := g.runs(y)
		for i, run := range here {
			above := slices.IndexFunc(open, func(o image.Rectangle) bool { return o.Min.X == run.Min.X && o.Max.X == run.Max.X })
			if above >= 0 {
				here[i].Min.Y = open[above].Min.Y
				open = slices.Delete(open, above, above+1)
			}
		}
		list, open = append(list, open...), here
	}
	return inPixels(append(list, open...), bounds)
}

// runs are the marked cells of one row, as rectangles of cells.
func (g *grid) runs(y int) (runs []image.Rectangle) {
	for x := 0; x < g.columns; x++ {
		if !g.marks[y*g.columns+x] {
			continue
		}
		run := image.Rect(x, y, x+1, y+1)
		for ; x+1 < g.columns && g.marks[y*g.columns+x+1]; x++ {
			run.Max.X++
		}
		runs = append(runs, run)
	}
	return runs
}

// bands covers the marked cells, and what lies between them, with one rectangle
// for each row of cells.
func (g *grid) bands(bounds image.Rectangle) []image.Rectangle {
	var list []image.Rectangle
	for y := range g.rows {
		if runs := g.runs(y); len(runs) > 0 {
			list = append(list, runs[0].Union(runs[len(runs)-1]))
		}
	}
	return inPixels(list, bounds)
}

// inPixels turns rectangles of cells into what of them lies within bounds.
func inPixels(cells []image.Rectangle, bounds image.Rectangle) []image.Rectangle {
	list := cells[:0]
	for _, r := range cells {
		r = image.Rect(r.Min.X*cell, r.Min.Y*cell, r.Max.X*cell, r.Max.Y*cell).Intersect(bounds)
		if !r.Empty() {
			list = append(list, r)
		}
	}
	return list
}

// unmark clears the cell of a pixel.
func (g *grid) unmark(p image.Point) { g.marks[p.Y/cell*g.columns+p.X/cell] = false }
