// Package files understands the protocols by which stock tools copy files over
// an SSH session: SFTP version 3 (draft-ietf-secsh-filexfer-02, with OpenSSH's
// extensions) and rcp, which `scp -O` speaks. It sits between the two sides,
// changes no byte, refuses what was not granted, and tells a [Journal] of each
// file in time: before its bytes are handed on. Gateway and agent both use it.
// It knows no SSH, no visit and no disk.
package files

import (
	"errors"
	"time"
)

// Direction is which way a file goes.
type Direction string

// The directions.
const (
	Get Direction = "get" // from the device to the technician
	Put Direction = "put" // from the technician to the device
)

// State is what a transfer came to.
type State string

// The states of a transfer that has ended.
const (
	// Whole is a file that went from its first byte in order, to its end where
	// it was read, and until it was closed without an error where it was
	// written.
	Whole State = "whole"
	// Part is a file of which only a part went: it was resumed, cut, or failed.
	Part State = "part"
	// Scattered is a file whose bytes went in no order, or twice, so that there
	// is no sum of them.
	Scattered State = "scattered"
)

// Transfer is one file on its way in one direction. Its fields are the
// [Journal]'s to read while it is called with it, not later.
type Transfer struct {
	Number    int    // on its connection, from 1
	Path      string // as the client named it, byte for byte; it may be no UTF-8
	Direction Direction
	Size      int64 // as one side announced it, in bytes; -1: nobody did
	From      int64 // where in the file the first byte belongs
	Bytes     int64 // that have gone
	Began     time.Time
	// Once it has ended.
	State State
	Why   string // of a part, a few words
	// Sum is the SHA-256 of the bytes that went, in hex; empty for a scattered
	// transfer.
	Sum  string
	Took time.Duration
}

// Change is something that was done to the device's files, or looked at,
// besides a transfer.
type Change struct {
	Op   string // "list", "mkdir", "rmdir", "remove", "rename", "link", "symlink", "attributes"
	Path string // as the client named it
	To   string // of rename, link and symlink: the second name that the client said
	// Attributes are what was set, such as "mode=0644 size=0".
	Attributes string
	Error      string // what the device said; empty: it was done
}

// Refusal is what was not handed on to the device.
type Refusal struct{ Op, Path, Why string }

// Journal is told what happens on one connection, from two goroutines but never
// at once. An error ends the connection.
type Journal interface {
	// Begins is called before a file's first byte goes on.
	Begins(t *Transfer) error
	// Moved is called for bytes that go on next. They follow what it was last
	// called with; nil tells of bytes that went out of order.
	Moved(t *Transfer, p []byte) error
	Ends(t *Transfer) error
	Changed(c Change) error
	Refused(r Refusal) error
}

// ErrNonsense reports a side that says what the protocol has no place for. The
// connection must be closed.
var ErrNonsense = errors.New("the other side says what the protocol has no place for")

// notGranted is the sentence of a refusal.
func notGranted(d Direction) string {
	return "files." + string(d) + " was not granted for this visit, or was taken back"
}
