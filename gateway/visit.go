package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/policy"
	"accord/recordings"
	"accord/wire"
)

// ending is why a visit is over, as the cause of its context.
type ending struct{ by, cause string }

func (e ending) Error() string { return e.cause }

// Who ends a visit, besides persons by name.
const (
	byUser    = "user"
	byTime    = "time"
	byLink    = "link"
	byGateway = "gateway"
	byAgent   = "agent"
)

// saidBy is why a device ends a visit. It speaks for its user and for itself, and
// neither for another person nor for the gateway.
func saidBy(m *wire.End) ending {
	switch m.By {
	case byUser, byTime, byLink:
		return ending{m.By, m.Cause}
	}
	return ending{byAgent, m.Cause}
}

// Causes that have words in every language.
const (
	userStopped    = "The user stopped the visit."
	timeOver       = "The time that was agreed is over."
	technicianLeft = "The technician has left."
)

// errGone is the cause when the technician's client has gone.
var errGone = errors.New("the technician's connection has ended")

// cannotRecord ends a visit whose recording failed: can't record means can't
// work.
func cannotRecord(err error) ending {
	why := "see the gateway's log."
	if f, ok := errors.AsType[*recordings.Failure](err); ok {
		why = f.Sentence
	}
	return ending{byGateway, "The recording can't go on, so neither can the visit: " + wire.Clean(why, wire.MaxLine)}
}

// visit is one request of a technician and what comes of it, on the gateway.
// Its story, [visit.run], is one goroutine; sessions join it.
type visit struct {
	gateway  *Gateway
	person   person
	home     *home
	req      wire.Request
	want     policy.Request // as the policy was asked, with the reason and ticket that were lent; [visit.wanted] reads it
	decision policy.Decision
	asked    time.Time
	override *brought // the override that it came with; nil for none

	ctx   context.Context //nolint:containedctx // its life is the visit's
	end   context.CancelCauseFunc
	conn  *wire.Conn
	inbox <-chan wire.Message

	prompts *prompting
	decided chan struct{} // closed when consent or failure is set
	opened  chan struct{} // closed when sessions may join
	left    chan struct{} // closed when the last session of the technician is over
	done    chan struct{} // closed when all is sealed and stored

	consent              *wire.Consent         // set before decided is closed
	statement, signature []byte                // of the consent, as the device signed it
	until                time.Time             // likewise, after an approval: the end, on this clock
	failure              error                 // likewise: why there is no answer
	rec                  *recordings.Recording // set before opened is closed
	openedAt             time.Time             // likewise
	doings               *doings

	touched atomic.Int64  // when the technician last did something: nanoseconds since asked
	revised chan struct{} // told when obliged changes

	mu      sync.Mutex
	obliged policy.Obligations // as the rules have them now
	holders int                // sessions of the technician; the last one ends the visit
	relays  sync.WaitGroup     // sessions on the device
	closed  bool               // no relay is added any more
	// Connections that are forwarded: now, and ever.
	forwards     int
	forwardsEver int64
	further      *further // what it asks for besides; nil for nothing
	refusals     map[wire.Capability]refusal

	changes userChanges
	screens screens
	nonces  []string     // of the answers about more; the story's own
	copied  atomic.Int64 // sessions that copied files

	audience *audience // who else is in it
	mail     *mail     // what the device is told meanwhile
}

// hold counts a session of the technician; false when the visit is over.
func (v *visit) hold() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.ctx.Err() != nil || v.holders == 0 {
		return false
	}
	v.holders++
	return true
}

// release gives a hold back. The last one ends the visit.
func (v *visit) release() {
	v.mu.Lock()
	v.holders--
	last := v.holders == 0
	v.mu.Unlock()
	if last {
		close(v.left)
	}
}

// leave ends a visit whose technician has left.
func (v *visit) leave() { v.end(ending{v.person.Name, technicianLeft}) }

// begin starts a visit for a request that the policy allowed. The caller holds
// it and must release it.
func (g *Gateway) begin(p person, h *home, want policy.Request, d policy.Decision, req wire.Request) (*visit, error) {
	return g.beginWith(p, h, want, d, req, nil)
}

