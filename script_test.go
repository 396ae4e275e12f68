package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The scripts under testdata/script are the specification: each tells one
// story with the real binary, the real ssh, real terminals (tmux holds them)
// and real processes. What they may say beyond the commands of package
// testscript:
//
//	alone                   no other script runs: the agent reaches for all terminals
//	config KEY VALUE        a line of the configuration, before anything starts
//	append FILE             the file's text at the end of the configuration
//	trait PERSON LINE       a line in that person's entry; of one key, the last counts
//	up [FLAGS]              accord up, its screen in the terminal "user"
//	gateway                 accord gateway, in the terminal "gateway"
//	join DEVICE [FLAGS]     enrols a device: `ssh gw-ada enroll FLAGS`, then accord join
//	agent DEVICE            accord agent, in the terminal "agent-DEVICE"
//	open NAME [WxH] COMMAND a terminal of its own, 80x24 unless said otherwise
//	sh NAME                 waits for a visit's shell in NAME; its prompt is "ready>" then
//	type NAME KEYS…         in one burst, as tmux names keys
//	see NAME REGEXP [S]     waits until the screen shows it (40 s); `! see` until it doesn't
//	code NAME               waits for the prompt's code and types it
//	plain-code NAME         types it in the line mode
//	one-time NAME FILE [N]  types the code of the secret in FILE, N steps from now; `again`: the same
//	noise NAME SECONDS      random keys, Enter and pastes; a prompt must survive them
//	resize NAME WxH         resizes the terminal
//	exits NAME STATUS       waits until the terminal's program has ended so
//	close NAME              takes the terminal away, as a closed window does
//	kill9 NAME              kills the terminal's program with SIGKILL
//	freeze NAME             stops the terminal's program, as Ctrl-Z does
//	thaw NAME               lets it go on
//	alive COMMANDLINE       waits until a process with just this command line runs
//	dead COMMANDLINE        waits until none does
//	start-fails VERB        accord VERB with the configuration doesn't start
//	limit-files VERB KIB    starts it with a limit on the size of its files
//	person NAME ROLE…       somebody of the configuration, with key-NAME and the host gw-NAME
//	rang NAME               waits until the bell has rung
//	waits HOST COMMAND RE   runs ssh HOST COMMAND until it prints that
//	sign NAME NAMESPACE F   F.sig is the person's signature of a file, by ssh-keygen
//	verified NAME NS FILE   ssh-keygen finds FILE.sig to be that
//	cleanup COMMAND         runs when the script has ended, however it did
//	visit [N]               sets $VISIT and $RECORDING to the N-th visit's
//	file FILE REGEXP        waits until the file matches
//	bytes FILE N            N random bytes
//	same FILE FILE          two files hold the same bytes
//	desktop NAME WxH        a graphical screen; $NAME is its display, NAME.rfb its VNC server's socket
//	window-code SCREEN NAME types the code, which NAME shows too, in a window on a graphical screen
//	port NAME               $NAME is a port that nobody listens on, $NAME_DISPLAY a viewer's word for it
//	listens PORT            waits until somebody listens there
//	authority HOST          ca.pem, and tls.pem and tls.key that it has certified for the host
//	proxy NAME:PASSWORD     a proxy on $proxy that knows CONNECT only; every host is this machine
//	seen CAST FILE          all bytes of the file are in a cast's output, in order
//
// alice is technician, supervisor and auditor, bob technician, ada admin; they
// are the hosts gw, gw-bob and gw-ada of ssh, and gw-mallory is nobody's key.

func TestScripts(t *testing.T) {
	if testing.Short() {
		t.Skip("the stories take minutes")
	}
	for _, tool := range []string{"ssh", "ssh-keygen", "tmux"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing(t, "the stories need %s on the PATH", tool)
		}
	}
	together, alone := stories(t)
	p := testscript.Params{Cmds: scriptCommands(), Condition: condition, RequireExplicitExec: true, RequireUniqueNames: true}
	bin := buildBinary(t)
	p.Setup = func(e *testscript.Env) error { return setUp(e, bin) }
	t.Run("together", func(t *testing.T) {
		p.Files = together
		testscript.Run(t, p)
	})
	for _, file := range alone {
		t.Run("alone", func(t *testing.T) {
			p.Files = []string{file}
			testscript.Run(t, p)
		})
	}
}

// stories lists the scripts that run side by side, and those that say they must
// be alone.
func stories(t *testing.T) (together, alone []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "script", "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no scripts: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte("\nalone\n")) {
			alone = append(alone, file)
		} else {
			together = append(together, file)
		}
	}
	return together, alone
}

// missing skips on a developer's machine and fails where nobody reads skips.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// buildBinary makes the program as `make build` does and returns its folder.
func buildBinary(t *testing.T) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("a device is a Linux machine")
	}
	bin := t.TempDir()
	for dir := bin; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // visits run it as other accounts
			t.Fatal(err)
		}
	}
	// The version and its time are such that a story can write others over them.
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-X main.version=v1.0.0-stories -X main.made=2026-01-01T00:00:00Z",
		"-o", filepath.Join(bin, "accord"), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return bin
}

func condition(name string) (bool, error) {
	switch name {
	case "root":
		return os.Getuid() == 0, nil
	case "fuse":
		f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
		if err != nil {
			return false, nil
		}
		return true, f.Close()
	}
	return false, fmt.Errorf("there is no condition %q", name)
}

func scriptCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"alone":  func(*testscript.TestScript, bool, []string) {}, // see stories
		"config": cmdConfig, "up": cmdUp, "gateway": cmdGateway, "join": cmdJoin, "agent": cmdAgent,
		"open": cmdOpen, "sh": cmdSh, "type": cmdType, "see": cmdSee, "code": cmdCode, "plain-code": cmdPlainCode, "noise": cmdNoise,
		"resize": cmdResize, "exits": cmdExits, "close": cmdClose, "kill9": cmdKill9, "freeze": cmdFreeze, "thaw": cmdThaw,
		"alive": cmdAlive, "dead": cmdDead,
		"person": cmdPerson, "rang": cmdRang, "waits": cmdWaits, "sign": cmdSign, "verified": cmdVerified,
		"start-fails": cmdStartFails, "limit-files": cmdLimitFiles, "cleanup": cmdCleanup,
		"desktop": cmdDesktop, "window-code": cmdWindowCode, "port": cmdPort, "listens": cmdListens,
		"rewrite": cmdRewrite, "hup": cmdHup,
		"authority": cmdAuthority, "proxy": cmdProxy,
		"append": cmdAppend, "trait": cmdTrait, "one-time": cmdOneTime,
		"visit": cmdVisit, "file": cmdFile, "bytes": cmdBytes, "same": cmdSame, "seen": cmdSeen,
	}
}

// only refuses `!` and wrong numbers of words; most -1 is any number.
func only(ts *testscript.TestScript, neg bool, args []string, least, most int) {
	if neg {
		ts.Fatalf("this command can't be negated")
	}
	if len(args) < least || most >= 0 && len(args) > most {
		ts.Fatalf("%d words, want %d to %d", len(args), least, most)
	}
}

// runIn runs a program in the script's folder and environment.
func runIn(dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, errs.String())
	}
	return out.String(), nil
}
