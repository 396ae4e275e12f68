//go:build linux || darwin || freebsd

package proc

import (
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Terminal is the master side of the terminal, nil without one. Read it through
// [Process.Stdout], and don't call its Fd method, which would make it blocking.
func (p *Process) Terminal() *os.File { return p.stdio.terminal }

// TerminalName is the terminal's path, for the shell's side; empty without one.
func (p *Process) TerminalName() string { return p.stdio.name }

// Stdin is the shell's input. A Write waits while the shell doesn't read;
// [Process.Close] ends it. Closing it is the end of the input without a
// terminal, and nothing with one.
func (p *Process) Stdin() io.WriteCloser { return p.stdio.stdin }

// Stdout is the shell's output, with a terminal all of it. It ends (io.EOF)
// when nobody can write any more, or when the main process has ended and what
// was written until then is read: a background process that holds the terminal
// or the pipe doesn't delay it.
func (p *Process) Stdout() io.Reader { return p.stdio.stdout }

// Stderr is the shell's error output and ends as Stdout does. With a terminal
// there is none: it is nil.
func (p *Process) Stderr() io.Reader {
	if p.stdio.stderr == nil {
		return nil
	}
	return p.stdio.stderr
}

// Resize tells the terminal its size in cells and in pixels.
func (p *Process) Resize(width, height, xpixels, ypixels int) error {
	err := p.control(func(fd int) error {
		return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, winsize(width, height, xpixels, ypixels))
	})
	if err != nil {
		return fmt.Errorf("resize the terminal: %w", err)
	}
	return nil
}

func (p *Process) control(ioctl func(fd int) error) error {
	if p.stdio.terminal == nil {
		return fmt.Errorf("this shell has no terminal")
	}
	conn, err := p.stdio.terminal.SyscallConn()
	if err != nil {
		return err
	}
	if cerr := conn.Control(func(fd uintptr) { err = ioctl(int(fd)) }); cerr != nil {
		return cerr
	}
	return err
}

// Signal sends a signal, named as in RFC 4254 section 6.10, to the terminal's
// foreground processes, without a terminal to the main process's group.
func (p *Process) Signal(name string) error {
	s, ok := signalNames[name]
	if !ok {
		return fmt.Errorf("signal %.20q is none that SSH knows", name)
	}
	select {
	case <-p.done:
		return fmt.Errorf("send %s: the shell has ended", name)
	default:
	}
	group := p.main
	if p.stdio.terminal != nil {
		if err := p.control(func(fd int) (err error) {
			group, err = unix.IoctlGetInt(fd, unix.TIOCGPGRP)
			return err
		}); err != nil {
			return fmt.Errorf("send %s: find the foreground processes: %w", name, err)
		}
	}
	return p.signalGroup(group, s)
}

// signalGroup picks the group's processes from the shell's own tree: a number
// alone could have become somebody else's.
func (p *Process) signalGroup(group int, s unix.Signal) error {
	for _, member := range p.tree() {
		if member.group != group {
			continue
		}
		if err := member.signal(s); err != nil {
			return err
		}
	}
	return nil
}

// Wait waits for the main process and says how it ended. A main process whose
// end nobody saw, because its keepers were killed, counts as killed.
func (p *Process) Wait() Exit {
	<-p.done
	return p.exit
}

// Done is closed when the main process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

const (
	// killLimit is promise P7: all is over within it.
	killLimit = 2 * time.Second
	// keeperLimit is how long the keepers get, before the agent does their work.
	keeperLimit = time.Second
	forcePause  = 20 * time.Millisecond
)

// Kill ends all that the shell started, also what it left in the background.
// When it returns, within two seconds, all of that is dead; what could not be
// killed is counted by [Process.Leftover], and stays with its keeper, which
// goes on trying.
func (p *Process) Kill() {
	_, _ = p.toWarden.CloseWrite(), p.toKeeper.CloseWrite() // whichever is left does it
	select {
	case <-p.gone:
	case <-time.After(keeperLimit):
		p.force(time.After(killLimit - keeperLimit))
	}
}

// tree is all below the keepers. The keeper is under the warden, or stands
// alone when that was killed.
func (p *Process) tree() []process {
	found := related(p.wardenEntry)
	keeper := p.keeper.Load()
	if keeper == nil {
		return found
	}
	at := slices.IndexFunc(found, keeper.same)
	if at < 0 {
		return append(found, related(*keeper)...)
	}
	return slices.Delete(found, at, at+1)
}

// force does the work of keepers that don't, because somebody stopped them or
// the device is overwhelmed.
func (p *Process) force(limit <-chan time.Time) {
	for {
		p.group.kill()
		killAll(p.tree)
		if len(p.tree()) == 0 {
			p.dismiss()
		}
		select {
		case <-p.gone:
			return
		case <-limit:
			return
		case <-time.After(forcePause):
		}
	}
}

// dismiss kills keepers that have nothing to keep and don't go.
func (p *Process) dismiss() {
	if keeper := p.keeper.Load(); keeper != nil {
		_ = keeper.signal(unix.SIGKILL) // no error of the two: they may be gone
	}
	_ = p.warden.Kill()
}

// Leftover is how many processes are alive after Kill: when the agent isn't
// root, those that became another account, else only what hangs in the kernel.
func (p *Process) Leftover() int {
	select {
	case <-p.gone:
		return 0
	default:
		return len(p.tree())
	}
}

// Close kills what is left and gives back the terminal or the pipes; a Read or
// Write that waits on them ends.
func (p *Process) Close() {
	p.Kill()
	p.stdio.close()
}

// Executable says whether a file is a program that somebody may run.
func Executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}
