package framelog

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"accord/recordings/rfb"
)

// ErrFormat reports a file that is no frame log, or none that can be read.
var ErrFormat = errors.New("this is no frame log that can be read")

// Reader reads a file, which it takes for hostile: one that was cut or damaged
// anywhere gives what can still be read, and says what can't. It is for one
// goroutine at a time, with all its players.
type Reader struct {
	src    io.ReaderAt
	meta   Meta
	chunks []chunk
	whole  bool // it has its end
	gaps   []Gap
}

// chunk is one that has at least a block.
type chunk struct {
	entry
	limit int64 // where what belongs to it ends at the latest
	told  bool  // a gap in it is in the list
	bad   bool  // its first picture can't be read
}

// Gap is a time of which something is missing.
type Gap struct {
	From, To time.Duration
	Why      string // a sentence without a subject: "was cut"
}

// Open reads the header and finds the chunks: from the index, or, where a crash
// or damage took that, by a walk through the file.
func Open(src io.ReaderAt, size int64) (*Reader, error) {
	r := &Reader{src: src}
	base, err := r.header(size)
	if err != nil {
		return nil, err
	}
	if r.fromIndex(base, size) {
		r.whole = true
		return r, nil
	}
	s := scan{r: r, win: window{src: src, size: size}, credit: 2*size + maxBlock}
	if err := s.run(base); err != nil {
		return nil, err
	}
	if len(r.chunks) == 0 && base == 0 {
		return nil, ErrFormat
	}
	return r, nil
}

// searchHead is how far behind a broken header its first chunk is looked for.
const searchHead = 1 << 20

// header reads the description and tells where the chunks begin; 0 where that
// has to be found out.
func (r *Reader) header(size int64) (base int64, err error) {
	head := make([]byte, headSize)
	n, err := r.src.ReadAt(head, 0)
	if n < len(head) {
		if err != nil && err != io.EOF {
			return 0, fmt.Errorf("read a frame log: %w", err)
		}
		return 0, fmt.Errorf("%w: it has no header", ErrFormat)
	}
	length := int64(binary.LittleEndian.Uint32(head[12:]))
	if string(head[:8]) == headMagic {
		if v := binary.LittleEndian.Uint16(head[8:]); v > version && v < 256 {
			return 0, fmt.Errorf("%w: it has version %d, only those up to %d are known", ErrFormat, v, version)
		}
		if length <= maxMeta && headSize+length+4 <= size {
			text := make([]byte, headSize+length+4)
			if _, err := r.src.ReadAt(text, 0); err != nil && err != io.EOF {
				return 0, fmt.Errorf("read a frame log: %w", err)
			}
			at := len(text) - 4
			if castagnoli(text[:at]) == binary.LittleEndian.Uint32(text[at:]) && json.Unmarshal(text[headSize:at], &r.meta) == nil {
				return int64(len(text)), nil
			}
		}
	}
	r.meta = Meta{}
	r.gap(0, 0, "has a damaged header: when it began is not known")
	return 0, nil
}

// fromIndex takes the chunks from the index; false if there is none to trust.
func (r *Reader) fromIndex(base, size int64) bool {
	tail := make([]byte, tailSize)
	if base == 0 || size < base+8+tailSize {
		return false
	}
	if _, err := r.src.ReadAt(tail, size-tailSize); err != nil && err != io.EOF || string(tail[12:]) != tailMagic {
		return false
	}
	at := int64(binary.LittleEndian.Uint64(tail[4:]))
	n := (size - tailSize - at - 8) / entrySize
	if at < base || at > size-tailSize-8 || n > maxChunks || at+8+n*entrySize+tailSize != size {
		return false
	}
	b := make([]byte, 8+n*entrySize)
	if _, err := r.src.ReadAt(b, at); err != nil && err != io.EOF {
		return false
	}
	if string(b[:4]) != indexMagic || int64(binary.LittleEndian.Uint32(b[4:])) != n || castagnoli(b) != binary.LittleEndian.Uint32(tail) {
		return false
	}
	chunks := make([]chunk, 0, n)
	for b = b[8:]; len(b) > 0; b = b[entrySize:] {
		c := chunk{entry: parseEntry(b), limit: at}
		if c.offset < base || c.offset > at-chunkSize || c.end < c.start || rfb.CheckSize(c.width, c.height) != nil {
			return false
		}
		if len(chunks) > 0 {
			last := &chunks[len(chunks)-1]
			if c.offset < last.offset+chunkSize || c.start < last.end {
				return false
			}
			last.limit = c.offset
		}
		chunks = append(chunks, c)
	}
	r.chunks = chunks
	return true
}

