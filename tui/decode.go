package tui

import (
	"bytes"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	uv "github.com/charmbracelet/ultraviolet"
)

// decode finds the first event in buf, or 0 while it may still be incomplete.
func decode(dec *uv.EventDecoder, buf []byte, expired bool) (int, uv.Event) {
	if len(buf) == 0 {
		return 0, nil
	}
	if buf[0] >= utf8.RuneSelf && !utf8.FullRune(buf) && !expired {
		return 0, nil
	}
	if !expired && unfinished(buf) {
		return 0, nil
	}
	n, ev := dec.Decode(buf)
	_, unknown := ev.(uv.UnknownEvent)
	cut := buf[0] == 0x1b && n == len(buf) && (n <= 2 || unknown || ev == nil)
	if (n == 0 || cut) && !expired {
		return 0, nil
	}
	if n == 0 {
		return 1, uv.UnknownEvent(buf[:1])
	}
	return n, ev
}

// translate turns an event of the decoder into the message that Bubble Tea
// would have made of it.
func translate(ev uv.Event) tea.Msg {
	switch e := ev.(type) {
	case uv.KeyPressEvent:
		return tea.KeyPressMsg(e)
	case uv.MouseClickEvent:
		return tea.MouseClickMsg(e)
	case uv.MouseMotionEvent:
		return tea.MouseMotionMsg(e)
	case uv.MouseReleaseEvent:
		return tea.MouseReleaseMsg(e)
	case uv.MouseWheelEvent:
		return tea.MouseWheelMsg(e)
	case uv.FocusEvent:
		return tea.FocusMsg(e)
	case uv.BlurEvent:
		return tea.BlurMsg(e)
	}
	return ev
}

// paste takes a whole bracketed paste as one event, so that no part of it can
// pass for typing, on this screen or the next. Of one that is longer than the
// Input holds, the rest is dropped.
func (in *Input) paste() (ev event, wait time.Duration) {
	text := in.buf[len(pasteStart):]
	n := bytes.Index(text, []byte(pasteEnd))
	all := len(pasteStart) + n + len(pasteEnd)
	if n < 0 {
		silent := time.Since(in.at)
		if full := len(in.buf) >= inputHold; full {
			in.pasting = true
		} else if in.err == nil && silent < pasteWait {
			return event{}, pasteWait - silent
		}
		n, all = len(text)-partialEnd(text), len(in.buf)-partialEnd(text)
	}
	msg := tea.PasteMsg{Content: string(text[:n])}
	raw := append([]byte(nil), in.buf[:all]...)
	return event{msg, raw, in.take(all)}, 0
}
