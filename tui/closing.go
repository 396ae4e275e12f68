package tui

import (
	"context"
	"strings"
	"time"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
)

// NoteKind is the mood of a [Note].
type NoteKind int

// The kinds of note.
const (
	NoteInfo NoteKind = iota
	NoteGood
	NoteBad
)

// Note is one thing to tell: refused and why, later and until when, nobody
// answered. All its text must be clean.
type Note struct {
	Title       string
	Lines       []string
	Kind        NoteKind
	Appointment time.Time // when to ask again; zero for none
}

// Notice shows a note until any key is typed. Ctrl-C, which is a key like any
// other here, and a lost terminal are [ErrLeft].
func Notice(ctx context.Context, t *Terminal, n Note) error {
	if t.Plain() {
		return plainNotice(t, n)
	}
	s := &noteScreen{page: newPage(t), note: n}
	if err := run(ctx, t, s); err != nil {
		return err
	}
	if s.left {
		return ErrLeft
	}
	return nil
}

type noteScreen struct {
	page
	note       Note
	done, left bool
}

func (s *noteScreen) Init() tea.Cmd { return nil }
func (s *noteScreen) Done() bool    { return s.done }

func (s *noteScreen) Update(msg tea.Msg) tea.Cmd {
	s.observe(msg)
	if key, ok := msg.(tea.KeyPressMsg); ok {
		s.done, s.left = true, key.String() == "ctrl+c"
	}
	return nil
}

// sign is a note's sign and colour.
func (k NoteKind) sign() (string, lipgloss.Style) {
	switch k {
	case NoteGood:
		return "✓", styleGood
	case NoteBad:
		return "✕", styleBad
	}
	return "•", styleKey
}

func (s *noteScreen) View() string {
	return s.compose([]string{""}, s.lines(), []string{"", styleDim.Render(s.ph.Say("TechAnyKeyList"))}, 0)
}

// lines are the note itself.
func (s *noteScreen) lines() []string {
	sign, style := s.note.Kind.sign()
	var body []string
	for i, line := range s.wrap(s.note.Title, 2) {
		if i == 0 {
			line = style.Render(sign) + " " + styleTitle.Render(strings.TrimLeft(line, " "))
		} else {
			line = styleTitle.Render(line)
		}
		body = append(body, line)
	}
	body = append(body, "")
	for _, text := range s.note.Lines {
		body = append(body, s.wrap(text, 2)...)
	}
	if !s.note.Appointment.IsZero() {
		body = append(body, "")
		body = append(body, s.wrap(s.ph.Say("TechAppointment", "When", s.moment(s.note.Appointment)), 2)...)
	}
	return body
}

// longestNote is the longest closing note, in characters.
const longestNote = 500

// Summary is what [ClosingNote] tells of a visit. All its text must be clean.
type Summary struct {
	Device       string
	Visit        string
	Began, Ended time.Time
	By           string // who ended it, in words
	Cause        string // why, in words
	Recording    string // how to play it, in words or as a command; "" for none
	NoteRequired bool
}

// ClosingNote shows the end of a visit and asks for a note on it. The note is
// as typed, without spaces at its ends: the caller cleans it. Left with Ctrl-C
// it returns what was typed so far and [ErrLeft].
func ClosingNote(ctx context.Context, t *Terminal, sum Summary) (string, error) {
	if t.Plain() {
		return plainClosing(ctx, t, sum)
	}
	s := newClosingScreen(newPage(t), sum)
	err := run(ctx, t, s)
	if err == nil && s.left {
		err = ErrLeft
	}
	return strings.TrimSpace(s.entry.Value()), err
}

type closingScreen struct {
	page
	sum        Summary
	entry      textinput.Model
	wrong      string
	done, left bool
}

func newClosingScreen(p page, sum Summary) *closingScreen {
	s := &closingScreen{page: p, sum: sum, entry: newEntry(longestNote, "")}
	s.entry.Focus()
	return s
}

func (s *closingScreen) Init() tea.Cmd { return nil }
func (s *closingScreen) Done() bool    { return s.done }

func (s *closingScreen) Update(msg tea.Msg) tea.Cmd {
	s.observe(msg)
	switch msg := msg.(type) {
	case tea.PasteMsg:
		edit(&s.entry, msg)
	case tea.KeyPressMsg:
		s.press(msg)
	}
	return nil
}

func (s *closingScreen) press(msg tea.KeyPressMsg) {
	s.wrong = ""
	switch msg.String() {
	case "ctrl+c":
		s.done, s.left = true, true
	case "enter", "ctrl+j":
		if s.sum.NoteRequired && strings.TrimSpace(s.entry.Value()) == "" {
			s.wrong = s.ph.Say("TechNoteRequired")
			return
		}
		s.done = true
	default:
		edit(&s.entry, msg)
	}
}

// rows are the facts of a visit.
func (sum Summary) rows(p *page) [][2]string {
	say := p.ph.Say
	times := ""
	if !sum.Began.IsZero() {
		times = sum.Began.Format("15:04") + " – " + sum.Ended.Format("15:04") + " (" + clock(sum.Ended.Sub(sum.Began)) + ")"
	}
	return [][2]string{
		{say("TechColumnDevice"), sum.Device}, {say("TechVisit"), sum.Visit},
		{say("TechColumnWhen"), times}, {say("TechEndedBy"), sum.By},
		{say("TechCause"), sum.Cause}, {say("TechRecording"), sum.Recording},
	}
}

func (s *closingScreen) View() string {
	head := []string{styleTitle.Render(s.ph.Say("TechClosingTitle")), ""}
	body := s.facts(s.sum.rows(&s.page))
	key := "TechNoteOptional"
	if s.sum.NoteRequired {
		key = "TechNoteNeeded"
	}
	body = append(body, "", styleStrong.Render(s.ph.Say(key)))
	body = append(body, styleKey.Render("› ")+entryView(s.entry, s.inner()-2))
	focus := len(body) - 1
	if s.wrong != "" {
		body = append(body, styleBad.Render("↑ "+s.wrong))
	}
	return s.compose(head, body, []string{"", s.keys("enter", "TechKeyFinish", "ctrl+c", "TechKeyLeave")}, focus)
}
