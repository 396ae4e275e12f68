package tui

import (
	"context"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// AgentAway is shown in place of [Resident] while no agent runs, until ctx ends, which
// is its cause, or its user leaves it ([ErrLeft]).
func AgentAway(ctx context.Context, t *Terminal) error {
	if t.Plain() {
		l := t.lines(PhrasesFor(t.Locale()))
		l.say(l.ph.Say("AgentAway") + " " + l.ph.Say("PlainAgentAway"))
		for {
			var line typedLine
			if err := l.read(ctx, &line); err != nil || strings.TrimSpace(line.text) == "q" {
				return leftBy(ctx, err)
			}
		}
	}
	s := &awayScreen{page: newPage(t)}
	if err := run(ctx, t, s); err != nil {
		return err
	}
	return ErrLeft
}

type awayScreen struct {
	page
	left bool
}

func (s *awayScreen) Init() tea.Cmd { return nil }
func (s *awayScreen) Done() bool    { return s.left }

func (s *awayScreen) Update(msg tea.Msg) tea.Cmd {
	s.observe(msg)
	if key, ok := msg.(tea.KeyPressMsg); ok {
		switch key.String() {
		case "q", "esc", "ctrl+c":
			s.left = true
		}
	}
	return nil
}

func (s *awayScreen) View() string {
	body := append([]string{}, s.wrap(s.ph.Say("AgentAway"), 0)...)
	return s.compose([]string{styleTitle.Render("Accord"), ""}, body, []string{"", s.keys("q", "KeyQuit")}, 0)
}
