package proc

import (
	"os"
	"slices"
	"sync"
	"time"

	"accord/agent/census"
)

// waitAll: there are no others.
const waitAll = 0

// adopt has nothing to do: macOS hands every orphan to launchd.
func adopt() error { return nil }

// lookEvery is how often a keeper looks who is below it.
const lookEvery = 200 * time.Millisecond

// kin is what is below a keeper, as far as looking again and again can find it.
type kin struct {
	mu     sync.Mutex // guards family
	family *family
}

// follow looks as long as this process lives: keepers have nothing else to do.
func follow(keeper process) *kin {
	k := &kin{family: newFamily(keeper)}
	go func() {
		for range time.Tick(lookEvery) {
			k.alive()
		}
	}()
	return k
}

// alive are those who live.
func (k *kin) alive() []process {
	table := processes()
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.family.look(table)
}

// gone waits until nobody is left: orphans are no children of the keeper's.
func (k *kin) gone() {
	for len(k.alive()) > 0 {
		<-time.After(lookEvery) // nothing announces it
	}
}

// kill has nothing to do: no call of the kernel's kills them together.
func (*kin) kill() {}

// related are those below a process now, and who is in their sessions.
func related(root process) []process { return newFamily(root).look(processes()) }

// jobName is what launchd calls the agent, as in packaging/launchd.
const jobName = "accord.agent"

// ownCoalition is the coalition of this process, if that is its own: as launchd
// gives one to each of its jobs. Started by hand, the agent shares that of the
// terminal it was started in.
func ownCoalition() (id uint64, own bool) {
	id, err := census.Coalition(os.Getpid())
	return id, err == nil && os.Getppid() == 1 && os.Getenv("XPC_SERVICE_NAME") == jobName
}

// stray reports whether an orphan came from a visit: launchd is its parent, but
// it is in the agent's coalition, which nobody but launchd could have put it
// into. Where that coalition is also a terminal's, it is one that is no older
// than the shells that are there. What can't be found out is a yes.
func stray(topmost process) bool {
	id, own := ownCoalition()
	theirs, err := census.Coalition(topmost.pid)
	return err != nil || theirs == id && (own || topmost.start >= live.since())
}

// strayOf are the orphans of visits, but for those that say that they are of
// others.
func strayOf(coalition uint64, others []string) []process {
	ours := func(pid int) bool {
		id, err := census.Coalition(pid)
		if err != nil || id != coalition {
			return false
		}
		env := census.Environment(pid)
		return !slices.ContainsFunc(others, func(visit string) bool { return slices.Contains(env, "ACCORD_VISIT="+value(visit)) })
	}
	return strays(processes(), os.Getpid(), ours)
}

// since is when the oldest of the shells that are there began; later than
// everything where there is none.
func (r *registry) since() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := ^uint64(0)
	for pid := range r.pids {
		if p, err := readProcess(pid); err == nil {
			first = min(first, p.start)
		}
	}
	return first
}
