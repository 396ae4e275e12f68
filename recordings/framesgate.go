package recordings

import (
	"context"
	"time"
)

// Gate waits while the recorder is more than a second behind with what was
// shown. Call it before each new picture that somebody can see. An error means
// that the recording has failed or ended, or the context has: then no new
// picture may be shown.
func (f *Frames) Gate(ctx context.Context) error {
	for {
		wait, err := f.lag()
		if err != nil || wait == nil {
			return err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-f.rec.failed:
		case <-f.done:
		}
	}
}

// lag gives what to wait for while the recorder is behind; nil if it isn't, and
// then the picture that follows counts as one that it has to look at.
func (f *Frames) lag() (<-chan struct{}, error) {
	if err := f.rec.Err(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped {
		return nil, ErrSealed
	}
	now := time.Now()
	oldest := f.waiting
	if oldest.IsZero() || !f.dirty.IsZero() && f.dirty.Before(oldest) {
		oldest = f.dirty
	}
	if !oldest.IsZero() && now.Sub(oldest) > framesLag {
		return f.progress, nil
	}
	if f.dirty.IsZero() {
		f.dirty = now
		wake(f.woken)
	}
	return nil, nil
}
