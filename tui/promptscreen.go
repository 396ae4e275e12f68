package tui

import (
	"slices"
	"strings"
	"time"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"
	uv "github.com/charmbracelet/ultraviolet"
)

const (
	// wrongCodes is how many wrong digits start the guard again.
	wrongCodes = 3
	// whyLongest bounds a typed reason, in characters.
	whyLongest = 200
)

// promptPlace is the part of the prompt that has the keyboard.
type promptPlace int

const (
	placeAsk promptPlace = iota
	placeFewer
	placeLater
	placeTime
	placeRefuse
	placeWhy
	placeStranger
	placeHelp
)

// asking is the prompt on the screen: one request until its answer. It is the
// whole of [Ask] and a part of [Resident].
type asking struct {
	page
	prompt Prompt
	guard  guard
	shown  time.Time // when the prompt appeared
	at     time.Time // when the key being handled arrived

	place   promptPlace
	menu    menu
	field   textinput.Model
	offset  int      // first line shown where not all fit
	granted []string // what the code stands for now
	typed   string   // the digits of the code so far
	wrong   int      // wrong digits since the guard
	notice  string   // what the last key came to, where that is not to be seen

	seen     func() tea.Cmd // tells of the first key; nil afterwards
	extend   func() tea.Cmd // asks for more time; its message is extendedMsg
	extended int
	waking   bool // a guardMsg is on its way
	done     bool
	answer   Answer
	err      error // why there is no answer
}

type (
	// guardMsg wakes the screen when the keyboard may have been quiet enough.
	guardMsg time.Time
	// extendedMsg tells what came of asking for more time.
	extendedMsg struct {
		id       string
		deadline time.Time
		ok       bool
	}
)

// newAsking shows a prompt from now on. Keys that arrived before do not count.
func newAsking(on page, p Prompt, now time.Time, seen, extend func() tea.Cmd) *asking {
	on.now, on.ph = now, on.ph.With(p.Actions)
	m := &asking{page: on, prompt: p, shown: now, at: now, seen: seen, extend: extend, granted: p.Capabilities}
	m.guard.restart(now)
	return m
}

func (m *asking) Init() tea.Cmd { return m.wake() }
func (m *asking) Done() bool    { return m.done }
func (m *asking) Title() string {
	return m.prompt.title(m.ph)
}

// At takes the time at which the next message's key arrived.
func (m *asking) At(t time.Time) {
	m.at = t
	m.advance(t)
}

// advance moves the clock and ends the prompt at its deadline.
func (m *asking) advance(t time.Time) {
	m.now = later(m.now, t)
	if !m.done && !m.now.Before(m.prompt.Deadline) {
		m.give(Answer{Choice: None}, ErrTime)
	}
}

// wake asks for a message at the moment the guard opens.
func (m *asking) wake() tea.Cmd {
	ready, left := m.guard.ready(m.now)
	if ready || m.waking {
		return nil
	}
	m.waking = true
	return tea.Tick(left, func(t time.Time) tea.Msg { return guardMsg(t) })
}

func (m *asking) Update(msg tea.Msg) tea.Cmd {
	if m.done {
		return nil
	}
	var cmd tea.Cmd
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.resize(msg)
	case tickMsg:
		m.advance(time.Time(msg))
	case guardMsg:
		m.waking = false
		m.advance(time.Time(msg))
	case extendedMsg:
		m.prolong(msg)
	case tea.PasteMsg:
		cmd = m.touched()
		m.guard.early++
		m.again(m.ph.Say("NoticePaste"))
	case uv.UnknownEvent, uv.PasteStartEvent, uv.PasteEndEvent:
		// Somebody types, or something sends, what is no key: half a letter,
		// a broken sequence, the end of a paste that had no beginning. The
		// keyboard is not at rest.
		m.guard.early++
		m.again("")
	case tea.KeyPressMsg:
		cmd = m.touched()
		if m.guard.key(m.at) {
			cmd = tea.Batch(cmd, m.press(msg))
		}
	}
	return tea.Batch(cmd, m.wake())
}

// writing reports whether letters are being typed that mean no key.
func (m *asking) writing() bool { return m.place == placeTime || m.place == placeWhy }

// again starts the guard anew and forgets what was typed of the code.
func (m *asking) again(notice string) {
	m.guard.restart(later(m.at, m.now))
	m.typed, m.wrong, m.notice = "", 0, notice
}

