package tui

import (
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// Facts are what a device tells of itself. They prove nothing. All text must be
// clean.
type Facts struct {
	At        time.Time // when it told them; zero where it told none
	System    string    // "Debian GNU/Linux 12 (bookworm)"
	Kernel    string
	Addresses []string
	Booted    time.Time
	Load      string // of 1, 5 and 15 minutes
	CPUs      int
	Seats     []Seat // who sits at it, the most recent first
}

// Seat is somebody at a device.
type Seat struct {
	Name, Place string
	// Known says that Since is known: when something was typed there last; zero
	// where that is just now.
	Known bool
	Since time.Time
}

// system is the device's operating system, as well as it is known.
func (d Device) system() string {
	if d.Facts.System != "" {
		return d.Facts.System
	}
	return d.OS
}

// shortSystem is it for a column: "Debian 12".
func (d Device) shortSystem() string {
	name, _, _ := strings.Cut(d.system(), " (")
	return strings.Replace(name, " GNU/Linux", "", 1)
}

// seat says who sits there, and for how long nothing was typed. Of a device that
// is away nothing grows older than when it said so.
func (p *page) seat(d Device, s Seat) string {
	text := s.Name + " " + s.Place
	switch {
	case !s.Known:
		return text
	case s.Since.IsZero():
		return text + " " + p.ph.Say("FactsActive")
	}
	now := p.now
	if d.State != Online || now.IsZero() {
		now = d.Facts.At
	}
	return text + " " + p.ph.Say("FactsIdle", "Span", p.span(now.Sub(s.Since)))
}

// keyboard is who was there last.
func (p *page) keyboard(d Device) string {
	if len(d.Facts.Seats) == 0 {
		return ""
	}
	return p.seat(d, d.Facts.Seats[0])
}

// address is the first of a device's addresses.
func (d Device) address() string {
	if len(d.Facts.Addresses) == 0 {
		return ""
	}
	return d.Facts.Addresses[0]
}

// words are what the filter looks at, besides the cells.
func (f Facts) words() string {
	list := append([]string{f.System, f.Kernel}, f.Addresses...)
	for _, s := range f.Seats {
		list = append(list, s.Name, s.Place)
	}
	return strings.Join(list, " ")
}

// pressDetails takes a key while the details of a device are shown.
func (s *deviceScreen) pressDetails(msg tea.KeyPressMsg) {
	switch msg.String() {
	case "up", "ctrl+p":
		s.scroll--
	case "down", "ctrl+n":
		s.scroll++
	case "pgup":
		s.scroll -= s.height / 2
	case "pgdown", "space":
		s.scroll += s.height / 2
	default:
		s.details = false
	}
	s.scroll = max(s.scroll, 0)
}

// detailsPage is all that is known of the device under the cursor.
func (s *deviceScreen) detailsPage() string {
	var body []string
	for _, d := range s.list.Devices {
		if d.Name == s.current().id {
			body = s.known(d)
		}
	}
	foot := []string{"", s.keys("↑↓", "TechKeyMove", "esc", "FactsKeyBack", "ctrl+c", "TechKeyLeave")}
	head := []string{s.spread(styleTitle.Render(s.current().id), styleDim.Render(s.list.Organisation)), ""}
	s.scroll = min(s.scroll, max(0, len(body)-(s.height-len(head)-len(foot))))
	return s.compose(head, body[min(s.scroll, len(body)):], foot, 0)
}

// known lists what is known of one device: what, and the value, which is
// wrapped.
func (s *deviceScreen) known(d Device) []string {
	state, sign := s.state(d)
	f, at := d.Facts, func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return s.moment(t)
	}
	var seats []string
	for _, seat := range f.Seats {
		seats = append(seats, s.seat(d, seat))
	}
	load := f.Load
	if load != "" && f.CPUs > 0 {
		load += " · " + s.ph.Say("FactsCPUs", "N", f.CPUs)
	}
	up := ""
	if !f.Booted.IsZero() {
		up = s.ph.Say("FactsSince", "When", at(f.Booted))
		if d.State == Online && s.ago(f.Booted) != "" {
			up = s.ago(f.Booted) + ", " + up
		}
	}
	told := at(f.At)
	if told == "" {
		told = s.ph.Say("FactsNone")
	}
	why := ""
	if d.State != Online {
		why = d.Why
	}
	pairs := []string{
		"TechColumnState", sign.Render(state), "FactsWhy", why, "TechColumnVisitor", d.Busy, "TechColumnSystem", d.system(),
		"FactsKernel", strings.TrimSpace(f.Kernel + " " + d.Arch), "FactsAddresses", strings.Join(f.Addresses, ", "), "FactsUp", up, "FactsLoad", load,
		"FactsKeyboard", strings.Join(seats, ", "), "TechColumnLabels", d.Labels, "FactsLogins", strings.Join(d.Logins, ", "),
		"FactsOffers", s.ph.Shorts(d.Capabilities), "FactsAgent", d.Agent, "FactsTold", told,
	}
	return s.pairs(pairs)
}

// pairs writes names and values under each other, and leaves out what has no
// value. Where there is little room a value stands below its name.
func (p *page) pairs(pairs []string) []string {
	widest := 0
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			widest = max(widest, ansi.StringWidth(p.ph.Say(pairs[i])))
		}
	}
	narrow := p.inner() < widest+24
	indent := widest + 2
	if narrow {
		indent = 2
	}
	var lines []string
	for i := 0; i+1 < len(pairs); i += 2 {
		name, value := p.ph.Say(pairs[i]), pairs[i+1]
		if value == "" {
			continue
		}
		wrapped := p.wrap(value, indent)
		if narrow {
			lines = append(append(lines, styleDim.Render(name)), wrapped...)
			continue
		}
		wrapped[0] = styleDim.Render(toWidth(name, widest)) + "  " + strings.TrimLeft(wrapped[0], " ")
		lines = append(lines, wrapped...)
	}
	return lines
}
