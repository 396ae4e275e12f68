package tui

import (
	"cmp"
	"context"
	"io"
)

// Raw hands the bytes themselves to a relay, starting with those no screen has
// read. Close gives the input back; a Read under way then ends with an error
// and takes nothing with it.
func (in *Input) Raw() *RawInput {
	ctx, cancel := context.WithCancel(context.Background())
	return &RawInput{in: in, ctx: ctx, cancel: cancel}
}

// RawInput is the phase of a relay.
type RawInput struct {
	in     *Input
	ctx    context.Context //nolint:containedctx // its life is the phase itself
	cancel context.CancelFunc
}

// Read follows io.Reader.
func (r *RawInput) Read(p []byte) (int, error) {
	for {
		r.in.mu.Lock()
		if r.ctx.Err() != nil {
			r.in.mu.Unlock()
			return 0, errTaken
		}
		wait := r.in.dropPaste()
		if len(r.in.buf) > 0 && wait == 0 {
			n := copy(p, r.in.buf)
			r.in.take(n)
			r.in.mu.Unlock()
			return n, nil
		}
		err, changed := r.in.err, r.in.changed
		r.in.mu.Unlock()
		if err != nil {
			return 0, err
		}
		if err := waitFor(r.ctx, changed, wait); err != nil {
			return 0, err
		}
	}
}

// Relay writes all bytes to w, until the input ends (io.EOF), w fails or Close
// is called. When it returns nothing is being written any more, so Close alone
// does not end a Write that waits. After those that screens have left, the
// goroutine that reads the input writes to w itself: no copy, and no other
// goroutine to wake for each key.
func (r *RawInput) Relay(w io.Writer) error {
	left := make([]byte, inputHold)
	for !r.begin(w) {
		n, err := r.Read(left)
		if err == nil {
			_, err = w.Write(left[:n])
		}
		if err != nil {
			return err
		}
	}
	return r.finish()
}

// begin makes w the relay, unless there is something to be read first.
func (r *RawInput) begin(w io.Writer) bool {
	r.in.mu.Lock()
	defer r.in.mu.Unlock()
	if len(r.in.buf) > 0 || r.in.pasting || r.in.err != nil || r.ctx.Err() != nil {
		return false
	}
	r.in.relay, r.in.refused = w, nil
	return true
}

// finish waits until the relay is over and says why.
func (r *RawInput) finish() error {
	in, ctx := r.in, r.ctx
	for {
		in.mu.Lock()
		why := cmp.Or(in.refused, in.err)
		if why == nil && r.ctx.Err() != nil {
			why, ctx = errTaken, context.Background()
		}
		if why != nil {
			in.relay = nil
		}
		passing, changed := in.passing, in.changed
		in.mu.Unlock()
		if why != nil && !passing {
			return why
		}
		_ = waitFor(ctx, changed, 0) // the next look says why it returned
	}
}

// Close takes the lock, so that no Read is between its look at the phase and
// its taking of bytes when Close returns.
func (r *RawInput) Close() error {
	r.in.mu.Lock()
	defer r.in.mu.Unlock()
	r.in.relay = nil
	r.cancel()
	return nil
}
