package gateway

import (
	"sync"

	"charm.land/ssh"
	gossh "golang.org/x/crypto/ssh"
)

// Global requests of a technician's connection are answered in the order in
// which they came (RFC 4254, section 4). One that waits for a device's user
// holds up the answers to what comes behind it, but not the reading: a
// connection that isn't read stands still with all its channels.

const (
	// maxAsked bounds the requests of a connection that wait for their turn.
	// With more the connection does stand still.
	maxAsked = 1024
	// maxAskedBytes bounds one that waits; a host and a port, or the path of a
	// socket, are shorter.
	maxAskedBytes = 4 << 10
)

// requests are those of one connection that wait.
type requests struct {
	mu      sync.Mutex
	waiting []request // the first is being worked at
	room    *sync.Cond
}

// request is a global request and what answers it.
type request struct {
	ctx    ssh.Context
	req    *gossh.Request
	answer answering
}

// answering answers a request. What it returns last is done once the client can
// have the answer; nil: nothing.
type answering func(ctx ssh.Context, req *gossh.Request) (ok bool, payload []byte, then func())

// inTurn makes a handler of what answers. It answers at once where nothing waits,
// unless waits says that it may take long, or does more once it has answered.
func inTurn(waits bool, answer answering) ssh.RequestHandler {
	return func(ctx ssh.Context, _ *ssh.Server, req *gossh.Request) (bool, []byte) {
		l, ok := ctx.Value(loginKey{}).(*login)
		if !ok {
			return false, nil
		}
		if !waits && !l.requests.busy() {
			ok, payload, _ := answer(ctx, req)
			return ok, payload
		}
		mine, its := *req, answer
		req.WantReply = false // it is ours to answer
		if len(mine.Payload) > maxAskedBytes {
			mine.Payload, its = nil, refused
		}
		if !l.requests.put(request{ctx, &mine, its}) {
			// The client learns that there is somebody: what it has sent to find
			// out waits for its turn.
			if conn, ok := ctx.Value(ssh.ContextKeyConn).(*gossh.ServerConn); ok {
				_, _, _ = conn.SendRequest(clientAlive, false, nil)
			}
		}
		return false, nil
	}
}

// refused is the answer to what nobody knows, or can be meant.
func refused(ssh.Context, *gossh.Request) (bool, []byte, func()) { return false, nil, nil }

func (r *requests) busy() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.waiting) > 0
}

// put lets a request wait for its turn, and reports whether that is now.
func (r *requests) put(one request) (first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.room == nil {
		r.room = sync.NewCond(&r.mu)
	}
	for len(r.waiting) >= maxAsked {
		r.room.Wait() // until the first is answered, at the connection's end at the latest
	}
	r.waiting = append(r.waiting, one)
	if len(r.waiting) == 1 {
		go r.work() // ends when nothing waits, at the connection's end at the latest
	}
	return len(r.waiting) == 1
}

// work answers all that waits.
func (r *requests) work() {
	for more := true; more; {
		r.mu.Lock()
		one := r.waiting[0]
		r.mu.Unlock()
		ok, payload, then := one.answer(one.ctx, one.req)
		_ = one.req.Reply(ok, payload)
		if then != nil {
			then()
		}
		r.mu.Lock()
		r.waiting[0] = request{}
		r.waiting = r.waiting[1:]
		more = len(r.waiting) > 0
		if !more {
			r.waiting = nil
		}
		r.room.Signal()
		r.mu.Unlock()
	}
}
