//go:build linux || darwin || freebsd

package surface

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode"

	"golang.org/x/sys/unix"
)

const (
	// lineWait bounds how long a terminal has to take a line: it may be
	// stopped (Ctrl-S), or its other end may not read.
	lineWait = 500 * time.Millisecond
	// awaitSlice is after what time it is looked whether that is over.
	awaitSlice = 50 * time.Millisecond
	// maxLine bounds a text in bytes, so that it fits any terminal's buffer.
	maxLine = 2048
	// maxTerminals bounds how many are written to.
	maxTerminals = 64
)

// Line writes text, one or more clean lines, on every terminal that u sits at,
// with a bell before it, and returns how many took all of it. Terminals with a
// process that visits names are left out. Of tmux it reaches the active pane of
// each session that someone looks at, and never the terminal around it, where
// it would be garbage. It takes half a second at most, and what it asks tmux.
func Line(ctx context.Context, u User, text string, visits func(pid int) bool) (int, error) {
	if len(text) > maxLine || strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }) {
		return 0, fmt.Errorf("tell %s: the text is longer than %d bytes or not clean", u.Name, maxLine)
	}
	list, err := processes()
	if err != nil {
		return 0, fmt.Errorf("tell %s: %w", u.Name, err)
	}
	// The line may come in the middle of a line, and to a raw terminal.
	text = "\a\r\n" + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\r\n") + "\r\n"
	var open []*terminal
	for dev := range seats(ctx, list, u, visits) {
		if t, err := openTerminal(dev, u.UID); err == nil && len(open) < maxTerminals {
			t.rest = []byte(text)
			open = append(open, t)
			defer unix.Close(t.fd) //nolint:errcheck // written or not, it is over
		}
	}
	return writeAll(ctx, open)
}

// seat is what the processes say about one terminal.
type seat struct {
	theirs   bool // a process of the user's is on it
	front    bool // it has a foreground process group, so it is not hung up
	excluded bool
}

// seats finds the terminals that the user sits at.
func seats(ctx context.Context, list []process, u User, visits func(pid int) bool) map[uint64]*seat {
	found := map[uint64]*seat{}
	for _, p := range list {
		if p.tty == 0 {
			continue
		}
		s := found[p.tty]
		if s == nil {
			s = &seat{}
			found[p.tty] = s
		}
		s.theirs = s.theirs || p.uid == u.UID
		s.front = s.front || p.foreground > 0
		s.excluded = s.excluded || p.name == tmuxClient && p.group == p.foreground || visits(p.pid)
	}
	shown := visible(ctx, servers(list, u, visits), visits)
	for dev, s := range found {
		if !s.theirs || !s.front || s.excluded || inTmux(dev, list) && !slices.Contains(shown, terminalPath(dev)) {
			delete(found, dev)
		}
	}
	return found
}

// visible lists the panes that someone looks at. A tmux that does not reply has
// none.
func visible(ctx context.Context, all []server, visits func(pid int) bool) []string {
	var ttys []string
	for _, s := range all {
		if panes, err := s.panes(ctx, visits); err == nil {
			ttys = append(ttys, panes...)
		}
	}
	return ttys
}

// inTmux reports whether a terminal is a pane or popup of any tmux: the leader
// of its session is a child of a server.
func inTmux(dev uint64, list []process) bool {
	leader := slices.IndexFunc(list, func(p process) bool { return p.tty == dev && p.pid == p.session })
	return leader >= 0 && slices.ContainsFunc(list, func(p process) bool {
		return p.pid == list[leader].parent && p.name == tmuxServer
	})
}

// terminal is one that is being written to.
type terminal struct {
	fd   int
	rest []byte
}

// openTerminal opens the terminal with this device number if it is a terminal
// of the user's. It becomes nobody's controlling terminal, and nothing waits.
func openTerminal(dev uint64, uid int) (*terminal, error) {
	path := terminalPath(dev)
	if path == "" {
		return nil, errors.New("nobody sits at such a terminal")
	}
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil || st.Mode&syscall.S_IFMT != syscall.S_IFCHR || deviceOf(&st) != dev || int(st.Uid) != uid {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("%s is not the user's terminal", path)
	}
	return &terminal{fd: fd}, nil
}

// writeAll writes to all terminals at once and returns how many took all.
func writeAll(ctx context.Context, open []*terminal) (int, error) {
	deadline := time.Now().Add(lineWait)
	reached := 0
	for {
		open = slices.DeleteFunc(open, func(t *terminal) bool {
			done, failed := t.write()
			if done {
				reached++
			}
			return done || failed
		})
		if len(open) == 0 || time.Now().After(deadline) {
			return reached, nil
		}
		if ctx.Err() != nil {
			return reached, context.Cause(ctx)
		}
		if err := await(open); err != nil {
			return reached, err
		}
	}
}

// write writes what there is room for.
func (t *terminal) write() (done, failed bool) {
	n, err := unix.Write(t.fd, t.rest)
	if n > 0 {
		t.rest = t.rest[n:]
	}
	if err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
		return false, true // it was hung up
	}
	return len(t.rest) == 0, false
}
