package tui

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// ErrBack is returned by [AskRequest] when the technician wants another
// device.
var ErrBack = errors.New("back to the list of devices")

// Longest texts of a request, in characters; the same as the wire's.
const (
	longestReason = 500
	longestTicket = 64
)

// RequestForm is what [AskRequest] shows. All its text must be clean.
type RequestForm struct {
	Device       Device
	Organisation string
	// Reason, Ticket, Login and Wanted are proposed; what is no login or
	// capability of the device is left out.
	Reason, Ticket, Login string
	Wanted                []string
	ReasonRequired        bool
	ReasonMin             int // fewest characters of a reason, where there is one
	TicketRequired        bool
	TicketFits            func(string) bool // nil: any
	TicketLooks           string            // an example, as in "INC-1234"
	Minutes               int               // proposed
	MinutesMax            int
	// For is the form for other capabilities than Wanted, of which what is
	// required of the rest depends; nil: it doesn't.
	For func(capabilities []string) RequestForm
}

// forThe is the form for what is ticked by now.
func (f RequestForm) forThe(capabilities []string) RequestForm {
	if f.For == nil || len(capabilities) == 0 {
		return f
	}
	return f.For(capabilities)
}

// RequestFields is the answer. Reason and Ticket are as typed, without spaces
// at their ends: the caller cleans them.
type RequestFields struct {
	Reason, Ticket, Login string
	Capabilities          []string
	Minutes               int
}

// AskRequest asks for the fields of a request. It returns [ErrBack] on Escape
// and [ErrLeft] on Ctrl-C.
func AskRequest(ctx context.Context, t *Terminal, form RequestForm) (RequestFields, error) {
	if t.Plain() {
		return plainRequest(ctx, t, form)
	}
	s := newRequestScreen(newPage(t), form)
	if err := run(ctx, t, s); err != nil {
		return RequestFields{}, err
	}
	return s.fields, s.end
}

// The kinds of place that the cursor of the form can be at.
type formPlace int

const (
	atReason formPlace = iota
	atTicket
	atLogin
	atCapability
	atMinutes
)

// formStop is one such place; index counts the capabilities.
type formStop struct {
	place formPlace
	index int
}

type requestScreen struct {
	page
	form    RequestForm
	reason  textinput.Model
	ticket  textinput.Model
	minutes textinput.Model
	login   int
	wanted  []bool
	stops   []formStop
	at      int
	wrong   map[formPlace]string // what is wrong, beside its field
	fields  RequestFields
	end     error
	done    bool
}

func newRequestScreen(p page, form RequestForm) *requestScreen {
	p.ph = p.ph.With(form.Device.Actions)
	s := &requestScreen{
		page: p, form: form,
		reason:  newEntry(longestReason, form.Reason),
		ticket:  newEntry(longestTicket, form.Ticket),
		minutes: newEntry(4, strconv.Itoa(form.Minutes)),
		login:   max(0, slices.Index(form.Device.Logins, form.Login)),
		stops:   []formStop{{place: atReason}, {place: atTicket}},
	}
	if len(form.Device.Logins) > 1 {
		s.stops = append(s.stops, formStop{place: atLogin})
	}
	for i, c := range form.Device.Capabilities {
		s.wanted = append(s.wanted, slices.Contains(form.Wanted, c))
		s.stops = append(s.stops, formStop{atCapability, i})
	}
	s.stops = append(s.stops, formStop{place: atMinutes})
	s.focus(0)
	return s
}

func (s *requestScreen) Init() tea.Cmd { return nil }
func (s *requestScreen) Done() bool    { return s.done }
func (s *requestScreen) Title() string {
	return s.ph.Say("TechFormTitle", "Device", s.form.Device.Name)
}

// entry is the text field at a place, nil where there is none.
func (s *requestScreen) entry(p formPlace) *textinput.Model {
	switch p {
	case atReason:
		return &s.reason
	case atTicket:
		return &s.ticket
	case atMinutes:
		return &s.minutes
	}
	return nil
}

