//go:build darwin || freebsd

package proc

import "time"

// cgroup is always empty: there are no control groups.
type cgroup string

func (cgroup) add(int) error       { return nil }
func (cgroup) kill()               {}
func (cgroup) remove()             {}
func (cgroup) clear(time.Duration) {}

// Group holds all processes of one visit. Each process is held to the number of
// tasks that its account may have (setrlimit(2)), which counts the account's
// others too and means nothing for root; nothing is held to an amount of memory
// together.
type Group struct {
	limits Limits
	remains
}

// Held is false: the kernel holds no visit to its limits as a whole.
func (*Group) Held() bool { return false }

func (*Group) shell() (cgroup, error) { return "", nil }

// tasks is the limit for the process itself.
func (v *Group) tasks() int {
	if v == nil {
		return 0
	}
	return v.limits.Tasks
}
