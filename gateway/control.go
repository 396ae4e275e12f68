package gateway

import (
	"errors"
	"io"
	"slices"
	"sync"

	gossh "golang.org/x/crypto/ssh"

	"accord/recordings"
	"accord/tui"
	"accord/wire"
)

// What the device's user changes in an open visit. It has taken effect on the
// device before it is heard of here, so nothing here decides: it is put into
// the recording, and the technician is told.

// Kinds of events on a recording's timeline that this makes.
const (
	eventPaused  = "paused"
	eventResumed = "resumed"
	eventReduced = "reduced"
	eventTyping  = "typing"
	eventQuiet   = "quiet"
)

// userChanges is what the user changed so far. It belongs to a visit and has a lock
// of its own.
type userChanges struct {
	mu       sync.Mutex
	added    []wire.Capability // granted once the visit was open
	left     []wire.Capability // once reduced: all that is granted
	reduced  bool
	terminal map[*relayed]struct{} // the sessions that are told
}

// relayed is a session of the technician's as notices reach it.
type relayed struct {
	session *session
	shell   *recordings.Shell
	in      *hands      // where keys for the program go
	notices chan string // nobody waits for a terminal that is not read
	streams *streams    // of a command without a terminal; nil for one with

	mu      sync.Mutex // one writer at a time: the program's output, or a notice
	seam    tui.Seam   // where in the output a notice does no harm
	waiting []string   // notices for which there was no such place yet
}

// noticesMost is how many notices wait for a terminal that is not read.
const noticesMost = 16

// changed deals with a change; an error ends the visit.
func (v *visit) changed(m *wire.Control) error {
	event, key, args := "", "", []any(nil)
	var data any
	switch m.Change {
	case wire.Paused:
		event, key = eventPaused, "GwPaused"
		v.audience.pause(true)
		v.screenPaused(true)
	case wire.Resumed:
		event, key = eventResumed, "GwResumed"
		v.audience.pause(false)
		v.screenPaused(false)
		data = struct {
			Withheld int64 `json:"withheld"` // bytes of terminals that nobody was sent
		}{m.Withheld}
	case wire.Typing:
		event, key = eventTyping, "GwUserTypes"
	case wire.Quiet:
		event, key = eventQuiet, "GwUserQuiet"
	case wire.Reduced:
		left := v.changes.reduce(v.consent.Granted, m.Granted)
		v.screenReduced()
		event, key = eventReduced, "GwReduced"
		data = struct {
			Left []wire.Capability `json:"left"`
		}{left}
		args = []any{"Left", left}
	}
	if err := v.rec.Event(event, data); err != nil {
		return err
	}
	return v.notify(key, args...)
}

// reduce keeps what is left, which only ever becomes less, until the user agrees
// to more.
func (c *userChanges) reduce(granted, left []wire.Capability) []wire.Capability {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = slices.DeleteFunc(c.now(granted), func(g wire.Capability) bool { return !slices.Contains(left, g) })
	c.reduced = true
	return slices.Clone(c.left)
}

// extend adds what the user granted besides.
func (c *userChanges) extend(granted []wire.Capability) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reduced {
		c.left = append(c.left, granted...)
		return
	}
	c.added = append(c.added, granted...)
}

// now is what is granted at the moment, of what was at first. The caller holds mu.
func (c *userChanges) now(first []wire.Capability) []wire.Capability {
	if c.reduced {
		return slices.Clone(c.left)
	}
	return slices.Concat(first, c.added)
}

// may is what the visit may do now. There is a consent.
func (v *visit) may() []wire.Capability {
	v.changes.mu.Lock()
	defer v.changes.mu.Unlock()
	return v.changes.now(v.consent.Granted)
}

// grants says whether the visit may still do c.
func (v *visit) grants(c wire.Capability) bool { return slices.Contains(v.may(), c) }

// notify marks the casts of a visit and tells its technician.
func (v *visit) notify(key string, args ...any) error {
	for _, r := range v.changes.told() {
		if err := r.tell(key, args...); err != nil {
			return err
		}
	}
	return nil
}

