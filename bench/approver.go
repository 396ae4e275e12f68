//go:build unix

package main

import (
	"bufio"
	"encoding/json"
	"net"
)

// approver is the person at the device, who approves whatever is asked. It
// speaks as `accord user` does: one JSON value a line over the agent's socket.
// See agent/local.go.
type approver struct {
	conn net.Conn
	done chan struct{} // closed when it listens no more
}

// said is a line from the agent, as far as it matters here.
type said struct {
	Asking *struct {
		ID           string
		Capabilities []string
	} `json:"asking"`
}

// says is a line to the agent.
type says struct {
	Op      string  `json:"op"`
	Surface string  `json:"surface,omitempty"`
	ID      string  `json:"id,omitempty"`
	Answer  *answer `json:"answer,omitempty"`
}

type answer struct {
	Choice   string
	Granted  []string
	Language string
}

func newApprover(socket string) (*approver, error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil, err
	}
	a := &approver{conn: conn, done: make(chan struct{})}
	lines := json.NewEncoder(conn)
	if err := lines.Encode(says{Op: "user", Surface: "resident"}); err != nil {
		return nil, err
	}
	go func() {
		defer close(a.done)
		in := bufio.NewScanner(conn)
		in.Buffer(nil, 1<<20)
		for in.Scan() {
			var m said
			if json.Unmarshal(in.Bytes(), &m) == nil && m.Asking != nil {
				// A failure to answer shows as a visit that does not open.
				_ = lines.Encode(says{Op: "answer", ID: m.Asking.ID, Answer: &answer{"approve", m.Asking.Capabilities, "en"}})
			}
		}
	}()
	return a, nil
}

func (a *approver) close() {
	_ = a.conn.Close()
	<-a.done
}
