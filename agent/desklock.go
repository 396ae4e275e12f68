package agent

import (
	"context"
	"sync"
	"time"

	"accord/agent/surface"
	"accord/wire"
)

const (
	// lockEvery is how often it is looked whether the screen of the user is locked,
	// while a request is before them.
	lockEvery = 2 * time.Second
	// lookedFor is how long is believed what the user's session has said of itself.
	lookedFor = 30 * time.Second
)

// telling tells the gateway how a prompt fares, and whether the screen that it is on
// is locked.
type telling struct {
	tell func(wire.Prompt)
	news chan struct{} // told when it is to be looked whether that is so

	mu     sync.Mutex // held while it is told: the order counts
	last   wire.Prompt
	locked bool // the screen of last is
}

func (t *telling) say(p wire.Prompt) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p != t.last {
		t.locked = false
	}
	t.last = p
	t.again()
	signalTo(t.news)
}

// again tells the last state as it is now.
func (t *telling) again() {
	p := t.last
	if t.locked {
		p.Surface += wire.ScreenLocked
	}
	t.tell(p)
}

// where is the surface that shows the request, as long as nobody has touched it.
func (t *telling) where() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last.State != wire.Shown {
		return ""
	}
	return t.last.Surface
}

// lock notes whether the screen of a surface is locked.
func (t *telling) lock(surface string, is bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last.State == wire.Shown && t.last.Surface == surface && t.locked != is {
		t.locked = is
		t.again()
	}
}

// watchLock tells whether the user's screen is locked until ctx ends.
func (d *desk) watchLock(ctx context.Context, t *telling) {
	tick := time.NewTicker(lockEvery)
	defer tick.Stop()
	for {
		d.look()
		if where := t.where(); where != "" {
			t.lock(where, d.locked(ctx, where))
		}
		select {
		case <-tick.C:
		case <-t.news:
		case <-ctx.Done():
			return
		}
	}
}

// locked reports whether the screen of a surface is locked for sure.
func (d *desk) locked(ctx context.Context, where string) bool {
	if where == surfaceWindow {
		d.mu.Lock()
		said := d.desktop.Locked && time.Since(d.lookedAt) < lookedFor
		d.mu.Unlock()
		if said {
			return true
		}
	}
	return d.surfaces.Locked(ctx, where)
}

// look asks the user's session how it is, where somebody of it is there. The answer
// comes to looked.
func (d *desk) look() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.clients {
		if c.helps || c.notes {
			c.send(toClient{Look: true})
			return
		}
	}
}

// looked takes what the user's session says of itself.
func (d *desk) looked(c *client, m fromClient) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !c.helps && !c.notes {
		return
	}
	idle := time.Duration(-1)
	if m.Idle != nil && *m.Idle >= 0 && *m.Idle < int64(longestIdle/time.Second) {
		idle = time.Duration(*m.Idle) * time.Second
	}
	if d.asking != nil && d.desktop.Locked != m.Locked {
		signalTo(d.asking.telling.news)
	}
	d.desktop, d.lookedAt = surface.Desktop{Locked: m.Locked, Idle: idle}, time.Now()
}

// longestIdle is far longer than anybody leaves a screen alone.
const longestIdle = 10 * 365 * 24 * time.Hour

// idleAt is for how long nobody has touched the screen of an account, as its own
// session says; -1: not known.
func (d *desk) idleAt(uid int) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	since := time.Since(d.lookedAt)
	if uid != d.agent.user.UID || d.desktop.Idle < 0 || since >= lookedFor {
		return -1
	}
	return d.desktop.Idle + since
}
