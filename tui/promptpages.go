package tui

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// open turns to another page.
func (m *asking) open(place promptPlace) {
	m.place, m.offset = place, 0
	m.menu = menu{options: m.options(place)}
	switch place {
	case placeLater:
		if m.prompt.LaterLeft <= 0 {
			m.place, m.notice = placeAsk, m.ph.Say("NoticeNoLater")
		}
	case placeFewer:
		for _, c := range m.prompt.Capabilities {
			m.menu.checks = append(m.menu.checks, slices.Contains(m.granted, c))
		}
	case placeTime:
		m.field = newEntry(len("23:59"), "")
		m.field.Focus()
	case placeWhy:
		m.field = newEntry(whyLongest, "")
		m.field.Focus()
	}
}

// options are what a page offers, in order.
func (m *asking) options(place promptPlace) []string {
	var keys []string
	switch place {
	case placeFewer:
		var all []string
		for _, c := range m.prompt.Capabilities {
			all = append(all, m.ph.Can(c, m.prompt.Login))
		}
		return all
	case placeLater:
		keys = laterKeys()
	case placeRefuse:
		keys = refuseKeys()
	case placeStranger:
		keys = strangerKeys()
	}
	return m.ph.all(keys)
}

func (m *asking) pressMenu(k string) {
	if k == "esc" || k == "q" {
		m.open(placeAsk)
		return
	}
	option, picked := m.menu.key(k)
	if !picked {
		return
	}
	switch m.place {
	case placeFewer:
		m.narrow()
	case placeLater:
		m.pickLater(option)
	case placeRefuse:
		m.pickRefuse(option)
	case placeStranger:
		if strangerKeys()[option] == strangerSure {
			m.give(Answer{Choice: Refuse, Stranger: true}, nil)
			return
		}
		m.open(placeAsk)
	}
}

// narrow makes the checked capabilities those that the code stands for.
func (m *asking) narrow() {
	var granted []string
	for i, c := range m.prompt.Capabilities {
		if m.menu.checks[i] {
			granted = append(granted, c)
		}
	}
	if len(granted) == 0 {
		m.notice = m.ph.Say("NoticeNothing")
		return
	}
	m.granted = granted
	m.open(placeAsk)
}

func (m *asking) pickLater(option int) {
	if wait, ok := laterWait(option); ok {
		m.give(Answer{Choice: Later, Later: m.now.Add(wait)}, nil)
		return
	}
	m.open(placeTime)
}

func (m *asking) pickRefuse(option int) {
	switch refuseKeys()[option] {
	case refuseOther:
		m.open(placeWhy)
	case refuseSilent:
		m.give(Answer{Choice: Refuse}, nil)
	default:
		m.give(Answer{Choice: Refuse, Why: m.menu.options[option]}, nil)
	}
}

// pressField handles a key where a time or a reason is typed.
func (m *asking) pressField(k string, msg tea.KeyPressMsg) {
	text := strings.TrimSpace(m.field.Value())
	switch {
	case k == "esc" && m.place == placeTime:
		m.open(placeLater)
	case k == "esc":
		m.open(placeRefuse)
	case k != "enter":
		edit(&m.field, msg)
	case m.place == placeWhy:
		m.give(Answer{Choice: Refuse, Why: text}, nil)
	default:
		at, ok := laterAt(text, m.now)
		if !ok {
			m.notice = m.ph.Say("NoticeTime")
			return
		}
		m.give(Answer{Choice: Later, Later: at}, nil)
	}
}

func (m *asking) pressHelp(k string) {
	switch k {
	case "up", "down", "pgup", "pgdown":
		m.scroll(k)
	default:
		m.open(placeAsk)
	}
}
