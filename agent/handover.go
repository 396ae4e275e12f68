package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"accord/agent/proc"
	"accord/agent/releases"
	"accord/wire/release"
)

// What a release is told, by the installed program that starts it.
const (
	envRelease   = "ACCORD_RELEASE"   // which it is
	envInstalled = "ACCORD_INSTALLED" // path of the installed program
	envWatched   = "ACCORD_WATCHED"   // the installed program waits for its end
)

// exitReplaced is the exit status with which a release that is watched asks for
// the next one (EX_TEMPFAIL).
const exitReplaced = 75

// trialLimit is how long a release may take to come online for the first time,
// before it is started again, or given up.
const trialLimit = 5 * time.Minute

// trialLook is how often it is looked whether it has; trialPause is before the
// next start of one that has not.
const (
	trialLook  = 500 * time.Millisecond
	trialPause = time.Second
)

// Exit is the exit status of a release that was run in place of this program.
type Exit int

func (e Exit) Error() string {
	return fmt.Sprintf("the release that ran ended with the status %d", int(e))
}

// Serve is the agent of this device until ctx ends: this program, or, where the
// device keeps a newer release, that one. Where it can it becomes that one; a
// release that was never online runs under the eyes of this program, which goes
// back to the one before if it dies or does not come online. Command is how this
// program was started, the program first.
func Serve(ctx context.Context, o Options, command, env []string) error {
	o.Command = command
	h := handover{Options: o, env: slices.DeleteFunc(slices.Clone(env), forReleases)}
	if installed := variable(env, envInstalled); installed != "" {
		h.Release = variable(env, envRelease)
		return h.released(ctx, installed, variable(env, envWatched) != "")
	}
	for {
		over, err := h.kept(ctx)
		if over || err != nil {
			return err
		}
		if err := h.run(ctx); !errors.Is(err, ErrReplaced) {
			return err
		}
	}
}

// handover is what it takes to run another program in place of this one.
type handover struct {
	Options
	env []string // without what a release is told
}

func forReleases(v string) bool {
	name, _, _ := strings.Cut(v, "=")
	return name == envRelease || name == envInstalled || name == envWatched
}

func variable(env []string, name string) string {
	for _, v := range env {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

// run is this very program as the agent.
func (h handover) run(ctx context.Context) error {
	a, err := New(h.Options)
	if err != nil {
		return err
	}
	return a.Run(ctx)
}

// released is a release that the installed program has started. Which one is next
// the installed program says.
func (h handover) released(ctx context.Context, installed string, watched bool) error {
	err := h.run(ctx)
	switch {
	case !errors.Is(err, ErrReplaced):
		return err
	case watched:
		return Exit(exitReplaced)
	}
	return become(installed, append([]string{installed}, h.Command[1:]...), h.env)
}

// kept runs the release that is to run in place of this program, and returns when
// this program is to run itself; over where the agent has ended.
func (h handover) kept(ctx context.Context) (over bool, err error) {
	var ended error
	for {
		next, doubts, err := h.next(ended)
		if err != nil {
			return true, err
		}
		for _, doubt := range doubts {
			h.Log.Warn("releases", "error", doubt)
		}
		if next == nil {
			return false, nil
		}
		if !next.Trial {
			h.Log.Info("the release that this device keeps runs in place of the installed program", "version", next.Version, "installed", h.Version)
			err := become(next.Path, append([]string{next.Path}, h.Command[1:]...), h.told(next, false))
			if err != nil && !errors.Is(err, errors.ErrUnsupported) {
				h.Log.Error("the release can't be started, so the installed program runs", "version", next.Version, "error", err)
				return false, nil
			}
		}
		again, err := h.watch(ctx, next)
		if !again {
			return true, err
		}
		ended = err
	}
}

// next is the release that is to run; nil: this program. An agent that runs has
// its reasons: a second one touches nothing, and says so when it opens its socket.
func (h handover) next(ended error) (*releases.Start, []error, error) {
	cfg, err := h.Config.Resolved()
	if err != nil {
		return nil, nil, err
	}
	signers, err := cfg.Update.signers()
	if err != nil {
		return nil, nil, err
	}
	if conn, err := net.Dial("unix", cfg.Socket); err == nil {
		return nil, nil, conn.Close()
	}
	next, doubts := releases.Open(cfg.State, signers).Next(release.Build{Version: h.Version, Made: h.Made}, time.Now(), ended)
	return next, doubts, nil
}

// told is the environment of a release.
func (h handover) told(next *releases.Start, watched bool) []string {
	env := append(slices.Clone(h.env), envRelease+"="+next.Version, envInstalled+"="+h.Command[0])
	if watched {
		env = append(env, envWatched+"=1")
	}
	return env
}

// watch runs a release as a child of this program until it ends, and says how; again
// where the next one is to be looked for.
func (h handover) watch(ctx context.Context, next *releases.Start) (again bool, err error) {
	h.Log.Info("a release is started, and watched", "version", next.Version, "online_before", !next.Trial)
	// Into a group below, as the release does by itself: in one group with others it
	// could hold visits to no limits.
	_, _ = proc.Confine(h.Config.Limits.kernel())
	// The kernel ends the child when the thread is gone that has started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	trial, end := context.WithCancelCause(ctx)
	defer end(nil)
	cmd := exec.CommandContext(trial, next.Path, h.Command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = os.Stdin, os.Stdout, os.Stderr, h.told(next, true)
	cmd.SysProcAttr, cmd.WaitDelay = dieTogether(), 20*time.Second
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if err := cmd.Start(); err != nil {
		h.Log.Error("the release can't be started", "version", next.Version, "error", err)
		return h.anew(ctx, err)
	}
	looked := make(chan struct{})
	go func() {
		defer close(looked)
		h.look(trial, end)
	}()
	err = cmd.Wait()
	good := !h.onTrial()
	if context.Cause(trial) != nil && ctx.Err() == nil {
		err = context.Cause(trial) // it was ended
	}
	end(nil)
	<-looked
	status, exited := errors.AsType[*exec.ExitError](err)
	switch {
	case ctx.Err() != nil:
		return false, nil
	case exited && status.ExitCode() == exitReplaced:
		return true, nil
	case !good:
		h.Log.Error("the release has ended and was never online", "version", next.Version, "error", err)
		if err == nil {
			err = errEnded
		}
		return h.anew(ctx, err)
	case exited:
		return false, Exit(max(status.ExitCode(), 1))
	}
	return false, err
}

// Why a release is given up: it ran and was ended, or ended as if all were well.
var (
	errNotOnline = fmt.Errorf("it has not come online within %s", trialLimit)
	errEnded     = errors.New("it has ended")
)

// look ends a release that does not come online in time.
func (h handover) look(ctx context.Context, end context.CancelCauseFunc) {
	tick, late := time.NewTicker(trialLook), time.NewTimer(trialLimit)
	defer tick.Stop()
	defer late.Stop()
	for h.onTrial() {
		select {
		case <-tick.C:
		case <-late.C:
			end(errNotOnline)
			return
		case <-ctx.Done():
			return
		}
	}
}

func (h handover) onTrial() bool { return releases.Open(h.Config.State, nil).State().Trial }

// anew is the pause before the next start, unless the agent is to end.
func (h handover) anew(ctx context.Context, why error) (again bool, err error) {
	select {
	case <-time.After(trialPause):
		return true, why
	case <-ctx.Done():
		return false, nil
	}
}
