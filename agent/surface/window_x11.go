//go:build linux || freebsd

package surface

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Times of windows.
const (
	// windowWait is how long a terminal program has until the prompt in it shows:
	// one that hangs, or ignores what it is told to run, is ended then.
	windowWait = 10 * time.Second
	// windowsWait is how long all attempts may take, so that a display that hangs
	// doesn't use up the time to answer.
	windowsWait = 25 * time.Second
)

// windowSize is in cells: room for what a long request shows.
const (
	windowColumns = "84"
	windowRows    = "26"
)

// emulator is a program that opens a terminal in a window and stays until that is
// closed. Where one hands the window to a server and ends, the window still counts:
// what is shown in it says so.
type emulator struct {
	program string
	on      func(Screen) bool
	args    []string // what stands before the command
}

func anywhere(Screen) bool    { return true }
func onWayland(s Screen) bool { return s.Wayland }
func onX11(s Screen) bool     { return !s.Wayland }

// emulators are tried in this order: what the user has chosen, then what is light.
// None of them gets a word through a shell.
func emulators() []emulator {
	return []emulator{
		{"xdg-terminal-exec", anywhere, nil},
		{"foot", onWayland, []string{"--app-id=accord", "--title=Accord", "--window-size-chars=" + windowColumns + "x" + windowRows}},
		{"kitty", anywhere, []string{
			"--class=accord", "-o", "remember_window_size=no", "-o", "confirm_os_window_close=0",
			"-o", "initial_window_width=" + windowColumns + "c", "-o", "initial_window_height=" + windowRows + "c",
		}},
		{"gnome-terminal", anywhere, []string{"--wait", "--hide-menubar", "--title=Accord", "--geometry=" + windowColumns + "x" + windowRows, "--"}},
		{"konsole", anywhere, []string{
			"--separate", "--nofork", "--hide-menubar", "--hide-tabbar",
			"-p", "TerminalColumns=" + windowColumns, "-p", "TerminalRows=" + windowRows, "-e",
		}},
		{"xterm", onX11, []string{
			"-u8", "-fa", "Monospace", "-fs", "12", "-bg", "#101010", "-fg", "#e8e8e8",
			"-title", "Accord", "-geometry", windowColumns + "x" + windowRows, "-e",
		}},
	}
}

// Windows are the windows that one process has opened for its user. They may
// outlive the request that they were opened for: what they show knows when it is
// over. Close ends those that are left.
type Windows struct {
	user User
	dirs []string      // of the terminal programs
	wait time.Duration // see windowWait

	mu      sync.Mutex
	open    map[*window]struct{}
	closed  bool
	running sync.WaitGroup
}

// window is a terminal program that runs.
type window struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // set before that
}

// NewWindows opens none yet.
func NewWindows(u User) *Windows {
	return &Windows{user: u, dirs: []string{"/usr/local/bin", "/usr/bin", "/bin"}, wait: windowWait, open: make(map[*window]struct{})}
}

// Show opens a terminal in a window that runs command, an absolute path and its
// arguments, on the first of the screens where that works, and returns when the
// window is closed, as far as that can be told, or ctx ends. All of it runs with
// the rights of the user. shown must be closed once what the command shows is
// there: a window without that is none, and the next terminal program is tried.
//
// nil means no more than that there was a window. An error means that there was
// none ([ErrNobody] where nothing could be tried), or, with ctx's cause, that ctx
// ended: a window that shows nothing yet is ended then.
func (w *Windows) Show(ctx context.Context, screens []Screen, command []string, shown <-chan struct{}) error {
	if len(command) == 0 || !filepath.IsAbs(command[0]) {
		return errors.New("open a window: the command must start with an absolute path")
	}
	if len(screens) == 0 {
		return fmt.Errorf("%w: nothing of theirs is shown on a screen", ErrNobody)
	}
	late := time.Now().Add(windowsWait)
	var failures []error
	for _, s := range screens {
		for _, e := range emulators() {
			program := installed(w.dirs, e.program)
			if program == "" || !e.on(s) || time.Now().After(late) {
				continue
			}
			err := w.try(ctx, w.command(s, e.line(program, s, command)), shown)
			if err == nil || ctx.Err() != nil {
				return err
			}
			failures = append(failures, fmt.Errorf("%s on %s: %w", e.program, s.Name, err))
		}
	}
	if len(failures) == 0 {
		return fmt.Errorf("%w: no program that opens a terminal on %s is installed", ErrNobody, screens[0].Name)
	}
	return fmt.Errorf("open a window: %w", errors.Join(failures...))
}

// line is the whole command line. The terminal program runs in a locale that is
// always there and has every character; what it runs has the user's.
func (e emulator) line(program string, s Screen, command []string) []string {
	line := append([]string{program}, e.args...)
	line = append(append(line, "/usr/bin/env"), s.Habits.Environment()...)
	return append(line, command...)
}

func (w *Windows) command(s Screen, line []string) *exec.Cmd {
	env := []string{"USER=" + w.user.Name, "LOGNAME=" + w.user.Name, "SHELL=/bin/sh", "LC_ALL=C.UTF-8"}
	return w.user.command(context.Background(), append(env, s.Env...), line[0], line[1:]...)
}

// try starts one terminal program, and waits until its window is closed.
func (w *Windows) try(ctx context.Context, cmd *exec.Cmd, shown <-chan struct{}) error {
	o, err := w.start(cmd)
	if err != nil {
		return err
	}
	late := time.NewTimer(w.wait)
	defer late.Stop()
	done := o.done
	for {
		select {
		case <-shown:
			return o.stay(ctx)
		case <-done:
			select {
			case <-shown: // and closed since
				return nil
			default:
			}
			if o.err != nil {
				return o.err
			}
			done = nil // it may have handed the window to a server
		case <-late.C:
			o.kill()
			return fmt.Errorf("the request wasn't shown within %s", w.wait)
		case <-ctx.Done():
			o.kill()
			return context.Cause(ctx)
		}
	}
}

// start runs a terminal program, whose end Close waits for.
func (w *Windows) start(cmd *exec.Cmd) (*window, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, errors.New("the agent is about to stop")
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	o := &window{cmd: cmd, done: make(chan struct{})}
	w.open[o] = struct{}{}
	w.running.Go(func() {
		o.err = cmd.Wait()
		close(o.done)
		w.mu.Lock()
		delete(w.open, o)
		w.mu.Unlock()
	})
	return o, nil
}

// stay waits until a window is closed, unless a server has it: then whoever shows
// the request sees it close.
func (o *window) stay(ctx context.Context) error {
	select {
	case <-o.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// kill ends a terminal program and what it started in its own session. What runs
// in the terminal ends with that.
func (o *window) kill() {
	if o.cmd.Process.Signal(syscall.Signal(0)) == nil { // its id is still its own
		_ = syscall.Kill(-o.cmd.Process.Pid, syscall.SIGKILL)
	}
}

// Close ends the windows that are open and waits for that. No more are opened.
func (w *Windows) Close() {
	w.mu.Lock()
	w.closed = true
	for o := range w.open {
		o.kill()
	}
	w.mu.Unlock()
	w.running.Wait()
}

// installed finds a program where the system keeps them, "" if none is there. An
// agent's own PATH says nothing about its users'.
func installed(dirs []string, program string) string {
	for _, dir := range dirs {
		path := filepath.Join(dir, program)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path
		}
	}
	return ""
}
