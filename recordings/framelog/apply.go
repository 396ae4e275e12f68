package framelog

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"image"
	"image/jpeg"
	"image/png"
	"time"

	"accord/recordings/rfb"
)

// Mark is what a mark says. Its texts are as they were found.
type Mark struct {
	Kind  string `json:"kind"`
	Text  string `json:"text"`
	Level int    `json:"level"`
	// Again says that it only repeats what holds already.
	Again    bool     `json:"again"`
	Monitors [][4]int `json:"monitors"`
}

// size begins a picture.
func (p *Player) size(body []byte) error {
	var width, height int
	c := p.log.chunks[p.next-1]
	if _, ok := shorts(body, &width, &height); !ok || width != c.width || height != c.height {
		return errDamaged
	}
	if p.frame != nil && p.frame.Width == width && p.frame.Height == height {
		return nil
	}
	f, err := rfb.NewFrame(width, height)
	if err != nil {
		return errDamaged
	}
	p.frame, p.whole = f, true
	return nil
}

// tileHead is how long a tile is without its data.
const tileHead = 10

// tiles paints a record of tiles, one by one as they are read.
func (p *Player) tiles() error {
	body, err := p.in.read(p.n)
	if err != nil {
		return err
	}
	for len(body) > 0 {
		var x, y int
		rest, ok := shorts(body, &x, &y)
		if !ok || len(rest) < tileHead-4 || p.frame == nil {
			return errDamaged
		}
		r := image.Rect(x, y, x+int(rest[0])+1, y+int(rest[1])+1)
		codec, n := rest[2], int(rest[3])|int(rest[4])<<8|int(rest[5])<<16
		if rest = rest[6:]; n > len(rest) || !r.In(p.frame.Bounds()) {
			return errDamaged
		}
		if err := p.tile(r, codec, rest[:n]); err != nil {
			return err
		}
		p.need -= r.Dx() * r.Dy()
		body = rest[n:]
	}
	return nil
}

// tile paints one. A way of writing pixels that isn't known leaves it as it is.
func (p *Player) tile(r image.Rectangle, codec byte, data []byte) error {
	switch codec {
	case codecFill:
		if len(data) != 3 {
			return errDamaged
		}
		p.row.Fill(image.Rect(0, 0, r.Dx(), r.Dy()), data[2], data[1], data[0])
	case codecRows:
		if err := readRows(p.row, r.Dx(), r.Dy(), data); err != nil {
			return errDamaged
		}
	case codecColumns:
		if err := readColumns(p.row, r.Dx(), r.Dy(), data); err != nil {
			return errDamaged
		}
	case codecRaw:
		if len(data) != 3*r.Dx()*r.Dy() {
			return errDamaged
		}
		for y := range r.Dy() {
			row := p.row.Row(0, y, r.Dx())
			for i := 0; i < len(row); i += 4 {
				row[i], row[i+1], row[i+2], row[i+3] = data[2], data[1], data[0], 0
				data = data[3:]
			}
		}
	case codecJPEG, codecPNG:
		if err := p.compressed(r, codec, data); err != nil {
			return err
		}
	default:
		return nil
	}
	p.paint(r)
	return nil
}

// compressed decodes a tile that has a format of its own. Its size is looked at
// before anything is made for it.
func (p *Player) compressed(r image.Rectangle, codec byte, data []byte) error {
	config, decode := jpeg.DecodeConfig, jpeg.Decode
	if codec == codecPNG {
		config, decode = png.DecodeConfig, png.Decode
	}
	if c, err := config(bytes.NewReader(data)); err != nil || c.Width != r.Dx() || c.Height != r.Dy() {
		return errDamaged
	}
	img, err := decode(bytes.NewReader(data))
	if err != nil || img.Bounds().Size() != r.Size() {
		return errDamaged
	}
	from := img.Bounds().Min
	for y := range r.Dy() {
		row := p.row.Row(0, y, r.Dx())
		for x := range r.Dx() {
			red, green, blue, _ := img.At(from.X+x, from.Y+y).RGBA()
			row[4*x], row[4*x+1], row[4*x+2], row[4*x+3] = byte(blue>>8), byte(green>>8), byte(red>>8), 0
		}
	}
	return nil
}

// paint takes the decoded tile over, and notes the rows in which it differs.
func (p *Player) paint(r image.Rectangle) {
	top, bottom := 0, 0
	for y := range r.Dy() {
		have, is := p.frame.Row(r.Min.X, r.Min.Y+y, r.Dx()), p.row.Row(0, y, r.Dx())
		if bytes.Equal(have, is) {
			continue
		}
		copy(have, is)
		if top == bottom {
			top = y
		}
		bottom = y + 1
	}
	if bottom > top {
		p.damaged(image.Rect(r.Min.X, r.Min.Y+top, r.Max.X, r.Min.Y+bottom))
	}
}

