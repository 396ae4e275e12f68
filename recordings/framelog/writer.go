package framelog

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"image"
	"io"
	"time"

	"github.com/klauspost/compress/zstd"

	"accord/recordings/rfb"
)

// When a chunk is due for an end, looked at when the picture changes. What lies
// behind its first picture bounds the time of a seek; the first picture itself is
// most of what a quiet screen takes.
const (
	chunkTime  = 30 * time.Second
	chunkLong  = 2 * time.Minute // of a chunk with less than chunkQuiet
	chunkQuiet = 4 << 20         // work
	chunkWork  = 8 << 20         // likewise
)

// Work is what playing costs, in bytes before compression and behind it (about 6 ns
// each); so many pixels count as one of these.
const (
	workColumns = 3 // of a tile of text, which is written across the rows
	workTiles   = 8 // of another
	workCopies  = 16
)

// When a block is due for an end by its size, in bytes. The first picture of a
// chunk stays in one block, so that a file cut behind it can be read.
const (
	blockBytes = 256 << 10
	blockFirst = 8 << 20
)

// keptBytes bounds what is kept for the next block; a large first picture takes
// more.
const keptBytes = 1 << 20

// tilesBytes is about how long a record of tiles gets before the next begins.
const tilesBytes = 256 << 10

// Limits of what callers hand in.
const (
	MaxMark   = 64 << 10 // bytes of a mark's JSON
	MaxClip   = 64 << 10 // bytes of a clipboard's text
	maxCursor = 512      // pixels each way; a larger shape is not kept
	maxHeld   = 64       // marks before the first picture
)

var (
	errEnded = errors.New("the frame log has ended")
	errMark  = fmt.Errorf("a mark of a frame log may have %d bytes of JSON", MaxMark)
)

// Writer writes one file. It is for one goroutine. The first error is for ever;
// what was written before it can be read.
type Writer struct {
	out   io.Writer
	meta  Meta
	err   error
	size  int64 // bytes written
	grid  grid
	level budget

	zip     *zstd.Encoder
	zipped  bytes.Buffer // room for heads, then what zip gave since the last block
	heads   int          // bytes of that room: of a block, and of a chunk before its first
	sum     hash.Hash    // over the chunk
	prev    [32]byte
	open    bool // a chunk is
	head    chunkHead
	end     chunkEnd
	work    int    // behind the chunk's first picture
	last    uint32 // ms: time of the last record
	since   uint32 // ms: time of the first record that waits for a block
	waits   int    // raw bytes that do
	lossy   bool   // some of them are
	anyLoss bool   // some of the chunk
	index   []entry

	state     rfb.State // as it was written
	next      rfb.State // as it was seen
	paused    bool
	held      [][]byte // marks from before the first picture
	texts     texts
	strips    []strip
	tiles     []byte // of the record that is not full
	rows      []byte // scratch: one tile's
	copies    []rfb.Copy
	finishing bool // nothing is put off any more
}

// NewWriter begins a file. Each call of out.Write is a place where it may be
// cut: the header, a block, an end.
func NewWriter(out io.Writer, meta Meta) (*Writer, error) {
	head, err := appendHeader(nil, meta)
	if err != nil {
		return nil, err
	}
	w := &Writer{out: out, meta: meta, sum: sha256.New(), prev: sha256.Sum256(head)}
	w.zip, err = zstd.NewWriter(&w.zipped, zstd.WithEncoderLevel(zstd.SpeedBetterCompression),
		zstd.WithWindowSize(4<<20), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, fmt.Errorf("begin a frame log: %w", err)
	}
	return w, w.write(head)
}

// Size is how many bytes were written.
func (w *Writer) Size() int64 { return w.size }

// Waits reports for how long, at the time t, records have waited for [Writer.Flush];
// 0 when none do.
func (w *Writer) Waits(t time.Duration) time.Duration {
	if w.waits == 0 {
		return 0
	}
	return max(t-duration(w.since), 1)
}

