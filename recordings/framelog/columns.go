package framelog

import (
	"encoding/binary"
	"image"

	"accord/recordings/rfb"
)

// Column-QOI writes lines of text column by column, one line after the other, so
// that a letter is the same bytes wherever it stands in a line, and a word that
// comes again is found again as a whole by the compressor behind, instead of
// once in each of its rows. It takes the codes of row-QOI with another life of
// their state: a line begins with black, which goes on from column to column as
// runs do, and the index is black at the top of each column. So what a column
// becomes does not depend on what stands far to its left.

// appendColumns encodes r of a picture, which begins within a line or at its top.
func appendColumns(dst []byte, f *rfb.Frame, r image.Rectangle, l lines) []byte {
	first := min(l.next(r.Min.Y)-r.Min.Y, r.Dy())
	dst = append(dst, byte(l.pitch), byte(first))
	for top, bottom := r.Min.Y, r.Min.Y+first; top < r.Max.Y; {
		dst = appendLine(dst, f, image.Rect(r.Min.X, top, r.Max.X, bottom))
		top, bottom = bottom, min(bottom+l.pitch, r.Max.Y)
	}
	return dst
}

func appendLine(dst []byte, f *rfb.Frame, r image.Rectangle) []byte {
	var before uint32
	run, stride := 0, 4*f.Width
	for x := r.Min.X; x < r.Max.X; x++ {
		var index [64]uint32
		at := r.Min.Y*stride + 4*x
		for range r.Dy() {
			px := binary.LittleEndian.Uint32(f.Pix[at:]) & rgb
			at += stride
			if px == before {
				if run++; run == maxRun {
					dst, run = append(dst, opRun|(maxRun-1)), 0
				}
				continue
			}
			if run > 0 {
				dst, run = append(dst, opRun|byte(run-1)), 0
			}
			if h := rowHash(px); index[h] == px {
				dst = append(dst, byte(h))
			} else {
				index[h] = px
				dst = appendPixel(dst, before, px)
			}
			before = px
		}
	}
	if run > 0 {
		dst = append(dst, opRun|byte(run-1))
	}
	return dst
}

// readColumns decodes what appendColumns made into the first rows of a tile.
func readColumns(t *rfb.Frame, width, height int, data []byte) error {
	if len(data) < 2 {
		return errRows
	}
	pitch, first := int(data[0]), int(data[1])
	if first == 0 || first > min(pitch, height) {
		return errRows
	}
	data = data[2:]
	for top, bottom := 0, first; top < height; top, bottom = bottom, min(bottom+pitch, height) {
		n, ok := readLine(t, image.Rect(0, top, width, bottom), data)
		if !ok {
			return errRows
		}
		data = data[n:]
	}
	if len(data) > 0 {
		return errRows
	}
	return nil
}

// readLine decodes one line and tells how many bytes it took.
func readLine(t *rfb.Frame, r image.Rectangle, data []byte) (n int, ok bool) {
	var index [64]uint32
	var px uint32
	used := false // the index is not black
	stride := 4 * t.Width
	x, y, at := r.Min.X, r.Min.Y, r.Min.Y*stride+4*r.Min.X
	for x < r.Max.X {
		run := 1
		if n < len(data) && data[n]&opMask == opRun && data[n] < opRGB {
			run = int(data[n]&63) + 1
			n++
		} else {
			size, next, ok := readPixel(data[n:], px, &index)
			if !ok {
				return n, false
			}
			n, px = n+size, next
			index[rowHash(px)], used = px, true
		}
		for run > 0 && x < r.Max.X {
			part := min(run, r.Max.Y-y)
			for range part {
				binary.LittleEndian.PutUint32(t.Pix[at:], px)
				at += stride
			}
			run -= part
			if y += part; y == r.Max.Y {
				x, y = x+1, r.Min.Y
				if at = y*stride + 4*x; used {
					index, used = [64]uint32{}, false
				}
			}
		}
		if run > 0 {
			return n, false
		}
	}
	return n, true
}
