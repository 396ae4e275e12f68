package gateway

import (
	"context"
	"errors"
	"time"

	"accord/recordings"
	"accord/wire"
)

// conclude ends an open visit: the device first, then the evidence.
func (v *visit) conclude() {
	why := v.why()
	v.say(&wire.End{By: why.by, Cause: why.cause})
	v.mu.Lock()
	v.closed = true
	v.mu.Unlock()
	v.relays.Wait()
	serr := v.seal(why)
	sealed := head(v.rec.Head())
	v.say(&wire.End{By: why.by, Cause: why.cause, Head: &sealed})
	card := v.awaitCard()
	v.gateway.log.Info("the visit is over", "visit", v.req.Visit, "by", why.by, "cause", why.cause, "head", sealed.Hash)
	if err := errors.Join(serr, v.gateway.visitEnded(v, why, sealed, card)); err != nil {
		v.gateway.log.Error("the end of a visit was not kept whole", "visit", v.req.Visit, "error", err)
	}
}

// say sends the device one of the last words of a visit. One that takes none is
// hung up: then all that it runs of the visit dies with the link.
func (v *visit) say(m wire.Message) {
	late := time.AfterFunc(wire.Settle, func() { v.home.hangUp("it did not take the end of a visit") })
	defer late.Stop()
	_ = v.conn.Write(m)
}

// why is the reason that ended the visit.
func (v *visit) why() ending {
	why := ending{byGateway, "The gateway was stopped."}
	errors.As(context.Cause(v.ctx), &why)
	return why
}

func (v *visit) seal(why ending) error {
	v.doings.end()
	_, err := v.rec.Seal(recordings.End{Ended: time.Now(), By: why.by, Cause: why.cause})
	return err
}

// awaitCard waits for the device's signed word on the end.
func (v *visit) awaitCard() *wire.Card {
	timer := time.NewTimer(2 * wire.Settle)
	defer timer.Stop()
	for {
		select {
		case m, ok := <-v.inbox:
			if !ok {
				return nil
			}
			if c, is := m.(*wire.Card); is {
				e, err := wire.OpenEnding(v.home.key, c.Statement, c.Signature)
				if err == nil && e.Visit == v.req.Visit {
					return c
				}
				return nil
			}
		case <-timer.C:
			return nil
		}
	}
}
