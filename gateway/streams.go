package gateway

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"sync"
	"unicode/utf8"

	"accord/recordings"
)

// What a command without a terminal moves is summed whole, and kept whole as far
// as somebody could read it. Of bulk binary data, such as what git or tar send,
// the begin is kept; the rest is only in the sums.

// eventStreams tells the sums when a command has ended.
const eventStreams = "streams"

// bulkKept is how much of a stream is kept in any case, in bytes.
const bulkKept = 1 << 20

// stream is one of a command's.
type stream struct {
	name string
	cast *recordings.Shell

	mu      sync.Mutex
	sum     hash.Hash
	n, left int64 // bytes of all of it, and of those that were left out
	leaving bool
}

// streams are those of one command.
type streams struct{ in, out, errs stream }

func newStreams(cast *recordings.Shell) *streams {
	s := &streams{in: stream{name: "input"}, out: stream{name: "output"}, errs: stream{name: "error output"}}
	for _, st := range []*stream{&s.in, &s.out, &s.errs} {
		st.cast, st.sum = cast, sha256.New()
	}
	return s
}

// recorder is record for one stream, with the sum of all, and without the bulk.
func (s *stream) recorder(record func([]byte) error) func([]byte) error {
	return func(p []byte) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.sum.Write(p)
		s.n += int64(len(p))
		if s.n-s.left-int64(len(p)) < bulkKept || !bulky(p) {
			s.leaving = false
			return record(p)
		}
		s.left += int64(len(p))
		if s.leaving {
			return nil
		}
		s.leaving = true
		return s.cast.Mark("bulk data of the " + s.name + " is left out; its SHA-256 is on the timeline")
	}
}

// bulky reports whether nobody could read these bytes: one in eight of them is
// no character of a text, or one is NUL.
func bulky(p []byte) bool {
	if bytes.IndexByte(p, 0) >= 0 {
		return true
	}
	bad := 0
	for rest := p; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		if r == utf8.RuneError && n <= 1 {
			bad++
		}
		rest = rest[n:]
	}
	return bad*8 > len(p)
}

// Write sums what goes to the command.
func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sum.Write(p)
	s.n += int64(len(p))
	return len(p), nil
}

// streamed is the data of an eventStreams, for one of them.
type streamed struct {
	Bytes int64  `json:"bytes"`
	Sum   string `json:"sha256"`
	Left  int64  `json:"left_out,omitempty"`
}

func (s *stream) told() streamed {
	s.mu.Lock()
	defer s.mu.Unlock()
	return streamed{s.n, hex.EncodeToString(s.sum.Sum(nil)), s.left}
}

// end puts the sums on the timeline.
func (s *streams) end(rec *recordings.Recording) error {
	if s == nil {
		return nil
	}
	return ended(rec.Event(eventStreams, struct {
		Cast string   `json:"cast"`
		In   streamed `json:"in"`
		Out  streamed `json:"out"`
		Err  streamed `json:"err"`
	}{s.out.cast.Name(), s.in.told(), s.out.told(), s.errs.told()}))
}

// summed is to, with the sum of what it takes.
type summed struct {
	to  io.Writer
	sum io.Writer
}

func (w summed) Write(p []byte) (int, error) {
	n, err := w.to.Write(p)
	_, _ = w.sum.Write(p[:n]) // it can't fail
	return n, err
}
