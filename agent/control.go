package agent

import (
	"errors"
	"slices"
	"sync"
	"time"

	"accord/tui"
	"accord/wire"
)

// The user's control of an open visit: pause it, type too, take capabilities
// back, say a line. All of it takes effect here first; the gateway is told
// afterwards, and nobody waits for that.

const (
	// handsOff is how long the technician's typing waits after the user's last
	// key.
	handsOff = 2 * time.Second
	// unheard is how many words for a gateway that doesn't read may wait.
	unheard = 256
)

// errPaused refuses what would begin while the user has paused the visit.
var errPaused = errors.New("the user has paused the visit; wait until they resume it")

// hold is whether a visit's streams flow. Its lock is held while bytes leave a
// terminal, so that a pause has begun for all of them or for none.
type hold struct {
	mu       sync.Mutex
	paused   bool
	over     bool          // the visit's end: nothing waits any more
	moved    chan struct{} // closed and replaced when one of the above changes
	withheld int64         // bytes of terminals since the pause began
	typed    time.Time     // when the user last typed in one
	typing   bool          // and the gateway was told so
}

func newHold() *hold { return &hold{moved: make(chan struct{})} }

// announce wakes who waits. The caller holds mu.
func (h *hold) announce() {
	close(h.moved)
	h.moved = make(chan struct{})
}

// end lets everybody go.
func (h *hold) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.over = true
	h.announce()
}

// refuses is why nothing new may begin now, or nil.
func (h *hold) refuses() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.paused {
		return errPaused
	}
	return nil
}

// flows waits while the visit is paused; false at its end.
func (h *hold) flows() bool {
	for {
		h.mu.Lock()
		paused, over, moved := h.paused, h.over, h.moved
		h.mu.Unlock()
		if !paused || over {
			return !over
		}
		<-moved
	}
}

// mayType says whether what the technician typed may go into a terminal, and
// waits until the user's hands are off it. While the visit is paused it may
// not: it would come from somebody who can't see where it goes.
func (h *hold) mayType() bool {
	for {
		h.mu.Lock()
		paused, over, moved := h.paused, h.over, h.moved
		wait := handsOff - time.Since(h.typed)
		h.mu.Unlock()
		if paused || over || wait <= 0 {
			return !paused && !over
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-moved:
		}
		timer.Stop()
	}
}

// pause stops the technician's sight and hands at once.
func (v *visit) pause() {
	h := v.hold
	h.mu.Lock()
	if h.paused || h.over {
		h.mu.Unlock()
		return
	}
	h.paused, h.withheld = true, 0
	h.announce()
	v.cutScreens(nil) // first: it takes no lock of h
	v.tell(&wire.Control{Change: wire.Paused})
	h.mu.Unlock()
	v.agent.desk.changed(v)
}

// resume lets them go on. What terminals have written until now is taken off
// and not sent; then their programs draw themselves anew.
func (v *visit) resume() {
	h := v.hold
	h.mu.Lock()
	if !h.paused || h.over {
		h.mu.Unlock()
		return
	}
	terminals := v.terminals()
	for _, s := range terminals {
		s.proc.Skim(func(p []byte) {
			h.withheld += int64(len(p))
			s.reflection.write(p)
		})
	}
	h.paused = false
	h.announce()
	v.tell(&wire.Control{Change: wire.Resumed, Withheld: h.withheld})
	h.mu.Unlock()
	for _, s := range terminals {
		go s.proc.Redraw(v.over) // ends by itself, soon
	}
	v.agent.desk.changed(v)
}

// terminals are the sessions with one that is live.
func (v *visit) terminals() []*session {
	v.mu.Lock()
	defer v.mu.Unlock()
	var list []*session
	for _, r := range v.procs {
		if r.session != nil && r.session.pty != nil {
			list = append(list, r.session)
		}
	}
	return list
}

// userTypes puts what the user typed on its way into a terminal. It never waits:
// what a program doesn't read in time is lost, like the keys of a keyboard whose
// machine hangs.
func (v *visit) userTypes(shell int, keys []byte) error {
	terminals := v.terminals()
	i := slices.IndexFunc(terminals, func(s *session) bool { return s.reflection.number == shell })
	if i < 0 || len(keys) == 0 {
		return errors.New("that shell has ended")
	}
	s := terminals[i]
	if !s.reflection.mine {
		return errors.New("this shell runs as another account; you can watch it and stop it, but not type in it")
	}
	select {
	case s.typed <- slices.Clone(keys):
	default:
		return errors.New("the program does not read what is typed")
	}
	v.noteTyping()
	return nil
}

