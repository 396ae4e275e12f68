package agent

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"accord/tui"
	"accord/wire"
)

// local is a connection to the agent of this device, from one of its users.
type local struct {
	conn net.Conn
	in   *bufio.Scanner
	mu   sync.Mutex // one writer at a time
}

// dialLocal connects to the agent.
func dialLocal(ctx context.Context, socket string) (*local, error) {
	conn, err := callLocal(ctx, socket)
	if err != nil {
		return nil, fmt.Errorf("no agent answers at %s: start it with `accord agent`, or name its socket: %w", socket, err)
	}
	return newLocal(conn), nil
}

func newLocal(conn net.Conn) *local {
	l := &local{conn: conn, in: bufio.NewScanner(conn)}
	l.in.Buffer(make([]byte, 4<<10), maxLocal)
	return l
}

// dialer connects to the agent: a screen has several connections.
type dialer func(context.Context) (*local, error)

// atSocket is a dialer of the agent's local socket.
func atSocket(socket string) dialer {
	return func(ctx context.Context) (*local, error) { return dialLocal(ctx, socket) }
}

func (l *local) write(m fromClient) error {
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("tell the agent: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.conn.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("tell the agent: %w", err)
	}
	return nil
}

// errLocalEnd reports that the agent closed the connection.
var errLocalEnd = errors.New("the agent has stopped")

func (l *local) read() (toClient, error) {
	var m toClient
	if !l.in.Scan() {
		return m, errors.Join(errLocalEnd, l.in.Err())
	}
	if err := json.NewDecoder(bytes.NewReader(l.in.Bytes())).Decode(&m); err != nil {
		return m, fmt.Errorf("the agent's word is not understood: %w", err)
	}
	if m.Error != "" {
		return m, errors.New(m.Error)
	}
	return m, nil
}

// once sends one request and reads the answer to it.
func once(ctx context.Context, socket string, m fromClient) (toClient, error) {
	l, err := dialLocal(ctx, socket)
	if err != nil {
		return toClient{}, err
	}
	defer func() { _ = l.conn.Close() }()
	_ = l.conn.SetDeadline(time.Now().Add(10 * time.Second))
	if err := l.write(m); err != nil {
		return toClient{}, err
	}
	return l.read()
}

// Stop ends a visit on this device, or all when visit is empty, and returns
// the ids of those it ended. The device's user and root may.
func Stop(ctx context.Context, socket, visit string) ([]string, error) {
	m, err := once(ctx, socket, fromClient{Op: opStop, ID: visit})
	return m.Stopped, err
}

// Receipts lists the newest receipts of this device, newest first, and what is
// wrong with those that are damaged. Every user of the device may.
func Receipts(ctx context.Context, socket string, limit int) (good []Receipt, bad []string, err error) {
	m, err := once(ctx, socket, fromClient{Op: opReceipts, Limit: limit})
	return m.Receipts, m.Bad, err
}

// FindReplay finds the recording of a visit on this device, by the visit's id or
// the number of its receipt; of the last one when which is empty. The device's
// user may.
func FindReplay(ctx context.Context, socket, which string) (*Replay, error) {
	m, err := once(ctx, socket, fromClient{Op: opReplay, ID: which})
	if err == nil && m.Replay == nil {
		err = errLocalEnd
	}
	return m.Replay, err
}

// User is the resident screen of the device's user. It ends as [tui.Resident]
// does, but for an agent that stops: it waits for another, as an upgrade starts one.
// The hint is shown with it while nobody is connected.
func User(ctx context.Context, socket string, t *tui.Terminal, hint ...string) error {
	for again := false; ; again = true {
		err := reside(ctx, atSocket(socket), t, stay{}, hint)
		if !errors.Is(err, tui.ErrAgentGone) && !(again && cutOff(err)) {
			return err
		}
		if err := agentBack(ctx, socket, t); err != nil {
			return err
		}
	}
}

// cutOff reports whether an agent was lost before it said a word: one that is killed
// takes calls at its socket for a moment after it has dropped those it had.
func cutOff(err error) bool {
	var lost *net.OpError
	return errors.Is(err, errLocalEnd) || errors.As(err, &lost)
}

// errAgentBack ends the screen that is shown meanwhile.
var errAgentBack = errors.New("the agent runs again")

// agentBack waits until an agent answers.
func agentBack(ctx context.Context, socket string, t *tui.Terminal) error {
	waiting, back := context.WithCancelCause(ctx)
	var looks sync.WaitGroup
	defer looks.Wait()
	defer back(nil)
	looks.Go(func() {
		for waiting.Err() == nil {
			if l, err := dialLocal(waiting, socket); err == nil {
				_ = l.conn.Close()
				back(errAgentBack)
			}
			select {
			case <-time.After(time.Second):
			case <-waiting.Done():
			}
		}
	})
	if err := tui.AgentAway(waiting, t); !errors.Is(context.Cause(waiting), errAgentBack) {
		return err
	}
	return nil
}

// Attend is the resident screen in a window that was opened for a request which has
// been answered with a yes: it ends by itself when nothing is left to look at after
// the visit.
func Attend(ctx context.Context, socket string, t *tui.Terminal) error {
	return reside(ctx, atSocket(socket), t, stay{surface: surfaceWindow, ends: true}, nil)
}

// stay is where a resident screen is, and whether it ends with the visit.
type stay struct {
	surface string // empty: where its user opened it
	ends    bool
}

// begins is how long a visit has to begin after its yes, before a screen that was
// to show it ends.
const begins = time.Minute

