package replay

import (
	"context"
	"errors"
	"io"

	"accord/recordings"
	"accord/tui"
	"accord/wire"
)

// Follow reads a shell that is still being recorded, for a screen that watches
// it. What it gives is what the recording holds, and so what the player will
// show.
func Follow(s *recordings.Shell) (tui.Tail, error) {
	t, err := s.Follow()
	if err != nil {
		return nil, err
	}
	return &tail{cast: t}, nil
}

// tail is a growing cast as a screen reads it, once from its start.
type tail struct {
	cast  *recordings.Tail
	at    recordings.Pos
	grown <-chan struct{} // since before the end was met last
	ended bool            // likewise: nothing was to come any more
}

func (t *tail) Close() { _ = t.cast.Close() }

func (t *tail) Header() (width, height int, title string) {
	h := t.cast.Header()
	return h.Width, h.Height, wire.Clean(h.Command, wire.MaxLine)
}

// Next looks for growth only at the end, so that a reader who is behind costs
// the writer nothing.
func (t *tail) Next() (tui.Event, error) {
	e, next, err := t.cast.ReadAt(t.at)
	if errors.Is(err, io.EOF) {
		t.grown, t.ended = t.cast.Grown(), t.cast.Ended()
		e, next, err = t.cast.ReadAt(t.at)
	}
	if err != nil {
		return tui.Event{}, err
	}
	t.at = next
	return event(e, t.cast.Header().PTY), nil
}

func (t *tail) Wait(ctx context.Context) error {
	if t.ended {
		return io.EOF
	}
	select {
	case <-t.grown:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
