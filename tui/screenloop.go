package tui

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"
	uv "github.com/charmbracelet/ultraviolet"

	"accord/recordings/rfb"
	"accord/tui/picture"
)

const (
	// screenPoll is how often is looked at what others decide.
	screenPoll = 250 * time.Millisecond
	// leaveWait is how long the terminal's last answers are waited for, so that
	// what it reported meanwhile is not typed into what comes next.
	leaveWait = time.Second
)

// run draws and listens until it is over, and leaves the terminal as it was.
func (m *screenModel) run(ctx context.Context, t *Terminal) (err error) {
	keys := readKeys(ctx, t.In)
	out := newDrain(t.Out, m.able.fences)
	if m.able.Way == picture.Sixel {
		out.every = sixelEvery
	}
	failed := false
	defer func() {
		m.letGo()
		left := keys.close()
		if sent := m.leave(t, out, left, failed); sent != nil && ctx.Err() == nil {
			err = sent
		}
	}()
	out.start(m.enter(), time.Now())
	view := m.s.Screen.View()
	defer view.Close()
	size, resized := t.Window.Size()
	m.width, m.height = size.Width, size.Height
	every := time.NewTicker(m.pollEvery())
	defer every.Stop()
	for m.end == nil {
		select {
		case ev, open := <-keys.events:
			if !open {
				return leftBy(ctx, keys.err)
			}
			m.handle(ev.msg, ev.at)
			m.measure(t.cell(m.able.answers))
			out.answered(m.able.fences, time.Now())
		case err := <-out.done:
			if failed = err != nil; failed {
				return fmt.Errorf("%w: %w", ErrLeft, err)
			}
			out.written(time.Now())
		case now := <-every.C:
			m.tick(t.Banner, out, now)
		case <-resized:
			size, resized = t.Window.Size()
			m.width, m.height = size.Width, size.Height
			m.measure(t.cell(m.able.answers))
			m.chrome.first = append(m.chrome.first, askSize...)
		case f := <-m.deck.findings():
			m.deck.take(f)
		case <-view.News():
		case <-m.next(view, out): // draws first, each time that select is reached
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return m.end
}

// pollEvery is how often is looked at what others decide, or at what plays.
func (m *screenModel) pollEvery() time.Duration {
	if m.deck != nil {
		return pace
	}
	return screenPoll
}

// next starts to draw what there is, if it may, and tells when it may again.
func (m *screenModel) next(view *rfb.View, out *drain) <-chan time.Time {
	wait := out.wait(time.Now())
	if wait > 0 && wait < never {
		return time.After(wait)
	}
	if wait == 0 {
		if p := m.draw(view, out.budget); len(p) > 0 {
			out.start(p, time.Now())
		}
	}
	return nil // a message comes first
}

// tick looks at what changes without a message.
func (m *screenModel) tick(b *Banner, out *drain, now time.Time) {
	m.poll(b)
	if m.deck != nil {
		m.deck.tick(now)
	}
	if m.local && !m.repeats.IsZero() && now.After(m.repeats) {
		m.local = false
	}
	m.rate = out.rate(now, m.rate)
}

// enter is what the terminal gets first.
func (m *screenModel) enter() []byte {
	seq := screenEnter + m.modes()
	if m.able.keyboard {
		seq += keyboardEnter
	}
	if m.able.sixel {
		seq += privatePalette
	}
	return []byte(seq)
}

// draw is what brings the terminal up to date, or a part of that.
func (m *screenModel) draw(view *rfb.View, budget int) []byte {
	m.look(view)
	place := m.painter.Place()
	now := layout{m.width, m.height, m.room(), place.Cells, place.Cell, m.help}
	out := m.chrome.first
	m.chrome.first = nil
	if now != m.chrome.layout {
		m.chrome.layout, m.chrome.shown = now, nil
		out = append(m.painter.Erase(out), "\x1b[m\x1b[2J"...)
	}
	out = m.text(out)
	if !now.room.Empty() {
		out, _ = m.painter.Paint(out, budget)
	}
	if len(out) == 0 {
		return nil
	}
	return slices.Concat([]byte(frameBegin), out, []byte(frameEnd))
}

// text appends the rows of text that have changed.
func (m *screenModel) text(dst []byte) []byte {
	rows := m.rows()
	for y := range m.height {
		if row, was := rows[y], m.chrome.shown[y]; row != was {
			// Erased before: after the last column that would take the last character.
			dst = fmt.Appendf(dst, "\x1b[%d;1H\x1b[m\x1b[K%s\x1b[m", y+1, row)
		}
	}
	m.chrome.shown = maps.Clone(rows)
	return dst
}

// leave gives the terminal back. What was typed and not dealt with is read by
// whoever comes next.
func (m *screenModel) leave(t *Terminal, out *drain, left []event, failed bool) error {
	if failed {
		close(out.todo)
		return nil
	}
	seq := m.painter.Erase(nil)
	if m.able.keyboard {
		seq = append(seq, keyboardLeave...) // before the screen: each of the two has a stack of its own
	}
	seq = append(seq, screenLeave...)
	if out.fenced {
		seq = append(seq, askFence...)
	}
	err := out.close(seq)
	if err == nil && out.fenced {
		late, _ := t.answered(context.Background(), &m.able.answers, out.asked+1, leaveWait)
		left = append(left, late...)
	}
	for _, ev := range slices.Backward(left) {
		if ev.raw = m.plain(ev); len(ev.raw) > 0 {
			t.In.unread(ev)
		}
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrLeft, err)
	}
	return nil
}

// plain is a key in the form that it has without the keyboard protocol. Releases,
// the mouse and answers are nothing.
func (m *screenModel) plain(ev event) []byte {
	switch msg := ev.msg.(type) {
	case tea.PasteMsg:
		return ev.raw
	case tea.KeyPressMsg:
		if m.able.keyboard {
			return encodeKey(msg, false)
		}
		return ev.raw
	}
	return nil
}

// keyReader takes events off an input, one at a time.
type keyReader struct {
	events chan event
	cancel context.CancelFunc
	done   chan struct{}
	err    error   // why there is no more; read it once events is closed
	last   []event // what was taken and not handed over
}

func readKeys(ctx context.Context, in *Input) *keyReader {
	ctx, cancel := context.WithCancel(ctx)
	r := &keyReader{events: make(chan event), cancel: cancel, done: make(chan struct{})}
	go r.run(ctx, in)
	return r
}

func (r *keyReader) run(ctx context.Context, in *Input) {
	defer close(r.done)
	defer close(r.events)
	var dec uv.EventDecoder
	for {
		ev, err := in.next(ctx, &dec)
		if err != nil {
			r.err = err
			return
		}
		select {
		case r.events <- ev:
		case <-ctx.Done():
			r.last = []event{ev}
			return
		}
	}
}

// close ends it and returns what nobody has dealt with.
func (r *keyReader) close() []event {
	r.cancel()
	<-r.done
	return r.last
}
