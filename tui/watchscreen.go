package tui

import (
	"slices"
	"time"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"
)

// lineMost bounds a line that is said, in characters.
const lineMost = 200

// watchScreen is a visit that is watched.
type watchScreen struct {
	page
	pane
	w     Watching
	scene Scene
	next  tea.Cmd // brings the next scene
	show  func(LiveShell) tea.Cmd
	wait  func(*live) tea.Cmd
	act   func(WatchAction) tea.Cmd

	shell  string // the one that is shown, or shall be
	chosen bool   // by the reader
	live   *live
	sight  sight
	failed string // a shell that can't be followed

	typing bool // keys go to the device
	saying *textinput.Model
	ending bool   // asks whether to end the visit
	help   int    // which page of it; 0 for none
	told   string // a passing remark
	heard  bool   // the last line that was said has been seen
	done   bool
	left   bool
	wants  *ScreenWanted
}

func newWatchScreen(p page, w Watching) *watchScreen {
	return &watchScreen{page: p, w: w, scene: w.Scene, heard: true}
}

func (s *watchScreen) Init() tea.Cmd { return tea.Batch(s.next, s.follow()) }
func (s *watchScreen) Done() bool    { return s.done }
func (s *watchScreen) Title() string {
	return s.ph.Say("WatchTitle", "Technician", s.scene.Technician, "Device", s.scene.Device)
}

func (s *watchScreen) Update(msg tea.Msg) tea.Cmd {
	s.observe(msg)
	switch msg := msg.(type) {
	case newsMsg[Scene]:
		if !msg.open {
			return nil
		}
		return tea.Batch(s.next, s.take(msg.value))
	case shownMsg:
		return s.opened(msg)
	case sight:
		if msg.of != s.live {
			return nil
		}
		s.sight = msg
		if msg.ended {
			return s.follow()
		}
		return s.wait(s.live)
	case actedMsg:
		s.acted(msg)
	case tea.PasteMsg:
		return s.pasted(msg)
	case tea.KeyPressMsg:
		return s.press(msg)
	}
	return nil
}

// take is a new scene.
func (s *watchScreen) take(now Scene) tea.Cmd {
	if !slices.Equal(now.Said, s.scene.Said) {
		s.told, s.heard = "", false
	}
	s.scene = now
	if now.Over != "" {
		s.typing, s.ending, s.saying = false, false, nil
	}
	return s.follow()
}

// follow shows the shell that the reader has chosen, else the newest that goes
// on, else the one there is.
func (s *watchScreen) follow() tea.Cmd {
	shells := s.scene.Shells
	if len(shells) == 0 {
		return nil
	}
	at := slices.IndexFunc(shells, func(l LiveShell) bool { return l.ID == s.shell })
	if at < 0 || !s.chosen && (shells[at].Ended || shells[at].Second || s.sight.ended) {
		want := len(shells) - 1
		for i, l := range shells {
			if !l.Ended && !l.Second {
				want = i
			}
		}
		if at >= 0 && shells[want].Ended {
			want = at // nothing goes on any more: stay
		}
		at = want
	}
	return s.turnTo(shells[at])
}

// turnTo shows a shell, unless it is shown already.
func (s *watchScreen) turnTo(l LiveShell) tea.Cmd {
	if l.ID == s.shell {
		return nil
	}
	s.shell, s.live, s.sight, s.panned, s.failed = l.ID, nil, sight{}, false, ""
	return s.show(l)
}

func (s *watchScreen) opened(msg shownMsg) tea.Cmd {
	if msg.shell != s.shell {
		return nil
	}
	if msg.err != nil {
		s.failed = msg.shell
		return nil
	}
	s.live = msg.live
	return s.wait(s.live)
}

// acted tells what came of an action.
func (s *watchScreen) acted(msg actedMsg) {
	switch msg.action.(type) {
	case StepIn:
		s.typing = s.typing && msg.err == nil
	case SayLine:
		if msg.err == nil {
			s.told = s.ph.Say("WatchSaid")
		}
	}
	if msg.err != nil {
		s.told = msg.err.Error()
	}
}

