package proc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Groups is where the agent makes the control groups of its visits.
type Groups struct {
	folder string // "" where there are none
	limits Limits
	held   bool // the kernel holds groups below folder to the limits
}

// agentLeaf is the group that the agent itself moves into: the kernel limits the
// groups below one only if no process is in that one itself ("no internal
// processes", cgroups(7)).
const agentLeaf = "agent"

// Confine finds out where visits can have control groups, and prepares that they
// have limits; doubt says why they can't. An agent calls it once, before it
// starts anything: it may move this process.
func Confine(l Limits) (g *Groups, doubt error) {
	own, err := ownCgroup()
	if err != nil {
		return &Groups{limits: l}, err
	}
	g, err = confine(own, os.Getpid(), l)
	if g.held && !g.able() {
		g.held = false
		err = errors.New("the kernel makes no control group here that it can kill whole, as Linux does since 5.14")
	}
	return g, err
}

// able tries whether a group can be made.
func (g *Groups) able() bool {
	c := newCgroup(g.folder, visitPrefix+strconv.Itoa(os.Getpid()))
	c.remove()
	return c != ""
}

func confine(own string, self int, l Limits) (*Groups, error) {
	g := &Groups{folder: own, limits: l}
	if filepath.Base(own) == agentLeaf && len(members(filepath.Dir(own))) == 0 {
		g.folder = filepath.Dir(own) // this program has moved before, and was then replaced
	}
	g.sweep()
	wanted := l.controllers()
	if len(wanted) == 0 {
		return g, nil
	}
	there, err := os.ReadFile(filepath.Join(g.folder, "cgroup.controllers"))
	if err != nil {
		return g, fmt.Errorf("the agent's control group can't be read: %w", err)
	}
	for _, c := range wanted {
		if !slices.Contains(strings.Fields(string(there)), c) {
			return g, fmt.Errorf("the agent's control group lacks the controller %s", c)
		}
	}
	if err := g.enable(wanted, self); err != nil {
		return g, err
	}
	g.held = true
	return g, nil
}

// controllers are those of the kernel's that hold a group to the limits.
func (l Limits) controllers() (list []string) {
	if l.Tasks > 0 {
		list = append(list, "pids")
	}
	if l.Memory > 0 {
		list = append(list, "memory")
	}
	return list
}

// enable turns controllers on for the groups below, and moves the agent out of
// the way if it is alone there. Other programs are not moved: a group that has
// them is not the agent's own.
func (g *Groups) enable(controllers []string, self int) error {
	base := cgroup(g.folder)
	on := "+" + strings.Join(controllers, " +")
	err := base.write("cgroup.subtree_control", on)
	if err == nil || !errors.Is(err, syscall.EBUSY) {
		return err
	}
	if !slices.Equal(members(g.folder), []int{self}) {
		return errors.New("other programs are in the agent's control group; start it as a service of its own")
	}
	leaf := cgroup(filepath.Join(g.folder, agentLeaf))
	if err := os.Mkdir(string(leaf), 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	if err := leaf.add(self); err != nil {
		return err
	}
	return base.write("cgroup.subtree_control", on)
}

// members are the processes in a group itself.
func members(folder string) []int {
	text, err := os.ReadFile(filepath.Join(folder, "cgroup.procs"))
	if err != nil {
		return []int{0} // whoever that is
	}
	var pids []int
	for _, f := range strings.Fields(string(text)) {
		pid, _ := strconv.Atoi(f) // the kernel writes numbers
		pids = append(pids, pid)
	}
	return pids
}

// visitPrefix begins the names of visits' groups; the agent's pid follows.
const visitPrefix = "accord-"

// sweep takes away what agents left that were killed. The kernel keeps every
// group that somebody is in.
func (g *Groups) sweep() {
	left, _ := filepath.Glob(filepath.Join(g.folder, visitPrefix+"*"))
	for _, path := range left {
		owner, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(path), visitPrefix), "-")
		if pid, err := strconv.Atoi(owner); err == nil && errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
			removeTree(path)
		}
	}
}

// removeTree takes an empty group and the empty groups in it away.
func removeTree(path string) {
	below, _ := os.ReadDir(path)
	for _, e := range below {
		if e.IsDir() {
			_ = os.Remove(filepath.Join(path, e.Name()))
		}
	}
	_ = os.Remove(path) // a folder of the kernel's goes with its files
}

// Group holds all processes of one visit: the kernel keeps them together to the
// limits, and kills them together. Where there are no control groups, each
// process is held to the number of tasks that its account may have (setrlimit(2)),
// which counts the account's others too and means nothing for root.
type Group struct {
	folder cgroup // of the visit, "" for none
	limits Limits
	held   bool
}

// Visit makes the group of one visit. An error says that the kernel would hold it
// to its limits, and can't: then nothing of it must be started.
func (g *Groups) Visit(id string) (*Group, error) {
	v := &Group{limits: g.limits, folder: newCgroup(g.folder, fmt.Sprintf("%s%d-%s", visitPrefix, os.Getpid(), filepath.Base(id)))}
	if !g.held {
		return v, nil
	}
	err := errors.New("the kernel makes no control group for it")
	if v.folder != "" {
		err = v.hold()
	}
	if err != nil {
		return v, fmt.Errorf("hold the visit to its limits: %w", err)
	}
	v.held = true
	return v, nil
}

// hold writes the limits.
func (v *Group) hold() error {
	var err error
	if v.limits.Tasks > 0 {
		err = v.folder.write("pids.max", strconv.Itoa(v.limits.Tasks))
	}
	if v.limits.Memory > 0 {
		err = errors.Join(err, v.folder.write("memory.max", strconv.FormatInt(v.limits.Memory, 10)))
	}
	return err
}

// Held reports whether the kernel holds the visit to its limits as a whole.
func (v *Group) Held() bool { return v.held }

// End kills what is left in the group and takes it away. The keepers of the
// visit's processes have done their work before.
func (v *Group) End() {
	if v == nil || v.folder == "" {
		return
	}
	v.folder.clear(killLimit)
}

// shell makes the group of one process of the visit, within the visit's.
func (v *Group) shell() (cgroup, error) {
	if v == nil {
		own, err := ownCgroup()
		if err != nil {
			return "", nil //nolint:nilerr // a system without
		}
		return newCgroup(own, visitPrefix+strconv.Itoa(os.Getpid())), nil
	}
	c := newCgroup(string(v.folder), "shell")
	if c == "" && v.held {
		return "", errors.New("the visit's control group is gone, which holds it to its limits, so nothing is started")
	}
	return c, nil
}

// tasks is the limit for the process itself, where no group has it; 0 for none.
func (v *Group) tasks() int {
	if v == nil || v.held {
		return 0
	}
	return v.limits.Tasks
}
