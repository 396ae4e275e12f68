package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"
)

// Work is what a technician can do in a visit.
type Work int

// The kinds of work.
const (
	WorkShell Work = iota
	WorkScreen
)

// PickWork asks what comes next in a visit to a device whose shell and screen
// are both granted: [ErrBack] ends the visit, Ctrl-C and a lost terminal are
// [ErrLeft].
func PickWork(ctx context.Context, t *Terminal, device string) (Work, error) {
	if t.Plain() {
		return plainWork(ctx, t, device)
	}
	s := &workScreen{page: newPage(t), device: device}
	if err := run(ctx, t, s); err != nil {
		return 0, err
	}
	return s.work, s.err
}

type workScreen struct {
	page
	device string
	at     int // the row of the cursor
	work   Work
	err    error
	done   bool
}

// workRow is one row of the menu.
type workRow struct{ key, text string }

func workRows() []workRow {
	return []workRow{{"1", "WorkShell"}, {"2", "WorkScreen"}, {"q", "WorkEnd"}}
}

func (s *workScreen) Init() tea.Cmd { return nil }
func (s *workScreen) Done() bool    { return s.done }

func (s *workScreen) Update(msg tea.Msg) tea.Cmd {
	s.observe(msg)
	key, ok := msg.(tea.KeyPressMsg)
	if !ok {
		return nil
	}
	switch key.String() {
	case "up", "ctrl+p":
		s.at = max(s.at-1, 0)
	case "down", "ctrl+n":
		s.at = min(s.at+1, len(workRows())-1)
	case "enter":
		s.choose(workRows()[s.at].key)
	case "ctrl+c":
		s.done, s.err = true, ErrLeft
	default:
		s.choose(key.String())
	}
	return nil
}

// choose takes the row of a key; other keys do nothing.
func (s *workScreen) choose(key string) {
	switch key {
	case "1":
		s.done, s.work = true, WorkShell
	case "2":
		s.done, s.work = true, WorkScreen
	case "q":
		s.done, s.err = true, ErrBack
	}
}

func (s *workScreen) View() string {
	body := append(s.wrap(s.ph.Say("WorkAsk"), 0), "")
	for i, r := range workRows() {
		mark := "  "
		if i == s.at {
			mark = "› "
		}
		body = append(body, mark+styleKey.Render(r.key)+"  "+s.ph.Say(r.text))
	}
	return s.compose([]string{styleTitle.Render(s.ph.Say("WorkTitle", "Device", s.device)), ""}, body, []string{"", styleDim.Render(s.ph.Say("WorkBack"))}, 0)
}

func plainWork(ctx context.Context, t *Terminal, device string) (Work, error) {
	l := t.lines(PhrasesFor(t.Locale()))
	l.say(l.ph.Say("WorkTitle", "Device", device))
	at, err := l.choose(ctx, l.ph.Say("WorkAsk"), []string{l.ph.Say("WorkShell"), l.ph.Say("WorkScreen"), l.ph.Say("WorkEnd")})
	switch {
	case err != nil:
		return 0, err
	case at == 2:
		return 0, ErrBack
	}
	return []Work{WorkShell, WorkScreen}[at], nil
}
