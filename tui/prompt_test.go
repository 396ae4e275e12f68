package tui

import (
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// noon is when the clocks of the tests start.
func noon() time.Time { return time.Date(2026, 5, 12, 12, 0, 0, 0, time.UTC) }

// samplePrompt asks for what is asked for on an ordinary day.
func samplePrompt() Prompt {
	return Prompt{
		ID: "nonce-1", Organisation: "Acme Assistance", Technician: "camille", Full: "Camille Roy",
		KeyWords: "SHA256:mVPwvezndPv/ARoIadVY98vAC0g+P/5633yTC4d/wXE",
		Charter:  "version 2026-1, signed 2026-02-03", Training: "2026",
		Ticket: "INC-4711", Device: "laptop-7", Login: "anna",
		Reason:       "The printer queue has been stuck since this morning; I would like to look at the spooler.",
		Capabilities: []string{"shell", "files.get", "files.put"},
		Minutes:      30, Recorded: true, ReplayBy: "Acme's auditors",
		Code: "42", Deadline: noon().Add(2 * time.Minute), Extensions: 3, LaterLeft: 3,
	}
}

func TestTmp(t *testing.T) {
	for _, lang := range []string{"en", "fr"} {
		for _, s := range []Size{{80, 24}, {62, 16}, {40, 12}, {120, 40}} {
			m := newAsking(page{ph: PhrasesFor(lang), width: s.Width, height: s.Height}, samplePrompt(), noon(), nil, func() tea.Cmd { return nil })
			m.advance(noon().Add(2 * time.Second))
			t.Log(s, m.fits(), "\n"+ansi.Strip(m.View()))
		}
	}
}
