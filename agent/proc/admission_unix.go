//go:build linux || darwin || freebsd

package proc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// pamLimit is how long PAM may think about an account. A module may ask a
// directory server.
const pamLimit = 10 * time.Second

// loginRules are where the device says who may log in.
type loginRules struct {
	nologin []string // files that bar everybody but root, nologin(5)
	shadow  string   // shadow(5), or what the system has for it
	stacks  []string // what PAM knows su by; without any the device has no PAM for it
	su      []string // where su can be
	limit   time.Duration
}

// MayLogIn says whether the device lets an account log in at this time, with a
// sentence if not. It looks at what sshd(8) looks at: the account's shell,
// nologin(5), the days in shadow(5) or what the system has for it, and, where askPAM says so and the device
// has PAM, the account modules of its stack for su. Only root can look at the
// last two. What can't be found out is a no.
func MayLogIn(ctx context.Context, a Account, askPAM bool) error {
	if err := systemRules().files(a, time.Now()); err != nil || !askPAM || os.Geteuid() != 0 {
		return err
	}
	return systemRules().pam(ctx, a)
}

// files is what can be read without asking anybody.
func (r loginRules) files(a Account, now time.Time) error {
	if err := a.check(); err != nil {
		return err
	}
	if base := filepath.Base(a.Shell); base == "nologin" || base == "false" {
		return fmt.Errorf("the account %s can't log in to this device: its shell is %s", a.Name, a.Shell)
	}
	if a.UID != 0 { // root must be able to end it
		for _, path := range r.nologin {
			if err := barred(path); err != nil {
				return err
			}
		}
	}
	if os.Geteuid() != 0 {
		return nil // shadow is root's alone
	}
	text, err := os.ReadFile(r.shadow)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("can't find out whether the account %s has expired: %w", a.Name, err)
	}
	return lapsed(text, a.Name, now)
}

// barred reports a file that bars logins, and its words.
func barred(path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("this device takes no logins at this time: %w", err)
	}
	if words := plain(text); words != "" {
		return fmt.Errorf("this device takes no logins at this time (%s): %s", path, words)
	}
	return fmt.Errorf("this device takes no logins at this time: remove %s to allow them", path)
}

// plain makes one line of what a file or a program says.
func plain(text []byte) string { return value(strings.Join(strings.Fields(string(text)), " ")) }

// pam asks the device's PAM. This program is static and can't load its modules,
// so su does: as root it takes pam_rootok(8) for a password, runs the account
// modules, becomes the account and ends. runuser(1) wouldn't do: it asks no
// account module. The session modules of su's stack run for that moment, too.
func (r loginRules) pam(ctx context.Context, a Account) error {
	exists := func(path string) bool { _, err := os.Stat(path); return err == nil }
	if !slices.ContainsFunc(r.stacks, exists) {
		return nil
	}
	su := slices.IndexFunc(r.su, Executable)
	if su < 0 {
		return fmt.Errorf("this device has PAM but no su to ask it by, so nobody can log in; install su, or set agent.pam to false")
	}
	ctx, cancel := context.WithTimeout(ctx, r.limit)
	defer cancel()
	said := &bounded{}
	// The name is a checked one, which starts with no dash.
	cmd := exec.CommandContext(ctx, r.su[su], suArguments(a.Name)...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = "/", []string{"PATH=" + rootPath, "LC_ALL=C"}, said, said
	// Without a terminal nothing can be asked of whoever started the agent; all
	// that a module starts is in one group.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("PAM of this device did not say in time whether the account %s may log in, so it may not", a.Name)
	case err == nil:
		return nil
	}
	words := strings.TrimPrefix(plain(said.Bytes()), "su: ")
	if words == "" {
		words = err.Error()
	}
	return fmt.Errorf("PAM of this device does not let the account %s log in: %s", a.Name, words)
}

// bounded keeps the beginning of what is written to it.
type bounded struct{ bytes.Buffer }

// maxSaid is what is kept of it, in bytes.
const maxSaid = 4 << 10

func (b *bounded) Write(p []byte) (int, error) {
	b.Buffer.Write(p[:min(len(p), maxSaid-b.Len())])
	return len(p), nil
}
