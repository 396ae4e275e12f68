package tui

import (
	"slices"
	"strings"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"
)

// saidKept is how many lines that others said stay on the screen.
const saidKept = 3

// reducing is the list of what a visit may do, to take back from.
type reducing struct {
	menu
	visit  string
	choice []string
}

// telling is a line on its way to everybody in a visit.
type telling struct {
	visit string
	field textinput.Model
}

// chosen is the visit that keys mean which mean one.
func (m *resident) chosen() (Visit, bool) {
	if m.mirror != nil {
		return m.mirrorVisit()
	}
	if len(m.visits) == 0 {
		return Visit{}, false
	}
	return m.visits[min(m.which, len(m.visits)-1)], true
}

// pauseOrResume pauses all visits; when all are paused it lets them go on.
// Pausing is what the key does in doubt.
func (m *resident) pauseOrResume() tea.Cmd {
	running := slices.ContainsFunc(m.visits, func(v Visit) bool { return !v.Paused })
	var all []tea.Cmd
	for _, v := range m.visits {
		if running {
			all = append(all, m.act(Pause{v.ID}))
			continue
		}
		all = append(all, m.act(Resume{v.ID}))
	}
	return tea.Batch(all...)
}

// choose opens the list of what can be taken back.
func (m *resident) choose() {
	v, ok := m.chosen()
	if !ok {
		return
	}
	r := &reducing{visit: v.ID, choice: v.Capabilities}
	for _, c := range v.Capabilities {
		r.options = append(r.options, m.ph.Can(c, v.Login))
	}
	r.checks = make([]bool, len(r.options))
	m.reducing = r
}

func (m *resident) pressReduce(k string) tea.Cmd {
	r := m.reducing
	_, picked := r.key(k)
	switch {
	case k == "esc" || k == "q" || k == "ctrl+c":
		m.reducing = nil
	case picked:
		m.reducing = nil
		var take []string
		for i, on := range r.checks {
			if on {
				take = append(take, r.choice[i])
			}
		}
		if len(take) > 0 {
			return m.act(Reduce{r.visit, take})
		}
	}
	return nil
}

// stale closes a list of what a visit may do that is no longer what it shows.
func (m *resident) stale(v Visit) {
	if m.reducing != nil && m.reducing.visit == v.ID && !slices.Equal(m.reducing.choice, v.Capabilities) {
		m.reducing = nil
	}
}

func (m *resident) reduceView() string {
	head := append(styled(m.text(m.ph.Say("ReduceTitle")), styleTitle.Render), "")
	about := append(m.text(m.ph.Say("ReduceAbout")), "")
	lines, at := m.reducing.lines(min(m.inner(), promptWidest))
	foot := append([]string{""}, styled(m.text(m.ph.Say("ReduceHint")), styleDim.Render)...)
	return m.compose(append(m.bar(), head...), slices.Concat(about, lines), foot, len(about)+at)
}

// tell opens a field for a line.
func (m *resident) tell() {
	if v, ok := m.chosen(); ok {
		m.telling = &telling{visit: v.ID, field: newEntry(whyLongest, "")}
		m.telling.field.Focus()
	}
}

func (m *resident) pressTell(msg tea.KeyPressMsg) tea.Cmd {
	t := m.telling
	switch msg.String() {
	case "esc", "ctrl+c":
		m.telling = nil
	case "enter":
		m.telling = nil
		if text := strings.TrimSpace(t.field.Value()); text != "" {
			return m.act(Tell{t.visit, text})
		}
	default:
		edit(&t.field, msg)
	}
	return nil
}

func (m *resident) tellView() string {
	head := append(styled(m.text(m.ph.Say("TellTitle")), styleTitle.Render), "")
	body := append(m.text(m.ph.Say("TellLabel")), "> "+entryView(m.telling.field, max(min(m.inner(), promptWidest)-2, 1)))
	foot := append([]string{""}, styled(m.text(m.ph.Say("HintField")), styleDim.Render)...)
	return m.compose(append(m.bar(), head...), body, foot, len(body)-1)
}

// hears keeps a line that somebody said, and rings.
func (m *resident) hears(s Said) tea.Cmd {
	m.said = append(m.said, s)
	m.said = m.said[max(len(m.said)-saidKept, 0):]
	m.fresh = true
	return tea.Raw("\a")
}
