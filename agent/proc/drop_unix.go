//go:build linux || darwin || freebsd

package proc

import (
	"fmt"
	"os"
	"slices"
	"syscall"
)

// drop makes this process the account for good and proves it. An agent that
// isn't root can only stay what it is.
func drop(a Account) error {
	if err := allowed(a); err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return nil
	}
	groups, err := take(a)
	if err != nil {
		return err
	}
	if err := proveDropped(a, groups); err != nil {
		return fmt.Errorf("become %s: %w, so no shell is started", a.Name, err)
	}
	return nil
}

// allowed says whether an agent with this process's rights can run a as a.
func allowed(a Account) error {
	if err := a.check(); err != nil {
		return err
	}
	if uid := os.Geteuid(); uid != 0 && a.UID != uid {
		return fmt.Errorf("the agent runs as user %d and can't become %s: ask for a shell as that user, or have the agent started as root", uid, a.Name)
	}
	return nil
}

// proveLost tries to get root's rights back, which must fail. The last resort is
// the system's own way.
func proveLost(groups []int, last string, try func() error) error {
	for _, regain := range []struct {
		what string
		try  func() error
	}{
		{"setuid", func() error { return syscall.Setuid(0) }},
		{last, try},
		{"setgroups", func() error { return syscall.Setgroups([]int{0}) }},
		{"setgid", func() error {
			if slices.Contains(groups, 0) {
				return syscall.EPERM // root's group is this account's own
			}
			return syscall.Setgid(0)
		}},
	} {
		if regain.try() == nil {
			return fmt.Errorf("%s could get root's rights back", regain.what)
		}
	}
	return nil
}
