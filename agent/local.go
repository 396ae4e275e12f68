package agent

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"accord/agent/proc"
	"accord/tui"
	"accord/wire"
)

// The local socket is where the device's users talk to the agent: one JSON
// value a line in each direction. Who they are is the system's word, not theirs.

// What a local client opens with.
const (
	opUser     = "user"     // the resident screen: events until it leaves
	opAnswer   = "answer"   // one request, to be answered
	opStop     = "stop"     // end a visit, or all
	opReceipts = "receipts" // list them
	opReplay   = "replay"   // find the recording of a visit
	opMirror   = "mirror"   // see what the terminals of a visit show
	opHelper   = "helper"   // open prompts and show notifications in the user's session
	opNotes    = "notes"    // show notifications only
	// What it may say afterwards.
	opSeen   = "seen"
	opExtend = "extend"
	opPause  = "pause"  // a visit, or all
	opResume = "resume" //
	opReduce = "reduce" // take capabilities back
	opSay    = "say"    // a line to everybody in the visit
	opType   = "type"   // into a shell, with mirror only
	opFailed = "failed" // a helper can't open the prompt
	opLooked = "looked" // how the session of a helper is
)

// fromClient is a line from a local client.
type fromClient struct {
	Op      string      `json:"op"`
	Surface string      `json:"surface,omitempty"` // with user and answer: where the person sees it
	Locale  string      `json:"locale,omitempty"`  // likewise
	ID      string      `json:"id,omitempty"`      // a request's nonce, a visit, or empty for the only one
	Answer  *tui.Answer `json:"answer,omitempty"`
	Limit   int         `json:"limit,omitempty"` // with receipts
	// Take is what reduce takes back, Text what is said, Shell and Keys what is
	// typed where.
	Take  []wire.Capability `json:"take,omitempty"`
	Text  string            `json:"text,omitempty"`
	Shell int               `json:"shell,omitempty"`
	Keys  []byte            `json:"keys,omitempty"`
	// With looked: its screen is locked; seconds since somebody touched it, if known.
	Locked bool   `json:"locked,omitempty"`
	Idle   *int64 `json:"idle,omitempty"`
}

// toClient is a line to a local client; one field is set.
type toClient struct {
	Idle     *tui.Idle     `json:"idle,omitempty"`
	Asking   *tui.Prompt   `json:"asking,omitempty"`
	Gone     *tui.AskGone  `json:"gone,omitempty"`
	Told     string        `json:"told,omitempty"`
	Began    *tui.Visit    `json:"began,omitempty"`
	Ended    *tui.Card     `json:"ended,omitempty"`
	Said     *tui.Said     `json:"said,omitempty"`
	Mirrored *tui.Mirrored `json:"mirrored,omitempty"`
	Replay   *Replay       `json:"replay,omitempty"`
	Receipts []Receipt     `json:"receipts,omitempty"`
	Bad      []string      `json:"bad,omitempty"` // receipts that are damaged
	Stopped  []string      `json:"stopped,omitempty"`
	// To helpers: open a prompt; it is shown now; open none any more; say how the
	// session is.
	Open      *opening `json:"open,omitempty"`
	Shown     string   `json:"shown,omitempty"`
	Withdrawn string   `json:"withdrawn,omitempty"`
	Look      bool     `json:"look,omitempty"`
	Error     string   `json:"error,omitempty"`
	Done      bool     `json:"done,omitempty"`
}

// opening is a request that a helper is to open a prompt for.
type opening struct {
	ID       string   `json:"id"`
	Surfaces []string `json:"surfaces"` // that the device's owner allows
}

// maxLocal bounds a line in bytes, and clientQueue what waits for a client that
// does not read; one that lets it run full is dropped.
const (
	maxLocal    = 1 << 20
	clientQueue = 64
	maxClients  = 64
)

// client is one connection on the local socket.
type client struct {
	desk    *desk
	conn    net.Conn
	who     proc.Identity
	inside  bool // it is a process of a visit
	surface string
	locale  string
	// resident is a screen that stays, helps and notes what a helper does; set
	// under the desk's lock.
	resident, helps, notes bool
	failed                 chan struct{} // told when it can't open a prompt that it was asked for
	out                    chan toClient
}

