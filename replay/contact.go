package replay

import (
	"context"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"time"

	"fmt"
)

// A contact sheet has at most so many pictures, of this width in pixels, so many
// in a row.
const (
	contactMost  = 30
	contactRow   = 5
	contactWidth = 320
	contactGap   = 8
	contactLine  = 20 // for the time below a picture
)

// Contact writes a sheet of small pictures with their times, spread evenly over
// the times at which something changed.
func Contact(ctx context.Context, path, file string, e Export) error {
	f, err := openFilm(path, e)
	if err != nil {
		return err
	}
	defer f.close()
	times, err := f.times(ctx, time.Second)
	if err != nil {
		return err
	}
	times = spread(times, contactMost)
	size := f.canvas.Bounds()
	cell := image.Pt(contactWidth, max(size.Dy()*contactWidth/size.Dx(), 1))
	columns := min(contactRow, len(times))
	rows := (len(times) + columns - 1) / columns
	sheet := image.NewRGBA(image.Rect(0, 0, columns*(cell.X+contactGap)+contactGap, rows*(cell.Y+contactLine+contactGap)+contactGap))
	draw.Draw(sheet, sheet.Bounds(), image.NewUniform(color.RGBA{24, 24, 24, 255}), image.Point{}, draw.Src)
	for i, t := range times {
		img, err := f.at(ctx, t)
		if err != nil {
			return err
		}
		at := image.Pt(contactGap+i%columns*(cell.X+contactGap), contactGap+i/columns*(cell.Y+contactLine+contactGap))
		shrink(sheet, image.Rectangle{Min: at, Max: at.Add(cell)}, img)
		write(sheet, at.Add(image.Pt(0, cell.Y+4)), fmt.Sprintf("%d:%02d:%02d", int(t.Hours()), int(t.Minutes())%60, int(t.Seconds())%60))
		f.tell(t)
	}
	return create(file, func(to *os.File) error { return png.Encode(to, sheet) })
}

// spread picks at most n of a list, the first and the last among them.
func spread(list []time.Duration, n int) []time.Duration {
	if len(list) <= n {
		return list
	}
	picked := make([]time.Duration, n)
	for i := range picked {
		picked[i] = list[i*(len(list)-1)/(n-1)]
	}
	return picked
}

// shrink draws a picture into r, each pixel the middle of those it stands for.
func shrink(to *image.RGBA, r image.Rectangle, from *image.RGBA) {
	w, h := from.Bounds().Dx(), from.Bounds().Dy()
	for y := range r.Dy() {
		y0 := y * h / r.Dy()
		y1 := max((y+1)*h/r.Dy(), y0+1)
		for x := range r.Dx() {
			x0 := x * w / r.Dx()
			x1 := max((x+1)*w/r.Dx(), x0+1)
			var sum [3]int
			for yy := y0; yy < y1; yy++ {
				for xx := x0; xx < x1; xx++ {
					p := from.Pix[from.PixOffset(xx, yy):]
					sum[0], sum[1], sum[2] = sum[0]+int(p[0]), sum[1]+int(p[1]), sum[2]+int(p[2])
				}
			}
			n := (y1 - y0) * (x1 - x0)
			to.SetRGBA(r.Min.X+x, r.Min.Y+y, color.RGBA{byte(sum[0] / n), byte(sum[1] / n), byte(sum[2] / n), 255})
		}
	}
}

// digits are the shapes of 0 to 9 and the colon, three dots wide and five high.
func digits() [11][5]string {
	return [11][5]string{
		{"###", "# #", "# #", "# #", "###"}, {" # ", "## ", " # ", " # ", "###"}, {"###", "  #", "###", "#  ", "###"},
		{"###", "  #", " ##", "  #", "###"}, {"# #", "# #", "###", "  #", "  #"}, {"###", "#  ", "###", "  #", "###"},
		{"###", "#  ", "###", "# #", "###"}, {"###", "  #", "  #", " # ", " # "}, {"###", "# #", "###", "# #", "###"},
		{"###", "# #", "###", "  #", "###"}, {"   ", " # ", "   ", " # ", "   "},
	}
}

// write writes a time.
func write(to *image.RGBA, at image.Point, text string) {
	const dot = 2
	shapes := digits()
	for _, c := range text {
		i := 10
		if c >= '0' && c <= '9' {
			i = int(c - '0')
		}
		for y, row := range shapes[i] {
			for x, d := range row {
				if d == '#' {
					p := at.Add(image.Pt(x*dot, y*dot))
					draw.Draw(to, image.Rectangle{Min: p, Max: p.Add(image.Pt(dot, dot))}, image.NewUniform(color.RGBA{230, 230, 230, 255}), image.Point{}, draw.Src)
				}
			}
		}
		at.X += 4 * dot
	}
}
