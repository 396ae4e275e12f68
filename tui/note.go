package tui

import (
	"time"

	"github.com/charmbracelet/x/ansi"
)

// The words of desktop notifications: a title and a text each. They draw attention;
// nobody answers there.

// NoteAsking says that somebody asks.
func NoteAsking(ph *Phrases, p Prompt) (title, text string) {
	return p.title(ph), ph.Say("NoteAsking", "Organisation", p.Organisation, "Reason", p.reason(ph))
}

// NoteVisit says who is connected, until when, and how to stop it; stop is the label
// of what does so.
func NoteVisit(ph *Phrases, v Visit) (title, text, stop string) {
	return ph.Say("VisitTitle", "Technician", v.Technician), ph.Say("NoteVisit", "Organisation", v.Organisation, "Until", v.Until.Format("15:04")), ph.Say("NoteStop")
}

// NoteEnded says that a visit is over.
func NoteEnded(ph *Phrases, c Card) (title, text string) {
	return ph.Say("NoteEnded"), ph.Say("NoteEndedText", "Technician", c.Technician, "Receipt", c.Receipt)
}

// Badge is a visit in a few words, for the edge of something else: who, how long,
// how to stop it. [Indicator] says more.
func Badge(ph *Phrases, v Visit, now time.Time) string {
	return ph.Say("Badge", "Technician", ansi.Truncate(v.Technician, badgeName, "…"), "Left", ph.remaining(v.Until.Sub(now)))
}

// badgeName is how much of a name a badge has room for, in cells.
const badgeName = 24
