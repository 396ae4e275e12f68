package proc

import (
	"os"
	"os/exec"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// world is a kernel as far as its list of processes goes. Numbers are given out
// in turn, and none that a process or a session still has.
type world struct {
	list  map[int]process
	kin   map[int]bool // who really descends from the keeper
	next  int
	clock uint64
}

const (
	worldKeeper  = 10
	worldNumbers = 120 // more than are given out between two looks
)

func newWorld() *world {
	return &world{
		list: map[int]process{
			1:           {pid: 1, session: 1, start: 1},
			worldKeeper: {pid: worldKeeper, ppid: 1, session: worldKeeper, start: 2},
			11:          {pid: 11, ppid: 1, session: 11, start: 3}, // somebody else's shell
		},
		kin: map[int]bool{}, next: 12, clock: 4,
	}
}

func (w *world) used(n int) bool {
	_, ok := w.list[n]
	for _, p := range w.list {
		ok = ok || p.session == n
	}
	return ok
}

func (w *world) fork(parent int) {
	for w.used(w.next) || w.next < 2 {
		w.next = (w.next + 1) % worldNumbers
	}
	w.clock++
	w.list[w.next] = process{pid: w.next, ppid: parent, session: w.list[parent].session, start: w.clock}
	if w.kin[parent] || parent == worldKeeper {
		w.kin[w.next] = true
	}
	w.next = (w.next + 1) % worldNumbers
}

func (w *world) setsid(pid int) {
	p := w.list[pid]
	p.session = pid
	w.list[pid] = p
}

func (w *world) exit(pid int) {
	delete(w.list, pid)
	delete(w.kin, pid)
	for child, p := range w.list {
		if p.ppid == pid {
			p.ppid = 1
			w.list[child] = p
		}
	}
}

// table is the list as a kernel hands it out, in any order.
func (w *world) table() []process {
	var all []process
	for _, p := range w.list {
		all = append(all, p)
	}
	return all
}

// step does something that happens on a machine.
func (w *world) step(t *rapid.T) {
	var pids []int
	for pid := range w.list {
		pids = append(pids, pid)
	}
	slices.Sort(pids)
	pid := rapid.SampledFrom(pids).Draw(t, "who")
	switch what := rapid.SampledFrom([]string{"fork", "fork", "setsid", "exit"}).Draw(t, "what"); {
	case what == "fork" && len(pids) < 40:
		w.fork(pid)
	case what == "setsid" && pid > 11:
		w.setsid(pid)
	case what == "exit" && pid > 11:
		w.exit(pid)
	}
}

func pidsOf(list []process) []int {
	var pids []int
	for _, p := range list {
		pids = append(pids, p.pid)
	}
	slices.Sort(pids)
	return pids
}

// TestFamily: whoever looks at everything that happens finds all kin and nobody
// else; whoever looks now and then still finds nobody else.
func TestFamily(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		always, now := newFamily(w.list[worldKeeper]), newFamily(w.list[worldKeeper])
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			w.step(t)
			var kin []int
			for pid := range w.kin {
				kin = append(kin, pid)
			}
			slices.Sort(kin)
			if got := pidsOf(always.look(w.table())); !slices.Equal(got, kin) {
				t.Fatalf("found %v, kin are %v", got, kin)
			}
			if !rapid.Bool().Draw(t, "looks") {
				continue
			}
			for _, pid := range pidsOf(now.look(w.table())) {
				if !w.kin[pid] {
					t.Fatalf("took %d for kin, who are %v", pid, kin)
				}
			}
		}
	})
}

// Where a member began a session, its orphans are found although nobody saw them
// begin; a number that another process has since is another process.
func TestFamilyLooksSeldom(t *testing.T) {
	w := newWorld()
	w.fork(worldKeeper) // 12
	w.setsid(12)
	f := newFamily(w.list[worldKeeper])
	f.look(w.table())
	w.fork(12) // 13
	w.fork(13) // 14
	w.exit(13)
	w.exit(12)
	if got := pidsOf(f.look(w.table())); !slices.Equal(got, []int{14}) {
		t.Errorf("found %v of an orphan in the session", got)
	}
	w.exit(14)
	w.next = 12
	w.fork(11) // 12 once more, somebody else's
	w.setsid(12)
	w.fork(12)
	if got := pidsOf(f.look(w.table())); len(got) != 0 {
		t.Errorf("took %v for kin, of another with the same number", got)
	}
	w.exit(worldKeeper)
	if got := f.look(w.table()); len(got) != 0 {
		t.Errorf("found %v below a keeper that is gone", got)
	}
}

// TestFamilyOfRealOnes follows what a shell starts on this machine, also what
// becomes an orphan in a session of its own, and kills it all.
func TestFamilyOfRealOnes(t *testing.T) {
	cmd := exec.Command("/bin/sh", "-c", `sleep 1000 & setsid sh -c 'sleep 1000 & sleep 1000; :' & read line; exit 0`)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	self, err := readProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	f := newFamily(self)
	waitUntil(t, "all of them to be seen", func() bool { return len(f.look(processes())) == 5 })
	_ = in.Close()
	_ = cmd.Wait() // its children have lost their parent
	if left := f.look(processes()); len(left) != 4 {
		t.Errorf("found %v of the orphans", left)
	}
	killAll(func() []process { return f.look(processes()) })
	waitUntil(t, "all of them to be dead", func() bool { return len(f.look(processes())) == 0 })
}

// TestStrays: an orphan of the agent's kind, and what is below it; nobody else.
func TestStrays(t *testing.T) {
	const agent = 50
	table := []process{
		{pid: 1}, {pid: agent, ppid: 1}, {pid: 51, ppid: agent}, {pid: 52, ppid: 51},
		{pid: 60, ppid: 1}, {pid: 61, ppid: 60}, // left by a visit
		{pid: 70, ppid: 1}, {pid: 71, ppid: 70}, // somebody else's
		{pid: 80, ppid: 79}, // its parent has just gone
		{pid: 0, ppid: 0}, {pid: 2, ppid: 0},
	}
	got := strays(table, agent, func(pid int) bool { return pid == 60 || pid == agent || pid == 79 || pid == 0 })
	if pids := pidsOf(got); !slices.Equal(pids, []int{60, 61}) {
		t.Errorf("found %v", pids)
	}
	round := []process{{pid: 5, ppid: 6}, {pid: 6, ppid: 5}} // of a list that changed while it was made
	if got := strays(round, agent, func(int) bool { return true }); len(got) != 0 {
		t.Errorf("found %v of a circle", got)
	}
}
