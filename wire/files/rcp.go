package files

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"sync"
)

// rcpLine bounds a line of the rcp protocol, in bytes.
const rcpLine = maxPath + 64

// rcpDepth bounds how deep folders go.
const rcpDepth = 256

// RCP is one connection of `scp -O`, as who stands between its two sides sees
// it. The source sends lines that announce a file (C), a folder (D), its end
// (E) or times (T), and the files' bytes; the sink answers each with a byte, 0
// for yes. [RCP.Source] and [RCP.Sink] are called with what each side says,
// before it goes on, by one goroutine each. When both are done, [RCP.End] must
// be called.
type RCP struct {
	direction Direction
	may       func(Direction) bool
	journal   Journal

	mu      sync.Mutex
	state   rcpState
	line    []byte
	folders []string
	current *stream
	left    int64 // bytes of the current file that are still to come
	number  int
	budget  int
	answers int // bytes 0 of the sink that are due
	saying  []byte
	talks   bool // the sink is within a line that says what went wrong
	closing bool // all of the file was sent, and the sink has not answered that yet
	change  Change
}

type rcpState int

const (
	rcpReading rcpState = iota // a line of the source
	rcpAsking                  // it was announced, and not answered yet
	rcpMoving                  // bytes of a file
	rcpEnding                  // the byte behind them
)

// NewRCP makes one for a command that [ParseCommand] has read.
func NewRCP(c Command, may func(Direction) bool, j Journal) *RCP {
	root := c.Words[0]
	if c.Direction() == Get {
		root = path.Dir(root)
	}
	// The sink speaks first, to say that it is there.
	return &RCP{direction: c.Direction(), may: may, journal: j, folders: []string{root}, budget: heldMost, answers: 1}
}