func (s *requestScreen) focus(at int) {
	s.at = max(0, min(at, len(s.stops)-1))
	for _, p := range []formPlace{atReason, atTicket, atMinutes} {
		s.entry(p).Blur()
	}
	if e := s.entry(s.stops[s.at].place); e != nil {
		e.Focus()
	}
}

func (s *requestScreen) Update(msg tea.Msg) tea.Cmd {
	s.observe(msg)
	switch msg := msg.(type) {
	case tea.PasteMsg:
		s.typed(msg)
	case tea.KeyPressMsg:
		s.press(msg)
	}
	return nil
}

func (s *requestScreen) press(msg tea.KeyPressMsg) {
	stop := s.stops[s.at]
	switch key := msg.String(); {
	case key == "ctrl+c":
		s.done, s.end = true, ErrLeft
	case key == "esc":
		s.done, s.end = true, ErrBack
	case key == "enter", key == "ctrl+j":
		s.enter()
	case key == "tab", key == "down", key == "ctrl+n":
		s.focus(s.at + 1)
	case key == "shift+tab", key == "up", key == "ctrl+p":
		s.focus(s.at - 1)
	case stop.place == atLogin && (key == "left" || key == "right" || key == "space"):
		by := 1
		if key == "left" {
			by = -1
		}
		s.login = (s.login + by + len(s.form.Device.Logins)) % len(s.form.Device.Logins)
	case stop.place == atCapability && (key == "space" || key == "x"):
		s.wanted[stop.index] = !s.wanted[stop.index]
		s.form = s.form.forThe(s.ticked())
		delete(s.wrong, atCapability)
	default:
		s.typed(msg)
	}
}

func (s *requestScreen) typed(msg tea.Msg) {
	place := s.stops[s.at].place
	if e := s.entry(place); e != nil {
		edit(e, msg)
		delete(s.wrong, place)
	}
}

// enter goes on to the next field, past the rest of the checklist; on the last
// it hands the form in, if all is well.
func (s *requestScreen) enter() {
	place := s.stops[s.at].place
	if place != atMinutes {
		next := slices.IndexFunc(s.stops, func(f formStop) bool { return f.place > place })
		s.focus(next)
		return
	}
	fields := RequestFields{
		Reason: strings.TrimSpace(s.reason.Value()), Ticket: strings.TrimSpace(s.ticket.Value()),
		Login: nth(s.form.Device.Logins, s.login), Capabilities: s.ticked(),
	}
	// What is no number is 0, which is out of bounds.
	fields.Minutes, _ = strconv.Atoi(strings.TrimSpace(s.minutes.Value()))
	s.wrong = s.form.check(s.ph, fields)
	for i, stop := range s.stops {
		if s.wrong[stop.place] != "" {
			s.focus(i)
			return
		}
	}
	s.fields, s.done = fields, true
}

// ticked are the capabilities that are wanted by now.
func (s *requestScreen) ticked() []string {
	var list []string
	for i, c := range s.form.Device.Capabilities {
		if s.wanted[i] {
			list = append(list, c)
		}
	}
	return list
}

// nth is list[i], or "" beyond its end.
func nth(list []string, i int) string {
	if i >= len(list) {
		return ""
	}
	return list[i]
}

// check says what is wrong with each field; nothing where all is well.
func (f RequestForm) check(ph *Phrases, in RequestFields) map[formPlace]string {
	f = f.forThe(in.Capabilities)
	wrong := map[formPlace]string{}
	switch n := utf8.RuneCountInString(in.Reason); {
	case n == 0 && f.ReasonRequired:
		wrong[atReason] = ph.Say("TechReasonRequired")
	case n > 0 && n < f.ReasonMin:
		wrong[atReason] = ph.Say("TechReasonShort", "N", f.ReasonMin)
	}
	switch {
	case in.Ticket == "" && f.TicketRequired:
		wrong[atTicket] = ph.Say("TechTicketRequired")
	case in.Ticket != "" && f.TicketFits != nil && !f.TicketFits(in.Ticket):
		wrong[atTicket] = ph.Say("TechTicketWrong", "Example", f.TicketLooks)
	}
	if len(in.Capabilities) == 0 {
		wrong[atCapability] = ph.Say("TechCapabilityNone")
		if len(f.Device.Capabilities) == 0 {
			// There is no such place in the form to stop at.
			wrong[atReason] = ph.Say("TechCapabilityNoneOffered")
		}
	}
	if in.Minutes < 1 || in.Minutes > f.MinutesMax {
		wrong[atMinutes] = ph.Say("TechMinutesWrong", "N", f.MinutesMax)
	}
	return wrong
}

