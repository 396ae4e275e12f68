package tui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	uv "github.com/charmbracelet/ultraviolet"
)

// ErrLeft is returned by every screen that its reader left without an answer:
// Ctrl-C, a closed window, an ended connection. It is never a yes.
var ErrLeft = errors.New("the screen was left without an answer")

// screen is one question. Update does no I/O and knows no clock: time comes in
// as [tickMsg], keys as [tea.KeyPressMsg], sizes as [tea.WindowSizeMsg].
type screen interface {
	Init() tea.Cmd
	Update(tea.Msg) tea.Cmd
	// View draws the whole screen for the size last told.
	View() string
	// Done reports that the question has its answer. It is looked at after
	// each key, before the next one is taken from the terminal.
	Done() bool
}

// tickMsg tells a screen the time, once a second.
type tickMsg time.Time

// titled is a screen that also sets the terminal's title. The text must be
// clean.
type titled interface{ Title() string }

// run shows s until it is done or ctx ends. Keys are handed over one at a
// time: a key that belongs to the next screen is still in the Input when this
// one is done.
func run(ctx context.Context, t *Terminal, s screen) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	size, _ := t.Window.Size()
	p := tea.NewProgram(&program{screen: s, time: time.Now()},
		tea.WithContext(ctx), tea.WithInput(nil), tea.WithOutput(t.Out),
		tea.WithEnvironment(t.Env), tea.WithColorProfile(t.profile()),
		tea.WithWindowSize(size.Width, size.Height),
		tea.WithoutSignalHandler())
	// Without a terminal of its own Bubble Tea asks it nothing, so no reply
	// can arrive later and be taken for typing.
	f := feeder{terminal: t, program: p, done: make(chan struct{})}
	go f.run(ctx)
	resized := make(chan struct{})
	go func() { defer close(resized); watch(ctx, t.Window, p) }()
	_, err := p.Run()
	ended := ctx.Err()
	cancel()
	<-f.done
	<-resized
	if f.last != nil && !f.last.used {
		t.In.unread(f.last.raw)
	}
	if err != nil && ended == nil && !errors.Is(err, tea.ErrProgramKilled) {
		return fmt.Errorf("show a screen: %w", err)
	}
	switch {
	case s.Done():
		return nil
	case ended != nil:
		return context.Cause(ctx)
	case f.err == nil, errors.Is(f.err, io.EOF), errors.Is(f.err, errTaken):
		return ErrLeft
	}
	return fmt.Errorf("%w: %w", ErrLeft, f.err)
}

// feeder hands the program one event at a time and waits until it was dealt
// with. Its fields may be read once done is closed and the program has ended.
type feeder struct {
	terminal *Terminal
	program  *tea.Program
	done     chan struct{}
	last     *inputMsg
	err      error
}

func (f *feeder) run(ctx context.Context) {
	defer close(f.done)
	var dec uv.EventDecoder
	for {
		msg, raw, err := f.terminal.In.next(ctx, &dec)
		if err != nil {
			f.err = err
			f.program.Send(quitMsg{})
			return
		}
		f.last = &inputMsg{msg: msg, raw: raw, dealt: make(chan struct{})}
		f.program.Send(f.last)
		select {
		case <-f.last.dealt:
		case <-ctx.Done():
			return
		}
	}
}

func watch(ctx context.Context, w *Window, p *tea.Program) {
	was, changed := w.Size()
	for {
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
		var now Size
		if now, changed = w.Size(); now != was {
			was = now
			p.Send(tea.WindowSizeMsg{Width: now.Width, Height: now.Height})
		}
	}
}

// profile is how many colours the person's terminal shows.
func (t *Terminal) profile() colorprofile.Profile {
	if t.getenv("NO_COLOR") != "" {
		return colorprofile.ASCII
	}
	return colorprofile.Env(t.Env)
}

type (
	inputMsg struct {
		msg   tea.Msg
		raw   []byte
		used  bool          // the screen has seen it; written by the program
		dealt chan struct{} // closed when the next event may come
	}
	quitMsg struct{}
)

// program is the only tea.Model: it drives a screen.
type program struct {
	screen screen
	time   time.Time
}

func (m *program) Init() tea.Cmd {
	return tea.Batch(m.screen.Init(), func() tea.Msg { return tickMsg(m.time) })
}

func (m *program) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var cmd tea.Cmd
	switch msg := msg.(type) {
	case quitMsg:
		return m, tea.Quit
	case *inputMsg:
		msg.used = true
		cmd = m.screen.Update(msg.msg)
		if m.screen.Done() {
			// The feeder is not told, so it takes no further key.
			return m, tea.Quit
		}
		close(msg.dealt)
	case tickMsg:
		cmd = tea.Batch(m.screen.Update(msg), tea.Tick(time.Second, func(t time.Time) tea.Msg { return tickMsg(t) }))
	default:
		cmd = m.screen.Update(msg)
	}
	if m.screen.Done() {
		return m, tea.Quit
	}
	return m, cmd
}

func (m *program) View() tea.View {
	v := tea.NewView(m.screen.View())
	v.AltScreen = true
	if s, ok := m.screen.(titled); ok {
		v.WindowTitle = s.Title()
	}
	return v
}
