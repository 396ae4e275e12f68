package proc

import (
	"os"

	"golang.org/x/sys/unix"
)

// waitAll waits for children of every kind, also those made by clone(2).
const waitAll = unix.WALL

// adopt makes this process the one that orphans below it come to.
func adopt() error {
	return os.NewSyscallError("become a subreaper", unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
}

// kin is what is below a keeper: its descendants, since none can leave it.
type kin struct{ keeper process }

func follow(keeper process) *kin { return &kin{keeper} }

// alive are those who live.
func (k *kin) alive() []process { return below(k.keeper) }

// gone has nothing to wait for: a keeper without a child has no descendant.
func (*kin) gone() {}

// kill has nothing to do: the control group's is the one that forks can't outrun.
func (*kin) kill() {}

// stray is false: orphans stay below their keepers.
func stray(process) bool { return false }