func reside(ctx context.Context, dial dialer, t *tui.Terminal, s stay, hint []string) error {
	l, err := dial(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = l.conn.Close() }()
	if err := l.write(fromClient{Op: opUser, Surface: cmp.Or(s.surface, "resident"), Locale: t.Locale()}); err != nil {
		return err
	}
	first, err := l.read()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events, done := make(chan tui.ResidentEvent), make(chan struct{})
	go func() {
		defer close(done)
		l.deliver(ctx, first, events, hint, s.ends)
		close(events) // a nil event would say the same: the agent is gone
	}()
	glass := newGlass(ctx, dial)
	err = tui.Resident(ctx, t, merged(ctx, events, glass.events), func(a tui.ResidentAction) {
		if !glass.act(a) {
			l.act(a)
		}
	})
	cancel()
	glass.close()
	_ = l.conn.Close()
	<-done
	return err
}

// deliver hands events to the screen until the connection ends. A screen that ends
// with its visit is told so after that has ended, and not kept for one that doesn't
// begin.
func (l *local) deliver(ctx context.Context, m toClient, events chan<- tui.ResidentEvent, hint []string, ends bool) {
	send := func(e tui.ResidentEvent) {
		select {
		case events <- e:
		case <-ctx.Done():
		}
	}
	if ends {
		_ = l.conn.SetReadDeadline(time.Now().Add(begins))
	}
	for {
		if e := event(m); e != nil {
			if idle, is := e.(tui.Idle); is {
				idle.Hint = hint
				e = idle
			}
			send(e)
			switch e.(type) {
			case tui.Began:
				_ = l.conn.SetReadDeadline(time.Time{})
			case tui.Ended:
				if ends {
					send(tui.Closing{})
				}
			}
		}
		var err error
		if m, err = l.read(); err != nil || ctx.Err() != nil {
			return
		}
	}
}

func event(m toClient) tui.ResidentEvent {
	switch {
	case m.Idle != nil:
		return *m.Idle
	case m.Asking != nil:
		return tui.Asking{Prompt: *m.Asking}
	case m.Gone != nil:
		return *m.Gone
	case m.Told != "":
		return tui.Told{Text: m.Told}
	case m.Began != nil:
		return tui.Began{Visit: *m.Began}
	case m.Ended != nil:
		return tui.Ended{Card: *m.Ended}
	case m.Said != nil:
		return *m.Said
	case m.Mirrored != nil:
		return *m.Mirrored
	}
	return nil
}

// act tells the agent what the user did. An agent that is gone has ended every
// visit, and the screen ends too.
func (l *local) act(a tui.ResidentAction) {
	switch a := a.(type) {
	case tui.AnswerTo:
		_ = l.write(fromClient{Op: opAnswer, ID: a.ID, Answer: &a.Answer})
	case tui.Seen:
		_ = l.write(fromClient{Op: opSeen, ID: a.ID})
	case tui.Extend:
		_ = l.write(fromClient{Op: opExtend, ID: a.ID})
	case tui.Stop:
		_ = l.write(fromClient{Op: opStop, ID: a.Visit})
	case tui.Pause:
		_ = l.write(fromClient{Op: opPause, ID: a.Visit})
	case tui.Resume:
		_ = l.write(fromClient{Op: opResume, ID: a.Visit})
	case tui.Tell:
		_ = l.write(fromClient{Op: opSay, ID: a.Visit, Text: a.Text})
	case tui.Reduce:
		m := fromClient{Op: opReduce, ID: a.Visit}
		for _, c := range a.Take {
			m.Take = append(m.Take, wire.Capability(c))
		}
		_ = l.write(m)
	}
}

// Answer shows the request that waits on this device, or the one with this nonce,
// sends the user's answer, and returns what they chose. surface says where it
// is shown: "terminal", or one of agent.surfaces.
func Answer(ctx context.Context, socket, nonce, surface string, t *tui.Terminal) (tui.Choice, error) {
	l, err := dialLocal(ctx, socket)
	if err != nil {
		return tui.None, err
	}
	defer func() { _ = l.conn.Close() }()
	if err := l.write(fromClient{Op: opAnswer, ID: nonce, Surface: surface, Locale: t.Locale()}); err != nil {
		return tui.None, err
	}
	m, err := l.read()
	if err != nil {
		return tui.None, err
	}
	if m.Asking == nil {
		return tui.None, errors.New("the agent shows no request")
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	extended := make(chan tui.Prompt)
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.follow(ctx, cancel, extended)
	}()
	p := *m.Asking
	p.Extend = func() (time.Time, bool) { return l.extend(ctx, p, extended) }
	answer, err := tui.Ask(ctx, t, p, func() { _ = l.write(fromClient{Op: opSeen, ID: p.ID}) })
	if err == nil {
		err = l.write(fromClient{Op: opAnswer, ID: p.ID, Answer: &answer})
	}
	if c, ok := l.conn.(*net.UnixConn); ok {
		_ = c.CloseWrite()
	}
	cancel(nil)
	<-done
	return answer.Choice, err
}

// follow watches for the request's end, and for changes of its deadline.
func (l *local) follow(ctx context.Context, cancel context.CancelCauseFunc, extended chan<- tui.Prompt) {
	for {
		m, err := l.read()
		switch {
		case err != nil:
			cancel(err)
			return
		case m.Gone != nil:
			cancel(errors.New(m.Gone.Why))
		case m.Asking != nil:
			select {
			case extended <- *m.Asking:
			case <-ctx.Done():
			}
		}
	}
}

// extend asks for more time and waits for the agent's word.
func (l *local) extend(ctx context.Context, p tui.Prompt, extended <-chan tui.Prompt) (time.Time, bool) {
	if err := l.write(fromClient{Op: opExtend, ID: p.ID}); err != nil {
		return time.Time{}, false
	}
	select {
	case now := <-extended:
		return now.Deadline, now.Deadline.After(p.Deadline)
	case <-ctx.Done():
		return time.Time{}, false
	}
}
