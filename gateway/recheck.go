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
		if why := v.recheck(l, time.Now()); why != "" {
			g.log.Info("a visit is ended by the policy", "visit", v.req.Visit, "after", reason, "why", why)
			v.end(ending{byPolicy, why})
		}
	}
	for _, s := range g.sessions.all() {
		if _, why := g.stands(l, s.person); why != "" {
			s.cancel(ending{byPolicy, why})
		}
	}
	g.publish()
}

// recheck says why the law doesn't allow a visit any more; empty: it does.
func (v *visit) recheck(l *law, now time.Time) string {
	found, why := v.gateway.stands(l, v.person)
	if why != "" {
		return why
	}
	r := v.want
	r.Person = found
	d := policy.Decide(r, v.gateway.facts(l, found, v.home, nil), now)
	if d.Verdict != policy.Allow {
		return "The rules don't allow this visit any more. " + d.Why
	}
	return ""
}
