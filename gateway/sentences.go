package gateway

import (
	"time"

	"accord/tui"
	"accord/wire"
)

// What people read of errors, in their language. An error's own text is
// English, for logs and journals.

// spoken is an error that has words in every language.
type spoken interface {
	error
	in(ph *tui.Phrases) string
}

// in says why a visit ended.
func (e ending) in(ph *tui.Phrases) string {
	switch e {
	case ending{byUser, userStopped}:
		return ph.Say("GwEndedUser")
	case ending{byTime, timeOver}:
		return ph.Say("GwEndedTime")
	}
	switch why, is := wire.SupervisorsReason(e.by, e.cause); {
	case e.cause == technicianLeft:
		return ph.Say("GwEndedLeft")
	case e.cause == nobodyWatched:
		return ph.Say("GwEndedAlone")
	case is && why == "":
		return ph.Say("GwEndedSupervisor", "Who", e.by)
	case is:
		return ph.Say("GwEndedSupervisorWhy", "Who", e.by, "Why", why)
	}
	return e.cause
}

// answered is an answer of the device's user that is not a yes.
type answered struct {
	*wire.Consent
	device string
}

func (a *answered) Error() string { return a.in(tui.PhrasesFor("")) }

func (a *answered) in(ph *tui.Phrases) string {
	switch {
	case a.Request.Override != nil:
		return ph.Say("GwOverrideRefused", "Device", a.device, "Why", a.Why)
	case a.Choice == wire.Later:
		return ph.Say("GwLater", "Device", a.device, "Time", clock(*a.Later))
	case a.Choice == wire.Refuse && a.Stranger:
		return ph.Say("GwStranger", "Device", a.device)
	case a.Choice == wire.Refuse && a.Why != "":
		return ph.Say("GwRefusedWhy", "Device", a.device, "Why", a.Why)
	case a.Choice == wire.Refuse:
		return ph.Say("GwRefused", "Device", a.device)
	case a.Why != "":
		return ph.Say("GwNobodyWhy", "Device", a.device, "Why", a.Why)
	}
	return ph.Say("GwNobody", "Device", a.device)
}

// awayError is a device that can't be reached now.
type awayError struct {
	key   string // of the sentence
	name  string
	since time.Time
	why   string
}

func (e *awayError) Error() string { return e.in(tui.PhrasesFor("")) }

func (e *awayError) in(ph *tui.Phrases) string {
	if e.since.IsZero() {
		return ph.Say("GwNeverCalled", "Device", e.name)
	}
	return ph.Say(e.key, "Device", e.name, "Time", clock(e.since), "Why", e.why)
}

// clock writes a time so that it needs no words: with the day where it is not
// today.
func clock(t time.Time) string {
	t = t.Local()
	if t.Format(time.DateOnly) == time.Now().Format(time.DateOnly) {
		return t.Format("15:04")
	}
	return t.Format("2006-01-02 15:04")
}
