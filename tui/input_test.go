package tui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	uv "github.com/charmbracelet/ultraviolet"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

// events reads the events that an Input makes of pieces that arrive apart,
// until its end. Pastes are in <>.
func events(t *testing.T, gap time.Duration, pieces ...string) (list []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		go func() {
			for _, p := range pieces {
				_, _ = io.WriteString(w, p)
				<-time.After(gap)
			}
			_ = w.Close()
		}()
		in := NewInput(r)
		var dec uv.EventDecoder
		for {
			ev, err := in.next(t.Context(), &dec)
			if err != nil {
				if !errors.Is(err, io.EOF) {
					t.Error(err)
				}
				return
			}
			switch msg := ev.msg.(type) {
			case tea.KeyPressMsg:
				list = append(list, msg.String())
			case tea.PasteMsg:
				list = append(list, "<"+msg.Content+">")
			}
		}
	})
	return list
}

func TestEvents(t *testing.T) {
	const apart = 10 * time.Millisecond
	for name, c := range map[string]struct {
		pieces []string
		gap    time.Duration
		want   string
	}{
		"letters":           {[]string{"ab"}, apart, "a b"},
		"split UTF-8":       {[]string{"\xc3", "\xa9x"}, apart, "é x"},
		"arrow":             {[]string{"\x1b[A"}, apart, "up"},
		"split arrow":       {[]string{"\x1b", "[", "A"}, apart, "up"},
		"lone escape":       {[]string{"\x1b", "a"}, time.Second, "esc a"},
		"alt":               {[]string{"\x1ba"}, apart, "alt+a"},
		"paste":             {[]string{"\x1b[200~4\r2\x1b[201~x"}, apart, "<4\r2> x"},
		"split paste":       {[]string{"\x1b[200~4", "2\x1b[20", "1~", "x"}, apart, "<42> x"},
		"empty paste":       {[]string{"\x1b[200~\x1b[201~"}, apart, "<>"},
		"paste of escape":   {[]string{"\x1b[200~\x1b[A\x1b[201~"}, apart, "<\x1b[A>"},
		"paste cut at EOF":  {[]string{"\x1b[200~42"}, apart, "<42>"},
		"paste never ended": {[]string{"\x1b[200~42", "s"}, 3 * time.Second, "<42> s"},
		"enter and LF":      {[]string{"\r\n"}, apart, "enter ctrl+j"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(events(t, c.gap, c.pieces...), " "); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// A paste longer than the Input holds is cut, and no part of it is typing.
func TestLongPaste(t *testing.T) {
	got := events(t, 0, "a\x1b[200~"+strings.Repeat("42", inputHold)+"\x1b[201~", "z")
	if len(got) != 3 || got[0] != "a" || got[2] != "z" || !strings.HasPrefix(got[1], "<4242") {
		t.Errorf("%d events", len(got))
	}
}

// What arrives when is known for each event, also for one that was put back.
func TestArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		in := NewInput(r)
		began := time.Now()
		for _, s := range []string{"a", "bc", "\x1b[A"} {
			_, _ = io.WriteString(w, s)
			<-time.After(time.Second)
		}
		var dec uv.EventDecoder
		check := func(key string, want time.Duration) event {
			t.Helper()
			ev, err := in.next(t.Context(), &dec)
			if err != nil {
				t.Fatal(err)
			}
			if got := ev.at.Sub(began); got != want || ev.msg.(tea.KeyPressMsg).String() != key {
				t.Errorf("%v after %v, want %s after %v", ev.msg, got, key, want)
			}
			return ev
		}
		check("a", 0)
		b := check("b", time.Second)
		in.unread(b)
		check("b", time.Second)
		check("c", time.Second)
		check("up", 2*time.Second)
		_ = w.Close()
	})
}

