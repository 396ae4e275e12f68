package push

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"accord/wire"
)

// Shell is the admin's own ssh: its options come from their configuration and
// from their command line.
type Shell struct {
	Env     []string
	Options []string // for every host, as they were typed
	Ask     bool     // ssh may ask for passwords and about keys on the terminal
	Sockets string   // a folder for the sockets of connections that are shared
}

// most bounds what a host may print, in bytes; mostDevices what the gateway says of
// [Options.Hosts].
const (
	most        = 64 << 10
	mostDevices = 4 << 20
)

// lookLimit and installLimit bound what one host may take: its first word, and
// all of the program over a slow line.
const (
	lookLimit    = time.Minute
	installLimit = 30 * time.Minute
)

// socketMost is what ssh can bind, in bytes: a Unix address (unix(7)) without the
// 17 that it adds.
const socketMost = 90

// line is one connection's worth of ssh: where the admin's configuration shares
// none, one of ours is shared by all that is done on the host.
func (s *Shell) line(ctx context.Context, host string) []string {
	args := slices.Clone(s.Options)
	if !s.Ask {
		args = append(args, "-o", "BatchMode=yes")
	}
	config, err := s.command(ctx, append(slices.Clone(args), "-G", "--", host)).Output()
	socket := filepath.Join(s.Sockets, wire.Digest(host)[:8])
	if err == nil && !sharing(string(config)) && len(socket) <= socketMost {
		args = append(args, "-o", "ControlMaster=auto", "-o", "ControlPersist=120", "-o", "ControlPath="+socket)
	}
	return append(args, "-o", "ServerAliveInterval=15")
}

// sharing reports whether what `ssh -G` prints shares connections.
func sharing(config string) bool {
	for line := range strings.Lines(config) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "controlpath "); ok {
			return path != "none"
		}
	}
	return false
}

// close ends the connection that line may have left open.
func (s *Shell) close(line []string, host string) {
	if !slices.Contains(line, "ControlMaster=auto") {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = s.command(ctx, append(slices.Clone(line), "-O", "exit", "--", host)).Run()
}

func (s *Shell) command(ctx context.Context, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "ssh", args...) //nolint:gosec // the admin's own ssh with the admin's own words
	cmd.Env = s.Env
	cmd.WaitDelay = 5 * time.Second // a shared connection keeps the streams open
	return cmd
}

// quote makes a text one word of sh.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// script runs a script on a host, whatever the login shell there is: the script
// comes first on standard input, and what it reads itself behind it. It returns
// what the script has said.
func (s *Shell) script(ctx context.Context, line []string, host, before, script string, in io.Reader) (answers, error) {
	remote := before + fmt.Sprintf(`sh -c 'eval "$(dd bs=1 count=%d 2>/dev/null)"'`, len(script))
	cmd := s.command(ctx, append(slices.Clone(line), "-T", "--", host, remote))
	cmd.Stdin = io.MultiReader(strings.NewReader(script), in)
	out, told := &bounded{most: most}, &bounded{most: most}
	cmd.Stdout, cmd.Stderr = out, told
	err := cmd.Run()
	said := parseAnswers(out.text.String())
	switch exit, failed := errors.AsType[*exec.ExitError](err); {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case said["end"] == "1" || said["done"] == "1" || said["failed"] != "":
		return said, nil
	case failed && exit.ExitCode() == 255:
		return nil, &stepError{"ssh", lastLine(told.text.String())}
	case err != nil && !failed && !errors.Is(err, exec.ErrWaitDelay):
		return nil, fmt.Errorf("run ssh: %w", err)
	}
	return nil, &stepError{"shell", lastLine(told.text.String())}
}

// bounded keeps the start of what is written and drops the rest.
type bounded struct {
	text bytes.Buffer
	most int
}

func (b *bounded) Write(p []byte) (int, error) {
	b.text.Write(p[:min(len(p), b.most-b.text.Len())])
	return len(p), nil
}

// answers are what a script says, by name.
type answers map[string]string

// parseAnswers leaves out what a login shell prints besides.
func parseAnswers(out string) answers {
	said := make(answers)
	for line := range strings.Lines(out) {
		if rest, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "accord-push "); ok {
			name, value, _ := strings.Cut(rest, "=")
			said[name] = value
		}
	}
	return said
}

// lastLine is the last thing that was said, without what it begins with.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimPrefix(strings.TrimSpace(lines[len(lines)-1]), "accord: ")
}
