package tui

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// TestAgentAway: a user can leave while there is no agent, and sees what is the matter.
func TestAgentAway(t *testing.T) {
	for _, env := range [][]string{{"TERM=xterm"}, {"ACCORD_PLAIN=1"}} {
		out := onTerminal(t, env, "x\rq\r", func(ctx context.Context, term *Terminal) {
			if err := AgentAway(ctx, term); !errors.Is(err, ErrLeft) {
				t.Errorf("%v: %v", env, err)
			}
		})
		if !strings.Contains(out, "has stopped") {
			t.Errorf("%v: %q", env, out)
		}
	}
}