// Unsettled reports that the file doesn't hold the exact picture yet although
// nothing may change any more: call [Writer.Put] again within a second.
func (w *Writer) Unsettled() bool { return w.grid.rough > 0 }

// Look takes over what has changed. It is for [rfb.View.Take]: it compares and
// copies, and leaves all other work to [Writer.Put].
func (w *Writer) Look(t time.Duration, c rfb.Changes) {
	if c.Resized || !w.grid.fits(c.Frame) {
		w.grid.reset(c.Frame)
		w.copies = w.copies[:0]
	} else {
		for _, one := range c.Copies {
			// What waits to be written would be older than the copy for a reader.
			if !w.grid.any && w.grid.copied(one) {
				w.copies = append(w.copies, one)
			}
		}
		wait := w.level.wait()
		if w.finishing {
			wait = 0
		}
		for _, r := range c.Rects {
			w.grid.compare(c.Frame, r, t, wait)
		}
	}
	w.next = c.State
}

// PutOff gives what the last [Writer.Look] has left for later, to save bytes.
// Hand it to [rfb.View.Invalidate], so that the next look finds it.
func (w *Writer) PutOff() []image.Rectangle { return w.grid.putOff() }

// Finish ends all putting off: what the next Look finds is written as it is.
func (w *Writer) Finish() { w.finishing = true }

// Put writes what was looked at, at a time since the file's start; a time before
// that of the last record counts as that one.
func (w *Writer) Put(t time.Duration) error {
	now, err := w.at(t)
	if err != nil || w.grid.shadow == nil {
		return err
	}
	w.grid.settle(t, w.finishing)
	changed := w.grid.any || len(w.copies) > 0
	if changed && w.due(now) {
		w.turn(now)
	}
	if changed {
		w.picture(t, now)
	}
	w.tellState(now)
	w.level.spend(t, w.size)
	if before, is := w.level.turn(t, w.meta.Strict || w.finishing); before != is && w.open {
		w.mark(now, lossyMark{MarkLossy, is, false})
	}
	return w.err
}

// at is a time as records have it.
func (w *Writer) at(t time.Duration) (uint32, error) {
	if w.err != nil {
		return 0, w.err
	}
	ms, err := millis(t)
	return max(ms, w.last), err
}

// due reports whether the next change of the picture begins a chunk.
func (w *Writer) due(now uint32) bool {
	age := duration(now - w.head.start)
	return !w.open || w.grid.fresh || w.work >= chunkWork || age >= chunkLong || age >= chunkTime && w.work >= chunkQuiet
}

// turn ends the chunk and begins the next.
func (w *Writer) turn(now uint32) {
	if w.open {
		w.endChunk()
	}
	f := w.grid.shadow
	w.grid.key()
	w.copies = w.copies[:0]
	w.head = chunkHead{seq: uint32(len(w.index)) + 1, start: now, width: f.Width, height: f.Height, prev: w.prev}
	if w.level.jpeg() {
		w.head.flags = flagLossy
	}
	w.room(w.head.append(nil))
	w.end = chunkEnd{seq: w.head.seq}
	w.anyLoss, w.last = false, now
	w.zip.Reset(&w.zipped)
	w.open = true
	w.index = append(w.index, entry{offset: w.size, start: now, width: f.Width, height: f.Height})
	w.record(now, recSize, binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(nil, uint16(f.Width)), uint16(f.Height)))
	w.record(now, recKey, nil)
}

