package proc

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

func TestCommand(t *testing.T) {
	for _, c := range []struct {
		name, command, stdout, stderr string
		exit                          Exit
	}{
		{"output apart", "echo out; echo err >&2", "out\n", "err\n", Exit{}},
		{"status", "exit 42", "", "", Exit{Status: 42}},
		{"signal", "kill -TERM $$", "", "", Exit{Status: 143, Signal: "TERM"}},
		{"signal without a name", "kill -BUS $$", "", "", Exit{Status: 135, Signal: "BUS@accord"}},
		{"argv and quoting", `printf '%s|' "$0" "a b"`, "sh|a b|", "", Exit{}},
		{"bytes that are no UTF-8", "printf '\xff\xfe'", "\xff\xfe", "", Exit{}},
		{"umask", "umask", "0022\n", "", Exit{}},
		{"no signal ignored or blocked", "grep -hE 'Sig(Ign|Blk)' /proc/self/status | cut -f2", "0000000000000000\n0000000000000000\n", "", Exit{}},
		{"no descriptor but three", "cd /proc/self/fd; for i in *; do test -e $i && echo $i; done; :", "0\n1\n2\n", "", Exit{}},
		{"blocking descriptors", "for i in 0 1 2; do grep -c 'flags:.*4...$' /proc/self/fdinfo/$i; done; :", "0\n0\n0\n", "", Exit{}},
		{"session of its own", "cut -d' ' -f5,6 /proc/$$/stat | tr ' ' '\n' | sort -u | grep -cx $$", "1\n", "", Exit{}},
		{"reopened output", "echo out >/dev/stdout; echo err >/dev/stderr", "out\n", "err\n", Exit{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := spec(t, strings.ReplaceAll(c.command, "kill -BUS", "ulimit -c 0; kill -BUS"))
			stdout, stderr, exit := finish(t, begin(t, s))
			if stdout != c.stdout || stderr != c.stderr || exit != c.exit {
				t.Errorf("got %q, %q, %+v, want %q, %q, %+v", stdout, stderr, exit, c.stdout, c.stderr, c.exit)
			}
		})
	}
}

// Arguments are handed on as they are: no shell reads them.
func TestArguments(t *testing.T) {
	s := spec(t, "echo a shell")
	s.Args = []string{"/usr/bin/printf", "%s|", "a b", "$HOME", "; echo x", "*"}
	if out, exit := run(t, s); out != "a b|$HOME|; echo x|*|" || exit.Status != 0 {
		t.Errorf("got %q, %+v", out, exit)
	}
	for _, program := range []string{"printf", "./printf", "/no/such/program", ""} {
		s.Args = []string{program}
		if p, err := Start(s); err == nil {
			p.Close()
			t.Errorf("%q was started", program)
		}
	}
}

func TestEnvironmentIsWhole(t *testing.T) {
	s := spec(t, "env")
	out, _ := run(t, s)
	for line := range strings.Lines(out) {
		name, _, _ := strings.Cut(line, "=")
		if name != "PWD" && name != "_" && name != "OLDPWD" && name != "SHLVL" && !sets(s.Env, name) {
			t.Errorf("the shell has %s", line)
		}
	}
	for _, v := range s.Env {
		if !strings.Contains(out, v+"\n") {
			t.Errorf("the shell lacks %s", v)
		}
	}
}

func TestTerminalEnvironment(t *testing.T) {
	out, _ := run(t, withPTY(spec(t, `test "$SSH_TTY" = "$(tty)" && echo "$TERM"`)))
	if out != "xterm-256color\n" {
		t.Errorf("got %q", out)
	}
}

func TestHome(t *testing.T) {
	s := spec(t, "pwd")
	s.Account.Home = "/usr"
	if out, _ := run(t, s); out != "/usr\n" {
		t.Errorf("started in %q", out)
	}
	s.Account.Home = "/nonexistent/home"
	out, said, _ := finish(t, begin(t, s))
	if out != "/\n" || said != "accord: the home /nonexistent/home of "+s.Account.Name+" can't be entered (no such file or directory), so this begins in /\n" {
		t.Errorf("without a home started in %q and said %q", out, said)
	}
}

// TestForeignHome: whoever owns the home could put into it what the shell reads.
func TestForeignHome(t *testing.T) {
	needRoot(t)
	s := spec(t, `echo "$HOME"; pwd`)
	s.Account.Home = t.TempDir()
	if err := os.Chown(s.Account.Home, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	out, said, _ := finish(t, begin(t, s))
	if out != "/\n/\n" || !strings.Contains(said, "it belongs to another account, 65534") {
		t.Errorf("started in %q and said %q", out, said)
	}
}

func TestLoginShell(t *testing.T) {
	s := withPTY(spec(t, ""))
	p := begin(t, s)
	if _, err := io.WriteString(p.Stdin(), "echo \"<$0>\"; exit 7\n"); err != nil {
		t.Fatal(err)
	}
	out, _, exit := finish(t, p)
	if !strings.Contains(out, "<-sh>") || exit.Status != 7 {
		t.Errorf("got %q, %+v", out, exit)
	}
}

func TestStdin(t *testing.T) {
	p := begin(t, spec(t, "cat; echo end"))
	text := strings.Repeat("0123456789abcdef", 64<<10) // 1 MiB, more than any pipe holds
	go func() {
		_, _ = io.WriteString(p.Stdin(), text)
		_ = p.Stdin().Close()
	}()
	if out, _, _ := finish(t, p); out != text+"end\n" {
		t.Errorf("%d bytes came back, want %d", len(out), len(text)+4)
	}
}

func TestRefused(t *testing.T) {
	good := spec(t, "true")
	other := good
	other.Account.UID, other.Account.Name = 12345, "other"
	noShell := good
	noShell.Account.Shell = "/nonexistent/shell"
	nul := good
	nul.Command = "echo \x00"
	modes := withPTY(good)
	modes.PTY.Modes = []byte{1, 2}
	noID := good
	noID.Account.UID = 1<<32 - 1
	cases := map[string]struct {
		spec Spec
		want string
	}{
		"no account":       {Spec{Command: "id"}, "none is named"},
		"no such shell":    {noShell, "no such file"},
		"nul byte":         {nul, "invalid argument"},
		"modes cut short":  {modes, "cut short"},
		"id that is no id": {noID, "impossible id"},
	}
	if os.Geteuid() != 0 {
		cases["other account"] = struct {
			spec Spec
			want string
		}{other, "have the agent started as root"}
	}
	before := descriptors(t)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if p, err := Start(c.spec); err == nil {
				p.Close()
				t.Error("started")
			} else if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors, there were %d", after, before)
	}
	if !live.none() {
		t.Error("keepers were left")
	}
}

