package tui

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
)

// The states of a [Device].
const (
	Online      = "online"
	Away        = "away"
	Quarantined = "quarantined"
)

// Device is a line of the list. All its text must be clean.
type Device struct {
	Name   string
	OS     string
	Labels string // as in "site=lyon role=till"
	// State is Online, Away or Quarantined, since Since (zero: not known).
	// Why is a sentence or less about it, such as "the link was lost".
	State string
	Since time.Time
	Why   string
	// Agentless: it has no agent, so the gateway judges for it.
	Agentless bool
	// Busy names who visits now, "" for nobody.
	Busy         string
	Capabilities []string
	Actions      map[string]string // what those do that are declared actions, see [Phrases.With]
	Logins       []string          // the first is the usual one
	Appointment  time.Time         // when its user asked to be asked; zero for none
	Arch         string
	Agent        string // version of its agent
	Facts        Facts
}

// DeviceList is what [Devices] shows.
type DeviceList struct {
	Organisation string
	Person       string // who looks
	Devices      []Device
	// Updates brings whole new lists while the screen is open; nil for none.
	// One that arrives just when the screen ends may be lost.
	Updates <-chan []Device
	Notice  string // a sentence shown above the list until a key is typed
	Filter  string // typed into the filter already
	Cursor  string // the device to start on
	Enroll  string // the command that enrols a device, for an empty list
	Visits  bool   // its reader may see the visits: Tab goes there
}

// Picked is the answer of [Devices].
type Picked struct {
	Device string
	Visits bool // the list of visits instead
}

