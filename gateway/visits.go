package gateway

import (
	"crypto/rand"
	"slices"
	"strings"
	"sync"
	"time"

	"accord/policy"
	"accord/wire"
)

// visits is the set of visits that are asked for or open.
type visits struct {
	mu   sync.Mutex
	live map[string]*visit
}

// newVisitID makes an id that sorts by time and can't be guessed.
func newVisitID(now time.Time) string {
	return now.UTC().Format("20060102-150405") + "-" + strings.ToLower(rand.Text()[:8])
}

// join finds the technician's live visit on a device that has a capability, or
// asks for it, and holds it. What no visit has takes a request of its own.
func (vs *visits) join(p person, device, login string, c wire.Capability) *visit {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	for _, v := range vs.live {
		if v.fits(p, device, login) && v.mayGrant(c) && v.hold() {
			return v
		}
	}
	return nil
}

// mayGrant reports whether the visit has a capability, or waits for an answer
// that may give it.
func (v *visit) mayGrant(c wire.Capability) bool {
	select {
	case <-v.decided:
		return v.consent == nil || v.grants(c)
	default:
		return slices.Contains(v.req.Capabilities, c)
	}
}

// program is what a session in the visit runs: what was asked for, and where
// that is a login shell that was not granted, the one action that was.
func (v *visit) program(command string) string {
	if command != "" || v.grants(wire.Shell) {
		return command
	}
	var actions []string
	for _, c := range v.consent.Granted {
		if _, action := c.Action(); action && v.grants(c) {
			actions = append(actions, string(c))
		}
	}
	if len(actions) == 1 {
		return actions[0]
	}
	return command
}

// of lists a person's open visits, for the policy.
func (vs *visits) of(p person) []policy.Visit {
	var list []policy.Visit
	for _, v := range vs.all() {
		if v.person.Name == p.Name && v.isOpen() {
			list = append(list, policy.Visit{Device: v.home.device.Name, Reason: v.req.Reason, Ticket: v.req.Ticket, Ends: v.until})
		}
	}
	return list
}

// all lists the live visits, oldest first.
func (vs *visits) all() []*visit {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	list := make([]*visit, 0, len(vs.live))
	for _, v := range vs.live {
		list = append(list, v)
	}
	slices.SortFunc(list, func(a, b *visit) int { return strings.Compare(a.req.Visit, b.req.Visit) })
	return list
}

func (vs *visits) get(id string) *visit {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	return vs.live[id]
}

// isOpen reports whether the visit has begun and its technician is still there.
func (v *visit) isOpen() bool {
	select {
	case <-v.opened:
	default:
		return false
	}
	select {
	case <-v.left:
		return false
	default:
		return v.ctx.Err() == nil
	}
}
