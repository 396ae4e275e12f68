//go:build darwin || freebsd

package proc

import (
	"fmt"
	"os"
	"slices"
	"syscall"

	"accord/agent/census"
)

// take takes the account's ids, for good. It returns the groups that it took.
func take(a Account) ([]int, error) {
	// The first is the effective one, on kernels that keep it in the list.
	groups := append([]int{a.GID}, slices.DeleteFunc(slices.Clone(a.Groups), func(g int) bool { return g == a.GID })...)
	// Groups first: after setuid nobody may set them.
	if err := setGroups(groups, a.UID); err != nil {
		return nil, fmt.Errorf("take the groups of %s: %w", a.Name, err)
	}
	// Of root both set the real, the effective and the saved id.
	if err := syscall.Setgid(a.GID); err != nil {
		return nil, fmt.Errorf("take the group of %s: %w", a.Name, err)
	}
	if err := syscall.Setuid(a.UID); err != nil {
		return nil, fmt.Errorf("become %s: %w", a.Name, err)
	}
	return groups, nil
}

// proveDropped checks what the kernel says this process is, then tries to get
// root's rights back, which must fail.
func proveDropped(a Account, groups []int) error {
	self, err := census.Of(os.Getpid())
	if err != nil {
		return err
	}
	have, err := syscall.Getgroups()
	if err != nil {
		return err
	}
	if err := checkIDs(self, have, a, groups); err != nil || a.UID == 0 {
		return err
	}
	return proveLost(groups, "setreuid", func() error { return syscall.Setreuid(-1, 0) })
}

// checkIDs compares what the kernel says with what was meant. It may keep fewer
// groups than an account has, never others.
func checkIDs(self census.Process, have []int, a Account, groups []int) error {
	uids, gids := census.IDs{Real: a.UID, Effective: a.UID, Saved: a.UID}, census.IDs{Real: a.GID, Effective: a.GID, Saved: a.GID}
	if self.UIDs != uids || self.GIDs != gids {
		return fmt.Errorf("the ids are still user %v, group %v", self.UIDs, self.GIDs)
	}
	for _, g := range have {
		if !slices.Contains(groups, g) {
			return fmt.Errorf("the group %d was kept", g)
		}
	}
	return nil
}

// proveThreads has nothing to add: here a process has its ids as a whole.
func proveThreads(Account) error { return nil }