// beginWith is begin with an override, which the caller has claimed and may
// give back only when there is an error.
func (g *Gateway) beginWith(p person, h *home, want policy.Request, d policy.Decision, req wire.Request, with *brought) (*visit, error) {
	now := time.Now()
	// Clean, as the device will sign it: it signs what it has decoded.
	req.Visit, req.Organisation = newVisitID(now), wire.Clean(g.cfg.Organisation, wire.MaxName)
	req.Technician = g.technician(p)
	req.Minutes, req.Reason, req.Ticket = d.Minutes, wire.Clean(d.Reason, wire.MaxReason), wire.Clean(d.Ticket, wire.MaxTicket)
	o := d.Obligations
	req.Watched, req.Hands, req.Input, req.Replay, req.AskUser = o.Watched, o.Hands, o.RecordInput, o.Replay, o.AskUser
	ctx, end := context.WithCancelCause(g.ctx)
	v := &visit{
		gateway: g, person: p, home: h, req: req, want: want, decision: d, asked: now, override: with, ctx: ctx, end: end, holders: 1,
		prompts: newPrompting(),
		obliged: d.Obligations, revised: make(chan struct{}, 1),
		decided: make(chan struct{}), opened: make(chan struct{}), left: make(chan struct{}), done: make(chan struct{}),
		audience: newAudience(req.Watched, end), doings: newDoings(), mail: newMail(),
	}
	context.AfterFunc(ctx, v.audience.finish)
	if err := g.visitRequested(v); err != nil {
		end(nil)
		return nil, err
	}
	g.visits.mu.Lock()
	g.visits.live[req.Visit] = v
	g.visits.mu.Unlock()
	g.running.Go(v.run)
	g.publish()
	if why, wrong := v.recheck(g.law(), now); wrong {
		v.end(why) // the law has changed since the decision
	}
	return v, nil
}

// run is the story of a visit, from the question to the seal.
func (v *visit) run() {
	log := v.gateway.log.With("visit", v.req.Visit)
	defer v.finish()
	log.Info("a visit is asked for", "device", v.home.device.Name, "technician", v.person.Name, "capabilities", v.req.Capabilities)
	ch, err := v.open()
	if err != nil {
		v.fail(err)
		log.Info("not asked", "error", err)
		return
	}
	defer func() { _ = ch.Close() }()
	err = v.ask()
	if kerr := v.gateway.visitAnswered(v, err); kerr != nil {
		err = errors.Join(err, kerr)
	}
	if err != nil {
		v.fail(err)
		log.Info("not answered", "error", err)
		return
	}
	close(v.decided)
	log.Info("it is answered", "choice", v.consent.Choice, "surface", v.consent.Surface)
	if !v.consent.Opens() {
		return
	}
	if err := v.startRecording(); err != nil {
		v.end(cannotRecord(err))
		if jerr := v.gateway.visitFailed(v, v.why()); jerr != nil {
			err = errors.Join(err, jerr)
		}
		log.Error("no recording, so no visit", "error", err)
		return
	}
	log.Info("the visit is open", "login", v.consent.Login, "until", v.consent.Until)
	v.audience.begin()
	close(v.opened)
	v.gateway.publish()
	v.attend()
	v.conclude()
	if v.req.Replay {
		v.gateway.running.Go(v.giveReplay)
	}
}

// finish takes the visit out of the live ones.
func (v *visit) finish() {
	v.end(ending{byGateway, "The visit has ended."})
	v.gateway.visits.mu.Lock()
	delete(v.gateway.visits.live, v.req.Visit)
	v.gateway.visits.mu.Unlock()
	if v.override != nil {
		v.gateway.claims.give(v.override.Number)
		v.gateway.overridesChanged(false)
	}
	close(v.done)
	v.gateway.publish()
}

// fail says why there is no answer.
func (v *visit) fail(err error) {
	v.failure = err
	close(v.decided)
}

// open opens the visit channel, on which the visit lives from now on.
func (v *visit) open() (gossh.Channel, error) {
	context.AfterFunc(v.ctx, func() {
		// A device that does not let a visit end, by not reading or by not
		// answering, is hung up: no visit waits for it longer than this.
		select {
		case <-v.done:
		case <-time.After(4 * wire.Settle):
			v.home.hangUp("it did not let a visit end")
		}
	})
	ctx, cancel := context.WithTimeout(v.ctx, wire.Handshake)
	defer cancel()
	go func() {
		select {
		case <-v.left:
			cancel()
		case <-ctx.Done():
		}
	}()
	ch, reqs, err := v.home.open(ctx, wire.ChannelVisit, nil)
	if err != nil {
		return nil, fmt.Errorf("%s does not take a request now: %w", v.home.device.Name, err)
	}
	go gossh.DiscardRequests(reqs)
	v.conn = wire.NewConn(ch)
	inbox := make(chan wire.Message)
	v.inbox = inbox
	v.gateway.running.Go(func() { v.receive(inbox) })
	return ch, nil
}

