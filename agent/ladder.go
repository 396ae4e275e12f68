package agent

import (
	"context"
	"os"

	"accord/agent/proc"
	"accord/agent/surface"
	"accord/tui"
)

// ladder is how a user without a resident screen is reached: a popup in their
// tmux, else a line on their terminals.
type ladder struct {
	agent *Agent
	self  []string // the command that runs this program
	user  surface.User
}

func newLadder(a *Agent, self []string) *ladder {
	u := a.user
	return &ladder{agent: a, self: self, user: surface.User{UID: u.UID, GID: u.GID, Groups: u.Groups, Name: u.Name, Home: u.Home}}
}

// Popup opens `accord answer` in a popup of the user's most recent tmux client.
// It speaks the language of that tmux.
func (l *ladder) Popup(ctx context.Context, nonce string) error {
	popup, err := surface.FindPopup(ctx, l.user, proc.Belongs)
	if err != nil {
		return err
	}
	command := append(append([]string{}, l.self...), "answer", "--socket", l.agent.cfg.Socket, "--request", nonce, "--surface", "tmux")
	return popup.Show(ctx, command, nil)
}

// Line writes on the terminals of the user, but for those of visits.
func (l *ladder) Line(ctx context.Context, text string) int {
	n, err := surface.Line(ctx, l.user, text, proc.Belongs)
	if err != nil {
		l.agent.log.Warn("the user's terminals", "error", err)
	}
	return n
}

// locale is the user's, as their own processes have it; else the agent's.
func (l *ladder) locale() string {
	if locale := surface.Locale(l.user, proc.Belongs); locale != "" {
		return locale
	}
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := os.Getenv(name); v != "" {
			return v
		}
	}
	return ""
}

func (l *ladder) Phrases() *tui.Phrases { return tui.PhrasesFor(l.locale()) }