// tell marks the cast of a session and tells its technician. The mark is for
// whoever replays it, in English, as the names of events are.
func (r *relayed) tell(key string, args ...any) error {
	var err error
	if r.shell != nil { // a session that copies files has no cast; the timeline has it
		err = r.shell.Mark(sentenceOf(tui.PhrasesFor(""), key, args))
	}
	if err != nil && !errors.Is(err, recordings.ErrSealed) {
		return err
	}
	select {
	case r.notices <- sentenceOf(r.session.phrases(), key, args):
	default:
	}
	return nil
}

// sentenceOf says a change in a language.
func sentenceOf(ph *tui.Phrases, key string, args []any) string {
	said := slices.Clone(args)
	for i, a := range said {
		if caps, is := a.([]wire.Capability); is {
			names := make([]string, len(caps))
			for j, c := range caps {
				names[j] = string(c)
			}
			said[i] = ph.Shorts(names)
		}
	}
	return ph.Say(key, said...)
}

func (c *userChanges) told() []*relayed {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]*relayed, 0, len(c.terminal))
	for r := range c.terminal {
		list = append(list, r)
	}
	return list
}

// tells begins to tell a session of the visit; the caller calls done when its
// relay has ended.
func (v *visit) tells(s *session, shell *recordings.Shell, in *hands) (r *relayed, done func()) {
	r = &relayed{session: s, shell: shell, in: in, notices: make(chan string, noticesMost)}
	c := &v.changes
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.terminal == nil {
		c.terminal = make(map[*relayed]struct{})
	}
	c.terminal[r] = struct{}{}
	over := make(chan struct{})
	go func() { // ends with the relay, or with the client that does not read
		for {
			select {
			case text := <-r.notices:
				if err := r.show(text); err != nil {
					v.end(cannotRecord(err))
					return
				}
			case <-over:
				return
			}
		}
	}()
	return r, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.terminal, r)
		close(over)
	}
}

// show writes a notice between two pieces of the program's output, recorded
// first like those: as a line of its own, and over the top line of a program
// that has the screen to itself; never inside of a sequence or a character.
// Where there is no terminal it goes to standard error, which is not part of
// what the program printed, so it is not recorded as that.
func (r *relayed) show(text string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.session.pty == nil {
		r.session.say(text)
		return nil
	}
	r.waiting = append(r.waiting, text)
	r.waiting = r.waiting[max(len(r.waiting)-noticesMost, 0):]
	return r.flush()
}

// flush writes the notices that wait, if this is a place for them. The caller
// holds mu.
func (r *relayed) flush() error {
	if len(r.waiting) == 0 || !r.seam.Open() {
		return nil
	}
	waiting := r.waiting
	r.waiting = nil
	for _, text := range waiting {
		line := r.seam.Line(text)
		if r.session.terminal().Plain() {
			line = []byte("\r\n" + text + "\r\n")
		}
		if err := r.shell.Output(line); err != nil {
			return ended(err)
		}
		_, _ = r.session.ch.Write(line) // a technician who is gone ends the session
	}
	return nil
}

// output records a piece of the program's output and forwards it, with no
// notice between. The first error is the recording's, the second the
// technician's.
func (r *relayed) output(p []byte, record func([]byte) error, to io.Writer) (recorded, sent error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := record(p); err != nil {
		return err, nil
	}
	if _, err := to.Write(p); err != nil || r.session.pty == nil {
		return nil, err
	}
	r.seam.Pass(p)
	return r.flush(), nil
}

// typed records what was typed, where the consent says so. A device that tells
// more than it was asked for is not heard.
func (v *visit) typed(shell *recordings.Shell, req *gossh.Request) {
	if !v.req.Input {
		return
	}
	p, err := wire.ParseTyped(req.Payload)
	if err != nil {
		return
	}
	if err := shell.Input(p); err != nil && !errors.Is(err, recordings.ErrSealed) {
		v.end(cannotRecord(err))
	}
}
