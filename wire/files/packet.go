package files

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// Types of SFTP packets (draft-ietf-secsh-filexfer-02, section 3).
const (
	fxInit          = 1
	fxVersion       = 2
	fxOpen          = 3
	fxClose         = 4
	fxRead          = 5
	fxWrite         = 6
	fxLstat         = 7
	fxFstat         = 8
	fxSetstat       = 9
	fxFsetstat      = 10
	fxOpendir       = 11
	fxReaddir       = 12
	fxRemove        = 13
	fxMkdir         = 14
	fxRmdir         = 15
	fxRealpath      = 16
	fxStat          = 17
	fxRename        = 18
	fxReadlink      = 19
	fxSymlink       = 20
	fxStatus        = 101
	fxHandle        = 102
	fxData          = 103
	fxName          = 104
	fxAttrs         = 105
	fxExtended      = 200
	fxExtendedReply = 201
)

// Codes of a status (section 7).
const (
	statusOK          = 0
	statusEOF         = 1
	statusDenied      = 3
	statusFailure     = 4
	statusBadMessage  = 5
	statusUnsupported = 8
)

// Flags of an open (section 6.3).
const (
	openRead   = 1
	openWrite  = 2
	openAppend = 4
	openCreate = 8
	openTrunc  = 16
)

// Flags of attributes (section 5).
const (
	attrSize  = 1
	attrOwner = 2
	attrMode  = 4
	attrTimes = 8
)

// Limits of what either side may say, in bytes. A packet of OpenSSH has at most
// 256 KiB.
const (
	maxPacket = 256<<10 + 4<<10
	maxPath   = 4096
	maxHandle = 256
)

// readPacket reads one packet with its length in front. buf is reused; what is
// returned is valid until the next call.
func readPacket(r io.Reader, buf []byte) ([]byte, []byte, error) {
	buf = append(buf[:0], 0, 0, 0, 0)
	if _, err := io.ReadFull(r, buf); err != nil {
		return nil, buf, err
	}
	n := binary.BigEndian.Uint32(buf)
	if n < 1 || n > maxPacket {
		return nil, buf, fmt.Errorf("%w: a packet of %d bytes", ErrNonsense, n)
	}
	if cap(buf) < int(n)+4 {
		buf = append(make([]byte, 0, n+4), buf...)
	}
	buf = buf[:n+4]
	if _, err := io.ReadFull(r, buf[4:]); err != nil {
		return nil, buf, io.ErrUnexpectedEOF
	}
	return buf, buf, nil
}

// body reads the fields of a packet; its first error is sticky.
type body struct {
	rest []byte
	bad  bool
}

func (b *body) take(n int) []byte {
	if b.bad || n < 0 || len(b.rest) < n {
		b.bad = true
		return nil
	}
	p := b.rest[:n]
	b.rest = b.rest[n:]
	return p
}

func (b *body) byte() byte {
	if p := b.take(1); p != nil {
		return p[0]
	}
	return 0
}

func (b *body) uint32() uint32 {
	if p := b.take(4); p != nil {
		return binary.BigEndian.Uint32(p)
	}
	return 0
}

func (b *body) uint64() uint64 {
	if p := b.take(8); p != nil {
		return binary.BigEndian.Uint64(p)
	}
	return 0
}

// bytes is a string of the protocol; it is valid as long as the packet is.
func (b *body) bytes(limit int) []byte {
	n := b.uint32()
	if n > uint32(limit) {
		b.bad = true
		return nil
	}
	return b.take(int(n))
}

func (b *body) string(limit int) string { return string(b.bytes(limit)) }

// path is a name of a file. One with a NUL can be none.
func (b *body) path() string {
	s := b.string(maxPath)
	if strings.ContainsRune(s, 0) {
		b.bad = true
	}
	return s
}

// offset is a place in a file.
func (b *body) offset() int64 {
	n := b.uint64()
	if n > 1<<62 {
		b.bad = true
		return 0
	}
	return int64(n)
}

// attributes are what a packet says of a file.
type attributes struct {
	flags          uint32
	size           int64
	uid, gid, mode uint32
}

func (b *body) attributes() (a attributes) {
	a.flags, a.size = b.uint32(), -1
	if a.flags&attrSize != 0 {
		a.size = int64(min(b.uint64(), 1<<62))
	}
	if a.flags&attrOwner != 0 {
		a.uid, a.gid = b.uint32(), b.uint32()
	}
	if a.flags&attrMode != 0 {
		a.mode = b.uint32()
	}
	if a.flags&attrTimes != 0 {
		b.take(8)
	}
	return a
}

// String says what is set, for people.
func (a attributes) String() string {
	var list []string
	if a.flags&attrSize != 0 {
		list = append(list, fmt.Sprintf("size=%d", a.size))
	}
	if a.flags&attrOwner != 0 {
		list = append(list, fmt.Sprintf("owner=%d:%d", a.uid, a.gid))
	}
	if a.flags&attrMode != 0 {
		list = append(list, fmt.Sprintf("mode=%04o", a.mode&0o7777))
	}
	if a.flags&attrTimes != 0 {
		list = append(list, "times")
	}
	return strings.Join(list, " ")
}

// status makes a whole STATUS packet.
func status(id, code uint32, text string) []byte {
	const language = "en"
	p := make([]byte, 4, 64)
	p = append(p, fxStatus)
	p = binary.BigEndian.AppendUint32(p, id)
	p = binary.BigEndian.AppendUint32(p, code)
	p = binary.BigEndian.AppendUint32(p, uint32(len(text)))
	p = append(p, text...)
	p = binary.BigEndian.AppendUint32(p, uint32(len(language)))
	p = append(p, language...)
	binary.BigEndian.PutUint32(p, uint32(len(p)-4))
	return p
}
