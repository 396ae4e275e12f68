package files

import "fmt"

// refused is a question that is not handed on.
type refused struct {
	Refusal
	code uint32
}

// OpenSSH's extensions that are understood. What else a client may ask for is
// answered as unknown, and does not reach the device.
const (
	extRename     = "posix-rename@openssh.com"
	extLink       = "hardlink@openssh.com"
	extStatVFS    = "statvfs@openssh.com"
	extFstatVFS   = "fstatvfs@openssh.com"
	extSync       = "fsync@openssh.com"
	extAttributes = "lsetstat@openssh.com"
	extLimits     = "limits@openssh.com"
	extExpand     = "expand-path@openssh.com"
)

// opNames are what questions are called in refusals and changes.
func opName(kind byte) string {
	names := map[byte]string{
		fxOpen: "open", fxClose: "close", fxRead: "read", fxWrite: "write", fxLstat: "stat", fxFstat: "stat", fxStat: "stat",
		fxSetstat: "attributes", fxFsetstat: "attributes", fxOpendir: "list", fxReaddir: "list", fxRemove: "remove",
		fxMkdir: "mkdir", fxRmdir: "rmdir", fxRealpath: "path", fxRename: "rename", fxReadlink: "readlink",
		fxSymlink: "symlink", fxExtended: "extension",
	}
	return names[kind]
}

// question reads a packet. The handle is only named yet, by the path.
func (s *SFTP) question(kind byte, b *body) (*asked, *refused) {
	q := &asked{kind: kind, size: -1}
	switch kind {
	case fxOpen:
		q.path, q.flags = b.path(), b.uint32()
		q.size = b.attributes().size
	case fxClose, fxFstat, fxReaddir:
		q.handle = &handle{name: b.string(maxHandle)}
	case fxRead:
		q.handle, q.offset, q.length = &handle{name: b.string(maxHandle)}, b.offset(), b.uint32()
	case fxWrite:
		q.handle, q.offset = &handle{name: b.string(maxHandle)}, b.offset()
		if n := b.uint32(); int(n) != len(b.rest) {
			b.bad = true
		}
	case fxFsetstat:
		q.handle = &handle{name: b.string(maxHandle)}
		q.change = Change{Op: opName(kind), Attributes: b.attributes().String()}
	case fxSetstat:
		q.path = b.path()
		q.change = Change{Op: opName(kind), Path: q.path, Attributes: b.attributes().String()}
	case fxLstat, fxStat, fxRealpath, fxReadlink:
		q.path = b.path()
	case fxOpendir, fxRemove, fxMkdir, fxRmdir:
		q.path = b.path()
		q.change = Change{Op: opName(kind), Path: q.path}
	case fxRename, fxSymlink:
		q.path = b.path()
		q.change = Change{Op: opName(kind), Path: q.path, To: b.path()}
	case fxExtended:
		return s.extension(q, b)
	default:
		return nil, &refused{Refusal{fmt.Sprintf("type %d", kind), "", "nobody here knows this question"}, statusUnsupported}
	}
	return q, malformed(q, b)
}

func malformed(q *asked, b *body) *refused {
	if !b.bad {
		return nil
	}
	return &refused{Refusal{opName(q.kind), q.path, "the question can't be read"}, statusBadMessage}
}

// extension reads one of OpenSSH's.
func (s *SFTP) extension(q *asked, b *body) (*asked, *refused) {
	name := b.string(maxHandle)
	switch name {
	case extRename:
		q.path = b.path()
		q.change = Change{Op: "rename", Path: q.path, To: b.path()}
	case extLink:
		q.path = b.path()
		q.change = Change{Op: "link", Path: q.path, To: b.path()}
	case extAttributes:
		q.path = b.path()
		q.change = Change{Op: "attributes", Path: q.path, Attributes: b.attributes().String()}
	case extStatVFS, extExpand:
		q.path = b.path()
	case extFstatVFS:
		q.handle = &handle{name: b.string(maxHandle)}
	case extSync:
		q.handle = &handle{name: b.string(maxHandle)}
		q.flags = openWrite
	case extLimits:
	default:
		return nil, &refused{Refusal{"extension", "", "nobody here knows this question"}, statusUnsupported}
	}
	if name == extExpand {
		q.kind = fxRealpath // which it is answered as
	}
	return q, malformed(q, b)
}

// bind finds the handle of a question and asks whether it may be put. The
// caller holds mu.
func (s *SFTP) bind(q *asked) *refused {
	if q.handle != nil {
		h := s.handles[q.handle.name]
		if h == nil || h.closed {
			return &refused{Refusal{opName(q.kind), "", "there is no such handle"}, statusFailure}
		}
		q.handle, q.path = h, h.path
		if q.change.Op != "" {
			q.change.Path = h.path
		}
	}
	for _, d := range s.needs(q) {
		if !s.may(d) {
			return &refused{Refusal{opName(q.kind), q.path, notGranted(d)}, statusDenied}
		}
	}
	return s.open(q)
}

// needs are the directions that a question needs. Looking at names and
// attributes needs either of them.
func (s *SFTP) needs(q *asked) (list []Direction) {
	changes := q.change.Op != "" && q.kind != fxOpendir
	if q.kind == fxRead || q.kind == fxOpen && q.flags&openRead != 0 {
		list = append(list, Get)
	}
	if q.kind == fxWrite || changes || q.kind != fxRead && q.flags&(openWrite|openAppend|openCreate|openTrunc) != 0 {
		list = append(list, Put)
	}
	if len(list) == 0 && !s.may(Get) && q.kind != fxClose {
		list = append(list, Put)
	}
	return list
}

// open notes what a question does to its handle, or refuses it.
func (s *SFTP) open(q *asked) *refused {
	h := q.handle
	no := func(why string) *refused { return &refused{Refusal{opName(q.kind), q.path, why}, statusFailure} }
	switch q.kind {
	case fxOpen:
		if q.flags&(openRead|openWrite|openAppend|openCreate|openTrunc) == 0 || q.flags > 63 {
			return no("a file is opened to be read or to be written")
		}
	case fxRead:
		if h.get == nil {
			return no("the file was not opened to be read")
		}
		h.get.from(q.offset)
		h.asking++
	case fxWrite:
		if h.put == nil {
			return no("the file was not opened to be written")
		}
		h.asking++
	case fxReaddir:
		if !h.folder {
			return no("that is no folder")
		}
	case fxClose:
		h.closed = true
	}
	if (q.kind == fxOpen || q.kind == fxOpendir) && len(s.handles) >= handlesMost {
		return no("too many files are open")
	}
	return nil
}
