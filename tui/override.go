package tui

import (
	"context"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// OfferOverride shows a note, as [Notice] does, and offers to ask for an
// override of the consent that was not given; command is how to do that
// without this screen. Only the key o is a yes, any other key goes on without.
func OfferOverride(ctx context.Context, t *Terminal, n Note, command string) (yes bool, err error) {
	if t.Plain() {
		return plainOffer(ctx, t, n, command)
	}
	s := &offerScreen{noteScreen: noteScreen{page: newPage(t), note: n}, command: command}
	if err := run(ctx, t, s); err != nil {
		return false, err
	}
	if s.left {
		return false, ErrLeft
	}
	return s.yes, nil
}

type offerScreen struct {
	noteScreen
	command string
	yes     bool
}

func (s *offerScreen) Update(msg tea.Msg) tea.Cmd {
	cmd := s.noteScreen.Update(msg)
	if key, ok := msg.(tea.KeyPressMsg); ok {
		s.yes = key.String() == "o"
	}
	return cmd
}

func (s *offerScreen) View() string {
	body := s.lines()
	if n := len(body) - 1; body[n] != "" {
		body = append(body, "")
	}
	body = append(body, s.wrap(s.ph.Say("TechOfferOverride"), 2)...)
	body = append(body, "", "  "+styleKey.Render(s.command))
	foot := s.keys("o", "TechKeyOverride") + styleDim.Render(" · "+s.ph.Say("TechAnyOtherKeyList"))
	return s.compose([]string{""}, body, []string{"", foot}, 0)
}

func plainOffer(ctx context.Context, t *Terminal, n Note, command string) (bool, error) {
	if err := plainNotice(t, n); err != nil {
		return false, err
	}
	l := t.lines(PhrasesFor(t.Locale()))
	l.say(l.ph.Say("TechOfferOverride"))
	l.say("  " + command)
	if t.Piped {
		return false, nil
	}
	answer, err := l.ask(ctx, l.ph.Say("TechPlainOffer"))
	return strings.TrimSpace(answer) == "o", err
}
