package tui

import (
	"context"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
)

// The states of a [RecordingLine].
const (
	RecordingRunning     = "running"
	RecordingSealed      = "sealed"
	RecordingInterrupted = "interrupted"
	RecordingBroken      = "broken"
)

// RecordingLine is one recording in the list. All its text must be clean.
type RecordingLine struct {
	Visit      string
	Began      time.Time
	Technician string
	Device     string
	Length     time.Duration
	State      string
}

// RecordingList is what [Recordings] shows, in the order given.
type RecordingList struct {
	Recordings []RecordingLine
	Filter     string
	Cursor     string // the visit to start on
	Notice     string
}

// Recordings shows the list until one is picked and returns the id of its
// visit. Left with Ctrl-C, or with Escape at an empty filter, it returns
// [ErrLeft].
func Recordings(ctx context.Context, t *Terminal, list RecordingList) (string, error) {
	if t.Plain() {
		return plainRecordings(ctx, t, list)
	}
	s := newRecordingScreen(newPage(t), list)
	if err := run(ctx, t, s); err != nil {
		return "", err
	}
	if s.left {
		return "", ErrLeft
	}
	return s.picked, nil
}

type recordingScreen struct {
	page
	picker
	notice string
	help   bool
	picked string
	left   bool
}

func newRecordingScreen(p page, list RecordingList) *recordingScreen {
	say := p.ph.Say
	s := &recordingScreen{page: p, notice: list.Notice}
	s.picker = newPicker(list.Filter, list.Cursor,
		pickColumn{title: say("TechColumnWhen")},
		pickColumn{title: say("TechColumnTechnician"), from: 50},
		pickColumn{title: say("TechColumnDevice")},
		pickColumn{title: say("TechColumnLength"), from: 60},
		pickColumn{title: say("TechColumnState"), from: 76, signed: true},
		pickColumn{title: say("TechVisit"), from: 100})
	var rows []pickRow
	for _, r := range list.Recordings {
		rows = append(rows, r.row(p.ph))
	}
	s.set(rows)
	return s
}

func (r RecordingLine) row(ph *Phrases) pickRow {
	cells := []string{r.Began.Format("2006-01-02 15:04"), r.Technician, r.Device, clock(r.Length), r.state(ph), r.Visit}
	row := pickRow{id: r.Visit, cells: cells, words: strings.ToLower(strings.Join(cells, " ")), sign: styleDim}
	switch r.State {
	case RecordingRunning:
		row.sign = styleGood
	case RecordingInterrupted:
		row.sign = styleWarn
	case RecordingBroken:
		row.sign = styleBad
	}
	return row
}

func (r RecordingLine) state(ph *Phrases) string {
	switch r.State {
	case RecordingRunning:
		return "● " + ph.Say("TechRecordingRunning")
	case RecordingInterrupted:
		return "◐ " + ph.Say("TechRecordingInterrupted")
	case RecordingBroken:
		return "✕ " + ph.Say("TechRecordingBroken")
	}
	return "✓ " + ph.Say("TechRecordingSealed")
}

func (s *recordingScreen) Init() tea.Cmd { return nil }
func (s *recordingScreen) Done() bool    { return s.left || s.picked != "" }
func (s *recordingScreen) Title() string { return s.ph.Say("TechRecordingsTitle") }

func (s *recordingScreen) Update(msg tea.Msg) tea.Cmd {
	s.observe(msg)
	switch msg := msg.(type) {
	case tea.PasteMsg:
		s.typed(msg)
	case tea.KeyPressMsg:
		s.press(msg)
	}
	return nil
}

func (s *recordingScreen) press(msg tea.KeyPressMsg) {
	s.notice = ""
	switch key := msg.String(); {
	case key == "ctrl+c":
		s.left = true
	case s.help:
		s.help = false
	case key == "?" && s.filter.Value() == "":
		s.help = true
	case key == "enter", key == "ctrl+j":
		s.picked = s.current().id
	case s.key(msg, max(s.height-8, 3)):
	case key == "esc":
		s.left = true
	}
}

func (s *recordingScreen) View() string {
	if s.help {
		return s.helpPage(s.Title(), "TechRecordingsHelp")
	}
	head := []string{
		s.spread(styleTitle.Render(s.Title()), styleDim.Render(s.ph.Say("TechCount", "Shown", len(s.shown), "All", len(s.rows)))),
		"", s.filterView(&s.page), "",
	}
	if s.notice != "" {
		head = append(head, styleWarn.Render(s.notice), "")
	}
	header, body := s.table(s.inner(), s.width)
	switch {
	case len(s.rows) == 0:
		body = s.wrap(s.ph.Say("TechNoRecordings"), 2)
	case len(body) == 0:
		body = s.wrap(s.ph.Say("TechNoMatch"), 2)
	default:
		head = append(head, header)
	}
	foot := []string{"", s.keys("↑↓", "TechKeyMove", "enter", "TechKeyPlay", "?", "TechKeyHelp", "ctrl+c", "TechKeyLeave", "esc", "TechKeyClear")}
	return s.compose(head, body, foot, s.at)
}
