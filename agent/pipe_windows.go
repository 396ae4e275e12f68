package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// pipeBuffer is how much a pipe keeps for its reader in each direction, in bytes.
const pipeBuffer = 64 << 10

// pipeListener takes connections to a named pipe. One end always waits.
type pipeListener struct {
	name    string
	allowed *windows.SecurityAttributes
	stop    windows.Handle // an event: told by Close
	closing sync.Once

	mu      sync.Mutex     // one Accept at a time; guards what follows
	waiting windows.Handle // 0 once it is closed
}

// listenPipe makes a pipe; it fails when there is one of that name, whoever made it.
func listenPipe(name, sddl string) (*pipeListener, error) {
	sd, err := windows.SecurityDescriptorFromString(sddl)
	if err != nil {
		return nil, fmt.Errorf("write permissions: %w", err)
	}
	l := &pipeListener{name: name, allowed: &windows.SecurityAttributes{SecurityDescriptor: sd}}
	l.allowed.Length = uint32(unsafe.Sizeof(*l.allowed))
	if l.waiting, err = l.instance(windows.FILE_FLAG_FIRST_PIPE_INSTANCE); err != nil {
		return nil, err
	}
	if l.stop, err = windows.CreateEvent(nil, 1, 0, nil); err != nil {
		return nil, errors.Join(err, windows.CloseHandle(l.waiting))
	}
	return l, nil
}

// instance makes one more end that waits for a caller of this machine.
func (l *pipeListener) instance(flags uint32) (windows.Handle, error) {
	name, err := windows.UTF16PtrFromString(l.name)
	if err != nil {
		return 0, err
	}
	return windows.CreateNamedPipe(name, flags|windows.PIPE_ACCESS_DUPLEX|windows.FILE_FLAG_OVERLAPPED,
		windows.PIPE_REJECT_REMOTE_CLIENTS, windows.PIPE_UNLIMITED_INSTANCES, pipeBuffer, pipeBuffer, 0, l.allowed)
}

// Accept waits for a caller.
func (l *pipeListener) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting == 0 {
		return nil, net.ErrClosed
	}
	if err := l.await(); err != nil {
		if errors.Is(err, net.ErrClosed) {
			_ = windows.CloseHandle(l.waiting)
			l.waiting = 0
		}
		return nil, err
	}
	next, err := l.instance(0)
	if err != nil {
		_ = windows.DisconnectNamedPipe(l.waiting) // it waits for another
		return nil, err
	}
	conn := pipeConn{os.NewFile(uintptr(l.waiting), l.name)}
	l.waiting = next
	return conn, nil
}

// await waits until the end that waits has a caller.
func (l *pipeListener) await() error {
	event, err := windows.CreateEvent(nil, 1, 0, nil)
	if err != nil {
		return err
	}
	defer func() { _ = windows.CloseHandle(event) }()
	o := &windows.Overlapped{HEvent: event}
	err = windows.ConnectNamedPipe(l.waiting, o)
	switch {
	case err == nil, errors.Is(err, windows.ERROR_PIPE_CONNECTED):
		return nil
	case errors.Is(err, windows.ERROR_NO_DATA): // they came and went
		return errors.Join(err, windows.DisconnectNamedPipe(l.waiting))
	case !errors.Is(err, windows.ERROR_IO_PENDING):
		return err
	}
	which, err := windows.WaitForMultipleObjects([]windows.Handle{l.stop, event}, false, windows.INFINITE)
	if err != nil {
		return err
	}
	var n uint32
	if which == windows.WAIT_OBJECT_0 {
		_ = windows.CancelIoEx(l.waiting, o)
		_ = windows.GetOverlappedResult(l.waiting, o, &n, true) // what it wrote to is free then
		return net.ErrClosed
	}
	return windows.GetOverlappedResult(l.waiting, o, &n, true)
}

// Close ends Accept, for good.
func (l *pipeListener) Close() error {
	err := net.ErrClosed
	l.closing.Do(func() {
		err = windows.SetEvent(l.stop)
		l.mu.Lock() // Accept has ended
		defer l.mu.Unlock()
		if l.waiting != 0 {
			err = errors.Join(err, windows.CloseHandle(l.waiting))
			l.waiting = 0
		}
		err = errors.Join(err, windows.CloseHandle(l.stop))
	})
	return err
}

// Addr is the pipe's name.
func (l *pipeListener) Addr() net.Addr { return pipeAddr(l.name) }

type pipeAddr string

func (pipeAddr) Network() string  { return "pipe" }
func (a pipeAddr) String() string { return string(a) }

// pipeConn is one end of a pipe that is connected.
type pipeConn struct{ *os.File }

func (c pipeConn) LocalAddr() net.Addr  { return pipeAddr(c.Name()) }
func (c pipeConn) RemoteAddr() net.Addr { return pipeAddr(c.Name()) }

// busyPause is how long a caller waits while no end of the pipe waits.
const busyPause = 10 * time.Millisecond

// dialPipe connects to a pipe. The other end can't act as the caller.
func dialPipe(ctx context.Context, name string) (pipeConn, error) {
	path, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return pipeConn{}, err
	}
	for {
		h, err := windows.CreateFile(path, windows.GENERIC_READ|windows.GENERIC_WRITE, 0, nil, windows.OPEN_EXISTING,
			windows.FILE_FLAG_OVERLAPPED|windows.SECURITY_SQOS_PRESENT|windows.SECURITY_ANONYMOUS, 0)
		if err == nil {
			return pipeConn{os.NewFile(uintptr(h), name)}, nil
		}
		if !errors.Is(err, windows.ERROR_PIPE_BUSY) {
			return pipeConn{}, err
		}
		select {
		case <-time.After(busyPause):
		case <-ctx.Done():
			return pipeConn{}, context.Cause(ctx)
		}
	}
}

// on asks Windows about a local connection.
func onPipe(conn net.Conn, ask func(windows.Handle) error) error {
	c, ok := conn.(pipeConn)
	if !ok {
		return errors.New("this is no local connection")
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var asked error
	if err := raw.Control(func(fd uintptr) { asked = ask(windows.Handle(fd)) }); err != nil {
		return err
	}
	return asked
}
