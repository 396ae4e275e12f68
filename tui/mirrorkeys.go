package tui

import (
	"strings"
	"unicode"

	tea "charm.land/bubbletea/v2"
)

// encodeKey is what a terminal of the kind xterm sends for a key; empty for
// keys that say nothing there. application is the mode of the cursor keys that
// the program has chosen (DECCKM).
func encodeKey(msg tea.KeyPressMsg, application bool) []byte {
	k := msg.Key()
	alt := ""
	if k.Mod.Contains(tea.ModAlt) {
		alt = "\x1b"
	}
	if seq, ok := namedKey(k, application); ok {
		if strings.HasPrefix(seq, "\x1b") {
			return []byte(seq) // the modifier is in it, or lost
		}
		return []byte(alt + seq)
	}
	switch {
	case k.Mod.Contains(tea.ModCtrl):
		if c, ok := control(k.Code); ok {
			return []byte(alt + string(c))
		}
		return nil
	case k.Text != "":
		return []byte(alt + k.Text)
	case alt != "" && unicode.IsPrint(k.Code):
		return []byte(alt + string(k.Code))
	}
	return nil
}

// control is the character of Ctrl and a key (ECMA-48, C0).
func control(code rune) (byte, bool) {
	switch {
	case code >= 'a' && code <= 'z':
		return byte(code-'a') + 1, true
	case code >= '[' && code <= '_':
		return byte(code-'[') + 0x1b, true
	case code == '@', code == ' ', code == '2':
		return 0, true
	case code == '/', code == '7':
		return 0x1f, true
	}
	return 0, false
}

// namedKey is what the keys without a letter send.
func namedKey(k tea.Key, application bool) (string, bool) {
	switch k.Code {
	case tea.KeyEnter, tea.KeyKpEnter:
		return "\r", true
	case tea.KeyTab:
		if k.Mod.Contains(tea.ModShift) {
			return "\x1b[Z", true
		}
		return "\t", true
	case tea.KeyBackspace:
		return "\x7f", true
	case tea.KeyEscape:
		return "\x1b", true
	case tea.KeySpace:
		if k.Mod.Contains(tea.ModCtrl) {
			return "\x00", true
		}
		return " ", true
	}
	if final, ok := firstKeys()[k.Code]; ok {
		return cursorKey(k, final, true), true
	}
	if final, ok := cursorKeys()[k.Code]; ok {
		return cursorKey(k, final, application), true
	}
	if number, ok := editKeys()[k.Code]; ok {
		return "\x1b[" + number + "~", true
	}
	return "", false
}

// cursorKey has its modifiers as xterm numbers them, from 2.
func cursorKey(k tea.Key, final string, application bool) string {
	n := 1
	for i, mod := range []tea.KeyMod{tea.ModShift, tea.ModAlt, tea.ModCtrl} {
		if k.Mod.Contains(mod) {
			n += 1 << i
		}
	}
	switch {
	case n > 1:
		return "\x1b[1;" + string(rune('0'+n)) + final
	case application:
		return "\x1bO" + final
	}
	return "\x1b[" + final
}

func cursorKeys() map[rune]string {
	return map[rune]string{
		tea.KeyUp: "A", tea.KeyDown: "B", tea.KeyRight: "C", tea.KeyLeft: "D", tea.KeyHome: "H", tea.KeyEnd: "F",
	}
}

func firstKeys() map[rune]string {
	return map[rune]string{tea.KeyF1: "P", tea.KeyF2: "Q", tea.KeyF3: "R", tea.KeyF4: "S"}
}

func editKeys() map[rune]string {
	return map[rune]string{
		tea.KeyInsert: "2", tea.KeyDelete: "3", tea.KeyPgUp: "5", tea.KeyPgDown: "6",
		tea.KeyF5: "15", tea.KeyF6: "17", tea.KeyF7: "18", tea.KeyF8: "19", tea.KeyF9: "20", tea.KeyF10: "21",
		tea.KeyF11: "23", tea.KeyF12: "24",
	}
}

// cleanPaste leaves out of a paste what is no text, so that it can't end its own
// brackets or press keys; a new line is the key Enter.
func cleanPaste(text string) string {
	text = strings.NewReplacer("\r\n", "\r", "\n", "\r").Replace(text)
	return strings.Map(func(r rune) rune {
		if r == '\r' || r == '\t' || unicode.IsGraphic(r) {
			return r
		}
		return -1
	}, text)
}
