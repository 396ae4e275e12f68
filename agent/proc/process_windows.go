package proc

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/windows"
)

// Process is a shell or command that runs. On Windows no keepers stand above it:
// the job does their work, and the kernel ends it with the agent.
type Process struct {
	job    *job
	handle windows.Handle
	ends   *stdio
	exit   Exit
	done   chan struct{} // the main process has ended; exit is set
	gone   chan struct{} // nothing of it is left

	mu   sync.Mutex // guards size
	size windows.Coord
}

// Start starts a shell or command as its account.
func Start(s Spec) (*Process, error) {
	if err := s.Account.check(); err != nil {
		return nil, err
	}
	if s.Hands {
		return nil, errors.New("sockets of accounts can't be used on Windows")
	}
	token, err := tokenOf(s.Account)
	if err != nil {
		return nil, err
	}
	if token != 0 {
		defer func() { _ = token.Close() }()
	}
	j, err := newJob(Limits{})
	if err != nil {
		return nil, err
	}
	ends, err := openStdio(s)
	if err != nil {
		j.close()
		return nil, err
	}
	p := &Process{job: j, ends: ends, done: make(chan struct{}), gone: make(chan struct{})}
	if s.PTY != nil {
		p.size = coord(s.PTY.Width, s.PTY.Height)
	}
	err = p.start(s, token)
	closeAll(ends.theirs) // they are the process's now, and the console's
	if err != nil {
		ends.closeConsole()
		ends.close()
		j.close()
		return nil, fmt.Errorf("start the shell of %s: %w", s.Account.Name, err)
	}
	live.add(j)
	go p.outlive()
	return p, nil
}

// start makes the process, suspended until the jobs have it.
func (p *Process) start(s Spec, token windows.Token) error {
	l, err := s.line(token)
	if err != nil {
		return err
	}
	handles := make([]windows.Handle, 0, len(p.ends.theirs))
	if p.ends.console == 0 {
		for _, f := range p.ends.theirs {
			handles = append(handles, windows.Handle(f.Fd()))
		}
	}
	made, err := l.create(token, p.ends.console, handles, windows.CREATE_SUSPENDED|windows.CREATE_NO_WINDOW)
	if err != nil {
		return err
	}
	defer func() { _ = windows.CloseHandle(made.Thread) }()
	if s.Group != nil {
		err = windows.AssignProcessToJobObject(s.Group.job.handle, made.Process)
	}
	if err == nil {
		err = windows.AssignProcessToJobObject(p.job.handle, made.Process)
	}
	if err == nil {
		_, err = windows.ResumeThread(made.Thread)
	}
	if err != nil {
		_ = windows.TerminateProcess(made.Process, killedStatus)
		_ = windows.CloseHandle(made.Process)
		return fmt.Errorf("hold it to its visit: %w", err)
	}
	p.handle = made.Process
	return nil
}

// outlive waits for the main process, and then until nothing is left.
func (p *Process) outlive() {
	defer close(p.gone)
	_, _ = windows.WaitForSingleObject(p.handle, windows.INFINITE)
	var code uint32
	if err := windows.GetExitCodeProcess(p.handle, &code); err != nil {
		code = killedStatus
	}
	p.exit = Exit{Status: int(code)}
	close(p.done)
	_ = windows.CloseHandle(p.handle)
	if p.ends.console == 0 {
		p.ends.stdout.end()
		p.ends.stderr.end()
	}
	p.ends.closeConsole() // what it showed last is read first
	for {
		if n, err := p.job.active(); err != nil || n == 0 {
			break
		}
		time.Sleep(jobPause)
	}
	live.end(p.job)
}

// Terminal is nil: a console is read by [Process.Stdout] alone.
func (p *Process) Terminal() *os.File { return nil }

// TerminalName is empty: consoles have no names.
func (p *Process) TerminalName() string { return "" }

// Stdin is the input. Closing it is its end without a console, and nothing with
// one.
func (p *Process) Stdin() io.WriteCloser { return p.ends.stdin }

// Handed fails: no sockets are handed on Windows.
func (p *Process) Handed(time.Time) (*os.File, error) { return nil, ErrSystem }

