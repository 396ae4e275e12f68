package tui

import (
	"context"
	"strconv"
	"strings"
	"time"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"
)

// Charter is what [SignCharter] shows. All its text must be clean.
type Charter struct {
	Organisation string
	Version      string
	Lines        []string // the text; a line may be longer than the window
	Name         string   // whom it asks to sign, as it should be typed
	// NameFits says whether what was typed is that person's name.
	NameFits func(string) bool
}

// longestName is the longest name that can be typed, in characters.
const longestName = 64

// SignCharter shows a charter and asks for the reader's name under it, which
// can be typed once all of the text has been on the screen. It returns the name
// as typed, [ErrBack] on Escape and [ErrLeft] on Ctrl-C; neither is a signature.
func SignCharter(ctx context.Context, t *Terminal, c Charter) (string, error) {
	if t.Plain() {
		return plainCharter(ctx, t, c)
	}
	s := newCharterScreen(newPage(t), c)
	if err := run(ctx, t, s); err != nil {
		return "", err
	}
	return s.typed, s.end
}

type charterScreen struct {
	page
	charter Charter
	entry   textinput.Model
	top     int  // the first line that is shown
	read    bool // the last line has been shown
	wrong   bool
	typed   string
	end     error
	done    bool
}

func newCharterScreen(p page, c Charter) *charterScreen {
	s := &charterScreen{page: p, charter: c, entry: newEntry(longestName, "")}
	s.entry.Focus()
	s.scroll(0)
	return s
}

func (s *charterScreen) Init() tea.Cmd { return nil }
func (s *charterScreen) Done() bool    { return s.done }
func (s *charterScreen) Title() string {
	return s.ph.Say("CharterTitle", "Version", s.charter.Version)
}

func (s *charterScreen) Update(msg tea.Msg) tea.Cmd {
	s.observe(msg)
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		s.scroll(0)
	case tea.PasteMsg:
		s.edit(msg)
	case tea.KeyPressMsg:
		s.press(msg)
	}
	return nil
}

func (s *charterScreen) press(msg tea.KeyPressMsg) {
	switch key := msg.String(); {
	case key == "ctrl+c":
		s.done, s.end = true, ErrLeft
	case key == "esc":
		s.done, s.end = true, ErrBack
	case key == "up", key == "ctrl+p":
		s.scroll(-1)
	case key == "down", key == "ctrl+n":
		s.scroll(1)
	case key == "pgup":
		s.scroll(-s.room())
	case key == "pgdown", key == "space" && (!s.read || s.entry.Value() == ""):
		s.scroll(s.room())
	case key == "enter", key == "ctrl+j":
		s.sign()
	default:
		s.edit(msg)
	}
}

// sign hands the name in, if it is the reader's and the text has been read.
// Before that Enter is a key like Space: it goes on in the text.
func (s *charterScreen) sign() {
	name := strings.TrimSpace(s.entry.Value())
	switch {
	case !s.read:
		s.scroll(s.room())
	case s.charter.NameFits(name):
		s.typed, s.done = name, true
	default:
		s.wrong = name != ""
	}
}

// edit types into the name. What is typed before the text has been read would
// be a signature without having read, so it is not taken.
func (s *charterScreen) edit(msg tea.Msg) {
	if s.read {
		s.wrong = false
		edit(&s.entry, msg)
	}
}

// text is the charter, wrapped for the window.
func (s *charterScreen) text() []string {
	var lines []string
	for _, line := range s.charter.Lines {
		lines = append(lines, s.wrap(line, 0)...)
	}
	return lines
}

// head and foot are what stands above and below the text. The foot is as high
// before the text has been read as after, so that nothing moves then.
func (s *charterScreen) head() []string {
	head := []string{s.spread(styleTitle.Render(s.Title()), styleDim.Render(s.charter.Organisation))}
	if s.height >= 16 {
		head = append(head, s.wrap(s.ph.Say("CharterBefore"), 0)...)
		head = append(head, "")
	}
	return head
}

