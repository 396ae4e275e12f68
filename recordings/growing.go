package recordings

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"os"
	"sync/atomic"
)

// sum is the SHA-256 of bytes; in text it is lower case hex.
type sum [sha256.Size]byte

func (s sum) String() string               { return hex.EncodeToString(s[:]) }
func (s sum) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func (s *sum) UnmarshalText(text []byte) error {
	h, err := parseHash(string(text))
	*s = h
	return err
}

// take gives the sum of what was written to h so far.
func take(h hash.Hash) (s sum) {
	h.Sum(s[:0])
	return s
}

// growing is a file that only grows and that the chain covers. One writer at a
// time appends (whose lock that is, the owner of the file says); the flusher
// reads back what the chain doesn't cover yet.
type growing struct {
	name    string
	f       *os.File
	written atomic.Int64 // bytes of whole writes
	ended   atomic.Bool  // nothing is written any more

	followed atomic.Pointer[chan struct{}] // what followers wait for; nil for none

	// Owned by the flusher.
	chained int64     // bytes that the chain covers
	whole   hash.Hash // over those
}

// grow takes a file over. Its first bytes, chained of them, are covered by a
// chain already and their hash is whole; nil means none are.
func grow(name string, f *os.File, chained int64, whole hash.Hash) (*growing, error) {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	if whole == nil {
		whole = sha256.New()
	}
	g := &growing{name: name, f: f, chained: chained, whole: whole}
	g.written.Store(size)
	return g, nil
}

// append writes p whole. When that fails, what was written of it is cut off
// again, as far as the disk lets it.
func (g *growing) append(p []byte) error {
	n, err := g.f.Write(p)
	if err != nil {
		if n > 0 {
			_ = g.f.Truncate(g.written.Load())
		}
		return err
	}
	g.written.Add(int64(n))
	g.wake()
	return nil
}

// end says that nothing is written any more.
func (g *growing) end() {
	g.ended.Store(true)
	g.wake()
}

// sync puts the bytes on disk.
func (g *growing) sync() error { return syncData(g.f, g.name) }

func wrapSyscall(what, name string, err error) error {
	if err == nil {
		return nil
	}
	return &os.PathError{Op: what, Path: name, Err: err}
}

// extend reads the bytes up to size back and gives the chain's entry for them.
// buf is scratch.
func (g *growing) extend(size int64, buf []byte) (extent, error) {
	part := sha256.New()
	section := io.NewSectionReader(g.f, g.chained, size-g.chained)
	n, err := io.CopyBuffer(onlyWriter{io.MultiWriter(part, g.whole)}, onlyReader{section}, buf)
	if err == nil && n != size-g.chained {
		err = &os.PathError{Op: "read back", Path: g.name, Err: io.ErrUnexpectedEOF}
	}
	if err != nil {
		return extent{}, err
	}
	e := extent{Name: g.name, From: g.chained, Size: size, Sum: take(part)}
	g.chained = size
	return e, nil
}

// onlyReader and onlyWriter keep io.CopyBuffer to its buffer.
type (
	onlyReader struct{ io.Reader }
	onlyWriter struct{ io.Writer }
)

// reserve holds blocks of the disk back.
func (d folder) reserve(name string, size int64) error {
	f, err := d.create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if done, err := preallocate(f, size); done || err != nil {
		return wrapSyscall("reserve space", name, err)
	}
	_, err = f.Write(make([]byte, size))
	return err
}
