package framelog

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"time"
)

// What a file is made of.
const (
	version    = 2 // 1 has no codecColumns; a reader takes both
	headMagic  = "\x89SFL\r\n\x1a\n"
	chunkMagic = "CHNK"
	endMagic   = "CEND"
	indexMagic = "INDX"
	tailMagic  = "SFLEND\r\n"

	headSize  = 16 // before the description
	chunkSize = 52
	endSize   = 60
	blockSize = 16
	entrySize = 56
	tailSize  = 20 // behind the entries of an index
)

// Flags. That of a chunk says that it begins with lossy tiles, or, in the
// index, that it has some; that of a block that it has some.
const flagLossy = 1

// Bounds that a reader holds a file to.
const (
	maxMeta   = 64 << 10 // bytes
	maxBlock  = 16 << 20 // bytes of a payload
	maxRecord = 2 << 20  // bytes of a record's body
	maxChunks = 200_000  // 24 hours at one every half second
	maxWindow = 8 << 20  // bytes that a decompressor looks back
)

// Types of records.
const (
	recSize    = 1  // u16 width, u16 height
	recKey     = 2  // the tiles that follow cover the whole picture
	recTiles   = 3  // u16 x, u16 y, u8 width-1, u8 height-1, u8 codec, u24 length, data; again and again
	recCopy    = 4  // u16 x, y, width, height, source x, source y
	recCursor  = 5  // u16 width, height, hot x, hot y, pixels; empty: as the viewer likes
	recAt      = 6  // u16 x, y: where the device's pointer is
	recPress   = 7  // empty: a key was pressed or let go, and not which
	recPointer = 8  // u16 x, y, u8 buttons: what a viewer did with the mouse
	recClip    = 9  // u8 direction, u32 length, [32] SHA-256, text if it is kept
	recBell    = 10 // empty
	recMark    = 11 // JSON
	recDropped = 12 // u32 pictures that were not taken
)

// Ways in which the pixels of a tile are written.
const (
	codecFill    = 0 // red, green, blue of all
	codecRows    = 1 // row-QOI
	codecJPEG    = 2
	codecRaw     = 3 // red, green, blue of each
	codecPNG     = 4
	codecColumns = 5 // column-QOI
)

// Meta is what the header of a file says.
type Meta struct {
	// Start is the time of day at which its times begin.
	Start time.Time `json:"start"`
	Visit string    `json:"visit,omitempty"`
	Name  string    `json:"name,omitempty"` // of the screen
	// Rate is how many pictures a second are taken at most.
	Rate int `json:"rate,omitempty"`
	// Strict says that no tile is lossy, whatever it costs.
	Strict bool `json:"strict,omitempty"`
}

// castagnoli is CRC-32C, as in iSCSI and ext4.
func castagnoli(p []byte) uint32 {
	return crc32.Checksum(p, crc32.MakeTable(crc32.Castagnoli))
}

func appendHeader(dst []byte, m Meta) ([]byte, error) {
	m.Start = m.Start.UTC().Truncate(time.Millisecond)
	text, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode the header of a frame log: %w", err)
	}
	if len(text) > maxMeta {
		return nil, fmt.Errorf("the header of a frame log may have %d bytes", maxMeta)
	}
	from := len(dst)
	dst = append(dst, headMagic...)
	dst = binary.LittleEndian.AppendUint16(dst, version)
	dst = binary.LittleEndian.AppendUint16(dst, 0)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(text)))
	dst = append(dst, text...)
	return binary.LittleEndian.AppendUint32(dst, castagnoli(dst[from:])), nil
}

// chunkHead is what a chunk begins with.
type chunkHead struct {
	seq           uint32
	start         uint32 // ms
	width, height int
	flags         uint32
	prev          [32]byte // hash of the chunk before; of the header for the first
}

func (h chunkHead) append(dst []byte) []byte {
	dst = append(dst, chunkMagic...)
	dst = binary.LittleEndian.AppendUint32(dst, h.seq)
	dst = binary.LittleEndian.AppendUint32(dst, h.start)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(h.width))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(h.height))
	dst = binary.LittleEndian.AppendUint32(dst, h.flags)
	return append(dst, h.prev[:]...)
}

