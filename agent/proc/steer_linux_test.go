package proc

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

// taken starts a command on a terminal and takes its output under a lock; what
// it printed so far is returned by the first function.
func taken(t *testing.T, command string) (p *Process, shown func() string, ended <-chan struct{}, hold *sync.Mutex) {
	t.Helper()
	self, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	p, err = Start(Spec{
		Visit: "steer", Account: self, Command: command, PTY: &PTY{Term: "xterm", Width: 80, Height: 24},
		Env: Environment(self, "steer", "ann", "", "xterm", "", nil),
	})
	if err != nil {
		t.Fatal(err)
	}
	hold = new(sync.Mutex)
	var out bytes.Buffer
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4<<10)
		for {
			n, err := p.Take(buf, hold)
			out.Write(buf[:n])
			hold.Unlock()
			if err != nil {
				if !errors.Is(err, io.EOF) {
					t.Error(err)
				}
				return
			}
		}
	}()
	t.Cleanup(func() {
		p.Close()
		<-done
	})
	return p, func() string {
		hold.Lock()
		defer hold.Unlock()
		return out.String()
	}, done, hold
}

func waitUntil(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("never: %s", what)
		}
	}
}

// Take loses nothing: all of a short command's output is there at its end.
func TestTakeToTheEnd(t *testing.T) {
	for range 20 {
		_, shown, ended, _ := taken(t, "echo first; seq 1 200; (sleep 60 &); echo last")
		<-ended
		if got := shown(); !strings.HasPrefix(got, "first\r\n1\r\n") || !strings.HasSuffix(got, "200\r\nlast\r\n") {
			t.Fatalf("it printed %q", got)
		}
	}
}

// While the lock is held nothing leaves the terminal, and Skim takes all that
// is in it, but of an endless program only so much.
func TestSkim(t *testing.T) {
	p, shown, _, hold := taken(t, "stty -echo; echo up; while read -r line; do echo \"<$line>\"; done")
	waitUntil(t, "it is up", func() bool { return strings.Contains(shown(), "up") })
	hold.Lock()
	if _, err := io.WriteString(p.Stdin(), "held\n"); err != nil {
		t.Fatal(err)
	}
	var skimmed bytes.Buffer
	waitUntil(t, "the answer is skimmed", func() bool {
		p.Skim(func(b []byte) { skimmed.Write(b) })
		return strings.Contains(skimmed.String(), "<held>")
	})
	hold.Unlock()
	if _, err := io.WriteString(p.Stdin(), "free\n"); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "the next is taken", func() bool { return strings.Contains(shown(), "<free>") })
	if strings.Contains(shown(), "held") {
		t.Error("what was skimmed was taken too")
	}
	endless, _, _, lock := taken(t, "yes")
	n := 0
	lock.Lock()
	waitUntil(t, "it prints", func() bool {
		endless.Skim(func(b []byte) { n += len(b) })
		return n > 0
	})
	n = 0
	endless.Skim(func(b []byte) { n += len(b) })
	lock.Unlock()
	if n > skimMost+4<<10 {
		t.Errorf("%d bytes were skimmed at once", n)
	}
}

func TestEcho(t *testing.T) {
	p, shown, _, _ := taken(t, "echo up; read -r a; stty -echo; echo off; read -r b; stty echo; echo on; read -r c")
	waitUntil(t, "it is up", func() bool { return strings.Contains(shown(), "up") })
	for _, step := range []struct {
		says string
		echo bool
	}{{"up", true}, {"off", false}, {"on", true}} {
		waitUntil(t, "it is "+step.says, func() bool { return strings.Contains(shown(), step.says) })
		if p.Echo() != step.echo {
			t.Errorf("%s: echo is %v", step.says, p.Echo())
		}
		if _, err := io.WriteString(p.Stdin(), "\n"); err != nil {
			t.Fatal(err)
		}
	}
	<-p.Done()
	p.Close()
	if p.Echo() {
		t.Error("a terminal that is gone echoes")
	}
}

// A program sees two changes of the size, and ends with the size it had.
func TestRedraw(t *testing.T) {
	p, shown, _, _ := taken(t, `stty -echo; trap 'stty size' WINCH; echo up; while :; do sleep 0.02; done`)
	waitUntil(t, "it is up", func() bool { return strings.Contains(shown(), "up") })
	// A machine that is busy may be too slow for once.
	waitUntil(t, "it has drawn itself anew", func() bool {
		p.Redraw(nil)
		return strings.Contains(shown(), "24 79")
	})
	waitUntil(t, "it has its size again", func() bool { return strings.HasSuffix(strings.TrimSpace(shown()), "24 80") })
	// Somebody else's size stays.
	over := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.Redraw(over)
	}()
	waitUntil(t, "it is narrow again", func() bool {
		size, err := p.size()
		return err == nil && size.Col == 79
	})
	if err := p.Resize(100, 30, 0, 0); err != nil {
		t.Fatal(err)
	}
	close(over)
	<-done
	if size, err := p.size(); err != nil || size.Col != 100 {
		t.Errorf("the new size became %+v: %v", size, err)
	}
}
