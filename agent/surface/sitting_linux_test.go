package surface

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// sitting is a person who is logged in at a console of this machine.
type sitting struct {
	*person
	b    *borrowed
	cmd  *exec.Cmd
	cons *Consoles
	end  chan error
}

// consoles runs a test for people who sit at a console. A machine without, one that
// shows pictures now, and a test without root, have none: then nobody must be
// reached that way, with a sentence.
func consoles(t *testing.T, run func(t *testing.T, s *sitting)) {
	t.Helper()
	people(t, func(t *testing.T, p *person) {
		now, err := lookFront(p.others)
		if os.Geteuid() != 0 || err != nil || !now.text || now.managed {
			c := NewConsoles(p.user, filepath.Join(p.dir, "record"))
			if err := c.Show(t.Context(), []string{"/bin/true"}, nil, nil, p.others); !errors.Is(err, ErrNobody) {
				t.Errorf("no console is to be had here: %v", err)
			}
			t.Logf("nobody can sit at a console here: %+v, %v", now, err)
			return
		}
		run(t, p.sitDown(now.number))
	})
}

// sitDown logs the person in at a console, in front of what is there.
func (p *person) sitDown(was int) *sitting {
	p.t.Helper()
	b, err := borrow(was, p.user.UID)
	if err != nil {
		p.t.Fatal(err)
	}
	s := &sitting{person: p, b: b, cons: NewConsoles(p.user, filepath.Join(p.dir, "record"))}
	s.cons.wait = time.Minute // a slow machine
	p.t.Cleanup(func() {
		s.cons.Close()
		b.turnTo(b.Number) // so that giving it back shows what was there
		b.giveBack()
	})
	s.log(p.command("/bin/sh"))
	if err := b.show(); err != nil {
		p.t.Fatal(err)
	}
	p.stand("prompt", `{ tty; id -u; stat -c '%u %a' "$(tty)"; echo "$TERM $LC_ALL $ACCORD_PLAIN"; echo end; } >`+p.dir+`/new
printf 'who asks: \303\251'; mv `+p.dir+`/new `+p.dir+`/told; read -r answer && [ "$answer" = yes ]`)
	return s
}

// log starts the program that a login would, as root or as the person.
func (s *sitting) log(cmd *exec.Cmd) {
	s.t.Helper()
	// The end of a session hangs its terminal up.
	tty, err := os.OpenFile(consolePath(s.b.Number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = s.b.tty.Close()
	s.b.tty = tty
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.cmd = cmd
	s.t.Cleanup(s.logOut)
	s.until("the session is there", func() bool {
		f, err := lookFront(s.others)
		return err == nil && (f.number != s.b.Number || f.leader.pid == cmd.Process.Pid)
	})
}

func (s *sitting) logOut() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// ask asks for a prompt and waits until it is there, on the console that it returns.
func (s *sitting) ask(ctx context.Context) int {
	s.t.Helper()
	_ = os.Remove(s.dir + "/told")
	shown := make(chan struct{})
	s.end = make(chan error, 1)
	go func() {
		s.end <- s.cons.Show(ctx, []string{s.dir + "/prompt"}, Habits{"fr_FR.UTF-8", "1"}.Environment(), shown, s.others)
	}()
	told := strings.Fields(s.appears("told"))
	close(shown)
	var n int
	if _, err := fmt.Sscanf(told[0], "/dev/tty%d", &n); err != nil || n == s.b.Number {
		s.t.Fatalf("the prompt is on %q", told)
	}
	if want := fmt.Sprintf("%d %d 600 linux fr_FR.UTF-8 1 end", s.user.UID, s.user.UID); strings.Join(told[1:], " ") != want {
		s.t.Errorf("the prompt found %q, not %s", told[1:], want)
	}
	s.until("it is in front", func() bool { return s.inFront() == n })
	return n
}

func (s *sitting) inFront() int {
	n, err := inFront(int(s.b.all.Fd()))
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// types puts keys into a console, as its keyboard would.
func (s *sitting) types(number int, keys string) {
	s.t.Helper()
	f, err := os.OpenFile(consolePath(number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for _, key := range []byte(keys) {
		if err := unix.IoctlSetPointerInt(int(f.Fd()), unix.TIOCSTI, int(key)); err != nil {
			s.t.Fatal(err)
		}
	}
}

// over waits for the end of the prompt, after which the person's own console is in
// front and nothing is left of the other.
func (s *sitting) over(number int) error {
	s.t.Helper()
	err := <-s.end
	if now := s.inFront(); now != s.b.Number {
		s.t.Errorf("tty%d is in front, not their own", now)
	}
	var st unix.Stat_t
	if serr := unix.Stat(consolePath(number), &st); serr != nil || st.Uid != 0 || st.Mode&0o777 == 0o600 && st.Gid != 0 {
		s.t.Errorf("tty%d belongs to %d, mode %o: %v", number, st.Uid, st.Mode, serr)
	}
	s.until("nobody has it open", func() bool { // what was killed may still be about to end
		state, serr := unix.IoctlGetWinsize(int(s.b.all.Fd()), vtGetState)
		return serr == nil && state.Xpixel&(1<<number) == 0
	})
	if _, serr := os.Stat(s.cons.record); serr == nil {
		s.t.Error("the record of it is still there")
	}
	return err
}

// kill kills this test's process of a name.
func (s *sitting) kill(name string) {
	s.t.Helper()
	var list []int
	s.until("one process is called "+name, func() bool { // it gives itself the name
		var err error
		list, err = processesNamed(name)
		return err == nil && len(list) == 1
	})
	if err := syscall.Kill(list[0], syscall.SIGKILL); err != nil {
		s.t.Fatal(err)
	}
}

// processesNamed are the descendants of this process with a name.
func processesNamed(name string) ([]int, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	var found []int
	for _, dir := range dirs {
		var pid int
		_, _ = fmt.Sscanf(filepath.Base(dir), "%d", &pid)
		p, ok := readProcess(pid)
		for up := p; ok && p.name == name && up.parent > 1; {
			if up.parent == os.Getpid() {
				found = append(found, pid)
				break
			}
			if up, ok = readProcess(up.parent); !ok {
				break
			}
		}
	}
	return found, nil
}