func TestDiscard(t *testing.T) {
	for name, c := range map[string]struct{ before, after, want string }{
		"typing":            {"abc", "x", "x"},
		"whole paste":       {"\x1b[200~42\x1b[201~", "x", "x"},
		"paste under way":   {"\x1b[200~4", "2\x1b[201~x", "x"},
		"second under way":  {"\x1b[200~4\x1b[201~\x1b[200~", "42\x1b[201~x", "x"},
		"nothing under way": {"\x1b[201~", "42", "42"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, w := io.Pipe()
				in := NewInput(r)
				_, _ = io.WriteString(w, c.before)
				synctest.Wait()
				in.Discard()
				_, _ = io.WriteString(w, c.after)
				_ = w.Close()
				got, err := io.ReadAll(in.Raw())
				if string(got) != c.want || err != nil {
					t.Errorf("%q %v, want %q", got, err, c.want)
				}
			})
		})
	}
}

// A relay that is closed takes nothing with it, whenever that happens.
func TestRawTakesTurns(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		sent := rapid.SliceOfN(rapid.Byte(), 1, 4096).Draw(rt, "bytes")
		turns := rapid.SliceOfN(rapid.IntRange(1, 64), 1, 20).Draw(rt, "turns")
		in := NewInput(bytes.NewReader(sent))
		var got []byte
		for _, n := range turns {
			raw := in.Raw()
			p := make([]byte, n)
			m, _ := raw.Read(p)
			got = append(got, p[:m]...)
			_ = raw.Close()
			if _, err := raw.Read(p); !errors.Is(err, errTaken) {
				rt.Fatalf("a closed relay reads on: %v", err)
			}
		}
		rest, err := io.ReadAll(in.Raw())
		if got = append(got, rest...); err != nil || !bytes.Equal(got, sent) {
			rt.Fatalf("%d bytes came, %d were sent (%v)", len(got), len(sent), err)
		}
	})
}

func TestRawCloseWakesRead(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	raw := NewInput(r).Raw()
	read := make(chan error)
	go func() {
		_, err := raw.Read(make([]byte, 1))
		read <- err
	}()
	_ = raw.Close()
	if err := <-read; !errors.Is(err, errTaken) {
		t.Errorf("%v", err)
	}
}

// The reader stops where nobody takes, and goes on without losing a byte.
func TestInputHolds(t *testing.T) {
	sent := bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	in := NewInput(bytes.NewReader(sent))
	got, err := io.ReadAll(in.Raw())
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d bytes of %d (%v)", len(got), len(sent), err)
	}
	if in.mu.Lock(); len(in.marks) != 0 {
		t.Errorf("%d marks are left of nothing", len(in.marks))
	}
	in.mu.Unlock()
}

// FuzzInput: whatever arrives, each byte belongs to one event, and no event is
// made of nothing.
func FuzzInput(f *testing.F) {
	for _, s := range []string{"", "a", "\x1b", "\x1b[A", "\x1b[200~42\x1b[201~", "\xc3", "\x1b]0;t\x07", "\x1b[<0;1;1M", "\x1bP+q\x1b\\"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		if len(sent) > inputHold/2 {
			return
		}
		in := NewInput(bytes.NewReader(sent))
		var dec uv.EventDecoder
		var got []byte
		for {
			ev, err := in.next(context.Background(), &dec)
			if err != nil {
				break
			}
			if len(ev.raw) == 0 || ev.msg == nil {
				t.Fatalf("an event %T of %q", ev.msg, ev.raw)
			}
			got = append(got, ev.raw...)
		}
		if !bytes.Equal(got, sent) {
			t.Fatalf("%q came of %q", got, sent)
		}
	})
}

// tireless is a client that types without end and is never read.
type tireless struct{ stopped chan struct{} }

func (e tireless) Read(p []byte) (int, error) {
	select {
	case <-e.stopped:
		return 0, io.EOF
	default:
		return len(p), nil
	}
}

// A reader that waits because nobody takes what was typed ends with its owner.
func TestCloseEndsAFullInput(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	r := tireless{make(chan struct{})}
	in := NewInput(r)
	for full := false; !full; {
		in.mu.Lock()
		full = len(in.buf) >= inputHold
		changed := in.changed
		in.mu.Unlock()
		if !full {
			<-changed
		}
	}
	close(r.stopped)
	in.Close()
}
