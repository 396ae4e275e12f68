package gateway

import (
	"errors"
	"time"

	"accord/gateway/store"
	"accord/recordings"
	"accord/tui"
	"accord/wire"
)

// Whatever those who watch do is told to everybody: it stands in the audit log
// before it is done, in the recording with a mark, on the technician's terminal
// and on the user's screen. Nobody watches unseen.

// Kinds of events on a recording's timeline that this makes.
const (
	eventWatched = "watched" // somebody begins or ends to watch
	eventHands   = "hands"   // and to type
	eventSaid    = "said"    // a line that everybody sees
)

// What happens in an eventWatched or eventHands.
const (
	begins = "begins"
	ends   = "ends"
)

// enters counts a watcher in and tells everybody. An error means that nothing
// may be shown.
func (v *visit) enters(w *watcher) error {
	if err := v.noteWatcher(w, eventWatched, begins); err != nil {
		return err
	}
	if err := v.audience.join(w); err != nil {
		return errors.Join(err, v.noteWatcher(w, eventWatched, ends))
	}
	return v.tellOf(w, eventWatched, begins, w.key())
}

// exits counts a watcher out and tells everybody.
func (v *visit) exits(w *watcher) {
	_ = v.typesToo(w, false) // a recording that failed has ended the visit
	alone := v.audience.leave(w)
	_ = v.noteWatcher(w, eventWatched, ends) // the log says why, if it can't be kept
	_ = v.tellOf(w, eventWatched, ends, "TellLeft")
	if alone {
		_ = v.notify("TellAlone")
		_ = v.notify("TellHow", "Visit", v.req.Visit)
	}
}

// typesToo begins or ends the typing of a watcher.
func (v *visit) typesToo(w *watcher, on bool) error {
	if v.audience.typing(w) == on {
		return nil
	}
	what, key := ends, "TellTypesNoMore"
	if on {
		what, key = begins, "TellTypes"
	}
	if err := v.noteWatcher(w, eventHands, what); err != nil && on {
		return err
	}
	v.audience.handsOn(w, on)
	return v.tellOf(w, eventHands, what, key)
}

// key is the sentence that says that they watch.
func (w *watcher) key() string {
	if w.role() == "supervisor" {
		return "TellSupervisor"
	}
	return "TellColleague"
}

// noteWatcher writes into the audit log what a watcher does.
func (v *visit) noteWatcher(w *watcher, event, what string) error {
	return v.gateway.note(store.Entry{
		At: time.Now(), Kind: store.VisitWatched, Actor: w.Name, Device: v.home.device.Name, Visit: v.req.Visit,
		Address: w.address, Success: true, Data: map[string]string{"what": event + " " + what, "role": w.role()},
	})
}

// tellOf tells recording, device, technician and screens what a watcher does.
func (v *visit) tellOf(w *watcher, event, what, key string) error {
	err := v.rec.Event(event, struct {
		Name string `json:"name"`
		Full string `json:"full,omitempty"`
		Role string `json:"role"`
		What string `json:"what"`
	}{w.Name, w.Full, w.role(), what})
	if err = errors.Join(ended(err), v.notify(key, "Who", w.Name)); err != nil {
		v.end(cannotRecord(err))
	}
	v.mail.leavePresence(v.audience.present)
	v.gateway.publish()
	return err
}

// ended leaves out that a recording has ended: then the visit has too.
func ended(err error) error {
	if errors.Is(err, recordings.ErrSealed) {
		return nil
	}
	return err
}

// introduce tells a session that is new who watches.
func (v *visit) introduce(r *relayed) error {
	for _, w := range v.audience.watching() {
		if err := r.tell(w.key(), "Who", w.Name); err != nil {
			return err
		}
	}
	return nil
}

// utter says a line to everybody in the visit; from "" is the user.
func (v *visit) utter(from, text string) error {
	text = wire.Clean(text, wire.MaxReason)
	if text == "" {
		return errors.New("there is nothing to say")
	}
	if !v.isOpen() {
		return errors.New("the visit is not open")
	}
	if from != "" {
		if err := v.mail.leaveSay(&wire.Say{From: from, Text: text}); err != nil {
			return err
		}
	}
	who := from
	if who == "" {
		who = byUser
	}
	err := ended(v.rec.Event(eventSaid, struct {
		From string `json:"from"`
		Text string `json:"text"`
	}{who, text}))
	if err == nil && from == "" {
		err = v.notify("TellUserSaid", "Text", text)
	} else if err == nil {
		err = v.notify("TellSaid", "From", from, "Text", text)
	}
	if err != nil {
		v.end(cannotRecord(err))
		return err
	}
	v.audience.hear(uttered{from, text})
	return nil
}

// says is what a line is from, in a language.
func (l uttered) says(ph *tui.Phrases) tui.Spoken {
	if l.from == "" {
		return tui.Spoken{From: ph.Say("TellUser"), Text: l.text}
	}
	return tui.Spoken{From: l.from, Text: l.text}
}
