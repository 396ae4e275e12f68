package surface

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const hint = "Tom Tree asks to help you.\nTo answer: accord answer"

func (p *person) line(text string) int {
	p.t.Helper()
	n, err := Line(p.t.Context(), p.user, text, p.others)
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

// foreground waits until a terminal's program has it.
func (p *person) foreground(s *screen) {
	p.t.Helper()
	p.until("the program has its terminal", func() bool {
		got, ok := readProcess(s.cmd.Process.Pid)
		return ok && got.tty != 0 && got.foreground > 0 && !p.others(got.pid)
	})
}

func TestLineOnATerminal(t *testing.T) {
	people(t, func(t *testing.T, p *person) {
		if n := p.line(hint); n != 0 {
			t.Fatalf("%d reached, nobody is there", n)
		}
		a, b := p.sit("cat"), p.sit("cat")
		p.foreground(a)
		p.foreground(b)
		if n := p.line(hint); n != 2 {
			t.Errorf("%d reached, want 2", n)
		}
		for _, s := range []*screen{a, b} {
			// The terminal makes CR LF of LF, which is in raw mode the only way.
			want := "\a\r\r\nTom Tree asks to help you.\r\r\nTo answer: accord answer\r\r\n"
			p.until("the line is there", func() bool { return s.String() == want })
		}
	})
}

func TestLineLeavesOthersAlone(t *testing.T) {
	people(t, func(t *testing.T, p *person) {
		s := p.sit("cat")
		p.foreground(s)
		stranger := p.user
		stranger.UID = 54321
		if n, err := Line(t.Context(), stranger, hint, p.others); n != 0 || err != nil {
			t.Errorf("%d reached, %v", n, err)
		}
		if n := p.line(hint); n != 1 {
			t.Errorf("%d reached, want 1", n)
		}
	})
}

func TestLineLeavesVisitsOut(t *testing.T) {
	people(t, func(t *testing.T, p *person) {
		mine, visit := p.sit("cat"), p.sit("sh", "-c", "cat; :")
		p.foreground(mine)
		p.foreground(visit)
		n, err := Line(t.Context(), p.user, hint, func(pid int) bool { return pid == visit.cmd.Process.Pid || p.others(pid) })
		if n != 1 || err != nil {
			t.Errorf("%d reached, %v", n, err)
		}
		p.until("the line is there", func() bool { return strings.Contains(mine.String(), "accord answer") })
		if visit.String() != "" {
			t.Errorf("the visit's terminal shows %q", visit.String())
		}
	})
}

// A terminal that takes nothing costs half a second, and the others get theirs.
func TestLineOnAStoppedTerminal(t *testing.T) {
	people(t, func(t *testing.T, p *person) {
		stopped, other := p.sit("cat"), p.sit("cat")
		p.foreground(stopped)
		p.foreground(other)
		// Ctrl-S, as the terminal's driver takes it.
		if _, err := stopped.master.Write([]byte{'S' & 0x1f}); err != nil {
			t.Fatal(err)
		}
		stuck, err := openOwn(p, stopped)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(stuck) //nolint:errcheck // only looked at
		p.until("the terminal is stopped", func() bool {
			_, err := unix.Write(stuck, []byte("."))
			return err == unix.EAGAIN //nolint:errorlint // a plain errno
		})
		if n := p.line(hint); n != 1 {
			t.Errorf("%d reached, want 1", n)
		}
		p.until("the line is there", func() bool { return strings.Contains(other.String(), "accord answer") })
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if n, err := Line(ctx, p.user, hint, p.others); err == nil || n > 1 {
			t.Errorf("after the end: %d, %v", n, err)
		}
	})
}

// openOwn opens the terminal that a screen's program sits at.
func openOwn(p *person, s *screen) (int, error) {
	got, ok := readProcess(s.cmd.Process.Pid)
	if !ok {
		return -1, os.ErrNotExist
	}
	open, err := openTerminal(got.tty, p.user.UID)
	if err != nil {
		return -1, err
	}
	return open.fd, nil
}

// In tmux the line is where somebody looks: in the active pane of an attached
// session, not in another pane, not in a detached session, and never on the
// terminal around it.
func TestLineInTmux(t *testing.T) {
	people(t, func(t *testing.T, p *person) {
		p.start()
		if n := p.line(hint); n != 0 {
			t.Fatalf("%d reached in a session that nobody looks at", n)
		}
		p.attach() // its own terminal is none of the one reached
		p.tmux("split-window", "-t", "main", "cat")
		p.tmux("new-window", "-d", "-t", "main", "cat")
		p.tmux("new-session", "-d", "-s", "away", "cat")
		if n := p.line(hint); n != 1 {
			t.Errorf("%d reached, want 1", n)
		}
		capture := func(pane string) string { return p.tmux("capture-pane", "-p", "-t", pane) }
		p.until("the line is there", func() bool { return strings.Contains(capture("main:0.1"), "To answer: accord answer") })
		for _, pane := range []string{"main:0.0", "main:1", "away"} {
			if text := strings.TrimSpace(capture(pane)); text != "" {
				t.Errorf("%s shows %q", pane, text)
			}
		}
		// The pty of a popup is no place for it either.
		s := p.show(t.Context(), p.find(), nil)
		if n := p.line(hint); n != 1 {
			t.Errorf("%d reached beside a popup, want 1", n)
		}
		_, _ = fmt.Fprintln(s.conn, 0)
		<-s.end
	})
}

func TestLineRefusesUncleanText(t *testing.T) {
	for _, text := range []string{"\x1b[2J", "a\rb", "a\tb", "\u009b2J", strings.Repeat("x", maxLine+1)} {
		if n, err := Line(t.Context(), User{}, text, func(int) bool { return true }); n != 0 || err == nil {
			t.Errorf("%q: %d, %v", text[:1], n, err)
		}
	}
}

func TestOpenTerminalRefuses(t *testing.T) {
	p := newPerson(t, os.Geteuid(), os.Getegid())
	s := p.sit("cat")
	p.foreground(s)
	got, _ := readProcess(s.cmd.Process.Pid)
	for name, c := range map[string]struct {
		dev uint64
		uid int
	}{
		"another's":      {got.tty, os.Geteuid() + 1},
		"not there":      {unix.Mkdev(136, 1<<19), os.Geteuid()},
		"no terminal":    {unix.Mkdev(1, 3), os.Geteuid()},
		"current screen": {unix.Mkdev(4, 0), os.Geteuid()},
	} {
		if open, err := openTerminal(c.dev, c.uid); err == nil {
			_ = unix.Close(open.fd)
			t.Errorf("%s: opened", name)
		}
	}
}

func TestWriteAllKeepsItsTime(t *testing.T) {
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pipe[0]) //nolint:errcheck // a test's
	defer unix.Close(pipe[1]) //nolint:errcheck // a test's
	began := time.Now()
	full := &terminal{fd: pipe[1], rest: make([]byte, 1<<20)}
	if n, err := writeAll(t.Context(), []*terminal{full}); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if len(full.rest) == 1<<20 || time.Since(began) < lineWait {
		t.Error("it gave up early")
	}
}

