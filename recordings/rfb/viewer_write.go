package rfb

import (
	"encoding/binary"
	"image"
	"slices"
	"time"
)

// told is what the viewer knows of the screen besides its pixels.
type told struct {
	name     string
	cursor   *Cursor
	pointer  image.Point
	monitors []Monitor
	extended bool // that there are monitors, at all
}

// own is how long a viewer that moved the mouse isn't told where it is: it knows,
// and would see it jump back.
const own = time.Second

// write sends what the viewer is owed, until there is no viewer. It encodes and
// sends what it has copied from the screen; the screen is not held up by it.
func (v *Viewer) write() error {
	for {
		select {
		case <-v.stop:
			return nil
		case <-v.wake:
		case <-v.view.News():
		}
		if err := v.serve(); err != nil {
			return err
		}
		if err := v.out.Flush(); err != nil {
			return err
		}
		if !v.rest() {
			return nil
		}
	}
}

// restFrom is how much work an update may be before a rest follows it.
const restFrom = 5 * time.Millisecond

// rest waits as long as the last update was work, so that a viewer that always
// wants everything takes half a processor at most. It reports whether there still
// is a viewer.
func (v *Viewer) rest() bool {
	if v.worked < restFrom {
		return true
	}
	select {
	case <-v.stop:
		return false
	case <-time.After(v.worked):
		return true
	}
}

// serve writes all that can be said now.
func (v *Viewer) serve() error {
	o := v.ordered()
	if o.bell {
		v.put([]byte{msgBell})
	}
	if o.cut != nil {
		v.put([]byte{msgServerCutText, 0, 0, 0})
		v.put(appendText(nil, string(latin1(*o.cut))))
	}
	v.worked = 0
	v.want, v.refused = v.want.and(o.request), v.refused || o.refused
	if !v.want.asked {
		return nil
	}
	began := time.Now()
	v.look(o)
	v.worked = time.Since(began)
	if v.sizeDue(o.abilities) {
		v.want = request{}
		return v.sendSize(o.abilities)
	}
	return v.sendUpdate(o)
}

// put writes something small. A failure is kept by the writer and comes out of its
// Flush.
func (v *Viewer) put(b []byte) { _, _ = v.out.Write(b) }

// ordered takes the orders that are for once, and reads the others.
func (v *Viewer) ordered() orders {
	v.mu.Lock()
	defer v.mu.Unlock()
	o := v.orders
	v.orders.request, v.orders.bell, v.orders.cut, v.orders.refused = request{}, false, nil, false
	return o
}

// look brings the picture up to date where the viewer has asked for it.
func (v *Viewer) look(o orders) {
	if v.want.fresh {
		v.canvas.forget(v.want.all)
		if v.canvas.lacks.marked(v.region()) {
			v.view.Invalidate(image.Rect(0, 0, 1, 1)) // so that there is a look, wherever that was
		}
		v.want.fresh, v.want.all = false, image.Rectangle{}
	}
	v.view.Take(func(c Changes) {
		part, _ := partOf(v.o.Monitor, c.State.Monitors, c.Frame.Bounds())
		other := part != v.part
		v.state, v.part = v.seen(c.State, part), part
		if v.canvas.note(c.Rects, part); c.Resized || other {
			v.canvas.lacks.mark(v.canvas.frame.Bounds()) // there may be less than before
		}
		if v.sizeDue(o.abilities) {
			return // what is in the picture doesn't matter any more, or comes next time
		}
		var cursor drawn
		if !o.abilities.cursor {
			cursor = drawn{v.state.Cursor, v.state.Pointer}
		}
		if o.abilities.copyRect && !c.Resized && !other {
			v.canvas.move(c.Copies, v.region(), part.Min)
		}
		v.canvas.update(cutout{c.Frame, part}, v.region(), cursor)
	})
}

// seen is the state of the screen for who sees a part of it.
func (v *Viewer) seen(s State, part image.Rectangle) State {
	if v.o.Monitor != 0 {
		s.Pointer, s.Monitors = s.Pointer.Sub(part.Min), nil
	}
	return s
}

// region is what the viewer has asked for, of what it has.
func (v *Viewer) region() image.Rectangle {
	return v.want.region.Intersect(v.canvas.frame.Bounds())
}

// sizeDue reports whether the viewer must hear of a size, or of monitors, before
// it gets pixels. One that can't resize keeps the size that it began with.
func (v *Viewer) sizeDue(can abilities) bool {
	other := v.part.Size() != v.canvas.frame.Bounds().Max
	if can.extended {
		return other || v.refused || !v.told.extended || !slices.Equal(v.told.monitors, v.state.Monitors)
	}
	return other && can.desktopSize
}

