package surface

import (
	"os"
	"os/exec"
	"testing"

	"github.com/creack/pty"
)

// The language is that of the device's user, and how plain it is; not the agent's.
func TestHabitsAreTheUsers(t *testing.T) {
	cmd := exec.Command("cat")
	cmd.Env = []string{"LANG=fr_CA.UTF-8", "LC_ALL=", "ACCORD_PLAIN=1"}
	terminal, err := pty.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = terminal.Close()
	}()
	only := func(pid int) bool { return pid != cmd.Process.Pid }
	if got := OwnHabits(User{UID: os.Getuid()}, only); got != (Habits{"fr_CA.UTF-8", "1"}) {
		t.Errorf("habits %q", got)
	}
	if got := OwnHabits(User{UID: os.Getuid()}, func(int) bool { return true }); got != (Habits{}) {
		t.Errorf("a visit's processes gave %q", got)
	}
}
