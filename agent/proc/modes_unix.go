//go:build linux || darwin || freebsd

package proc

import (
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"
)

// Encoded terminal modes, RFC 4254 section 8: an opcode of one byte and an
// argument of four, until opcode 0 or, as some clients do it, the end. Opcodes
// from 160 on have no defined argument and end the list too.
const (
	opEnd       = 0
	opUndefined = 160
	maxModes    = 1024 // bytes; all 159 opcodes take 796
)

var errModes = errors.New("the terminal modes that the client sent are cut short or too long")

type mode struct {
	op    byte
	value uint32
}

// parseModes reads modes in the order sent; a later one of a kind wins.
func parseModes(b []byte) ([]mode, error) {
	if len(b) > maxModes {
		return nil, errModes
	}
	var modes []mode
	for len(b) > 0 && b[0] != opEnd && b[0] < opUndefined {
		if len(b) < 5 {
			return nil, errModes
		}
		modes = append(modes, mode{b[0], binary.BigEndian.Uint32(b[1:])})
		b = b[5:]
	}
	return modes, nil
}

// applyModes changes t as far as the system knows the modes. Speeds (128, 129) mean
// nothing on a pseudo terminal, which also fixes the character size.
func applyModes(t *unix.Termios, modes []mode) {
	for _, m := range modes {
		switch op := int(m.op); {
		case op < len(chars):
			setChar(t, op, m.value)
		case op >= opInput && op < opInput+len(inputFlags):
			setFlag(&t.Iflag, inputFlags[op-opInput], m.value)
		case op >= opLocal && op < opLocal+len(localFlags):
			setFlag(&t.Lflag, localFlags[op-opLocal], m.value)
		case op >= opOutput && op < opOutput+len(outputFlags):
			setFlag(&t.Oflag, outputFlags[op-opOutput], m.value)
		}
	}
}

// noChar marks an opcode that the system has no character for.
const noChar = -1

// The first opcode of each group of flags; the flags follow in its order.
const (
	opInput  = 30
	opLocal  = 50
	opOutput = 70
)

// setChar sets a control character; 255 turns it off, and more than a byte is
// no character.
func setChar(t *unix.Termios, op int, value uint32) {
	switch cc := chars[op]; {
	case cc == noChar:
	case value == 255:
		t.Cc[cc] = noCharacter
	case value < 255:
		t.Cc[cc] = byte(value)
	}
}

// setFlag changes a flag; 0 is one that the system hasn't.
func setFlag[W uint32 | uint64](word *W, flag W, value uint32) {
	if value == 0 {
		*word &^= flag
	} else {
		*word |= flag
	}
}
