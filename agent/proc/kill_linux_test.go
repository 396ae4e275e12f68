package proc

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// leaveGroup is how a technician who is root gets out of the control group.
const leaveGroup = `for g in "$CGROUP/cgroup.procs"; do test -w "$g" && echo $$ >"$g"; done; `

// survivors are ways to outlive a shell, with the number of processes that run
// when it is time to kill.
var survivors = map[string]struct {
	command string
	running int
}{
	"plain":            {"sleep 1000", 1},
	"background":       {"sleep 1000 & sleep 1000 & wait", 3},
	"after the exit":   {"trap '' HUP; sleep 1000 & exit 0", 1},
	"setsid":           {"setsid sleep 1000; :", 2},
	"nohup":            {"nohup sleep 1000 >/dev/null 2>&1 & wait", 2},
	"deaf":             {"trap '' TERM HUP INT QUIT; sleep 1000 & wait; sleep 1000", 2},
	"stopped":          {"sleep 1000 & kill -STOP $!; wait", 2},
	"daemon":           {"trap '' HUP; setsid sh -c 'setsid sh -c \"cd /; exec sleep 1000 </dev/null >/dev/null 2>&1\" & exit 0' & exit 0", 1},
	"a small bomb":     {"b() { if [ $1 -gt 0 ]; then b $(($1-1)) & b $(($1-1)) & wait; else exec sleep 1000; fi; }; b 6", 120},
	"outside a cgroup": {leaveGroup + "setsid sleep 1000 & wait", 2},
}

func TestKill(t *testing.T) {
	group, _ := ownCgroup()
	for name, c := range survivors {
		for _, terminal := range []bool{false, true} {
			t.Run(name+map[bool]string{true: " on a terminal"}[terminal], func(t *testing.T) {
				s := spec(t, c.command)
				s.Env = append(s.Env, "CGROUP="+group)
				if terminal {
					s = withPTY(s)
				}
				p := begin(t, s)
				if c.running == 1 && name != "plain" {
					<-p.Done()
				}
				awaitMarked(t, c.running)
				p.Kill()
				if left := marked(t, mark(t)); len(left) > 0 {
					t.Errorf("alive after Kill: %v", left)
				}
				if n := p.Leftover(); n != 0 {
					t.Errorf("%d left over", n)
				}
				p.Kill() // once more is allowed
			})
		}
	}
}

// TestKillMovingTarget kills what never keeps a process for long: each forks
// its successor and ends. Such a process is gone before its environment can be
// read, so each leaves a line; no line may come once they are killed.
func TestKillMovingTarget(t *testing.T) {
	group, _ := ownCgroup()
	hydra, lines := filepath.Join(t.TempDir(), "hydra"), filepath.Join(t.TempDir(), "lines")
	// The end keeps a failed test from running for ever.
	if err := os.WriteFile(hydra, []byte("test $1 -lt 20000 || exit\necho >>"+lines+"\nsetsid sh \"$0\" $(($1+1)) &\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	ran := func() int64 {
		info, err := os.Stat(lines)
		if err != nil {
			return 0
		}
		return info.Size()
	}
	s := spec(t, leaveGroup+"for i in 1 2 3; do sh "+hydra+" 0 & done; sleep 1000")
	s.Env = append(s.Env, "CGROUP="+group)
	p := begin(t, s)
	eventually(t, patience, "the processes follow each other", func() bool { return ran() > 20 })
	p.Kill()
	before := ran()
	for range 20 { // each look takes longer than a process lives
		if left := marked(t, mark(t)); len(left) > 0 {
			t.Fatalf("alive after Kill: %v", left)
		}
	}
	if n := ran() - before; n > 0 {
		t.Errorf("%d more ran after Kill", n)
	}
}

// TestKillLeaderlessProcess kills a process whose first thread has ended: it
// looks like a zombie.
func TestKillLeaderlessProcess(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip(err)
	}
	const program = `import ctypes,threading,time
threading.Thread(target=time.sleep, args=(1000,)).start()
ctypes.CDLL(None).syscall(%d, 0)
`
	file := filepath.Join(t.TempDir(), "program.py")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(program, "%d", strconv.Itoa(unix.SYS_EXIT))), 0o600); err != nil {
		t.Fatal(err)
	}
	p := begin(t, spec(t, "exec "+python+" "+file))
	eventually(t, patience, "the first thread ends", func() bool {
		main, err := readProcess(p.main)
		return err == nil && main.state == 'Z' && main.threads > 1
	})
	if Belongs(p.main) != true {
		t.Error("it does not belong")
	}
	p.Kill()
	if err := syscall.Kill(p.main, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("after Kill: %v", err)
	}
}

