package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"

	"accord/acl"
	"accord/agent/proc"
)

// The local socket is a named pipe: a Unix socket says nothing of who is there on
// Windows. Its name follows from the path of the socket, so that all else knows one
// kind of name.
func pipeName(path string) string {
	if full, err := filepath.Abs(path); err == nil {
		path = full
	}
	sum := sha256.Sum256([]byte(strings.ToLower(path)))
	return `\\.\pipe\accord-` + hex.EncodeToString(sum[:8])
}

// pipeUsers lets everybody who is logged in at this device use the pipe, and nobody
// else make another end of it: receipts are for all its users, and what is not is
// decided by account. 0x12019b is FILE_GENERIC_READ and FILE_GENERIC_WRITE but for
// FILE_CREATE_PIPE_INSTANCE; over the network nobody comes in.
const pipeUsers = "D:P(D;;GA;;;NU)(A;;GA;;;SY)(A;;GA;;;OW)(A;;0x12019b;;;AU)"

// listenLocal makes the pipe. It fails where somebody else has made one of its name:
// the first end of a pipe must be ours.
func listenLocal(path string) (net.Listener, error) {
	me, err := acl.Me()
	if err != nil {
		return nil, err
	}
	// The owner is named, because callers look whether it is one that they trust.
	l, err := listenPipe(pipeName(path), "O:"+me.String()+pipeUsers)
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		return nil, fmt.Errorf("an agent is already running here, or another program has taken the pipe of %s", path)
	}
	if err != nil {
		return nil, fmt.Errorf("make the agent's pipe: %w", err)
	}
	return l, nil
}

// callLocal connects to the pipe, if it is the system's, its administrators' or this
// account's own: an agent that isn't there must not be another account's program.
func callLocal(ctx context.Context, path string) (net.Conn, error) {
	conn, err := dialPipe(ctx, pipeName(path))
	if err != nil {
		return nil, err
	}
	if err := ownedWell(conn); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

func ownedWell(conn net.Conn) error {
	var sd *windows.SECURITY_DESCRIPTOR
	err := onPipe(conn, func(h windows.Handle) (err error) {
		sd, err = windows.GetSecurityInfo(h, windows.SE_KERNEL_OBJECT, windows.OWNER_SECURITY_INFORMATION)
		return err
	})
	var owner *windows.SID
	if err == nil {
		owner, _, err = sd.Owner()
	}
	if err != nil {
		return fmt.Errorf("find out whose the agent's pipe is: %w", err)
	}
	if !acl.Trusts(owner) {
		return fmt.Errorf("the agent's pipe belongs to %s: this is not the agent of this device", acl.Name(owner))
	}
	return nil
}

// peerAt is who is at the other end of a local connection, by the account of the
// process that opened it.
func peerAt(conn net.Conn) (who proc.Identity, pid int, err error) {
	var id uint32
	if err := onPipe(conn, func(h windows.Handle) error { return windows.GetNamedPipeClientProcessId(h, &id) }); err != nil {
		return who, 0, fmt.Errorf("find out who is at the agent's pipe: %w", err)
	}
	who, err = proc.IdentityOfProcess(id)
	return who, int(id), err
}

// socketThere has nothing to look at: a pipe is no file.
func (*examination) socketThere(string, string) bool { return true }
