package agent

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"accord/wire"
)

// why is the reason that ended the visit.
func (v *visit) why(ctx context.Context) ending {
	why := ending{byAgent, "The visit ended."}
	errors.As(context.Cause(ctx), &why)
	return why
}

// announce tells the gateway why a visit is over that never began. It does not
// wait for a gateway that does not read.
func (v *visit) announce(why ending) {
	go func() { _ = v.conn.Write(&wire.End{By: why.by, Cause: why.cause}) }() // ends with the link at the latest
}

// abandon concludes a visit that was approved and never began.
func (v *visit) abandon(ctx context.Context, failure error) error {
	v.end(ending{byAgent, wire.Clean(failure.Error(), wire.MaxReason)})
	v.announce(v.why(ctx))
	return v.conclude(ctx, failure)
}

// conclude signs the end, tells the user and the gateway. The streams are cut
// by then; only the last words are exchanged here.
func (v *visit) conclude(ctx context.Context, failure error) error {
	v.agent.finish(v.id())
	why := v.why(ctx)
	e := &wire.Ending{
		Number: v.consent.Number, Visit: v.id(), Opened: v.opened.UTC(), Ended: time.Now().UTC(),
		By: why.by, Cause: why.cause, Shells: v.shells, Screens: int(v.screensEver.Load()), Head: v.head,
	}
	if e.Opened.IsZero() {
		e.Opened = v.consent.Answered
	}
	if e.Head.Hash == "" {
		e.Head.Hash = strings.Repeat("0", 64)
	}
	e.Head, e.Sealed = v.settle(e.Head)
	v.log("the visit is over", "by", e.By, "cause", e.Cause, "shells", e.Shells)
	v.agent.desk.ended(v, e)
	text, signature, err := v.agent.ledger.ending(e)
	if err == nil {
		err = v.conn.Write(&wire.Card{Statement: text, Signature: signature})
		if why.by == byLink || errors.Is(err, io.EOF) {
			err = nil // nobody is there to read it; the receipt is on the device
		}
	}
	return errors.Join(failure, err)
}

// settle waits a little for the head of the sealed recording.
func (v *visit) settle(head wire.Head) (wire.Head, bool) {
	timer := time.NewTimer(wire.Settle)
	defer timer.Stop()
	for {
		select {
		case m, ok := <-v.inbox:
			if !ok {
				return head, false
			}
			switch m := m.(type) {
			case *wire.Head:
				head = *m
			case *wire.End:
				if m.Head != nil {
					return *m.Head, true
				}
			}
		case <-timer.C:
			return head, false
		}
	}
}

// use notes that a capability was used, for the end card.
func (v *visit) use(c wire.Capability) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.note(c)
}

// note does it. The caller holds mu.
func (v *visit) note(c wire.Capability) {
	if !slices.Contains(v.used, c) {
		v.used = append(v.used, c)
	}
}

// ending is why a visit is over, as the cause of its context.
type ending struct{ by, cause string }

func (e ending) Error() string { return e.cause }

// linkFirst gives a dying connection the moment to say so: its channels end
// before it does, as if the gateway had closed them.
func linkFirst(ctx context.Context) {
	timer := time.NewTimer(50 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func linkEnding(err error) ending {
	if errors.Is(err, io.EOF) {
		return ending{byGateway, "The gateway closed the visit."}
	}
	return ending{byLink, "The connection to the gateway was lost."}
}

func timeEnding(err error) ending {
	cause := strings.TrimPrefix(err.Error(), errJudged.Error()+": ")
	return ending{byTime, strings.ToUpper(cause[:1]) + cause[1:] + "."}
}

// saidBy is why the gateway ends a visit. It can't speak for the device.
func saidBy(m *wire.End) ending {
	switch m.By {
	case byUser, byAgent, byLink:
		return ending{byGateway, m.Cause}
	}
	return ending{m.By, m.Cause}
}