// Stdout is the output, with a console all that it shows. It ends (io.EOF) when
// nobody can write any more, or when the main process has ended and what was
// written until then is read.
func (p *Process) Stdout() io.Reader { return p.ends.stdout }

// Stderr ends as Stdout does; with a console there is none.
func (p *Process) Stderr() io.Reader {
	if p.ends.stderr == nil {
		return nil
	}
	return p.ends.stderr
}

// Take is a Read of Stdout that returns with hold locked, and has locked it before
// the bytes left the pipe.
func (p *Process) Take(b []byte, hold sync.Locker) (int, error) { return p.ends.stdout.take(b, hold) }

// skimMost is above what a pipe keeps for its reader, in bytes.
const skimMost = 64 << 10

// Skim takes off what was written and not yet read, and waits for nothing. The
// caller holds what it gives to Take.
func (p *Process) Skim(each func([]byte)) {
	b := make([]byte, 4<<10)
	for taken := 0; taken < skimMost; {
		n, err := p.ends.stdout.waiting()
		if err != nil || n == 0 {
			return
		}
		if n, err = p.ends.stdout.f.Read(b[:min(len(b), n)]); err != nil {
			return
		}
		each(b[:n])
		taken += n
	}
}

// Echo is false: whether a console shows what is typed can't be seen from outside,
// and so no typing is recorded.
func (p *Process) Echo() bool { return false }

// noticeable is how long a window has another size, so that the program sees it
// and draws itself anew.
const noticeable = 200 * time.Millisecond

// Redraw makes the console draw itself anew: it is one column narrower for a
// moment.
func (p *Process) Redraw(until <-chan struct{}) {
	p.mu.Lock()
	was := p.size
	p.mu.Unlock()
	if was.X < 2 || p.resize(windows.Coord{X: was.X - 1, Y: was.Y}) != nil {
		return
	}
	timer := time.NewTimer(noticeable)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-until:
	}
	p.mu.Lock()
	now := p.size
	p.mu.Unlock()
	if now == (windows.Coord{X: was.X - 1, Y: was.Y}) {
		_ = p.resize(was) // it fails only when the console is gone
	}
}

// Resize tells the console its size in cells.
func (p *Process) Resize(width, height, _, _ int) error { return p.resize(coord(width, height)) }

