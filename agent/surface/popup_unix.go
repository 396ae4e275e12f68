//go:build linux || darwin || freebsd

package surface

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// size is the popup's in cells, its frame included. In a large terminal it has
// room for what a long request shows, and still leaves something of what lies
// behind it. It is never larger than the terminal: tmux refuses such a popup
// ("height too large") and makes none that is smaller.
func (c client) size() (width, height string) {
	w, h := 64, 20
	if c.width >= 100 && c.height >= 30 {
		w, h = 84, 26
	}
	if c.width > 0 {
		w = min(w, c.width)
	}
	if c.height > 0 {
		h = min(h, c.height)
	}
	return strconv.Itoa(w), strconv.Itoa(h)
}

// wasShown is the exit status of a popup's command, whatever it did. tmux hands
// it on; 0 from tmux means that there was no popup, because another one is open
// on that client.
const wasShown = 10

// showScript runs its arguments as a command. Nothing is ever put into it.
const showScript = `"$@"; exit 10`

// downEvery is how often a popup is closed until it is: the first time may come
// before it has opened.
const downEvery = 100 * time.Millisecond

// downWait bounds how long a tmux server has to close a popup.
const downWait = 3 * time.Second

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*=[^\x00]*$`)

// Popup is where a popup can be shown: the user's most recently active tmux
// client.
type Popup struct{ client client }

// FindPopup finds where to show a popup: the most recently active client of
// all of the user's tmux servers. Servers and clients that visits names are
// left out, for a technician may run tmux too. Only root finds the clients of
// another user. The error is [ErrNobody] with a reason.
func FindPopup(ctx context.Context, u User, visits func(pid int) bool) (*Popup, error) {
	list, err := processes()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNobody, err)
	}
	all := servers(list, u, visits)
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: no tmux of theirs runs", ErrNobody)
	}
	why := errors.New("no terminal is attached to their tmux")
	var best *client
	for _, s := range all {
		clients, err := s.clients(ctx, visits)
		switch {
		case err != nil:
			why = err
		case len(clients) == 0 || best != nil && best.activity >= clients[0].activity:
		case !s.canPopup(ctx):
			why = fmt.Errorf("the tmux at %q is older than 3.2 and has no popups", s.socket)
		default:
			best = &clients[0]
		}
	}
	if best == nil {
		return nil, fmt.Errorf("%w: %w", ErrNobody, why)
	}
	return &Popup{*best}, nil
}

// Show opens a popup that runs command, an absolute path and its arguments,
// with these variables (NAME=value) added to the environment of the user's
// tmux, and returns when it is closed. The command runs with the rights of the
// user. nil means no more than that the popup is gone: it ended, was closed, or
// its terminal was. An error means that none was opened, or, with ctx's cause,
// that it was taken down because ctx ended.
func (p *Popup) Show(ctx context.Context, command, env []string) error {
	args, err := p.arguments(command, env)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	tmux, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	cmd := p.client.server.command(tmux, args...)
	var failure bounded
	cmd.Stderr = &failure
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("open a popup: %w", err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		return p.outcome(err, &failure)
	case <-ctx.Done():
	}
	p.takeDown(tmux, done, stop)
	return context.Cause(ctx)
}

// arguments are those of tmux. More than one word of command is what makes tmux
// run it as it is, and not through the user's shell.
func (p *Popup) arguments(command, env []string) ([]string, error) {
	if len(command) == 0 || !filepath.IsAbs(command[0]) {
		return nil, errors.New("open a popup: the command must start with an absolute path")
	}
	width, height := p.client.size()
	args := []string{
		"display-popup", "-c", p.client.tty, "-t", p.client.session + ":", "-d", "/",
		"-w", width, "-h", height, "-E", "--",
		"/bin/sh", "-c", showScript, "accord", "env",
	}
	for _, v := range env {
		if !variable.MatchString(v) {
			return nil, fmt.Errorf("open a popup: %q is no variable", v)
		}
	}
	for _, word := range append(env[:len(env):len(env)], command...) {
		if strings.ContainsRune(word, 0) {
			return nil, errors.New("open a popup: a word of the command holds a zero byte")
		}
		// tmux takes a last semicolon for the end of its own command.
		if head, ok := strings.CutSuffix(word, ";"); ok {
			word = head + `\;`
		}
		args = append(args, word)
	}
	return args, nil
}

// outcome reads what tmux ended with.
func (p *Popup) outcome(err error, failure *bounded) error {
	var exit *exec.ExitError
	status := 0
	if errors.As(err, &exit) {
		status = exit.ExitCode()
	} else if err != nil {
		return fmt.Errorf("open a popup: %w", err)
	}
	switch {
	case status == wasShown, status > 128 && failure.Len() == 0: // ended, or was closed
		return nil
	case status == 0:
		return fmt.Errorf("open a popup on %s: another one is open there", p.client.tty)
	}
	return fmt.Errorf("open a popup on %s: tmux ended with status %d%s", p.client.tty, status, failure.quoted())
}

// takeDown closes the popup until the tmux command that waits for it has ended.
func (p *Popup) takeDown(ctx context.Context, done <-chan error, stop func()) {
	tick := time.NewTicker(downEvery)
	defer tick.Stop()
	late := time.After(downWait)
	for {
		// What it says does not matter: a popup that is not there can't be
		// closed, and the command's end shows that one was.
		_, _ = p.client.server.ask(ctx, "display-popup", "-C", "-c", p.client.tty)
		select {
		case <-done:
			return
		case <-tick.C:
		case <-late:
			stop()
			<-done
			return
		}
	}
}
