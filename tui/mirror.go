package tui

import (
	"cmp"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// Mirrored is what a shell of a visit shows, as it happens and piece by piece.
type Mirrored struct {
	Visit string `json:"visit"`
	Shell int    `json:"shell,omitempty"` // from 1; 0 with Current and Lost
	Mine  bool   `json:"mine,omitempty"`  // the user may type in it too
	Reset bool   `json:"reset,omitempty"` // forget what was shown before
	// The size of its window, in force before Data.
	Width  int    `json:"width,omitempty"`
	Height int    `json:"height,omitempty"`
	Data   []byte `json:"data,omitempty"` // raw output; hostile
	Gone   bool   `json:"gone,omitempty"` // the shell has ended
	// Current: all that there was when it was asked for has been told.
	Current bool `json:"current,omitempty"`
	// Lost: nothing more will be told.
	Lost bool `json:"lost,omitempty"`
}

// Said is a line that somebody else in a visit said. Texts are clean.
type Said struct{ Visit, From, Text string }

func (Mirrored) residentEvent() {}
func (Said) residentEvent()     {}

type (
	// Watch asks for what the shells of a visit show, as [Mirrored].
	Watch struct{ Visit string }
	// Unwatch ends that.
	Unwatch struct{ Visit string }
	// Pause stops the technician's hands and sight at once, until Resume.
	Pause struct{ Visit string }
	// Resume lets them go on.
	Resume struct{ Visit string }
	// Reduce takes capabilities back, for good.
	Reduce struct {
		Visit string
		Take  []string
	}
	// Tell says a line to everybody in the visit.
	Tell struct{ Visit, Text string }
	// Type types in a shell of a visit.
	Type struct {
		Visit string
		Shell int
		Keys  []byte
	}
)

func (Watch) residentAction()   {}
func (Unwatch) residentAction() {}
func (Pause) residentAction()   {}
func (Resume) residentAction()  {}
func (Reduce) residentAction()  {}
func (Tell) residentAction()    {}
func (Type) residentAction()    {}

// mirrors are the shells that the user watches.
type mirrors struct {
	shells []*reflected
	at     *reflected // the one that is shown; nil while there is none
	pane   pane
	typing bool            // what is typed goes to the shell
	told   string          // what the last key came to
	lost   map[string]bool // visits of which nothing more comes
}

// reflected is one shell, as an emulator paints it.
type reflected struct {
	visit  string
	number int
	mine   bool
	gone   bool
	screen *emulation
	shown  *frame // nil when it has to be made anew
	broken bool   // the emulator could not follow; until the next reset
}

// take follows one piece.
func (m *mirrors) take(e Mirrored) {
	if e.Lost {
		m.lost[e.Visit] = true
		return
	}
	if e.Current {
		return
	}
	s := m.shell(e)
	s.mine, s.gone, s.shown = e.Mine, e.Gone, nil
	if e.Reset || s.screen == nil {
		s.screen, s.broken = newEmulation(e.Width, e.Height), false
	}
	s.follow(e)
	if m.at == nil || m.at.gone && !s.gone {
		m.show(s)
	}
}

// shell finds the shell that a piece is of.
func (m *mirrors) shell(e Mirrored) *reflected {
	for _, s := range m.shells {
		if s.visit == e.Visit && s.number == e.Shell {
			return s
		}
	}
	s := &reflected{visit: e.Visit, number: e.Shell}
	m.shells = append(m.shells, s)
	slices.SortStableFunc(m.shells, func(a, b *reflected) int {
		return cmp.Or(cmp.Compare(a.visit, b.visit), cmp.Compare(a.number, b.number))
	})
	return s
}

// follow feeds the emulator. One that fails shows nothing until the shell
// starts over; that is never the screen's own end.
func (s *reflected) follow(e Mirrored) {
	if s.broken {
		return
	}
	if e.Width > 0 && e.Height > 0 && s.screen.resize(e.Width, e.Height) != nil {
		s.broken = true
	}
	for data := e.Data; len(data) > 0 && !s.broken; {
		n := min(len(data), writeAtOnce)
		s.broken = s.screen.write(data[:n]) != nil
		data = data[n:]
	}
}

// frame is the picture of it, nil where there is none.
func (s *reflected) frame() *frame {
	if s.broken || s.screen == nil {
		return nil
	}
	if s.shown == nil {
		s.shown = s.screen.frame()
	}
	return s.shown
}

// show turns to a shell. Typing never moves to another one by itself.
func (m *mirrors) show(s *reflected) { m.at, m.pane, m.typing = s, pane{}, false }

// next turns to the next shell, or by -1 to the one before.
func (m *mirrors) next(by int) {
	n := len(m.shells)
	if n < 2 {
		return
	}
	m.show(m.shells[(slices.Index(m.shells, m.at)+by+n)%n])
}

// drop forgets the shells of a visit that has ended.
func (m *mirrors) drop(visit string) {
	m.shells = slices.DeleteFunc(m.shells, func(s *reflected) bool { return s.visit == visit })
	if m.at == nil || m.at.visit != visit {
		return
	}
	m.at, m.typing = nil, false
	if len(m.shells) > 0 {
		m.show(m.shells[0])
	}
}

// watch opens the mirror of all visits.
func (m *resident) watch() tea.Cmd {
	m.mirror = &mirrors{lost: make(map[string]bool)}
	var all []tea.Cmd
	for _, v := range m.visits {
		all = append(all, m.act(Watch{v.ID}))
	}
	return tea.Batch(all...)
}

func (m *resident) unwatch() tea.Cmd {
	m.mirror = nil
	var all []tea.Cmd
	for _, v := range m.visits {
		all = append(all, m.act(Unwatch{v.ID}))
	}
	return tea.Batch(all...)
}

// typing reports whether letters are meant for something else than this screen.
func (m *resident) typing() bool {
	if m.asking != nil {
		return m.asking.writing()
	}
	return m.telling != nil || m.mirror != nil && m.mirror.typing && !m.help
}

// pressMirror handles a key while the mirror is shown.
func (m *resident) pressMirror(k string) tea.Cmd {
	m.mirror.told = ""
	m.fresh = false
	switch k {
	case "m", "q", "esc", "ctrl+c":
		return m.unwatch()
	case "tab":
		m.mirror.next(1)
	case "shift+tab":
		m.mirror.next(-1)
	case "k":
		m.takeKeyboard()
	case "p":
		return m.pauseOrResume()
	case "t":
		m.tell()
	case "r":
		m.choose()
	case "?":
		m.help = true
	default:
		if m.mirror.at != nil {
			m.mirror.pane.travel(arrows(k), m.mirror.at.frame(), m.mirrorRoom())
		}
	}
	return nil
}

// takeKeyboard lets the user type in the shell that is shown.
func (m *resident) takeKeyboard() {
	switch s := m.mirror.at; {
	case s == nil || s.gone:
		m.mirror.told = m.ph.Say("MirrorNoShell")
	case !s.mine:
		m.mirror.told = m.ph.Say("MirrorNotMine")
	default:
		m.mirror.typing = true
	}
}

// endTyping is the key that ends typing, as in telnet.
const endTyping = "ctrl+]"

// pressTyping sends a key to the shell.
func (m *resident) pressTyping(msg tea.KeyPressMsg) tea.Cmd {
	s := m.mirror.at
	if msg.String() == endTyping || s == nil || s.gone {
		m.mirror.typing = false
		return nil
	}
	m.fresh, m.mirror.told = false, ""
	keys := encodeKey(msg, s.screen.modes[ansi.ModeCursorKeys])
	if len(keys) == 0 {
		return nil
	}
	return m.act(Type{s.visit, s.number, keys})
}

// pasteMost is how much of a paste is typed at once, in bytes.
const pasteMost = 4 << 10

// pasteTyping sends a paste to the shell, in brackets where the program asked
// for them. More than pasteMost is refused whole: half a paste is none.
func (m *resident) pasteTyping(msg tea.PasteMsg) tea.Cmd {
	s := m.mirror.at
	text := []byte(cleanPaste(msg.Content))
	if s == nil || s.gone || len(text) == 0 {
		return nil
	}
	if s.screen.modes[ansi.ModeBracketedPaste] {
		text = slices.Concat([]byte(pasteStart), text, []byte(pasteEnd))
	}
	if len(text) > pasteMost {
		m.mirror.told = m.ph.Say("MirrorPasteLong")
		return nil
	}
	return m.act(Type{s.visit, s.number, text})
}

// arrows takes the bare keys for those of the player, which moves in time with
// them.
func arrows(k string) string {
	switch k {
	case "left", "right", "up", "down":
		return "ctrl+" + k
	}
	return k
}

// left is the time that is left of a visit.
func (m *resident) left(v Visit) time.Duration { return v.Until.Sub(m.now) }
