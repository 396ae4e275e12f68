package tui

// The lines that the agent writes on a user's terminals when no screen of
// theirs is open. They are a few short lines each, without a trailing newline.

// LineToAnswer says that somebody asks, and how to answer.
func LineToAnswer(ph *Phrases, p Prompt) string {
	if p.Agentless {
		return ph.Say("LineAgentlessAsked", "Technician", p.person(), "Organisation", p.Organisation)
	}
	if p.Further != nil {
		return ph.Say("LineToAnswerMore", "Technician", p.person(), "Organisation", p.Organisation, "What", ph.shorts(p.Capabilities))
	}
	return ph.Say("LineToAnswer", "Technician", p.person(), "Organisation", p.Organisation)
}

// LineBegan says that a visit is open, until when, and how to stop it.
func LineBegan(ph *Phrases, v Visit) string {
	until := v.Until.Format("15:04")
	switch {
	case v.Agentless:
		return ph.Say("LineAgentlessBegan", "Technician", v.Technician, "Organisation", v.Organisation, "Until", until, "Name", or(v.Standing, "–"))
	case v.Override != nil:
		return ph.Say("LineBeganOverride", "Number", v.Override.Number, "Technician", v.Technician,
			"Organisation", v.Organisation, "Until", until, "Signers", v.Override.names())
	case v.Standing != "":
		return ph.Say("LineBeganStanding", "Technician", v.Technician, "Organisation", v.Organisation, "Until", until, "Name", v.Standing)
	}
	return ph.Say("LineBegan", "Technician", v.Technician, "Organisation", v.Organisation, "Until", until)
}

// LineExercise says that an override was practised, and opened nothing.
func LineExercise(ph *Phrases, o Override, technician string) string {
	return ph.Say("LineExercise", "Number", o.Number, "Technician", technician, "Signers", o.names())
}

// WhyGone says on a screen that did not answer what became of the request.
func WhyGone(ph *Phrases, c Choice) string {
	if c == None {
		return ph.Say("GoneUnanswered")
	}
	return ph.Say("GoneElsewhere")
}
