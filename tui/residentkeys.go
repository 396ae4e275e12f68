package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// press handles a key. The one that stops comes first, wherever it can't be a
// letter of a text: stopping is always safe.
func (m *resident) press(msg tea.KeyPressMsg) tea.Cmd {
	k := strings.ToLower(msg.String())
	var stop tea.Cmd
	if k == "s" && !m.typing() {
		stop = m.stop(m.visits...)
	}
	switch {
	case m.asking != nil:
		return tea.Batch(stop, m.asking.Update(msg))
	case stop != nil:
		return stop
	case m.leave != nil:
		m.pressLeave(k)
	case m.help:
		m.pressHelp(k)
	case m.telling != nil:
		return m.pressTell(msg)
	case m.reducing != nil:
		return m.pressReduce(k)
	case m.mirror != nil && m.mirror.typing:
		return m.pressTyping(msg)
	case m.mirror != nil:
		return m.pressMirror(k)
	case len(m.cards) > 0:
		m.cards = m.cards[1:]
	default:
		return m.pressIdle(k)
	}
	return nil
}

// paste takes a paste where text is wanted; nowhere else does it do anything.
func (m *resident) paste(msg tea.PasteMsg) tea.Cmd {
	switch {
	case m.asking != nil:
		return m.asking.Update(msg)
	case m.help || m.leave != nil || m.reducing != nil:
	case m.telling != nil:
		edit(&m.telling.field, msg)
	case m.mirror != nil && m.mirror.typing:
		return m.pasteTyping(msg)
	}
	return nil
}

// pressVisit handles the keys that mean an open visit.
func (m *resident) pressVisit(k string) (cmd tea.Cmd, was bool) {
	if len(m.visits) == 0 {
		return nil, false
	}
	switch k {
	case "m":
		return m.watch(), true
	case "p":
		return m.pauseOrResume(), true
	case "r":
		m.choose()
		return nil, true
	case "t":
		m.tell()
		return nil, true
	case "tab":
		m.which = (m.which + 1) % len(m.visits)
		return nil, true
	}
	return nil, false
}

func (m *resident) pressIdle(k string) tea.Cmd {
	m.notice, m.fresh = "", false
	if cmd, was := m.pressVisit(k); was {
		return cmd
	}
	switch {
	case k == "?":
		m.help = true
	case k == "q" || k == "ctrl+c":
		if len(m.visits) == 0 {
			m.done = true
			return nil
		}
		m.leave = &menu{options: m.ph.all([]string{"LeaveBack", m.idle.word("LeaveSure", "AgentlessLeaveSure")})}
	case len(k) == 1 && k[0] >= '1' && int(k[0]-'1') < len(m.visits) && len(m.visits) > 1:
		return m.stop(m.visits[k[0]-'1'])
	}
	return nil
}

func (m *resident) pressHelp(k string) {
	switch k {
	case "down", "ctrl+n":
		m.helpAt++
	case "up", "ctrl+p":
		m.helpAt = max(m.helpAt-1, 0)
	default:
		m.help, m.helpAt = false, 0
	}
}

func (m *resident) pressLeave(k string) {
	option, picked := m.leave.key(k)
	switch {
	case picked && option == 1:
		m.done = true
	case picked, k == "esc":
		m.leave = nil
	}
}