// sendSize is an update of its own (RFC 6143 section 7.8.2, and the registry's
// ExtendedDesktopSize). The viewer asks again after it.
func (v *Viewer) sendSize(can abilities) error {
	size := v.part.Size()
	r, same := image.Rectangle{Max: size}, size == v.canvas.frame.Bounds().Max
	b := []byte{msgFramebufferUpdate, 0, 0, 1}
	if !can.extended {
		v.put(appendHeader(b, r, encDesktopSize))
	} else {
		if same && v.refused { // else it has to wait: nothing else counts in a refusal
			r = r.Add(image.Pt(1, 1)) // the viewer's own wish; prohibited
			v.refused = false
		}
		b = appendHeader(b, r, encExtendedDesktopSize)
		v.put(appendMonitors(b, v.state.Monitors, r.Size()))
		v.told.extended, v.told.monitors = true, v.state.Monitors
	}
	if same {
		v.canvas.forget(r) // some viewers begin anew, whatever the size
		return nil
	}
	var err error
	v.canvas, err = newCanvas(size.X, size.Y)
	return err
}

// monitorsMost is how many a viewer is told of: the number is one byte.
const monitorsMost = 255

// appendMonitors lists them, or one that shows everything.
func appendMonitors(to []byte, list []Monitor, size image.Point) []byte {
	if len(list) == 0 {
		list = []Monitor{{Bounds: image.Rectangle{Max: size}}}
	}
	list = list[:min(len(list), monitorsMost)]
	to = append(to, byte(len(list)), 0, 0, 0)
	for _, m := range list {
		to = binary.BigEndian.AppendUint32(to, m.ID)
		for _, n := range []int{m.Bounds.Min.X, m.Bounds.Min.Y, m.Bounds.Dx(), m.Bounds.Dy()} {
			to = binary.BigEndian.AppendUint16(to, uint16(n))
		}
		to = binary.BigEndian.AppendUint32(to, m.Flags)
	}
	return to
}

// sendUpdate answers the request if there is anything new.
func (v *Viewer) sendUpdate(o orders) error {
	number, s := o.abilities.encoding, newSource(v.canvas.frame, o.format)
	e := v.encoders[number]
	if e == nil {
		e = newEncoder(number, o.abilities.level)
		v.encoders[number] = e
	}
	moves, changed := v.canvas.take(v.region())
	var rects []image.Rectangle
	for _, r := range changed {
		rects = append(rects, pieces(r, e.largest())...)
	}
	news, n := v.news(o)
	if n += len(moves) + len(rects); n == 0 {
		return nil
	}
	v.want = request{}
	v.put(binary.BigEndian.AppendUint16([]byte{msgFramebufferUpdate, 0}, uint16(n)))
	v.put(news)
	for _, m := range moves {
		b := appendHeader(v.buffer[:0], m.To, encCopyRect)
		b = binary.BigEndian.AppendUint16(b, uint16(m.From.X))
		v.put(binary.BigEndian.AppendUint16(b, uint16(m.From.Y)))
	}
	for _, r := range rects {
		began := time.Now()
		v.buffer = e.encode(appendHeader(v.buffer[:0], r, number), s, r)
		v.worked += time.Since(began) // and not what it takes the viewer to read it
		if _, err := v.out.Write(v.buffer); err != nil {
			return err
		}
	}
	return nil
}

// news is what else has changed, as n rectangles that are none.
func (v *Viewer) news(o orders) (b []byte, n int) {
	s := v.state
	if c := s.Cursor; o.abilities.cursor && c != nil && c != v.told.cursor {
		b, n = appendCursor(b, c, o.format), n+1
		v.told.cursor = c
	}
	if title := v.title(s); o.abilities.name && title != v.told.name {
		b, n = appendText(appendHeader(b, image.Rectangle{}, encDesktopName), title), n+1
		v.told.name = title
	}
	if o.abilities.pointer && s.Pointer != v.told.pointer && s.Pointer.In(v.canvas.frame.Bounds()) && time.Since(o.moved) > own {
		b, n = appendHeader(b, image.Rectangle{Min: s.Pointer, Max: s.Pointer}, encPointerPos), n+1
		v.told.pointer = s.Pointer
	}
	return b, n
}

// appendCursor is RFC 6143 section 7.8.1: pixels, then a bit for each that covers.
func appendCursor(to []byte, c *Cursor, format pixelFormat) []byte {
	whole := image.Rect(0, 0, c.Width, c.Height)
	to = appendHeader(to, whole.Add(c.Hot), encCursor)
	s := newSource(&Frame{c.Width, c.Height, c.Pix}, format)
	to = appendPixels(to, s.read(nil, whole), format.whole())
	for y := range c.Height {
		mask := make([]byte, (c.Width+7)/8)
		for x := range c.Width {
			if c.Pix[(y*c.Width+x)*pixel+3] != 0 {
				mask[x/8] |= 0x80 >> (x % 8)
			}
		}
		to = append(to, mask...)
	}
	return to
}
