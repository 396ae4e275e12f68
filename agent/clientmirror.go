package agent

import (
	"context"
	"sync"

	"accord/tui"
)

// glass is what a screen sees visits through: a connection for each visit that
// it watches, apart from the one that answers and stops.
type glass struct {
	ctx    context.Context //nolint:containedctx // its life is the screen's
	dial   dialer
	events chan tui.ResidentEvent
	open   map[string]*pane // by visit; only act, one call at a time, uses it
	reads  sync.WaitGroup
}

// pane is one visit's connection.
type pane struct {
	*local
	shut chan struct{} // closed when the screen wants no more of it
}

func newGlass(ctx context.Context, dial dialer) *glass {
	return &glass{ctx: ctx, dial: dial, events: make(chan tui.ResidentEvent), open: make(map[string]*pane)}
}

// act takes the actions that have to do with watching; false for all others.
func (g *glass) act(a tui.ResidentAction) bool {
	switch a := a.(type) {
	case tui.Watch:
		g.shut(a.Visit)
		g.watch(a.Visit)
	case tui.Unwatch:
		g.shut(a.Visit)
	case tui.Type:
		if p := g.open[a.Visit]; p != nil {
			_ = p.write(fromClient{Op: opType, Shell: a.Shell, Keys: a.Keys})
		}
	default:
		return false
	}
	return true
}

// watch opens a connection and hands on what comes from it.
func (g *glass) watch(visit string) {
	p := &pane{shut: make(chan struct{})}
	l, err := g.dial(g.ctx)
	if err == nil {
		p.local = l
		g.open[visit] = p
		err = l.write(fromClient{Op: opMirror, ID: visit})
	}
	g.reads.Go(func() {
		for err == nil {
			var m toClient
			if m, err = l.read(); m.Mirrored != nil && !g.send(p, *m.Mirrored) {
				return
			}
		}
		g.send(p, tui.Mirrored{Visit: visit, Lost: true})
	})
}

// send hands an event on, unless the screen wants no more.
func (g *glass) send(p *pane, e tui.Mirrored) bool {
	select {
	case <-p.shut:
		return false
	default:
	}
	select {
	case g.events <- e:
		return true
	case <-p.shut:
	case <-g.ctx.Done():
	}
	return false
}

// shut ends the watching of a visit.
func (g *glass) shut(visit string) {
	if p := g.open[visit]; p != nil {
		close(p.shut)
		_ = p.conn.Close()
		delete(g.open, visit)
	}
}

// close ends all; the context has ended before.
func (g *glass) close() {
	for visit := range g.open {
		g.shut(visit)
	}
	g.reads.Wait()
}

// merged is both streams in one. It ends with the first, or with ctx.
func merged(ctx context.Context, events, more <-chan tui.ResidentEvent) <-chan tui.ResidentEvent {
	both := make(chan tui.ResidentEvent)
	go func() {
		defer close(both)
		for {
			var e tui.ResidentEvent
			var ok bool
			select {
			case e, ok = <-events:
				if !ok {
					return
				}
			case e = <-more:
			case <-ctx.Done():
				return
			}
			select {
			case both <- e:
			case <-ctx.Done():
				return
			}
		}
	}()
	return both
}
