package proc

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// folderOf makes what looks like a control group to read and write.
func folderOf(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func contents(t *testing.T, folder, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

func TestConfine(t *testing.T) {
	both := Limits{Tasks: 100, Memory: 1 << 30}
	for name, c := range map[string]struct {
		files map[string]string
		l     Limits
		on    string // what is turned on for the groups below
		want  string
	}{
		"both":          {map[string]string{"cgroup.controllers": "cpu memory pids\n", "cgroup.subtree_control": ""}, both, "+pids +memory", ""},
		"tasks alone":   {map[string]string{"cgroup.controllers": "pids\n", "cgroup.subtree_control": ""}, Limits{Tasks: 1}, "+pids", ""},
		"no limits":     {map[string]string{"cgroup.subtree_control": "none"}, Limits{}, "none", ""},
		"no controller": {map[string]string{"cgroup.controllers": "cpu pids\n", "cgroup.subtree_control": "none"}, both, "none", "lacks the controller memory"},
		"not to write":  {map[string]string{"cgroup.controllers": "pids\n"}, Limits{Tasks: 1}, "", "is a directory"},
		"no group":      {map[string]string{}, both, "", "can't be read"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := folderOf(t, c.files)
			if c.want == "is a directory" {
				if err := os.Mkdir(filepath.Join(folder, "cgroup.subtree_control"), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			g, err := confine(folder, os.Getpid(), c.l)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if g.held != (err == nil && c.l != Limits{}) || g.folder != folder {
				t.Errorf("got %+v", g)
			}
			if c.on != "" && contents(t, folder, "cgroup.subtree_control") != c.on {
				t.Errorf("turned on: %q", contents(t, folder, "cgroup.subtree_control"))
			}
		})
	}
}

// TestHoldWrites: the numbers that the kernel reads.
func TestHoldWrites(t *testing.T) {
	folder := folderOf(t, map[string]string{"pids.max": "max\n", "memory.max": "max\n"})
	if err := (&Group{folder: cgroup(folder), limits: Limits{Tasks: 4096}}).hold(); err != nil {
		t.Fatal(err)
	}
	if contents(t, folder, "pids.max") != "4096" || contents(t, folder, "memory.max") != "max\n" {
		t.Error("tasks alone were not held alone")
	}
	if err := (&Group{folder: cgroup(folder), limits: Limits{Memory: 3 << 30}}).hold(); err != nil || contents(t, folder, "memory.max") != "3221225472" {
		t.Errorf("%v: %s", err, contents(t, folder, "memory.max"))
	}
	if err := (&Group{folder: cgroup(folder + "/none"), limits: Limits{Tasks: 1}}).hold(); err == nil {
		t.Error("a group that is gone held something")
	}
}

// TestHeldOrNotStarted: a visit whose group is gone starts nothing outside of it.
func TestHeldOrNotStarted(t *testing.T) {
	s := spec(t, "true")
	s.Group = &Group{folder: cgroup(filepath.Join(t.TempDir(), "gone")), held: true}
	if p, err := Start(s); err == nil {
		p.Close()
		t.Error("started")
	} else if !strings.Contains(err.Error(), "nothing is started") {
		t.Error(err)
	}
}

// TestHeldOrNotOpened: where the kernel holds visits to their limits, one for which
// it makes no group is told so, and not left without limits.
func TestHeldOrNotOpened(t *testing.T) {
	folder := t.TempDir() // a folder in it is no control group
	g := &Groups{folder: folder, limits: Limits{Tasks: 100}, held: true}
	if g.able() {
		t.Error("a plain folder passes for a control group")
	}
	if v, err := g.Visit("v-1"); err == nil || v.Held() {
		t.Errorf("%+v, %v", v, err)
	}
	g.held = false
	if v, err := g.Visit("v-1"); err != nil || v.Held() || v.tasks() != 100 {
		t.Errorf("where the kernel holds nothing: %+v, %v", v, err)
	}
	if left, err := filepath.Glob(filepath.Join(folder, "*")); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

// TestSweep takes away what a killed agent left, and nothing of a live one.
func TestSweep(t *testing.T) {
	folder := t.TempDir()
	ended := exec.CommandContext(t.Context(), "/bin/true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	mine := fmt.Sprintf("%s%d-v1-123", visitPrefix, os.Getpid())
	theirs := fmt.Sprintf("%s%d-v1-123", visitPrefix, ended.Process.Pid)
	for _, name := range []string{mine, theirs + "/shell-1", theirs + "/shell-2", "accord-x", "user.slice"} {
		if err := os.MkdirAll(filepath.Join(folder, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	(&Groups{folder: folder}).sweep()
	left, err := filepath.Glob(filepath.Join(folder, "*"))
	if want := fmt.Sprint([]string{filepath.Join(folder, mine), filepath.Join(folder, "accord-x"), filepath.Join(folder, "user.slice")}); err != nil || fmt.Sprint(left) != want {
		t.Errorf("left %v, want %s", left, want)
	}
}

// TestTasksWithoutGroups is the weaker limit: by account, and not for root.
func TestTasksWithoutGroups(t *testing.T) {
	s := spec(t, "")
	s.Command = `grep 'Max processes' /proc/self/limits | tr -s ' ' | cut -d' ' -f3,4`
	s.Group = &Group{limits: Limits{Tasks: 77}}
	if out, _ := run(t, s); out != "77 77\n" {
		t.Errorf("in a shell: %q", out)
	}
	s.Group.limits.Tasks = 0
	direct, err := exec.CommandContext(t.Context(), "/bin/sh", "-c", s.Command).Output()
	if out, _ := run(t, s); err != nil || out != string(direct) {
		t.Errorf("without a limit: %q, %q beside it, %v", out, direct, err)
	}
}

// TestGroupHolds lets a visit fork and eat as much as it can: the kernel stops
// it, the agent goes on, and all of it dies at once.
func TestGroupHolds(t *testing.T) {
	needRoot(t)
	own, err := ownCgroup()
	if err != nil {
		t.Skip(err)
	}
	there, err := os.ReadFile(filepath.Join(own, "cgroup.subtree_control"))
	if err != nil || !strings.Contains(string(there), "pids") || !strings.Contains(string(there), "memory") {
		t.Skipf("no control group with limits can be made here: %q, %v", there, err)
	}
	group := cgroup(filepath.Join(own, "accord-test-"+strconv.Itoa(os.Getpid())))
	if err := os.Mkdir(string(group), 0o700); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = os.Remove(filepath.Join(string(group), agentLeaf))
		group.remove()
	}()
	cmd := exec.CommandContext(t.Context(), ownPath(t))
	cmd.Env = append(os.Environ(), roleVar+"=confined agent")
	dir, err := os.Open(string(group))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }()
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd())}
	out, err := cmd.CombinedOutput()
	const want = "held\nbomb stopped\nagent works\nhog: KILL\nthe rest died with the visit\n"
	if err != nil || string(out) != want {
		t.Errorf("%v: %s", err, out)
	}
}

// playConfined is an agent that is alone in its control group, as a service is.
func playConfined() int {
	g, err := Confine(Limits{Tasks: 80, Memory: 64 << 20})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	v, err := g.Visit("v-1")
	if err != nil || !v.Held() {
		fmt.Println(err)
		return 1
	}
	fmt.Println("held")
	a, err := LookupAccount("nobody")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	a.Shell, a.Home = "/bin/sh", "/"
	start := func(command string) *Process {
		p, err := Start(Spec{Account: a, Command: command, Env: []string{"PATH=" + userPath}, Group: v})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return p
	}
	bomb := start(`i=0; while [ $i -lt 500 ]; do (trap "" TERM HUP; sleep 1000; :) & i=$((i+1)); done; wait`)
	if said, _ := io.ReadAll(bomb.Stderr()); strings.Contains(strings.ToLower(string(said)), "fork") {
		fmt.Println("bomb stopped")
	} else {
		fmt.Printf("the bomb said %q\n", said)
	}
	if err := exec.Command("/bin/true").Run(); err == nil { //nolint:noctx // it ends
		fmt.Println("agent works")
	}
	bomb.Close()
	hog := start(`x=$(tr "\0" x </dev/zero | head -c 200000000)`)
	if e := hog.Wait(); e.Signal != "" || e.Status == 137 {
		fmt.Println("hog: KILL")
	}
	hog.Close()
	rest := start("setsid sleep 1000 & sleep 1000")
	v.End()
	rest.Wait()
	if _, err := os.Stat(string(v.folder)); os.IsNotExist(err) {
		fmt.Println("the rest died with the visit")
	}
	rest.Close()
	return 0
}
