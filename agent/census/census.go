// Package census is what the kernels of macOS and FreeBSD say of the processes of
// a machine. On Linux the packages that need to know read /proc themselves.
//
// How the kernels lay out what they say is decoded here by functions that need
// no such kernel, so that they are tested everywhere.
package census

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
)

// Process is one process.
type Process struct {
	PID, Parent, Group, Session int

	TTY        uint64 // its controlling terminal's device number, 0 for none
	Foreground int    // the terminal's foreground process group
	Name       string // of the program, shortened
	Start      uint64 // microseconds, of a clock that nobody sets; with PID it names one process for ever
	Over       bool   // it ended and only waits to be reaped
	UIDs       IDs
	GIDs       IDs
}

// IDs are those that a process acts by.
type IDs struct{ Real, Effective, Saved int }

// Layout of struct kinfo_proc on 64 bits, FreeBSD's sys/user.h since version 12.
const (
	kinfoSize  = 1088
	atPID      = 72
	atParent   = 76
	atGroup    = 80
	atFront    = 84
	atSession  = 88
	atUID      = 168 // effective, real, saved
	atRealGID  = 180
	atSavedGID = 184
	atGIDs     = 192 // the first is the effective one
	atStart    = 336 // a timeval
	atState    = 388
	atName     = 447
	nameSize   = 20
	atTTY      = 560
)

// zombie is SZOMB of both systems' sys/proc.h.
const zombie = 5

// noDevice is NODEV in 64 bits.
const noDevice = 1<<64 - 1

var errLayout = errors.New("the kernel lists processes in a way that this program doesn't know; it knows that of 64 bit FreeBSD since version 12")

// freebsd decodes what the sysctls below kern.proc hand out. The kernel adds the
// time of boot to when a process started, and changes it when somebody sets the
// clock, so it is taken off again; boot is in microseconds.
func freebsd(raw []byte, boot int64) ([]Process, error) {
	if len(raw)%kinfoSize != 0 {
		return nil, errLayout
	}
	list := make([]Process, 0, len(raw)/kinfoSize)
	for ; len(raw) > 0; raw = raw[kinfoSize:] {
		b := raw[:kinfoSize]
		number := func(at int) int { return int(int32(binary.LittleEndian.Uint32(b[at:]))) } //nolint:gosec // a pid_t
		id := func(at int) int { return int(binary.LittleEndian.Uint32(b[at:])) }
		long := func(at int) int64 { return int64(binary.LittleEndian.Uint64(b[at:])) } //nolint:gosec // a time_t
		if number(0) != kinfoSize {
			return nil, errLayout
		}
		p := Process{
			PID: number(atPID), Parent: number(atParent), Group: number(atGroup), Session: number(atSession),
			Foreground: number(atFront), Name: text(b[atName : atName+nameSize]), Over: b[atState] == zombie,
			Start: uint64(long(atStart)*1e6 + long(atStart+8) - boot), //nolint:gosec // nothing started before the boot
			TTY:   binary.LittleEndian.Uint64(b[atTTY:]),
			UIDs:  IDs{Effective: id(atUID), Real: id(atUID + 4), Saved: id(atUID + 8)},
			GIDs:  IDs{Effective: id(atGIDs), Real: id(atRealGID), Saved: id(atSavedGID)},
		}
		if p.TTY == noDevice {
			p.TTY = 0
		}
		list = append(list, p)
	}
	return list, nil
}

// text is a string of C.
func text(b []byte) string {
	s, _, _ := bytes.Cut(b, []byte{0})
	return string(s)
}

// arguments decodes what KERN_PROCARGS2 of macOS hands out: the number of
// arguments, the program's path, zeros up to the next word, the arguments, the
// environment, and then more for the dynamic linker alone. The kernel keeps the
// environment of the system's own programs to itself.
func arguments(raw []byte) (program string, env []string) {
	if len(raw) < 4 {
		return "", nil
	}
	count := int(int32(binary.LittleEndian.Uint32(raw))) //nolint:gosec // an int of C
	path, rest, _ := bytes.Cut(raw[4:], []byte{0})
	rest = bytes.TrimLeft(rest, "\x00")
	for ; count > 0 && len(rest) > 0; count-- {
		_, rest, _ = bytes.Cut(rest, []byte{0})
	}
	if count != 0 {
		return string(path), nil
	}
	return string(path), variables(rest)
}

// variables are NAME=value with a zero behind each, up to an empty one.
func variables(raw []byte) (env []string) {
	for len(raw) > 0 {
		v, rest, whole := bytes.Cut(raw, []byte{0})
		if len(v) == 0 || !whole || !strings.Contains(string(v), "=") {
			break
		}
		env, raw = append(env, string(v)), rest
	}
	return env
}
