package proc

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// encode writes modes as a client does, with the end mark.
func encode(modes ...mode) []byte {
	var b []byte
	for _, m := range modes {
		b = binary.BigEndian.AppendUint32(append(b, m.op), m.value)
	}
	return append(b, opEnd)
}

func TestParseModes(t *testing.T) {
	echoOff := mode{53, 0}
	for name, c := range map[string]struct {
		in   []byte
		want []mode
		err  error
	}{
		"none":                 {nil, nil, nil},
		"only the end":         {[]byte{0}, nil, nil},
		"one":                  {encode(echoOff), []mode{echoOff}, nil},
		"without the end":      {[]byte{53, 0, 0, 0, 0}, []mode{echoOff}, nil},
		"unknown is kept":      {encode(mode{159, 1}), []mode{{159, 1}}, nil},
		"undefined ends":       {append([]byte{53, 0, 0, 0, 0}, 160, 1), []mode{echoOff}, nil},
		"behind the end":       {append(encode(echoOff), 53, 0), []mode{echoOff}, nil},
		"cut in the argument":  {[]byte{53, 0, 0, 0}, nil, errModes},
		"cut after the opcode": {[]byte{53}, nil, errModes},
		"too long":             {make([]byte, maxModes+1), nil, errModes},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseModes(c.in)
			if !slices.Equal(got, c.want) || !errors.Is(err, c.err) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestApplyModes(t *testing.T) {
	base := unix.Termios{Lflag: unix.ECHO | unix.ICANON, Iflag: unix.ICRNL, Cflag: unix.CS8}
	base.Cc[unix.VINTR] = 3
	for name, c := range map[string]struct {
		modes []mode
		want  func(t *unix.Termios)
	}{
		"echo off":             {[]mode{{53, 0}}, func(t *unix.Termios) { t.Lflag = unix.ICANON }},
		"raw carriage returns": {[]mode{{36, 0}}, func(t *unix.Termios) { t.Iflag = 0 }},
		"the last one wins":    {[]mode{{36, 0}, {36, 5}}, func(*unix.Termios) {}},
		"UTF-8":                {[]mode{{42, 1}}, func(t *unix.Termios) { t.Iflag |= unix.IUTF8 }},
		"line ends":            {[]mode{{70, 1}, {72, 1}, {75, 1}}, func(t *unix.Termios) { t.Oflag = unix.OPOST | unix.ONLCR | unix.ONLRET }},
		"interrupt":            {[]mode{{1, 24}}, func(t *unix.Termios) { t.Cc[unix.VINTR] = 24 }},
		"interrupt off":        {[]mode{{1, 255}}, func(t *unix.Termios) { t.Cc[unix.VINTR] = 0 }},
		"no character":         {[]mode{{1, 256}, {1, 1 << 31}}, func(*unix.Termios) {}},
		"discard":              {[]mode{{18, 15}}, func(t *unix.Termios) { t.Cc[unix.VDISCARD] = 15 }},
		"not on Linux":         {[]mode{{11, 1}, {15, 1}, {17, 1}}, func(*unix.Termios) {}},
		"means nothing here":   {[]mode{{0, 1}, {19, 1}, {29, 1}, {43, 1}, {63, 1}, {76, 1}, {90, 1}, {128, 38400}, {159, 1}}, func(*unix.Termios) {}},
	} {
		t.Run(name, func(t *testing.T) {
			got, want := base, base
			applyModes(&got, c.modes)
			c.want(&want)
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

// TestModesReachTheTerminal asks stty of the device.
func TestModesReachTheTerminal(t *testing.T) {
	s := withPTY(spec(t, "stty -a"))
	s.PTY.Modes = encode(mode{1, 24}, mode{3, 8}, mode{36, 0}, mode{38, 0}, mode{53, 0}, mode{42, 1}, mode{72, 0}, mode{128, 9600})
	s.PTY.Width, s.PTY.Height = 101, 33
	out, _, _ := finish(t, begin(t, s))
	for _, want := range []string{"rows 33; columns 101", "intr = ^X", "erase = ^H", "-icrnl", "-ixon", "-echo ", " iutf8", "-onlcr"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %s", want, out)
		}
	}
}

func FuzzModes(f *testing.F) {
	f.Add(encode(mode{1, 3}, mode{53, 0}, mode{128, 38400}))
	f.Add([]byte{160})
	f.Add([]byte{1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		modes, err := parseModes(b)
		if err != nil {
			return
		}
		var a, again unix.Termios
		applyModes(&a, modes)
		parsed, err := parseModes(encode(modes...))
		if len(modes)*5+1 > maxModes {
			return // as long as allowed, and one more with the end mark
		}
		applyModes(&again, parsed)
		if err != nil || !slices.Equal(modes, parsed) || a != again {
			t.Errorf("%v reads back as %v, %v", modes, parsed, err)
		}
	})
}
