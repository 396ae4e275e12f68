package surface

import (
	"os"
	"os/exec"
	"testing"

	"github.com/creack/pty"
)

// The language is that of the device's user, not of the agent.
func TestLocaleIsTheUsers(t *testing.T) {
	cmd := exec.Command("cat")
	cmd.Env = []string{"LANG=fr_CA.UTF-8", "LC_ALL="}
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
	if got := Locale(User{UID: os.Getuid()}, only); got != "fr_CA.UTF-8" {
		t.Errorf("locale %q", got)
	}
	if got := Locale(User{UID: os.Getuid()}, func(int) bool { return true }); got != "" {
		t.Errorf("a visit's processes gave the locale %q", got)
	}
}
