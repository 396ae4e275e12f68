// Package sockets makes and connects Unix sockets for a visit, in a process that
// is the visit's account already: what an account may do in its folders the
// kernel says, and a link that it has put there leads nowhere that it could not
// go itself. The agent gets the descriptor; the bytes do not come by here.
package sockets

import (
	"bytes"
	"encoding/gob"
)

// Task is one socket.
type Task struct {
	Path string
	// Listen makes it, and takes it away when the agent lets go of it, or is no
	// more; else it is connected to.
	Listen bool
}

// Encode is the task as [Serve] takes it.
func (t Task) Encode() ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(t)
	return b.Bytes(), err
}

func decode(encoded []byte) (t Task, err error) {
	err = gob.NewDecoder(bytes.NewReader(encoded)).Decode(&t)
	return t, err
}
