package tui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"go.uber.org/goleak"
)

// lockedBuffer is an output that may be looked at while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// pipeTerminal is a terminal whose keys are written to keys.
func pipeTerminal(env ...string) (t *Terminal, keys *io.PipeWriter, out *lockedBuffer) {
	r, keys := io.Pipe()
	out = &lockedBuffer{}
	env = append([]string{"TERM=xterm"}, env...)
	return &Terminal{In: NewInput(r), Out: out, Window: NewWindow(Size{80, 24}), Env: env}, keys, out
}

// keyScreen notes keys until one of them is its end, or a message is.
type keyScreen struct {
	keys  string
	until string
	ends  time.Duration // after which it ends by itself; 0 is never
	done  bool
	size  Size
	boom  bool
}

type endMsg struct{}

func (s *keyScreen) Init() tea.Cmd {
	if s.ends == 0 {
		return nil
	}
	return tea.Tick(s.ends, func(time.Time) tea.Msg { return endMsg{} })
}

func (s *keyScreen) Update(msg tea.Msg) tea.Cmd {
	if s.done {
		panic("a screen that is done gets messages")
	}
	switch msg := msg.(type) {
	case tea.KeyPressMsg:
		if s.boom {
			panic("as the test wants it")
		}
		s.keys += msg.Text
		s.done = msg.Text == s.until
	case tea.WindowSizeMsg:
		s.size = Size{msg.Width, msg.Height}
	case endMsg:
		s.done = true
	}
	return nil
}

func (s *keyScreen) View() string { return s.keys }
func (s *keyScreen) Done() bool   { return s.done }

// Each screen takes its own keys, and a relay gets those that are left.
func TestKeysBelongToOneScreen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		term, keys, _ := pipeTerminal()
		go func() {
			_, _ = io.WriteString(keys, "ab.cd!ls\r")
			_ = keys.Close()
		}()
		for _, c := range []struct{ until, want string }{{".", "ab."}, {"!", "cd!"}} {
			s := &keyScreen{until: c.until}
			if err := run(t.Context(), term, s); err != nil || s.keys != c.want {
				t.Errorf("%q %v, want %q", s.keys, err, c.want)
			}
		}
		rest, err := io.ReadAll(term.In.Raw())
		if string(rest) != "ls\r" || err != nil {
			t.Errorf("%q %v is left for the shell", rest, err)
		}
	})
}

// Keys that arrive in the very moment when screens end by themselves, or are
// cancelled, are all seen once: by one of the screens or by what comes next.
func TestNoKeyIsLostWhenAScreenEndsByItself(t *testing.T) {
	const total = 3000
	term, keys, _ := pipeTerminal()
	var sent strings.Builder
	for i := range total {
		fmt.Fprintf(&sent, "%c", 'a'+i%26)
	}
	go func() {
		for _, r := range sent.String() {
			_, _ = io.WriteString(keys, string(r))
		}
		_ = keys.Close()
	}()
	var got strings.Builder
	for range 40 {
		ctx, cancel := context.WithCancel(t.Context())
		s := &keyScreen{until: "none"}
		if wait := rand.N(4 * time.Millisecond); rand.N(2) == 0 { //nolint:gosec // no secret
			s.ends = wait
		} else {
			time.AfterFunc(wait, cancel)
		}
		err := run(ctx, term, s)
		cancel()
		got.WriteString(s.keys)
		if errors.Is(err, ErrLeft) {
			break
		}
	}
	rest, err := io.ReadAll(term.In.Raw())
	got.Write(rest)
	if err != nil || got.String() != sent.String() {
		t.Errorf("%d keys came of %d (%v)", got.Len(), total, err)
	}
}

func TestRunErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		term, keys, _ := pipeTerminal()
		cause := errors.New("the visit was cancelled")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(cause) })
		if err := run(ctx, term, &keyScreen{}); !errors.Is(err, cause) {
			t.Errorf("cancelled: %v", err)
		}
		time.AfterFunc(time.Second, func() { _ = keys.Close() })
		if err := run(t.Context(), term, &keyScreen{}); !errors.Is(err, ErrLeft) {
			t.Errorf("closed: %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		term, keys, _ := pipeTerminal()
		time.AfterFunc(time.Second, func() { _ = keys.CloseWithError(errors.New("the cable is cut")) })
		if err := run(t.Context(), term, &keyScreen{}); !errors.Is(err, ErrLeft) || !strings.Contains(err.Error(), "cable") {
			t.Errorf("broken: %v", err)
		}
	})
}

