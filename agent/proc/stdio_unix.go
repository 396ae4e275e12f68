//go:build linux || darwin || freebsd

package proc

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// stdio is both ends of a shell's terminal or pipes.
type stdio struct {
	terminal       *os.File // the master, nil without a terminal
	name           string   // the terminal's path
	stdin          io.WriteCloser
	hands          *net.UnixConn // in place of a pipe as the input; else nil
	stdout, stderr *output
	theirs         []*os.File // the child's 0, 1 and 2
	mine           []*os.File // all that is to be closed here at the end
}

// openStdio opens a terminal or pipes. Theirs are to be closed once the keeper
// has them.
func openStdio(s Spec) (*stdio, error) {
	ends, err := openEnds(s)
	if err != nil {
		ends.close()
		return nil, err
	}
	return ends, nil
}

func openEnds(s Spec) (*stdio, error) {
	if s.PTY != nil {
		return openTerminal(*s.PTY, s.Account)
	}
	ends, err := openPipes(s.Account)
	if err == nil && s.Hands {
		err = ends.useSocket()
	}
	return ends, err
}

// useSocket puts a socket in the place of the pipe that is the input.
func (s *stdio) useSocket() error {
	mine, theirs, err := pair()
	if err != nil {
		return err
	}
	_, _ = s.theirs[0].Close(), s.mine[0].Close()
	s.theirs[0], s.mine = theirs, s.mine[1:]
	s.hands, s.stdin = mine, mine
	return nil
}

// close closes every end that is still open.
func (s *stdio) close() {
	closeAll(s.theirs)
	closeAll(s.mine)
	if s.hands != nil {
		_ = s.hands.Close()
	}
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// openTerminal makes a pseudo terminal that is the account's alone: not even
// the group tty may write to it.
func openTerminal(p PTY, a Account) (*stdio, error) {
	modes, err := parseModes(p.Modes)
	if err != nil {
		return &stdio{}, err
	}
	opened, slave, err := pty.Open()
	if err != nil {
		return &stdio{}, fmt.Errorf("make a terminal: %w", err)
	}
	s := &stdio{theirs: []*os.File{slave, slave, slave}, mine: []*os.File{opened}, name: slave.Name()}
	if err := setTerminal(slave, p, modes); err != nil {
		return s, fmt.Errorf("set up the terminal: %w", err)
	}
	if err := give(slave, a); err != nil {
		return s, err
	}
	s.terminal, err = pollable(opened)
	if err != nil {
		return s, fmt.Errorf("make a terminal: %w", err)
	}
	_ = opened.Close() // its copy lives on
	s.mine = []*os.File{s.terminal}
	s.stdin, s.stdout = typing{s.terminal}, &output{f: s.terminal, left: drainLimit}
	return s, nil
}

// pollable copies f, which a library has put into blocking mode, so that
// reads can be ended by a deadline and by Close.
func pollable(f *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

func setTerminal(slave *os.File, p PTY, modes []mode) error {
	fd := int(slave.Fd())
	t, err := unix.IoctlGetTermios(fd, getModes)
	if err != nil {
		return err
	}
	applyModes(t, modes)
	if err := unix.IoctlSetTermios(fd, setModes, t); err != nil {
		return err
	}
	return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, winsize(p.Width, p.Height, p.XPixels, p.YPixels))
}

// winsize bounds what the kernel keeps in 16 bits.
func winsize(width, height, xpixels, ypixels int) *unix.Winsize {
	bound := func(n int) uint16 { return uint16(max(0, min(n, 1<<16-1))) }
	return &unix.Winsize{Row: bound(height), Col: bound(width), Xpixel: bound(xpixels), Ypixel: bound(ypixels)}
}

// openPipes makes three pipes. Where they have owners their ends belong to the
// account, or it could not open /dev/stdout and /dev/stderr, which many scripts do.
func openPipes(a Account) (*stdio, error) {
	s := &stdio{}
	var pipes [3][2]*os.File
	for i := range pipes {
		r, w, err := os.Pipe()
		if err != nil {
			return s, fmt.Errorf("make a pipe: %w", err)
		}
		theirs, mine := w, r
		if i == 0 {
			theirs, mine = r, w
		}
		pipes[i] = [2]*os.File{theirs, mine}
		s.theirs, s.mine = append(s.theirs, theirs), append(s.mine, mine)
		if !pipesHaveOwners {
			continue
		}
		if err := give(theirs, a); err != nil {
			return s, err
		}
	}
	s.stdin = pipes[0][1]
	s.stdout = &output{f: pipes[1][1], left: drainLimit}
	s.stderr = &output{f: pipes[2][1], left: drainLimit}
	return s, nil
}

// give makes a the owner of f, and the only one who may open it again.
func give(f *os.File, a Account) error {
	if err := f.Chmod(0o600); err != nil {
		return fmt.Errorf("keep %s to %s: %w", f.Name(), a.Name, err)
	}
	if os.Geteuid() != 0 {
		return nil // it is the account's already
	}
	if err := f.Chown(a.UID, a.GID); err != nil {
		return fmt.Errorf("give %s to %s: %w", f.Name(), a.Name, err)
	}
	return nil
}

// typing is a terminal's input. The end of what the technician sends is no
// hang-up: the shell goes on, as with sshd.
type typing struct{ io.Writer }

func (typing) Close() error { return nil }

// drainLimit is what can still be on its way when the main process ended, in
// bytes: the largest pipe without privileges; a terminal holds some 12 KiB.
const drainLimit = 1 << 20

// output reads what the shell wrote. It ends when all writers have closed, or
// after the main process's end as soon as what was written until then is read,
// although background processes may hold the other end.
type output struct {
	f     *os.File
	ended bool
	left  int // of drainLimit
}

// end makes a waiting and every further Read go on to what is left. It may be
// called while a Read waits.
func (o *output) end() {
	if o != nil {
		_ = o.f.SetReadDeadline(time.Unix(1, 0)) // fails only when it is closed
	}
}

func (o *output) Read(b []byte) (int, error) {
	if !o.ended {
		n, err := o.f.Read(b)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, endOfFile(err)
		}
		o.ended = true
	}
	return o.drain(b)
}

// drain reads without waiting. The kernel moves a terminal's output to its
// reader before it says EAGAIN, so then nothing is left.
func (o *output) drain(b []byte) (int, error) {
	b = b[:min(len(b), o.left)]
	if o.left == 0 {
		return 0, io.EOF
	}
	conn, err := o.f.SyscallConn()
	if err != nil {
		return 0, err
	}
	n := 0
	if cerr := conn.Control(func(fd uintptr) {
		for n, err = unix.Read(int(fd), b); errors.Is(err, unix.EINTR); {
			n, err = unix.Read(int(fd), b)
		}
	}); cerr != nil {
		return 0, cerr
	}
	if errors.Is(err, unix.EAGAIN) || (err == nil && n == 0 && len(b) > 0) {
		err = io.EOF
	}
	n = max(n, 0)
	o.left -= n
	return n, endOfFile(err)
}

// endOfFile is how a terminal without users reads, on Linux at least: EIO.
func endOfFile(err error) error {
	if errors.Is(err, unix.EIO) {
		return io.EOF
	}
	return err
}
