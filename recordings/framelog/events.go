package framelog

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"accord/recordings/rfb"
)

// The events below are written at a time since the file's start; one before
// that of the last record counts as that one. Before the first picture there
// is nothing to write to: marks are kept until then, the rest is dropped.

// Press notes that a key was pressed, and not which.
func (w *Writer) Press(t time.Duration) error {
	w.end.input++
	return w.event(t, recPress, nil)
}

// Pointer notes where a viewer had the mouse, and its buttons.
func (w *Writer) Pointer(t time.Duration, x, y int, buttons uint8) error {
	w.end.input++
	return w.event(t, recPointer, append(appendShorts(nil, x, y), buttons))
}

// Clip notes a text on its way through a clipboard: in is to the device. The
// text itself is kept only where keep says so.
func (w *Writer) Clip(t time.Duration, in bool, text string, keep bool) error {
	sum := sha256.Sum256([]byte(text))
	body := []byte{0}
	if in {
		body[0] = 1
	}
	body = append(binary.LittleEndian.AppendUint32(body, uint32(len(text))), sum[:]...)
	if keep {
		body = append(body, text[:min(len(text), MaxClip)]...)
	}
	return w.event(t, recClip, body)
}

// Bell notes that the device rang.
func (w *Writer) Bell(t time.Duration) error { return w.event(t, recBell, nil) }

// Dropped notes pictures that were not taken because the disk was slow.
func (w *Writer) Dropped(t time.Duration, n int) error {
	return w.event(t, recDropped, binary.LittleEndian.AppendUint32(nil, uint32(n)))
}

// Mark writes a mark: an object with a "kind", and a "text" for people. One that
// is too long is an error that does not end the file.
func (w *Writer) Mark(t time.Duration, m any) error {
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode a mark: %w", err)
	}
	if len(text) > MaxMark {
		return errMark
	}
	if !w.open {
		if len(w.held) < maxHeld {
			w.held = append(w.held, text)
		}
		return w.err
	}
	return w.event(t, recMark, text)
}

// Paused marks the begin or the end of a pause; chunks that begin meanwhile say
// it too.
func (w *Writer) Paused(t time.Duration, on bool) error {
	if w.paused == on {
		return w.err
	}
	w.paused = on
	if !w.open {
		return w.err // the first picture says it
	}
	return w.Mark(t, plainMark{pauseKind(on), false})
}

func pauseKind(on bool) string {
	if on {
		return MarkPause
	}
	return MarkResume
}

func (w *Writer) event(t time.Duration, kind byte, body []byte) error {
	now, err := w.at(t)
	if err != nil || !w.open {
		return err
	}
	w.record(now, kind, body)
	return w.err
}

// Kinds of the marks that a writer makes itself.
const (
	MarkName     = "name"     // the screen's name, in text
	MarkMonitors = "monitors" // x, y, width, height of each
	MarkPause    = "pause"    // nothing is shown or recorded from here
	MarkResume   = "resume"
	MarkLossy    = "lossy" // how the byte budget is kept: level 0 exactly, 1 rarely, 2 as JPEG
)

// maxMonitors bounds those in a mark.
const maxMonitors = 64

// The marks of a writer. Again tells those that a chunk begins with from those
// that something happened at.
type (
	plainMark struct {
		Kind  string `json:"kind"`
		Again bool   `json:"again,omitempty"`
	}
	nameMark struct {
		Kind  string `json:"kind"`
		Text  string `json:"text"`
		Again bool   `json:"again,omitempty"`
	}
	lossyMark struct {
		Kind  string `json:"kind"`
		Level int    `json:"level"`
		Again bool   `json:"again,omitempty"`
	}
	monitorsMark struct {
		Kind     string   `json:"kind"`
		Monitors [][4]int `json:"monitors"`
		Again    bool     `json:"again,omitempty"`
	}
)

func boundsOf(monitors []rfb.Monitor) [][4]int {
	list := make([][4]int, len(monitors))
	for i, m := range monitors {
		list[i] = [4]int{m.Bounds.Min.X, m.Bounds.Min.Y, m.Bounds.Dx(), m.Bounds.Dy()}
	}
	return list
}

// cursorBody is a shape; nothing for none, and for one too large to be kept.
func cursorBody(c *rfb.Cursor) []byte {
	if c == nil || c.Width > maxCursor || c.Height > maxCursor || len(c.Pix) != 4*c.Width*c.Height {
		return nil
	}
	return append(appendShorts(nil, c.Width, c.Height, c.Hot.X, c.Hot.Y), c.Pix...)
}

// appendShorts appends numbers of 16 bits; what is outside becomes the nearest.
func appendShorts(dst []byte, numbers ...int) []byte {
	for _, n := range numbers {
		dst = binary.LittleEndian.AppendUint16(dst, uint16(min(max(n, 0), 0xffff)))
	}
	return dst
}
