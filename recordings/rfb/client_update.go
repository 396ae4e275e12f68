package rfb

import (
	"encoding/binary"
	"image"
)

// update is one FramebufferUpdate on its way.
type update struct {
	damage  Damage
	painted bool
	resized bool // and is to be painted anew

	// What of the state has changed.
	name, cursor, pointer, monitors bool
}

// maxDamage bounds the rectangles and copies of one update that are told apart.
const maxDamage = 1024

// add notes that r was painted.
func (u *update) add(r image.Rectangle) {
	u.painted = true
	switch {
	case r.Empty():
	case len(u.damage.Rects) < maxDamage:
		u.damage.Rects = append(u.damage.Rects, r)
	default:
		last := len(u.damage.Rects) - 1
		u.damage.Rects[last] = u.damage.Rects[last].Union(r)
	}
}

// copied notes that pixels were moved.
func (u *update) copied(c Copy) {
	if len(u.damage.Copies) < maxDamage && !c.To.Empty() {
		u.painted = true
		u.damage.Copies = append(u.damage.Copies, c)
		return
	}
	u.add(c.To)
}

// update reads a FramebufferUpdate, commits what it paints, and asks for the next.
func (c *Client) update() error {
	b, err := c.head(3)
	if err != nil {
		return err
	}
	var u update
	for range binary.BigEndian.Uint16(b[1:]) {
		last, err := c.rectangle(&u)
		if err != nil {
			return err
		}
		if last {
			break
		}
	}
	c.stale = c.stale && !u.painted
	if !c.stale {
		if err := c.options.Commit(c.frame, u.damage); err != nil {
			return err
		}
	}
	c.restate(&u)
	c.out.request(u.resized) // once: TigerVNC answers each request for all with the size first, and alone
	return nil
}

// restate hands on what of the state an update has changed.
func (c *Client) restate(u *update) {
	if !u.name && !u.cursor && !u.pointer && !u.monitors {
		return
	}
	c.options.Change(func(s State) State {
		if u.name {
			s.Name = c.state.Name
		}
		if u.cursor {
			s.Cursor = c.state.Cursor
		}
		if u.pointer {
			s.Pointer = c.state.Pointer
		}
		if u.monitors {
			s.Monitors = c.state.Monitors
		}
		return s
	})
}

// rectangle reads one, and reports whether it says that no more follow.
func (c *Client) rectangle(u *update) (last bool, err error) {
	b, err := c.head(12)
	if err != nil {
		return false, err
	}
	x, y := int(binary.BigEndian.Uint16(b)), int(binary.BigEndian.Uint16(b[2:]))
	w, h := int(binary.BigEndian.Uint16(b[4:])), int(binary.BigEndian.Uint16(b[6:]))
	r := image.Rect(x, y, x+w, y+h)
	switch encoding := int32(binary.BigEndian.Uint32(b[8:])); encoding {
	case encLastRect:
		return true, nil
	case encDesktopSize:
		u.resized = u.resized || w != c.frame.Width || h != c.frame.Height
		err = c.resize(w, h)
	case encExtendedDesktopSize:
		err = c.extendedSize(u, x, y, w, h)
	case encCursor:
		u.cursor, err = true, c.cursor(image.Pt(x, y), w, h)
	case encXCursor:
		u.cursor, err = true, c.xCursor(image.Pt(x, y), w, h)
	case encPointerPos, encVMwarePointerPos:
		u.pointer, c.state.Pointer = true, image.Pt(min(x, c.frame.Width-1), min(y, c.frame.Height-1))
	case encDesktopName:
		u.name = true
		c.state.Name, err = c.text(maxName)
	default:
		err = c.paint(u, r, encoding)
	}
	return false, err
}

// paint decodes a rectangle of pixels. Nothing outside the frame is ever
// touched: r is checked here, what lies in it by the decoders.
func (c *Client) paint(u *update, r image.Rectangle, encoding int32) error {
	if r.Max.X > c.frame.Width || r.Max.Y > c.frame.Height {
		return broken("a rectangle of %d by %d pixels at %d, %d on a screen of %d by %d",
			r.Dx(), r.Dy(), r.Min.X, r.Min.Y, c.frame.Width, c.frame.Height)
	}
	var err error
	switch encoding {
	case encRaw:
		err = c.raw(r)
	case encCopyRect:
		return c.copyRect(u, r)
	case encHextile:
		err = c.hextiles(r)
	case encZlib:
		err = c.zlibRaw(r)
	case encTight:
		err = c.tightRect(r)
	case encZRLE:
		err = c.zrleRect(r)
	default:
		return broken("an encoding that nobody asked for (%d)", encoding)
	}
	u.add(r)
	return err
}

// resize makes the frame one of another size. What it showed stays where it was
// until it is painted again; it is not committed before.
func (c *Client) resize(width, height int) error {
	if err := CheckSize(width, height); err != nil {
		return broken("%w", err)
	}
	old := c.frame
	if old != nil && old.Width == width && old.Height == height {
		return nil
	}
	var err error
	if c.frame, err = NewFrame(width, height); err != nil {
		return err
	}
	if old != nil {
		c.frame.CopyFrom(old, c.frame.Bounds().Intersect(old.Bounds()))
	}
	c.stale = true
	c.out.change(func() { c.out.width, c.out.height = width, height })
	return nil
}

// extendedSize reads the layout of the monitors. Reason 1 is an answer to our
// own wish, with its status; what is refused has changed nothing.
func (c *Client) extendedSize(u *update, reason, status, width, height int) error {
	b, err := c.head(4)
	if err != nil {
		return err
	}
	list, err := c.readMonitors(int(b[0]), image.Rect(0, 0, width, height))
	if err != nil {
		return err
	}
	if reason != 1 || status == 0 {
		u.resized = u.resized || width != c.frame.Width || height != c.frame.Height
		if err := c.resize(width, height); err != nil {
			return err
		}
		u.monitors, c.state.Monitors = true, list
		first := Monitor{}
		if len(list) > 0 {
			first = list[0]
		}
		c.monitor.Store(&first)
	}
	if reason == 1 {
		select {
		case c.answers <- byte(min(status, 255)):
		default: // nobody waits
		}
	}
	return nil
}

// readMonitors reads n of them. Of one that juts out the rest is not shown.
func (c *Client) readMonitors(n int, screen image.Rectangle) ([]Monitor, error) {
	list := make([]Monitor, 0, n)
	for range n {
		b, err := c.head(16)
		if err != nil {
			return nil, err
		}
		x, y := int(binary.BigEndian.Uint16(b[4:])), int(binary.BigEndian.Uint16(b[6:]))
		w, h := int(binary.BigEndian.Uint16(b[8:])), int(binary.BigEndian.Uint16(b[10:]))
		m := Monitor{
			ID: binary.BigEndian.Uint32(b), Flags: binary.BigEndian.Uint32(b[12:]),
			Bounds: image.Rect(x, y, x+w, y+h).Intersect(screen),
		}
		if !m.Bounds.Empty() {
			list = append(list, m)
		}
	}
	return list, nil
}
