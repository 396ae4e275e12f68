package tui

import (
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// room is what is left for the picture.
func (s *watchScreen) room() Size { return Size{s.width, max(s.height-s.chrome(), 0)} }

// chrome is how many lines are needed beside the picture.
func (s *watchScreen) chrome() int {
	if s.height < 4 {
		return min(s.height-1, 1)
	}
	return 2
}

func (s *watchScreen) View() string {
	if s.help > 0 {
		return s.helpView()
	}
	var lines []string
	if s.chrome() > 1 {
		lines = append(lines, s.topLine())
	}
	lines = append(lines, s.body()...)
	for len(lines) < s.height-1 {
		lines = append(lines, "")
	}
	if s.chrome() > 0 {
		lines = append(lines[:min(len(lines), s.height-1)], s.bottomLine())
	}
	for i, line := range lines {
		lines[i] = ansi.Truncate(line, s.width, "…")
	}
	return strings.Join(lines[:min(len(lines), s.height)], "\n")
}

// body is the shell's screen, or why there is none.
func (s *watchScreen) body() []string {
	switch {
	case len(s.scene.Shells) == 0 && s.scene.Screen:
		return s.note("WatchScreenOpen")
	case len(s.scene.Shells) == 0:
		return s.note("WatchNoShell")
	case s.failed != "":
		return s.note("WatchCantFollow")
	case s.sight.frame == nil:
		return s.note("WatchCatchingUp")
	}
	return s.viewport(s.sight.frame, s.room()).draw(s.sight.frame, s.width)
}

func (s *watchScreen) note(key string) []string {
	return append([]string{""}, s.wrap(s.ph.Say(key), 2)...)
}

// topLine says who works where, for how long, and who watches.
func (s *watchScreen) topLine() string {
	line := styleTitle.Render(s.Title())
	right := s.signs()
	if text := s.scene.left(&s.page); text != "" {
		right = append(right, styleDim.Render(text))
	}
	if n := len(s.scene.Shells); n > 1 {
		at := slices.IndexFunc(s.scene.Shells, func(l LiveShell) bool { return l.ID == s.shell })
		right = append(right, styleDim.Render(s.ph.Say("TechPlayShell", "Name", s.name(), "N", at+1, "Of", n)))
	}
	if names := s.names(); names != "" {
		right = append(right, styleDim.Render(s.ph.Say("WatchWatchers", "Names", names)))
	}
	for _, part := range right {
		if ansi.StringWidth(line)+2+ansi.StringWidth(part) > s.width {
			break
		}
		line += "  " + part
	}
	return line
}

// signs are what is not to be missed, first.
func (s *watchScreen) signs() []string {
	var signs []string
	if s.scene.Over == "" && s.scene.Paused {
		signs = append(signs, styleWarn.Render("⏸ "+s.ph.Say("WatchPaused")))
	}
	if s.scene.Over == "" && s.scene.Held {
		signs = append(signs, styleWarn.Render("◌ "+s.ph.Say("WatchHeld")))
	}
	if s.sight.broken {
		signs = append(signs, styleBad.Render("✕ "+s.ph.Say("TechPlayBroken")))
	} else if s.sight.frame != nil && s.sight.behind && !s.sight.ended {
		signs = append(signs, styleWarn.Render("» "+s.ph.Say("WatchBehind")))
	}
	return signs
}

// name is that of the shell that is shown.
func (s *watchScreen) name() string {
	for _, l := range s.scene.Shells {
		if l.ID == s.shell {
			if l.Ended {
				return l.Name + " " + s.ph.Say("WatchShellEnded")
			}
			return l.Name
		}
	}
	return ""
}

// names are those who watch; who types too is marked.
func (s *watchScreen) names() string { return watcherNames(s.ph, s.scene.Watchers) }

func watcherNames(ph *Phrases, list []Watcher) string {
	names := make([]string, len(list))
	for i, w := range list {
		names[i] = w.Name
		if w.Hands {
			names[i] += " " + ph.Say("WatchTypes")
		}
	}
	return strings.Join(names, ", ")
}

// bottomLine is what is asked, else what was said, else the keys.
func (s *watchScreen) bottomLine() string {
	switch {
	case s.scene.Over != "":
		return styleWarn.Render(s.ph.Say("WatchOver", "Why", s.scene.Over)) + "  " + s.keys("q", "TechKeyLeave")
	case s.saying != nil:
		lead := s.ph.Say("WatchSay") + " "
		return styleKey.Render(lead) + entryView(*s.saying, max(s.width-ansi.StringWidth(lead), 1))
	case s.ending:
		question := s.ph.Say("WatchEnd", "Technician", s.scene.Technician)
		if ansi.StringWidth(question) > s.width {
			question = s.ph.Say("WatchEndShort")
		}
		return styleBad.Render(question)
	case s.told != "":
		return styleWarn.Render(s.told)
	case s.typing:
		return styleWarn.Render(s.ph.Say("WatchTyping"))
	}
	if said := s.scene.Said; len(said) > 0 && !s.heard {
		last := said[len(said)-1]
		return styleStrong.Render(last.From+":") + " " + last.Text
	}
	return s.keyLine()
}

func (s *watchScreen) keyLine() string {
	pairs := []string{"?", "TechKeyHelp", "q", "TechKeyLeave", "s", "WatchKeySay"}
	if s.w.MayEnd {
		pairs = append(pairs, "x", "WatchKeyEnd")
	}
	if s.w.MayType {
		pairs = append(pairs, "i", "WatchKeyType")
	}
	if s.scene.Screen {
		pairs = append(pairs, "v", "WatchKeyScreen")
	}
	if s.scene.Screen && s.w.MayType {
		pairs = append(pairs, "c", "WatchKeyHands")
	}
	if len(s.scene.Shells) > 1 {
		pairs = append(pairs, "tab", "WatchKeyShell")
	}
	return s.keys(pairs...)
}

// helpView tells all of the visit, and the keys: on one page where they fit.
func (s *watchScreen) helpView() string {
	body, next := s.about(), "TechAnyKey"
	switch {
	case s.help > 1:
		body = s.helpKeys()
	case s.onePage():
		body = slices.Concat(body, []string{""}, s.helpKeys())
	default:
		next = "WatchAnyKeyKeys"
	}
	return s.compose([]string{styleTitle.Render(s.Title()), ""}, body, []string{"", styleDim.Render(s.ph.Say(next))}, 0)
}

// onePage reports whether all the help fits into the window.
func (s *watchScreen) onePage() bool { return len(s.about())+len(s.helpKeys())+5 <= s.height }

// about is the visit, and what was said in it last.
func (s *watchScreen) about() []string {
	body := s.facts(s.scene.rows(&s.page))
	said := s.scene.Said
	for _, line := range said[max(len(said)-5, 0):] {
		body = append(body, s.wrap(line.From+": "+line.Text, 2)...)
	}
	return body
}

func (s *watchScreen) helpKeys() []string {
	var body []string
	for _, line := range strings.Split(s.ph.Say("WatchHelp"), "\n") {
		body = append(body, s.wrap(line, 0)...)
	}
	return body
}

// rows are what there is to know of a visit.
func (s *Scene) rows(p *page) [][2]string {
	say := p.ph.Say
	rows := [][2]string{
		{say("TechColumnTechnician"), s.Full},
		{say("TechReason"), s.Reason},
		{say("TechTicket"), s.Ticket},
		{say("WatchMay"), p.ph.shorts(s.Capabilities)},
		{say("WatchTime"), s.left(p)},
		{say("WatchWatching"), watcherNames(p.ph, s.Watchers)},
	}
	state := ""
	switch {
	case s.Over != "":
		state = s.Over
	case s.Paused:
		state = say("WatchPausedLong")
	case s.Held:
		state = say("WatchHeldLong")
	}
	return append(rows, [2]string{say("TechColumnState"), state})
}
