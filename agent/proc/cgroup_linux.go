package proc

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cgroup is the path of a version 2 control group that holds one shell's
// processes, or those of a visit, "" where there is none. It is a second net below the keepers'
// search: the kernel itself kills all of a group, forks included. All methods
// do nothing for "", and no error of theirs matters to the search.
type cgroup string

// newCgroup makes a group with a name of its own in a folder of groups, where the
// device lets the agent do that (root, or systemd's Delegate=yes) and the kernel
// has cgroup.kill (Linux 5.14).
func newCgroup(folder, prefix string) cgroup {
	if folder == "" {
		return ""
	}
	path, err := os.MkdirTemp(folder, prefix+"-")
	if err != nil {
		return ""
	}
	c := cgroup(path)
	if _, err := os.Stat(c.file("cgroup.kill")); err != nil {
		c.remove()
		return ""
	}
	return c
}

func (c cgroup) file(name string) string { return filepath.Join(string(c), name) }

func (c cgroup) write(file, text string) error {
	if c == "" {
		return nil
	}
	return os.WriteFile(c.file(file), []byte(text), 0) // creates nothing: such a folder can't
}

// add moves a process into the group; what it starts from then on is born
// there.
func (c cgroup) add(pid int) error { return c.write("cgroup.procs", strconv.Itoa(pid)) }

func (c cgroup) kill() { _ = c.write("cgroup.kill", "1") }

// clear kills the group and takes it away when all are dead, or leaves it
// after limit.
func (c cgroup) clear(limit time.Duration) {
	if c == "" {
		return
	}
	late := time.After(limit)
	for {
		c.kill()
		removeTree(string(c)) // Linux refuses as long as somebody is in it
		if _, err := os.Stat(string(c)); errors.Is(err, os.ErrNotExist) {
			return
		}
		select {
		case <-late:
			return
		case <-time.After(firstPause):
		}
	}
}

// removeLimit is how long the kernel may count a process that has been waited
// for as one of its group's.
const removeLimit = 500 * time.Millisecond

// remove takes the group away if it is empty.
func (c cgroup) remove() {
	if c == "" {
		return
	}
	for late := time.Now().Add(removeLimit); errors.Is(os.Remove(string(c)), syscall.EBUSY) && time.Now().Before(late); {
		<-time.After(firstPause) // nothing announces it
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
