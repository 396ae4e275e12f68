package gateway

import (
	"sync"
	"time"

	"accord/policy"
)

// byPolicy ends what the rules don't allow, or no longer.
const byPolicy = "policy"

// sessions is the set of sessions that technicians have open.
type sessions struct {
	mu   sync.Mutex
	open map[*session]struct{}
}

func (ss *sessions) add(s *session) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.open[s] = struct{}{}
}

func (ss *sessions) remove(s *session) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	delete(ss.open, s)
}

func (ss *sessions) all() []*session {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	list := make([]*session, 0, len(ss.open))
	for s := range ss.open {
		list = append(list, s)
	}
	return list
}

// recheck ends the sessions of those who are nobody here any more, and the
// visits that are not allowed as things are now. Whoever has changed what
// decides about visits calls it; reason says what that was, for the log.
func (g *Gateway) recheck(reason string) {
	l := g.law()
	for _, v := range g.visits.all() {
		if why, wrong := v.recheck(l, time.Now()); wrong {
			g.log.Info("a visit is ended", "visit", v.req.Visit, "after", reason, "why", why.cause)
			v.end(why)
		}
	}
	for _, s := range g.sessions.all() {
		if _, why := g.stands(l, s.person); why != "" {
			s.cancel(ending{byPolicy, why})
		}
	}
	// Those who sign overrides, and who is told of them, may be others now.
	if err := g.syncRoster(g.ctx); err != nil {
		g.log.Error("the list of supervisors was not compared with the people", "after", reason, "error", err)
	}
	g.hookChanged()
	g.publish()
}

// recheck says why a visit isn't allowed any more, as things are now. Where it
// still is, what the rules want of it by now is put on it.
func (v *visit) recheck(l *law, now time.Time) (why ending, wrong bool) {
	found, gone := v.gateway.stands(l, v.person)
	if gone != "" {
		return ending{byPolicy, gone}, true
	}
	if v.isOpen() && now.Round(0).After(v.until.Round(0)) { // the clock was set
		return ending{byTime, timeOver}, true
	}
	r := v.wanted()
	r.Person, r.Minutes = found, v.req.Minutes
	d := policy.Decide(r, v.gateway.facts(l, found, v.home, nil), now)
	if d.Verdict != policy.Allow {
		return ending{byPolicy, "The rules don't allow this visit any more. " + d.Why}, true
	}
	switch o := d.Obligations; {
	case o.Watched && !v.req.Watched:
		return ending{byPolicy, "By the rules a colleague must watch this visit now. Ask for it anew."}, true
	case o.RecordInput && !v.req.Input:
		return ending{byPolicy, "By the rules what is typed in this visit must be recorded now. Ask for it anew."}, true
	case !o.Hands && v.req.Hands:
		return ending{byPolicy, "By the rules nobody else may type in this visit any more. Ask for it anew."}, true
	}
	if why := v.override.unsigned(v.gateway, l); why != "" {
		return ending{byPolicy, why}, true
	}
	v.oblige(d.Obligations)
	return ending{}, false
}
