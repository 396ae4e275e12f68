package tui

import (
	"errors"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// ErrTime is returned when the time to answer a prompt ran out. It is never a
// yes.
var ErrTime = errors.New("the time to answer ran out")

// reasonLongest is how much of a technician's reason is shown, in cells: about
// two lines, so that a long one can't push the rest out of the window.
const reasonLongest = 120

// Prompt is what the agent asks its user. All texts are clean and one line
// long. Times are shown in the zone they carry.
type Prompt struct {
	// ID is the request's nonce. Another one, or any change of what is shown,
	// starts the guard again.
	ID           string
	Organisation string
	Technician   string // the name that the gateway knows
	Full         string // the person's full name, where known
	KeyWords     string // words or fingerprint of the technician's key
	// The charter that they signed and when, and the last day of their
	// training, where known. Days are written 2027-05-01.
	CharterVersion, CharterSigned, TrainedUntil string

	Ticket       string
	Reason       string
	Device       string
	Login        string // the account that commands run as
	Capabilities []string
	Actions      map[string]string // what those do that are declared actions, see [Phrases.With]
	Minutes      int
	Recorded     bool
	ReplayBy     string // who may replay the recording; "" says no names
	Watched      bool   // a colleague must watch
	Hands        bool   // who watches may type too
	Input        bool   // what is typed is recorded, but for what has no echo
	Replay       bool   // the user may replay the visit afterwards
	Agentless    bool   // no agent is here: the gateway asks, and judges
	// Further is the open visit that this is to be added to; nil: it is for a
	// visit of its own.
	Further *Further
	// Code is what the user types to approve: two digits, made by the agent
	// from a cryptographic source for this prompt alone.
	Code string
	// Deadline is when no answer becomes a no.
	Deadline time.Time
	// Extensions is how often the user may still move Deadline.
	Extensions int
	// LaterLeft is how often the answer may still be "later".
	LaterLeft int
	// Extend asks the agent for more time and returns the new deadline, or
	// false. It is called from a goroutine of its own and may block for a
	// moment. Only [Ask] uses it; [Resident] sends [Extend] instead.
	Extend func() (time.Time, bool) `json:"-"`
}

// Choice is what the user decided.
type Choice string

// The choices. None is every way of not deciding, and is never a yes.
const (
	Approve Choice = "approve"
	Later   Choice = "later"
	Refuse  Choice = "refuse"
	None    Choice = "none"
)

// Guard tells how an answer came about.
type Guard struct {
	// Quiet is how long the keyboard was silent before the first key that
	// counted; 0 where none did.
	Quiet time.Duration
	// Early counts the keys that came before that, and pastes.
	Early int
	// Open is how long the prompt was on the screen.
	Open time.Duration
}

// Answer is the user's decision about one [Prompt].
type Answer struct {
	Choice Choice
	// Granted are the capabilities of an approval: all that were asked for or
	// fewer, never others. Empty for every other choice.
	Granted []string
	// Later is when the user wishes to be asked again, for that choice.
	Later time.Time
	// Why is the reason of a refusal, chosen or typed: one line in the user's
	// language, at most 200 cells, "" where none was given. The agent cleans
	// it like any text from outside.
	Why string
	// Stranger is set when the user does not know the technician. The choice
	// is then to refuse, and the supervisors must be told.
	Stranger bool
	// Language is the one the text was shown in; [PhrasesFor] takes it.
	Language string
	Guard    Guard
	// Extended counts how often the user was given more time here.
	Extended int
}

// textLine is one line of the prompt before it is laid out. Without a label it
// goes on from the line above it.
type textLine struct {
	label, value string
	kind         lineKind
}

type lineKind int

const (
	lineFact lineKind = iota
	lineHead
	lineCan
	lineCannot
)

// paragraphs are the lines of the prompt in groups that belong together. They
// hold every word that is shown of the request; only the code, which is the
// same as a key to press, is not among them.
func (p Prompt) paragraphs(ph *Phrases) [][]textLine {
	ph = ph.With(p.Actions)
	request := []textLine{
		{label: ph.Say("LabelWho"), value: p.who(ph)},
		{label: ph.Say("LabelTicket"), value: or(p.Ticket, ph.Say("NoTicket"))},
		{label: ph.Say("LabelReason"), value: p.reason(ph)},
	}
	proof := []textLine{
		{label: ph.Say("LabelKey"), value: or(p.KeyWords, ph.Say("NotKnown"))},
		{label: ph.Say("LabelCharter"), value: p.rules(ph)},
	}
	return [][]textLine{
		{{value: p.head(ph), kind: lineHead}},
		request, proof, p.scope(ph),
	}
}

// scope tells what the technician can do, what not, how long, and who may see
// it again.
func (p Prompt) scope(ph *Phrases) []textLine {
	terms := "NotRecorded"
	switch {
	case p.Recorded && p.ReplayBy != "":
		terms = "RecordedFor"
	case p.Recorded:
		terms = "Recorded"
	}
	recorded := ph.Say(terms, "By", p.ReplayBy)
	if p.Further != nil {
		return p.scopeMore(ph, recorded)
	}
	var lines []textLine
	for i, c := range p.Capabilities {
		line := textLine{value: ph.Can(c, p.Login), kind: lineCan}
		if i == 0 {
			line.label = ph.Say("LabelCan")
		}
		lines = append(lines, line)
	}
	if rest := ph.Cannot(p.Capabilities); rest != "" {
		lines = append(lines, textLine{label: ph.Say("LabelCannot"), value: rest, kind: lineCannot})
	}
	value := ph.Say("Minutes", "Count", p.Minutes) + recorded
	lines = append(lines, textLine{label: ph.Say("LabelTime"), value: value})
	for _, term := range p.terms() {
		lines = append(lines, textLine{value: ph.Say(term)})
	}
	return lines
}

// terms are what the policy binds the visit to.
func (p Prompt) terms() []string {
	var keys []string
	if p.Agentless {
		keys = append(keys, "TermAgentless")
	}
	if p.Input {
		keys = append(keys, "TermInput")
	}
	switch {
	case p.Watched && p.Hands:
		keys = append(keys, "TermWatchedHands")
	case p.Watched:
		keys = append(keys, "TermWatched")
	case p.Hands:
		keys = append(keys, "TermHands")
	}
	if p.Replay {
		keys = append(keys, "TermReplay")
	}
	return keys
}

func (p Prompt) who(ph *Phrases) string {
	if p.Full == "" || p.Full == p.Technician {
		return p.Technician
	}
	return ph.Say("WhoFull", "Full", p.Full, "Technician", p.Technician)
}

// person is the shortest way to name the technician.
func (p Prompt) person() string { return or(p.Full, p.Technician) }

func (p Prompt) rules(ph *Phrases) string {
	charter, training := ph.Say("CharterNone"), ph.Say("TrainingNone")
	if p.CharterVersion != "" {
		charter = ph.Say("CharterSigned", "Version", p.CharterVersion, "Day", ph.day(p.CharterSigned))
	}
	if p.TrainedUntil != "" {
		training = ph.Say("TrainedUntil", "Day", ph.day(p.TrainedUntil))
	}
	return ph.Say("CharterTraining", "Charter", charter, "Training", training)
}

func (p Prompt) reason(ph *Phrases) string {
	if p.Reason == "" {
		return ph.Say("NoReason")
	}
	return ph.Say("Quoted", "Text", ansi.Truncate(p.Reason, reasonLongest, "…"))
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// Text is the plain text of the request as it is shown and as the receipt
// holds it: the screen lays out exactly these words, in this order, and adds
// only what the keys do, the code and the time left.
func (p Prompt) Text(ph *Phrases) string {
	var b strings.Builder
	for i, group := range p.paragraphs(ph) {
		if i > 0 {
			b.WriteByte('\n')
		}
		for _, line := range group {
			switch {
			case line.label != "":
				b.WriteString(line.label + " ")
			case line.kind != lineHead:
				b.WriteString("  ")
			}
			b.WriteString(line.value + "\n")
		}
	}
	return b.String()
}

// sameQuestion reports whether q asks the very same as p, so that only the
// time to answer it differs.
func (p Prompt) sameQuestion(q Prompt, ph *Phrases) bool {
	return p.ID == q.ID && p.Code == q.Code && p.Text(ph) == q.Text(ph)
}

// answerable reports whether an approval could mean anything at all.
func (p Prompt) answerable() bool {
	return p.ID != "" && len(p.Code) == 2 && isDigit(p.Code[0]) && isDigit(p.Code[1]) &&
		len(p.Capabilities) > 0 && p.Technician != ""
}

func isDigit(b byte) bool { return b >= '0' && b <= '9' }
