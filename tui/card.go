package tui

import (
	"slices"
	"strings"
	"time"
)

// Visit is an open visit as its user is told of it. Texts are clean; times are
// shown in the zone they carry.
type Visit struct {
	ID           string
	Technician   string // the full name where it is known
	Organisation string
	Device       string
	Login        string // the account that commands run as, where known
	Capabilities []string
	Began        time.Time
	Until        time.Time         // when it ends by itself
	Watchers     []Watcher         // who else sees it
	Forwards     []string          // places that are connected through the device now
	Paused       bool              // the technician neither types nor sees
	Typing       bool              // the user types in a shell of it
	Screen       bool              // the technician sees the user's screen now
	Control      bool              // and can use the mouse and keyboard
	Standing     string            // the owner's standing consent that opened it; "" for the user's own yes
	Override     *Override         // what opened it in place of a yes; nil for a yes
	Agentless    bool              // no agent is here: the gateway judged
	Actions      map[string]string // what those capabilities do that are declared actions, see [Phrases.With]
	Transfers    []Transfer        // files on their way, or the last one
	Copied       Copied            // files that went
}

// Watcher is somebody who watches a visit besides its technician. The name is
// clean.
type Watcher struct {
	Name  string
	Hands bool // types too
}

// Card is what a visit came to, shown when it has ended. Texts are clean;
// times are shown in the zone they carry.
type Card struct {
	ID           string // the visit's
	Technician   string
	Organisation string
	Device       string
	Began        time.Time
	Ended        time.Time
	Used         []string // the capabilities that were used; none is possible
	Copied       Copied
	// EndedBy is "user", "time", "link", "gateway", "agent", "policy", or a person's
	// name, and Why what that person gave as a reason.
	EndedBy  string
	Why      string
	Standing string    // as in [Visit]
	Override *Override // as in [Visit]
	// Receipt is the number under which the device keeps the receipt.
	Receipt string
}

// Indicator tells of an open visit in one line: who is connected, how long, what
// is granted, who watches, whether it is paused, and how to stop it.
func Indicator(ph *Phrases, v Visit, now time.Time) string {
	return ph.Say("Indicator", "Technician", v.Technician, "Organisation", v.Organisation,
		"Left", ph.remaining(v.Until.Sub(now)), "Facts", strings.Join(slices.Concat(ph.opened(v), ph.now(v), ph.scope(v)), ", "))
}

// remaining writes the time left of a visit: in minutes, rounded up, and only
// in the last one in seconds.
func (p *Phrases) remaining(left time.Duration) string {
	if left <= time.Minute {
		return p.lasting(max(left, 0))
	}
	return p.lasting((left + time.Minute - 1).Truncate(time.Minute))
}

// facts are the lines of a card, a label and a text each.
func (c Card) facts(ph *Phrases) [][2]string {
	used := ph.Say("CardNothing")
	if len(c.Used) > 0 {
		used = ph.shorts(c.Used)
	}
	facts := [][2]string{{ph.Say("LabelWho"), ph.Say("CardWho", "Technician", c.Technician, "Organisation", c.Organisation)}}
	if by := c.openedBy(ph); by != "" {
		facts = append(facts, [2]string{ph.Say("LabelOpened"), by})
	}
	facts = append(facts, [][2]string{
		{ph.Say("LabelDevice"), c.Device},
		{ph.Say("LabelWhen"), c.when(ph)},
		{ph.Say("LabelUsed"), used},
	}...)
	if c.Copied.Got+c.Copied.Put > 0 {
		facts = append(facts, [2]string{ph.Say("LabelFiles"), ph.copied(c.Copied)})
	}
	return append(facts, [][2]string{
		{ph.Say("LabelEnded"), c.endedBy(ph)},
		{ph.Say("LabelReceipt"), or(c.Receipt, ph.Say("CardNoReceipt"))},
	}...)
}

// when says from when to when, with the second day only where it is another.
func (c Card) when(ph *Phrases) string {
	to := c.Ended.Format("15:04")
	if c.Began.Format(time.DateOnly) != c.Ended.Format(time.DateOnly) {
		to = c.Ended.Format("2006-01-02 15:04")
	}
	return ph.Say("CardWhen", "From", c.Began.Format("2006-01-02 15:04"), "To", to,
		"Long", ph.lasting(max(c.Ended.Sub(c.Began), 0)))
}

func (c Card) endedBy(ph *Phrases) string {
	switch c.EndedBy {
	case "user":
		return ph.Say("EndedUser")
	case "time":
		return ph.Say("EndedTime")
	case "link":
		return ph.Say("EndedLink")
	case "gateway":
		return ph.Say("EndedGateway")
	case "agent":
		return ph.Say("EndedAgent")
	case "policy":
		return ph.Say("EndedPolicy")
	}
	if c.Why != "" {
		return ph.Say("EndedPersonWhy", "Name", c.EndedBy, "Why", c.Why)
	}
	return ph.Say("EndedPerson", "Name", c.EndedBy)
}

// Text is the card as plain lines.
func (c Card) Text(ph *Phrases) string {
	var b strings.Builder
	b.WriteString(ph.Say("CardTitle") + "\n")
	for _, fact := range c.facts(ph) {
		b.WriteString(fact[0] + " " + fact[1] + "\n")
	}
	return b.String()
}
