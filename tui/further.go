package tui

import "time"

// Further is the visit that a [Prompt] asks to add to: it is open, and its end
// does not move.
type Further struct {
	Until time.Time
	Has   []string // what it may do already
}

// head is the first line of the prompt.
func (p Prompt) head(ph *Phrases) string {
	if p.Further != nil {
		return ph.Say("PromptHeadMore", "Organisation", p.Organisation, "Device", p.Device)
	}
	return ph.Say("PromptHead", "Organisation", p.Organisation, "Device", p.Device)
}

// title is that of the window that shows the prompt.
func (p Prompt) title(ph *Phrases) string {
	if p.Further != nil {
		return ph.Say("PromptTitleMore", "Technician", p.person())
	}
	return ph.Say("PromptTitle", "Technician", p.person())
}

// scopeMore tells what would be added, what the visit has, and until when.
func (p Prompt) scopeMore(ph *Phrases, recorded string) []textLine {
	var lines []textLine
	for i, c := range p.Capabilities {
		line := textLine{value: ph.Can(c, p.Login), kind: lineCan}
		if i == 0 {
			line.label = ph.Say("LabelMore")
		}
		lines = append(lines, line)
	}
	until := ph.Say("UntilAsAgreed", "Until", p.Further.Until.Format("15:04")) + recorded
	return append(lines,
		textLine{label: ph.Say("LabelHas"), value: ph.Shorts(p.Further.Has)},
		textLine{label: ph.Say("LabelTime"), value: until})
}
