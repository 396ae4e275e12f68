package framelog

import (
	"encoding/json"
	"slices"
)

// tellState writes what has changed beside the picture.
func (w *Writer) tellState(now uint32) {
	if !w.open {
		return
	}
	if w.next.Cursor != w.state.Cursor {
		w.record(now, recCursor, cursorBody(w.next.Cursor))
	}
	if w.next.Pointer != w.state.Pointer {
		w.record(now, recAt, appendShorts(nil, w.next.Pointer.X, w.next.Pointer.Y))
	}
	if w.next.Name != w.state.Name && len(w.next.Name) <= MaxMark/8 {
		w.mark(now, nameMark{MarkName, w.next.Name, false})
	}
	if !slices.Equal(w.next.Monitors, w.state.Monitors) && len(w.next.Monitors) <= maxMonitors {
		w.mark(now, monitorsMark{MarkMonitors, boundsOf(w.next.Monitors), false})
	}
	w.state = w.next
}

// restate tells again, behind the first picture of a chunk, what holds.
func (w *Writer) restate(now uint32) {
	if w.state.Cursor != nil {
		w.record(now, recCursor, cursorBody(w.state.Cursor))
	}
	w.record(now, recAt, appendShorts(nil, w.state.Pointer.X, w.state.Pointer.Y))
	if w.state.Name != "" {
		w.mark(now, nameMark{MarkName, w.state.Name, true})
	}
	if len(w.state.Monitors) > 0 {
		w.mark(now, monitorsMark{MarkMonitors, boundsOf(w.state.Monitors), true})
	}
	if w.paused {
		w.mark(now, plainMark{MarkPause, true})
	}
	if w.level.is > 0 {
		w.mark(now, lossyMark{MarkLossy, w.level.is, true})
	}
	for _, m := range w.held {
		w.record(now, recMark, m)
	}
	w.held = nil
}

// mark writes one of our own.
func (w *Writer) mark(now uint32, m any) {
	text, err := json.Marshal(m)
	if err != nil || len(text) > MaxMark {
		return // plain values of bounded length
	}
	w.record(now, recMark, text)
}
