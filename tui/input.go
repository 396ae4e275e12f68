package tui

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	uv "github.com/charmbracelet/ultraviolet"
)

const (
	// inputHold bounds what is kept of a person's typing ahead, in bytes.
	// Beyond it the reader stops reading, so that the sender is slowed and
	// nothing is dropped.
	inputHold = 64 << 10
	// escWait tells a lone Escape from the start of a sequence; the usual
	// value of terminal programs.
	escWait = 50 * time.Millisecond
	// pasteHold bounds one bracketed paste in bytes; the rest of it is dropped.
	pasteHold = 64 << 10
)

// errTaken reports that the phase reading an [Input] has been ended.
var errTaken = errors.New("the input has been handed to another screen")

// Input owns the reading side of one terminal for its whole life. Screens and
// relays take turns: each gets what the one before it left, to the byte, so
// that nothing typed ahead is lost between two of them. Bubble Tea can't read
// an SSH channel itself without swallowing the next chunk when it ends
// (bubbletea issue 616), so its programs are fed from here.
type Input struct {
	mu      sync.Mutex
	buf     []byte
	err     error         // why reading ended; set once, after the last byte
	changed chan struct{} // closed and replaced at every change of the above
	at      time.Time     // when the newest byte arrived
}

// NewInput starts reading r, until r fails or ends. Only the Input may read r
// from now on. The reading goroutine ends with r.
func NewInput(r io.Reader) *Input {
	in := &Input{changed: make(chan struct{})}
	go in.fill(r)
	return in
}

