package files

import (
	"fmt"
	"strings"
)

// settle takes the answer to a question. The caller holds mu.
func (s *SFTP) settle(q *asked, kind byte, b *body) error {
	failed := ""
	code := uint32(statusOK)
	if kind == fxStatus {
		code = b.uint32()
		if b.bad {
			return fmt.Errorf("%w: a status without a code", ErrNonsense)
		}
		failed = statusText(code, b)
	}
	switch q.kind {
	case fxOpen, fxOpendir:
		if kind != fxHandle {
			return s.refusedByDevice(q, code, failed)
		}
		return s.opened(q, b)
	case fxRead:
		return s.wasRead(q, kind, code, failed, b)
	case fxWrite:
		if code != statusOK {
			q.handle.put.fail("it could not be written: " + failed)
		}
		return s.over(q.handle, -1)
	case fxClose:
		if code != statusOK {
			q.handle.fail("it could not be closed: " + failed)
		}
		if put := q.handle.put; put != nil && !put.scattered && put.From == 0 {
			s.remember(q.handle.path, put.next)
		}
		delete(s.handles, q.handle.name)
		s.ending[q.handle] = true
		return s.over(q.handle, 0)
	case fxStat, fxLstat, fxFstat:
		if kind == fxAttrs {
			s.sized(q, b.attributes())
		}
		return nil
	}
	if q.change.Op != "" {
		q.change.Error = failed
		return s.journal.Changed(q.change)
	}
	return nil
}

// statusText is what a status says; empty where it went well.
func statusText(code uint32, b *body) string {
	text := b.string(maxPacket)
	switch {
	case code == statusOK:
		return ""
	case !b.bad && text != "":
		return strings.ToValidUTF8(text[:min(len(text), 200)], "?")
	case code == statusDenied:
		return "permission denied"
	}
	return fmt.Sprintf("status %d", code)
}

// refusedByDevice tells of what the device did not open.
func (s *SFTP) refusedByDevice(q *asked, code uint32, failed string) error {
	if code == statusOK {
		return fmt.Errorf("%w: it opened something without a handle", ErrNonsense)
	}
	return s.journal.Changed(Change{Op: opName(q.kind), Path: q.path, Error: failed})
}

// opened begins the transfers of a file that was opened.
func (s *SFTP) opened(q *asked, b *body) error {
	name := b.string(maxHandle)
	if b.bad || name == "" || s.handles[name] != nil || len(s.handles) >= handlesMost+waitMost {
		return fmt.Errorf("%w: a handle that can't be, or is there already", ErrNonsense)
	}
	h := &handle{name: name, path: q.path, folder: q.kind == fxOpendir}
	s.handles[name] = h
	if h.folder {
		return s.journal.Changed(q.change)
	}
	if q.flags&openRead != 0 {
		h.get = s.stream(q, Get)
	}
	if q.flags&(openWrite|openAppend|openCreate|openTrunc) != 0 {
		h.put = s.stream(q, Put)
		delete(s.sizes, q.path) // it will be another
	}
	for _, st := range h.streams() {
		if st == h.get && h.put != nil {
			continue // when something is read
		}
		if err := s.journal.Begins(&st.Transfer); err != nil {
			return err
		}
	}
	return nil
}

func (s *SFTP) stream(q *asked, d Direction) *stream {
	s.number++
	size := q.size
	if known, is := s.sizes[q.path]; is && d == Get {
		size = known
	}
	return newStream(s.number, q.path, d, size, s.journal, &s.budget)
}

// wasRead takes what was read, before it goes on.
func (s *SFTP) wasRead(q *asked, kind byte, code uint32, failed string, b *body) error {
	get := q.handle.get
	if kind == fxStatus {
		switch {
		case code == statusOK:
			return fmt.Errorf("%w: it read nothing", ErrNonsense)
		case code == statusEOF && (get.end < 0 || q.offset < get.end):
			get.end = q.offset
		case code != statusEOF:
			get.fail("it could not be read: " + failed)
		}
		return s.over(q.handle, -1)
	}
	data := b.bytes(maxPacket)
	if b.bad || len(b.rest) > 0 || len(data) == 0 || uint32(len(data)) > q.length {
		return fmt.Errorf("%w: more was read than was asked for, or nothing", ErrNonsense)
	}
	if q.handle.put != nil && get.Bytes == 0 {
		if err := s.journal.Begins(&get.Transfer); err != nil {
			return err
		}
	}
	if err := get.take(q.offset, data); err != nil {
		return err
	}
	return s.over(q.handle, -1)
}

// over counts an answer, and ends the transfers of a file that is closed when
// it was the last.
func (s *SFTP) over(h *handle, change int) error {
	h.asking += change
	if h.asking > 0 || !s.ending[h] {
		return nil
	}
	delete(s.ending, h)
	return h.finish()
}

// sized remembers how long a file is.
func (s *SFTP) sized(q *asked, a attributes) {
	if a.flags&attrSize == 0 {
		return
	}
	if q.handle != nil {
		if q.handle.get != nil {
			q.handle.get.Size = a.size
		}
		return
	}
	s.remember(q.path, a.size)
}

func (s *SFTP) remember(path string, size int64) {
	if len(s.sizes) >= sizesMost {
		clear(s.sizes)
	}
	s.sizes[path] = size
}
