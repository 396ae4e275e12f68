package recordings

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"
)

// ShellInfo says what a cast is of.
type ShellInfo struct {
	// Width and Height are in cells. Values outside 1 to 4096 are recorded as
	// the nearest of these, and 0 by 0, without a pty, as 80 by 24.
	Width   int    `json:"width"`
	Height  int    `json:"height"`
	Term    string `json:"term,omitempty"`
	Command string `json:"command,omitempty"` // empty: a login shell
	Login   string `json:"login,omitempty"`   // account on the device
	PTY     bool   `json:"pty"`
}

// Exit is how a shell ended.
type Exit struct {
	Status int    `json:"status"`           // -1 when there was none
	Signal string `json:"signal,omitempty"` // SSH's name, without SIG
}

const (
	maxSide    = 4096      // cells
	maxCommand = 128 << 10 // bytes; Linux runs none that is longer
	maxTerm    = 256       // bytes
	maxPiece   = 64 << 10  // bytes of a stream in one event of a cast
)

// streams of a cast, by the letter in its events.
const (
	outStream = 'o'
	errStream = 'e'
	inStream  = 'i'
)

// Shell writes one cast. All methods may be called from any goroutine.
type Shell struct {
	rec   *Recording
	name  string
	start time.Time

	mu     sync.Mutex // the writer's lock of file; taken before the timeline's
	file   *growing
	carry  map[byte][]byte // unfinished character by stream, at most 3 bytes
	closed bool
}

// accordHeader is what the header of a cast says beyond the format. A reader
// that finds it knows the further event codes.
type accordHeader struct {
	Format  int       `json:"format"`
	Visit   string    `json:"visit"`
	Start   time.Time `json:"start"`
	Login   string    `json:"login,omitempty"`
	PTY     bool      `json:"pty"`
	Command []byte    `json:"command_bytes,omitempty"` // when it is not UTF-8
}

type castHeader struct {
	Version   int               `json:"version"`
	Width     int               `json:"width"`
	Height    int               `json:"height"`
	Timestamp int64             `json:"timestamp,omitempty"`
	Command   string            `json:"command,omitempty"`
	Title     string            `json:"title,omitempty"`
	Env       map[string]string `json:"env,omitempty"`
	Accord    *accordHeader     `json:"accord,omitempty"`
}

// Shell starts a cast. A command longer than 128 KiB or a terminal name longer
// than 256 bytes is an error; it does not end the recording.
func (r *Recording) Shell(info ShellInfo) (*Shell, error) {
	if len(info.Command) > maxCommand || len(info.Term) > maxTerm {
		return nil, fmt.Errorf("a command may have %d bytes and the name of a terminal %d", maxCommand, maxTerm)
	}
	if !info.PTY && info.Width == 0 && info.Height == 0 {
		info.Width, info.Height = 80, 24
	}
	info.Width, info.Height = side(info.Width), side(info.Height)
	if err := r.Err(); err != nil {
		return nil, err
	}
	s, n, err := r.newShell(info)
	if err != nil {
		return nil, err
	}
	r.grew(n)
	err = r.event(KindShell, struct {
		Cast string `json:"cast"`
		ShellInfo
	}{s.name, info})
	return s, err
}

// newShell creates the file with its header, n bytes, and hands it to the
// flusher.
func (r *Recording) newShell(info ShellInfo) (s *Shell, n int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return nil, 0, ErrSealed
	}
	if r.count == maxShells {
		return nil, 0, fmt.Errorf("this visit has %d shells and screens already: ask for another visit", maxShells)
	}
	s = &Shell{rec: r, name: fmt.Sprintf("%03d.cast", r.count+1), start: time.Now(), carry: make(map[byte][]byte, 3)}
	line, err := json.Marshal(s.header(info))
	if err != nil {
		return nil, 0, fmt.Errorf("encode the header of a cast: %w", err)
	}
	if s.file, err = r.create(s.name); err != nil {
		return nil, 0, r.fail(fmt.Errorf("start a cast: %w", err))
	}
	r.count++
	if err := s.file.append(append(line, '\n')); err != nil {
		s.file.f.Close()
		return nil, 0, r.fail(fmt.Errorf("start a cast: %w", err))
	}
	r.watch(s.file)
	r.shells = append(r.shells, s)
	return s, len(line) + 1, nil
}

func (s *Shell) header(info ShellInfo) castHeader {
	h := castHeader{
		Version: 2, Width: info.Width, Height: info.Height,
		Timestamp: s.start.Unix(), Command: info.Command,
		Accord: &accordHeader{
			Format: 1, Visit: s.rec.opened.ID, Start: stamp(s.start), Login: info.Login, PTY: info.PTY,
		},
	}
	if info.Term != "" {
		h.Env = map[string]string{"TERM": info.Term}
	}
	if !utf8.ValidString(info.Command) {
		h.Accord.Command = []byte(info.Command)
	}
	return h
}

