package tui

import (
	"slices"
	"unicode"

	tea "charm.land/bubbletea/v2"
)

// Keysyms of the X Window System, which RFB uses (RFC 6143, 7.5.4).
const (
	symTab      = 0xff09
	symReturn   = 0xff0d
	symShift    = 0xffe1
	symControl  = 0xffe3
	symAlt      = 0xffe9
	symSuper    = 0xffeb
	symDelete   = 0xffff
	symUnicode  = 0x01000000 // and the character, for those that Latin-1 doesn't have
	symFunction = 0xffbe     // F1; the others follow
)

// runeKeysym is the key that types a character.
func runeKeysym(r rune) (uint32, bool) {
	switch {
	case r == '\t':
		return symTab, true
	case r == '\r', r == '\n':
		return symReturn, true
	case r >= 0x20 && r < 0x7f, r >= 0xa0 && r <= 0xff:
		return uint32(r), true
	case r > 0xff && unicode.IsGraphic(r):
		return symUnicode | uint32(r), true
	}
	return 0, false
}

// keysym is the key that was pressed. Keys that only choose another level, or
// lock one, are none: what they do to the text is in the text.
func keysym(k tea.Key) (uint32, bool) {
	if sym, ok := namedKeysyms()[k.Code]; ok {
		return sym, true
	}
	if k.Code >= tea.KeyF1 && k.Code <= tea.KeyF35 {
		return symFunction + uint32(k.Code-tea.KeyF1), true //nolint:gosec // a small difference
	}
	if text := []rune(k.Text); len(text) == 1 {
		return runeKeysym(text[0])
	}
	code := k.Code
	if k.Mod.Contains(tea.ModShift) {
		code = unicode.ToUpper(code)
		if k.ShiftedCode != 0 {
			code = k.ShiftedCode
		}
	}
	return runeKeysym(code)
}

// namedKeysyms are the keys without a character (X11/keysymdef.h).
func namedKeysyms() map[rune]uint32 {
	return map[rune]uint32{
		tea.KeyBackspace: 0xff08, tea.KeyTab: symTab, tea.KeyEnter: symReturn, tea.KeyEscape: 0xff1b, tea.KeyDelete: symDelete,
		tea.KeyPause: 0xff13, tea.KeyPrintScreen: 0xff61, tea.KeyMenu: 0xff67, tea.KeyInsert: 0xff63,
		tea.KeyHome: 0xff50, tea.KeyLeft: 0xff51, tea.KeyUp: 0xff52, tea.KeyRight: 0xff53, tea.KeyDown: 0xff54,
		tea.KeyPgUp: 0xff55, tea.KeyPgDown: 0xff56, tea.KeyEnd: 0xff57, tea.KeyBegin: 0xff58,
		tea.KeyKpEnter: 0xff8d, tea.KeyKpHome: 0xff95, tea.KeyKpLeft: 0xff96, tea.KeyKpUp: 0xff97, tea.KeyKpRight: 0xff98,
		tea.KeyKpDown: 0xff99, tea.KeyKpPgUp: 0xff9a, tea.KeyKpPgDown: 0xff9b, tea.KeyKpEnd: 0xff9c, tea.KeyKpBegin: 0xff9d,
		tea.KeyKpInsert: 0xff9e, tea.KeyKpDelete: 0xff9f, tea.KeyKpMultiply: 0xffaa, tea.KeyKpPlus: 0xffab, tea.KeyKpSep: 0xffac,
		tea.KeyKpMinus: 0xffad, tea.KeyKpDecimal: 0xffae, tea.KeyKpDivide: 0xffaf, tea.KeyKpEqual: 0xffbd,
		tea.KeyKp0: 0xffb0, tea.KeyKp1: 0xffb1, tea.KeyKp2: 0xffb2, tea.KeyKp3: 0xffb3, tea.KeyKp4: 0xffb4,
		tea.KeyKp5: 0xffb5, tea.KeyKp6: 0xffb6, tea.KeyKp7: 0xffb7, tea.KeyKp8: 0xffb8, tea.KeyKp9: 0xffb9,
		tea.KeyLeftShift: symShift, tea.KeyRightShift: 0xffe2, tea.KeyLeftCtrl: symControl, tea.KeyRightCtrl: 0xffe4,
		tea.KeyLeftMeta: 0xffe7, tea.KeyRightMeta: 0xffe8, tea.KeyLeftAlt: symAlt, tea.KeyRightAlt: 0xffea,
		tea.KeyLeftSuper: symSuper, tea.KeyRightSuper: 0xffec,
	}
}

