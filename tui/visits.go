package tui

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
)

// VisitLine is a visit that is asked for or open. All its text must be clean.
type VisitLine struct {
	Visit      string
	Open       bool
	Technician string
	Device     string
	Reason     string
	Ticket     string
	Until      time.Time // of an open one
	Watchers   []Watcher
	Paused     bool
	Held       bool // it waits for somebody to watch
}

// VisitList is what [Visits] shows, in the order given.
type VisitList struct {
	Visits []VisitLine
	// Updates brings whole new lists while the screen is open; nil for none.
	Updates          <-chan []VisitLine
	Filter, Cursor   string
	Notice           string
	MayWatch, MayEnd bool
}

// VisitPicked is the answer of [Visits].
type VisitPicked struct {
	Visit string
	End   bool // end it; else watch it
}

// Visits shows the list until a visit is picked. It returns [ErrBack] on Escape
// at an empty filter, and [ErrLeft] on Ctrl-C.
func Visits(ctx context.Context, t *Terminal, list VisitList) (VisitPicked, error) {
	if t.Plain() {
		return plainVisits(ctx, t, list)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := newVisitScreen(newPage(t), list)
	s.next = func() tea.Msg { return received(ctx, list.Updates) }
	if err := run(ctx, t, s); err != nil {
		return VisitPicked{}, err
	}
	return s.picked, s.end
}

type visitScreen struct {
	page
	picker
	list   VisitList
	notice string
	help   bool
	asks   string // the visit that is about to be ended
	picked VisitPicked
	done   bool
	end    error
	next   tea.Cmd
}

func newVisitScreen(p page, list VisitList) *visitScreen {
	say := p.ph.Say
	s := &visitScreen{page: p, list: list, notice: list.Notice}
	s.picker = newPicker(list.Filter, list.Cursor,
		pickColumn{title: say("TechColumnTechnician")},
		pickColumn{title: say("TechColumnDevice")},
		pickColumn{title: say("TechColumnState"), signed: true},
		pickColumn{title: say("VisitsWatch"), from: 60},
		pickColumn{title: say("TechTicket"), from: 100},
		pickColumn{title: say("TechVisit"), from: 120})
	s.take(list.Visits)
	return s
}

func (s *visitScreen) Init() tea.Cmd { return s.next }
func (s *visitScreen) Done() bool    { return s.done }
func (s *visitScreen) Title() string { return s.ph.Say("VisitsTitle") }

func (s *visitScreen) take(visits []VisitLine) {
	s.list.Visits = visits
	s.refresh()
	if !slices.ContainsFunc(visits, func(v VisitLine) bool { return v.Visit == s.asks }) {
		s.asks = ""
	}
}

// refresh writes the rows anew, with the times that are left.
func (s *visitScreen) refresh() {
	rows := make([]pickRow, len(s.list.Visits))
	for i, v := range s.list.Visits {
		state := s.told(v)
		cells := []string{v.Technician, v.Device, state, watcherNames(s.ph, v.Watchers), v.Ticket, v.Visit}
		rows[i] = pickRow{id: v.Visit, cells: cells, sign: styleGood, words: strings.ToLower(strings.Join(append(cells, v.Reason), " "))}
		switch {
		case !v.Open:
			rows[i].sign = styleDim
		case v.Paused || v.Held:
			rows[i].sign = styleWarn
		}
	}
	s.set(rows)
}

// told says how a visit is, with a sign that needs no colour.
func (p *page) told(v VisitLine) string {
	left := ""
	if !p.now.IsZero() && !v.Until.IsZero() {
		left = " " + p.span(max(v.Until.Sub(p.now), 0))
	}
	switch {
	case !v.Open:
		return "○ " + p.ph.Say("VisitsAsked")
	case v.Held:
		return "◌ " + p.ph.Say("VisitsHeld") + left
	case v.Paused:
		return "⏸ " + p.ph.Say("VisitsPaused") + left
	}
	return "● " + p.ph.Say("VisitsOpen") + left
}

func (s *visitScreen) Update(msg tea.Msg) tea.Cmd {
	s.observe(msg)
	switch msg := msg.(type) {
	case tickMsg:
		s.refresh()
	case newsMsg[[]VisitLine]:
		if msg.open {
			s.take(msg.value)
			return s.next
		}
	case tea.PasteMsg:
		if s.asks == "" {
			s.typed(msg)
		}
	case tea.KeyPressMsg:
		s.press(msg)
	}
	return nil
}

func (s *visitScreen) press(msg tea.KeyPressMsg) {
	s.notice = ""
	key := msg.String()
	empty := s.filter.Value() == ""
	switch {
	case key == "ctrl+c":
		s.done, s.end = true, ErrLeft
	case s.help:
		s.help = false
	case s.asks != "":
		if key == s.ph.Say("WatchYesKey") {
			s.done, s.picked = true, VisitPicked{s.asks, true}
		}
		s.asks = ""
	case key == "?" && empty:
		s.help = true
	case key == "enter", key == "ctrl+j":
		s.watch()
	case key == "ctrl+x", key == "x" && empty:
		s.mayEnd()
	case key == "tab":
		s.done, s.end = true, ErrBack
	case s.key(msg, max(s.height-8, 3)):
	case key == "esc":
		s.done, s.end = true, ErrBack
	}
}

// watch picks the visit under the cursor, or says why it can't be watched.
func (s *visitScreen) watch() {
	for _, v := range s.list.Visits {
		switch {
		case v.Visit != s.current().id:
		case !s.list.MayWatch:
			s.notice = s.ph.Say("VisitsMayNot")
		case !v.Open:
			s.notice = s.ph.Say("VisitsNotOpen")
		default:
			s.done, s.picked = true, VisitPicked{Visit: v.Visit}
		}
	}
}

func (s *visitScreen) mayEnd() {
	switch {
	case s.current().id == "":
	case !s.list.MayEnd:
		s.notice = s.ph.Say("VisitsMayNot")
	default:
		s.asks = s.current().id
	}
}

func (s *visitScreen) View() string {
	if s.help {
		return s.helpPage(s.Title(), "VisitsHelp")
	}
	head := []string{
		s.spread(styleTitle.Render(s.Title()), styleDim.Render(s.ph.Say("TechCount", "Shown", len(s.shown), "All", len(s.rows)))),
		"", s.filterView(&s.page), "",
	}
	if s.notice != "" {
		head = append(append(head, styled(s.wrap(s.notice, 0), styleWarn.Render)...), "")
	}
	header, body := s.table(s.inner(), s.width)
	switch {
	case len(s.rows) == 0:
		body = s.wrap(s.ph.Say("VisitsNone"), 2)
	case len(body) == 0:
		body = s.wrap(s.ph.Say("TechNoMatch"), 2)
	default:
		head = append(head, header)
	}
	return s.compose(head, body, slices.Concat(s.detail(), []string{""}, s.foot()), s.at)
}

// foot is the question that is open, or the keys.
func (s *visitScreen) foot() []string {
	for _, v := range s.list.Visits {
		if v.Visit == s.asks {
			return styled(s.wrap(s.ph.Say("WatchEnd", "Technician", v.Technician), 0), styleBad.Render)
		}
	}
	pairs := []string{"↑↓", "TechKeyMove"}
	if s.list.MayWatch {
		pairs = append(pairs, "enter", "WatchKeyWatch")
	}
	if s.list.MayEnd {
		pairs = append(pairs, "x", "WatchKeyEnd")
	}
	return []string{s.keys(append(pairs, "?", "TechKeyHelp", "esc", "VisitsKeyBack", "ctrl+c", "TechKeyLeave")...)}
}

// detail tells why the visit under the cursor is there, where there is room.
func (s *visitScreen) detail() []string {
	if s.height < 16 {
		return nil
	}
	for _, v := range s.list.Visits {
		if v.Visit == s.current().id {
			words := withoutBlanks([]string{v.Ticket, v.Reason})
			return []string{"", styleDim.Render(strings.Repeat("─", s.inner())), styleStrong.Render(v.Visit), strings.Join(words, " · ")}
		}
	}
	return nil
}

func plainVisits(ctx context.Context, t *Terminal, list VisitList) (VisitPicked, error) {
	l := t.lines(PhrasesFor(t.Locale()))
	if list.Notice != "" {
		l.say(list.Notice)
	}
	for {
		list.Visits = latest(list.Visits, list.Updates)
		s := newVisitScreen(*l.sheet(), list)
		l.say(s.Title() + " · " + s.ph.Say("TechCount", "Shown", len(s.shown), "All", len(s.rows)))
		for i, r := range s.shown {
			l.say(fmt.Sprintf("  %d. %s", i+1, strings.Join(withoutBlanks(r.cells), ", ")))
		}
		if len(s.rows) == 0 {
			l.say(s.ph.Say("VisitsNone"))
		}
		answer, err := l.ask(ctx, l.ph.Say("VisitsPlainPick"))
		if err != nil {
			return VisitPicked{}, err
		}
		if answer == plainBack {
			return VisitPicked{}, ErrBack
		}
		number, end := strings.CutPrefix(answer, "x ")
		if s.at = chosen(s.shown, number); s.at < 0 {
			list.Filter = answer
			continue
		}
		if end && list.MayEnd {
			return VisitPicked{s.shown[s.at].id, true}, nil
		}
		if s.watch(); s.done {
			return s.picked, nil
		}
		l.say(s.notice)
	}
}
