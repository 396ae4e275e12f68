package framelog

import (
	"encoding/binary"
	"image"
)

// strip is the text in a column of tiles that waits for what follows below it, so
// that no line is cut where tiles meet.
type strip struct {
	area image.Rectangle
	lines
}

// put writes the changed part of a tile, or has it wait as text; lossy if it may
// be and that saves enough.
func (w *Writer) put(now uint32, r image.Rectangle, mayLose bool) {
	f := w.grid.shadow
	column := r.Min.X / side
	w.strips = append(w.strips, make([]strip, max(0, w.grid.columns-len(w.strips)))...)
	px, one := plain(f, r)
	if !one && !mayLose {
		if l, ok := w.grid.text(&w.texts, r); ok {
			s := &w.strips[column]
			if s.area.Empty() || s.lines != l || s.area.Max.Y != r.Min.Y {
				w.text(now, column)
				s.area = r
			}
			s.area, s.lines = s.area.Union(r), l
			w.grid.written(r, false)
			return
		}
	}
	w.text(now, column)
	codec, data, rough := byte(codecRows), w.rows[:0], false
	if one {
		codec, data = codecFill, append(data, byte(px>>16), byte(px>>8), byte(px))
	} else {
		data = appendRows(data, f, r)
		w.rows = data
		if mayLose {
			if small := jpegTile(f, r); small != nil && 3*len(small) < len(data) {
				codec, data, rough = codecJPEG, small, true
			}
		}
	}
	w.grid.written(r, rough)
	w.lossy = w.lossy || rough
	w.tile(now, r, codec, data)
}

// text writes the strip that waits in a column of tiles, if one does.
func (w *Writer) text(now uint32, column int) {
	s := w.strips[column]
	w.strips[column] = strip{}
	if s.area.Empty() {
		return
	}
	r := s.area
	if w.end.frames > 0 { // the first picture of a chunk has each pixel once
		r = s.whole(r, w.grid.shadow.Bounds())
	}
	for r.Min.Y < r.Max.Y {
		part := r
		if part.Dy() > maxTile {
			part.Max.Y = s.next(r.Min.Y+maxTile) - s.pitch
		}
		w.rows = appendColumns(w.rows[:0], w.grid.shadow, part, s.lines)
		w.tile(now, part, codecColumns, w.rows)
		r.Min.Y = part.Max.Y
	}
}

// maxTile is the most pixels that a tile has each way.
const maxTile = 256

// tile adds one to the record.
func (w *Writer) tile(now uint32, r image.Rectangle, codec byte, data []byte) {
	w.tiles = binary.LittleEndian.AppendUint16(w.tiles, uint16(r.Min.X))
	w.tiles = binary.LittleEndian.AppendUint16(w.tiles, uint16(r.Min.Y))
	n := len(data)
	if codec == codecColumns {
		w.work += r.Dx() * r.Dy() / workColumns
	} else {
		w.work += r.Dx() * r.Dy() / workTiles
	}
	w.tiles = append(w.tiles, byte(r.Dx()-1), byte(r.Dy()-1), codec, byte(n), byte(n>>8), byte(n>>16))
	w.tiles = append(w.tiles, data...)
	w.endTiles(now, tilesBytes)
}

// endTiles writes the record of tiles, if it has more than so many bytes.
func (w *Writer) endTiles(now uint32, more int) {
	if len(w.tiles) > more {
		w.record(now, recTiles, w.tiles)
		w.tiles = w.tiles[:0]
	}
}