func (s *requestScreen) View() string {
	head := []string{s.spread(styleTitle.Render(s.Title()), styleDim.Render(s.form.Organisation))}
	head = append(head, s.about(s.form.Device)[1], "")
	body, focus := s.body()
	foot := []string{"", s.keys("enter", s.enterKey(), "esc", "TechKeyBack", "space", "TechKeyTick", "↑↓", "TechKeyMove", "ctrl+c", "TechKeyLeave")}
	return s.compose(head, body, foot, focus)
}

func (s *requestScreen) enterKey() string {
	if s.stops[s.at].place == atMinutes {
		return "TechKeySend"
	}
	return "TechKeyNext"
}

// narrowForm is the width below which labels stand above their fields.
const narrowForm = 60

// labels are those of the fields, by place, and the width to give them.
func (s *requestScreen) labels() (labels []string, room int) {
	for _, key := range []string{"TechReason", "TechTicket", "TechLogin", "TechCapabilities", "TechMinutes"} {
		labels = append(labels, s.ph.Say(key))
		room = max(room, ansi.StringWidth(labels[len(labels)-1]))
	}
	return labels, room
}

// body draws the fields and returns the line that the cursor is on.
func (s *requestScreen) body() (lines []string, focus int) {
	labels, room := s.labels()
	narrow := s.width < narrowForm
	if narrow {
		room = -2
	}
	for i, stop := range s.stops {
		label := labels[stop.place]
		if stop.index > 0 {
			label = ""
		}
		if narrow && label != "" {
			lines = append(lines, styleStrong.Render(label))
		}
		sign := "  "
		if i == s.at {
			focus, sign = len(lines), styleKey.Render("› ")
		}
		if !narrow {
			sign += styleStrong.Render(toWidth(label, room)) + "  "
		}
		lines = append(lines, sign+s.field(stop, s.inner()-room-4))
		last := i+1 == len(s.stops) || s.stops[i+1].place != stop.place
		if wrong := s.wrong[stop.place]; wrong != "" && last {
			lines = append(lines, s.beside(wrong, room+4)...)
		}
		if last && s.height >= 16 {
			lines = append(lines, "")
		}
	}
	return lines, focus
}

// beside writes what is wrong under a field, in line with it.
func (s *requestScreen) beside(text string, indent int) []string {
	lines := s.wrap("↑ "+text, indent)
	for i, line := range lines {
		lines[i] = styleBad.Render(line)
	}
	return lines
}

// field draws what one place holds, in width cells.
func (s *requestScreen) field(stop formStop, width int) string {
	focused := s.stops[s.at] == stop
	switch stop.place {
	case atLogin:
		return "‹ " + nth(s.form.Device.Logins, s.login) + " ›"
	case atCapability:
		box := "[ ] "
		if s.wanted[stop.index] {
			box = "[x] "
		}
		return box + s.ph.Short(s.form.Device.Capabilities[stop.index])
	case atMinutes:
		return entryView(s.minutes, 6) + styleDim.Render(s.ph.Say("TechMinutesMax", "N", s.form.MinutesMax))
	}
	e := s.entry(stop.place)
	if e.Value() == "" && !focused {
		return styleDim.Render(s.hint(stop.place))
	}
	return entryView(*e, width)
}

// hint is what an empty field says.
func (s *requestScreen) hint(p formPlace) string {
	key := "TechOptional"
	switch {
	case p == atReason:
		key = "TechReasonHint"
	case s.form.TicketLooks != "":
		return s.ph.Say("TechTicketHint", "Example", s.form.TicketLooks)
	case s.form.TicketRequired:
		key = "TechNeeded"
	}
	return s.ph.Say(key)
}