// serve takes local clients until ctx ends.
func (d *desk) serve(ctx context.Context, l net.Listener) error {
	local := wire.Accepting(l, func(err error) { d.agent.log.Error("no local connection can be taken now", "error", err) })
	stop := context.AfterFunc(ctx, func() { _ = local.Close() })
	defer stop()
	var clients sync.WaitGroup
	defer clients.Wait()
	// The user's places are apart, so that neither another account nor what
	// runs in a visit can take them all and keep the user from the stop.
	own, others := make(chan struct{}, maxClients), make(chan struct{}, maxClients)
	for {
		conn, err := local.Accept()
		if err != nil {
			return nil //nolint:nilerr // it was closed
		}
		c := &client{desk: d, conn: conn, out: make(chan toClient, clientQueue)}
		if err := c.identify(conn); err != nil {
			_ = conn.Close()
			continue
		}
		slots := others
		if c.mayStop() {
			slots = own
		}
		select {
		case slots <- struct{}{}:
		default:
			_ = conn.Close()
			continue
		}
		clients.Go(func() {
			defer func() { <-slots }()
			c.serve(ctx)
		})
	}
}

// serve is the story of one local connection.
func (c *client) serve(ctx context.Context) {
	defer func() { _ = c.conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = c.conn.Close() })
	defer stop()
	in := bufio.NewScanner(c.conn)
	in.Buffer(make([]byte, 4<<10), 64<<10)
	_ = c.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	opening, err := c.next(in)
	if err != nil {
		return
	}
	_ = c.conn.SetReadDeadline(time.Time{})
	switch opening.Op {
	case opReceipts:
		c.write(c.desk.receipts(opening.Limit))
	case opStop:
		c.write(c.desk.stop(c, opening.ID))
	case opUser, opAnswer, opHelper, opNotes:
		c.attend(opening, in)
	case opReplay:
		c.write(c.desk.replay(c, opening.ID))
	case opMirror:
		c.mirror(opening.ID, in)
	default:
		c.write(toClient{Error: "the agent does not know this request; are both of the same version?"})
	}
}

// identify asks the system who is there.
func (c *client) identify(conn net.Conn) error {
	who, pid, err := peerAt(conn)
	if err != nil {
		return err
	}
	c.who, c.inside = who, proc.Belongs(pid)
	return nil
}

// mayStop says whether the client may end visits: the user, and root, but not
// from inside a visit.
func (c *client) mayStop() bool {
	return !c.inside && (c.who == c.desk.agent.user.Identity() || c.who.Root())
}

// next reads one line.
func (c *client) next(in *bufio.Scanner) (fromClient, error) {
	var m fromClient
	if !in.Scan() {
		return m, errors.Join(errors.New("the local connection ended"), in.Err())
	}
	dec := json.NewDecoder(bytes.NewReader(in.Bytes()))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return m, fmt.Errorf("not understood: %w", err)
	}
	return m, nil
}

// write sends one line at once; a client that does not read is dropped.
func (c *client) write(m toClient) {
	text, err := json.Marshal(m)
	if err != nil || len(text) > maxLocal {
		c.desk.agent.log.Error("a local message was not sent", "error", err, "bytes", len(text))
		_ = c.conn.Close()
		return
	}
	_ = c.conn.SetWriteDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.conn.Write(append(text, '\n')); err != nil {
		_ = c.conn.Close()
	}
}

// attend serves a resident screen or one that answers: events out, answers in.
func (c *client) attend(opening fromClient, in *bufio.Scanner) {
	c.surface, c.locale = wire.Clean(opening.Surface, wire.MaxName), opening.Locale
	if err := c.desk.admits(c); err != nil {
		c.write(toClient{Error: err.Error()})
		return
	}
	if err := c.desk.join(c, opening); err != nil {
		c.write(toClient{Error: err.Error()})
		return
	}
	written := make(chan struct{})
	go func() {
		defer close(written)
		for m := range c.out {
			c.write(m)
		}
	}()
	for {
		m, err := c.next(in)
		if err != nil {
			break
		}
		c.desk.hear(c, m)
	}
	c.desk.leave(c)
	close(c.out)
	<-written
}

// send queues an event. The desk's lock is held, so it never waits: a client
// that does not take its events is dropped, and what it showed is no answer.
func (c *client) send(m toClient) {
	select {
	case c.out <- m:
	default:
		_ = c.conn.Close()
	}
}
