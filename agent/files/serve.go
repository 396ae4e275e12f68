// Package files serves the files of a device to one visit: SFTP by pkg/sftp's
// server, and the old protocol of scp. It runs in a process of its own that is
// the visit's account already, started by agent/proc, and is killed with the
// visit. What the account may do, the kernel says; what the owner's
// configuration leaves of that, the package [os.Root] holds to.
package files

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/pkg/sftp"

	wire "accord/wire/files"
)

// Task is what one process is to serve.
type Task struct {
	Granted     []wire.Direction
	Read, Write []string // folders, as in the configuration
	Home        string   // of the account
	// Copy is the command of an scp; without one, SFTP is spoken.
	Copy *wire.Command
}

func (t Task) grants(d wire.Direction) bool { return slices.Contains(t.Granted, d) }

// Encode is the task as [Serve] takes it.
func (t Task) Encode() ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(t)
	return b.Bytes(), err
}

// Serve does a task on standard input and output, and returns the exit status.
// It is called in a process that is the account by then.
func Serve(encoded []byte) int {
	var t Task
	err := gob.NewDecoder(bytes.NewReader(encoded)).Decode(&t)
	if err == nil {
		err = t.serve(os.Stdin, os.Stdout)
	}
	if errors.Is(err, errTold) {
		return 1
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "accord:", sentence(err))
		return 1
	}
	return 0
}

func (t Task) serve(in io.Reader, out io.WriteCloser) error {
	a, err := newArea(t)
	if err != nil {
		return err
	}
	if t.Copy != nil {
		return copyBy(a, *t.Copy, in, out)
	}
	s := &server{area: a}
	h := sftp.Handlers{FileGet: s, FilePut: s, FileCmd: s, FileList: s}
	rs := sftp.NewRequestServer(pipes{in, out}, h, sftp.WithStartDirectory(a.start), sftp.WithRSMaxTxPacket(readMost))
	if err := rs.Serve(); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return nil
}

// readMost is how much is read at once, in bytes: as much as fits a packet of
// 256 KiB with what stands around it.
const readMost = 255 << 10

type pipes struct {
	io.Reader
	io.WriteCloser
}

// sentence is an error for people, without the names of system calls.
func sentence(err error) string { return strings.TrimSpace(err.Error()) }
