//go:build linux || darwin || freebsd

package surface

import (
	"context"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// command is one that runs with the rights of the user, in a session of its own,
// with no environment but a short one of ours and these variables.
func (u User) command(ctx context.Context, env []string, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append([]string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + u.Home}, env...)
	cmd.Dir = "/"
	cmd.WaitDelay = time.Second // then what it left behind is not waited for
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if os.Geteuid() == 0 && u.UID != 0 {
		groups := make([]uint32, len(u.Groups))
		for i, g := range u.Groups {
			groups[i] = uint32(g) //nolint:gosec // a gid
		}
		cmd.SysProcAttr.Credential = &syscall.Credential{
			Uid: uint32(u.UID), Gid: uint32(u.GID), Groups: groups, //nolint:gosec // ids
		}
	}
	return cmd
}

// Run runs a program of the user's, with these variables in an environment that is
// else empty but for the usual, until it ends or ctx does: then it is told to end,
// and a moment later made to.
func Run(ctx context.Context, u User, env []string, line ...string) error {
	cmd := u.command(ctx, env, line[0], line[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = runEnds
	return cmd.Run()
}

// runEnds is how long a program has to end by itself.
const runEnds = 3 * time.Second