// The size that is told first is never older than the window's.
func TestResize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		term, keys, _ := pipeTerminal()
		s := &keyScreen{until: "."}
		ended := make(chan error)
		go func() { ended <- run(t.Context(), term, s) }()
		term.Window.Set(Size{100, 50})
		synctest.Wait()
		_, _ = io.WriteString(keys, ".")
		if err := <-ended; err != nil || s.size != (Size{100, 50}) {
			t.Errorf("size %v (%v)", s.size, err)
		}
		_ = keys.Close()
	})
}

// clockScreen notes the times it is told.
type clockScreen struct {
	keyScreen
	at    time.Time
	times []time.Time
}

func (s *clockScreen) At(t time.Time) { s.at = t }

func (s *clockScreen) Update(msg tea.Msg) tea.Cmd {
	if _, ok := msg.(tea.KeyPressMsg); ok {
		s.times = append(s.times, s.at)
	}
	return s.keyScreen.Update(msg)
}

func TestKeysComeWithTheirTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		term, keys, _ := pipeTerminal()
		began := time.Now()
		go func() {
			_, _ = io.WriteString(keys, "a")
			<-time.After(2500 * time.Millisecond)
			_, _ = io.WriteString(keys, ".")
		}()
		<-time.After(time.Second) // the screen comes later than the first key
		s := &clockScreen{keyScreen: keyScreen{until: "."}}
		if err := run(t.Context(), term, s); err != nil {
			t.Fatal(err)
		}
		if !s.times[0].Equal(began) || s.times[1].Sub(began) != 2500*time.Millisecond {
			t.Errorf("keys at %v, began %v", s.times, began)
		}
		_ = keys.Close()
	})
}

// A screen leaves no goroutine behind, and the terminal as it was.
func TestRunCleansUp(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	term, keys, out := pipeTerminal()
	go func() { _, _ = io.WriteString(keys, "a.") }()
	if err := run(t.Context(), term, &keyScreen{until: "."}); err != nil {
		t.Fatal(err)
	}
	_ = keys.Close()
	for _, mode := range []string{"1049", "25", "2004"} {
		on, off := strings.LastIndex(out.String(), "\x1b[?"+mode+"h"), strings.LastIndex(out.String(), "\x1b[?"+mode+"l")
		if mode == "25" {
			on, off = off, on // the cursor is hidden, then shown
		}
		if off < on {
			t.Errorf("mode %s stays on", mode)
		}
	}
}

func TestNoColour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		term, keys, out := pipeTerminal("NO_COLOR=1")
		go func() {
			<-time.After(quietTime)
			_, _ = io.WriteString(keys, "q")
		}()
		p := samplePrompt()
		p.Deadline = time.Now().Add(time.Minute)
		_, _ = Ask(t.Context(), term, p, nil)
		for _, colour := range []string{"\x1b[31", "\x1b[32", "\x1b[33", "\x1b[36", ";31m", ";32m", ";36m"} {
			if strings.Contains(out.String(), colour) {
				t.Errorf("%q was written in spite of NO_COLOR", colour)
			}
		}
		_ = keys.Close()
	})
}

// A bug in one screen is an error of that screen, not a yes and not the end of
// the program.
func TestCrash(t *testing.T) {
	stderr := os.Stderr // Bubble Tea writes the stack there
	os.Stderr, _ = os.Open(os.DevNull)
	defer func() { os.Stderr = stderr }()
	term, keys, _ := pipeTerminal()
	go func() { _, _ = io.WriteString(keys, "a") }()
	err := run(t.Context(), term, &keyScreen{boom: true})
	if !errors.Is(err, tea.ErrProgramPanic) || errors.Is(err, ErrLeft) {
		t.Errorf("%v", err)
	}
	_ = keys.Close()
}
