package agent

import (
	"context"
	"errors"
	"slices"
	"time"

	"accord/tui"
)

// helperWait is how long a helper has to open a prompt before the agent tries by
// itself.
const helperWait = 30 * time.Second

// enlist takes a helper in. The newest is the one: it belongs to the session that
// was begun last. The caller holds mu.
func (d *desk) enlist(c *client, op string) error {
	if op == opNotes && d.asking == nil && len(d.visits) == 0 {
		return errors.New("there is nothing to show any more")
	}
	for o := range d.clients {
		if o.helps && op == opHelper {
			o.send(toClient{Error: errTakenOver.Error()})
			delete(d.clients, o)
		}
	}
	c.notes, c.helps = slices.Contains(d.agent.cfg.Surfaces, surfaceNotification), op == opHelper
	d.clients[c] = struct{}{}
	if !c.notes {
		return nil
	}
	for _, v := range d.visits {
		shown := v.shown()
		c.send(toClient{Began: &shown})
	}
	if d.asking != nil {
		c.announce(d.asking)
	}
	return nil
}

// announce tells a helper who asks. It needs no code for that. The desk's lock is
// held.
func (c *client) announce(a *asking) {
	p := a.prompt
	p.Code = ""
	c.send(toClient{Asking: &p})
}

// helped has the user's helper open a prompt, and reports whether a screen shows it
// or nobody needs it any more.
func (d *desk) helped(ctx context.Context, a *asking) bool {
	d.mu.Lock()
	var helper *client
	for c := range d.clients {
		if c.helps {
			helper = c
		}
	}
	failed := make(chan struct{}, 1)
	if helper != nil {
		helper.failed = failed
		helper.send(toClient{Open: &opening{ID: a.nonce, Surfaces: d.agent.cfg.Surfaces}})
	}
	d.mu.Unlock()
	if helper == nil {
		return false
	}
	late := time.NewTimer(helperWait)
	defer late.Stop()
	shown := false
	select {
	case <-a.shown:
		shown = true
	case <-ctx.Done():
	case <-failed:
	case <-late.C:
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, there := d.clients[helper]; !there {
		return shown || ctx.Err() != nil
	}
	helper.failed = nil
	if shown {
		helper.send(toClient{Shown: a.nonce})
		return true
	}
	helper.send(toClient{Withdrawn: a.nonce}) // what it opens too late would be a second one
	return ctx.Err() != nil
}

// failedToHelp notes that a helper can't open a prompt, or has left. The caller
// holds mu.
func (c *client) failedToHelp() {
	if c.failed != nil {
		signalTo(c.failed)
	}
}

// tellNotes sends an event to those who show notifications. The caller holds mu.
func (d *desk) tellNotes(m toClient) {
	for c := range d.clients {
		if c.notes {
			c.send(m)
		}
	}
}

// notable sees to it that somebody shows notifications while there is something to
// tell: the user's helper, or else a process of the user's that the agent starts.
// The caller holds mu.
func (d *desk) notable() {
	if d.noting || d.asking == nil && len(d.visits) == 0 || !slices.Contains(d.agent.cfg.Surfaces, surfaceNotification) {
		return
	}
	for c := range d.clients {
		if c.notes {
			return
		}
	}
	d.noting = true
	d.surfaces.Notes(func(err error) {
		d.agent.log.Debug("notifications", "ended", err)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.noting = false
		if err == nil { // it ended with what it was for; there may be more by now
			d.notable()
		}
	})
}

// unnote takes the notification of a request back. The caller holds mu.
func (d *desk) unnote(a *asking) { d.tellNotes(toClient{Gone: &tui.AskGone{ID: a.nonce}}) }
