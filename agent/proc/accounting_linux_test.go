package proc

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// books are two empty files as a device has them.
func books(t *testing.T) *Record {
	t.Helper()
	return &Record{User: "ann", Host: "accord:alice", Utmp: write(t, "utmp", "", 0o600), Wtmp: write(t, "wtmp", "", 0o600)}
}

// tool is what a program of the device says of a file.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
	return string(out)
}

// TestAccounting is read by who and last.
func TestAccounting(t *testing.T) {
	r := books(t)
	at := time.Date(2026, 3, 4, 15, 16, 17, 0, time.UTC)
	// The pid is ours, since last looks whether it is alive.
	e := login{pid: os.Getpid(), line: "pts/1234", at: at}
	if err := errors.Join(r.begin(login{pid: 1, line: "pts/7", at: at}), r.begin(e)); err != nil {
		t.Fatal(err)
	}
	who := tool(t, "who", "--users", r.Utmp)
	for _, want := range []string{"ann", "pts/1234", "Mar  4 15:16", "(accord:alice)"} {
		if !strings.Contains(who, want) {
			t.Errorf("who doesn't say %s: %s", want, who)
		}
	}
	if last := tool(t, "last", "-F", "-f", r.Wtmp); !strings.Contains(last, "accord:alice") || strings.Contains(last, "15:20:17") {
		t.Errorf("last says: %s", last)
	}
	e.at = at.Add(4 * time.Minute)
	if err := errors.Join(r.end(e), r.end(e)); err != nil { // the second does nothing
		t.Fatal(err)
	}
	if who := tool(t, "who", r.Utmp); strings.Contains(who, "pts/1234") || !strings.Contains(who, "pts/7") {
		t.Errorf("afterwards who says: %s", who)
	}
	last := tool(t, "last", "-F", "-f", r.Wtmp)
	if i := strings.Index(last, "pts/1234"); i < 0 || !strings.Contains(last[i:], "15:20:17") || !strings.Contains(last[i:], "(00:04)") {
		t.Errorf("afterwards last says: %s", last)
	}
	if wtmp, _ := os.ReadFile(r.Wtmp); len(wtmp) != 3*nativeLayout().size {
		t.Errorf("wtmp has %d bytes, want three entries", len(wtmp))
	}
	// The next login on a terminal takes the place of the last.
	if err := r.begin(e); err != nil {
		t.Fatal(err)
	}
	if utmp, _ := os.ReadFile(r.Utmp); len(utmp) != 2*nativeLayout().size {
		t.Errorf("utmp has %d bytes, want two entries", len(utmp))
	}
}

// TestLayout compares both forms with what a C compiler says of them
// (bits/utmp.h of glibc 2.36).
func TestLayout(t *testing.T) {
	e := login{pid: 0x01020304, line: "pts/5", user: "ann", host: "accord:alice", at: time.Unix(0x65432100, 7_000)}
	for name, l := range map[string]layout{"amd64": {384, 336, 340, 4}, "arm64": {400, 336, 344, 8}} {
		b := l.encode(utmpUser, e)
		if len(b) != l.size || text(b, 8, 32) != "pts/5" || text(b, 40, 4) != "ts/5" || text(b, 44, 32) != "ann" || text(b, 76, 256) != "accord:alice" {
			t.Errorf("%s: % x", name, b)
		}
		second := bytes.Repeat([]byte{0}, l.width)
		copy(second, []byte{0x00, 0x21, 0x43, 0x65})
		if !bytes.Equal(b[l.time:l.time+l.width], second) || b[l.time+l.width] != 7 || !bytes.Equal(b[:8], []byte{7, 0, 0, 0, 4, 3, 2, 1}) {
			t.Errorf("%s: % x", name, b)
		}
		if kindOf(b) != utmpUser || pidOf(b) != e.pid {
			t.Errorf("%s: read back %d, %x", name, kindOf(b), pidOf(b))
		}
	}
}

// TestAccountingRefuses: what isn't made of entries is left as it is, and what
// isn't there is not made.
func TestAccountingRefuses(t *testing.T) {
	entry := string(nativeLayout().encode(utmpDead, login{line: "pts/1"}))
	for name, text := range map[string]string{
		"cut in the middle": entry + entry[:100],
		"something else":    strings.Repeat("x", 3*nativeLayout().size),
		"a foreign last":    entry + strings.Repeat("x", nativeLayout().size),
	} {
		r := &Record{Utmp: write(t, "utmp", text, 0o600), Wtmp: write(t, "wtmp", text, 0o600)}
		err := r.begin(login{pid: 1, line: "pts/1"})
		if !errors.Is(err, errLayout) || !strings.Contains(err.Error(), r.Utmp) || !strings.Contains(err.Error(), r.Wtmp) {
			t.Errorf("%s: %v", name, err)
		}
		if err := r.end(login{pid: 1, line: "pts/1"}); !errors.Is(err, errLayout) {
			t.Errorf("%s: %v", name, err)
		}
		utmp, _ := os.ReadFile(r.Utmp)
		wtmp, _ := os.ReadFile(r.Wtmp)
		if string(utmp) != text || string(wtmp) != text {
			t.Errorf("%s: the files were changed", name)
		}
	}
	r := &Record{Utmp: filepath.Join(t.TempDir(), "utmp"), Wtmp: filepath.Join(t.TempDir(), "wtmp")}
	if err := errors.Join(r.begin(login{line: "pts/1"}), r.end(login{line: "pts/1"})); err != nil {
		t.Errorf("without files: %v", err)
	}
	if _, err := os.Stat(r.Utmp); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file was made: %v", err)
	}
	folder := &Record{Utmp: t.TempDir(), Wtmp: filepath.Join(t.TempDir(), "wtmp")}
	if err := folder.begin(login{line: "pts/1"}); err == nil || !strings.Contains(err.Error(), folder.Utmp) {
		t.Errorf("a folder: %v", err)
	}
}

