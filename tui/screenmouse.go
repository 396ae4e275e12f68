package tui

import (
	"image"

	tea "charm.land/bubbletea/v2"
)

// mouse is where the pointer was last on the device, and which buttons are down
// there (RFC 6143, 7.5.5).
type mouse struct {
	at      image.Point
	buttons uint8
	dragged bool // a drag of the picture itself is under way
	from    image.Point
	corner  image.Point // what was in the upper left when it began
}

// button is a button's bit; 0 for those that RFB has not.
func button(b tea.MouseButton) uint8 {
	switch b {
	case tea.MouseLeft:
		return 1
	case tea.MouseMiddle:
		return 2
	case tea.MouseRight:
		return 4
	case tea.MouseWheelUp:
		return 8
	case tea.MouseWheelDown:
		return 16
	case tea.MouseWheelLeft:
		return 32
	case tea.MouseWheelRight:
		return 64
	}
	return 0
}

func (o *mouse) letGo(send func(x, y int, buttons uint8)) {
	if o.buttons != 0 {
		o.buttons = 0
		send(o.at.X, o.at.Y, 0)
	}
}

// per is in how many parts the terminal tells places within a cell.
func (m *screenModel) per() image.Point {
	if m.able.pixels && m.able.Cell.X > 0 && m.able.Cell.Y > 0 {
		return m.able.Cell
	}
	return image.Pt(1, 1)
}

// spot is the device's pixel that is pointed at.
func (m *screenModel) spot(at tea.Mouse) (image.Point, bool) {
	return m.painter.Place().Pixel(image.Pt(at.X, at.Y), m.per())
}

// points reports whether the mouse is for the device.
func (m *screenModel) points() bool {
	return m.control && m.frozen == "" && !m.help && !m.local && !m.mouse.dragged && m.seen
}

func (m *screenModel) click(at tea.Mouse) {
	pixel, inside := m.spot(at)
	switch {
	case m.help:
		m.help = false
	case !inside || button(at.Button) == 0:
	case m.points():
		m.mouse.at, m.mouse.buttons = pixel, m.mouse.buttons|button(at.Button)
		m.hands.pointer(pixel.X, pixel.Y, m.mouse.buttons)
	case at.Button == tea.MouseLeft:
		m.mouse.dragged, m.mouse.from, m.mouse.corner = true, image.Pt(at.X, at.Y), m.painter.Place().Source.Min
	}
}

func (m *screenModel) unclick(at tea.Mouse) {
	if m.mouse.dragged {
		m.mouse.dragged, m.local = false, false
		return
	}
	if pixel, _ := m.spot(at); m.mouse.buttons&button(at.Button) != 0 && m.points() {
		m.mouse.at, m.mouse.buttons = pixel, m.mouse.buttons&^button(at.Button)
		m.hands.pointer(pixel.X, pixel.Y, m.mouse.buttons)
	}
}

func (m *screenModel) motion(at tea.Mouse) {
	if m.mouse.dragged {
		m.drag(image.Pt(at.X, at.Y))
		return
	}
	pixel, inside := m.spot(at)
	if !m.points() || !inside && m.mouse.buttons == 0 {
		return
	}
	if at.Button == tea.MouseNone && m.mouse.buttons != 0 {
		m.mouse.buttons = 0 // the release was outside of the window
	} else if pixel == m.mouse.at {
		return
	}
	m.mouse.at = pixel
	m.hands.pointer(pixel.X, pixel.Y, m.mouse.buttons)
}

// drag moves the picture with the mouse.
func (m *screenModel) drag(to image.Point) {
	p, per := m.painter.Place(), m.per()
	by := to.Sub(m.mouse.from)
	if p.Dots.X > 0 && p.Dots.Y > 0 {
		by.X = by.X * p.Cell.X * p.Source.Dx() / (per.X * p.Dots.X)
		by.Y = by.Y * p.Cell.Y * p.Source.Dy() / (per.Y * p.Dots.Y)
	}
	m.pan(m.mouse.corner.Sub(by).Sub(p.Source.Min))
}

// wheel turns the device's wheel, which is a button; else it zooms.
func (m *screenModel) wheel(at tea.Mouse) {
	pixel, inside := m.spot(at)
	bit := button(at.Button)
	switch {
	case !inside || bit == 0:
	case m.points():
		m.hands.pointer(pixel.X, pixel.Y, m.mouse.buttons|bit)
		m.hands.pointer(pixel.X, pixel.Y, m.mouse.buttons)
	case at.Button == tea.MouseWheelUp:
		m.zoomAt(1, pixel)
	case at.Button == tea.MouseWheelDown:
		m.zoomAt(-1, pixel)
	}
}
