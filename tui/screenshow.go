package tui

import (
	"context"
	"errors"
	"image"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"
	uv "github.com/charmbracelet/ultraviolet"

	"accord/recordings/rfb"
	"accord/tui/picture"
)

// ScreenShow is a device's screen as somebody sees it in their terminal. Its
// texts must be clean.
type ScreenShow struct {
	Screen *rfb.Screen
	Device string
	// Title says whose screen that is; "" is the device's name.
	Title string
	// Monitor is which one is shown first, counted from 1; 0 is all of them.
	Monitor int
	// Control reports whether keys and mouse go to the device now; nil is never.
	// It is asked several times a second, so that what the user takes back is
	// shown as taken. It is not what enforces it.
	Control func() bool
	// Frozen says why nothing new comes, such as a pause; "" while something may.
	// It is asked as Control is, and may be nil.
	Frozen func() string
	// Key and Pointer send what was typed and pointed at, as RFB has them (RFC
	// 6143, 7.5.4 and 7.5.5). They are called in order from one goroutine, and
	// not after ShowScreen has returned, which waits for them.
	Key     func(down bool, keysym uint32)
	Pointer func(x, y int, buttons uint8)
}

// ShowScreen draws a device's screen until the reader leaves: [ErrBack]; or
// [ErrLeft] with Ctrl-C, which only leaves while nothing goes to the device, and
// for a lost terminal. A context that ends takes it down, and is the error.
// Where no picture can be drawn it says what to do instead.
func ShowScreen(ctx context.Context, t *Terminal, s ScreenShow) error {
	if t.Plain() || t.getenv("NO_COLOR") != "" {
		return noScreen(ctx, t, s)
	}
	able, err := t.ask(ctx)
	if err != nil {
		return err
	}
	m := newScreenModel(newPage(t), s, able)
	m.poll(t.Banner)
	defer m.hands.close()
	end := m.run(ctx, t)
	if errors.Is(end, ErrBack) && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return end
}

// noScreen is for terminals without a picture, and for readers who want none.
func noScreen(ctx context.Context, t *Terminal, s ScreenShow) error {
	ph := PhrasesFor(t.Locale())
	note := Note{Title: ph.Say("ScreenTitle", "Device", s.Device), Lines: []string{ph.Say("ScreenNotHere", "Device", s.Device)}}
	if err := Notice(ctx, t, note); err != nil {
		return err
	}
	return ErrBack
}

// What puts a terminal into the state for pictures, and back: the second screen,
// no cursor, pastes in brackets, the mouse in cells and, where the terminal has
// it, in pixels; the keys with their releases.
const (
	screenEnter    = "\x1b[?1049h\x1b[?25l\x1b[?2004h\x1b[m\x1b[2J"
	screenLeave    = "\x1b[m\x1b[2J\x1b[?1003l\x1b[?1002l\x1b[?1006l\x1b[?1016l\x1b[?2004l\x1b[?25h\x1b[?1049l"
	mouseControl   = "\x1b[?1003h\x1b[?1006h"
	mouseView      = "\x1b[?1003l\x1b[?1002h\x1b[?1006h"
	mousePixels    = "\x1b[?1016h"
	keyboardEnter  = "\x1b[>27u" // 1 unambiguous, 2 releases, 8 every key, 16 with its text
	keyboardLeave  = "\x1b[<u"
	frameBegin     = "\x1b[?2026h" // shown as one, by terminals that know this
	frameEnd       = "\x1b[?2026l"
	privatePalette = "\x1b[?1070h" // each sixel image has colours of its own
)

// screenModel is what is shown and what is wanted. It does no output itself.
type screenModel struct {
	page
	s        ScreenShow
	able     abilities
	painter  *picture.Painter
	view     picture.View
	monitor  int           // the one that is shown, 0 for all
	monitors []rfb.Monitor // those there are
	seen     bool          // there is a picture at all
	hands    *hands
	keyboard keyboard
	mouse    mouse

	control bool
	frozen  string
	banner  string
	local   bool      // the next key is for this screen
	repeats time.Time // until when it is so again, after a key that is often repeated
	help    bool
	told    string // a passing remark
	rate    int    // bytes a second
	end     error  // why it is over; nil while it goes on

	chrome chrome // what is drawn of the rest
	deck   *deck  // of a replay; nil for a screen that is there now
}

func newScreenModel(p page, s ScreenShow, able abilities) *screenModel {
	m := &screenModel{page: p, s: s, monitor: s.Monitor, able: able, painter: picture.New(able.Means), hands: newHands(s.Key, s.Pointer)}
	m.keyboard.releases = able.keyboard
	return m
}

// poll looks at what others decide.
func (m *screenModel) poll(b *Banner) {
	control, frozen, banner := m.s.Control != nil && m.s.Control(), "", ""
	if m.s.Frozen != nil {
		frozen = m.s.Frozen()
	}
	if b != nil {
		banner = b.Text()
	}
	if m.control && (!control || frozen != "") {
		m.letGo()
	}
	if control != m.control {
		m.control = control
		m.chrome.first = append(m.chrome.first, m.modes()...)
	}
	m.frozen, m.banner = frozen, banner
}

// letGo releases all keys and buttons, so that none stays down on the device.
func (m *screenModel) letGo() {
	m.keyboard.letGo(m.hands.key)
	m.mouse.letGo(m.hands.pointer)
}

// modes are the sequences for the mouse as it is wanted now.
func (m *screenModel) modes() string {
	seq := mouseView
	if m.control {
		seq = mouseControl
	}
	if m.able.pixels {
		seq += mousePixels
	}
	return seq
}

// handle takes an event of the terminal.
func (m *screenModel) handle(msg tea.Msg, now time.Time) {
	switch msg := msg.(type) {
	case tea.KeyPressMsg:
		m.press(msg.Key(), now)
	case uv.KeyReleaseEvent:
		if m.control {
			m.keyboard.release(tea.Key(msg), m.hands.key)
		}
	case tea.PasteMsg:
		m.paste(msg.Content)
	case tea.MouseClickMsg:
		m.click(tea.Mouse(msg))
	case tea.MouseReleaseMsg:
		m.unclick(tea.Mouse(msg))
	case tea.MouseMotionMsg:
		m.motion(tea.Mouse(msg))
	case tea.MouseWheelMsg:
		m.wheel(tea.Mouse(msg))
	default:
		m.able.take(msg)
	}
}

// measure takes the size of a cell as it is by now: the window, or its font, may
// have been changed.
func (m *screenModel) measure(cell image.Point) {
	if cell == m.able.Cell || cell.X < 1 || cell.Y < 1 {
		return
	}
	m.able.Cell = cell
	m.chrome.first = m.painter.Erase(m.chrome.first)
	m.painter = picture.New(m.able.Means)
	m.chrome.layout = layout{}
}

// look takes the newest picture.
func (m *screenModel) look(view *rfb.View) {
	m.painter.Show(m.room(), m.view)
	if m.room().Empty() {
		return // what has changed is taken when there is room again
	}
	m.painter.Dim(m.frozen != "")
	if m.painter.Stale() || !m.seen {
		view.Invalidate(image.Rect(0, 0, rfb.MaxSide, rfb.MaxSide))
	}
	view.Take(func(c rfb.Changes) {
		m.seen, m.monitors = true, c.State.Monitors
		m.confine()
		m.painter.Look(c.Frame, c.Rects, c.State)
	})
}

// typable are the characters of a text from outside that can be typed.
func typable(text string) []rune {
	return slices.DeleteFunc([]rune(cleanPaste(text)), func(r rune) bool { _, ok := runeKeysym(r); return !ok })
}
