package gateway

import (
	"time"

	"accord/wire"
)

// lastWord is how long a visit without sessions waits for the device's reason.
const lastWord = 150 * time.Millisecond

// attend keeps an open visit until something ends it.
func (v *visit) attend() {
	beat := time.NewTicker(wire.HeadEvery)
	defer beat.Stop()
	v.touch()
	over := time.NewTimer(v.remaining())
	defer over.Stop()
	var gone <-chan time.Time
	left := v.left
	stop := make(chan struct{})
	defer close(stop)
	go v.deliver(stop)
	for {
		select {
		case <-v.ctx.Done():
			return
		case <-beat.C:
			v.mail.leaveHead(head(v.rec.Head()))
		case <-v.revised:
			over.Reset(v.remaining())
		case <-over.C:
			if why, yes := v.expired(); yes {
				v.end(why)
				continue
			}
			over.Reset(v.remaining())
		case <-left:
			// A device that cut the session is about to say why.
			left, gone = nil, time.After(lastWord)
		case <-gone:
			v.leave()
		case <-v.rec.Failed():
			v.end(cannotRecord(v.rec.Err()))
		case m, ok := <-v.inbox:
			if !ok {
				return
			}
			v.hears(m)
		}
	}
}

// hears deals with what the device says while the visit is open.
func (v *visit) hears(m wire.Message) {
	switch m := m.(type) {
	case *wire.End:
		v.end(saidBy(m))
	case *wire.Control:
		if err := v.changed(m); err != nil {
			v.end(cannotRecord(err))
		}
	case *wire.Prompt:
		if !v.prompted(m) {
			v.end(ending{byGateway, "The device sent a message out of order."})
		}
	case *wire.Answer:
		if err := v.tookFurther(m); err != nil {
			v.end(err)
		}
	case *wire.Say:
		// Whoever the device says it is from, it is from the user.
		if err := v.utter("", m.Text); err != nil {
			v.gateway.log.Info("a line of the user's was not passed on", "visit", v.req.Visit, "error", err)
		}
	default:
		v.end(ending{byGateway, "The device sent a message out of order."})
	}
}