// modifier reports whether a key does nothing but change others.
func modifier(code rune) bool {
	return code >= tea.KeyLeftShift && code <= tea.KeyIsoLevel5Shift || code >= tea.KeyCapsLock && code <= tea.KeyNumLock
}

// keyboard knows which keys are down on the device. Where the terminal tells no
// releases, each key is released as soon as it is pressed.
type keyboard struct {
	releases bool
	held     map[rune]uint32 // by the key's code in the terminal
}

// press sends a key, and around it the modifiers that are not down themselves.
func (b *keyboard) press(k tea.Key, send func(down bool, sym uint32)) {
	sym, ok := keysym(k)
	if !ok {
		for _, r := range k.Text { // several at once, as an input method gives them
			if sym, ok := runeKeysym(r); ok {
				send(true, sym)
				send(false, sym)
			}
		}
		return
	}
	if modifier(k.Code) {
		b.hold(k.Code, sym, send)
		return
	}
	around := b.missing(k)
	for _, mod := range around {
		send(true, mod)
	}
	if b.releases {
		b.hold(k.Code, sym, send)
	} else {
		send(true, sym)
		send(false, sym)
	}
	for _, mod := range slices.Backward(around) {
		send(false, mod)
	}
}

// hold presses a key that will be released, or again while it is held.
func (b *keyboard) hold(code rune, sym uint32, send func(bool, uint32)) {
	if b.held == nil {
		b.held = make(map[rune]uint32)
	}
	if was, is := b.held[code]; is && was != sym {
		send(false, was)
	}
	b.held[code] = sym
	send(true, sym)
}

// missing are the modifiers of a key that are not held. Shift is in the
// character already, but for letters: some servers want it there too.
func (b *keyboard) missing(k tea.Key) (list []uint32) {
	text := []rune(k.Text)
	shift := k.Mod.Contains(tea.ModShift) && len(text) == 0 || len(text) == 1 && unicode.IsUpper(text[0])
	for _, m := range []struct {
		on    bool
		sym   uint32
		codes []rune
	}{
		{k.Mod.Contains(tea.ModCtrl), symControl, []rune{tea.KeyLeftCtrl, tea.KeyRightCtrl}},
		{k.Mod.Contains(tea.ModAlt), symAlt, []rune{tea.KeyLeftAlt, tea.KeyRightAlt}},
		{k.Mod.Contains(tea.ModSuper), symSuper, []rune{tea.KeyLeftSuper, tea.KeyRightSuper}},
		// With caps lock an upper case letter needs no shift.
		{shift && !k.Mod.Contains(tea.ModCapsLock), symShift, []rune{tea.KeyLeftShift, tea.KeyRightShift}},
	} {
		if m.on && !slices.ContainsFunc(m.codes, func(c rune) bool { _, held := b.held[c]; return held }) {
			list = append(list, m.sym)
		}
	}
	return list
}

// release sends that a key is up, if it was down.
func (b *keyboard) release(k tea.Key, send func(bool, uint32)) {
	if sym, held := b.held[k.Code]; held {
		delete(b.held, k.Code)
		send(false, sym)
	}
}

// letGo releases everything.
func (b *keyboard) letGo(send func(bool, uint32)) {
	for _, sym := range b.held {
		send(false, sym)
	}
	clear(b.held)
}
