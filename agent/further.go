package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"golang.org/x/crypto/ssh"

	"accord/tui"
	"accord/wire"
)

// Further capabilities in an open visit: asked for by themselves, answered by
// themselves, judged by themselves. The visit's end does not move.

// further is a question about more that an open visit waits for.
type further struct {
	nonce   string
	asked   []wire.Capability
	granted []wire.Capability // nil until the user has agreed
}

// furtherMost is how often one visit may ask for more. It bounds the nonces that
// are remembered of it.
const furtherMost = 64

// further notes that an open visit asks for more, with the nonce that the
// device made for it. One is asked at a time, and never for what it has.
func (j *judge) further(visit, nonce string, caps []wire.Capability, now instant) error {
	if err := j.alive(visit, now); err != nil {
		return err
	}
	g := j.visits[visit]
	switch {
	case g.more != nil:
		return no("visit %s waits for an answer already", visit)
	case nonce == "" || nonce == g.nonce || slices.Contains(g.spent, nonce):
		return no("the question is not a new one")
	case len(g.spent) >= furtherMost:
		return no("visit %s has asked for more %d times", visit, furtherMost)
	case len(caps) == 0:
		return no("the request is empty")
	}
	for _, c := range caps {
		if slices.Contains(g.granted, c) {
			return no("%s was granted for this visit already", c)
		}
	}
	g.more, g.spent = &further{nonce: nonce, asked: slices.Clone(caps)}, append(g.spent, nonce)
	return nil
}

// agree takes the user's yes for the question with this nonce, or the owner's.
// Nothing is granted before [judge.extend].
func (j *judge) agree(visit, nonce string, granted []wire.Capability, now instant) (until instant, err error) {
	if err := j.alive(visit, now); err != nil {
		return instant{}, err
	}
	g := j.visits[visit]
	switch {
	case g.more == nil || g.more.nonce != nonce || g.more.granted != nil:
		return instant{}, no("the answer is for another question")
	case len(granted) == 0:
		return instant{}, no("nothing was granted")
	}
	for _, c := range granted {
		if !slices.Contains(g.more.asked, c) {
			return instant{}, no("%s was not asked for", c)
		}
	}
	g.more.granted = slices.Clone(granted)
	return g.until, nil
}

// extend puts what was agreed to in force, once. From then on the next question
// may come.
func (j *judge) extend(visit, nonce string, now instant) error {
	if err := j.alive(visit, now); err != nil {
		return err
	}
	g := j.visits[visit]
	if g.more == nil || g.more.nonce != nonce || g.more.granted == nil {
		return no("there is no unused consent to more for visit %s", visit)
	}
	g.granted = append(g.granted, g.more.granted...)
	g.more = nil
	return nil
}

// drop forgets a question that came to no yes.
func (j *judge) drop(visit, nonce string) {
	if g := j.visits[visit]; g != nil && g.more != nil && g.more.nonce == nonce {
		g.more = nil
	}
}

// more begins a question of the gateway's about further capabilities; false
// where one waits already, which no gateway of ours asks.
func (v *visit) more(ctx context.Context, m *wire.More) bool {
	asked, withdraw := context.WithCancelCause(ctx)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.asking != nil {
		withdraw(nil)
		return false
	}
	asking := &moreAsked{withdraw: withdraw, done: make(chan struct{})}
	v.asking = asking
	go func() {
		defer close(asking.done)
		defer withdraw(nil)
		if err := v.askMore(ctx, asked, m, asking); err != nil {
			v.agent.log.Error("no receipt, so nothing more, and no visit", "visit", v.id(), "error", err)
			v.end(ending{byAgent, "The device can't keep receipts."})
		}
	}()
	return true
}

// moreAsked is a question that is before the user.
type moreAsked struct {
	withdraw context.CancelCauseFunc
	done     chan struct{} // closed when nothing of it goes on
}

// withdraw takes the question back that waits, if any.
func (v *visit) withdraw() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.asking != nil {
		v.asking.withdraw(errWithdrawn)
	}
}

// errWithdrawn ends a question that nobody waits for any more.
var errWithdrawn = errors.New("the request was withdrawn")

// settled waits until nothing of a question goes on. The visit is over.
func (v *visit) settled() {
	v.mu.Lock()
	asking := v.asking
	v.mu.Unlock()
	if asking != nil {
		<-asking.done
	}
}