func side(n int) int { return min(max(n, 1), maxSide) }

// Name is the file's name in the recording's folder.
func (s *Shell) Name() string { return s.name }

// Output records what goes to the technician's terminal. When it returns nil,
// all of p is written to the file; only then may p be forwarded. Any other
// result means that the recording has failed or ended, and the visit must end.
func (s *Shell) Output(p []byte) error { return s.stream(outStream, p) }

// ErrorOutput is Output for stderr of a command without a pty. Players show it
// as output; [CastEvent] tells it apart.
func (s *Shell) ErrorOutput(p []byte) error { return s.stream(errStream, p) }

// Input records what the technician typed. Call it only where policy says so,
// and never while the terminal's echo is off.
func (s *Shell) Input(p []byte) error { return s.stream(inStream, p) }

// Resize records a new size of the window, in cells.
func (s *Shell) Resize(width, height int) error {
	return s.line('r', strconv.Itoa(side(width))+"x"+strconv.Itoa(side(height)))
}

// Mark records a mark that players can jump to. A label of more than 4096 bytes
// is an error that does not end the recording.
func (s *Shell) Mark(label string) error {
	if len(label) > 4096 {
		return errors.New("the label of a mark may have 4096 bytes")
	}
	return s.line('m', label)
}

// Close ends the cast with the exit status. Call it after the last Output;
// further calls are [ErrSealed].
func (s *Shell) Close(exit Exit) error {
	status := strconv.Itoa(exit.Status)
	if exit.Signal != "" {
		status = "signal " + exit.Signal
	}
	err := s.finish(status)
	if err != nil {
		return err
	}
	s.rec.drop(s)
	return s.rec.event(KindExit, struct {
		Cast string `json:"cast"`
		Exit
	}{s.name, exit})
}

// drop forgets a shell that is closed.
func (r *Recording) drop(s *Shell) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shells = slices.DeleteFunc(slices.Clone(r.shells), func(o *Shell) bool { return o == s })
}

// cutOff ends the cast without an exit: the visit ended first.
func (s *Shell) cutOff() { _ = s.finish("") }

// finish writes the unfinished characters as the bytes they are and, if there
// is one, the exit status.
func (s *Shell) finish(status string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrSealed
	}
	s.closed = true
	defer s.file.end()
	var e encoder
	for _, stream := range []byte{outStream, errStream, inStream} {
		if carry := s.carry[stream]; len(carry) > 0 {
			e.piece(stream, s.clock(), nil, carry)
		}
	}
	if status != "" {
		e.event(s.clock(), 'x', status)
	}
	if len(e.lines) == 0 {
		return s.rec.Err()
	}
	return s.put(e.lines)
}

// line writes an event that is no part of a stream.
func (s *Shell) line(code byte, text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrSealed
	}
	var e encoder
	e.event(s.clock(), code, text)
	return s.put(e.lines)
}

// stream writes p in pieces, each with one write(2).
func (s *Shell) stream(stream byte, p []byte) error {
	e := s.rec.lib.encoder()
	defer s.rec.lib.recycle(e)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrSealed
	}
	for len(p) > 0 {
		piece := p[:min(len(p), maxPiece)]
		p = p[len(piece):]
		e.lines = e.lines[:0]
		s.encode(e, stream, piece, len(p) == 0)
		if len(e.lines) == 0 {
			continue
		}
		if err := s.put(e.lines); err != nil {
			return err
		}
	}
	return s.rec.Err()
}

// put writes finished lines. The caller holds mu.
func (s *Shell) put(lines []byte) error {
	if err := s.rec.Err(); err != nil {
		return err
	}
	if err := s.file.append(lines); err != nil {
		return s.rec.fail(fmt.Errorf("write a cast: %w", err))
	}
	s.rec.grew(len(lines))
	return nil
}

// clock is the time since the cast's start, by a clock that isn't set.
func (s *Shell) clock() time.Duration { return time.Since(s.start) }

// encode adds the events for p. What is left of an unfinished character is
// carried to the stream's next event; it is recorded at once, too, because p
// will be forwarded, unless more of the same write follows.
func (s *Shell) encode(e *encoder, stream byte, p []byte, last bool) {
	t := s.clock()
	char, took, whole := []byte(nil), 0, true
	if carry := s.carry[stream]; len(carry) > 0 {
		char, took, whole = completeRune(carry, p)
	}
	p = p[took:]
	if whole {
		cut := splitTail(p)
		if len(char)+cut > 0 {
			e.piece(stream, t, char, p[:cut])
		}
		char = p[cut:]
	}
	s.carry[stream] = append(s.carry[stream][:0], char...)
	if len(char) > 0 && last {
		e.carry(stream, t, char)
	}
}