// Meta is what the header says. Its texts are as they were found.
func (r *Reader) Meta() Meta { return r.meta }

// Whole reports that the file was ended, and not cut by a crash.
func (r *Reader) Whole() bool { return r.whole }

// Chunks is how many there are.
func (r *Reader) Chunks() int { return len(r.chunks) }

// Length is the time of the last record.
func (r *Reader) Length() time.Duration {
	if len(r.chunks) == 0 {
		return 0
	}
	return duration(r.chunks[len(r.chunks)-1].end)
}

// Size is that of the largest picture, 0 by 0 for none.
func (r *Reader) Size() (width, height int) {
	for _, c := range r.chunks {
		width, height = max(width, c.width), max(height, c.height)
	}
	return width, height
}

// Gaps is what is known to be missing so far; playing can find more.
func (r *Reader) Gaps() []Gap { return r.gaps }

// maxGaps bounds the list of gaps.
const maxGaps = 1000

func (r *Reader) gap(from, to uint32, why string) {
	if len(r.gaps) < maxGaps {
		r.gaps = append(r.gaps, Gap{duration(from), duration(max(from, to)), why})
	}
}

// window reads a file through a buffer.
type window struct {
	src  io.ReaderAt
	size int64
	base int64
	buf  []byte
	err  error // that is not the file's end
}

// at gives n bytes at a place, or what there is of them. It is valid until the
// next call.
func (w *window) at(pos int64, n int) []byte {
	if pos < 0 || pos >= w.size {
		return nil
	}
	n = int(min(int64(n), w.size-pos))
	if pos < w.base || pos+int64(n) > w.base+int64(len(w.buf)) {
		want := min(int64(max(n, 64<<10)), w.size-pos)
		if int64(cap(w.buf)) < want {
			w.buf = make([]byte, want)
		}
		got, err := w.src.ReadAt(w.buf[:want], pos)
		if err != nil && err != io.EOF {
			w.err = fmt.Errorf("read a frame log: %w", err)
		}
		w.base, w.buf = pos, w.buf[:got]
	}
	from := int(pos - w.base)
	return w.buf[from:min(from+n, len(w.buf))]
}

// scan finds the chunks of a file without an index.
type scan struct {
	r      *Reader
	win    window
	seq    uint32 // of the last chunk whose end says the same as its head
	start  uint32 // of that
	credit int64  // bytes that may still be looked at to tell chunks from what looks like one
}

func (s *scan) run(base int64) error {
	pos := base
	if base == 0 {
		if pos = s.find(headSize, min(s.win.size, searchHead)); pos < 0 {
			return ErrFormat
		}
	}
	for pos >= 0 && pos < s.win.size && len(s.r.chunks) < maxChunks {
		c, next, why := s.chunk(pos)
		if c != nil {
			s.add(*c)
		}
		if why != "" {
			next = s.find(next, s.win.size)
			s.missing(c, next, why)
		}
		pos = next
	}
	s.trim()
	return s.win.err
}

