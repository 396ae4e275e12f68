package recordings

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"regexp"
	"sync"
	"time"
)

// Kinds of the events that this package writes. Callers of [Recording.Event]
// choose others.
const (
	KindOpened = "opened" // the first; its data is the opening visit.json
	KindShell  = "shell"  // a cast begins
	KindExit   = "exit"   // a cast ends
	KindEnded  = "ended"  // the last; its data is an End

	KindScreen     = "screen"      // a frame log begins
	KindScreenSize = "screen.size" // its pictures have another size from now on
	KindScreenEnd  = "screen.end"  // a frame log ends
)

// KindTorn is what reading gives for a line that a crash cut in half.
const KindTorn = "torn"

// Event is a line of the timeline.
type Event struct {
	// T is the time since the recording began, in seconds, by a clock that
	// isn't set.
	T float64 `json:"t"`
	// At is the time of day; when it disagrees with T, the clock was set.
	At   time.Time       `json:"at"`
	Kind string          `json:"kind"`
	Data json.RawMessage `json:"data,omitempty"`
}

var eventKind = regexp.MustCompile(`^[a-z][a-z.-]{0,31}$`)

// timeline appends to timeline.jsonl. Any goroutine may.
type timeline struct {
	start time.Time

	mu     sync.Mutex // the writer's lock of file; taken after a Shell's
	file   *growing
	closed bool
}

// add writes an event before it returns. How many bytes it took is for the
// flusher. After an event of the kind KindEnded there is no other.
func (t *timeline) add(kind string, data any) (int, error) {
	var raw json.RawMessage
	if data != nil {
		var err error
		if raw, err = json.Marshal(data); err != nil {
			return 0, fmt.Errorf("encode event %s: %w", kind, err)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return 0, ErrSealed
	}
	now := time.Now()
	since := max(now.Sub(t.start), 0).Truncate(time.Microsecond)
	e := Event{T: since.Seconds(), At: stamp(now), Kind: kind, Data: raw}
	line, err := json.Marshal(e)
	if err != nil {
		return 0, fmt.Errorf("encode event %s: %w", kind, err)
	}
	if len(line) >= maxLine {
		return 0, fmt.Errorf("event %s has %d bytes, at most %d are allowed", kind, len(line), maxLine)
	}
	t.closed = kind == KindEnded
	if err := t.file.append(append(line, '\n')); err != nil {
		t.closed = false
		return 0, &diskError{err}
	}
	return len(line) + 1, nil
}

// diskError marks an error that ends the recording, unlike a value that can't
// be encoded.
type diskError struct{ error }

func (e *diskError) Unwrap() error { return e.error }

// ReadTimeline reads the events of the recording in the folder dir, in order,
// up to the first error. A line that a crash or a power cut broke comes with
// the kind [KindTorn] and no data.
// The data must be taken for hostile until [Verify] says otherwise.
func ReadTimeline(dir string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		d, err := openFolder(dir)
		if err != nil {
			yield(Event{}, err)
			return
		}
		defer func() { _ = d.close() }() // it was only read
		for e, err := range d.events() {
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

func (d folder) events() iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		f, err := d.open(timelineFile)
		if err != nil {
			yield(Event{}, err)
			return
		}
		defer f.Close()
		for e, err := range parseTimeline(f) {
			if err != nil {
				err = fmt.Errorf("%s of %s: %w", timelineFile, filepath.Base(d.root.Name()), err)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// parseTimeline reads events up to the first error.
func parseTimeline(from io.Reader) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		r := bufio.NewReaderSize(from, 64<<10)
		for {
			line, err := readLine(r)
			if errors.Is(err, io.EOF) {
				return
			}
			var e Event
			if err == nil {
				e, err = parseEvent(line)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// parseEvent reads a line. One that is no JSON at all was cut.
func parseEvent(line []byte) (Event, error) {
	if line[len(line)-1] != '\n' || !json.Valid(line) {
		return Event{Kind: KindTorn}, nil
	}
	var e Event
	if err := decodeStrict(line, &e); err != nil {
		return Event{}, err
	}
	if !eventKind.MatchString(e.Kind) || e.Kind == KindTorn || e.T < 0 {
		return Event{}, errors.New("an event has an impossible kind or time")
	}
	return e, nil
}
