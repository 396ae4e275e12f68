package agent

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"accord/tui"
	"accord/wire"
)

// world is what really happened: what the user said of each visit or
// supervisors signed for it, and whether it is open. The gateway of this test mixes legal and illegal steps; a shell
// may be had only where the world says so.
type world struct {
	*court
	t      *testing.T
	rand   *rand.Rand
	user   *person
	visits []*fate
	number int          // of the last override
	spent  wire.Request // of the last override that opened
	shells int
}

// fate is what became of one visit.
type fate struct {
	*evilVisit
	open bool // the user's yes was used once, and nothing has ended it
	yes  bool // the user said yes and it was not used yet
	over bool // the channel is dead
}

// TestRandomGateway runs some hundred steps of an evil gateway. EVIL_SEED
// repeats a run.
func TestRandomGateway(t *testing.T) {
	seed, err := strconv.ParseUint(os.Getenv("EVIL_SEED"), 10, 64)
	if err != nil {
		seed = rand.Uint64()
	}
	t.Logf("EVIL_SEED=%d", seed)
	w := &world{court: newCourt(t, 1, nil), t: t, rand: rand.New(rand.NewPCG(seed, 1))}
	w.user = w.sit()
	steps := []func(){
		w.askAndAnswer, w.askAndAnswer, w.askByOverride, w.askByOverride, w.overrideAgain, w.begin, w.begin, w.beginAgain, w.endIt, w.stopIt, w.replay, w.strayMessage,
		w.try, w.try, w.tryUnknown, w.copyID, w.dropLink,
	}
	for range 300 {
		steps[w.rand.IntN(len(steps))]()
		w.try()
		if t.Failed() {
			return
		}
	}
	for _, f := range w.visits {
		if !f.over {
			w.end(f)
		}
	}
	if v := w.open(w.user); !w.mark(v.req.Visit) {
		t.Error("no shell can be had any more, so the run shows nothing")
	}
	t.Logf("%d visits, %d shells", len(w.visits), w.shells)
}

func (w *world) any() *fate {
	if len(w.visits) == 0 {
		return nil
	}
	// Mostly the latest: the older ones are over.
	return w.visits[max(0, len(w.visits)-1-w.rand.IntN(1+w.rand.IntN(len(w.visits))))]
}

// askAndAnswer asks, and the user decides one way or the other.
func (w *world) askAndAnswer() {
	w.makeRoom()
	f := &fate{evilVisit: w.channel()}
	f.req = request()
	f.write(&f.req)
	w.visits = append(w.visits, f)
	id := w.user.asked().ID
	early := w.rand.IntN(4) == 0
	if early {
		f.write(&wire.Open{Head: zeroHead()})
		w.mustNot(f.req.Visit, "opened before the answer")
	}
	answers := []tui.Answer{
		approval(), approval(), approval(), {Choice: tui.None}, approval("shell", "files.put"),
		{Choice: tui.Later, Later: time.Now().Add(time.Hour)}, {Choice: tui.Approve},
	}
	a := answers[w.rand.IntN(len(answers))]
	w.user.give(id, a)
	f.yes = w.answer(f.evilVisit).Choice == wire.Approve
	if want := a.Choice == tui.Approve && len(a.Granted) == 1; f.yes != want {
		w.t.Errorf("%+v was signed as %v", a, f.yes)
	}
	if f.yes && early {
		w.becomesReady(f) // it has waited for the yes
	}
}

// askByOverride asks with an override that is good, or one of the forgeries.
func (w *world) askByOverride() {
	w.makeRoom()
	f := &fate{evilVisit: w.channel()}
	f.req = w.request()
	w.number++
	o := w.statement(w.number, f.req)
	good := w.rand.IntN(2) == 0
	name := "good"
	if good {
		f.req.Override = w.sign(o, "bob", "carol")
		w.spent = f.req
	} else {
		all := slices.DeleteFunc(forgeries(), func(f forgery) bool { return f.signers != 1 })
		forged := all[w.rand.IntN(len(all))]
		name = forged.name
		forged.make(w.court, &f.req, o)
	}
	f.write(&f.req)
	w.visits = append(w.visits, f)
	if f.yes = w.answer(f.evilVisit).Opens(); f.yes != good {
		w.t.Errorf("an override (%s) opens: %v", name, f.yes)
	}
}

// overrideAgain brings an override that was used.
func (w *world) overrideAgain() {
	if w.spent.Override == nil {
		return
	}
	w.makeRoom()
	f := &fate{evilVisit: w.channel()}
	f.req = w.spent
	f.req.Visit = newID()
	f.write(&f.req)
	w.visits = append(w.visits, f)
	if w.answer(f.evilVisit).Opens() {
		w.t.Error("an override opened twice")
	}
}

