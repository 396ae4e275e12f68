package agent

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"accord/tui"
	"accord/wire"
)

// admits says whether a client may see requests and answer them.
func (d *desk) admits(c *client) error {
	switch {
	case c.who != d.agent.user.Identity():
		return fmt.Errorf("requests to this device are answered by %s, not by you", d.agent.user.Name)
	case c.inside:
		return errors.New("a visit can't answer for the user it visits")
	}
	return nil
}

// join adds a screen. It is told how things are.
func (d *desk) join(c *client, opening fromClient) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.asking
	if opening.Op == opHelper || opening.Op == opNotes {
		return d.enlist(c, opening.Op)
	}
	if opening.Op == opAnswer {
		if a == nil || opening.ID != "" && opening.ID != a.nonce {
			return errors.New("nobody asks for a visit now")
		}
		d.clients[c] = struct{}{}
		d.show(c, a)
		a.tell(wire.Prompt{State: wire.Shown, Surface: c.surface})
		return nil
	}
	d.clients[c] = struct{}{}
	c.resident = true
	idle := d.idle
	c.send(toClient{Idle: &idle})
	for _, id := range slices.Sorted(maps.Keys(d.visits)) {
		shown := d.visits[id].shown()
		c.send(toClient{Began: &shown})
	}
	if a != nil {
		d.show(c, a)
		a.tell(wire.Prompt{State: wire.Shown, Surface: c.surface})
	}
	return nil
}

// leave takes a screen out. If it was the last to show a request, that is no
// answer.
func (d *desk) leave(c *client) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.clients, c)
	c.failedToHelp()
	if a := d.asking; a != nil {
		if _, was := a.showing[c]; was {
			delete(a.showing, c)
			if len(a.showing) == 0 {
				signalTo(a.closed)
			}
		}
	}
}

// signalTo wakes who waits, once.
func signalTo(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// hear takes what a screen says.
func (d *desk) hear(c *client, m fromClient) {
	switch m.Op {
	case opSeen, opExtend, opAnswer:
		d.mu.Lock()
		defer d.mu.Unlock()
		a := d.asking
		if a == nil || a.nonce != m.ID {
			return // the answer to a request that is gone opens nothing
		}
		d.hearAbout(c, a, m)
	case opStop:
		c.write(d.stop(c, m.ID))
	case opFailed:
		d.agent.log.Info("the user's helper opens no prompt", "why", wire.Clean(m.Text, wire.MaxReason))
		d.mu.Lock()
		c.failedToHelp()
		d.mu.Unlock()
	case opLooked:
		d.looked(c, m)
	case opPause, opResume, opReduce, opSay:
		d.control(c, m)
	}
}

func (d *desk) hearAbout(c *client, a *asking, m fromClient) {
	switch m.Op {
	case opSeen:
		if !a.seen {
			a.seen = true
			a.tell(wire.Prompt{State: wire.Read, Surface: c.surface})
		}
	case opExtend:
		later := a.prompt.Deadline.Add(extension)
		if a.prompt.Extensions > 0 && !later.After(a.longest) {
			a.prompt.Extensions--
			a.prompt.Deadline = later
			signalTo(a.moved)
		}
		for s := range a.showing {
			p := a.prompt
			s.send(toClient{Asking: &p})
		}
	case opAnswer:
		if m.Answer == nil {
			return
		}
		if m.Answer.Choice == tui.Later && (a.prompt.LaterLeft <= 0 || !m.Answer.Later.After(time.Now())) {
			return
		}
		g := given{answer: *m.Answer, uid: c.who.UID, surface: c.surface}
		if g.answer.Choice == tui.None {
			g.answer.Why = whyNone(a.prompt.Deadline)
		}
		g.text = a.prompt.Text(tui.PhrasesFor(g.answer.Language))
		delete(a.showing, c) // it needs not be told that the request is gone
		select {
		case a.answer <- g:
		default: // another screen was first
		}
	}
}

// whyNone is why a screen had no answer: its time was over, or it was left.
func whyNone(deadline time.Time) string {
	if time.Now().Before(deadline) {
		return promptClosed
	}
	return promptOver
}
