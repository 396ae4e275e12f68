package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

func viewVerb() verb {
	return verb{
		name:  "view",
		usage: "[OPTIONS] [LOGIN@]GATEWAY DEVICE [-- SSH-OPTION…]",
		line:  "see a device's screen in the VNC viewer that you have",
		help: `Asks for a visit to DEVICE that shows its screen, by your own ssh, and starts
your VNC viewer on it once its user has said yes. The viewer talks to this
program on loopback; no other connection is taken. When the viewer is closed
the visit ends, unless other connections of it go on.

GATEWAY is as your ssh knows it; what follows '--' is handed to ssh. The same
with stock tools: 'ssh -L 5901:screen:5900 DEVICE@GATEWAY' and a viewer on
port 5901.

Options:
  -r, --reason TEXT     why you ask; without it $ACCORD_REASON
  -t, --ticket TEXT     the ticket; without it $ACCORD_TICKET
  -v, --view-only       look, and ask for no control
  -m, --monitor N       only the Nth of several monitors
      --viewer COMMAND  the viewer. {host}, {port} and {display}, which is the
                        port less 5900, are replaced in it; where none of them
                        stands host::port is added. Without the option: the
                        first there is of vncviewer, xtigervncviewer,
                        xtightvncviewer, gvncviewer, remote-viewer and, on
                        macOS, its own

Exit codes: 0 the screen was seen, 1 it was not, 2 wrong call.

Examples:
  accord view --reason 'The printer is stuck' gw laptop-7
  accord view --viewer 'remote-viewer vnc://{host}:{port}' gw laptop-7
  accord view gw laptop-7 -- -p 2222`,
		run: runView,
	}
}

func runView(ctx context.Context, c *call, args []string) error {
	args, options := sshOptions(args)
	fs := flags("view")
	reason := stringFlag(fs, "reason", "r", c.getenv("ACCORD_REASON"))
	ticket := stringFlag(fs, "ticket", "t", c.getenv("ACCORD_TICKET"))
	only := boolFlag(fs, "view-only", "v")
	monitor := fs.Int("monitor", 0, "")
	fs.IntVar(monitor, "m", 0, "")
	viewer := fs.String("viewer", "", "")
	rest, err := parse(c, fs, args, 2)
	if err != nil {
		return err
	}
	if len(rest) != 2 || strings.HasPrefix(rest[0], "-") {
		return usage("view", "name the gateway and the device")
	}
	if *monitor < 0 || *monitor > 16 {
		return usage("view", "--monitor takes a number from 1 to 16")
	}
	v := &viewing{remote: remote{c, rest[0], options}, device: rest[1], command: "screen"}
	if login, gateway, named := strings.Cut(rest[0], "@"); named {
		v.gateway, v.device = gateway, login+"+"+rest[1]
	}
	if *only {
		v.command = "screen-view"
	}
	if *monitor != 0 {
		v.command += "-" + strconv.Itoa(*monitor)
	}
	for name, value := range map[string]string{"ACCORD_REASON": *reason, "ACCORD_TICKET": *ticket} {
		v.env = setEnv(v.env, name, value)
	}
	if v.viewer, err = findViewer(*viewer, runtime.GOOS, exec.LookPath); err != nil {
		return err
	}
	return v.run(ctx)
}

// setEnv is an environment with another value; an empty one changes nothing.
func setEnv(env []string, name, value string) []string {
	if value == "" {
		return env
	}
	return append(slices.Clone(env), name+"="+value)
}

// stockViewers are the viewers that are looked for, and how each is told where
// to go.
func stockViewers(system string) []string {
	list := []string{
		"vncviewer {host}::{port}", "xtigervncviewer {host}::{port}", "xtightvncviewer {host}::{port}",
		"gvncviewer {host}:{display}", "remote-viewer vnc://{host}:{port}",
	}
	if system == "darwin" {
		list = append(list, "open -W vnc://{host}:{port}")
	}
	return list
}