// noteTyping marks the begin of the user's typing and waits for its end.
func (v *visit) noteTyping() {
	h := v.hold
	h.mu.Lock()
	h.typed = time.Now()
	first := !h.typing && !h.over
	if first {
		h.typing = true
		v.tell(&wire.Control{Change: wire.Typing})
	}
	h.mu.Unlock()
	if first {
		v.agent.desk.changed(v)
		time.AfterFunc(handsOff, v.typingEnds)
	}
}

// typingEnds marks the end, once the hands have been off for long enough.
func (v *visit) typingEnds() {
	h := v.hold
	h.mu.Lock()
	wait := handsOff - time.Since(h.typed)
	if wait > 0 && !h.over {
		h.mu.Unlock()
		time.AfterFunc(wait, v.typingEnds)
		return
	}
	h.typing = false
	if h.over {
		h.mu.Unlock()
		return
	}
	v.tell(&wire.Control{Change: wire.Quiet})
	h.mu.Unlock()
	v.agent.desk.changed(v)
}

// reduce takes capabilities back, until the user says yes to a question about
// them again. What runs of them ends; if nothing is left, the visit does.
func (v *visit) reduce(taken []wire.Capability) error {
	taken = v.withScreen(taken)
	left, err := v.agent.reduce(v, taken)
	if err != nil {
		return err
	}
	if len(left) == 0 {
		v.end(ending{byUser, "The user took everything back."})
		return nil
	}
	v.cut(taken)
	v.agent.desk.changed(v)
	return nil
}

// cut ends what runs of capabilities that were taken back. Nothing of them
// begins by then, see [Agent.reduce].
func (v *visit) cut(taken []wire.Capability) {
	v.mu.Lock()
	var ends []running
	for _, r := range v.procs {
		if r.needs(taken) {
			ends = append(ends, r)
		}
	}
	v.mu.Unlock()
	if slices.Contains(taken, wire.Forward) {
		v.cutForwards()
		v.cutCallers()
	}
	if slices.Contains(taken, wire.ScreenView) {
		v.cutScreens(nil)
	} else if slices.Contains(taken, wire.ScreenControl) {
		v.releaseScreens()
	}
	for _, r := range ends {
		go r.kill() // each takes at most two seconds; the channel's end takes it off the list
	}
}

// tell puts a word for the gateway in the queue.
func (v *visit) tell(m wire.Message) {
	select {
	case v.words <- m:
	default:
		v.end(ending{byGateway, "The gateway does not read what it is told."})
	}
}

// talk tells the gateway, in order, until the visit is over.
func (v *visit) talk(over <-chan struct{}) {
	for {
		select {
		case m := <-v.words:
			if v.conn.Write(m) != nil {
				return // the end of the channel, which ends the visit, is seen by who reads it
			}
		case <-over:
			v.last()
			return
		}
	}
}

// last tells what was left to be told.
func (v *visit) last() {
	for {
		select {
		case m := <-v.words:
			if v.conn.Write(m) != nil {
				return
			}
		default:
			return
		}
	}
}

// said shows a line that somebody else in the visit said.
func (v *visit) said(m *wire.Say) {
	d := v.agent.desk
	d.mu.Lock()
	defer d.mu.Unlock()
	d.broadcast(toClient{Said: &tui.Said{Visit: v.id(), From: m.From, Text: m.Text}})
}

// present notes who else is in the visit.
func (v *visit) present(m *wire.Presence) {
	v.mu.Lock()
	v.watchers = nil
	for _, w := range m.Watchers {
		name := w.Full
		if name == "" {
			name = w.Name
		}
		v.watchers = append(v.watchers, tui.Watcher{Name: name, Hands: w.Hands})
	}
	v.mu.Unlock()
	v.agent.desk.changed(v)
}

// control does what a screen of the user wants with a visit, or with all when
// it names none.
func (d *desk) control(c *client, m fromClient) {
	if d.admits(c) != nil {
		return
	}
	d.mu.Lock()
	var visits []*visit
	for _, v := range d.visits {
		if m.ID == "" || v.id() == m.ID {
			visits = append(visits, v)
		}
	}
	d.mu.Unlock()
	for _, v := range visits {
		switch m.Op {
		case opPause:
			v.pause()
		case opResume:
			v.resume()
		case opReduce:
			if err := v.reduce(m.Take); err != nil {
				d.agent.log.Warn("nothing was taken back", "visit", v.id(), "error", err)
			}
		case opSay:
			if text := wire.Clean(m.Text, wire.MaxReason); text != "" {
				v.tell(&wire.Say{From: byUser, Text: text})
			}
		}
	}
}

// changed shows the screens how a visit stands.
func (d *desk) changed(v *visit) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.visits[v.id()] != v {
		return // it is over, and they were told so
	}
	shown := v.shown()
	d.broadcast(toClient{Began: &shown})
}
