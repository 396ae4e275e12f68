package tui

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// Tail is one shell that is still being recorded, read once from its start. One
// goroutine uses it.
type Tail interface {
	Header() (width, height int, title string)
	// Next reads the next event. io.EOF means that there is none now; any other
	// error says, in a sentence, why what follows can't be read. An Event's Data
	// is valid until the next call.
	Next() (Event, error)
	// Wait waits after an io.EOF until there may be more; io.EOF: nothing will
	// come any more.
	Wait(ctx context.Context) error
	Close()
}

// live is the screen of a shell as it is now. A goroutine of its own feeds the
// emulator, so that the picture is of the present however slowly it is drawn:
// a watcher who is left behind sees the next picture, not the ones between.
// What it takes in memory is one screen.
type live struct {
	cancel  context.CancelFunc
	done    chan struct{}
	changed chan struct{} // holds one token while a picture is due; closed at the end

	mu     sync.Mutex
	em     *emulation
	met    bool // all that there was has been read once
	behind bool // what there is has not been read for a while
	ended  bool // nothing will come any more
	broken error
}

// sight is what a screen gets of a live shell.
type sight struct {
	of      *live
	frame   *frame // nil while the beginning is being read
	behind  bool
	ended   bool
	broken  bool
	cursor  bool // the program wants the other sequences of the cursor keys
	bracket bool // and pastes with brackets
}

// follow starts to follow a shell and closes it when done. The caller closes
// what it gets.
func follow(t Tail) *live {
	ctx, cancel := context.WithCancel(context.Background())
	width, height, _ := t.Header()
	l := &live{cancel: cancel, done: make(chan struct{}), changed: make(chan struct{}, 1), em: newEmulation(width, height)}
	go func() {
		defer close(l.done)
		defer t.Close()
		l.run(ctx, t)
	}()
	return l
}

// close ends the following.
func (l *live) close() {
	l.cancel()
	<-l.done
}

// lagAfter is how long a watcher may be reading what is old before that is said.
const lagAfter = 300 * time.Millisecond

// run feeds what comes, without waiting for anybody but the shell.
func (l *live) run(ctx context.Context, t Tail) {
	defer close(l.changed)
	busy := time.Now()
	for ctx.Err() == nil {
		ev, err := t.Next()
		switch {
		case errors.Is(err, io.EOF):
			l.note(func() { l.met, l.behind = true, false })
			if err = t.Wait(ctx); err != nil {
				l.finish(err)
				return
			}
			busy = time.Now()
			continue
		case err == nil:
			err = l.feed(ctx, ev)
		}
		if err != nil {
			l.finish(err)
			return
		}
		if late := time.Since(busy) > lagAfter; late || l.met {
			l.note(func() { l.behind = late })
		}
	}
	l.finish(ctx.Err())
}

// note changes the state and says that a picture is due.
func (l *live) note(change func()) {
	l.mu.Lock()
	change()
	l.mu.Unlock()
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// finish says that nothing more is shown.
func (l *live) finish(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.met, l.ended = true, true
	if !errors.Is(err, io.EOF) && !errors.Is(err, context.Canceled) {
		l.broken = err
	}
}

// feed gives an event to the emulator, in pieces, so that a picture need not
// wait for all of it.
func (l *live) feed(ctx context.Context, ev Event) error {
	if ev.Kind == EventResize {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.em.resize(ev.Width, ev.Height)
	}
	if ev.Kind != EventOutput {
		return nil
	}
	for data := ev.Data; len(data) > 0 && ctx.Err() == nil; {
		n := min(len(data), writeAtOnce)
		l.mu.Lock()
		err := l.em.write(data[:n])
		l.mu.Unlock()
		if err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// look takes the picture as it is now.
func (l *live) look() sight {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := sight{of: l, behind: l.behind || !l.met, ended: l.ended, broken: l.broken != nil}
	if l.met {
		s.frame = l.em.frame()
		s.cursor, s.bracket = l.em.modes[ansi.ModeCursorKeys], l.em.modes[ansi.ModeBracketedPaste]
	}
	return s
}

// next waits for a change, but not for longer than the screen that asks, and
// not more often than a picture is worth. Nil is the end of the screen.
func (l *live) next(ctx context.Context) *sight {
	select {
	case <-l.changed:
	case <-ctx.Done():
		return nil
	}
	timer := time.NewTimer(frameEvery)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.done:
	case <-ctx.Done():
		return nil
	}
	s := l.look()
	return &s
}
