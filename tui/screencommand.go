package tui

import (
	"image"
	"time"

	tea "charm.land/bubbletea/v2"

	"accord/tui/picture"
)

// repeatWait is how long after a move the next one needs no prefix.
const repeatWait = time.Second

// press is for keys: for the device, or for this screen.
func (m *screenModel) press(k tea.Key, now time.Time) {
	if modifier(k.Code) && (m.local || m.help || !m.control) {
		return // it comes with the key that it changes
	}
	key := k.String()
	if m.local && !m.repeats.IsZero() && now.After(m.repeats) {
		m.local = false
	}
	switch {
	case m.deck != nil:
		m.playKey(k)
	case m.help:
		m.help = false
		m.leaveBy(key)
	case m.local:
		m.command(k, now)
	case key == endTyping:
		m.letGo()
		m.local, m.repeats, m.told = true, time.Time{}, ""
	case !m.control:
		m.told = ""
		if !m.leaveBy(key) {
			m.do(key)
		}
	case m.frozen == "":
		m.told = ""
		m.keyboard.press(k, m.hands.key)
	}
}

// playKey is for a key while a recording plays: the picture's, or the player's.
func (m *screenModel) playKey(k tea.Key) {
	if move, ok := moving(k.String()); ok && !m.help {
		m.do(move)
		return
	}
	if m.deck.key(k) {
		m.end = ErrBack
	}
	m.help = m.deck.help
}

// leaveBy ends it by Ctrl-C, while that isn't the device's.
func (m *screenModel) leaveBy(key string) bool {
	if key != "ctrl+c" || m.control {
		return false
	}
	m.end = ErrLeft
	return true
}

// command is for the key after the prefix. The prefix twice is for the device.
func (m *screenModel) command(k tea.Key, now time.Time) {
	again := !m.repeats.IsZero()
	m.local, m.repeats = false, time.Time{}
	key := k.String()
	switch {
	case key == endTyping && m.control && m.frozen == "" && !again:
		m.keyboard.press(k, m.hands.key)
		m.keyboard.letGo(m.hands.key) // the modifier's own press was before the prefix
	case key == endTyping:
		m.local = again
	case key == "d" && m.control && m.frozen == "" && !again:
		m.keyboard.press(tea.Key{Code: tea.KeyDelete, Mod: tea.ModCtrl | tea.ModAlt}, m.hands.key)
		m.keyboard.letGo(m.hands.key)
	case m.do(key):
		m.local, m.repeats = m.moves(key), now.Add(repeatWait)
	case again && m.control && m.frozen == "":
		m.keyboard.press(k, m.hands.key) // no longer a move: typing again
	}
}

// moves reports whether a key is one that is often pressed again.
func (m *screenModel) moves(key string) bool {
	switch key {
	case "up", "down", "left", "right", "+", "=", "-":
		return m.control
	}
	return false
}

// do does what a key of this screen's own means; false where it means nothing.
func (m *screenModel) do(key string) bool {
	size := m.painter.Place().Source.Size()
	switch key {
	case "q":
		m.end = ErrBack
	case "?":
		m.help = true
	case "+", "=":
		m.zoom(1)
	case "-":
		m.zoom(-1)
	case "0", "f":
		m.view = m.fit()
	case "m":
		m.nextMonitor()
	case "1":
		m.view = m.painter.Around(1, middleOf(m.painter.Place().Source))
	case "left":
		m.pan(image.Pt(-max(size.X/4, 1), 0))
	case "right":
		m.pan(image.Pt(max(size.X/4, 1), 0))
	case "up":
		m.pan(image.Pt(0, -max(size.Y/4, 1)))
	case "down":
		m.pan(image.Pt(0, max(size.Y/4, 1)))
	default:
		return false
	}
	return true
}

// pan moves over the screen, in its pixels.
func (m *screenModel) pan(by image.Point) {
	if m.view.Zoom > 0 {
		m.view.At = m.painter.Place().Source.Min.Add(by)
		m.painter.Show(m.room(), m.view)
		m.view.At = m.painter.Place().Source.Min
	}
}

// fit shows all there is.
func (m *screenModel) fit() picture.View { return picture.View{Part: m.view.Part} }

// nextMonitor goes from all of them to the first, and from the last to all.
func (m *screenModel) nextMonitor() {
	n := len(m.monitors)
	if n < 2 {
		m.told = m.ph.Say("ScreenOneMonitor")
		return
	}
	m.monitor = (m.monitor + 1) % (n + 1)
	m.told = m.ph.Say("ScreenAllMonitors", "N", n)
	if m.monitor > 0 {
		m.told = m.ph.Say("ScreenMonitor", "I", m.monitor, "N", n)
	}
	m.confine()
}

// confine shows the monitor that is chosen, as it is by now. One that is gone was
// not chosen.
func (m *screenModel) confine() {
	var part image.Rectangle
	if m.monitor > 0 && m.monitor <= len(m.monitors) {
		part = m.monitors[m.monitor-1].Bounds
	} else if m.seen {
		m.monitor = 0
	}
	if part != m.view.Part {
		m.view = picture.View{Part: part}
		m.painter.Show(m.room(), m.view)
	}
}

// zoomSteps are the sizes of a pixel, in dots.
func zoomSteps() []float64 {
	return []float64{1. / 32, 1. / 24, 1. / 16, 1. / 12, 1. / 8, 1. / 6, 1. / 4, 1. / 3, 1. / 2, 2. / 3, 1, 1.5, 2, 3, 4, 6, 8}
}

// zoom goes to the next size around the middle of what is shown.
func (m *screenModel) zoom(by int) { m.zoomAt(by, middleOf(m.painter.Place().Source)) }

// zoomAt goes to the next size around a pixel. What shows all is the least.
func (m *screenModel) zoomAt(by int, centre image.Point) {
	now, next := m.painter.Place().Zoom, 0.0
	for _, z := range zoomSteps() {
		if by > 0 && z > now*1.01 {
			next = z
			break
		}
		if by < 0 && z < now*0.99 {
			next = z
		}
	}
	switch {
	case next == 0 && by > 0:
	case next <= m.painter.Fit():
		m.view = m.fit()
	default:
		m.view = m.painter.Around(next, centre)
	}
}

func middleOf(r image.Rectangle) image.Point { return r.Min.Add(r.Size().Div(2)) }

// paste types a text: whole, or not at all.
func (m *screenModel) paste(text string) {
	runes := typable(text)
	switch {
	case !m.control || m.frozen != "" || m.local || m.help || len(runes) == 0:
	case len(runes) > pasteMost:
		m.told = m.ph.Say("ScreenPasteLong", "N", pasteMost)
	default:
		m.told = ""
		m.letGo()
		for _, r := range runes {
			sym, _ := runeKeysym(r)
			m.hands.key(true, sym)
			m.hands.key(false, sym)
		}
	}
}
