//go:build linux || darwin || freebsd

package surface

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What tmux calls its processes.
const (
	tmuxServer = "tmux: server"
	tmuxClient = "tmux: client"
)

const (
	// maxServers bounds the tmux servers of one user that are asked.
	maxServers = 16
	// maxReply bounds what one says, in bytes.
	maxReply = 1 << 20
	// askWait bounds the time one has to reply: it may be stopped, and a busy machine
	// may take seconds.
	askWait = 4 * time.Second
)

// server is a tmux server of the user.
type server struct {
	user    User
	pid     int
	program string // the tmux that it is an instance of
	socket  string
}

// client is a terminal that shows a session of a server.
type client struct {
	server   server
	tty      string // its path
	session  string // "$3"
	activity int64  // Unix time of the last key
	width    int    // in cells; 0: unknown
	height   int
}

// ttyPath is how tmux names a terminal of a client.
var ttyPath = regexp.MustCompile(`^/dev/[A-Za-z0-9/]{1,64}$`)

// sessionID is how tmux names a session for good.
var sessionID = regexp.MustCompile(`^\$[0-9]{1,18}$`)

// ask runs a tmux command that replies at once, and returns the lines of the
// reply.
func (s server) ask(ctx context.Context, args ...string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	cmd := s.command(ctx, args...)
	var out, failure bounded
	cmd.Stdout, cmd.Stderr = &out, &failure
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("ask tmux at %q to %s: %w%s", s.socket, args[0], err, failure.quoted())
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n"), nil
}

// command is a tmux command of the user's, run with the user's rights and no
// environment from here.
func (s server) command(ctx context.Context, args ...string) *exec.Cmd {
	return s.user.command(ctx, []string{"LC_ALL=C.UTF-8"}, s.program, append([]string{"-S", s.socket}, args...)...)
}

// canPopup reports whether the server knows popups (tmux 3.2 and later).
func (s server) canPopup(ctx context.Context) bool {
	lines, err := s.ask(ctx, "list-commands")
	return err == nil && slices.ContainsFunc(lines, func(l string) bool {
		return strings.HasPrefix(l, "display-popup ")
	})
}

// clients lists the terminals that a person can read and type at, the most
// recently active first: no control mode, not suspended, not read-only, no
// part of a visit.
func (s server) clients(ctx context.Context, visits func(pid int) bool) ([]client, error) {
	const format = "#{client_pid}|#{client_activity}|#{client_control_mode}|#{client_readonly}|#{client_flags}|#{session_id}|#{client_tty}|#{client_width}|#{client_height}"
	lines, err := s.ask(ctx, "list-clients", "-F", format)
	if err != nil {
		return nil, err
	}
	var list []client
	for _, l := range lines {
		if c, pid, ok := parseClient(l); ok && !visits(pid) {
			c.server = s
			list = append(list, c)
		}
	}
	slices.SortStableFunc(list, func(a, b client) int { return cmp.Compare(b.activity, a.activity) })
	return list, nil
}

func parseClient(line string) (c client, pid int, ok bool) {
	f := strings.Split(line, "|")
	if len(f) != 9 || f[2] == "1" || f[3] == "1" || strings.Contains(f[4], "suspended") ||
		!sessionID.MatchString(f[5]) || !ttyPath.MatchString(f[6]) {
		return client{}, 0, false
	}
	pid, err := strconv.Atoi(f[0])
	if err != nil {
		return client{}, 0, false
	}
	activity, err := strconv.ParseInt(f[1], 10, 64)
	c = client{session: f[5], tty: f[6], activity: activity}
	c.width, _ = strconv.Atoi(f[7]) // unknown is small
	c.height, _ = strconv.Atoi(f[8])
	return c, pid, err == nil
}

// panes lists the terminals of the panes that have the keyboard in the
// sessions that someone looks at.
func (s server) panes(ctx context.Context, visits func(pid int) bool) ([]string, error) {
	clients, err := s.clients(ctx, visits)
	if err != nil || len(clients) == 0 {
		return nil, err
	}
	lines, err := s.ask(ctx, "list-panes", "-a", "-F", "#{window_active}#{pane_active}|#{session_id}|#{pane_tty}")
	if err != nil {
		return nil, err
	}
	var ttys []string
	for _, l := range lines {
		f := strings.Split(l, "|")
		if len(f) == 3 && f[0] == "11" && slices.ContainsFunc(clients, func(c client) bool { return c.session == f[1] }) {
			ttys = append(ttys, f[2])
		}
	}
	return ttys, nil
}

// bounded keeps the start of what is written to it, and stops a writer that
// does not end.
type bounded struct{ bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxReply {
		return 0, errors.New("the reply is too long")
	}
	return b.Buffer.Write(p)
}

// quoted is what was written, for the end of a sentence.
func (b *bounded) quoted() string {
	text := strings.TrimSpace(b.String())
	if text == "" {
		return ""
	}
	return fmt.Sprintf(" (it says %+q)", text[:min(len(text), 200)])
}
