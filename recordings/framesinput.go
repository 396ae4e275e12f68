package recordings

import (
	"time"

	"accord/recordings/framelog"
)

// Key notes that a key was pressed or let go, and not which.
func (f *Frames) Key() {
	f.put(framesInput{write: func(w *framelog.Writer, t time.Duration) error { return w.Press(t) }})
}

// Pointer notes where the mouse is, and its buttons. Of moves with the same
// buttons that follow each other quickly, the last is kept.
func (f *Frames) Pointer(x, y int, buttons uint8) {
	f.put(framesInput{pointer: true, x: x, y: y, buttons: buttons})
}

// Clip notes a text that goes through the clipboard: in is to the device. Its
// length and SHA-256 are kept; the text, of at most 64 KiB, where keep says so.
func (f *Frames) Clip(in bool, text string, keep bool) {
	f.put(framesInput{write: func(w *framelog.Writer, t time.Duration) error { return w.Clip(t, in, text, keep) }})
}

// Bell notes that the device rang.
func (f *Frames) Bell() {
	f.put(framesInput{write: func(w *framelog.Writer, t time.Duration) error { return w.Bell(t) }})
}

// Mark puts a mark into the file: an object with a "kind", and a "text" that
// players show. One that can't be encoded, or has more than 64 KiB, is dropped.
func (f *Frames) Mark(m any) {
	f.put(framesInput{write: func(w *framelog.Writer, t time.Duration) error {
		_ = w.Mark(t, m) // an error that ends the file comes again with the next record
		return nil
	}})
}

// Paused marks the begin or the end of a pause. The picture does not change in
// between; whoever feeds the screen sees to that.
func (f *Frames) Paused(on bool) {
	f.put(framesInput{write: func(w *framelog.Writer, t time.Duration) error {
		f.paused = on
		return w.Paused(t, on)
	}})
}

func (f *Frames) put(in framesInput) {
	in.at = time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.inbox)
	switch {
	case f.stopped:
		return
	case in.pointer && n > 0 && f.inbox[n-1].pointer && f.inbox[n-1].buttons == in.buttons:
		f.inbox[n-1] = in
	case n >= maxInbox:
		f.lost++
	default:
		f.inbox = append(f.inbox, in)
	}
	wake(f.woken)
}
