//go:build linux || darwin || freebsd

package proc

import (
	"os"
	"sync"
)

// live are the keepers of this process's shells. It is a variable of the
// package because descent is a fact of the whole process, and who asks for it,
// the agent's socket, holds no Process.
var live registry

type registry struct {
	mu   sync.Mutex // guards what follows
	pids map[int]bool
}

func (r *registry) add(pid int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pids == nil {
		r.pids = make(map[int]bool)
	}
	r.pids[pid] = true
}

func (r *registry) remove(pid int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.pids, pid)
}

func (r *registry) has(pid int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pids[pid]
}

func (r *registry) none() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.pids) == 0
}

// maxDescent bounds the way up, maxClimbs how often it is tried.
const (
	maxDescent = 4096
	maxClimbs  = 8
)

// Belongs says whether pid is a process of a live shell of this agent, or
// descends from one: an answer from there is the technician's own. While there
// are shells, a pid that can't be placed, because it is gone or is no number
// of this system, belongs.
func Belongs(pid int) bool {
	if live.none() {
		return false
	}
	for range maxClimbs {
		if belongs, sure := climb(pid); sure {
			return belongs
		}
	}
	return true
}

// climb goes from parent to parent. It isn't sure when one of them is gone: its
// children have another by then.
func climb(pid int) (belongs, sure bool) {
	var topmost process
	for range maxDescent {
		switch {
		case live.has(pid):
			return true, true
		case pid == os.Getpid():
			return false, true
		case pid == 1:
			return stray(topmost), true
		}
		p, err := readProcess(pid)
		if err != nil || p.over() {
			return false, false
		}
		if p.ppid == 0 {
			return false, true // the parent is outside of this system's view
		}
		pid, topmost = p.ppid, p
	}
	return false, false
}
