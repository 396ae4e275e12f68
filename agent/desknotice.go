package agent

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"accord/tui"
	"accord/wire"
)

// connected and disconnected tell the screens of the link to the gateway.
func (d *desk) connected(w *wire.Welcome) {
	idle := d.first()
	idle.Device, idle.Organisation, idle.Connected, idle.Since = w.Device, w.Organisation, true, time.Now()
	d.setIdle(idle)
}

func (d *desk) disconnected(since time.Time) {
	d.mu.Lock()
	idle := d.idle
	d.mu.Unlock()
	if idle.Connected || idle.Since.IsZero() {
		idle.Connected, idle.Since = false, since
		d.setIdle(idle)
	}
}

func (d *desk) setIdle(idle tui.Idle) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.idle = idle
	d.broadcast(toClient{Idle: &idle})
}

// broadcast sends an event to the resident screens. The caller holds mu.
func (d *desk) broadcast(m toClient) (reached int) {
	for c := range d.clients {
		if !c.resident && !c.notes {
			continue // it answers one request and knows no more
		}
		c.send(m)
		if c.resident {
			reached++
		}
	}
	return reached
}

// began tells the user that a visit is open: on their screens at once, else on
// their terminals, which told waits for.
func (d *desk) began(v *visit) (told func()) {
	shown := v.shown()
	d.mu.Lock()
	d.visits[v.id()] = v
	reached := d.broadcast(toClient{Began: &shown})
	d.notable()
	d.edge()
	d.mu.Unlock()
	if reached > 0 && shown.Override == nil {
		return func() {}
	}
	var line sync.WaitGroup
	line.Go(func() { d.line(tui.LineBegan(d.phrases(), shown)) })
	return line.Wait
}

// phrases are those of the user's language, with the words of the device's
// actions.
func (d *desk) phrases() *tui.Phrases { return d.surfaces.Phrases().With(d.agent.abouts()) }

// practised tells everybody at the device of an exercise: it is no secret, and
// must not look like one that failed.
func (d *desk) practised(o wire.Override, signers []string) {
	technician := o.Full
	if technician == "" {
		technician = o.Technician
	}
	told := tui.Override{Number: o.Number, Signers: signers}
	d.mu.Lock()
	for c := range d.clients {
		if c.resident {
			c.send(toClient{Told: tui.LineExercise(tui.PhrasesFor(c.locale), told, technician)})
		}
	}
	d.mu.Unlock()
	d.line(tui.LineExercise(d.phrases(), told, technician))
}

// ended shows the end card.
func (d *desk) ended(v *visit, e *wire.Ending) {
	card := v.card(e)
	d.mu.Lock()
	delete(d.visits, v.id())
	reached := d.broadcast(toClient{Ended: &card})
	signalTo(d.news)
	d.mu.Unlock()
	if reached == 0 {
		d.line(card.Text(d.phrases()))
	}
}

// line writes on the user's terminals. It is not waited for longer than a
// moment: a terminal that is stopped must not keep a visit from ending.
func (d *desk) line(text string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	d.surfaces.Line(ctx, text)
}

// stop ends one visit, or all when none is named. Its user may, and root.
func (d *desk) stop(c *client, id string) toClient {
	if !c.mayStop() {
		return toClient{Error: fmt.Sprintf("visits of this device are stopped by %s or root, not by you", d.agent.user.Name)}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var stopped []string
	for _, v := range d.visits {
		if id == "" || v.id() == id {
			v.end(ending{byUser, "The user stopped the visit."})
			stopped = append(stopped, v.id())
		}
	}
	slices.Sort(stopped)
	return toClient{Stopped: stopped, Done: true}
}

// receipts lists what was kept.
func (d *desk) receipts(limit int) toClient {
	if limit <= 0 || limit > 200 {
		limit = 200
	}
	good, bad, err := d.agent.ledger.list(limit)
	if err != nil {
		return toClient{Error: err.Error()}
	}
	m := toClient{Receipts: good, Done: true}
	for _, e := range bad {
		m.Bad = append(m.Bad, e.Error())
	}
	return m
}

// shown is the visit as its user is told of it.
func (v *visit) shown() tui.Visit {
	t := v.req.Technician
	who := t.Full
	if who == "" {
		who = t.Name
	}
	shown := tui.Visit{
		ID: v.id(), Technician: who, Organisation: v.req.Organisation, Device: v.consent.Device, Login: v.consent.Login,
		Began: v.opened, Until: v.consent.Until.Local(),
	}
	shown.Agentless = v.agent.far != nil
	shown.Standing, shown.Override, shown.Actions = v.consent.Standing, v.override(), v.agent.abouts()
	v.mu.Lock()
	for _, c := range slices.Concat(v.consent.Granted, v.added) {
		if !slices.Contains(v.taken, c) && !slices.Contains(shown.Capabilities, string(c)) {
			shown.Capabilities = append(shown.Capabilities, string(c))
		}
	}
	shown.Transfers, shown.Copied = v.moving.shown()
	shown.Screen = slices.ContainsFunc(v.screens, func(s *screening) bool { return s.shown.Load() && !s.over.Load() })
	shown.Control = shown.Screen && slices.Contains(shown.Capabilities, string(wire.ScreenControl))
	shown.Watchers, shown.Forwards = v.watchers, listing(v.forwarded)
	v.mu.Unlock()
	v.hold.mu.Lock()
	shown.Paused, shown.Typing = v.hold.paused, v.hold.typing
	v.hold.mu.Unlock()
	return shown
}

// override is what opened the visit without its user's yes, or nil.
func (v *visit) override() *tui.Override {
	if v.consent.Choice != wire.Overridden || v.req.Override == nil {
		return nil
	}
	o, err := wire.ParseOverride(v.req.Override.Statement)
	if err != nil {
		return nil // it was read before it opened anything
	}
	return &tui.Override{Number: o.Number, Signers: v.consent.Signers}
}

// card is what a visit came to.
func (v *visit) card(e *wire.Ending) tui.Card {
	shown := v.shown()
	c := tui.Card{
		ID: v.id(), Technician: shown.Technician, Organisation: shown.Organisation, Device: shown.Device,
		Began: e.Opened.Local(), Ended: e.Ended.Local(), EndedBy: e.By, Receipt: strconv.Itoa(e.Number),
		Standing: shown.Standing, Override: shown.Override, Copied: shown.Copied,
	}
	c.Why, _ = wire.SupervisorsReason(e.By, e.Cause)
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, used := range append(slices.Clone(v.used), v.moving.capabilities()...) {
		c.Used = append(c.Used, string(used))
	}
	return c
}
