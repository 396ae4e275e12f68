package proc

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

const droppedStatus = `Name:	accord-login
Uid:	1000	1000	1000	1000
Gid:	100	100	100	100
Groups:	4 100 
CapInh:	0000000000000000
CapPrm:	0000000000000000
CapEff:	0000000000000000
CapBnd:	000001ffffffffff
CapAmb:	0000000000000000
`

func TestCheckStatus(t *testing.T) {
	a := Account{Name: "ann", UID: 1000, GID: 100}
	for name, c := range map[string]struct{ old, new, want string }{
		"dropped":            {"", "", ""},
		"saved user id":      {"1000\t1000\t1000\t1000", "1000\t1000\t0\t1000", "ids are still"},
		"file system id":     {"1000\t1000\t1000\t1000", "1000\t1000\t1000\t0", "ids are still"},
		"real group id":      {"100\t100\t100\t100", "0\t100\t100\t100", "ids are still"},
		"root's group":       {"4 100", "0 4 100", "groups are still"},
		"group missing":      {"4 100", "100", "groups are still"},
		"a capability":       {"CapEff:\t0000000000000000", "CapEff:\t0000000000000080", "capabilities"},
		"a permitted one":    {"CapPrm:\t0000000000000000", "CapPrm:\t0000000000200000", "capabilities"},
		"an ambient one":     {"CapAmb:\t0000000000000000", "CapAmb:\t0000000000000001", "ambient"},
		"before Linux 4.3":   {"CapAmb:\t0000000000000000\n", "", ""},
		"no word about them": {"CapEff:\t0000000000000000\n", "", "capabilities"},
		"nothing at all":     {droppedStatus, "", "ids are still"},
	} {
		t.Run(name, func(t *testing.T) {
			err := checkStatus(strings.Replace(droppedStatus, c.old, c.new, 1), a, []int{4, 100})
			if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// TestProofFails proves what was not dropped.
func TestProofFails(t *testing.T) {
	needRoot(t)
	a := nobody(t)
	if err := proveDropped(a, []int{a.GID}); err == nil {
		t.Error("root passes as nobody")
	}
}

func TestDrop(t *testing.T) {
	needRoot(t)
	a := nobody(t)
	a.Groups = []int{4, 4, 50}
	s := spec(t, "grep -E '^(Uid|Gid|Groups|CapEff|CapPrm|NoNewPrivs):' /proc/self/status | tr '\t' ' '; pwd")
	s.Account = a
	out, _ := run(t, s)
	want := "Uid: 65534 65534 65534 65534\nGid: 65534 65534 65534 65534\nGroups: 4 50 65534 \n" +
		"CapPrm: 0000000000000000\nCapEff: 0000000000000000\nNoNewPrivs: 0\n/\n"
	if out != want {
		t.Errorf("got %q, want %q", out, want)
	}
}

// TestDropIsForGood lets the account try to come back, by a program that can
// ask the kernel directly.
func TestDropIsForGood(t *testing.T) {
	needRoot(t)
	python := "/usr/bin/python3"
	if _, err := os.Stat(python); err != nil {
		t.Skip(err) // one that nobody may run
	}
	s := spec(t, python+` -c '
import os
for f, a in ((os.setuid, (0,)), (os.setresuid, (0, 0, 0)), (os.setreuid, (-1, 0)), (os.setgid, (0,)), (os.setresgid, (0, 0, 0)), (os.setgroups, ([0],))):
    try:
        f(*a); print("came back by", f.__name__)
    except PermissionError: pass
print("tried")'`)
	s.Account = nobody(t)
	if out, _ := run(t, s); out != "tried\n" {
		t.Errorf("got %q", out)
	}
}

// TestTerminalBelongsToAccount also opens what belongs to it again.
func TestTerminalBelongsToAccount(t *testing.T) {
	const command = `stat -Lc '%u %g %a' /dev/fd/0; echo err >/dev/stderr; echo out >/dev/stdout; true </dev/tty && echo controlling`
	a, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	a.Shell, a.Home = "/bin/sh", "/"
	if os.Geteuid() == 0 {
		a = nobody(t)
	}
	s := withPTY(spec(t, command))
	s.Account = a
	out, _ := run(t, s)
	if !strings.HasSuffix(out, " 600\nerr\nout\ncontrolling\n") {
		t.Errorf("got %q", out)
	}
	pipes := spec(t, "echo out >/dev/stdout; echo err >/dev/stderr")
	pipes.Account = a
	stdout, stderr, _ := finish(t, begin(t, pipes))
	if stdout != "out\n" || stderr != "err\n" {
		t.Errorf("got %q, %q", stdout, stderr)
	}
}

// TestOtherAccountsKill kills a tree of another account.
func TestOtherAccountsKill(t *testing.T) {
	needRoot(t)
	s := spec(t, "setsid sleep 1000 & trap '' TERM; sleep 1000; wait")
	s.Account = nobody(t)
	p := begin(t, s)
	awaitMarked(t, 3)
	p.Kill()
	if left := marked(t, mark(t)); len(left) > 0 {
		t.Errorf("alive after Kill: %v", left)
	}
}

// TestLimitsStay starts with the limit on open files that the agent was
// started with: the Go runtime raises its own.
func TestLimitsStay(t *testing.T) {
	shell, _ := run(t, spec(t, "ulimit -Sn"))
	direct, err := exec.CommandContext(t.Context(), "/bin/sh", "-c", "ulimit -Sn").Output()
	if err != nil || shell != string(direct) {
		t.Errorf("%q in a visit, %q beside it, %v", shell, direct, err)
	}
}
