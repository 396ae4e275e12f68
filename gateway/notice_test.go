package gateway

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/recordings"
)

// written is a technician's terminal that keeps what it gets.
type written struct {
	gossh.Channel
	out, errs bytes.Buffer
}

func (w *written) Write(p []byte) (int, error) { return w.out.Write(p) }

func (w *written) Stderr() io.ReadWriter { return &w.errs }

// noticed is a session of a visit, with a terminal or without one.
func noticed(t *testing.T, pty bool, env ...string) (r *relayed, w *written) {
	t.Helper()
	lib, err := recordings.Open(recordings.Config{Dir: t.TempDir()}, func(p []byte) ([]byte, error) { return p, nil })
	if err != nil {
		t.Fatal(err)
	}
	rec, err := lib.Create(recordings.Visit{
		ID: "20261122-164500-abcdefgh", Device: recordings.Device{Name: "laptop-7", Key: "SHA256:x"}, Technician: recordings.Technician{Name: "bob", Key: "SHA256:y"},
	})
	if err != nil {
		t.Fatal(err)
	}
	shell, err := rec.Shell(recordings.ShellInfo{Width: 80, Height: 24, PTY: pty})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := rec.Seal(recordings.End{Ended: time.Now(), By: "test", Cause: "test"}); err != nil {
			t.Error(err)
		}
		if err := lib.Close(); err != nil {
			t.Error(err)
		}
	})
	w = &written{}
	s := &session{caller: caller{env: env}, ch: w, term: "xterm"}
	if pty {
		s.pty = []byte{0}
	}
	return &relayed{session: s, shell: shell}, w
}

// TestNoticesDoNoHarm: a notice waits until the output is at a place where it
// breaks nothing, and is there then.
func TestNoticesDoNoHarm(t *testing.T) {
	const notice = "Accord: ada (supervisor) watches this visit."
	for before, after := range map[string]string{
		"\x1b[3":         "1mred",
		"\x1b]0;half a ": "title\x07",
		"\xe2\x82":       "\xac",
		"\x1bP1$r":       "\x1b\\",
	} {
		r, w := noticed(t, true)
		put := func(p string) {
			t.Helper()
			if rerr, werr := r.output([]byte(p), r.shell.Output, w); rerr != nil || werr != nil {
				t.Fatal(rerr, werr)
			}
		}
		put("plain " + before)
		if err := r.show(notice); err != nil {
			t.Fatal(err)
		}
		if got := w.out.String(); got != "plain "+before {
			t.Errorf("%q is broken: %q", before, got)
		}
		put(after)
		put("on")
		if got := w.out.String(); !strings.HasPrefix(got, "plain "+before+after) || !strings.Contains(got, notice) || !strings.HasSuffix(got, "\r\non") {
			t.Errorf("%q: %q", before, got)
		}
	}
}

func TestNoticesWithoutATerminal(t *testing.T) {
	r, w := noticed(t, false)
	if rerr, werr := r.output([]byte("out\n"), r.shell.Output, w); rerr != nil || werr != nil {
		t.Fatal(rerr, werr)
	}
	if err := r.show("ada watches"); err != nil {
		t.Fatal(err)
	}
	if w.out.String() != "out\n" || w.errs.String() != "accord: ada watches\n" {
		t.Errorf("%q, %q", w.out.String(), w.errs.String())
	}
	r, w = noticed(t, true, "ACCORD_PLAIN=1")
	if err := r.show("ada watches"); err != nil {
		t.Fatal(err)
	}
	if got := w.out.String(); got != "\r\nada watches\r\n" {
		t.Errorf("a terminal in the line mode gets %q", got)
	}
}

// TestSignalsAreHeld: where nobody watches who must, no signal goes to what runs.
func TestSignalsAreHeld(t *testing.T) {
	a := newAudience(true, func(error) {})
	requests := make(chan passed, 1)
	s := &session{relay: requests, held: a.held}
	if s.request(&gossh.Request{Type: "signal"}) {
		t.Error("it was passed on")
	}
	if err := a.join(testWatcher("ada", "supervisor")); err != nil || !s.request(&gossh.Request{Type: "signal"}) {
		t.Errorf("it was held (%v)", err)
	}
	if len(requests) != 1 || (<-requests).kind != "signal" {
		t.Error("it is lost")
	}
}