// receive reads the device's messages until the channel ends, which is the
// end of the visit.
func (v *visit) receive(inbox chan<- wire.Message) {
	defer close(inbox)
	for {
		m, err := v.conn.Read()
		if err != nil {
			why := ending{byLink, "The connection to the device was lost."}
			if !errors.Is(err, io.EOF) {
				why.cause = "The device sent something that makes no sense."
			}
			v.end(why)
			return
		}
		select {
		case inbox <- m:
		case <-v.done:
			return
		}
	}
}

// startRecording starts the recording, journals the opening and tells the device that
// it may let the technician in.
func (v *visit) startRecording() error {
	rec, err := v.gateway.library.Create(v.description())
	if err != nil {
		return err
	}
	v.rec, v.openedAt = rec, time.Now()
	if err := v.gateway.visitOpened(v); err != nil {
		return errors.Join(err, v.seal(ending{byGateway, "The visit could not be journaled."}))
	}
	err = v.prompts.record(rec, v.consent.Surface)
	if err == nil && v.override != nil {
		err = rec.Event("override", map[string]any{"override": v.override.Number, "signers": v.override.signers()})
	}
	if err == nil {
		err = v.conn.Write(&wire.Open{Head: head(rec.Head())})
	}
	if err == nil {
		err = v.awaitReady()
	}
	if err != nil {
		return errors.Join(err, v.seal(ending{byLink, "The device did not begin the visit."}))
	}
	return nil
}

// awaitReady waits until the device lets sessions in.
func (v *visit) awaitReady() error {
	timer := time.NewTimer(wire.Handshake)
	defer timer.Stop()
	select {
	case <-v.left:
		v.leave()
		return context.Cause(v.ctx)
	case m, ok := <-v.inbox:
		if !ok {
			return context.Cause(v.ctx)
		}
		switch m := m.(type) {
		case *wire.Ready:
			return nil
		case *wire.End:
			return saidBy(m)
		}
		return wire.ErrMessage
	case <-timer.C:
		return errors.New("the device did not begin the visit in time")
	case <-v.ctx.Done():
		return context.Cause(v.ctx)
	}
}

func head(h recordings.Head) wire.Head {
	return wire.Head{Seq: h.Seq, Hash: h.Hex()}
}

// description is what the recording says of the visit.
func (v *visit) description() recordings.Visit {
	caps := make([]string, len(v.consent.Granted))
	for i, c := range v.consent.Granted {
		caps[i] = string(c)
	}
	return recordings.Visit{
		ID: v.req.Visit, Gateway: gossh.FingerprintSHA256(v.gateway.key.PublicKey()), Organisation: v.req.Organisation,
		Device:     recordings.Device{Name: v.home.device.Name, Key: gossh.FingerprintSHA256(v.home.key), Agentless: v.home.device.Without()},
		Technician: v.technician(),
		Reason:     v.req.Reason, Ticket: v.req.Ticket, Capabilities: caps, Login: v.req.Login, Minutes: v.req.Minutes,
		Rule:     v.decision.Rule,
		Consent:  recordings.Consent{Statement: string(v.statement), Signature: string(v.signature)},
		Override: v.override.recorded(),
		Asked:    v.asked, Opened: time.Now(), Until: v.until,
	}
}

// technician is who visits, as the recording keeps it: with what the device's
// user was told of them.
func (v *visit) technician() recordings.Technician {
	t := v.req.Technician
	return recordings.Technician{
		Name: v.person.Name, Full: v.person.Full, Key: v.person.fingerprint, Certificate: v.person.certificate,
		CharterVersion: t.CharterVersion, CharterSigned: t.CharterSigned, TrainedUntil: t.TrainedUntil,
	}
}

// openSession opens a session on the device, for something that a capability
// allows, as part of the visit. The caller calls done when its relay has ended.
func (v *visit) openSession(ctx context.Context, c wire.Capability) (ch gossh.Channel, reqs <-chan *gossh.Request, done func(), err error) {
	if !v.grants(c) {
		what := "a shell"
		if c != wire.Shell {
			what = string(c)
		}
		return nil, nil, nil, fmt.Errorf("%s was not granted for this visit, or was taken back; ask again for it, or name the action: ssh %s@… action:NAME", what, v.home.device.Name)
	}
	if !v.enterRelay() {
		return nil, nil, nil, v.why()
	}
	v.touch()
	ch, reqs, err = v.home.open(ctx, wire.ChannelSession, wire.MarshalSession(v.req.Visit))
	if err != nil {
		v.relays.Done()
		return nil, nil, nil, fmt.Errorf("the device does not open a session: %w", err)
	}
	return ch, reqs, v.relays.Done, nil
}