func (p *Process) resize(size windows.Coord) error {
	if p.ends.console == 0 {
		return errors.New("this shell has no terminal")
	}
	select {
	case <-p.done:
		return errors.New("the shell has ended")
	default:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := windows.ResizePseudoConsole(p.ends.console, size); err != nil {
		return fmt.Errorf("resize the terminal: %w", err)
	}
	p.size = size
	return nil
}

// interrupt is Ctrl-C, as a console reads it.
const interrupt = "\x03"

// Signal does what comes closest: INT is a Ctrl-C in the console, and what ends a
// program elsewhere ends all of it here.
func (p *Process) Signal(name string) error {
	switch name {
	case "INT":
		if p.ends.console != 0 {
			_, err := io.WriteString(p.ends.stdin, interrupt)
			return err
		}
	case "HUP", "TERM", "KILL", "QUIT":
		return windows.TerminateJobObject(p.job.handle, killedStatus)
	}
	return fmt.Errorf("Windows has no signal %.20q", name)
}

// Wait waits for the main process and says how it ended.
func (p *Process) Wait() Exit {
	<-p.done
	return p.exit
}

// Done is closed when the main process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Gone is closed when nothing of it is left.
func (p *Process) Gone() <-chan struct{} { return p.gone }

// Kill ends all that the shell started. When it returns, within two seconds, all
// of that is dead.
func (p *Process) Kill() {
	live.mu.Lock()
	if live.jobs[p.job] {
		_ = windows.TerminateJobObject(p.job.handle, killedStatus)
	}
	live.mu.Unlock()
	p.ends.stdout.end() // nobody may be reading what the console waits to show
	select {
	case <-p.gone:
	case <-time.After(killLimit):
	}
}

// Leftover is how many processes are alive after Kill.
func (p *Process) Leftover() int {
	select {
	case <-p.gone:
		return 0
	default:
	}
	n, _ := p.job.active() // 0 once it is closed
	return n
}

// Close kills what is left and gives back the console or the pipes.
func (p *Process) Close() {
	live.mu.Lock()
	if live.jobs[p.job] {
		_ = windows.TerminateJobObject(p.job.handle, killedStatus)
	}
	live.mu.Unlock()
	<-p.done
	p.ends.close() // a console that waits for its reader goes on
	p.Kill()
}

// Notice is empty: logins are listed nowhere.
func (p *Process) Notice() string { return "" }

// MayLogIn says whether an account may be used. Windows itself said so when its
// user logged in; without that session there is nothing to use.
func MayLogIn(_ context.Context, a Account, _ bool) error {
	token, err := tokenOf(a)
	if token != 0 {
		_ = token.Close()
	}
	return err
}

// Accounting is nil: logins are listed nowhere.
func Accounting(string) *Record { return nil }

// EndStale has nothing to end: the kernel has.
func EndStale() error { return nil }

// Executable says whether a file is there; Windows runs by the name.
func Executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// What tells a process of this program that it does work of [Inside].
const (
	insideName  = "accord-inside"
	insideInput = "ACCORD_INPUT"
	// inputMost is what fits a variable beside others, in bytes of base64; an
	// environment has 32,767 characters in old programs' view.
	inputMost = 24 << 10
)

// Main must be the first call of main, before flags, files and goroutines. In a
// process that was started for work of [Spec.Inside] it does that and exits; in
// any other it returns at once.
func Main(inside Inside) {
	if len(os.Args) != 2 || os.Args[0] != insideName {
		return
	}
	work, ok := inside[os.Args[1]]
	input, err := base64.StdEncoding.DecodeString(os.Getenv(insideInput))
	if !ok || err != nil {
		fmt.Fprintln(os.Stderr, "accord: this is a part of accord that only accord itself starts")
		os.Exit(2)
	}
	os.Exit(work(input))
}

// line is what to start: a program and its command line, and where.
type line struct {
	program, args, dir string
	env                []string
}

func (s Spec) line(token windows.Token) (l line, err error) {
	of := token
	if of == 0 {
		of = windows.GetCurrentProcessToken()
	}
	if l.env, err = of.Environ(false); err != nil {
		return l, fmt.Errorf("find its environment: %w", err)
	}
	l.env = append(l.env, slices.DeleteFunc(slices.Clone(s.Env), func(v string) bool { return !carried(v) })...)
	if s.PTY != nil {
		l.env = withTerminal(l.env, s.PTY.Term, "")
	}
	l.dir = s.Account.Home
	if home, err := of.GetUserProfileDirectory(); err == nil {
		l.dir = home
	}
	if _, err := os.Stat(l.dir); err != nil {
		l.dir = system("")
	}
	switch {
	case s.Inside != "":
		input := base64.StdEncoding.EncodeToString(s.Input)
		if len(input) > inputMost {
			return l, errors.New("what it is to do is too long")
		}
		l.program, err = os.Executable()
		l.args, l.env = windows.ComposeCommandLine([]string{insideName, s.Inside}), append(l.env, insideInput+"="+input)
	case len(s.Args) > 0:
		l.program, l.args = s.Args[0], windows.ComposeCommandLine(s.Args)
	case s.Command != "":
		// With /s what stands between the first and the last quote is the command,
		// as it is; /d runs nothing that the registry says.
		l.program, l.args = s.Account.Shell, `cmd.exe /d /s /c "`+s.Command+`"`
	default:
		l.program, l.args = s.Account.Shell, "cmd.exe"
	}
	return l, err
}

// carried are the variables of [Environment] that mean something here: the visit's,
// the terminal's and the languages. The rest is the account's own.
func carried(v string) bool {
	return strings.HasPrefix(v, "ACCORD_") || strings.HasPrefix(v, "TERM=") || strings.HasPrefix(v, "LANG=") || strings.HasPrefix(v, "LC_")
}
