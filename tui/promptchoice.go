package tui

import (
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// Options that are more than a text of the catalogs.
const (
	refuseSilent = "RefuseSilent"
	refuseOther  = "RefuseOther"
	strangerSure = "StrangerSure"
)

// laterKeys are the ways to name a later time; the last is to type it.
func laterKeys() []string { return []string{"LaterTen", "LaterHour", "LaterAt"} }

// laterWait is the time that an option of laterKeys stands for, if it does.
func laterWait(option int) (time.Duration, bool) {
	switch option {
	case 0:
		return 10 * time.Minute, true
	case 1:
		return time.Hour, true
	}
	return 0, false
}

// refuseKeys are the reasons of a refusal; the last stands for any other.
func refuseKeys() []string {
	return []string{"RefuseUnasked", "RefuseUnclear", "RefusePrivate", "RefuseTooMuch", refuseSilent, refuseOther}
}

// strangerKeys confirm that the technician is not known; the safe one is first.
func strangerKeys() []string { return []string{"StrangerBack", strangerSure} }

// all says several keys.
func (p *Phrases) all(keys []string) []string {
	texts := make([]string, len(keys))
	for i, key := range keys {
		texts[i] = p.Say(key)
	}
	return texts
}

// cut shortens text to limit cells.
func cut(text string, limit int) string { return ansi.Truncate(text, limit, "…") }

// laterAt finds the next time the clock shows what was typed, in the zone of
// now: 14:30, 14h30, 14.30 or 14h.
func laterAt(text string, now time.Time) (time.Time, bool) {
	text = strings.NewReplacer("h", ":", "H", ":", ".", ":").Replace(text)
	if strings.HasSuffix(text, ":") {
		text += "00"
	}
	t, err := time.Parse("15:04", text)
	if err != nil {
		return time.Time{}, false
	}
	year, month, day := now.Date()
	at := time.Date(year, month, day, t.Hour(), t.Minute(), 0, 0, now.Location())
	if !at.After(now) {
		at = time.Date(year, month, day+1, t.Hour(), t.Minute(), 0, 0, now.Location())
	}
	return at, true
}