// TestOutputIsWhole starts many short sessions: naive code loses the last
// output of some.
func TestOutputIsWhole(t *testing.T) {
	sessions := 500
	if testing.Short() {
		sessions = 50
	}
	for name, s := range map[string]Spec{"pipes": spec(t, "echo x"), "terminal": withPTY(spec(t, "echo x"))} {
		t.Run(name, func(t *testing.T) {
			next := make(chan int)
			var workers sync.WaitGroup
			for range 4 {
				workers.Go(func() {
					for i := range next {
						p, err := Start(s)
						if err != nil {
							t.Errorf("session %d: %v", i, err)
							continue
						}
						if out, _, e := finish(t, p); strings.TrimSpace(out) != "x" || e != (Exit{}) {
							t.Errorf("session %d: %q, %+v", i, out, e)
						}
						p.Close()
					}
				})
			}
			for i := range sessions {
				next <- i
			}
			close(next)
			workers.Wait()
		})
	}
}

// TestOutputBeforeExit has more output than the kernel buffers on its way when
// the main process ends, and somebody else holding the terminal.
func TestOutputBeforeExit(t *testing.T) {
	const command = "sleep 1000 & i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done"
	for name, s := range map[string]Spec{"pipes": spec(t, command), "terminal": withPTY(spec(t, command))} {
		t.Run(name, func(t *testing.T) {
			out, _ := run(t, s)
			if n := strings.Count(out, "\n"); n != 3000 || !strings.HasSuffix(out, "line 2999\n") {
				t.Errorf("%d lines, ending %q", n, out[max(0, len(out)-20):])
			}
		})
	}
}

// TestOutputEnds has a background process that never stops writing.
func TestOutputEnds(t *testing.T) {
	const command = "(trap '' HUP; exec yes) & echo first; exec true"
	for name, s := range map[string]Spec{"pipes": spec(t, command), "terminal": withPTY(spec(t, command))} {
		t.Run(name, func(t *testing.T) {
			out, e := run(t, s)
			if !strings.Contains(out, "first\n") || e != (Exit{}) {
				t.Errorf("%d bytes, %+v", len(out), e)
			}
		})
	}
}

// TestOddParents starts the agent with signals ignored or blocked.
func TestOddParents(t *testing.T) {
	for name, c := range map[string]struct{ script, role string }{
		"ignored": {`trap '' INT QUIT PIPE TERM HUP TSTP TTIN TTOU CHLD USR1 ALRM; exec "$0"`, "agent"},
		"blocked": {`exec "$0"`, "blocked agent"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", c.script, ownPath(t))
			cmd.Env = append(os.Environ(), roleVar+"="+c.role,
				commandVar+"=grep -hE 'Sig(Ign|Blk)' /proc/self/status | cut -f2; kill -INT $$; echo still here")
			out, err := cmd.Output()
			if want := strings.Repeat("0000000000000000\r\n", 2); string(out) != want {
				t.Errorf("%v: %q, want %q", err, out, want)
			}
			if cmd.ProcessState.ExitCode() != 130 {
				t.Errorf("ended as %v, want by SIGINT", cmd.ProcessState)
			}
		})
	}
}

func ownPath(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestReplacedBinary is an upgrade of the agent while it runs.
func TestReplacedBinary(t *testing.T) {
	path := t.TempDir() + "/agent"
	text, err := os.ReadFile(ownPath(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path)
	cmd.Env = append(os.Environ(), roleVar+"=agent", commandVar+"=echo runs", waitVar+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(stdin, "go")
	got, _ := io.ReadAll(out)
	if err := cmd.Wait(); err != nil || string(got) != "runs\r\n" {
		t.Errorf("%v: %q", err, got)
	}
}

// TestRolesAreNotForPeople runs the hidden roles as a person could.
func TestRolesAreNotForPeople(t *testing.T) {
	for _, name := range []string{wardenName, keeperName, childName} {
		for _, args := range [][]string{{name}, {name, "v1"}, {name, "--help", "x"}} {
			cmd := exec.CommandContext(t.Context(), ownPath(t))
			cmd.Args = args
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), errNotStarted.Error()) {
				t.Errorf("%q: %v, %s", args, err, out)
			}
		}
	}
}

// BenchmarkCommand is a login without the network: start, one line, exit.
func BenchmarkCommand(b *testing.B) {
	a, err := Self()
	if err != nil {
		b.Fatal(err)
	}
	a.Shell = "/bin/sh"
	for b.Loop() {
		p, err := Start(Spec{Account: a, Command: "echo x", PTY: &PTY{}})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, p.Stdout()); err != nil {
			b.Fatal(err)
		}
		p.Wait()
		p.Close()
	}
}
