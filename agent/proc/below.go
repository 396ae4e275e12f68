//go:build linux || freebsd

package proc

// below finds the living descendants of root, parents before their children,
// none once root is gone. It looks at one process after the other, so what is
// started or loses its parent meanwhile can be missed: callers look again.
func below(root process) []process {
	children := make(map[int][]process)
	for _, p := range processes() {
		children[p.ppid] = append(children[p.ppid], p)
	}
	if now, err := readProcess(root.pid); err != nil || !now.same(root) {
		return nil // the children of another process that got its number
	}
	found := children[root.pid]
	for i := 0; i < len(found); i++ {
		found = append(found, children[found[i].pid]...)
	}
	return found
}

// related are those below a process.
func related(root process) []process { return below(root) }
