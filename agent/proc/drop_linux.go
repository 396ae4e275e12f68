package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// take takes the account's ids, for good. It returns the groups that it took.
func take(a Account) ([]int, error) {
	groups := slices.Clone(a.Groups)
	groups = append(groups, a.GID)
	slices.Sort(groups)
	groups = slices.Compact(groups)
	// Groups first: after setuid nobody may set them. The syscall package sets
	// all threads, x/sys/unix would set groups on one.
	if err := syscall.Setgroups(groups); err != nil {
		return nil, fmt.Errorf("take the groups of %s: %w", a.Name, err)
	}
	if err := syscall.Setresgid(a.GID, a.GID, a.GID); err != nil {
		return nil, fmt.Errorf("take the group of %s: %w", a.Name, err)
	}
	if err := syscall.Setresuid(a.UID, a.UID, a.UID); err != nil {
		return nil, fmt.Errorf("become %s: %w", a.Name, err)
	}
	return groups, nil
}

// proveDropped checks what the kernel says this process is, then tries to get
// root's rights back, which must fail.
func proveDropped(a Account, groups []int) error {
	status, err := os.ReadFile("/proc/thread-self/status")
	if err != nil {
		return err
	}
	if err := checkStatus(string(status), a, groups); err != nil || a.UID == 0 {
		return err
	}
	return proveLost(groups, "setresuid", func() error { return syscall.Setresuid(-1, 0, -1) })
}

// proveThreads checks what the kernel says of every thread of this process: the
// work of [Spec.Inside] runs on any of them. One that comes later has the rights
// of the one that started it.
func proveThreads(a Account) error {
	have, err := os.Getgroups() // they were proved on this thread
	if err != nil {
		return err
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range threads {
		status, err := os.ReadFile("/proc/self/task/" + t.Name() + "/status")
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has ended
		}
		if err == nil {
			err = checkStatus(string(status), a, have)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// checkStatus reads proc_pid_status(5): all four user ids (real, effective,
// saved, file system), all four group ids and the groups are the account's,
// and only root has capabilities.
func checkStatus(status string, a Account, groups []int) error {
	fields := make(map[string]string)
	for line := range strings.Lines(status) {
		name, rest, _ := strings.Cut(line, ":")
		fields[name] = strings.Join(strings.Fields(rest), " ")
	}
	four := func(id int) string { return strings.TrimSpace(strings.Repeat(strconv.Itoa(id)+" ", 4)) }
	if fields["Uid"] != four(a.UID) || fields["Gid"] != four(a.GID) {
		return fmt.Errorf("the ids are still user %s, group %s", fields["Uid"], fields["Gid"])
	}
	if fields["Groups"] != strings.Trim(fmt.Sprint(groups), "[]") {
		return fmt.Errorf("the groups are still %s", fields["Groups"])
	}
	if a.UID == 0 {
		return nil
	}
	for _, set := range []string{"CapPrm", "CapEff"} {
		if strings.Trim(fields[set], "0") != "" || fields[set] == "" {
			return errors.New("capabilities were kept")
		}
	}
	if strings.Trim(fields["CapAmb"], "0") != "" { // none before Linux 4.3
		return errors.New("ambient capabilities were kept")
	}
	return nil
}
