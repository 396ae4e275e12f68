//go:build linux || darwin

package proc

// family follows what descends from a keeper on a system that hands orphans to
// the first process of all, as macOS does: it looks at the list of processes
// again and again, and remembers whom it has seen. One that is started, becomes
// an orphan, and leaves its session, all between two looks, it misses; nobody
// who isn't kin it ever takes for such.
type family struct {
	keeper  process
	members map[int]uint64 // their starts, by pid
	led     map[int]bool   // sessions that members began
}

func newFamily(keeper process) *family {
	return &family{keeper: keeper, members: make(map[int]uint64), led: make(map[int]bool)}
}

// look takes in who has come since the last look and drops who is gone. It
// returns the members that live, of the processes of this moment.
func (f *family) look(table []process) []process {
	byPID := make(map[int]process, len(table))
	children, sessions := make(map[int][]process), make(map[int][]process)
	for _, p := range table {
		byPID[p.pid] = p
		children[p.ppid] = append(children[p.ppid], p)
		sessions[p.session] = append(sessions[p.session], p)
	}
	f.forget(byPID, sessions)
	var found []process
	if k, ok := byPID[f.keeper.pid]; ok && k.same(f.keeper) {
		found = append(found, children[k.pid]...)
	}
	for pid := range f.members {
		found = append(found, byPID[pid])
	}
	for s := range f.led {
		found = append(found, sessions[s]...)
	}
	return f.gather(found, children, sessions)
}

// forget drops members that are gone, and sessions that nobody is in any more or
// that somebody else leads: a number that nothing has is given to others.
func (f *family) forget(byPID map[int]process, sessions map[int][]process) {
	for pid, start := range f.members {
		if p, ok := byPID[pid]; !ok || p.start != start {
			delete(f.members, pid)
		}
	}
	for s := range f.led {
		_, member := f.members[s]
		if _, leader := byPID[s]; len(sessions[s]) == 0 || leader && !member {
			delete(f.led, s)
		}
	}
}

// gather makes members of all that follows from those found.
func (f *family) gather(found []process, children, sessions map[int][]process) (living []process) {
	taken := make(map[int]bool)
	for len(found) > 0 {
		p := found[0]
		found = found[1:]
		if taken[p.pid] || p.same(f.keeper) {
			continue
		}
		taken[p.pid], f.members[p.pid] = true, p.start
		living = append(living, p)
		found = append(found, children[p.pid]...)
		if p.session == p.pid && !f.led[p.pid] {
			f.led[p.pid] = true
			found = append(found, sessions[p.pid]...)
		}
	}
	return living
}

// strays are processes that descend neither from this agent nor, by any parent
// that is left, from anything else, and all that is below them.
func strays(table []process, agent int, ours func(pid int) bool) []process {
	parent := make(map[int]int, len(table))
	for _, p := range table {
		parent[p.pid] = p.ppid
	}
	var found []process
	for _, p := range table {
		top, inAgent := p.pid, p.pid == agent
		for range maxDescent {
			up := parent[top]
			if up <= 1 || inAgent {
				break
			}
			top, inAgent = up, up == agent
		}
		if p.pid > 1 && !inAgent && parent[top] == 1 && ours(top) {
			found = append(found, p)
		}
	}
	return found
}
