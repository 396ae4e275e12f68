package tui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// onTerminal runs f on a terminal of 80 by 24 that types keys, and checks that
// nothing of it is left behind.
func onTerminal(t *testing.T, env []string, keys string, f func(context.Context, *Terminal)) string {
	t.Helper()
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	r, w := io.Pipe()
	var out strings.Builder
	term := &Terminal{In: NewInput(r), Out: &out, Window: NewWindow(Size{80, 24}), Env: append(env, "LANG=C")}
	go func() { _, _ = io.WriteString(w, keys) }()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	f(ctx, term)
	_ = w.Close()
	return out.String()
}

func TestTypedAheadIsLeftForTheShell(t *testing.T) {
	onTerminal(t, []string{"TERM=xterm"}, "\rls\n", func(ctx context.Context, term *Terminal) {
		picked, err := Devices(ctx, term, DeviceList{Devices: techDevices()})
		if err != nil || picked.Device != "laptop-7" {
			t.Fatalf("picked %v, %v", picked, err)
		}
		raw := term.In.Raw()
		defer raw.Close()
		got := make([]byte, 3)
		if _, err := io.ReadFull(raw, got); err != nil || string(got) != "ls\n" {
			t.Errorf("the shell reads %q, %v", got, err)
		}
	})
}

func TestRequestIsTyped(t *testing.T) {
	keys := "disk is full\rINC-1\r\x1b[C\r" + "\x1b[B \r" + "\x7f\x7f45\r" + "next"
	onTerminal(t, []string{"TERM=xterm"}, keys, func(ctx context.Context, term *Terminal) {
		got, err := AskRequest(ctx, term, techForm())
		want := RequestFields{Reason: "disk is full", Ticket: "INC-1", Login: "root", Capabilities: []string{"shell", "files.get"}, Minutes: 45}
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

func TestScreensAreLeft(t *testing.T) {
	states := make(chan WaitState)
	screens := map[string]func(context.Context, *Terminal) error{
		"devices": func(ctx context.Context, term *Terminal) error {
			_, err := Devices(ctx, term, DeviceList{Updates: make(chan []Device)})
			return err
		},
		"request": func(ctx context.Context, term *Terminal) error {
			_, err := AskRequest(ctx, term, techForm())
			return err
		},
		"wait":   func(ctx context.Context, term *Terminal) error { return Wait(ctx, term, Waiting{}, states) },
		"notice": func(ctx context.Context, term *Terminal) error { return Notice(ctx, term, Note{}) },
		"closing": func(ctx context.Context, term *Terminal) error {
			_, err := ClosingNote(ctx, term, techSummary())
			return err
		},
		"recordings": func(ctx context.Context, term *Terminal) error {
			_, err := Recordings(ctx, term, techRecordings())
			return err
		},
		"player": func(ctx context.Context, term *Terminal) error {
			return Play(ctx, term, Recording{Tracks: []Track{{Source: sampleCast()}}})
		},
	}
	for name, show := range screens {
		t.Run(name, func(t *testing.T) {
			onTerminal(t, []string{"TERM=xterm"}, "\x03", func(ctx context.Context, term *Terminal) {
				if err := show(ctx, term); !errors.Is(err, ErrLeft) {
					t.Errorf("Ctrl-C: %v", err)
				}
			})
			onTerminal(t, []string{"TERM=xterm"}, "", func(ctx context.Context, term *Terminal) {
				gone := errors.New("the visit is over")
				ctx, cancel := context.WithCancelCause(ctx)
				cancel(gone)
				if err := show(ctx, term); !errors.Is(err, gone) {
					t.Errorf("cancelled: %v", err)
				}
			})
		})
	}
}

func TestWaitEndsWithItsStates(t *testing.T) {
	for _, env := range []string{"TERM=xterm", "TERM=dumb"} {
		out := onTerminal(t, []string{env}, "", func(ctx context.Context, term *Terminal) {
			states := make(chan WaitState, 2)
			states <- WaitState{Phase: PhaseRead}
			close(states)
			if err := Wait(ctx, term, Waiting{Device: "laptop-7"}, states); err != nil {
				t.Error(err)
			}
		})
		if env == "TERM=dumb" && !strings.Contains(out, "Somebody is reading") {
			t.Errorf("the line mode says %q", out)
		}
	}
}

func TestRequestGoesBack(t *testing.T) {
	for env, keys := range map[string]string{"TERM=xterm": "\x1b", "TERM=dumb": ".\r"} {
		onTerminal(t, []string{env}, keys, func(ctx context.Context, term *Terminal) {
			if _, err := AskRequest(ctx, term, techForm()); !errors.Is(err, ErrBack) {
				t.Errorf("%s: %v", env, err)
			}
		})
	}
}

func TestLineMode(t *testing.T) {
	out := onTerminal(t, []string{"TERM=dumb"}, "lyon\r9\r\rkiosk-2\r1\rab\rdisk is full\rINC-1\r2\r9\r1,2\r\r\rdone\r2\r", func(ctx context.Context, term *Terminal) {
		picked, err := Devices(ctx, term, DeviceList{Devices: techDevices(), Notice: "No device is called laptop-9."})
		if err != nil || picked.Device != "laptop-7" {
			t.Errorf("picked %v, %v", picked, err)
		}
		got, err := AskRequest(ctx, term, techForm())
		want := RequestFields{Reason: "disk is full", Ticket: "INC-1", Login: "root", Capabilities: []string{"shell", "files.get"}, Minutes: 30}
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("asked %+v, %v", got, err)
		}
		if err := Notice(ctx, term, Note{Title: "anna refused."}); err != nil {
			t.Error(err)
		}
		if note, err := ClosingNote(ctx, term, techSummary()); err != nil || note != "done" {
			t.Errorf("note %q, %v", note, err)
		}
		if id, err := Recordings(ctx, term, techRecordings()); err != nil || id != "20261121-090000-abcdefgi" {
			t.Errorf("recording %q, %v", id, err)
		}
	})
	if strings.Contains(out, "\x1b") {
		t.Errorf("the line mode moves the cursor: %q", out)
	}
	for _, want := range []string{"No device is called laptop-9.", "kiosk-2 has been away since", "A closing note is needed here.", "Say a little more"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in %s", want, out)
		}
	}
}

// TestScreensSuitRawTerminals paints a screen on an emulator that, as an SSH
// channel, takes LF for what it is: down, not back to the left.
func TestScreensSuitRawTerminals(t *testing.T) {
	out := onTerminal(t, []string{"TERM=xterm"}, "\x1b[B\x1b[A\x1b[B\x03", func(ctx context.Context, term *Terminal) {
		_, _ = Devices(ctx, term, DeviceList{Devices: techDevices()})
	})
	if bare := strings.Count(out, "\n") - strings.Count(out, "\r\n"); bare != 0 {
		t.Errorf("%d bare LF in %q", bare, out)
	}
}
