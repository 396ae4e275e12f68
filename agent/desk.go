package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"accord/agent/surface"
	"accord/tui"
	"accord/wire"
)

// Limits of asking, see the guard rails.
const (
	extensions     = 5                // how often an answer may be put off by a minute
	extension      = time.Minute      //
	laterMost      = 3                // times a technician may be told "later" before it is yes or no
	refusalsMost   = 3                // within refusalsWithin, before nobody is asked any more
	refusalsWithin = time.Hour        //
	retryEvery     = 20 * time.Second // to reach somebody
)

// desk is where the device's users and the agent meet: one request at a time
// is asked, on every surface that is there, and the first answer counts.
type desk struct {
	agent    *Agent
	surfaces surfaces
	turn     chan struct{} // holds one token while a request is asked

	// prompted is set while a request is before the user: nobody but them has
	// hands on the screen then, where it may be shown.
	prompted atomic.Bool
	news     chan struct{}  // told when a visit has begun or ended
	edges    sync.WaitGroup // what shows them at the edge

	mu      sync.Mutex
	clients map[*client]struct{}
	asking  *asking
	idle    tui.Idle
	// desktop is what the session of the user has said of itself, at lookedAt.
	desktop  surface.Desktop
	lookedAt time.Time
	noting   bool              // a process that shows notifications runs
	edging   bool              // the visits stand at the edge of what the user looks at
	visits   map[string]*visit // open ones
	refused  []time.Time       // lately
	laters   map[string]int    // by the technician's key, since the last other answer
}

func newDesk(a *Agent, s surfaces) *desk {
	d := &desk{
		agent: a, surfaces: s, turn: make(chan struct{}, 1), news: make(chan struct{}, 1),
		clients: make(map[*client]struct{}), visits: make(map[string]*visit), laters: make(map[string]int),
	}
	d.idle = d.first()
	return d
}

// first is how the device is before it was connected.
func (d *desk) first() tui.Idle {
	a := d.agent
	return tui.Idle{Device: a.pin.Device, Organisation: a.pin.Organisation, Unattended: a.cfg.Class == wire.Unattended, Agentless: a.far != nil}
}

// surfaces reach a user who has no resident screen open.
type surfaces interface {
	// Open opens a prompt for the request with this nonce in a terminal of its
	// own and returns when that is closed. shown is closed once a screen shows
	// the request. An error means that none was opened: [surface.ErrNobody] where
	// there was nothing that could have shown it, which may change.
	Open(ctx context.Context, nonce string, shown <-chan struct{}) error
	// Line writes lines on the user's terminals and says on how many.
	Line(ctx context.Context, text string) int
	// Locked reports whether the screen of one of them is locked for sure.
	Locked(ctx context.Context, surface string) bool
	// Phrases are those of the user's language, as far as that is known.
	Phrases() *tui.Phrases
	// Notes starts what shows notifications to the user for as long as there is
	// something to tell, and has it told how that ended.
	Notes(ended func(error))
	// Edge shows a text at the edge of what the user looks at, until it is called
	// with none.
	Edge(ctx context.Context, text string)
	// Restore puts right what an agent left that was killed.
	Restore(ctx context.Context)
	// Close ends what is left open, and waits for it.
	Close()
}

// question is what the agent wants to have asked.
type question struct {
	nonce  string
	login  string
	device string
	req    *wire.Request
	// further is the visit that the request is to be added to; nil: it is for
	// one of its own.
	further *tui.Further
	tell    func(wire.Prompt) // the gateway
}

// given is what the user did.
type given struct {
	answer  tui.Answer
	text    string // as shown
	surface string
	uid     int
}

// asking is the request that is before the user now.
type asking struct {
	question
	telling *telling // what question.tell is
	prompt  tui.Prompt
	longest time.Time  // no extension goes beyond it
	answer  chan given // takes the first
	moved   chan struct{}
	showing map[*client]struct{}
	shown   chan struct{} // closed when the first showed it
	closed  chan struct{} // the last that showed it has gone
	seen    bool
}

// Why there was no answer.
const (
	promptOver   = "The time to answer ran out."
	promptClosed = "The prompt was closed without an answer."
)

// noAnswer is every way of not deciding.
func noAnswer(why string) given {
	return given{answer: tui.Answer{Choice: tui.None, Why: why}, uid: -1}
}

// ask brings a request before the user and waits for the answer. It never
// fails into a yes.
func (d *desk) ask(ctx context.Context, q question) given {
	if l, ok := d.surfaces.(*sessionLines); ok && l.Terminal == nil {
		return l.nobody(q)
	}
	if !d.takeTurn(ctx, q) {
		return noAnswer("the request was withdrawn")
	}
	defer func() { <-d.turn }()
	if why := d.tired(); why != "" {
		return noAnswer(why)
	}
	a, err := d.present(q)
	if err != nil {
		return noAnswer(err.Error())
	}
	ctx, cancel := context.WithCancel(ctx)
	var climbing sync.WaitGroup
	climbing.Go(func() { d.climb(ctx, a) })
	climbing.Go(func() { d.watchLock(ctx, a.telling) })
	g := d.wait(ctx, a)
	cancel()
	climbing.Wait()
	d.takeDown(a, g)
	return g
}