func TestTerminalPath(t *testing.T) {
	for dev, want := range map[uint64]string{
		unix.Mkdev(136, 0):    "/dev/pts/0",
		unix.Mkdev(136, 1000): "/dev/pts/1000",
		unix.Mkdev(4, 1):      "/dev/tty1",
		unix.Mkdev(4, 63):     "/dev/tty63",
		unix.Mkdev(4, 64):     "/dev/ttyS0",
		unix.Mkdev(4, 0):      "",
		unix.Mkdev(5, 0):      "",
	} {
		if got := terminalPath(dev); got != want {
			t.Errorf("%d:%d is %q, want %q", unix.Major(dev), unix.Minor(dev), got, want)
		}
	}
}

func TestParseStat(t *testing.T) {
	const good = "42 (a) (b\n) c) S 1 40 39 34817 41 4194304 0"
	want := process{pid: 42, parent: 1, group: 40, session: 39, tty: unix.Mkdev(136, 1), foreground: 41, name: "a) (b\n) c"}
	if got, ok := parseStat(42, good); !ok || got != want {
		t.Errorf("%+v, %v", got, ok)
	}
	for _, c := range []struct {
		tty  string
		want uint64
	}{
		{"0", 0}, {"1025", unix.Mkdev(4, 1)}, {"34816", unix.Mkdev(136, 0)},
		{"1083584", unix.Mkdev(136, 256+192)}, {"-2147448577", unix.Mkdev(136, 0x80000|0xff)},
	} {
		if got, ok := parseStat(1, strings.Replace(good, "34817", c.tty, 1)); !ok || got.tty != c.want {
			t.Errorf("tty %s: %d:%d", c.tty, unix.Major(got.tty), unix.Minor(got.tty))
		}
	}
	for _, bad := range []string{"", "42", "42 (x", "42 )x(", "42 (x) S 1 2", strings.Replace(good, "39", "x", 1)} {
		if got, ok := parseStat(42, bad); ok {
			t.Errorf("%q is %+v", bad, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("42 (a) S 1 40 39 34817 41 4194304 0")
	f.Add("12|1700000000|0|0|attached|$3|/dev/pts/7|80|24")
	f.Add("0000000000000000: 00000002 00000000 00010000 0001 01 12345 /tmp/a b  c")
	f.Fuzz(func(t *testing.T, line string) {
		parseStat(1, line)
		if c, _, ok := parseClient(line); ok && (strings.ContainsAny(c.tty+c.session, " ;\n") || strings.HasPrefix(c.tty, "-")) {
			t.Fatalf("%q is %+v", line, c)
		}
		if _, path := parseUnix(line); path != "" && path[0] != '/' {
			t.Fatalf("%q lies at %q", line, path)
		}
	})
}
