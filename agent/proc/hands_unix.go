//go:build linux || darwin || freebsd

package proc

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// mostSaid bounds what work says when it has no file to hand over.
const mostSaid = 1 << 10

// Handed waits for a file that work with [Spec.Hands] hands over. Where it has
// none, the error is what it said. The caller closes the file.
func (p *Process) Handed(until time.Time) (*os.File, error) {
	if p.stdio.hands == nil {
		return nil, errors.New("this process hands over nothing")
	}
	if err := p.stdio.hands.SetReadDeadline(until); err != nil {
		return nil, err
	}
	text, rights := make([]byte, mostSaid), make([]byte, unix.CmsgSpace(4))
	n, m, _, _, err := p.stdio.hands.ReadMsgUnix(text, rights)
	if err != nil {
		return nil, fmt.Errorf("no file was handed over: %w", err)
	}
	fd, err := oneRight(rights[:m])
	if err != nil {
		return nil, err
	}
	if fd < 0 {
		return nil, errors.New(string(text[:n]))
	}
	return os.NewFile(uintptr(fd), "handed"), nil
}

// oneRight is the descriptor in a control message; -1: there is none.
func oneRight(rights []byte) (int, error) {
	list, err := unix.ParseSocketControlMessage(rights)
	if err != nil || len(list) == 0 {
		return -1, err
	}
	fds, err := unix.ParseUnixRights(&list[0])
	if err != nil || len(fds) != 1 {
		return -1, err
	}
	unix.CloseOnExec(fds[0])
	return fds[0], nil
}

// Hand is how work with [Spec.Hands] hands a file to the agent; without one, it
// says why there is none. It returns when the agent lets go of the file's work.
func Hand(file *os.File, why error) {
	in := os.NewFile(0, "stdin")
	conn, err := net.FileConn(in)
	if err != nil {
		return
	}
	_ = in.Close()
	to, ok := conn.(*net.UnixConn)
	if !ok {
		return
	}
	defer func() { _ = to.Close() }()
	said, rights := []byte("ok"), []byte(nil)
	if file != nil {
		rights = unix.UnixRights(int(file.Fd()))
	} else {
		said = []byte(why.Error())
	}
	if _, _, err := to.WriteMsgUnix(said[:min(len(said), mostSaid)], rights, nil); err == nil && file != nil {
		_, _ = to.Read(make([]byte, 1)) // nothing is said: it ends
	}
}