func (s *charterScreen) foot() []string {
	ask := s.wrap(s.ph.Say("CharterAsk", "Name", s.charter.Name), 0)
	field := entryView(s.entry, s.inner()-2)
	if s.wrong {
		wrong := s.wrap(s.ph.Say("CharterWrong", "Name", s.charter.Name), 0)
		ask = append(make([]string, max(0, len(ask)-len(wrong))), wrong...)
	}
	for i := range ask {
		style := styleStrong
		if s.wrong {
			style = styleBad
		}
		ask[i] = style.Render(ask[i])
	}
	if !s.read {
		for i := range ask {
			ask[i] = ""
		}
		ask[len(ask)-1], field = styleDim.Render(s.wrap(s.ph.Say("CharterReadOn"), 0)[0]), ""
	} else {
		field = styleKey.Render("› ") + field
	}
	keys := s.keys("enter", "CharterKeySign", "esc", "CharterKeyLeave", "↑↓", "CharterKeyLine")
	if !s.read {
		keys = s.keys("space", "CharterKeyPage", "↑↓", "CharterKeyLine", "esc", "CharterKeyLeave")
	}
	lines := append([]string{styleDim.Render(s.ph.Say("CharterRead", "Percent", s.percent()))}, ask...)
	return append(lines, field, keys)
}

// room is how many lines of the text fit.
func (s *charterScreen) room() int {
	asks := len(s.wrap(s.ph.Say("CharterAsk", "Name", s.charter.Name), 0))
	if s.wrong {
		asks = max(asks, len(s.wrap(s.ph.Say("CharterWrong", "Name", s.charter.Name), 0)))
	}
	return max(s.height-len(s.head())-asks-3, 0)
}

// scroll moves the text by lines, and notes that its last line was shown. A
// window too small for a line of the text never counts as having shown it.
func (s *charterScreen) scroll(by int) {
	last := max(len(s.text())-s.room(), 0)
	s.top = max(0, min(s.top+by, last))
	if s.room() > 0 && s.top == last {
		s.read = true
	}
}

func (s *charterScreen) percent() int {
	if s.read {
		return 100
	}
	return 100 * (s.top + s.room()) / max(1, len(s.text()))
}

func (s *charterScreen) View() string {
	text := s.text()
	end := min(len(text), s.top+s.room())
	return s.compose(s.head(), text[min(s.top, end):end], s.foot(), 0)
}

// plainPage is how many lines the line mode prints before it waits.
const plainPage = 20

// plainCharter prints the text a page at a time, and then asks for the name.
func plainCharter(ctx context.Context, t *Terminal, c Charter) (string, error) {
	l := t.lines(PhrasesFor(t.Locale()))
	l.say(l.ph.Say("CharterTitle", "Version", c.Version) + " · " + c.Organisation)
	l.say(l.ph.Say("CharterBefore"))
	for i, line := range c.Lines {
		if i > 0 && i%plainPage == 0 {
			if answer, err := l.ask(ctx, l.ph.Say("CharterPlainMore", "Percent", 100*i/len(c.Lines))); err != nil || answer == plainBack {
				return "", orBack(err)
			}
		}
		l.say(line)
	}
	for {
		name, err := l.ask(ctx, l.ph.Say("CharterPlainAsk", "Name", c.Name))
		switch {
		case err != nil || name == plainBack:
			return "", orBack(err)
		case c.NameFits(name):
			return name, nil
		case name != "":
			l.say(l.ph.Say("CharterWrong", "Name", c.Name))
		}
	}
}

func orBack(err error) error {
	if err != nil {
		return err
	}
	return ErrBack
}

// day words a day that is written 2027-05-01; anything else stays as it is.
func (p *Phrases) day(text string) string {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return text
	}
	months := strings.Fields(p.Say("Months"))
	number := strconv.Itoa(t.Day())
	if t.Day() == 1 {
		number = p.Say("DayFirst")
	}
	return p.Say("DayOf", "Day", number, "Month", months[t.Month()-1], "Year", t.Year())
}
