package gateway

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"accord/gateway/store"
	"accord/policy"
	"accord/tui"
)

// alerts are what supervisors are to know at once, for the banners on their
// screens.
type alerts struct {
	mu      sync.Mutex
	waiting []store.Override // that lack signatures, oldest first
	strange struct {
		device, technician string
		until              time.Time
	}
	rings int // how often the bell was to ring
}

// strangerShown is how long a banner says that a user did not know somebody.
const strangerShown = 15 * time.Minute

// overridesChanged reads anew which overrides wait, for the banners, and wakes
// screens and webhook; ring says that there is one more.
func (g *Gateway) overridesChanged(ring bool) {
	list, err := g.store.Overrides(g.ctx, store.OverrideFilter{State: store.OverrideRequested})
	if err != nil {
		g.log.Error("the overrides that wait can't be read", "error", err)
		return
	}
	slices.Reverse(list)
	g.alerts.mu.Lock()
	g.alerts.waiting = list
	if ring {
		g.alerts.rings++
	}
	g.alerts.mu.Unlock()
	g.hookChanged()
	g.publish()
}

// strange tells the supervisors that a user did not know who asked.
func (g *Gateway) strange(v *visit, stranger bool) {
	if stranger {
		g.alerts.mu.Lock()
		a := &g.alerts.strange
		a.device, a.technician, a.until = v.home.device.Name, v.person.Name, time.Now().Add(strangerShown)
		g.alerts.rings++
		g.alerts.mu.Unlock()
	}
	g.overridesChanged(false)
}

// banner is what a supervisor reads, and how often it has rung by now. Nobody
// is told of their own.
func (g *Gateway) banner(me policy.Person, ph *tui.Phrases, now time.Time) (text string, rings int) {
	if !me.Has(policy.Supervisor) {
		return "", 0
	}
	g.alerts.mu.Lock()
	defer g.alerts.mu.Unlock()
	var lines []string
	for _, o := range g.alerts.waiting {
		if o.Technician == me.Name || !now.Before(o.Until) || slices.Contains(caseOf(o).Signers, me.Name) {
			continue
		}
		key := "GwBannerOverride"
		if o.Exercise {
			key = "GwBannerExercise"
		}
		lines = append(lines, ph.Say(key, "Number", o.Number, "Technician", o.Technician, "Device", o.Device))
	}
	if s := g.alerts.strange; now.Before(s.until) && s.technician != me.Name {
		lines = append(lines, ph.Say("GwBannerStranger", "Technician", s.technician, "Device", s.device))
	}
	switch len(lines) {
	case 0:
		return "", g.alerts.rings
	case 1:
		return lines[0], g.alerts.rings
	}
	return ph.Say("GwBannerMore", "Text", lines[0], "More", len(lines)-1), g.alerts.rings
}

// watchAlerts keeps the banner of a session's screens true until it is told to
// stop. Whoever is no supervisor sees none.
func (s *session) watchAlerts(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	next := s.gateway.changes.next()
	text, rang := s.gateway.banner(s.me(), s.phrases(), time.Now())
	s.banner.Set(text, false)
	go func() {
		defer close(done)
		// A banner also ends by time alone.
		tick := time.NewTicker(time.Minute)
		defer tick.Stop()
		for {
			select {
			case <-next:
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			next = s.gateway.changes.next()
			text, rings := s.gateway.banner(s.me(), s.phrases(), time.Now())
			s.banner.Set(text, text != "" && rings > rang)
			rang = rings
		}
	}()
	return func() { cancel(); <-done }
}

// notify looks after what must be told without anybody asking: reviews that
// come due, and the webhook.
func (g *Gateway) notify(ctx context.Context) {
	tick := time.NewTicker(overdueEvery)
	defer tick.Stop()
	for {
		g.tellOverdue(ctx)
		wait := g.deliver(ctx)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-tick.C:
		case <-timer.C:
		case <-g.hook.wake:
		}
		timer.Stop()
	}
}

// overdueEvery is how often it is looked for reviews that have come due.
const overdueEvery = 10 * time.Second

// tellOverdue notes, once for each, that a review is overdue.
func (g *Gateway) tellOverdue(ctx context.Context) {
	used, err := g.store.Overrides(ctx, store.OverrideFilter{State: store.OverrideUsed})
	if err != nil {
		return // the next look tells
	}
	rules, now := g.law().policy.Override, time.Now()
	for _, o := range used {
		c := caseOf(o)
		if !o.Overdue.IsZero() || !rules.Overdue(c, now) {
			continue
		}
		g.log.Warn("the review of an override is overdue", "override", o.Number, "technician", o.Technician, "signers", strings.Join(c.Signers, ", "))
		if err := g.store.OverdueOverride(ctx, o.Number, rules.Due(c), self(now)); err != nil {
			g.log.Error("that a review is overdue was not kept", "override", o.Number, "error", err)
		}
	}
}
