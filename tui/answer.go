package tui

import (
	"bytes"
	"image"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"
)

// answerWait is how long the rest of a sequence may take that nobody types: what
// a terminal answers, or reports of its mouse, may be cut anywhere on its way.
// Half of one must not pass for typing.
const answerWait = time.Second

// unfinished reports whether buf begins with such a sequence whose end has not
// come (ECMA-48).
func unfinished(buf []byte) bool {
	if len(buf) < 3 || buf[0] != esc {
		return false
	}
	switch {
	case buf[1] == '[':
		return unfinishedCSI(buf[2:])
	case buf[1] == 'P' && bytes.IndexByte([]byte("01>!"), buf[2]) >= 0, buf[1] == '_' && buf[2] == 'G':
		return unfinishedString(buf[2:], false)
	case buf[1] == ']' && buf[2] >= '0' && buf[2] <= '9':
		return unfinishedString(buf[2:], true)
	}
	return false
}

// unfinishedCSI wants one byte that ends it, after parameters.
func unfinishedCSI(p []byte) bool {
	for _, b := range p {
		if b < 0x20 || b >= 0x40 {
			return false
		}
	}
	return true
}

// unfinishedString wants ST, or what cancels it; bell ends it too where it is
// one of an operating system command.
func unfinishedString(p []byte, bell bool) bool {
	for i, b := range p {
		switch {
		case b == can, b == sub, b == '\a' && bell:
			return false
		case b == esc:
			return i+1 == len(p)
		}
	}
	return true
}

// answers are what a terminal has said of itself.
type answers struct {
	version    string      // its name, as it says (XTVERSION)
	cell, text image.Point // size of a cell and of the whole text area, in pixels
	kitty      bool        // the graphics protocol of that name
	sixel      bool
	registers  int         // colours of sixels
	most       image.Point // largest sixel image
	trueColour bool
	pixels     bool // the mouse is reported in pixels (mode 1016)
	keyboard   bool // the keyboard protocol of kitty
	fences     int  // how often it has answered the question that all terminals answer
}

// take reports whether msg was an answer, which nobody typed.
func (a *answers) take(msg tea.Msg) bool {
	switch msg := msg.(type) {
	case uv.PrimaryDeviceAttributesEvent: // DA1: 4 is sixel
		a.fences++
		for _, n := range msg[min(1, len(msg)):] {
			a.sixel = a.sixel || n == 4
		}
	case uv.TerminalVersionEvent:
		a.version = strings.Map(seen, msg.Name)
	case uv.CellSizeEvent:
		a.cell = image.Pt(msg.Width, msg.Height)
	case uv.PixelSizeEvent:
		a.text = image.Pt(msg.Width, msg.Height)
	case uv.KeyboardEnhancementsEvent:
		a.keyboard = msg.Flags >= 0
	case uv.ModeReportEvent: // DECRPM: 1 set, 2 reset, 3 always set
		if msg.Mode == ansi.DECMode(1016) {
			a.pixels = msg.Value >= 1 && msg.Value <= 3
		}
	case uv.KittyGraphicsEvent:
		a.kitty = a.kitty || msg.Options.ID == graphicsQuery && string(msg.Payload) == "OK"
	case uv.UnknownCsiEvent:
		a.attributes(string(msg))
	case uv.UnknownDcsEvent:
		a.trueColour = a.trueColour || truly(string(msg))
	case uv.MultiEvent:
		for _, one := range msg {
			if _, key := one.(uv.KeyPressEvent); key {
				return false
			}
			a.take(one)
		}
	case tea.KeyPressMsg, uv.KeyReleaseEvent, tea.PasteMsg, tea.MouseClickMsg, tea.MouseMotionMsg, tea.MouseReleaseMsg, tea.MouseWheelMsg:
		return false
	}
	return true
}

// attributes reads an answer of XTSMGRAPHICS: CSI ? item ; status ; values S,
// where a status of 0 is a success. Item 1 is the number of colours, item 2 the
// largest image.
func (a *answers) attributes(seq string) {
	body, ok := strings.CutPrefix(seq, "\x1b[?")
	body, ok2 := strings.CutSuffix(body, "S")
	if !ok || !ok2 {
		return
	}
	var n []int
	for _, part := range strings.Split(body, ";") {
		v, err := strconv.Atoi(part)
		if err != nil || v < 0 {
			return
		}
		n = append(n, v)
	}
	switch {
	case len(n) < 3 || n[1] != 0:
	case n[0] == 1:
		a.registers = min(n[2], 1<<16)
	case n[0] == 2 && len(n) > 3:
		a.most = image.Pt(min(n[2], 1<<16), min(n[3], 1<<16))
	}
}

// truly reports whether a terminal that was set to the colour 1, 2, 3 says that
// it is (DECRQSS of SGR); one with a palette names the nearest of that.
func truly(seq string) bool {
	if !strings.HasPrefix(seq, "\x1bP1$r") {
		return false
	}
	seq = strings.ReplaceAll(seq, ":", ";")
	return strings.Contains(seq, "48;2;1;2;3") || strings.Contains(seq, "48;2;;1;2;3")
}
