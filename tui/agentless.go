package tui

// What is said to the user of a device without an agent, in the session with
// which they hold its link.

// agentlessHints are the lines below a screen that waits: what such a device is,
// and what leaving the screen does.
func agentlessHints(ph *Phrases) []string {
	return []string{ph.Say("AgentlessJudges"), ph.Say("AgentlessLeave")}
}

// AgentlessHeld says to a session without a screen that the link is held.
func AgentlessHeld(ph *Phrases, device, organisation string) string {
	return ph.Say("AgentlessHeld", "Device", device, "Organisation", organisation)
}

// word is the key of a text, or of the one that stands for it without an agent.
func (i Idle) word(key, agentless string) string {
	if i.Agentless {
		return agentless
	}
	return key
}
