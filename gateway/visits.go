package gateway

import (
	"cmp"
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

// join finds the technician's live visit on a device and holds it: one that has
// a capability before one that waits for its answer, and that before one that
// would have to ask for it.
func (vs *visits) join(p person, device, login string, c wire.Capability) *visit {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	fits := make([]*visit, 0, len(vs.live))
	for _, v := range vs.live {
		if v.fits(p, device, login) {
			fits = append(fits, v)
		}
	}
	slices.SortFunc(fits, func(a, b *visit) int {
		return cmp.Or(cmp.Compare(a.readiness(c), b.readiness(c)), strings.Compare(a.req.Visit, b.req.Visit))
	})
	for _, v := range fits {
		if v.hold() {
			return v
		}
	}
	return nil
}

// readiness orders visits by how little is to be waited for until they have a
// capability.
func (v *visit) readiness(c wire.Capability) int {
	select {
	case <-v.decided:
		if v.consent != nil && v.grants(c) {
			return 0
		}
		return 2
	default:
		return 1
	}
}

// program is what a session in the visit runs: what was asked for, and where
// that is a login shell that was not granted, the one action that was.
func (v *visit) program(command string) string {
	if command != "" || v.grants(wire.Shell) {
		return command
	}
	var actions []string
	for _, c := range v.may() {
		if _, action := c.Action(); action {
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
