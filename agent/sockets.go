package agent

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"accord/agent/proc"
	"accord/agent/sockets"
)

// InsideSockets is the name in [proc.Inside] of what makes and connects sockets
// as a visit's account.
const InsideSockets = "sockets"

// socketLeaves is how long what made a socket gets to take it away.
const socketLeaves = time.Second

// dialAs connects to a socket as the account of the visit, and no more: in a
// folder that is somebody's, a name may lead anywhere.
func (v *visit) dialAs(path string) (net.Conn, error) {
	p, err := v.socketAs(sockets.Task{Path: path})
	if err != nil {
		return nil, err
	}
	defer p.Close()
	file, err := p.Handed(time.Now().Add(forwardDial))
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return net.FileConn(file)
}

// listenAs makes a socket as the account of the visit. It is gone from the
// device when the listener is closed, or the visit ends.
func (v *visit) listenAs(path string) (net.Listener, error) {
	p, err := v.socketAs(sockets.Task{Path: path, Listen: true})
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	closed := v.closed
	if v.sockets == nil {
		v.sockets = make(map[*proc.Process]struct{})
	}
	if !closed {
		v.sockets[p] = struct{}{}
	}
	v.mu.Unlock()
	s := &socket{end: func() { v.leaveSocket(p) }}
	if closed {
		s.end()
		return nil, errNoForwards
	}
	file, err := p.Handed(time.Now().Add(forwardDial))
	if err == nil {
		s.Listener, err = net.FileListener(file)
		_ = file.Close()
	}
	if err != nil {
		s.end()
		return nil, err
	}
	return s, nil
}

// socketAs starts what a task needs.
func (v *visit) socketAs(t sockets.Task) (*proc.Process, error) {
	input, err := t.Encode()
	if err != nil {
		return nil, fmt.Errorf("say which socket: %w", err)
	}
	account, err := proc.LookupAccount(v.consent.Login)
	if err != nil {
		return nil, err
	}
	env := proc.Environment(account, v.id(), v.req.Technician.Name, v.req.Ticket, "", "", nil)
	return proc.Start(proc.Spec{Visit: v.id(), Account: account, Inside: InsideSockets, Input: input, Hands: true, Env: env, Group: v.group})
}

// leaveSocket ends what made a socket, unless the visit's end does.
func (v *visit) leaveSocket(p *proc.Process) {
	v.mu.Lock()
	delete(v.sockets, p)
	v.mu.Unlock()
	endSocket(p)
}

// endSocket lets what made a socket take it away, and then ends it.
func endSocket(p *proc.Process) {
	_ = p.Stdin().Close()
	timer := time.NewTimer(socketLeaves)
	defer timer.Stop()
	select {
	case <-p.Done():
	case <-timer.C:
	}
	p.Close()
}

// socket listens on a socket that its account has made.
type socket struct {
	net.Listener
	once sync.Once
	end  func()
}

// Close also takes the socket away.
func (s *socket) Close() error {
	err := errors.New("it is closed")
	s.once.Do(func() {
		err = s.Listener.Close()
		s.end()
	})
	return err
}
