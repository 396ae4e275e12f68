package tui

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	uv "github.com/charmbracelet/ultraviolet"
	"pgregory.net/rapid"
)

// strokes are what a device gets for the bytes that a terminal sends.
func strokes(seq string, releases bool) string {
	b := keyboard{releases: releases}
	var list []string
	send := func(down bool, sym uint32) {
		mark := map[bool]string{true: "+", false: "-"}[down]
		list = append(list, fmt.Sprintf("%s%x", mark, sym))
	}
	var dec uv.EventDecoder
	for buf := []byte(seq); len(buf) > 0; {
		n, ev := decode(&dec, buf, true)
		switch msg := translate(ev).(type) {
		case tea.KeyPressMsg:
			b.press(msg.Key(), send)
		case uv.KeyReleaseEvent:
			b.release(tea.Key(msg), send)
		}
		buf = buf[n:]
	}
	return strings.Join(list, " ")
}

func TestKeysWithoutReleases(t *testing.T) {
	for seq, want := range map[string]string{
		"a":         "+61 -61",
		"A":         "+ffe1 +41 -41 -ffe1",
		"!":         "+21 -21",
		"é":         "+e9 -e9",
		"É":         "+ffe1 +c9 -c9 -ffe1",
		"€":         "+10020ac -10020ac",
		"漢":         "+1006f22 -1006f22",
		" ":         "+20 -20",
		"\r":        "+ff0d -ff0d",
		"\t":        "+ff09 -ff09",
		"\x7f":      "+ff08 -ff08",
		"\x1b":      "+ff1b -ff1b",
		"\x03":      "+ffe3 +63 -63 -ffe3",
		"\x1bx":     "+ffe9 +78 -78 -ffe9",
		"\x1b[Z":    "+ffe1 +ff09 -ff09 -ffe1",
		"\x1b[A":    "+ff52 -ff52",
		"\x1bOA":    "+ff52 -ff52",
		"\x1b[1;5D": "+ffe3 +ff51 -ff51 -ffe3",
		"\x1b[1;6D": "+ffe3 +ffe1 +ff51 -ff51 -ffe1 -ffe3",
		"\x1b[3~":   "+ffff -ffff",
		"\x1b[5;3~": "+ffe9 +ff55 -ff55 -ffe9",
		"\x1bOP":    "+ffbe -ffbe",
		"\x1b[24~":  "+ffc9 -ffc9",
		"\x00":      "+ffe3 +20 -20 -ffe3",
		"\x1b[?62c": "",
	} {
		if got := strokes(seq, false); got != want {
			t.Errorf("%q: %s, want %s", seq, got, want)
		}
	}
}

// The keyboard protocol of kitty, with the flags that are asked for.
func TestKeysWithReleases(t *testing.T) {
	for seq, want := range map[string]string{
		"\x1b[97;;97u\x1b[97;1:3u":                               "+61 -61",
		"\x1b[97;;97u\x1b[97;1:2;97u\x1b[97;1:3u":                "+61 +61 -61",
		"\x1b[57441;2u\x1b[97;2;65u\x1b[97;2:3u\x1b[57441;1:3u":  "+ffe1 +41 -41 -ffe1",
		"\x1b[57441;2u\x1b[97;2;65u\x1b[57441;1:3u\x1b[97;1:3u":  "+ffe1 +41 -ffe1 -41",
		"\x1b[57442;5u\x1b[99;5u\x1b[99;5:3u\x1b[57442;1:3u":     "+ffe3 +63 -63 -ffe3",
		"\x1b[99;5u\x1b[99;5:3u":                                 "+ffe3 +63 -ffe3 -63",
		"\x1b[57453u\x1b[101;;8364u\x1b[101;1:3u\x1b[57453;1:3u": "+10020ac -10020ac",
		"\x1b[57358;65u\x1b[97;65;65u\x1b[97;65:3u":              "+41 -41",
		"\x1b[13u\x1b[13;1:3u":                                   "+ff0d -ff0d",
		"\x1b[1;1:1A\x1b[1;1:3A":                                 "+ff52 -ff52",
		"\x1b[1;5:1D\x1b[1;5:3D":                                 "+ffe3 +ff51 -ffe3 -ff51",
		"\x1b[3;1:1~\x1b[3;1:3~":                                 "+ffff -ffff",
		"\x1b[57404u\x1b[57404;1:3u":                             "+ffb5 -ffb5",
		"\x1b[57444;9u\x1b[57444;1:3u":                           "+ffeb -ffeb",
		"\x1b[97;1:3u":                                           "", // pressed before we looked
	} {
		if got := strokes(seq, true); got != want {
			t.Errorf("%q: %s, want %s", seq, got, want)
		}
	}
}

// After any typing, letting go leaves no key down on the device.
func TestNoKeyStaysDown(t *testing.T) {
	pieces := []string{
		"\x1b[97;;97u", "\x1b[97;1:3u", "\x1b[97;2;65u", "\x1b[57441;2u", "\x1b[57441;1:3u", "\x1b[57442;5u", "\x1b[57442;1:3u",
		"\x1b[99;5u", "\x1b[1;5:1D", "\x1b[1;1:3D", "\x1b[233;;233u", "x", "A", "\x03", "\x1b[A",
	}
	rapid.Check(t, func(r *rapid.T) {
		b := keyboard{releases: rapid.Bool().Draw(r, "releases")}
		down := map[uint32]bool{}
		send := func(d bool, sym uint32) {
			if !d && !down[sym] && sym != symShift && sym != symControl {
				r.Fatalf("%x goes up and was not down", sym)
			}
			if down[sym] = d; !d {
				delete(down, sym)
			}
		}
		var dec uv.EventDecoder
		for _, seq := range rapid.SliceOf(rapid.SampledFrom(pieces)).Draw(r, "typed") {
			_, ev := decode(&dec, []byte(seq), true)
			switch msg := translate(ev).(type) {
			case tea.KeyPressMsg:
				b.press(msg.Key(), send)
			case uv.KeyReleaseEvent:
				b.release(tea.Key(msg), send)
			}
		}
		b.letGo(send)
		if len(down) > 0 {
			r.Fatalf("still down: %x", slices.Collect(maps.Keys(down)))
		}
	})
}

func TestTypable(t *testing.T) {
	if got := string(typable("a\x1b[31mé\r\nb\tc\x00\u202e漢")); got != "a[31mé\rb\tc漢" {
		t.Errorf("%q", got)
	}
}
