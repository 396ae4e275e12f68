package tui

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// formOfTerms wants a ticket and less time for files than for a shell.
func formOfTerms() RequestForm {
	form := techForm()
	form.For = func(capabilities []string) RequestForm {
		now := form
		if slices.Contains(capabilities, "files.get") {
			now.TicketRequired, now.MinutesMax = true, 15
		}
		return now
	}
	return form
}

// TestFormFollowsWhatIsTicked: what a further capability wants is asked for
// when it is ticked, by the screen and by the line mode.
func TestFormFollowsWhatIsTicked(t *testing.T) {
	want := RequestFields{Reason: "disk is full", Ticket: "INC-1", Login: "anna", Capabilities: []string{"shell", "files.get"}, Minutes: 10}
	for env, keys := range map[string]string{
		"TERM=xterm": "disk is full\r\r\r" + "\x1b[B \r\r" + "INC-1\r\r\r" + "\x7f\x7f10\r",
		"TERM=dumb":  "disk is full\r\r1\r" + "1,2\r\r" + "10\r" + "INC-1\r",
	} {
		t.Run(env, func(t *testing.T) {
			out := onTerminal(t, []string{env}, keys, func(ctx context.Context, term *Terminal) {
				got, err := AskRequest(ctx, term, formOfTerms())
				if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("got %+v, %v", got, err)
				}
			})
			if !strings.Contains(out, "15") {
				t.Errorf("it doesn't say how long: %q", out)
			}
		})
	}
}

// TestFormForgetsWhatIsUnticked: without the files it is as it was.
func TestFormForgetsWhatIsUnticked(t *testing.T) {
	keys := "disk is full\r\r\r" + "\x1b[B  \r\r"
	onTerminal(t, []string{"TERM=xterm"}, keys, func(ctx context.Context, term *Terminal) {
		got, err := AskRequest(ctx, term, formOfTerms())
		if err != nil || got.Ticket != "" || got.Minutes != 30 {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}