// TestAccountingLocked: whoever reads the file can hold its lock, and must not
// hold a shell up with it.
func TestAccountingLocked(t *testing.T) {
	r := books(t)
	f, err := os.Open(r.Utmp)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_RDLCK}); err != nil {
		t.Fatal(err)
	}
	if err := r.begin(login{pid: 1, line: "pts/1", at: time.Now()}); err == nil || !strings.Contains(err.Error(), "holds its lock") {
		t.Errorf("got %v", err)
	}
	if wtmp, _ := os.ReadFile(r.Wtmp); len(wtmp) != nativeLayout().size {
		t.Error("the other file wasn't written")
	}
}

// TestEndStale ends what was left, and what was left by nobody else.
func TestEndStale(t *testing.T) {
	r, sshd := books(t), books(t)
	sshd.Utmp, sshd.Wtmp, sshd.Host = r.Utmp, r.Wtmp, "192.0.2.7"
	at := time.Date(2026, 3, 4, 15, 0, 0, 0, time.UTC)
	for pid, r := range map[int]*Record{11: r, 12: sshd, 13: r} {
		if err := r.begin(login{pid: pid, line: "pts/" + string(rune('a'+pid-11)), at: at}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.endStale(func(pid int) bool { return pid == 13 }, at.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	who := tool(t, "who", r.Utmp)
	if strings.Contains(who, "pts/a") || !strings.Contains(who, "pts/b") || !strings.Contains(who, "pts/c") {
		t.Errorf("who says: %s", who)
	}
}

// TestLoginIsListed: as long as a terminal's shell runs, and no longer, also when
// the keeper or the agent is killed.
func TestLoginIsListed(t *testing.T) {
	if nativeLayout().size == 0 {
		t.Skip("nobody has looked at this machine's files")
	}
	users := func(r *Record) (list []string) {
		b, _ := os.ReadFile(r.Utmp)
		for e := range slices.Chunk(b, nativeLayout().size) {
			if kindOf(e) == utmpUser {
				list = append(list, text(e, atUser, userSize)+" "+text(e, atHost, hostSize))
			}
		}
		return list
	}
	listedSpec := func(t *testing.T, command string) (Spec, *Record) {
		s, r := withPTY(spec(t, command)), books(t)
		s.Record = r
		return s, r
	}
	me, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	t.Run("seen from within", func(t *testing.T) {
		s, r := listedSpec(t, "")
		s.Command = "LC_ALL=C who " + r.Utmp
		out, _ := run(t, s)
		if !strings.Contains(out, me.Name) || !strings.Contains(out, "pts/") || !strings.Contains(out, "(accord:alice)") {
			t.Errorf("who says %q", out)
		}
		if left := users(r); len(left) > 0 {
			t.Errorf("afterwards: %q", left)
		}
	})
	t.Run("no terminal", func(t *testing.T) {
		s, r := listedSpec(t, "true")
		s.PTY = nil
		run(t, s)
		if b, _ := os.ReadFile(r.Wtmp); len(b) > 0 {
			t.Error("it was listed")
		}
	})
	t.Run("keeper killed", func(t *testing.T) {
		s, r := listedSpec(t, "sleep 1000")
		p := begin(t, s)
		if got := users(r); !slices.Equal(got, []string{me.Name + " accord:alice"}) {
			t.Errorf("listed: %q", got)
		}
		if err := p.keeper.Load().signal(unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		<-p.Gone()
		if left := users(r); len(left) > 0 {
			t.Errorf("afterwards: %q", left)
		}
	})
	t.Run("agent killed", func(t *testing.T) {
		r := books(t)
		cmd := exec.CommandContext(t.Context(), ownPath(t))
		cmd.Env = append(os.Environ(), roleVar+"=agent", commandVar+"=echo up; sleep 1000", recordVar+"="+r.Utmp)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if len(users(r)) != 1 {
			t.Errorf("listed: %q", users(r))
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
		eventually(t, patience, "the login is over", func() bool { return len(users(r)) == 0 })
	})
	t.Run("file can't be written", func(t *testing.T) {
		s, r := listedSpec(t, "echo works")
		r.Utmp = t.TempDir()
		p := begin(t, s)
		if out, _, _ := finish(t, p); out != "works\r\n" || !strings.Contains(p.Notice(), r.Utmp) {
			t.Errorf("got %q, notice %q", out, p.Notice())
		}
	})
}

// TestLoginUID: auditd and last tell a login by it.
func TestLoginUID(t *testing.T) {
	needRoot(t)
	if _, err := os.Stat("/proc/self/loginuid"); err != nil {
		t.Skip(err) // a kernel without audit
	}
	s := spec(t, "cat /proc/self/loginuid")
	s.Account = nobody(t)
	before, _ := run(t, s)
	s.Record = books(t)
	if after, _ := run(t, s); after != "65534" && after != before {
		t.Errorf("it is %s, was %s", after, before)
	}
}
