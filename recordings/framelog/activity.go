package framelog

import (
	"context"
	"errors"
	"io"
	"time"
)

// maxMoments bounds the times that are told of one chunk, of each kind. A writer's
// has at most two minutes.
const maxMoments = 1 << 16

// Activity is what happened in a chunk, without its pictures.
type Activity struct {
	Start, End time.Duration
	Pictures   []time.Duration // when the picture changed
	Inputs     []time.Duration // when a key or the mouse was used
	Events     []Event         // but for those
	Lossy      bool
}

// Activity looks through a chunk, by its number from 0. It also compares the
// chunk with its hash. Damage is no error: see [Reader.Gaps].
func (r *Reader) Activity(ctx context.Context, i int) (Activity, error) {
	c := &r.chunks[i]
	a := Activity{Start: duration(c.start), End: duration(c.end), Lossy: c.flags&flagLossy != 0}
	s, err := newStream(r.src)
	if err != nil {
		return a, err
	}
	defer s.close()
	err = s.open(*c, c.hash != [32]byte{})
	var told events
	for err == nil {
		if ctx.Err() != nil {
			return a, context.Cause(ctx)
		}
		err = a.record(s, &told)
	}
	a.Events = told.list
	if !errors.Is(err, io.EOF) && !c.told {
		why := whyDamaged
		if errors.Is(err, errChanged) {
			why = whyChanged
		}
		c.told = true
		r.gap(max(s.now, c.start), max(c.end, s.now), why)
	}
	return a, nil
}

func (a *Activity) record(s *stream, told *events) error {
	kind, n, err := s.next()
	if err != nil {
		return err
	}
	at := duration(s.now)
	switch kind {
	case recTiles, recCopy:
		if last := len(a.Pictures) - 1; last < 0 || a.Pictures[last] != at && last < maxMoments-1 {
			a.Pictures = append(a.Pictures, at)
		}
	case recPress, recPointer:
		if len(a.Inputs) < maxMoments {
			a.Inputs = append(a.Inputs, at)
		}
	case recMark, recClip, recBell:
		body, err := s.read(n)
		if err != nil {
			return err
		}
		if e, ok := readEvent(at, kind, body); ok {
			told.add(e)
		}
		return nil
	}
	return s.skip(n)
}
