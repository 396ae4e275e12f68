package agent

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"accord/tui"
)

// edgeEvery is how often the time left is told anew at the edge of what the user
// looks at.
const edgeEvery = 10 * time.Second

// edgeWait bounds how long that may take: a tmux may be stopped.
const edgeWait = 15 * time.Second

// edge sees to it that the open visits stand at the edge of what the user looks at,
// until the last has ended. The caller holds mu.
func (d *desk) edge() {
	signalTo(d.news)
	if d.edging {
		return
	}
	d.edging = true
	d.edges.Go(func() {
		tick := time.NewTicker(edgeEvery)
		defer tick.Stop()
		for d.showEdge() {
			select {
			case <-tick.C:
			case <-d.news:
			}
		}
	})
}

// showEdge tells of the visits as they are now; false when there are none any more.
func (d *desk) showEdge() bool {
	ph := d.phrases()
	d.mu.Lock()
	var badges []string
	for _, id := range slices.Sorted(maps.Keys(d.visits)) {
		badges = append(badges, tui.Badge(ph, d.visits[id].shown(), time.Now()))
	}
	d.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), edgeWait)
	defer cancel()
	d.surfaces.Edge(ctx, strings.Join(badges, " · "))
	d.mu.Lock()
	defer d.mu.Unlock()
	d.edging = len(badges) > 0 || len(d.visits) > 0 // one may have begun meanwhile
	return d.edging
}
