package proc

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
)

// Groups is where the agent makes the groups of its visits.
type Groups struct {
	limits    Limits
	coalition uint64 // the agent's own; 0 where it has none
	mu        sync.Mutex
	open      map[*Group]string // visits, by number
}

// Confine finds out whether what a visit leaves behind can be told from what is
// the user's. doubt says why not, or why a visit can't have limits as a whole.
func Confine(l Limits) (g *Groups, doubt error) {
	g = &Groups{limits: l, open: make(map[*Group]string)}
	id, own := ownCoalition()
	if own {
		g.coalition = id
	} else {
		doubt = errors.New("the agent is no job of launchd's, so what a visit puts into the background can outlive it")
	}
	if l != (Limits{}) {
		doubt = errors.Join(doubt, errors.New("this system has no control groups"))
	}
	return g, doubt
}

// Group holds all processes of one visit.
type Group struct {
	limits Limits
	groups *Groups
}

// Visit makes the group of one visit.
func (g *Groups) Visit(id string) (*Group, error) {
	v := &Group{limits: g.limits, groups: g}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open[v] = id
	return v, nil
}

// End kills what the keepers of the visit's processes have missed, in the agent's
// coalition: what can't be told from another visit's dies with the first.
func (v *Group) End() {
	if v == nil || v.groups == nil {
		return
	}
	g := v.groups
	g.mu.Lock()
	delete(g.open, v)
	others := slices.Collect(maps.Values(g.open))
	g.mu.Unlock()
	if g.coalition == 0 {
		return
	}
	find := func() []process { return strayOf(g.coalition, others) }
	for late := time.Now().Add(killLimit); len(find()) > 0 && time.Now().Before(late); {
		killAll(find)
		<-time.After(forcePause) // nothing announces their end
	}
}