// chunk reads the heads of one. why says what is wrong, and next is where what
// follows is, or has to be looked for.
func (s *scan) chunk(pos int64) (_ *chunk, next int64, why string) {
	h, ok := parseChunk(s.win.at(pos, chunkSize))
	if !ok || !s.fits(h) {
		if string(s.win.at(pos, 4)) == indexMagic {
			return nil, s.win.size, "" // an index that is not whole
		}
		return nil, pos + 1, whyDamaged
	}
	c := chunk{entry: entry{offset: pos, start: h.start, end: h.start, width: h.width, height: h.height}}
	p, blocks := pos+chunkSize, 0
	done := func(next int64, why string) (*chunk, int64, string) {
		if c.limit = p; blocks == 0 {
			return nil, next, why
		}
		return &c, next, why
	}
	for {
		b := s.win.at(p, endSize)
		if e, hash, ok := parseEnd(b); ok && e.seq == h.seq {
			c.hash, s.seq, s.start = hash, h.seq, h.start
			p += endSize
			return done(p, "")
		}
		head, ok := parseBlock(b)
		end := p + blockSize + int64(head.length)
		switch {
		case len(b) < endSize && (!ok || end > s.win.size), ok && end > s.win.size && s.win.size-p < maxBlock:
			if again := s.find(p+1, s.win.size); again >= 0 {
				return done(again, whyDamaged)
			}
			return done(s.win.size, "") // cut
		case !ok || head.last < c.end || end > s.win.size:
			return done(p+1, whyDamaged)
		}
		c.end, p = head.last, end
		c.flags |= uint32(head.flags) & flagLossy
		blocks++
	}
}

const (
	whyDamaged = "is damaged"
	whyCut     = "was cut"
	whyChanged = "is not what was written"
)

// add takes a chunk. What no end has confirmed gives way to what follows.
func (s *scan) add(c chunk) {
	list := s.r.chunks
	for len(list) > 0 && list[len(list)-1].start > c.start {
		list = list[:len(list)-1]
	}
	if n := len(list); n > 0 {
		list[n-1].end = min(list[n-1].end, c.start)
	}
	s.r.chunks = append(list, c)
}

// fits tells a chunk's head that can follow from one that can't.
func (s *scan) fits(h chunkHead) bool {
	return h.seq > s.seq && h.start >= s.start && rfb.CheckSize(h.width, h.height) == nil
}

// find looks for the next chunk from a place up to another; -1 if there is none.
// What a screen showed can look like one, so its first block must be whole.
func (s *scan) find(pos, end int64) int64 {
	for pos < end && s.credit > 0 {
		b := s.win.at(pos, 64<<10)
		i := bytes.Index(b, []byte(chunkMagic))
		if i < 0 {
			if len(b) < len(chunkMagic) {
				return -1
			}
			pos += int64(len(b) - len(chunkMagic) + 1)
			continue
		}
		pos += int64(i)
		if h, ok := parseChunk(s.win.at(pos, chunkSize)); ok && s.fits(h) && s.sound(pos+chunkSize) {
			return pos
		}
		pos++
	}
	return -1
}

// sound reports whether there is a whole block at a place.
func (s *scan) sound(pos int64) bool {
	h, ok := parseBlock(s.win.at(pos, blockSize))
	if !ok {
		return false
	}
	s.credit -= int64(h.length)
	p := s.win.at(pos+blockSize, h.length)
	return len(p) == h.length && castagnoli(p) == h.crc
}

// missing notes what lies between a chunk that is damaged and the next.
func (s *scan) missing(c *chunk, next int64, why string) {
	from, to := uint32(0), uint32(0)
	if n := len(s.r.chunks); n > 0 {
		from = s.r.chunks[n-1].end
		s.r.chunks[n-1].told = s.r.chunks[n-1].told || c != nil
	}
	if h, ok := parseChunk(s.win.at(next, chunkSize)); ok {
		to = h.start
	}
	s.r.gap(from, to, why)
}

// trim looks closely at the last chunk, which a crash may have cut: what is
// not whole of it goes.
func (s *scan) trim() {
	for n := len(s.r.chunks); n > 0; n-- {
		c := &s.r.chunks[n-1]
		if c.hash != [32]byte{} {
			return
		}
		end, last := c.offset+chunkSize, c.start
		for end < c.limit {
			h, ok := parseBlock(s.win.at(end, blockSize))
			if !ok || !s.sound(end) {
				break
			}
			end, last = end+blockSize+int64(h.length), h.last
		}
		if end < c.limit {
			s.r.gap(last, c.end, whyCut)
		}
		c.limit, c.end = end, last
		if end > c.offset+chunkSize {
			return
		}
		s.r.chunks = s.r.chunks[:n-1]
	}
}