// change takes another version of the prompt. One that asks for anything else
// than the one shown is a new question: guard and choices begin again.
func (m *asking) change(p Prompt, now time.Time) tea.Cmd {
	m.now = later(m.now, now)
	m.at = m.now
	same := m.prompt.sameQuestion(p, m.ph)
	longer := p.Deadline.After(m.prompt.Deadline)
	m.prompt = p
	switch {
	case same && longer:
		m.extended++
		m.notice = m.ph.Say("NoticeExtended")
	case !same:
		m.place, m.offset, m.granted = placeAsk, 0, p.Capabilities
		m.again("")
	}
	m.advance(now)
	return m.wake()
}

func (m *asking) resize(msg tea.WindowSizeMsg) {
	could := m.fits()
	m.observe(msg)
	m.typed, m.offset = "", 0
	if !could && m.fits() {
		// What is to be decided can only now be read.
		m.again("")
	}
}

func (m *asking) prolong(msg extendedMsg) {
	switch {
	case msg.id != m.prompt.ID:
	case msg.ok:
		m.prompt.Deadline = msg.deadline
		m.prompt.Extensions--
		m.extended++
		m.notice = m.ph.Say("NoticeExtended")
	default:
		m.notice = m.ph.Say("NoticeNoMoreTime")
	}
}

// touched tells of the first key, once.
func (m *asking) touched() tea.Cmd {
	if m.seen == nil {
		return nil
	}
	cmd := m.seen()
	m.seen = nil
	return cmd
}

// give ends the prompt.
func (m *asking) give(a Answer, err error) {
	a.Language = m.ph.Tag.String()
	a.Extended = m.extended
	a.Guard = Guard{Quiet: m.guard.quiet, Early: m.guard.early, Open: m.now.Sub(m.shown)}
	m.answer, m.err, m.done = a, err, true
}

// press handles a key that counts.
func (m *asking) press(msg tea.KeyPressMsg) tea.Cmd {
	m.notice = ""
	k := strings.ToLower(msg.String())
	if k == "ctrl+c" {
		m.give(Answer{Choice: None}, ErrLeft)
		return nil
	}
	switch m.place {
	case placeAsk:
		return m.pressAsk(k)
	case placeTime, placeWhy:
		m.pressField(k, msg)
	case placeHelp:
		m.pressHelp(k)
	default:
		m.pressMenu(k)
	}
	return nil
}

// pressAsk handles a key on the first page. One that means nothing there is a
// sign of someone typing on, and starts the guard again.
func (m *asking) pressAsk(k string) tea.Cmd {
	if len(k) == 1 && isDigit(k[0]) {
		m.digit(k)
		return nil
	}
	m.typed = ""
	switch k {
	case "backspace", "up", "down", "pgup", "pgdown":
		m.scroll(k)
	case "v":
		m.viewOnly()
	case "f":
		m.fewer()
	case "l":
		m.open(placeLater)
	case "r":
		m.open(placeRefuse)
	case "x":
		m.open(placeStranger)
	case "?":
		m.open(placeHelp)
	case "+":
		return m.more()
	case "esc":
		m.granted = m.prompt.Capabilities
	case "q":
		m.give(Answer{Choice: None}, ErrLeft)
	default:
		m.again("")
	}
	return nil
}

// digit takes one digit of the code. Only the whole code, in a window that
// shows the whole prompt, approves.
func (m *asking) digit(k string) {
	if !m.prompt.answerable() || !m.fits() {
		m.again("")
		return
	}
	m.typed += k
	switch {
	case m.typed == m.prompt.Code:
		m.give(Answer{Choice: Approve, Granted: slices.Clone(m.granted)}, nil)
	case !strings.HasPrefix(m.prompt.Code, m.typed):
		m.typed = ""
		m.notice = m.ph.Say("NoticeWrongCode", "Digit", k)
		if m.wrong++; m.wrong >= wrongCodes {
			m.again(m.ph.Say("NoticeWrongAgain"))
		}
	}
}

func (m *asking) viewOnly() {
	if !slices.Contains(m.prompt.Capabilities, viewCapability) {
		m.again("")
		return
	}
	m.granted = []string{viewCapability}
}

func (m *asking) fewer() {
	if len(m.prompt.Capabilities) < 2 {
		m.notice = m.ph.Say("NoticeOnlyOne")
		return
	}
	m.open(placeFewer)
}

func (m *asking) more() tea.Cmd {
	if !m.canExtend() {
		m.notice = m.ph.Say("NoticeNoMoreTime")
		return nil
	}
	return m.extend()
}

func (m *asking) scroll(k string) {
	step := map[string]int{"up": -1, "down": 1, "pgup": -m.height / 2, "pgdown": m.height / 2}[k]
	m.offset = max(m.offset+step, 0)
}