// TestKeepersKilled is a technician with the agent's own account who kills or
// stops what stands above the shell.
func TestKeepersKilled(t *testing.T) {
	for name, attack := range map[string]func(p *Process) error{
		"keeper killed":  func(p *Process) error { return syscall.Kill(p.keeper.Load().pid, syscall.SIGKILL) },
		"warden killed":  func(p *Process) error { return syscall.Kill(p.warden.Pid, syscall.SIGKILL) },
		"keeper told":    func(p *Process) error { return syscall.Kill(p.keeper.Load().pid, syscall.SIGTERM) },
		"warden told":    func(p *Process) error { return syscall.Kill(p.warden.Pid, syscall.SIGHUP) },
		"keeper stopped": stopThenKill((*Process).keeperPID),
		"warden stopped": stopThenKill(func(p *Process) int { return p.warden.Pid }),
		"both stopped":   stopThenKill((*Process).keeperPID, func(p *Process) int { return p.warden.Pid }),
		"one killed, one stopped": func(p *Process) error {
			keeper := *p.keeper.Load()
			return errors.Join(keeper.signal(syscall.SIGSTOP), p.warden.Kill(), stopThenKill()(p))
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := begin(t, spec(t, "setsid sleep 1000 & trap '' TERM HUP; sleep 1000 & wait; wait"))
			awaitMarked(t, 3)
			began := time.Now()
			if err := attack(p); err != nil {
				t.Fatal(err)
			}
			// No Kill by the test where the attack has none: it ends by itself.
			eventually(t, patience, "all is dead", func() bool { return len(marked(t, mark(t))) == 0 })
			<-p.gone
			t.Logf("took %v", time.Since(began))
			if e := p.Wait(); e.Signal != "KILL" {
				t.Errorf("exit %+v", e)
			}
		})
	}
}

func (p *Process) keeperPID() int { return p.keeper.Load().pid }

func stopThenKill(pids ...func(p *Process) int) func(p *Process) error {
	return func(p *Process) error {
		for _, pid := range pids {
			if err := syscall.Kill(pid(p), syscall.SIGSTOP); err != nil {
				return err
			}
		}
		p.Kill()
		return nil
	}
}

// TestBothKeepersKilled leaves the control group alone to do it.
func TestBothKeepersKilled(t *testing.T) {
	p := begin(t, spec(t, "setsid sleep 1000 & trap '' TERM HUP; wait"))
	if p.group == "" {
		t.Skip("no control group can be made here")
	}
	awaitMarked(t, 2)
	if err := errors.Join(syscall.Kill(p.warden.Pid, syscall.SIGKILL), syscall.Kill(p.keeperPID(), syscall.SIGKILL)); err != nil {
		t.Fatal(err)
	}
	<-p.gone
	if left := marked(t, mark(t)); len(left) > 0 {
		t.Errorf("alive: %v", left)
	}
	if _, err := os.Stat(string(p.group)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the control group: %v", err)
	}
}

// TestAgentKilled is the crash of an agent.
func TestAgentKilled(t *testing.T) {
	for name, c := range survivors {
		t.Run(name, func(t *testing.T) {
			if c.running == 1 && name != "plain" {
				t.Skip("its agent would end by itself")
			}
			cmd := exec.CommandContext(t.Context(), ownPath(t))
			cmd.Env = append(os.Environ(), roleVar+"=agent", commandVar+"="+c.command, markVar+"="+mark(t))
			var out bytes.Buffer
			cmd.Stdout = &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			agent, err := readProcess(cmd.Process.Pid)
			if err != nil {
				t.Fatal(err)
			}
			// Before it is a warden, a process that starts has the agent's mark.
			eventually(t, patience, "it has its keepers", func() bool { return len(wardens(agent)) == 2 })
			awaitMarked(t, c.running+1) // and the agent itself
			keepers := wardens(agent)
			began := time.Now()
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			eventually(t, patience, "all is dead, keepers too", func() bool {
				return len(marked(t, mark(t))) == 0 && !anyAlive(keepers)
			})
			if own, err := ownCgroup(); err == nil {
				eventually(t, patience, "its control group is gone", func() bool {
					left, err := filepath.Glob(filepath.Join(own, visitPrefix+strconv.Itoa(agent.pid)+"-*"))
					return err == nil && len(left) == 0
				})
			}
			t.Logf("took %v", time.Since(began))
			_ = cmd.Wait() // it was killed
		})
	}
}

