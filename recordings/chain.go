package recordings

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"
)

// Names of the files of a recording.
const (
	visitFile    = "visit.json"
	timelineFile = "timeline.jsonl"
	chainFile    = "chain.jsonl"
	sealFile     = "seal"
	reserveFile  = "reserve"
)

// castName matches the casts, framesName the frame logs; coveredName whatever a
// chain may cover.
var (
	castName    = regexp.MustCompile(`^[0-9]{3,4}\.cast$`)
	fileName    = regexp.MustCompile(`^[0-9]{3,4}\.file$`)
	framesName  = regexp.MustCompile(`^[0-9]{3,4}\.frames$`)
	coveredName = regexp.MustCompile(`^(visit\.json|timeline\.jsonl|[0-9]{3,4}\.(cast|frames|file))$`)
)

// shows reports whether a file holds what a shell or a screen showed.
func shows(name string) bool { return castName.MatchString(name) || framesName.MatchString(name) }

// Head is where a chain stands: the number of its last line, from 1, and that
// line's SHA-256. Seq 0 is a chain without lines.
type Head struct {
	Seq  uint64
	Hash [sha256.Size]byte
}

// Hex is the hash in lower case hex, as receipts hold it.
func (h Head) Hex() string { return hex.EncodeToString(h.Hash[:]) }

// ParseHead reads a head as a receipt holds it.
func ParseHead(seq uint64, hexHash string) (Head, error) {
	hash, err := parseHash(hexHash)
	return Head{seq, hash}, err
}

func parseHash(text string) (h sum, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(h) || hex.EncodeToString(b) != text {
		return h, errors.New("not a SHA-256 in lower case hex")
	}
	return sum(b), nil
}

// extent is one file's new bytes in a line of the chain.
type extent struct {
	Name string `json:"name"`
	From int64  `json:"from"` // the first new byte
	Size int64  `json:"size"` // the file's length with them
	Sum  sum    `json:"sha256"`
}

// link is a line of the chain.
type link struct {
	Seq   uint64    `json:"seq"`
	Time  time.Time `json:"time"`
	Prev  sum       `json:"prev"`
	Files []extent  `json:"files"`
}

// encode gives the one spelling of a line, newline included.
func (l link) encode() ([]byte, error) {
	l.Time = stamp(l.Time)
	b, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("encode a line of the chain: %w", err)
	}
	return append(b, '\n'), nil
}

// maxLine bounds a line of chain.jsonl, timeline.jsonl and a cast, in bytes.
const maxLine = 1 << 20

// decodeLink reads a line of the chain, newline included, strictly.
func decodeLink(line []byte) (link, error) {
	var l link
	if err := decodeStrict(line, &l); err != nil {
		return link{}, err
	}
	again, err := l.encode()
	if err != nil || !bytes.Equal(again, line) {
		return link{}, errors.New("not in the one spelling that is allowed")
	}
	if len(l.Files) == 0 {
		return link{}, errors.New("it covers nothing")
	}
	seen := make(map[string]bool, len(l.Files))
	for _, e := range l.Files {
		if !coveredName.MatchString(e.Name) || seen[e.Name] || e.From < 0 || e.Size <= e.From {
			return link{}, errors.New("a file in it has an impossible name or range")
		}
		seen[e.Name] = true
	}
	return l, nil
}

// readLine reads up to the next newline, which is part of the line. A line
// without one is the last; it comes with io.EOF when it is empty. A line longer
// than maxLine is an error.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > maxLine {
			return nil, fmt.Errorf("a line is longer than %d bytes", maxLine)
		}
		if line = append(line, part...); err == nil {
			return line, nil
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, nil
		default:
			return nil, err
		}
	}
}

// chain extends chain.jsonl. One goroutine at a time uses it.
type chain struct {
	file *growing // its chained and whole are always up to its last line
	head Head
	buf  []byte // scratch for reading back

	// undone is a line that could not be written yet. It comes first, because
	// the files it covers count as chained.
	undone []byte
	broken error
}

// extend puts what the files grew by on disk, then a line about it. It reports
// whether there was anything. A failed call can be repeated, unless reading
// back failed: that error is for ever.
func (c *chain) extend(files []*growing) (bool, error) {
	if c.broken != nil {
		return false, c.broken
	}
	if c.undone != nil {
		return true, c.put()
	}
	sizes := make([]int64, len(files))
	for i, g := range files {
		if sizes[i] = g.written.Load(); sizes[i] == g.chained {
			continue
		}
		if err := g.sync(); err != nil {
			return false, err
		}
	}
	l := link{Seq: c.head.Seq + 1, Time: stamp(time.Now()), Prev: c.head.Hash}
	for i, g := range files {
		if sizes[i] == g.chained {
			continue
		}
		e, err := g.extend(sizes[i], c.scratch())
		if err != nil {
			c.broken = err
			return false, err
		}
		l.Files = append(l.Files, e)
	}
	if len(l.Files) == 0 {
		return false, nil
	}
	if c.undone, c.broken = l.encode(); c.broken != nil {
		return false, c.broken
	}
	return true, c.put()
}

// put writes the line that is due and counts it once it is on disk.
func (c *chain) put() error {
	if err := c.file.append(c.undone); err != nil {
		return err
	}
	line := c.undone
	c.undone = nil
	c.file.whole.Write(line)
	c.file.chained += int64(len(line))
	c.head = Head{c.head.Seq + 1, sha256.Sum256(line)}
	return c.file.sync()
}

func (c *chain) scratch() []byte {
	if c.buf == nil {
		c.buf = make([]byte, 128<<10)
	}
	return c.buf
}
