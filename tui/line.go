package tui

// The lines that the agent writes on a user's terminals when no screen of
// theirs is open. They are a few short lines each, without a trailing newline.

// LineToAnswer says that somebody asks, and how to answer.
func LineToAnswer(ph *Phrases, p Prompt) string {
	return ph.Say("LineToAnswer", "Technician", p.person(), "Organisation", p.Organisation)
}

// LineBegan says that a visit is open, until when, and how to stop it.
func LineBegan(ph *Phrases, v Visit) string {
	return ph.Say("LineBegan", "Technician", v.Technician, "Organisation", v.Organisation, "Until", v.Until.Format("15:04"))
}

// WhyGone says on a screen that did not answer what became of the request.
func WhyGone(ph *Phrases, c Choice) string {
	if c == None {
		return ph.Say("GoneUnanswered")
	}
	return ph.Say("GoneElsewhere")
}
