package proc

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// expect reads lines until one holds text.
func expect(t *testing.T, r *bufio.Reader, text string) {
	t.Helper()
	for {
		line, err := r.ReadString('\n')
		if strings.Contains(line, text) {
			return
		}
		if err != nil {
			t.Fatalf("no %q before %v", text, err)
		}
	}
}

func TestSignalToMainProcess(t *testing.T) {
	for name := range signalNames {
		t.Run(name, func(t *testing.T) {
			s := spec(t, "ulimit -c 0; echo ready; exec sleep 1000")
			p := begin(t, s)
			expect(t, bufio.NewReader(p.Stdout()), "ready")
			if err := p.Signal(name); err != nil {
				t.Fatal(err)
			}
			want := Exit{Status: 128 + int(signalNames[name]), Signal: name}
			if e := p.Wait(); e != want {
				t.Errorf("ended %+v, want %+v", e, want)
			}
		})
	}
}

func TestSignalToForeground(t *testing.T) {
	s := withPTY(spec(t, `set -m; trap 'echo shell got it' USR1; sleep 1000 & sh -c 'trap "echo job got it; exit 5" USR1; echo ready; while :; do sleep 0.01; done'; echo "job ended $?"`))
	p := begin(t, s)
	out := bufio.NewReader(p.Stdout())
	expect(t, out, "ready")
	if err := p.Signal("USR1"); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(rest); !strings.Contains(got, "job got it") || strings.Contains(got, "shell got it") || !strings.Contains(got, "job ended") {
		t.Errorf("got %q", got)
	}
}

func TestTypedInterrupt(t *testing.T) {
	p := begin(t, withPTY(spec(t, "echo ready; exec sleep 1000")))
	expect(t, bufio.NewReader(p.Stdout()), "ready")
	if _, err := p.Terminal().Write([]byte{3}); err != nil {
		t.Fatal(err)
	}
	if e := p.Wait(); e.Signal != "INT" {
		t.Errorf("ended %+v", e)
	}
}

func TestSignalRefused(t *testing.T) {
	p := begin(t, spec(t, "true"))
	p.Wait()
	for _, name := range []string{"TERM", "WINCH", "", "9", "SIGTERM"} {
		if err := p.Signal(name); err == nil {
			t.Errorf("%q was sent", name)
		}
	}
}

func TestResize(t *testing.T) {
	p := begin(t, withPTY(spec(t, `trap 'stty size; exit' WINCH; stty size; while :; do sleep 0.01; done`)))
	out := bufio.NewReader(p.Stdout())
	expect(t, out, "24 80")
	if err := p.Resize(132, 43, 0, 0); err != nil {
		t.Fatal(err)
	}
	expect(t, out, "43 132")
	for _, size := range [][2]int{{0, 0}, {-1, -1}, {1 << 40, 1 << 20}} {
		if err := p.Resize(size[0], size[1], 0, 0); err != nil {
			t.Errorf("%v: %v", size, err)
		}
	}
	if err := begin(t, spec(t, "true")).Resize(80, 24, 0, 0); err == nil {
		t.Error("a pipe has a size")
	}
}

func TestExitNames(t *testing.T) {
	for s := syscall.Signal(1); s <= lastSignal; s++ {
		e := exitOf(syscall.WaitStatus(s) | 0x80)
		if e.Status != 128+int(s) || !e.CoreDumped || e.Signal == "" {
			t.Errorf("%v: %+v", s, e)
		}
		_, standard := signalNames[e.Signal]
		if standard == strings.HasSuffix(e.Signal, "@accord") {
			t.Errorf("%v: %+v", s, e)
		}
	}
	if e := exitOf(syscall.WaitStatus(7 << 8)); e != (Exit{Status: 7}) {
		t.Errorf("%+v", e)
	}
}

func TestBelongs(t *testing.T) {
	if Belongs(syscall.Getpid()) || Belongs(1) || Belongs(0) {
		t.Error("without shells nobody belongs")
	}
	p := begin(t, spec(t, "setsid sh -c 'setsid sleep 1000 & exit 0' & sleep 1000"))
	awaitMarked(t, 3)
	inside := append(marked(t, mark(t)), p.main, p.keeperPID(), p.warden.Pid)
	slices.Sort(inside)
	for _, pid := range slices.Compact(inside) {
		eventually(t, patience, fmt.Sprint(pid, " belongs"), func() bool { return Belongs(pid) })
	}
	beside := exec.CommandContext(t.Context(), "sleep", "1000")
	if err := beside.Start(); err != nil {
		t.Fatal(err)
	}
	defer beside.Wait()         //nolint:errcheck // it is killed
	defer beside.Process.Kill() //nolint:errcheck // it may not have ended
	// The parent of a test that is a container's first process is out of sight.
	for _, pid := range []int{syscall.Getpid(), max(1, syscall.Getppid()), 1, beside.Process.Pid} {
		if Belongs(pid) {
			t.Errorf("%d belongs", pid)
		}
	}
	for _, pid := range []int{0, -1, 1 << 30} {
		if !Belongs(pid) {
			t.Errorf("%d, which can't be placed, doesn't belong", pid)
		}
	}
	p.Close()
	if Belongs(p.main) || Belongs(0) {
		t.Error("after the shell something belongs")
	}
}
