package tui

import (
	"context"
	"errors"
	"fmt"
	"sync"
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

// clocked is a screen that must know exactly when things happen: it is told
// before each message. Keys that waited while the terminal was slow come with
// the time they arrived at, which may lie before that of the message before.
type clocked interface{ At(time.Time) }

// run shows s until it is done or ctx ends. Keys are handed over one at a
// time: a key that belongs to the next screen is still in the Input when this
// one is done, also when it was not a key that ended it.
func run(ctx context.Context, t *Terminal, s screen) error {
	outer := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	size, resized := t.Window.Size()
	// Without a terminal of its own Bubble Tea asks it nothing, so no reply
	// can arrive later and be taken for typing.
	p := tea.NewProgram(&program{screen: s, size: tea.WindowSizeMsg{Width: size.Width, Height: size.Height}},
		tea.WithContext(ctx), tea.WithInput(nil), tea.WithOutput(rawOutput{t.Out}),
		tea.WithEnvironment(t.Env), tea.WithColorProfile(t.profile()),
		tea.WithWindowSize(size.Width, size.Height),
		tea.WithoutSignalHandler())
	f := feeder{terminal: t, program: p}
	var helpers sync.WaitGroup
	helpers.Go(func() { f.run(ctx) })
	helpers.Go(func() { watch(ctx, t.Window, resized, p) })
	helpers.Go(func() { tick(ctx, p) })
	helpers.Go(func() { t.Banner.follow(ctx, p.Send) })
	_, err := p.Run()
	cancel()
	helpers.Wait()
	if f.last != nil && !f.last.used {
		t.In.unread(f.last.event)
	}
	switch {
	case errors.Is(err, tea.ErrProgramPanic):
		return fmt.Errorf("a screen crashed: %w", err)
	case s.Done():
		return nil
	case err != nil && !errors.Is(err, tea.ErrProgramKilled):
		return fmt.Errorf("show a screen: %w", err)
	}
	return leftBy(outer, f.err)
}

// feeder hands the program one event at a time and waits until it was dealt
// with. Its fields may be read once run has returned and the program has ended.
type feeder struct {
	terminal *Terminal
	program  *tea.Program
	last     *inputMsg
	err      error
}

func (f *feeder) run(ctx context.Context) {
	var dec uv.EventDecoder
	for {
		ev, err := f.terminal.In.next(ctx, &dec)
		if err != nil {
			f.err = err
			f.program.Send(quitMsg{})
			return
		}
		f.last = &inputMsg{event: ev, dealt: make(chan struct{})}
		f.program.Send(f.last)
		select {
		case <-f.last.dealt:
		case <-ctx.Done():
			return
		}
	}
}

// tick tells the time at once and then once a second.
func tick(ctx context.Context, p *tea.Program) {
	every := time.NewTicker(time.Second)
	defer every.Stop()
	now := time.Now()
	for {
		p.Send(tickMsg(now))
		select {
		case now = <-every.C:
		case <-ctx.Done():
			return
		}
	}
}

func watch(ctx context.Context, w *Window, changed <-chan struct{}, p *tea.Program) {
	for {
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
		var now Size
		now, changed = w.Size()
		p.Send(tea.WindowSizeMsg{Width: now.Width, Height: now.Height})
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
		event
		used  bool          // the screen has seen it; written by the program
		dealt chan struct{} // closed when the next event may come
	}
	quitMsg struct{}
)

// program is the only tea.Model: it drives a screen.
type program struct {
	screen screen
	banner string
	size   tea.WindowSizeMsg // of the whole window
}

func (m *program) Init() tea.Cmd { return m.screen.Init() }

func (m *program) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	// Between the end of a screen and the end of the program more may come:
	// it is no business of this screen, and a key is given back.
	if m.screen.Done() {
		return m, tea.Quit
	}
	var cmd tea.Cmd
	switch msg := msg.(type) {
	case quitMsg:
		return m, tea.Quit
	case *inputMsg:
		msg.used = true
		m.at(msg.at)
		cmd = m.screen.Update(msg.msg)
		if !m.screen.Done() {
			close(msg.dealt) // else the feeder takes no further key
		}
	case bannerMsg:
		m.banner = msg.text
		cmd = m.screen.Update(m.bannered(m.size))
		if msg.ring {
			cmd = tea.Batch(cmd, tea.Raw("\a"))
		}
	case tea.WindowSizeMsg:
		m.at(time.Now())
		cmd = m.screen.Update(m.bannered(msg))
	default:
		m.at(time.Now())
		cmd = m.screen.Update(msg)
	}
	if m.screen.Done() {
		return m, tea.Quit
	}
	return m, cmd
}

func (m *program) at(t time.Time) {
	if s, ok := m.screen.(clocked); ok {
		s.At(t)
	}
}

func (m *program) View() tea.View {
	v := tea.NewView(m.underBanner(m.screen.View()))
	v.AltScreen = true
	if s, ok := m.screen.(titled); ok {
		v.WindowTitle = s.Title()
	}
	return v
}