// picture writes the copies and the tiles that have changed.
func (w *Writer) picture(t time.Duration, now uint32) {
	for _, c := range w.copies {
		w.work += c.To.Dx() * c.To.Dy() / workCopies
		w.record(now, recCopy, appendShorts(nil, c.To.Min.X, c.To.Min.Y, c.To.Dx(), c.To.Dy(), c.From.X, c.From.Y))
	}
	w.copies = w.copies[:0]
	mayLose := w.level.jpeg() && !w.finishing
	for r, hot := range w.grid.changed(t, mayLose) {
		w.put(now, r, hot && mayLose)
	}
	for i := range w.strips {
		w.text(now, i)
	}
	w.endTiles(now, 0)
	w.grid.clean()
	w.end.frames++
	w.anyLoss = w.anyLoss || w.lossy
	if w.end.frames == 1 {
		w.restate(now)
		w.work = 0
	}
}

// record adds one to the chunk that is open.
func (w *Writer) record(now uint32, kind byte, body []byte) {
	if w.err != nil {
		return
	}
	var head [2*binary.MaxVarintLen32 + 1]byte
	b := binary.AppendUvarint(head[:0], uint64(now-w.last))
	b = binary.AppendUvarint(append(b, kind), uint64(len(body)))
	if w.waits == 0 {
		w.since = now
	}
	w.last = now
	w.waits += len(b) + len(body)
	w.end.raw += uint32(len(b) + len(body))
	w.work += len(b) + len(body)
	if _, err := w.zip.Write(b); err != nil {
		w.err = err
	}
	if _, err := w.zip.Write(body); err != nil {
		w.err = err
	}
	if n := w.zipped.Len(); n >= blockFirst || n >= blockBytes && w.end.blocks > 0 {
		w.flush()
	}
}

// Flush writes what waits as a block.
func (w *Writer) Flush() error {
	if w.err == nil && w.waits > 0 {
		w.flush()
	}
	return w.err
}

func (w *Writer) flush() {
	if err := w.zip.Flush(); err != nil {
		w.err = err
		return
	}
	w.emit()
}

// room leaves some for the head of the block that comes, behind another head.
func (w *Writer) room(head []byte) {
	if w.zipped.Reset(); w.zipped.Cap() > keptBytes {
		w.zipped = bytes.Buffer{}
	}
	w.zipped.Write(head)
	w.zipped.Write(make([]byte, blockSize))
	w.heads = w.zipped.Len()
}

// emit writes what the compressor gave as a block, behind the head of its chunk
// if it is the first.
func (w *Writer) emit() {
	b := w.zipped.Bytes()
	p := b[w.heads:]
	if len(p) == 0 || w.err != nil {
		return
	}
	h := block{length: len(p), last: w.last, crc: castagnoli(p)}
	if w.lossy {
		h.flags = flagLossy
	}
	h.append(b[:w.heads-blockSize])
	w.sum.Write(b)
	w.end.blocks++
	w.work += len(p)
	w.waits, w.lossy = 0, false
	_ = w.write(b) // the error stays
	w.room(nil)
}

func (w *Writer) endChunk() {
	if err := w.zip.Close(); err != nil && w.err == nil {
		w.err = err
	}
	w.emit()
	w.end.end = w.last
	tail := w.end.append(nil)
	w.sum.Write(tail)
	w.sum.Sum(w.prev[:0])
	w.sum.Reset()
	w.open = false
	e := &w.index[len(w.index)-1]
	e.end, e.hash = w.last, w.prev
	if w.anyLoss {
		e.flags = flagLossy
	}
	_ = w.write(append(tail, w.prev[:]...)) // the error stays
}

func (w *Writer) write(b []byte) error {
	if w.err != nil {
		return w.err
	}
	if _, err := w.out.Write(b); err != nil {
		w.err = err
		return err
	}
	w.size += int64(len(b))
	return nil
}

// Close ends the file with its index. Look at the screen a last time, after
// [Writer.Finish], before it.
func (w *Writer) Close(t time.Duration) error {
	w.finishing = true
	err := w.Put(t)
	if err == nil && w.open {
		w.endChunk()
	}
	if w.err == nil {
		_ = w.write(appendIndex(nil, w.index, w.size)) // the error stays
	}
	err = errors.Join(err, w.err)
	w.err = errEnded
	w.zip.Reset(nil)
	return err
}
