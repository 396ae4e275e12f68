package tui

import (
	"slices"
	"strings"
)

// capabilityWord names one capability and the end of its keys in the catalogs:
// Can… says in full what it lets a technician do, Short… in a few words.
type capabilityWord struct{ name, key string }

// capabilityWords are the capabilities in the order they are told in. Actions
// are not among them: the device's own configuration names those.
func capabilityWords() []capabilityWord {
	return []capabilityWord{
		{"shell", "Shell"},
		{"files.get", "FilesGet"},
		{"files.put", "FilesPut"},
		{"screen.view", "ScreenView"},
		{"screen.control", "ScreenControl"},
		{"clipboard.get", "ClipboardGet"},
		{"clipboard.put", "ClipboardPut"},
		{"forward", "Forward"},
	}
}

// viewCapability is the one that can be granted alone with a single key.
const viewCapability = "screen.view"

// Can says in plain words what a capability lets a technician do on the
// device; login is the account that commands run as, or "". A capability that
// this version has no words for is named as it is.
func (p *Phrases) Can(capability, login string) string {
	if capability == "shell" && login != "" {
		return p.Say("CanShellAs", "Login", login)
	}
	return p.capability("Can", capability)
}

// Short names a capability in a few plain words.
func (p *Phrases) Short(capability string) string { return p.capability("Short", capability) }

func (p *Phrases) capability(form, capability string) string {
	for _, w := range capabilityWords() {
		if w.name == capability {
			return p.Say(form + w.key)
		}
	}
	if name, ok := strings.CutPrefix(capability, "action:"); ok {
		if about := p.actions[capability]; about != "" {
			return p.Say(form+"ActionAbout", "Name", name, "About", about)
		}
		return p.Say(form+"Action", "Name", name)
	}
	return p.Say(form+"Other", "Name", capability)
}

// Shorts names capabilities on one line, in few words.
func (p *Phrases) Shorts(capabilities []string) string {
	if len(capabilities) == 0 {
		return p.Say("CardNothing")
	}
	return p.shorts(capabilities)
}

// shorts names several capabilities on one line.
func (p *Phrases) shorts(capabilities []string) string {
	words := make([]string, len(capabilities))
	for i, c := range capabilities {
		words[i] = p.Short(c)
	}
	return strings.Join(words, ", ")
}

// Cannot names on one line what is not part of a grant, or "" where all is. Nothing is
// named that another capability gives away: who controls the screen sees it.
func (p *Phrases) Cannot(granted []string) string {
	var rest []string
	for _, w := range capabilityWords() {
		given := slices.Contains(granted, w.name) ||
			w.name == viewCapability && slices.Contains(granted, "screen.control")
		if !given {
			rest = append(rest, w.name)
		}
	}
	return p.shorts(rest)
}