// maxDamage bounds the rectangles that are kept between two calls of Show.
const maxDamage = 1024

func (p *Player) damaged(r image.Rectangle) {
	if len(p.damage.Rects) >= maxDamage {
		p.whole = true
		return
	}
	p.damage.Rects = append(p.damage.Rects, r)
}

// copy moves pixels.
func (p *Player) copy(body []byte) error {
	var x, y, w, h, sx, sy int
	if _, ok := shorts(body, &x, &y, &w, &h, &sx, &sy); !ok || p.frame == nil || w == 0 || h == 0 {
		return errDamaged
	}
	to, from := image.Rect(x, y, x+w, y+h), image.Pt(sx, sy)
	if whole := p.frame.Bounds(); !to.In(whole) || !to.Sub(to.Min).Add(from).In(whole) {
		return errDamaged
	}
	p.frame.Move(to, from)
	if len(p.damage.Copies) >= maxDamage {
		p.whole = true
	} else {
		p.damage.Copies = append(p.damage.Copies, rfb.Copy{To: to, From: from})
	}
	return nil
}

// cursor takes the pointer's shape.
func (p *Player) cursor(body []byte) error {
	p.changed = true
	if len(body) == 0 {
		p.state.Cursor = nil
		return nil
	}
	c := new(rfb.Cursor)
	pix, ok := shorts(body, &c.Width, &c.Height, &c.Hot.X, &c.Hot.Y)
	if !ok || c.Width > maxCursor || c.Height > maxCursor || len(pix) != 4*c.Width*c.Height {
		return errDamaged
	}
	c.Pix = bytes.Clone(pix)
	p.state.Cursor = c
	return nil
}

// event notes what happened beside the picture.
func (p *Player) event(body []byte) {
	e, ok := readEvent(duration(p.now), p.kind, body)
	if !ok {
		return
	}
	if e.Kind == EventMark {
		p.mark(e.Mark)
	}
	p.events.add(e)
}

// mark follows those that a writer made itself.
func (p *Player) mark(m Mark) {
	switch m.Kind {
	case MarkPause, MarkResume:
		p.paused = m.Kind == MarkPause
	case MarkLossy:
		p.lossy = m.Level
	case MarkName:
		p.state.Name, p.changed = m.Text, true
	case MarkMonitors:
		list := make([]rfb.Monitor, 0, min(len(m.Monitors), maxMonitors))
		for i, b := range m.Monitors[:min(len(m.Monitors), maxMonitors)] {
			r := image.Rect(b[0], b[1], b[0]+b[2], b[1]+b[3])
			if p.frame != nil && r.In(p.frame.Bounds()) && !r.Empty() {
				list = append(list, rfb.Monitor{ID: uint32(i), Bounds: r})
			}
		}
		p.state.Monitors, p.changed = list, true
	}
}

// events is a list that a hostile file can't make long: neither by their number
// nor by their texts.
type events struct {
	list  []Event
	words int // bytes of their texts
}

// add adds what happened; what is only said again, and what is one too many, is
// left out.
func (l *events) add(e Event) {
	size := len(e.Mark.Kind) + len(e.Mark.Text) + len(e.Clip.Text)
	if e.Mark.Again || len(l.list) >= maxEvents || size > maxWords-l.words {
		return
	}
	e.Mark.Monitors = nil // they are the picture's
	l.list, l.words = append(l.list, e), l.words+size
}

// readEvent reads the body of a record that is an event, if it is no longer than
// a writer makes one.
func readEvent(at time.Duration, kind byte, body []byte) (Event, bool) {
	e := Event{At: at, Kind: EventKind(kind)}
	switch kind {
	case recPointer:
		rest, ok := shorts(body, &e.X, &e.Y)
		if !ok || len(rest) < 1 {
			return e, false
		}
		e.Buttons = rest[0]
	case recMark:
		return e, len(body) <= MaxMark && json.Unmarshal(body, &e.Mark) == nil
	case recClip:
		if len(body) < 37 || len(body) > 37+MaxClip {
			return e, false
		}
		e.Clip = Clip{In: body[0] == 1, Length: int(binary.LittleEndian.Uint32(body[1:])), Sum: [32]byte(body[5:37]), Text: string(body[37:])}
	}
	return e, true
}