// pressTyping sends a key of somebody who has stepped in, but for the one that
// ends it.
func (s *watchScreen) pressTyping(msg tea.KeyPressMsg) tea.Cmd {
	s.told = ""
	if msg.String() == endTyping {
		s.typing = false
		return s.act(StepIn{On: false})
	}
	keys := encodeKey(msg, s.sight.cursor)
	if len(keys) == 0 {
		return nil
	}
	return s.act(TypeInto{s.shell, keys})
}

// pasted takes a paste where text is wanted. Into a shell it goes whole or not
// at all.
func (s *watchScreen) pasted(msg tea.PasteMsg) tea.Cmd {
	switch {
	case s.saying != nil:
		edit(s.saying, msg)
	case s.typing:
		text := cleanPaste(msg.Content)
		if len(text) > pasteMost {
			s.told = s.ph.Say("WatchPasteLong", "N", pasteMost)
			return nil
		}
		if s.sight.bracket {
			text = pasteStart + text + pasteEnd
		}
		return s.act(TypeInto{s.shell, []byte(text)})
	}
	return nil
}

func (s *watchScreen) press(msg tea.KeyPressMsg) tea.Cmd {
	key := msg.String()
	switch {
	case s.typing:
		return s.pressTyping(msg)
	case key == "ctrl+c":
		s.done, s.left = true, true
		return nil
	case s.help == 1 && !s.onePage():
		s.help = 2
		return nil
	case s.help > 0:
		s.help = 0
		return nil
	case s.saying != nil:
		return s.say(msg)
	case s.ending:
		s.ending = false
		if key == s.ph.Say("WatchYesKey") {
			return s.act(EndVisit{})
		}
		return nil
	}
	s.told, s.heard = "", true
	return s.command(key)
}

// command is for the keys that do something.
func (s *watchScreen) command(key string) tea.Cmd {
	over := s.scene.Over != ""
	switch {
	case key == "q", key == "esc", over && key == "enter":
		s.done = true
	case key == "?":
		s.help = 1
	case key == "tab":
		return s.turn(1)
	case key == "shift+tab":
		return s.turn(-1)
	case s.travel(key, s.sight.frame, s.room()), over:
	case key == "s":
		entry := newEntry(lineMost, "")
		entry.Focus()
		s.saying = &entry
	case key == "x" && s.w.MayEnd:
		s.ending = true
	case key == "v" && s.scene.Screen:
		s.done, s.wants = true, &ScreenWanted{}
	case key == "c" && s.scene.Screen && s.w.MayType:
		s.done, s.wants = true, &ScreenWanted{Hands: true}
	case (key == "i" || key == "c" && s.scene.Screen) && !s.w.MayType:
		s.told = s.w.WhyNot
	case key == "i" && (s.live == nil || s.onStory()):
		s.told = s.ph.Say("WatchNoShell")
	case key == "i":
		s.typing = true // what is typed from now on is for the device
		return s.act(StepIn{On: true})
	}
	return nil
}

// onStory reports that no shell is shown but what happens.
func (s *watchScreen) onStory() bool {
	return slices.ContainsFunc(s.scene.Shells, func(l LiveShell) bool { return l.ID == s.shell && l.Told })
}

// turn goes to the next shell, or the one before.
func (s *watchScreen) turn(by int) tea.Cmd {
	shells := s.scene.Shells
	at := slices.IndexFunc(shells, func(l LiveShell) bool { return l.ID == s.shell })
	if at < 0 || len(shells) < 2 {
		return nil
	}
	s.chosen = true
	return s.turnTo(shells[(at+by+len(shells))%len(shells)])
}

// say edits the line that is to be said.
func (s *watchScreen) say(msg tea.KeyPressMsg) tea.Cmd {
	switch msg.String() {
	case "esc":
		s.saying = nil
	case "enter", "ctrl+j":
		text := s.saying.Value()
		s.saying = nil
		if text != "" {
			return s.act(SayLine{text})
		}
	default:
		edit(s.saying, msg)
	}
	return nil
}

// left says how long the visit may still last.
func (s *Scene) left(p *page) string {
	if p.now.IsZero() || s.Until.IsZero() {
		return ""
	}
	return p.ph.Say("WatchLeft", "Time", p.span(max(s.Until.Sub(p.now), 0).Round(time.Second)))
}
