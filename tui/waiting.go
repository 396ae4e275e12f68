package tui

import (
	"context"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// The phases of a request, as [Wait] tells them.
const (
	PhaseAsking      = "asking"      // on its way to the device
	PhaseQueued      = "queued"      // behind another request
	PhaseShown       = "shown"       // on a surface, nobody has touched it
	PhaseRead        = "read"        // a person is at it
	PhaseUnreachable = "unreachable" // nobody can be reached, still trying
)

// Waiting is the request that [Wait] waits for. All its text must be clean.
type Waiting struct {
	Device       string
	Organisation string
	Reason       string
	Ticket       string
	Capabilities []string
	Actions      map[string]string // what those do that are declared actions, see [Phrases.With]
	Minutes      int
	Began        time.Time // when it was sent; zero: when the screen opens
}

// WaitState tells how far the prompt is.
type WaitState struct {
	Phase   string    // one of the phases
	Surface string    // where it is shown: "resident", "tmux", "window", "console", "terminal", "line"
	Locked  bool      // the screen there is locked
	Ahead   int       // requests before this one
	Until   time.Time // when the asking ends; zero for not known
}

// Wait shows the state of a prompt until states is closed, which is nil, or
// ctx ends, which is its cause. A technician who cancels it makes it
// [ErrLeft]; the caller then withdraws the request.
func Wait(ctx context.Context, t *Terminal, w Waiting, states <-chan WaitState) error {
	if t.Plain() {
		return plainWait(ctx, t, w, states)
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &waitScreen{page: newPage(t), waiting: w, state: WaitState{Phase: PhaseAsking}}
	s.next = func() tea.Msg { return received(inner, states) }
	if err := run(ctx, t, s); err != nil {
		return err
	}
	if s.left {
		return ErrLeft
	}
	return nil
}

// spinEvery is the pace of the spinner.
const spinEvery = 120 * time.Millisecond

type spinMsg struct{}

type waitScreen struct {
	page
	waiting Waiting
	state   WaitState
	frame   int
	left    bool
	decided bool
	next    tea.Cmd
}

func (s *waitScreen) Init() tea.Cmd { return tea.Batch(s.next, spin()) }
func (s *waitScreen) Done() bool    { return s.left || s.decided }
func (s *waitScreen) Title() string {
	return s.ph.Say("TechWaitTitle", "Device", s.waiting.Device)
}

func spin() tea.Cmd {
	return tea.Tick(spinEvery, func(time.Time) tea.Msg { return spinMsg{} })
}

func (s *waitScreen) Update(msg tea.Msg) tea.Cmd {
	s.observe(msg)
	switch msg := msg.(type) {
	case tickMsg:
		if s.waiting.Began.IsZero() {
			s.waiting.Began = s.now
		}
	case spinMsg:
		s.frame++
		return spin()
	case newsMsg[WaitState]:
		if !msg.open {
			s.decided = true
			return nil
		}
		s.state = msg.value
		return s.next
	case tea.KeyPressMsg:
		switch msg.String() {
		case "ctrl+c", "esc":
			s.left = true
		}
	}
	return nil
}

// told says in a sentence how far the prompt is.
func (w WaitState) told(ph *Phrases) string {
	switch w.Phase {
	case PhaseQueued:
		return ph.Say("TechWaitQueued", "Count", max(1, w.Ahead))
	case PhaseShown:
		if w.Locked {
			return ph.Say("TechWaitLocked", "Surface", ph.surface(w.Surface))
		}
		if w.Surface != "" {
			return ph.Say("TechWaitShownOn", "Surface", ph.surface(w.Surface))
		}
		return ph.Say("TechWaitShown")
	case PhaseRead:
		return ph.Say("TechWaitRead")
	case PhaseUnreachable:
		return ph.Say("TechWaitUnreachable")
	}
	return ph.Say("TechWaitAsking")
}

func (s *waitScreen) View() string {
	head := []string{s.spread(styleTitle.Render(s.Title()), styleDim.Render(s.waiting.Organisation)), ""}
	frames := []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
	sign, style := string(frames[s.frame%len(frames)]), styleKey
	if s.state.Phase == PhaseUnreachable {
		style = styleWarn
	}
	var body []string
	for i, line := range s.wrap(s.state.told(s.ph), 2) {
		if i == 0 {
			line = style.Render(sign) + " " + strings.TrimLeft(line, " ")
		}
		body = append(body, line)
	}
	body = append(body, "  "+styleDim.Render(s.times()), "")
	body = append(body, s.request()...)
	return s.compose(head, body, []string{"", s.keys("esc", "TechKeyCancel")}, 0)
}

// times tells the seconds passed and left.
func (s *waitScreen) times() string {
	if s.now.IsZero() || s.waiting.Began.IsZero() {
		return ""
	}
	text := s.ph.Say("TechWaitPassed", "Time", clock(s.now.Sub(s.waiting.Began)))
	if left := s.state.Until.Sub(s.now); !s.state.Until.IsZero() && left > 0 {
		text += " · " + s.ph.Say("TechWaitLeft", "Time", clock(left))
	}
	return text
}

// clock writes a length of time as minutes:seconds, or with hours.
func clock(d time.Duration) string {
	n := max(0, int(d/time.Second))
	if n >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", n/3600, n/60%60, n%60)
	}
	return fmt.Sprintf("%02d:%02d", n/60, n%60)
}

// request shows what was asked, as the person at the device reads it.
func (s *waitScreen) request() []string {
	say := s.ph.Say
	rows := [][2]string{{say("TechReason"), s.waiting.Reason}, {say("TechTicket"), s.waiting.Ticket}}
	for i, c := range s.waiting.Capabilities {
		label := ""
		if i == 0 {
			label = say("TechCapabilities")
		}
		rows = append(rows, [2]string{label, s.ph.With(s.waiting.Actions).Short(c)})
	}
	rows = append(rows, [2]string{say("TechMinutes"), fmt.Sprint(s.waiting.Minutes)})
	return s.facts(rows)
}

// facts writes pairs of a label and a text, which may take several lines. Pairs
// without a text are left out.
func (p *page) facts(rows [][2]string) []string {
	room := 0
	for _, r := range rows {
		room = max(room, ansi.StringWidth(r[0]))
	}
	var lines []string
	for _, r := range rows {
		if r[1] == "" {
			continue
		}
		for i, text := range p.wrap(r[1], room+4) {
			if i == 0 {
				text = "  " + styleDim.Render(toWidth(r[0], room)) + text[room+2:]
			}
			lines = append(lines, text)
		}
	}
	return lines
}

// surface says in words where a prompt is shown.
func (p *Phrases) surface(name string) string {
	switch name {
	case "resident":
		return p.Say("TechSurfaceResident")
	case "tmux":
		return p.Say("TechSurfaceTmux")
	case "window":
		return p.Say("TechSurfaceWindow")
	case "console":
		return p.Say("TechSurfaceConsole")
	case "terminal":
		return p.Say("TechSurfaceTerminal")
	case "ssh":
		return p.Say("TechSurfaceSession")
	case "line":
		return p.Say("TechSurfaceLine")
	}
	return name
}