// Devices shows the list until an online device is picked. Left with Ctrl-C,
// or with Escape at an empty filter, it returns [ErrLeft].
func Devices(ctx context.Context, t *Terminal, list DeviceList) (Picked, error) {
	if t.Plain() {
		return plainDevices(ctx, t, list)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := newDeviceScreen(newPage(t), list)
	s.next = func() tea.Msg { return received(ctx, list.Updates) }
	if err := run(ctx, t, s); err != nil {
		return Picked{}, err
	}
	if s.left {
		return Picked{}, ErrLeft
	}
	return Picked{Device: s.picked, Visits: s.visits}, nil
}

// newsMsg is a value off a channel; open is false once the channel is closed.
type newsMsg[T any] struct {
	value T
	open  bool
}

// received waits for the next value of a channel; nil when the screen ended.
func received[T any](ctx context.Context, c <-chan T) tea.Msg {
	select {
	case v, open := <-c:
		return newsMsg[T]{v, open}
	case <-ctx.Done():
		return nil
	}
}

type deviceScreen struct {
	page
	picker
	list   DeviceList
	notice string
	help   bool
	// details is set while all about one device is shown, from the line scroll.
	details bool
	scroll  int
	picked  string
	visits  bool
	left    bool
	next    tea.Cmd // brings the next list
}

func newDeviceScreen(p page, list DeviceList) *deviceScreen {
	say := p.ph.Say
	s := &deviceScreen{page: p, list: list, notice: list.Notice}
	s.picker = newPicker(list.Filter, list.Cursor,
		pickColumn{title: say("TechColumnDevice")},
		pickColumn{title: say("TechColumnState"), signed: true},
		pickColumn{title: say("TechColumnLabels"), from: 60},
		pickColumn{title: say("TechColumnSystem"), from: 76},
		pickColumn{title: say("TechColumnVisitor"), from: 100},
		pickColumn{title: say("FactsColumnKeyboard"), from: 116},
		pickColumn{title: say("FactsColumnAddress"), from: 140})
	s.take(list.Devices)
	return s
}

func (s *deviceScreen) Init() tea.Cmd { return s.next }
func (s *deviceScreen) Done() bool    { return s.left || s.visits || s.picked != "" }
func (s *deviceScreen) Title() string { return s.ph.Say("TechDevicesTitle") }

// take sorts the devices: those that can be asked first.
func (s *deviceScreen) take(devices []Device) {
	s.list.Devices = slices.Clone(devices)
	slices.SortStableFunc(s.list.Devices, func(a, b Device) int {
		return cmp.Or(cmp.Compare(stateRank(a.State), stateRank(b.State)), cmp.Compare(a.Name, b.Name))
	})
	s.refresh()
}

func stateRank(state string) int {
	switch state {
	case Online:
		return 0
	case Away:
		return 1
	}
	return 2
}

// refresh writes the rows anew, with the present ages.
func (s *deviceScreen) refresh() {
	rows := make([]pickRow, len(s.list.Devices))
	for i, d := range s.list.Devices {
		state, sign := s.state(d)
		rows[i] = pickRow{
			id: d.Name, sign: sign,
			cells: []string{d.Name, state, d.Labels, s.system(d), d.Busy, s.keyboard(d), d.address()},
			words: strings.ToLower(strings.Join([]string{d.Name, d.Labels, d.OS, s.system(d), state, d.Busy, d.Agent, d.Facts.words()}, " ")),
		}
	}
	s.set(rows)
}

// system is what a device runs on; of one without an agent nobody knows.
func (p *page) system(d Device) string {
	if d.Agentless {
		return p.ph.Say("TechAgentless")
	}
	return d.shortSystem()
}

// state says how a device is, shortly, with a sign that needs no colour.
func (p *page) state(d Device) (string, lipgloss.Style) {
	age := p.ago(d.Since)
	switch {
	case d.State == Online && d.Busy != "":
		return strings.TrimSpace("◆ " + p.ph.Say("TechBusy") + " " + age), styleWarn
	case d.State == Online:
		return strings.TrimSpace("● " + p.ph.Say("TechOnline") + " " + age), styleGood
	case d.State == Quarantined:
		return strings.TrimSpace("✕ " + p.ph.Say("TechQuarantined") + " " + age), styleBad
	}
	return strings.TrimSpace("○ " + p.ph.Say("TechAway") + " " + age), styleDim
}

func (s *deviceScreen) Update(msg tea.Msg) tea.Cmd {
	s.observe(msg)
	switch msg := msg.(type) {
	case tickMsg:
		s.refresh()
	case newsMsg[[]Device]:
		if msg.open {
			s.take(msg.value)
			return s.next
		}
	case tea.PasteMsg:
		s.typed(msg)
	case tea.KeyPressMsg:
		s.press(msg)
	}
	return nil
}

func (s *deviceScreen) press(msg tea.KeyPressMsg) {
	s.notice = ""
	switch key := msg.String(); {
	case key == "ctrl+c":
		s.left = true
	case s.help:
		s.help = false
	case s.details:
		s.pressDetails(msg)
	case key == "ctrl+o" && s.current().id != "":
		s.details, s.scroll = true, 0
	case key == "?" && s.filter.Value() == "":
		s.help = true
	case key == "enter", key == "ctrl+j": // as it arrives when the terminal was not raw yet
		s.pick()
	case key == "tab" && s.list.Visits:
		s.visits = true
	case s.key(msg, max(s.height-10, 3)):
	case key == "esc":
		s.left = true
	}
}

// pick takes the device under the cursor, or says why it can't be asked.
func (s *deviceScreen) pick() {
	for _, d := range s.list.Devices {
		if d.Name != s.current().id {
			continue
		}
		if d.State == Online {
			s.picked = d.Name
			return
		}
		s.notice = s.unreachable(d)
	}
}

// unreachable says why a device can't be asked, since when, and what to do.
func (p *page) unreachable(d Device) string {
	key := "TechCantAway"
	if d.State == Quarantined {
		key = "TechCantQuarantined"
	}
	since := "–"
	if !d.Since.IsZero() {
		since = p.moment(d.Since)
	}
	why := d.Why
	if why == "" {
		why = p.ph.Say("TechWhyUnknown")
	}
	return p.ph.Say(key, "Device", d.Name, "Since", since, "Why", why)
}

func (s *deviceScreen) View() string {
	if s.help {
		return s.helpPage(s.Title(), "TechDevicesHelp")
	}
	if s.details {
		return s.detailsPage()
	}
	count := s.ph.Say("TechCount", "Shown", len(s.shown), "All", len(s.rows))
	head := []string{
		s.spread(styleTitle.Render(s.Title())+styleDim.Render("  "+s.list.Organisation), styleDim.Render(s.list.Person+"  "+count)),
		"", s.filterView(&s.page), "",
	}
	if s.notice != "" {
		for _, line := range s.wrap(s.notice, 0) {
			head = append(head, styleWarn.Render(line))
		}
		head = append(head, "")
	}
	header, body := s.table(s.inner(), s.width)
	if len(body) == 0 {
		body = s.empty()
	} else {
		head = append(head, header)
	}
	pairs := []string{"↑↓", "TechKeyMove", "enter", "TechKeyAsk", "?", "TechKeyHelp", "ctrl+o", "FactsKeyDetails", "ctrl+c", "TechKeyLeave"}
	if s.list.Visits {
		pairs = append(pairs, "tab", "VisitsTitle")
	}
	foot := append(s.detail(), "", s.keys(append(pairs, "esc", "TechKeyClear")...))
	return s.compose(head, body, foot, s.at)
}

// empty says what an empty list means and what to do about it.
func (s *deviceScreen) empty() []string {
	key := "TechNoMatch"
	if len(s.rows) == 0 {
		key = "TechNoDevices"
	}
	lines := s.wrap(s.ph.Say(key), 2)
	if len(s.rows) == 0 && s.list.Enroll != "" {
		lines = append(lines, "", "    "+styleKey.Render(s.list.Enroll))
	}
	return lines
}

// detail tells more of the device under the cursor, where there is room.
func (s *deviceScreen) detail() []string {
	if s.height < 16 {
		return nil
	}
	for _, d := range s.list.Devices {
		if d.Name == s.current().id {
			return append([]string{"", styleDim.Render(strings.Repeat("─", s.inner()))}, s.about(d)...)
		}
	}
	return nil
}

// about is two lines on one device: what it is, and how it is.
func (p *page) about(d Device) []string {
	what := []string{styleStrong.Render(d.Name)}
	for _, text := range []string{d.system(), d.Labels, strings.Join(d.Logins, ", ")} {
		if text != "" {
			what = append(what, text)
		}
	}
	state, sign := p.state(d)
	how := []string{sign.Render(state)}
	if d.Agentless {
		how = append(how, styleWarn.Render(p.ph.Say("TechAgentlessJudges")))
	}
	if d.Busy != "" {
		how = append(how, p.ph.Say("TechVisits", "Who", d.Busy))
	}
	if at := p.keyboard(d); at != "" {
		how = append(how, at)
	}
	if !d.Appointment.IsZero() {
		how = append(how, p.ph.Say("TechAppointment", "When", p.moment(d.Appointment)))
	}
	if d.Why != "" && d.State != Online {
		how = append(how, d.Why)
	}
	return []string{strings.Join(what, " · "), strings.Join(how, " · ")}
}
