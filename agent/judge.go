package agent

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"accord/wire"
)

// instant is a point in time on both clocks that a visit's end is measured by:
// the wall clock, which can be set back, and the time since boot, which goes on
// in suspend and can't.
type instant struct {
	wall time.Time
	boot time.Duration
}

// phase of a visit on the device.
type phase int

const (
	asked    phase = iota // the user has not answered yet
	decided               // the user approved; not yet used
	open                  // the consent was used, once
	finished              // nothing opens it again
)

// grant is what one request has come to.
type grant struct {
	nonce   string
	asked   []wire.Capability
	granted []wire.Capability
	login   string
	phase   phase
	until   instant // zero until decided
	heard   instant // when the recording's head last came
	// What an open visit asks for besides, and the nonces of all that it asked.
	more  *further
	spent []string
}

// judge decides on the device whether anything may be opened. It is pure: no
// clock, no I/O, no goroutine; the [Agent] guards it with a lock. A visit's id
// and its consent serve once; whatever is unknown, late, doubled or out of
// order is a no.
type judge struct {
	visits map[string]*grant
}

// judgeHolds is how many requests are remembered before the finished ones are
// forgotten.
const judgeHolds = 4096

func newJudge() *judge { return &judge{visits: make(map[string]*grant)} }

// errJudged reports that the judge said no; the text says why.
var errJudged = errors.New("not allowed on this device")

func no(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errJudged, fmt.Sprintf(format, args...))
}

// ask notes a request with the nonce that the device made for it.
func (j *judge) ask(visit, nonce string, caps []wire.Capability) error {
	if _, known := j.visits[visit]; known {
		return no("visit %s has been asked for before", visit)
	}
	if nonce == "" || len(caps) == 0 {
		return no("the request is empty")
	}
	if len(j.visits) >= judgeHolds {
		// Ids of long ago are forgotten; their consents were used up or lost
		// with them, so an id that comes again needs a new answer all the same.
		maps.DeleteFunc(j.visits, func(_ string, g *grant) bool { return g.phase == finished })
	}
	j.visits[visit] = &grant{nonce: nonce, asked: slices.Clone(caps)}
	return nil
}

// approve takes the user's yes for the request with this nonce.
func (j *judge) approve(visit, nonce string, granted []wire.Capability, login string, until, now instant) error {
	g := j.visits[visit]
	switch {
	case g == nil || g.phase != asked:
		return no("no request %s waits for an answer", visit)
	case g.nonce != nonce:
		return no("the answer is for another request")
	case len(granted) == 0:
		return no("nothing was granted")
	case !now.before(until):
		return no("the visit's end is already past")
	}
	for _, c := range granted {
		if !slices.Contains(g.asked, c) {
			return no("%s was not asked for", c)
		}
	}
	g.granted, g.login, g.until, g.phase = slices.Clone(granted), login, until, decided
	return nil
}

// verified is an override that was found good and is spent: what it is worth.
type verified struct {
	nonce        string // of the request that it came with
	capabilities []wire.Capability
	life         time.Duration // of the visit, at most
}

// override opens the request with this nonce in place of the user's yes: for
// all that was asked for, which must have been signed.
func (j *judge) override(visit string, v verified, login string, until, now instant) error {
	g, last := j.visits[visit], now.add(v.life)
	switch {
	case g == nil || g.phase != asked:
		return no("no request %s waits for an answer", visit)
	case v.nonce == "" || g.nonce != v.nonce:
		return no("the override is for another request")
	case !now.before(until):
		return no("the visit's end is already past")
	case until.wall.After(last.wall) || until.boot > last.boot:
		return no("the override is for less time")
	}
	for _, c := range g.asked {
		if !slices.Contains(v.capabilities, c) {
			return no("%s was not signed", c)
		}
	}
	g.granted, g.login, g.until, g.phase = slices.Clone(g.asked), login, until, decided
	return nil
}

// begin uses the consent: once, before its end.
func (j *judge) begin(visit string, now instant) error {
	g := j.visits[visit]
	switch {
	case g == nil || g.phase != decided:
		return no("there is no unused consent for visit %s", visit)
	case !now.before(g.until):
		return no("the consent for visit %s has run out", visit)
	}
	g.phase, g.heard = open, now
	return nil
}

// hear notes that the gateway still records.
func (j *judge) hear(visit string, now instant) {
	if g := j.visits[visit]; g != nil && g.phase == open {
		g.heard = now
	}
}

// may reports whether the visit may do c now, and as which account.
func (j *judge) may(visit string, c wire.Capability, now instant) (login string, err error) {
	if err := j.alive(visit, now); err != nil {
		return "", err
	}
	g := j.visits[visit]
	if !slices.Contains(g.granted, c) {
		return "", no("%s was not granted for this visit", c)
	}
	return g.login, nil
}

// mayRun reports whether the visit may start anything at all: a shell, an
// action, or what serves files. Which of them is for [judge.may] to say.
func (j *judge) mayRun(visit string, now instant) (login string, err error) {
	if err := j.alive(visit, now); err != nil {
		return "", err
	}
	g := j.visits[visit]
	if !slices.ContainsFunc(g.granted, runs) {
		return "", no("neither a shell, nor an action, nor files were granted for this visit")
	}
	return g.login, nil
}

// runs reports whether a capability starts processes.
func runs(c wire.Capability) bool {
	_, action := c.Action()
	return action || c == wire.Shell || c == wire.FilesGet || c == wire.FilesPut
}

// alive reports why an open visit must end now, or nil.
func (j *judge) alive(visit string, now instant) error {
	g := j.visits[visit]
	switch {
	case g == nil || g.phase != open:
		return no("visit %s is not open", visit)
	case !now.before(g.until):
		return no("the time that was agreed is over")
	case now.since(g.heard) >= wire.HeadLost:
		return no("the gateway has said nothing about the recording for %d seconds", int(wire.HeadLost.Seconds()))
	}
	return nil
}

// reduce takes capabilities back from an open visit: what it may do only ever
// becomes less, until its user is asked again and agrees, see [judge.further]. It
// returns what is left.
func (j *judge) reduce(visit string, taken []wire.Capability) (left []wire.Capability, err error) {
	g := j.visits[visit]
	if g == nil || g.phase != open {
		return nil, no("visit %s is not open", visit)
	}
	for _, c := range taken {
		if !slices.Contains(g.granted, c) {
			return nil, no("%s was not granted for this visit", c)
		}
	}
	g.granted = slices.DeleteFunc(g.granted, func(c wire.Capability) bool { return slices.Contains(taken, c) })
	return slices.Clone(g.granted), nil
}

// finish ends whatever the request has come to. Its id stays taken.
func (j *judge) finish(visit string) {
	if g := j.visits[visit]; g != nil {
		g.phase = finished
		g.asked, g.granted, g.more, g.spent = nil, nil, nil, nil
	}
}

// before reports whether now is earlier than end on both clocks.
func (i instant) before(end instant) bool {
	return i.wall.Before(end.wall) && i.boot < end.boot
}

// since is how long ago then was, by the clock that says more.
func (i instant) since(then instant) time.Duration {
	return max(i.wall.Sub(then.wall), i.boot-then.boot)
}

// add is the instant that lies d ahead on both clocks.
func (i instant) add(d time.Duration) instant {
	return instant{i.wall.Add(d), i.boot + d}
}