// askMore asks, keeps the receipt, puts what was agreed to in force and tells
// the gateway, in this order. An error means that no receipt could be kept.
func (v *visit) askMore(ctx, asked context.Context, m *wire.More, asking *moreAsked) error {
	teller := newTeller(v.conn)
	c := v.agent.askFurther(asked, v, m, teller.tell)
	teller.stop()
	text, signature, err := v.agent.ledger.consent(c)
	if err != nil {
		v.agent.forget(v.id(), c.Nonce)
		return err
	}
	select {
	case <-teller.silent:
	case <-ctx.Done(): // the visit is over, and a gateway that does not read is not waited for
	}
	v.agent.extend(v, c, func() {
		v.mu.Lock()
		if v.asking == asking {
			v.asking = nil
		}
		v.mu.Unlock()
		v.tell(&wire.Answer{Statement: text, Signature: signature})
	})
	v.agent.desk.changed(v)
	return nil
}

// askFurther puts a question about more to the user and returns the statement to
// sign. It never fails into a yes.
func (a *Agent) askFurther(ctx context.Context, v *visit, m *wire.More, tell func(wire.Prompt)) *wire.Consent {
	req := m.Further(*v.req, v.consent.Login)
	c := &wire.Consent{
		Device: v.consent.Device, DeviceKey: ssh.FingerprintSHA256(a.key.PublicKey()), Nonce: rand.Text(),
		Request: req, Further: true, Choice: wire.None, UID: -1, Asked: time.Now().UTC(),
	}
	a.mu.Lock()
	err := a.judge.further(req.Visit, c.Nonce, req.Capabilities, now())
	a.mu.Unlock()
	if err == nil {
		err = a.offers(req.Capabilities)
	}
	if err == nil {
		err = v.hold.refuses()
	}
	if err != nil {
		a.unasked(c, err)
		return c
	}
	if s := a.cfg.standing(&req, c.Asked); s != nil && s.minutes(req.Minutes) == req.Minutes {
		t := now()
		c.Answered, c.Standing = t.wall.UTC(), s.Name
		if a.agree(c, req.Capabilities, t); c.Choice == wire.None {
			c.Standing = ""
		}
		return c
	}
	shown := v.shown()
	given := a.desk.ask(ctx, question{
		nonce: c.Nonce, login: v.consent.Login, req: &req, device: c.Device, tell: tell,
		further: &tui.Further{Until: shown.Until, Has: shown.Capabilities},
	})
	if ctx.Err() != nil {
		c.Why, c.Answered = sentence(context.Cause(ctx)), time.Now().UTC()
		return c
	}
	heard(c, given, now())
	switch given.answer.Choice {
	case tui.Approve:
		var granted []wire.Capability
		for _, name := range given.answer.Granted {
			granted = append(granted, wire.Capability(name))
		}
		a.agree(c, granted, now())
	case tui.Refuse:
		c.Choice, c.Stranger = wire.Refuse, given.answer.Stranger
	case tui.Later, tui.None: // there is no later in a visit that is open
	}
	return c
}

// agree makes a yes of the statement, if the judge takes it as one.
func (a *Agent) agree(c *wire.Consent, granted []wire.Capability, t instant) {
	a.mu.Lock()
	until, err := a.judge.agree(c.Request.Visit, c.Nonce, granted, t)
	a.mu.Unlock()
	if err != nil {
		c.Why = wire.Clean(err.Error(), wire.MaxReason)
		return
	}
	end := until.wall.UTC()
	c.Choice, c.Granted, c.Login, c.Until = wire.Approve, slices.Clone(granted), c.Request.Login, &end
}

// extend puts in force what a statement, which is on disk, grants, and has it
// told before anything of it can be taken back.
func (a *Agent) extend(v *visit, c *wire.Consent, tell func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c.Choice != wire.Approve || a.judge.extend(v.id(), c.Nonce, now()) != nil {
		a.judge.drop(v.id(), c.Nonce) // refused, or the visit is over
	} else {
		v.mu.Lock()
		v.taken = slices.DeleteFunc(v.taken, func(t wire.Capability) bool { return slices.Contains(c.Granted, t) })
		v.added = append(v.added, c.Granted...)
		v.mu.Unlock()
	}
	tell()
}

// forget drops a question without a receipt.
func (a *Agent) forget(visit, nonce string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.judge.drop(visit, nonce)
}
