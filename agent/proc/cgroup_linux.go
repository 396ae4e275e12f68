package proc

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// cgroup is the path of a version 2 control group that holds one shell's
// processes, "" where there is none. It is a second net below the keepers'
// search: the kernel itself kills all of a group, forks included. All methods
// do nothing for "", and no error of theirs matters to the search.
type cgroup string

// newCgroup makes a warden's group, where the device lets the agent do that
// (root, or systemd's Delegate=yes) and the kernel has cgroup.kill (Linux
// 5.14).
func newCgroup(warden int) cgroup {
	c := wardenCgroup(warden)
	if c == "" {
		return ""
	}
	c.remove() // left by a crash that took the keepers too
	if err := os.Mkdir(string(c), 0o755); err != nil {
		return ""
	}
	if _, err := os.Stat(c.file("cgroup.kill")); err != nil {
		c.remove()
		return ""
	}
	return c
}

// wardenCgroup is the group that the agent makes for a warden. It is below
// their own, which is the same: only the shell moves. Its name holds the pid
// namespace too: agents of two containers may share a group, and a pid alone
// would be that of a warden in each, which kills what is in its group.
func wardenCgroup(warden int) cgroup {
	own, err := ownCgroup()
	if err != nil {
		return ""
	}
	space, err := os.Readlink("/proc/self/ns/pid") // pid:[4026531836]
	if err != nil {
		return ""
	}
	return cgroup(filepath.Join(own, "accord-"+strings.Trim(space, "pid:[]")+"-"+strconv.Itoa(warden)))
}

func (c cgroup) file(name string) string { return filepath.Join(string(c), name) }

func (c cgroup) write(file, text string) {
	if c != "" {
		_ = os.WriteFile(c.file(file), []byte(text), 0) // creates nothing: such a folder can't
	}
}

// add moves a process into the group; what it starts from then on is born
// there.
func (c cgroup) add(pid int) { c.write("cgroup.procs", strconv.Itoa(pid)) }

func (c cgroup) kill() { c.write("cgroup.kill", "1") }

// clear kills the group and takes it away when all are dead, or leaves it
// after limit.
func (c cgroup) clear(limit time.Duration) {
	if c == "" {
		return
	}
	late := time.After(limit)
	for {
		c.kill()
		// Linux refuses as long as somebody is in it.
		if err := os.Remove(string(c)); err == nil || errors.Is(err, os.ErrNotExist) {
			return
		}
		select {
		case <-late:
			return
		case <-time.After(firstPause):
		}
	}
}

// remove takes the group away if it is empty.
func (c cgroup) remove() {
	if c != "" {
		_ = os.Remove(string(c))
	}
}

// ownCgroup is the folder of this process's version 2 group.
func ownCgroup() (string, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	return cgroupFolder(string(mounts), string(groups))
}

// cgroupFolder reads proc_pid_mountinfo(5) and cgroups(7): the version 2
// hierarchy is the one numbered 0, and a mount shows it from its root on. A
// path with ".." lies outside of this process's cgroup namespace.
func cgroupFolder(mounts, groups string) (string, error) {
	path := ""
	for line := range strings.Lines(groups) {
		if rest, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::"); ok {
			path = rest
		}
	}
	for line := range strings.Lines(mounts) {
		before, after, _ := strings.Cut(line, " - ")
		f := strings.Fields(before)
		if !strings.HasPrefix(after, "cgroup2 ") || len(f) < 5 {
			continue
		}
		rel, err := filepath.Rel(f[3], path)
		if path == filepath.Clean(path) && err == nil && filepath.IsLocal(rel) {
			return filepath.Join(unescape(f[4]), rel), nil
		}
	}
	return "", fmt.Errorf("no version 2 control group can be seen")
}

// unescape undoes mountinfo's octal escapes of space, tab, newline, backslash.
func unescape(s string) string {
	out := []byte(s)
	for _, c := range []byte(" \t\n\\") {
		out = bytes.ReplaceAll(out, fmt.Appendf(nil, `\%03o`, c), []byte{c})
	}
	return string(out)
}
