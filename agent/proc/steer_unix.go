//go:build linux || darwin || freebsd

package proc

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Take is a Read of [Process.Stdout] that returns with hold locked, also with
// an error, and has locked it before the bytes left the kernel: what is decided
// under hold holds for every byte that was written before. It is called from
// the goroutine that reads Stdout.
func (p *Process) Take(b []byte, hold sync.Locker) (int, error) {
	return p.stdio.stdout.take(b, hold)
}

func (o *output) take(b []byte, hold sync.Locker) (int, error) {
	if o.ended {
		hold.Lock()
		return o.drain(b)
	}
	n, err := o.await(b, hold)
	if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, endOfFile(err)
	}
	o.ended = true
	return o.drain(b)
}

// await waits for bytes; hold is locked when it returns.
func (o *output) await(b []byte, hold sync.Locker) (n int, err error) {
	conn, err := o.f.SyscallConn()
	if err != nil {
		hold.Lock()
		return 0, err
	}
	if cerr := conn.Read(func(fd uintptr) bool {
		hold.Lock()
		n, err = readNow(fd, b)
		if errors.Is(err, unix.EAGAIN) {
			hold.Unlock()
			return false
		}
		return true
	}); cerr != nil {
		hold.Lock()
		return 0, cerr
	}
	if n == 0 && err == nil {
		err = io.EOF
	}
	return max(n, 0), err
}

func readNow(fd uintptr, b []byte) (n int, err error) {
	for {
		if n, err = unix.Read(int(fd), b); !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// Skim takes off what was written and not yet read, and waits for nothing. The
// caller holds what it gives to [Process.Take]. At most skimMost is taken: a
// program that goes on writing must not hold its caller, and a terminal can't
// have held more than that.
func (p *Process) Skim(each func([]byte)) {
	b := make([]byte, 4<<10)
	for taken := 0; taken < skimMost; {
		n := 0
		if err := p.control(func(fd int) (err error) {
			n, err = readNow(uintptr(fd), b)
			return err
		}); err != nil || n <= 0 {
			return
		}
		each(b[:n])
		taken += n
	}
}

// skimMost is above what Linux keeps for the reader of a pty, in bytes: 8 KiB
// on their way and 4 KiB that have arrived. Others keep less.
const skimMost = 16 << 10

// Echo says whether the terminal shows what is typed. It is false without a
// terminal and where that can't be found out.
func (p *Process) Echo() bool {
	on := false
	err := p.control(func(fd int) error {
		t, err := unix.IoctlGetTermios(fd, getModes) // of the other side
		on = err == nil && t.Lflag&unix.ECHO != 0
		return err
	})
	return err == nil && on
}

// noticeable is how long a window has another size, so that the program sees it
// and draws itself anew.
const noticeable = 200 * time.Millisecond

// Redraw makes the program in the terminal draw itself anew: the window is one
// column narrower for a moment. It waits for that, and gives up at until. A
// size that somebody else has set in the meantime stays.
func (p *Process) Redraw(until <-chan struct{}) {
	was, err := p.size()
	if err != nil || was.Col < 2 {
		return
	}
	narrow := *was
	narrow.Col--
	if p.setSize(&narrow) != nil {
		return
	}
	timer := time.NewTimer(noticeable)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-until:
	}
	if now, err := p.size(); err == nil && *now == narrow {
		_ = p.setSize(was) // it fails only when the terminal is gone
	}
}

func (p *Process) size() (size *unix.Winsize, err error) {
	err = p.control(func(fd int) (err error) {
		size, err = unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
		return err
	})
	return size, err
}

func (p *Process) setSize(size *unix.Winsize) error {
	return p.control(func(fd int) error { return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, size) })
}
