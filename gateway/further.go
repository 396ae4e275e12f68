package gateway

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/policy"
	"accord/wire"
)

// Further capabilities of an open visit: the policy is asked, then the device's
// user, for just those. The visit's end does not move.

// Kinds of events on a recording's timeline that this makes.
const (
	eventFurther = "further" // more is asked for
	eventConsent = "consent" // and this is the device's signed answer
)

// notAgain is how long a no to a further capability stands without anybody being
// asked again: tools try again by themselves.
const notAgain = time.Minute

// further is more that an open visit asks for.
type further struct {
	caps    []wire.Capability
	want    wire.Request // as the device must sign it
	obliged policy.Obligations
	asked   time.Time
	prompts *prompting
	done    chan struct{} // closed when err is set
	err     error

	// Guarded by the visit's mu until done is closed.
	waits     int // who waits
	withdrawn bool
}

// refusal is a further capability that was refused a moment ago.
type refusal struct {
	at  time.Time
	err error
}

// extend gets a visit that is open what it lacks of needs, and of what else is
// wished for. It returns nil as soon as the visit has what it needs; wait sees
// the technician through the waiting.
func (c *caller) extend(ctx context.Context, v *visit, needs, wishes []wire.Capability, wait func(*visit, *further) error) error {
	for {
		missing := v.lacks(needs)
		if len(missing) == 0 {
			return nil
		}
		f, mine, err := c.askFurther(v, v.lacks(slices.Concat(needs, wishes)))
		if err != nil {
			return err
		}
		err = wait(v, f)
		v.leaveFurther(f)
		if err != nil {
			return err
		}
		select {
		case <-f.done:
		case <-v.ctx.Done():
			return v.why()
		case <-ctx.Done():
			return errGone
		}
		switch {
		case f.withdrawn: // by others, who gave up
		case f.err != nil && (mine || slices.Contains(f.caps, missing[0])):
			return f.err
		case mine && len(v.lacks(needs)) > 0:
			return fmt.Errorf("the user of %s granted less than that; what the visit may do now: %s", v.home.device.Name, c.phrases().Shorts(texts(v.may())))
		}
	}
}

// lacks are those of some capabilities that the visit may not do now.
func (v *visit) lacks(list []wire.Capability) []wire.Capability {
	var missing []wire.Capability
	for _, one := range list {
		if !v.grants(one) && !slices.Contains(missing, one) {
			missing = append(missing, one)
		}
	}
	return missing
}

// askFurther puts a question for more to the device, or joins the one that
// waits; mine says whether it asks for all of this. The caller must leave it.
func (c *caller) askFurther(v *visit, caps []wire.Capability) (f *further, mine bool, err error) {
	d, err := c.decideFurther(v, caps)
	if err != nil {
		return nil, false, err
	}
	v.mu.Lock()
	if v.further != nil {
		defer v.mu.Unlock()
		v.further.waits++
		return v.further, !slices.ContainsFunc(caps, func(one wire.Capability) bool { return !slices.Contains(v.further.caps, one) }), nil
	}
	for _, one := range caps {
		if no := v.refusals[one]; time.Since(no.at) < notAgain && no.err != nil {
			v.mu.Unlock()
			return nil, false, no.err
		}
	}
	more := &wire.More{Capabilities: caps, AskUser: d.Obligations.AskUser}
	f = &further{
		caps: caps, want: more.Further(v.req, v.consent.Login), obliged: d.Obligations, asked: time.Now(),
		prompts: newPrompting(), done: make(chan struct{}), waits: 1,
	}
	v.further = f
	v.mu.Unlock()
	err = v.rec.Event(eventFurther, map[string]any{"capabilities": caps, "rule": d.Rule})
	if err == nil {
		v.mail.leaveAsk(more)
		err = v.notify("GwMoreAsked", "Device", v.home.device.Name, "What", caps)
	}
	if err != nil {
		v.end(cannotRecord(err))
	}
	return f, true, err
}

// decideFurther asks the policy whether the visit, as it is, may have more.
func (c *caller) decideFurther(v *visit, caps []wire.Capability) (policy.Decision, error) {
	g := c.gateway
	l, r := g.law(), v.wanted()
	r.Person, r.Minutes = c.me(), v.req.Minutes
	for _, one := range caps {
		if !slices.Contains(r.Capabilities, string(one)) {
			r.Capabilities = append(r.Capabilities, string(one))
		}
	}
	d := policy.Decide(r, g.facts(l, r.Person, v.home, nil), time.Now())
	if d.Verdict == policy.Incomplete {
		d.Verdict, d.Why = policy.Deny, d.Why+" The visit that is open has none that does. End it and ask for a new one."
	}
	if d.Verdict != policy.Allow {
		return d, c.turnDown(v.home, d)
	}
	why := ""
	switch o := d.Obligations; {
	case o.Watched && !v.req.Watched:
		why = "a colleague must watch"
	case o.RecordInput && !v.req.Input:
		why = "what is typed must be recorded"
	case !o.Hands && v.req.Hands:
		why = "nobody else may type"
	case v.openedAt.Add(minutes(o.LongestMinutes)).Before(v.until):
		why = fmt.Sprintf("a visit lasts %d minutes at most", o.LongestMinutes)
	}
	if why == "" {
		return d, nil
	}
	d.Verdict, d.Why = policy.Deny, fmt.Sprintf("By the rules %s where %s is used, which is not so in the visit that is open. End it and ask for a new one.", why, caps[0])
	return d, c.turnDown(v.home, d)
}

