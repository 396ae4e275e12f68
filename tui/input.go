package tui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"time"

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
	// pasteWait is how long a bracketed paste may fall silent before it counts
	// as ended: a terminal that never closes it must not lock the keyboard.
	pasteWait = 2 * time.Second
	// markEvery is how exactly the arrival of bytes is known.
	markEvery = 10 * time.Millisecond
)

// Brackets of a paste (xterm control sequences, mode 2004).
const (
	pasteStart = "\x1b[200~"
	pasteEnd   = "\x1b[201~"
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
	taken   int64         // bytes before buf[0], since the beginning
	marks   []arrival     // when the bytes of buf arrived, oldest first
	// pasting means that buf begins inside a paste whose beginning is gone:
	// what follows, up to the closing bracket, is no typing and is dropped.
	pasting bool
	relay   io.Writer // takes what arrives, in place of buf; nil for none
	passing bool      // the relay is being written to, with mu free
	refused error     // why the relay takes no more
	closed  bool      // nobody reads any more
}

// arrival says when the bytes before offset end, and after the mark before it,
// arrived.
type arrival struct {
	end int64
	at  time.Time
}

// event is a key, a mouse report or a whole bracketed paste, with the bytes it
// was made of and the time the last of them arrived.
type event struct {
	msg tea.Msg
	raw []byte
	at  time.Time
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
		if !in.pass(chunk[:n]) || err != nil {
			in.err = err
			in.announce()
		}
		for err == nil && len(in.buf) >= inputHold && !in.closed {
			changed := in.changed
			in.mu.Unlock()
			<-changed
			in.mu.Lock()
		}
		over := err != nil || in.closed
		in.mu.Unlock()
		if over {
			return
		}
	}
}

// Close ends the reading when the owner has closed what is read: typing that
// nobody took would keep it waiting for ever.
func (in *Input) Close() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closed = true
	in.announce()
}

// pass hands bytes to the relay, or keeps them where there is none and reports
// false. The caller holds mu.
func (in *Input) pass(p []byte) bool {
	if in.relay == nil || len(p) == 0 {
		in.arrive(p, time.Now())
		return false
	}
	in.at, in.passing = time.Now(), true
	relay := in.relay
	in.mu.Unlock()
	_, err := relay.Write(p)
	in.mu.Lock()
	in.passing = false
	if err != nil {
		in.refused, in.relay = err, nil
	}
	if in.relay == nil {
		in.announce()
	}
	return true
}

// arrive appends bytes that were read at now. The caller holds mu.
func (in *Input) arrive(p []byte, now time.Time) {
	if len(p) == 0 {
		return
	}
	in.buf = append(in.buf, p...)
	in.at = now
	end := in.taken + int64(len(in.buf))
	if n := len(in.marks); n > 0 && now.Sub(in.marks[n-1].at) < markEvery {
		in.marks[n-1].end = end
		return
	}
	in.marks = append(in.marks, arrival{end, now})
}

// announce wakes all who wait. The caller holds mu.
func (in *Input) announce() {
	close(in.changed)
	in.changed = make(chan struct{})
}

// Discard throws away what was typed and not yet read, as TCIFLUSH does. The
// rest of a paste that is under way goes with it.
func (in *Input) Discard() {
	in.mu.Lock()
	defer in.mu.Unlock()
	starts := bytes.LastIndex(in.buf, []byte(pasteStart))
	ends := bytes.LastIndex(in.buf, []byte(pasteEnd))
	in.pasting = starts > ends || in.pasting && ends < 0
	in.take(len(in.buf))
}

// take removes n bytes and returns when the last of them arrived. The caller
// holds mu.
func (in *Input) take(n int) (at time.Time) {
	in.buf = in.buf[n:]
	in.taken += int64(n)
	at = in.at
	if len(in.marks) > 0 {
		at = in.marks[0].at
	}
	for len(in.marks) > 0 && in.marks[0].end < in.taken {
		in.marks = in.marks[1:]
		at = in.marks[0].at
	}
	if len(in.buf) == 0 {
		in.buf, in.marks = nil, nil
	}
	in.announce()
	return at
}

// unread puts back what a screen took and had no time to look at.
func (in *Input) unread(ev event) {
	if len(ev.raw) == 0 {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.buf = append(append([]byte(nil), ev.raw...), in.buf...)
	in.marks = append([]arrival{{in.taken, ev.at}}, in.marks...)
	in.taken -= int64(len(ev.raw))
	in.announce()
}

// next takes one event off the input. It never takes a byte that belongs to
// the event after it.
func (in *Input) next(ctx context.Context, dec *uv.EventDecoder) (event, error) {
	for {
		in.mu.Lock()
		if ctx.Err() != nil {
			in.mu.Unlock()
			return event{}, errTaken
		}
		ev, wait := in.find(dec)
		err, changed := in.err, in.changed
		in.mu.Unlock()
		if ev.msg != nil {
			return ev, nil
		}
		if err != nil {
			return event{}, err
		}
		if err := waitFor(ctx, changed, wait); err != nil {
			return event{}, err
		}
	}
}

// find takes the first event off buf. Where it may still be incomplete there
// is none, and wait is how long to wait for the rest of it (0: for ever). The
// caller holds mu.
func (in *Input) find(dec *uv.EventDecoder) (ev event, wait time.Duration) {
	if wait := in.dropPaste(); wait > 0 || len(in.buf) == 0 {
		return event{}, wait
	}
	if bytes.HasPrefix(in.buf, []byte(pasteStart)) {
		return in.paste()
	}
	silent := time.Since(in.at)
	rest := escWait
	if unfinished(in.buf) {
		rest = answerWait
	}
	n, found := decode(dec, in.buf, in.err != nil || silent >= rest)
	if n == 0 {
		return event{}, max(rest-silent, time.Millisecond)
	}
	raw := append([]byte(nil), in.buf[:n]...)
	if found == nil {
		found = uv.UnknownEvent(raw)
	}
	return event{translate(found), raw, in.take(n)}, 0
}

// dropPaste drops what is left of a paste whose beginning is gone. The caller
// holds mu. While wait is not 0 the paste goes on.
func (in *Input) dropPaste() (wait time.Duration) {
	if !in.pasting {
		return 0
	}
	silent := time.Since(in.at)
	n := bytes.Index(in.buf, []byte(pasteEnd))
	switch {
	case n >= 0:
		in.take(n + len(pasteEnd))
	case in.err == nil && silent < pasteWait:
		if drop := len(in.buf) - partialEnd(in.buf); drop > 0 {
			in.take(drop)
		}
		return pasteWait - silent
	}
	in.pasting = false
	return 0
}

// partialEnd is how many bytes at the end of buf may begin the closing bracket
// of a paste.
func partialEnd(buf []byte) int {
	for n := min(len(pasteEnd)-1, len(buf)); n > 0; n-- {
		if bytes.HasSuffix(buf, []byte(pasteEnd[:n])) {
			return n
		}
	}
	return 0
}

// waitFor waits for a change, at most for limit where that is not 0.
func waitFor(ctx context.Context, changed <-chan struct{}, limit time.Duration) error {
	var expiry <-chan time.Time
	if limit > 0 {
		t := time.NewTimer(limit)
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
