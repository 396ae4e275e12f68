package tui

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// lastLines is how many of a shell's last lines are printed.
const lastLines = 10

// controls obeys the commands that mean open visits.
func (m *plainResident) controls(word, rest string) {
	if len(m.visits) == 0 {
		m.say(m.ph.Say("NobodyConnected"))
		return
	}
	switch word {
	case "m":
		m.mirror = &mirrors{lost: make(map[string]bool)}
		for _, v := range m.visits {
			m.do(Watch{v.ID})
		}
	case "p":
		m.pauseOrResume()
	case "r":
		m.reduce(rest)
	case "t":
		m.tell(rest)
	}
}

// pauseOrResume pauses all visits; when all are paused it lets them go on.
func (m *plainResident) pauseOrResume() {
	running := slices.ContainsFunc(m.visits, func(v Visit) bool { return !v.Paused })
	for _, v := range m.visits {
		if running {
			m.do(Pause{v.ID})
		} else {
			m.do(Resume{v.ID})
		}
	}
}

// granted is one thing that one visit may do.
type granted struct{ visit, capability string }

// reduce takes back what has this number in the list, or prints the list.
func (m *plainResident) reduce(number string) {
	var all []granted
	var list []string
	for _, v := range m.visits {
		for _, c := range v.Capabilities {
			all = append(all, granted{v.ID, c})
			list = append(list, fmt.Sprintf("%d. %s (%s)", len(all), m.ph.shorts([]string{c}), v.Technician))
		}
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > len(all) {
		m.say(m.ph.Say("PlainReduce", "List", strings.Join(list, "; ")))
		return
	}
	g := all[n-1]
	m.do(Reduce{g.visit, []string{g.capability}})
	m.say(m.ph.Say("PlainReduced", "What", m.ph.shorts([]string{g.capability})))
}

func (m *plainResident) tell(text string) {
	if text == "" {
		m.say(m.ph.Say("PlainTell"))
		return
	}
	for _, v := range m.visits {
		m.do(Tell{v.ID, text})
	}
	m.say(m.ph.Say("PlainTold"))
}

// began tells of a visit, or of what has changed of it.
func (m *plainResident) began(v Visit) {
	i := slices.IndexFunc(m.visits, func(o Visit) bool { return o.ID == v.ID })
	if i < 0 {
		m.visits = append(m.visits, v)
		m.say(Indicator(m.ph, v, time.Now()) + " " + m.ph.Say("PlainStop"))
		return
	}
	was := m.visits[i]
	m.visits[i] = v
	m.copies(was, v)
	switch {
	case v.Paused && !was.Paused:
		m.say(m.ph.Say("PlainPaused"))
	case !v.Paused && was.Paused:
		m.say(m.ph.Say("PlainResumed"))
	case !slices.Equal(v.Forwards, was.Forwards) && len(v.Forwards) > len(was.Forwards):
		m.say(m.ph.forwards(v.Forwards))
	case !slices.Equal(v.Watchers, was.Watchers) || !slices.Equal(v.Capabilities, was.Capabilities):
		m.say(Indicator(m.ph, v, time.Now()))
	}
}

// copies tells of a file that has begun to go, or went since. How far one is, who
// asks is told.
func (m *plainResident) copies(was, now Visit) {
	for _, t := range now.Transfers {
		if !slices.ContainsFunc(was.Transfers, func(o Transfer) bool { return o.Name == t.Name && o.Put == t.Put && o.Done == t.Done }) {
			m.say(m.ph.transfer(t))
		}
	}
}

// mirrored follows shells until all there is has been told, and prints their
// last lines then.
func (m *plainResident) mirrored(e Mirrored) {
	if m.mirror == nil {
		return
	}
	m.mirror.take(e)
	if !e.Current && !e.Lost {
		return
	}
	m.do(Unwatch{e.Visit}) // nothing of this visit comes after it
	i := slices.IndexFunc(m.visits, func(v Visit) bool { return v.ID == e.Visit })
	if i < 0 {
		return
	}
	found := false
	for _, s := range m.mirror.shells {
		if f := s.frame(); s.visit == e.Visit && f != nil {
			found = true
			m.say(m.ph.Say("PlainShell", "N", s.number, "Technician", m.visits[i].Technician))
			m.say(f.last(lastLines, m.ph.Say("PlainNoLines")))
		}
	}
	if !found {
		m.say(m.ph.Say("MirrorNothing"))
	}
	m.mirror.drop(e.Visit)
}

// last are the last lines with something on them, as text.
func (f *frame) last(most int, nothing string) string {
	var lines []string
	for y := range f.cells {
		lines = append(lines, f.text(y))
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	if len(lines) == 0 {
		return nothing
	}
	return strings.Join(lines[max(len(lines)-most, 0):], "\n")
}