// makeRoom ends visits until the link has a place for another.
func (w *world) makeRoom() {
	var live []*fate
	for _, f := range w.visits {
		if !f.over {
			live = append(live, f)
		}
	}
	for len(live) > wire.MaxVisits/2 {
		w.end(live[0])
		live = live[1:]
	}
}

// begin sends Open where it belongs, or where it does not.
func (w *world) begin() {
	if f := w.any(); f != nil && f.yes {
		f.write(&wire.Open{Head: zeroHead()})
		w.becomesReady(f)
	} else if f != nil && !f.open {
		f.write(&wire.Open{Head: zeroHead()})
		w.mustNot(f.req.Visit, "opened without a yes")
	}
}

func (w *world) becomesReady(f *fate) {
	_, ready := await[*wire.Ready](f.evilVisit)
	f.yes = false
	if f.open = ready; !ready {
		f.over = true
	}
}

// beginAgain uses a consent twice, which ends the visit.
func (w *world) beginAgain() {
	if f := w.any(); f != nil && f.open {
		f.write(&wire.Open{Head: zeroHead()})
		await[*wire.End](f.evilVisit)
		w.end(f)
	}
}

// end closes the channel and waits until the agent has.
func (w *world) end(f *fate) {
	_ = f.ch.Close()
	f.gone()
	f.open, f.yes, f.over = false, false, true
	eventually(w.t, "the visit is finished", func() bool { return w.finished(f) })
}

func (w *world) endIt() {
	if f := w.any(); f != nil && w.rand.IntN(3) == 0 {
		w.end(f)
	}
}

func (w *world) stopIt() {
	if f := w.any(); f != nil && f.open {
		w.user.say(fromClient{Op: opStop, ID: f.req.Visit})
		await[*wire.End](f.evilVisit)
		w.end(f)
	}
}

// replay sends what was sent for a visit before, byte for byte, on a new
// channel. Its id is spent, so nobody is asked.
func (w *world) replay() {
	f := w.any()
	if f == nil {
		return
	}
	v := w.channel()
	_, _ = v.ch.Write(f.sent.bytes())
	if m, ok := await[*wire.Answer](v); ok {
		if c, err := wire.OpenConsent(w.device, m.Statement, m.Signature); err != nil || c.Choice != wire.None {
			w.t.Errorf("a replay was answered with %+v, %v", c, err)
		}
	}
	_ = v.ch.Close()
	v.gone()
	w.poisoned(f)
}

// copyID asks again under the id of another visit.
func (w *world) copyID() {
	f := w.any()
	if f == nil {
		return
	}
	r := request()
	r.Visit = f.req.Visit
	v := w.channel()
	v.write(&r)
	if c := w.answer(v); c.Choice != wire.None {
		w.t.Errorf("an id served twice: %+v", c)
	}
	_ = v.ch.Close()
	v.gone()
	w.poisoned(f)
}

// poisoned: a request under the id of a live visit ends that visit.
func (w *world) poisoned(f *fate) {
	if f.over {
		return
	}
	eventually(w.t, "a copy of its request has ended the visit", func() bool { return w.finished(f) })
	w.end(f)
}

func (w *world) finished(f *fate) bool {
	w.agent.mu.Lock()
	defer w.agent.mu.Unlock()
	g := w.agent.judge.visits[f.req.Visit]
	return g == nil || g.phase == finished
}

// channel opens a visit channel as soon as the agent has a place for it.
func (w *world) channel() *evilVisit {
	var v *evilVisit
	eventually(w.t, "the agent takes a request", func() bool {
		var err error
		v, err = w.visit()
		return err == nil
	})
	return v
}

// strayMessage sends a message that has no business there, which ends a visit.
func (w *world) strayMessage() {
	f := w.any()
	if f == nil || f.over {
		return
	}
	fresh := request()
	for _, m := range []wire.Message{&wire.Ready{}, &fresh, &wire.Answer{Statement: []byte("{}"), Signature: []byte("x")}, &wire.Prompt{State: wire.Shown}}[:1+w.rand.IntN(4)] {
		f.write(m)
	}
	if f.open || f.yes {
		await[*wire.End](f.evilVisit)
	}
	w.end(f)
}

// try wants a shell of any visit, and gets it where the world says so.
func (w *world) try() {
	f := w.any()
	if f == nil {
		return
	}
	if got := w.mark(f.req.Visit); got != f.open {
		w.t.Errorf("visit %s: a shell %v, want %v (yes %v, over %v)", f.req.Visit, got, f.open, f.yes, f.over)
	} else if got {
		w.shells++
	}
}

func (w *world) tryUnknown() { w.mustNot(newID(), "unknown") }

// dropLink calls again; nothing of the old link is alive.
func (w *world) dropLink() {
	if w.rand.IntN(10) > 0 {
		return
	}
	_ = w.conn.Close()
	w.evilLink = w.link()
	for _, f := range w.visits {
		f.open, f.yes, f.over = false, false, true
	}
}
