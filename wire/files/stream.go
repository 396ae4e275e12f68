package files

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"time"
)

// heldMost bounds the bytes of one connection that wait for those before them.
// A client asks for many pieces at once; a short answer to one of them is made
// up for later, and what follows it has arrived by then.
const heldMost = 4 << 20

// piecesMost bounds how many pieces these are: to remember one takes room whatever
// its length, and a client has no more questions under way.
const piecesMost = waitMost

// room is what a held piece counts as, in bytes.
func room(p []byte) int { return max(len(p), heldMost/piecesMost) }

// stream is one transfer as it goes, with the sum of what went in order.
type stream struct {
	Transfer
	journal   Journal
	budget    *int // of the connection: bytes that may still be held
	sum       hash.Hash
	begun     bool // the first byte's place is known
	next      int64
	held      map[int64][]byte
	scattered bool
	end       int64  // where the device said that the file ends; -1: it has not
	failed    string // what went wrong, in a few words
}

func newStream(number int, path string, d Direction, size int64, journal Journal, budget *int) *stream {
	return &stream{
		Transfer: Transfer{Number: number, Path: path, Direction: d, Size: size, Began: time.Now()},
		journal:  journal, budget: budget, sum: sha256.New(), end: -1,
	}
}

// from notes where the first piece was asked for.
func (s *stream) from(offset int64) {
	if !s.begun {
		s.begun, s.From, s.next = true, offset, offset
	}
}

// take takes a piece, before it goes on.
func (s *stream) take(offset int64, p []byte) error {
	s.from(offset)
	s.Bytes += int64(len(p))
	switch {
	case s.scattered || len(p) == 0:
		return s.journal.Moved(&s.Transfer, nil)
	case offset == s.next:
		return s.follow(p)
	case offset < s.next || s.held[offset] != nil || room(p) > *s.budget:
		s.scatter()
		return s.journal.Moved(&s.Transfer, nil)
	}
	if s.held == nil {
		s.held = make(map[int64][]byte)
	}
	s.held[offset] = append([]byte{}, p...)
	*s.budget -= room(p)
	return s.journal.Moved(&s.Transfer, nil)
}

// follow takes the piece that is next, and those that waited for it.
func (s *stream) follow(p []byte) error {
	for {
		s.sum.Write(p)
		s.next += int64(len(p))
		if err := s.journal.Moved(&s.Transfer, p); err != nil {
			return err
		}
		if p = s.held[s.next]; p == nil {
			break
		}
		delete(s.held, s.next)
		*s.budget += room(p)
	}
	for at := range s.held {
		if at < s.next { // two pieces say the same bytes
			s.scatter()
			break
		}
	}
	return nil
}

// scatter gives up the sum.
func (s *stream) scatter() {
	s.scattered = true
	s.release()
}

func (s *stream) release() {
	for _, p := range s.held {
		*s.budget += room(p)
	}
	s.held = nil
}

// fail notes the first thing that went wrong.
func (s *stream) fail(why string) {
	if s.failed == "" {
		s.failed = why
	}
}

// finish ends the transfer. What nobody closed was cut.
func (s *stream) finish() error {
	gap := len(s.held) > 0
	s.release()
	s.Took = time.Since(s.Began)
	switch {
	case s.scattered || gap:
		s.State = Scattered
	case s.failed != "":
		s.State, s.Why = Part, s.failed
	case s.From > 0:
		s.State, s.Why = Part, "it does not begin with the file's first byte"
	case s.Direction == Get && s.end != s.next && s.Size > s.next:
		s.State, s.Why = Part, "it was not read to the end"
	case s.Direction == Get && s.end != s.next && s.Size != s.next:
		s.State, s.Why = Part, "where the file ends was not asked for"
	default:
		s.State = Whole
	}
	if s.State != Scattered {
		s.Sum = hex.EncodeToString(s.sum.Sum(nil))
	}
	return s.journal.Ends(&s.Transfer)
}