// Source takes what the source says.
func (r *RCP) Source(p []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(p) > 0 {
		n, err := r.source(p)
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

func (r *RCP) source(p []byte) (n int, err error) {
	switch r.state {
	case rcpMoving:
		return r.move(p)
	case rcpEnding:
		if r.state = rcpReading; p[0] != 0 {
			r.current.fail("it could not be read")
			r.line = append(r.line[:0], p[0])
		}
		if r.closing {
			return 1, nil
		}
		return 1, r.ended() // the sink has answered already, as PuTTY's does
	case rcpAsking:
		return 0, fmt.Errorf("%w: a file's bytes before anybody wanted them", ErrNonsense)
	}
	end := bytes.IndexByte(p, '\n')
	if end < 0 {
		end = len(p) - 1
	}
	r.line = append(r.line, p[:end+1]...)
	if len(r.line) > rcpLine {
		return 0, fmt.Errorf("%w: a line of more than %d bytes", ErrNonsense, rcpLine)
	}
	if r.line[len(r.line)-1] != '\n' {
		return end + 1, nil
	}
	line := string(r.line[:len(r.line)-1])
	r.line = r.line[:0]
	return end + 1, r.says(line)
}

// move takes bytes of the file.
func (r *RCP) move(p []byte) (int, error) {
	n := int(min(int64(len(p)), r.left))
	if !r.may(r.direction) {
		return 0, r.no(r.current.Path)
	}
	r.left -= int64(n)
	if r.left == 0 {
		r.sent()
	}
	return n, r.current.take(r.current.Bytes, p[:n])
}

// sent notes that all of a file has gone: a byte of the source follows, and an
// answer to the file.
func (r *RCP) sent() {
	r.state, r.closing = rcpEnding, true
	r.answers++
}

// ErrRefused reports something that was not granted. The connection must be
// closed: the protocol has no words for it.
var ErrRefused = errors.New("it was not granted")

func (r *RCP) no(name string) error {
	why := notGranted(r.direction)
	return errors.Join(r.journal.Refused(Refusal{"copy", name, why}), fmt.Errorf("%w: %s", ErrRefused, why))
}

// says takes a whole line.
func (r *RCP) says(line string) error {
	if line == "" {
		return fmt.Errorf("%w: an empty line", ErrNonsense)
	}
	switch line[0] {
	case 1, 2: // what went wrong, for people; nobody answers
		return r.journal.Changed(Change{Op: "copy", Path: r.folders[len(r.folders)-1], Error: strings.ToValidUTF8(line[1:min(len(line), 200)], "?")})
	case 'T':
		r.answers++
		return nil
	case 'E':
		if len(r.folders) == 1 {
			return fmt.Errorf("%w: the end of a folder that did not begin", ErrNonsense)
		}
		r.folders = r.folders[:len(r.folders)-1]
		r.answers++
		return nil
	case 'C', 'D':
		return r.announced(line)
	}
	return fmt.Errorf("%w: a line that begins with %q", ErrNonsense, line[0])
}

// ParseCopy reads a line that announces a file or a folder: its permissions,
// size and name. A name is one of a folder's own.
func ParseCopy(line string) (mode uint32, size int64, name string, err error) {
	words := strings.SplitN(line[1:], " ", 3)
	if len(words) != 3 {
		return 0, 0, "", fmt.Errorf("%w: a file without a size or name", ErrNonsense)
	}
	m, err1 := strconv.ParseUint(words[0], 8, 16)
	size, err2 := strconv.ParseInt(words[1], 10, 64)
	name = words[2]
	if err1 != nil || err2 != nil || len(words[0]) != 4 || size < 0 || size > 1<<62 {
		return 0, 0, "", fmt.Errorf("%w: permissions or a size that can't be", ErrNonsense)
	}
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return 0, 0, "", fmt.Errorf("%w: %q is no name of a file", ErrNonsense, name[:min(len(name), 80)])
	}
	return uint32(m), size, name, nil
}

// announced waits for the answer to a file or folder.
func (r *RCP) announced(line string) error {
	mode, size, name, err := ParseCopy(line)
	if err != nil {
		return err
	}
	if r.closing {
		return fmt.Errorf("%w: a file before the last one was answered", ErrNonsense)
	}
	full := r.folders[len(r.folders)-1] + "/" + name
	if !r.may(r.direction) {
		return r.no(full)
	}
	if len(r.folders) > rcpDepth {
		return fmt.Errorf("%w: folders deeper than %d", ErrNonsense, rcpDepth)
	}
	r.answers++
	r.state = rcpAsking
	if line[0] == 'D' {
		r.change = Change{Op: "list", Path: full}
		if r.direction == Put {
			r.change = Change{Op: "mkdir", Path: full, Attributes: fmt.Sprintf("mode=%04o", mode&0o7777)}
		}
		return nil
	}
	r.number++
	r.current, r.left = newStream(r.number, full, r.direction, size, r.journal, &r.budget), size
	r.current.from(0)
	return nil
}

// Sink takes what the sink says.
func (r *RCP) Sink(p []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range p {
		if err := r.sink(c); err != nil {
			return err
		}
	}
	return nil
}

func (r *RCP) sink(c byte) error {
	switch {
	case r.talks:
		if c != '\n' {
			if len(r.saying) < 200 {
				r.saying = append(r.saying, c)
			}
			return nil
		}
		r.talks = false
		return r.answered(strings.ToValidUTF8(string(r.saying), "?"))
	case c == 0 && r.answers > 0:
		return r.answered("")
	case c == 1 || c == 2:
		r.talks, r.saying = true, r.saying[:0]
		return nil
	}
	return fmt.Errorf("%w: an answer to nothing", ErrNonsense)
}

// answered takes one whole answer; without a failure it is a yes.
func (r *RCP) answered(failed string) error {
	r.answers = max(r.answers-1, 0)
	if r.closing {
		r.closing = false
		if failed != "" {
			r.current.fail("it could not be written: " + failed)
		}
		if r.state == rcpEnding {
			return nil // the source's byte is still to come
		}
		return r.ended()
	}
	if r.state != rcpAsking {
		return nil
	}
	r.state = rcpReading
	if r.change.Op != "" {
		c := r.change
		r.change = Change{}
		if c.Error = failed; failed == "" {
			r.folders = append(r.folders, c.Path)
		}
		return r.journal.Changed(c)
	}
	st := r.current
	if failed != "" {
		r.current = nil
		return r.journal.Changed(Change{Op: "open", Path: st.Path, Error: failed})
	}
	if r.state = rcpMoving; r.left == 0 {
		r.sent()
	}
	return r.journal.Begins(&st.Transfer)
}

// ended ends the current file.
func (r *RCP) ended() error {
	st := r.current
	r.current = nil
	st.end = st.next
	return st.finish()
}

// End ends a file that was cut.
func (r *RCP) End() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current == nil || r.state == rcpAsking {
		return nil
	}
	if r.direction == Put || r.left > 0 {
		r.current.fail("it was cut")
	} // else all of it went, and the client left without a word
	return r.ended()
}