// wanted is what the visit is allowed by: the policy's request, with all that
// was granted since.
func (v *visit) wanted() policy.Request {
	v.mu.Lock()
	defer v.mu.Unlock()
	r := v.want
	r.Capabilities = slices.Clone(r.Capabilities)
	return r
}

// leaveFurther says that somebody does not wait any more. The last one takes the
// question back.
func (v *visit) leaveFurther(f *further) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f.waits--
	if f.waits == 0 && v.further == f {
		f.withdrawn = true
		v.mail.leaveAsk(&wire.Withdraw{})
	}
}

// prompted tells who waits for more how the prompt fares; false where nobody
// asked for any.
func (v *visit) prompted(m *wire.Prompt) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.further == nil {
		return false
	}
	v.further.prompts.tell(m)
	return true
}

// tookFurther takes the device's answer about more. An error ends the visit.
func (v *visit) tookFurther(m *wire.Answer) error {
	v.mu.Lock()
	f := v.further
	v.mu.Unlock()
	if f == nil {
		return ending{byGateway, "The device sent a message out of order."}
	}
	c, err := wire.OpenConsent(v.home.key, m.Statement, m.Signature)
	if err == nil {
		err = v.checkFurther(f, c)
	}
	if err != nil {
		return ending{byGateway, "The device's receipt for more is not valid: " + wire.Clean(err.Error(), wire.MaxLine)}
	}
	if err := v.keepFurther(c, m); err != nil {
		return cannotRecord(err)
	}
	key, args := "GwMoreGranted", []any{"Device", v.home.device.Name, "What", c.Granted}
	if !c.Opens() {
		f.err = &answered{c, v.home.device.Name}
		key, args = "GwMoreRefused", []any{"Device", v.home.device.Name, "What", f.caps}
	}
	v.mu.Lock()
	v.further = nil
	if v.refusals == nil {
		v.refusals = make(map[wire.Capability]refusal)
	}
	for _, one := range f.caps {
		if !f.withdrawn {
			v.refusals[one] = refusal{time.Now(), f.err}
		}
	}
	for _, one := range c.Granted {
		v.want.Capabilities = append(slices.Clone(v.want.Capabilities), string(one))
	}
	v.mu.Unlock()
	if c.Opens() {
		v.changes.extend(c.Granted)
		v.touch()
		v.oblige(f.obliged)
	}
	close(f.done)
	v.gateway.publish()
	if err := v.notify(key, args...); err != nil {
		return cannotRecord(err)
	}
	return nil
}

// checkFurther wants an answer to this very question, in this visit: signed
// anew, and no other end.
func (v *visit) checkFurther(f *further, c *wire.Consent) error {
	switch {
	case !c.Further || !reflect.DeepEqual(c.Request, f.want) || c.DeviceKey != gossh.FingerprintSHA256(v.home.key):
		return errors.New("it is for another request")
	case c.Nonce == v.consent.Nonce || slices.Contains(v.nonces, c.Nonce):
		return errors.New("it was given before")
	case c.Opens() && (!c.Until.Equal(*v.consent.Until) || c.Login != v.consent.Login):
		return errors.New("it is for another time, or another account")
	}
	v.nonces = append(v.nonces, c.Nonce)
	return nil
}

// keepFurther puts the answer where it is evidence: the timeline, then the
// journal.
func (v *visit) keepFurther(c *wire.Consent, m *wire.Answer) error {
	err := v.rec.Event(eventConsent, struct {
		Choice    wire.Choice       `json:"choice"`
		Granted   []wire.Capability `json:"granted,omitempty"`
		Statement string            `json:"statement"`
		Signature string            `json:"signature"`
	}{c.Choice, c.Granted, string(m.Statement), string(m.Signature)})
	if err != nil {
		return err
	}
	return v.gateway.visitExtended(v, c, m.Statement)
}

// waitFurtherSilently waits for the answer where there is nobody to tell.
func waitFurtherSilently(ctx context.Context) func(*visit, *further) error {
	return func(v *visit, f *further) error {
		select {
		case <-f.done:
			return nil
		case <-v.ctx.Done():
			return v.why()
		case <-ctx.Done():
			return errGone
		}
	}
}