// wardens are an agent's wardens and keepers.
func wardens(agent process) []process {
	var found []process
	for _, p := range below(agent) {
		name, _ := os.ReadFile("/proc/" + strconv.Itoa(p.pid) + "/comm")
		if n := strings.TrimSpace(string(name)); n == wardenName || n == keeperName {
			found = append(found, p)
		}
	}
	return found
}

func anyAlive(processes []process) bool {
	for _, p := range processes {
		if now, err := readProcess(p.pid); err == nil && now.same(p) && !now.over() {
			return true
		}
	}
	return false
}

// TestLeftover is sudo under an agent that isn't root: Kill returns and tells.
func TestLeftover(t *testing.T) {
	needRoot(t)
	a := nobody(t)
	dir, err := os.MkdirTemp("", "proc") // t.TempDir is for its owner only
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	text, err := os.ReadFile(ownPath(t))
	if err != nil {
		t.Fatal(err)
	}
	agent, sudo := filepath.Join(dir, "agent"), filepath.Join(dir, "sudo")
	if err := errors.Join(os.WriteFile(agent, text, 0o700), os.WriteFile(sudo, text, 0o700),
		os.Chmod(agent, 0o755), os.Chmod(sudo, 0o755|os.ModeSetuid), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), agent)
	cmd.Dir = "/"
	cmd.Env = []string{roleVar + "=sudo agent", commandVar + "=" + sudo}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(a.UID), Gid: uint32(a.GID)}}
	out, err := cmd.CombinedOutput()
	if want := "left over: 1 true\nleft over: 0 false\n"; string(out) != want {
		t.Errorf("%v: %q, want %q", err, out, want)
	}
}

// TestOthersAreLeftAlone keeps children of the agent, and what they leave
// behind, out of it.
func TestOthersAreLeftAlone(t *testing.T) {
	other := exec.CommandContext(t.Context(), "/bin/sh", "-c", "setsid sleep 1000 & sleep 1000; exit 3")
	other.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	other.Env = append(os.Environ(), markVar+"=other"+mark(t))
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "the others run", func() bool { return len(marked(t, "other"+mark(t))) == 3 })
	for range 3 {
		p := begin(t, spec(t, "setsid sleep 1000 & sleep 1000"))
		awaitMarked(t, 2)
		_ = syscall.Kill(p.keeperPID(), syscall.SIGKILL)
		p.Kill()
	}
	others := marked(t, "other"+mark(t))
	if len(others) != 3 {
		t.Errorf("%d of 3 are left", len(others))
	}
	for _, pid := range others {
		if pid != other.Process.Pid {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	var e *exec.ExitError
	if err := other.Wait(); !errors.As(err, &e) || e.ExitCode() != 3 {
		t.Errorf("the other child's exit was lost: %v", err)
	}
}

func TestNothingIsLeft(t *testing.T) {
	if p, err := Start(spec(t, "true")); err != nil { // the runtime opens its poller once
		t.Fatal(err)
	} else {
		p.Close()
	}
	before := descriptors(t)
	for range 5 {
		for _, s := range []Spec{spec(t, "sleep 1000 & echo x"), withPTY(spec(t, "sleep 1000 & echo x"))} {
			p, err := Start(s)
			if err != nil {
				t.Fatal(err)
			}
			finish(t, p)
			p.Close()
			p.Close()
			if p.group != "" {
				if _, err := os.Stat(string(p.group)); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("control group %s: %v", p.group, err)
				}
			}
		}
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors, there were %d", after, before)
	}
	if !live.none() {
		t.Error("keepers are still listed")
	}
}

// TestCloseEndsReadersAndWriters closes under a waiting Read and Write.
func TestCloseEndsReadersAndWriters(t *testing.T) {
	for _, terminal := range []bool{false, true} {
		t.Run(fmt.Sprint("terminal ", terminal), func(t *testing.T) {
			s := spec(t, "exec sleep 1000")
			if terminal {
				s = withPTY(spec(t, "stty raw; exec sleep 1000"))
			}
			p := begin(t, s)
			written := make(chan error, 1)
			go func() {
				_, err := p.Stdin().Write(make([]byte, 4<<20))
				written <- err
			}()
			read := make(chan error, 1)
			go func() {
				for {
					if _, err := p.Stdout().Read(make([]byte, 4096)); err != nil {
						read <- err
						return
					}
				}
			}()
			awaitMarked(t, 1)
			p.Close()
			if err := <-written; err == nil {
				t.Error("the Write went through")
			}
			<-read
		})
	}
}
