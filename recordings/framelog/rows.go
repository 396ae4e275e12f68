package framelog

import (
	"encoding/binary"
	"errors"
	"image"

	"accord/recordings/rfb"
)

// Row-QOI is the Quite OK Image format's stream of chunks for pixels of red,
// green and blue (alpha 255 in the hash), begun anew with each row: the pixel
// before is black, all 64 places of the index are black, and no run goes beyond
// the row. So equal rows are equal bytes, which the compressor behind finds
// again wherever they have moved to.
const (
	opDiff = 0x40
	opLuma = 0x80
	opRun  = 0xc0
	opRGB  = 0xfe
	opMask = 0xc0

	maxRun   = 62
	noRun    = 0xff // QOI's code for pixels with alpha, which these have not
	rgb      = 0xffffff
	alphaSum = 255 * 11
)

func rowHash(px uint32) uint32 {
	return (px>>16&255*3 + px>>8&255*5 + px&255*7 + alphaSum) & 63
}

// appendRows encodes r of a picture.
func appendRows(dst []byte, f *rfb.Frame, r image.Rectangle) []byte {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		dst = appendRow(dst, f.Row(r.Min.X, y, r.Dx()))
	}
	return dst
}

func appendRow(dst, row []byte) []byte {
	var index [64]uint32
	var before uint32
	for i := 0; i < len(row); {
		px := binary.LittleEndian.Uint32(row[i:]) & rgb
		if px == before {
			from := i
			for i += 4; i < len(row) && i-from < 4*maxRun && binary.LittleEndian.Uint32(row[i:])&rgb == px; i += 4 {
			}
			dst = append(dst, opRun|byte((i-from)/4-1))
			continue
		}
		i += 4
		if h := rowHash(px); index[h] == px {
			dst = append(dst, byte(h))
		} else {
			index[h] = px
			dst = appendPixel(dst, before, px)
		}
		before = px
	}
	return dst
}

// appendPixel encodes a pixel that is not in the index.
func appendPixel(dst []byte, before, px uint32) []byte {
	red, green, blue := byte(px>>16), byte(px>>8), byte(px)
	dr, dg, db := red-byte(before>>16), green-byte(before>>8), blue-byte(before)
	if dr+2 < 4 && dg+2 < 4 && db+2 < 4 {
		return append(dst, opDiff|(dr+2)<<4|(dg+2)<<2|(db+2))
	}
	if rg, bg := dr-dg, db-dg; dg+32 < 64 && rg+8 < 16 && bg+8 < 16 {
		return append(dst, opLuma|(dg+32), (rg+8)<<4|(bg+8))
	}
	return append(dst, opRGB, red, green, blue)
}

var errRows = errors.New("the pixels of a tile make no sense")

// readRows decodes what appendRows made into the first rows of a tile.
func readRows(t *rfb.Frame, width, height int, data []byte) error {
	for y := range height {
		n, ok := readRow(t.Row(0, y, width), data)
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

// readRow decodes one row and tells how many bytes it took.
func readRow(row, data []byte) (n int, ok bool) {
	var index [64]uint32
	var px uint32
	for i := 0; i < len(row); {
		if n < len(data) && data[n]&opMask == opRun && data[n] < opRGB {
			run := 4 * (int(data[n]&63) + 1)
			n++
			if run > len(row)-i {
				return n, false
			}
			for end := i + run; i < end; i += 4 {
				binary.LittleEndian.PutUint32(row[i:], px)
			}
			continue
		}
		size, next, ok := readPixel(data[n:], px, &index)
		if !ok {
			return n, false
		}
		n, px = n+size, next
		index[rowHash(px)] = px
		binary.LittleEndian.PutUint32(row[i:], px)
		i += 4
	}
	return n, true
}

// readPixel decodes one pixel, no run, and tells how many bytes it took.
func readPixel(data []byte, before uint32, index *[64]uint32) (n int, px uint32, ok bool) {
	if len(data) == 0 {
		return 0, 0, false
	}
	switch b := data[0]; {
	case b == noRun:
		return 0, 0, false
	case b == opRGB:
		if len(data) < 4 {
			return 0, 0, false
		}
		return 4, pixelOf(data[1], data[2], data[3]), true
	case b&opMask == opDiff:
		return 1, pixelOf(byte(before>>16)+b>>4&3-2, byte(before>>8)+b>>2&3-2, byte(before)+b&3-2), true
	case b&opMask == opLuma:
		if len(data) < 2 {
			return 0, 0, false
		}
		dg, c := b&63-32, data[1]
		return 2, pixelOf(byte(before>>16)+dg+c>>4-8, byte(before>>8)+dg, byte(before)+dg+c&15-8), true
	default:
		return 1, index[b&63], true
	}
}

func pixelOf(red, green, blue byte) uint32 {
	return uint32(red)<<16 | uint32(green)<<8 | uint32(blue)
}