// findViewer is the command of the viewer that was named, or of the first that
// there is.
func findViewer(named, system string, look func(string) (string, error)) ([]string, error) {
	if named != "" {
		words := strings.Fields(named)
		if len(words) == 0 {
			return nil, usage("view", "--viewer names no command")
		}
		if _, err := look(words[0]); err != nil {
			return nil, fmt.Errorf("there is no viewer %s: %w", words[0], err)
		}
		if !strings.ContainsAny(named, "{") {
			words = append(words, "{host}::{port}")
		}
		return words, nil
	}
	var tried []string
	for _, line := range stockViewers(system) {
		words := strings.Fields(line)
		if _, err := look(words[0]); err == nil {
			return words, nil
		}
		tried = append(tried, words[0])
	}
	return nil, fmt.Errorf("there is no VNC viewer here (looked for %s): install one, or name yours by --viewer", strings.Join(tried, ", "))
}

// viewing is one call of the verb.
type viewing struct {
	remote
	device  string
	command string
	viewer  []string
}

// viewerComes is how long a viewer may take to connect.
const viewerComes = time.Minute

// viewerLingers is how long one may stay that has lost its connection.
const viewerLingers = 5 * time.Second

// run asks, and shows what comes.
func (v *viewing) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	words := append(slices.Clone(v.options), "-T", "-o", "SendEnv=ACCORD_REASON", "-o", "SendEnv=ACCORD_TICKET", "--", v.device+"@"+v.gateway, v.command)
	ssh := exec.CommandContext(ctx, "ssh", words...) //nolint:gosec // the caller's own ssh with the caller's own words
	ssh.Env, ssh.Stderr = v.env, v.stderr
	in, err := ssh.StdinPipe()
	if err != nil {
		return err
	}
	out, err := ssh.StdoutPipe()
	if err != nil {
		return err
	}
	if err := ssh.Start(); err != nil {
		return fmt.Errorf("run ssh: %w", err)
	}
	screen := bufio.NewReaderSize(out, 64<<10)
	_, err = screen.Peek(len("RFB 003.008\n"))
	if err == nil {
		err = v.show(ctx, screen, in)
	} else {
		err = errors.New("the gateway shows no screen")
	}
	_ = in.Close() // the gateway sees that the viewer has gone
	late := time.AfterFunc(5*time.Second, cancel)
	defer late.Stop()
	if serr := ssh.Wait(); serr != nil && err == nil && ctx.Err() == nil {
		err = fmt.Errorf("the screen has ended (ssh: %w)", serr)
	}
	return err
}

// show starts the viewer and hands it the screen until it is closed, or the
// screen ends.
func (v *viewing) show(ctx context.Context, screen io.Reader, hands io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the viewer: %w", err)
	}
	defer func() { _ = l.Close() }()
	port := l.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // listened to above
	words := strings.NewReplacer("{host}", "127.0.0.1", "{port}", strconv.Itoa(port), "{display}", strconv.Itoa(port-5900))
	args := make([]string, len(v.viewer))
	for i, w := range v.viewer {
		args[i] = words.Replace(w)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	viewer := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // the caller's own viewer
	viewer.Env, viewer.Stdout, viewer.Stderr = v.env, v.stderr, v.stderr
	if err := viewer.Start(); err != nil {
		return fmt.Errorf("start the viewer: %w", err)
	}
	closed, left := make(chan struct{}), error(nil)
	go func() {
		defer close(closed)
		left = viewer.Wait()
	}()
	came := make(chan struct{})
	go func() {
		defer close(came)
		carry(ctx, l, screen, hands)
	}()
	select {
	case <-closed:
		if left != nil {
			err = fmt.Errorf("the viewer %s: %w", args[0], left)
		}
	case <-came:
		linger(closed)
	}
	cancel()
	_ = l.Close()
	<-came
	return err
}

// linger gives a viewer whose connection has ended the time to say so. Why it
// has, the gateway says on standard error.
func linger(closed <-chan struct{}) {
	timer := time.NewTimer(viewerLingers)
	defer timer.Stop()
	select {
	case <-closed:
	case <-timer.C:
	}
}

// carry takes one connection, the viewer's, and moves bytes until either side
// ends.
func carry(ctx context.Context, l net.Listener, screen io.Reader, hands io.Writer) {
	_ = l.(*net.TCPListener).SetDeadline(time.Now().Add(viewerComes)) //nolint:forcetypeassert // see show
	conn, err := l.Accept()
	_ = l.Close() // nobody else
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	ended := make(chan struct{}, 2)
	go func() { _, _ = io.Copy(hands, conn); ended <- struct{}{} }()
	go func() { _, _ = io.Copy(conn, screen); ended <- struct{}{} }() // ends with ssh
	<-ended
}