// takeTurn waits until no other request is asked.
func (d *desk) takeTurn(ctx context.Context, q question) bool {
	select {
	case d.turn <- struct{}{}:
		return true
	default:
	}
	q.tell(wire.Prompt{State: wire.Queued})
	select {
	case d.turn <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// tired is why nobody is asked now: prompts that come again and again wear
// people down until they say yes.
func (d *desk) tired() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refused = slices.DeleteFunc(d.refused, func(t time.Time) bool { return time.Since(t) > refusalsWithin })
	if len(d.refused) < refusalsMost {
		return ""
	}
	again := d.refused[0].Add(refusalsWithin)
	return fmt.Sprintf("The user refused %d times within the hour and is not asked again before %s.", refusalsMost, again.Format("15:04"))
}

// present makes the prompt and shows it on all screens that are open.
func (d *desk) present(q question) (*asking, error) {
	code, err := rand.Int(rand.Reader, big.NewInt(90))
	if err != nil {
		return nil, fmt.Errorf("no code could be made: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	t, telling := q.req.Technician, &telling{tell: q.tell, news: make(chan struct{}, 1)}
	q.tell = telling.say
	a := &asking{
		question: q, telling: telling, answer: make(chan given, 1), moved: make(chan struct{}, 1),
		showing: make(map[*client]struct{}), shown: make(chan struct{}), closed: make(chan struct{}, 1), longest: time.Now().Add(wire.PromptLongest),
		prompt: tui.Prompt{
			ID: q.nonce, Organisation: q.req.Organisation, Technician: t.Name, Full: t.Full, KeyWords: wire.KeyWords(t.Key),
			CharterVersion: t.CharterVersion, CharterSigned: t.CharterSigned, TrainedUntil: t.TrainedUntil,
			Ticket: q.req.Ticket, Reason: q.req.Reason, Device: q.device, Login: q.login,
			Minutes: q.req.Minutes, Recorded: true, Code: strconv.Itoa(10 + int(code.Int64())),
			Watched: q.req.Watched, Input: q.req.Input, Hands: q.req.Hands, Replay: q.req.Replay, Agentless: d.agent.far != nil,
			Deadline: time.Now().Add(d.agent.cfg.Prompt), Extensions: extensions, LaterLeft: laterMost - d.laters[t.Key],
		},
	}
	if a.prompt.Actions, a.prompt.Further = d.agent.abouts(), q.further; q.further != nil {
		a.prompt.LaterLeft = 0
	}
	for _, c := range q.req.Capabilities {
		a.prompt.Capabilities = append(a.prompt.Capabilities, string(c))
	}
	d.asking = a
	d.prompted.Store(true)
	for _, v := range d.visits {
		v.handsOff()
	}
	for c := range d.clients {
		if c.notes {
			c.announce(a)
		} else if !c.helps {
			d.show(c, a)
		}
	}
	d.notable()
	return a, nil
}

// show sends the request to one screen. The caller holds mu.
func (d *desk) show(c *client, a *asking) {
	a.showing[c] = struct{}{}
	select {
	case <-a.shown:
	default:
		close(a.shown)
	}
	p := a.prompt
	c.send(toClient{Asking: &p})
}

// climb reaches for the user where no screen is open: with a prompt in a terminal
// of its own first, then by a line on the terminals, again and again until someone
// is there.
func (d *desk) climb(ctx context.Context, a *asking) {
	tick := time.NewTicker(retryEvery)
	defer tick.Stop()
	for worth := true; ; {
		if d.shownOn(a) {
			return
		}
		if d.helped(ctx, a) {
			return
		}
		if worth {
			err := d.surfaces.Open(ctx, a.nonce, a.shown)
			if err == nil {
				d.popupClosed(a)
				return
			}
			if ctx.Err() != nil {
				return
			}
			d.agent.log.Info("no prompt could be opened", "why", err)
			worth = errors.Is(err, surface.ErrNobody)
		}
		text := tui.LineToAnswer(d.surfaces.Phrases(), a.prompt)
		state := wire.Prompt{State: wire.Shown, Surface: surfaceLine}
		if d.surfaces.Line(ctx, text) == 0 {
			state = wire.Prompt{State: wire.Nobody}
		}
		if ctx.Err() != nil || d.shownOn(a) {
			return
		}
		a.tell(state)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// shownOn reports whether a screen shows the request.
func (d *desk) shownOn(a *asking) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(a.showing) == 0 {
		return false
	}
	for c := range a.showing {
		a.tell(wire.Prompt{State: wire.Shown, Surface: c.surface})
		break
	}
	return true
}

// popupClosed is no answer, unless another screen shows the request too.
func (d *desk) popupClosed(a *asking) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(a.showing) == 0 {
		signalTo(a.closed)
	}
}

// wait waits for the first answer; all else is none.
func (d *desk) wait(ctx context.Context, a *asking) given {
	for {
		d.mu.Lock()
		left := time.Until(a.prompt.Deadline)
		d.mu.Unlock()
		timer := time.NewTimer(left)
		select {
		case g := <-a.answer:
			timer.Stop()
			return g
		case <-a.moved:
			timer.Stop()
		case <-timer.C:
			return noAnswer(promptOver)
		case <-a.closed:
			timer.Stop()
			select {
			case g := <-a.answer: // it answered, then closed
				return g
			default:
			}
			return noAnswer(promptClosed)
		case <-ctx.Done():
			timer.Stop()
			return noAnswer("the request was withdrawn")
		}
	}
}

// takeDown removes the request from all screens and remembers the answer.
func (d *desk) takeDown(a *asking, g given) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asking = nil
	d.prompted.Store(false)
	d.unnote(a)
	for c := range a.showing {
		ph := tui.PhrasesFor(c.locale)
		c.send(toClient{Gone: &tui.AskGone{ID: a.nonce, Why: tui.WhyGone(ph, g.answer.Choice)}})
	}
	key := a.req.Technician.Key
	switch g.answer.Choice {
	case tui.Refuse:
		d.refused = append(d.refused, time.Now())
		delete(d.laters, key)
	case tui.Later:
		d.laters[key]++
	case tui.Approve:
		delete(d.laters, key)
	case tui.None:
	}
}
