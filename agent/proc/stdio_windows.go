package proc

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// stdio is both ends of a process's console or pipes.
type stdio struct {
	console        windows.Handle // 0 without one
	stdin          io.WriteCloser
	stdout, stderr *output
	theirs         []*os.File // the ends of the process, or of the console
	mine           []*os.File
	closing        sync.Once
}

func openStdio(s Spec) (*stdio, error) {
	ends := &stdio{}
	count := 3
	if s.PTY != nil {
		count = 2
	}
	for i := range count {
		r, w, err := os.Pipe()
		if err != nil {
			ends.close()
			return nil, fmt.Errorf("make a pipe: %w", err)
		}
		if i == 0 {
			ends.theirs, ends.mine = append(ends.theirs, r), append(ends.mine, w)
		} else {
			ends.theirs, ends.mine = append(ends.theirs, w), append(ends.mine, r)
		}
	}
	ends.stdin, ends.stdout = ends.mine[0], &output{f: ends.mine[1]}
	if s.PTY == nil {
		ends.stderr = &output{f: ends.mine[2]}
		return ends, nil
	}
	ends.stdin = typing{ends.mine[0]}
	err := windows.CreatePseudoConsole(coord(s.PTY.Width, s.PTY.Height),
		windows.Handle(ends.theirs[0].Fd()), windows.Handle(ends.theirs[1].Fd()), 0, &ends.console)
	if err != nil {
		ends.console = 0
		ends.close()
		return nil, fmt.Errorf("make a console (it takes Windows 10 1809 or later): %w", err)
	}
	return ends, nil
}

// coord bounds what a console takes, in cells.
func coord(width, height int) windows.Coord {
	side := func(n, unknown int) int16 {
		if n <= 0 {
			n = unknown
		}
		return int16(min(n, 1000))
	}
	return windows.Coord{X: side(width, 80), Y: side(height, 24)}
}

// closeConsole ends the console, and what is still in it. Older Windows waits in it
// until all that the console shows is read.
func (s *stdio) closeConsole() {
	s.closing.Do(func() {
		if s.console != 0 {
			windows.ClosePseudoConsole(s.console)
		}
	})
}

// close closes every end that is still open.
func (s *stdio) close() {
	closeAll(s.theirs)
	closeAll(s.mine)
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// typing is a console's input. The end of what the technician sends is no
// hang-up: the shell goes on, as with sshd.
type typing struct{ io.Writer }

func (typing) Close() error { return nil }

// output reads what the process wrote. It ends when all writers have closed, or
// after the main process's end as soon as what was written until then is read.
type output struct {
	f     *os.File
	mu    sync.Mutex
	ended bool
}

// end makes reading go on to what is left, and no further.
func (o *output) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
}

func (o *output) over() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ended
}

// outputTick is how often a pipe is looked at: an anonymous one can't be waited
// for so that the wait can be ended.
const outputTick = 4 * time.Millisecond

// nobodyHolds is a lock that keeps nobody out.
type nobodyHolds struct{}

func (nobodyHolds) Lock()   {}
func (nobodyHolds) Unlock() {}

func (o *output) Read(b []byte) (int, error) { return o.take(b, nobodyHolds{}) }

// take reads what there is, and has hold locked before it leaves the pipe.
func (o *output) take(b []byte, hold sync.Locker) (int, error) {
	for {
		over := o.over() // before the look: what comes after it is not waited for
		hold.Lock()
		n, err := o.waiting()
		switch {
		case err != nil:
			return 0, io.EOF
		case n > 0:
			n, err = o.f.Read(b[:min(len(b), n)])
			return n, ended(err)
		case over:
			return 0, io.EOF
		}
		hold.Unlock()
		time.Sleep(outputTick)
	}
}

// waiting is how many bytes can be read at once; an error once nobody is left who
// could write any.
func (o *output) waiting() (int, error) {
	conn, err := o.f.SyscallConn()
	if err != nil {
		return 0, err
	}
	var n uint32
	peek := windows.NewLazySystemDLL("kernel32.dll").NewProc("PeekNamedPipe")
	if cerr := conn.Control(func(fd uintptr) {
		if ok, _, errno := peek.Call(fd, 0, 0, 0, uintptr(unsafe.Pointer(&n)), 0); ok == 0 {
			err = errno
		}
	}); cerr != nil {
		return 0, cerr
	}
	return int(n), err
}

func ended(err error) error {
	if errors.Is(err, windows.ERROR_BROKEN_PIPE) {
		return io.EOF
	}
	return err
}