func parseChunk(b []byte) (h chunkHead, ok bool) {
	if len(b) < chunkSize || string(b[:4]) != chunkMagic {
		return h, false
	}
	h = chunkHead{
		seq: binary.LittleEndian.Uint32(b[4:]), start: binary.LittleEndian.Uint32(b[8:]),
		width: int(binary.LittleEndian.Uint16(b[12:])), height: int(binary.LittleEndian.Uint16(b[14:])),
		flags: binary.LittleEndian.Uint32(b[16:]), prev: [32]byte(b[20:]),
	}
	return h, true
}

// chunkEnd is what a chunk that was finished ends with, but for its hash.
type chunkEnd struct {
	seq, end, blocks, raw, frames, input uint32
}

func (e chunkEnd) append(dst []byte) []byte {
	dst = append(dst, endMagic...)
	for _, n := range []uint32{e.seq, e.end, e.blocks, e.raw, e.frames, e.input} {
		dst = binary.LittleEndian.AppendUint32(dst, n)
	}
	return dst
}

func parseEnd(b []byte) (e chunkEnd, hash [32]byte, ok bool) {
	if len(b) < endSize || string(b[:4]) != endMagic {
		return e, hash, false
	}
	for i, n := range []*uint32{&e.seq, &e.end, &e.blocks, &e.raw, &e.frames, &e.input} {
		*n = binary.LittleEndian.Uint32(b[4+4*i:])
	}
	return e, [32]byte(b[endSize-32:]), true
}

// block is the head of one.
type block struct {
	flags  byte
	length int
	last   uint32 // ms: of the last record that is whole with it
	crc    uint32
}

func (b block) append(dst []byte) []byte {
	dst = append(dst, 'B', b.flags, 0, 0)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(b.length))
	dst = binary.LittleEndian.AppendUint32(dst, b.last)
	return binary.LittleEndian.AppendUint32(dst, b.crc)
}

func parseBlock(b []byte) (h block, ok bool) {
	if len(b) < blockSize || b[0] != 'B' || b[2] != 0 || b[3] != 0 {
		return h, false
	}
	n := binary.LittleEndian.Uint32(b[4:])
	if n == 0 || n > maxBlock {
		return h, false
	}
	return block{b[1], int(n), binary.LittleEndian.Uint32(b[8:]), binary.LittleEndian.Uint32(b[12:])}, true
}

// entry is a chunk in the index.
type entry struct {
	offset        int64
	start, end    uint32 // ms
	width, height int
	flags         uint32
	hash          [32]byte // zero where the chunk has no end
}

func (e entry) append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(e.offset))
	dst = binary.LittleEndian.AppendUint32(dst, e.start)
	dst = binary.LittleEndian.AppendUint32(dst, e.end)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(e.width))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(e.height))
	dst = binary.LittleEndian.AppendUint32(dst, e.flags)
	return append(dst, e.hash[:]...)
}

func parseEntry(b []byte) entry {
	return entry{
		offset: int64(binary.LittleEndian.Uint64(b) & math.MaxInt64),
		start:  binary.LittleEndian.Uint32(b[8:]), end: binary.LittleEndian.Uint32(b[12:]),
		width: int(binary.LittleEndian.Uint16(b[16:])), height: int(binary.LittleEndian.Uint16(b[18:])),
		flags: binary.LittleEndian.Uint32(b[20:]), hash: [32]byte(b[24:]),
	}
}

// appendIndex ends a file; offset is where the index begins.
func appendIndex(dst []byte, entries []entry, offset int64) []byte {
	from := len(dst)
	dst = append(dst, indexMagic...)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(entries)))
	for _, e := range entries {
		dst = e.append(dst)
	}
	dst = binary.LittleEndian.AppendUint32(dst, castagnoli(dst[from:]))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(offset))
	return append(dst, tailMagic...)
}

// errTime reports a log that would be longer than its times can say.
var errTime = errors.New("a frame log has at most 49 days: begin a new file")

// millis is a time since the start as files have it.
func millis(t time.Duration) (uint32, error) {
	ms := max(t.Milliseconds(), 0)
	if ms > math.MaxUint32 {
		return 0, errTime
	}
	return uint32(ms), nil
}

func duration(ms uint32) time.Duration { return time.Duration(ms) * time.Millisecond }
