//go:build darwin || freebsd

package proc

import "time"

// cgroup is always empty: there are no control groups.
type cgroup string

func (cgroup) add(int) error       { return nil }
func (cgroup) kill()               {}
func (cgroup) remove()             {}
func (cgroup) clear(time.Duration) {}

// Held is false: the kernel holds no visit to its limits as a whole.
func (*Group) Held() bool { return false }

func (*Group) shell() (cgroup, error) { return "", nil }

// tasks is the limit for the process itself (setrlimit(2)), which counts the
// account's other processes too and means nothing for root. Nothing is held to an
// amount of memory together.
func (v *Group) tasks() int {
	if v == nil {
		return 0
	}
	return v.limits.Tasks
}