func (in *Input) fill(r io.Reader) {
	chunk := make([]byte, 32<<10)
	for {
		n, err := r.Read(chunk)
		in.mu.Lock()
		in.buf = append(in.buf, chunk[:n]...)
		in.err = err
		in.at = time.Now()
		in.announce()
		for err == nil && len(in.buf) >= inputHold {
			changed := in.changed
			in.mu.Unlock()
			<-changed
			in.mu.Lock()
		}
		in.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// announce wakes all who wait. The caller holds mu.
func (in *Input) announce() {
	close(in.changed)
	in.changed = make(chan struct{})
}

// Discard throws away what was typed and not yet read, as TCIFLUSH does.
func (in *Input) Discard() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.buf = nil
	in.announce()
}

// Raw hands the bytes themselves to a relay, starting with those no screen has
// read. Close gives the input back; a Read under way then ends with an error
// and takes nothing with it.
func (in *Input) Raw() io.ReadCloser {
	ctx, cancel := context.WithCancel(context.Background())
	return &rawInput{in: in, ctx: ctx, cancel: cancel}
}

type rawInput struct {
	in     *Input
	ctx    context.Context //nolint:containedctx // its life is the phase itself
	cancel context.CancelFunc
}

func (r *rawInput) Read(p []byte) (int, error) {
	for {
		r.in.mu.Lock()
		if r.ctx.Err() != nil {
			r.in.mu.Unlock()
			return 0, errTaken
		}
		if len(r.in.buf) > 0 {
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
		select {
		case <-changed:
		case <-r.ctx.Done():
		}
	}
}

// Close takes the lock, so that no Read is between its look at the phase and
// its taking of bytes when Close returns.
func (r *rawInput) Close() error {
	r.in.mu.Lock()
	defer r.in.mu.Unlock()
	r.cancel()
	return nil
}

// take removes n bytes. The caller holds mu.
func (in *Input) take(n int) {
	in.buf = in.buf[n:]
	if len(in.buf) == 0 {
		in.buf = nil
	}
	in.announce()
}

// unread puts back what a screen took and had no time to look at.
func (in *Input) unread(p []byte) {
	if len(p) == 0 {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.buf = append(append([]byte(nil), p...), in.buf...)
	in.announce()
}

// next takes one event off the input: a key, a mouse report, a whole bracketed
// paste, with the bytes it was made of. It never takes a byte that belongs to
// the event after it.
func (in *Input) next(ctx context.Context, dec *uv.EventDecoder) (tea.Msg, []byte, error) {
	for {
		in.mu.Lock()
		if ctx.Err() != nil {
			in.mu.Unlock()
			return nil, nil, errTaken
		}
		expired := in.err != nil || time.Since(in.at) >= escWait
		n, ev := decode(dec, in.buf, expired)
		if n > 0 {
			raw := append([]byte(nil), in.buf[:n]...)
			in.take(n)
			_, starts := ev.(uv.PasteStartEvent)
			in.mu.Unlock()
			if starts {
				msg, err := in.paste(ctx)
				return msg, nil, err // a paste is never put back: it is no typing
			}
			return translate(ev), raw, nil
		}
		err, changed, waiting := in.err, in.changed, len(in.buf) > 0
		in.mu.Unlock()
		if err != nil {
			return nil, nil, err
		}
		if err := waitFor(ctx, changed, waiting); err != nil {
			return nil, nil, err
		}
	}
}

// waitFor waits for a change, or, when half a sequence is pending, until it is
// old enough to be taken for what it is.
func waitFor(ctx context.Context, changed <-chan struct{}, pending bool) error {
	var expiry <-chan time.Time
	if pending {
		t := time.NewTimer(escWait)
		defer t.Stop()
		expiry = t.C
	}
	select {
	case <-changed:
	case <-expiry:
	case <-ctx.Done():
		return errTaken
	}
	return nil
}

// decode finds the first event in buf, or 0 while it may still be incomplete.
func decode(dec *uv.EventDecoder, buf []byte, expired bool) (int, uv.Event) {
	if len(buf) == 0 {
		return 0, nil
	}
	if buf[0] >= utf8.RuneSelf && !utf8.FullRune(buf) && !expired {
		return 0, nil
	}
	n, ev := dec.Decode(buf)
	_, unknown := ev.(uv.UnknownEvent)
	cut := buf[0] == 0x1b && n == len(buf) && (n <= 2 || unknown || ev == nil)
	if (n == 0 || cut) && !expired {
		return 0, nil
	}
	if n == 0 {
		return 1, uv.UnknownEvent(buf[:1])
	}
	return n, ev
}

// pasteEnd closes a bracketed paste (xterm control sequences, mode 2004).
const pasteEnd = "\x1b[201~"

// paste collects the text between the brackets, which is taken as one event so
// that no part of it can pass for typing.
func (in *Input) paste(ctx context.Context) (tea.Msg, error) {
	var text []byte
	for {
		in.mu.Lock()
		if ctx.Err() != nil {
			in.mu.Unlock()
			return nil, errTaken
		}
		chunk, n, ended := cutPaste(in.buf)
		if room := pasteHold - len(text); len(chunk) > room {
			chunk = chunk[:room]
		}
		text = append(text, chunk...)
		if n > 0 {
			in.take(n)
		}
		err, changed := in.err, in.changed
		in.mu.Unlock()
		if ended {
			return tea.PasteMsg{Content: string(text)}, nil
		}
		if err != nil {
			return nil, err
		}
		if err := waitFor(ctx, changed, false); err != nil {
			return nil, err
		}
	}
}

// cutPaste splits off what is certainly text of the paste, with the number of
// bytes to take and whether the closing bracket was among them.
func cutPaste(buf []byte) (text []byte, n int, ended bool) {
	for i := range buf {
		rest := buf[i:]
		if len(rest) >= len(pasteEnd) {
			if string(rest[:len(pasteEnd)]) == pasteEnd {
				return buf[:i], i + len(pasteEnd), true
			}
			continue
		}
		if string(rest) == pasteEnd[:len(rest)] {
			return buf[:i], i, false
		}
	}
	return buf, len(buf), false
}

// translate turns an event of the decoder into the message that Bubble Tea
// would have made of it.
func translate(ev uv.Event) tea.Msg {
	switch e := ev.(type) {
	case uv.KeyPressEvent:
		return tea.KeyPressMsg(e)
	case uv.MouseClickEvent:
		return tea.MouseClickMsg(e)
	case uv.MouseMotionEvent:
		return tea.MouseMotionMsg(e)
	case uv.MouseReleaseEvent:
		return tea.MouseReleaseMsg(e)
	case uv.MouseWheelEvent:
		return tea.MouseWheelMsg(e)
	case uv.FocusEvent:
		return tea.FocusMsg(e)
	case uv.BlurEvent:
		return tea.BlurMsg(e)
	}
	return ev
}
