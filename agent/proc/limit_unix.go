//go:build linux || darwin || freebsd

package proc

import "golang.org/x/sys/unix"

// limitTasks bounds the processes and threads of this process's account, for it
// and all that it starts. A lower limit stays.
func limitTasks(n int) error {
	if n <= 0 {
		return nil
	}
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NPROC, &l); err != nil {
		return err
	}
	lower(&l.Cur, n)
	lower(&l.Max, n)
	return unix.Setrlimit(unix.RLIMIT_NPROC, &l)
}

// lower is for the types that systems have for a limit.
func lower[L int64 | uint64](limit *L, n int) { *limit = min(*limit, L(n)) }
