package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // the names of zones, on machines that have none of their own
)

// hours are the times of the week at which a rule speaks, by the clock on the
// wall of its zone: where that clock is put forward or back, so are they. The
// zero value is always.
type hours struct {
	text  string
	spans []span
	zone  *time.Location
}

// span is one part of hours, in minutes of the day. Where until isn't after
// from it goes on over midnight, into the day after; days are those on which
// it begins.
type span struct {
	days        [7]bool // by time.Weekday
	from, until int
}

const dayMinutes = 24 * 60

// weekdays are the names of the days, as they follow each other.
func weekdays() []string { return []string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"} }

// parseHours reads "Mon-Fri 08:00-18:00, Sat": spans with commas between, each
// of days, times or both. A span without days is on every day, one without
// times lasts the whole day, and one whose times are equal never is.
func parseHours(text string) ([]span, error) {
	var spans []span
	for part := range strings.SplitSeq(text, ",") {
		s, err := parseSpan(strings.Fields(part))
		if err != nil {
			return nil, err
		}
		spans = append(spans, s)
	}
	return spans, nil
}

func parseSpan(words []string) (s span, err error) {
	if len(words) == 0 {
		return s, fmt.Errorf(`a part of it is empty; write for example "Mon-Fri 08:00-18:00"`)
	}
	s.days, s.until = [7]bool{true, true, true, true, true, true, true}, dayMinutes
	if !strings.ContainsAny(words[0], "0123456789") {
		if s.days, err = parseDays(words[0]); err != nil {
			return s, err
		}
		words = words[1:]
	}
	if len(words) == 0 {
		return s, nil
	}
	if len(words) > 1 {
		return s, fmt.Errorf(`%q is one word too many; write for example "Mon-Fri 08:00-18:00", with commas between several`, words[1])
	}
	from, until, ok := strings.Cut(words[0], "-")
	if !ok {
		return s, fmt.Errorf(`%q doesn't say until when; write for example "08:00-18:00"`, words[0])
	}
	if s.from, err = parseClock(from); err == nil {
		s.until, err = parseClock(until)
	}
	if err == nil && s.from == dayMinutes {
		err = fmt.Errorf(`nothing begins at 24:00; write "00:00" and the day after`)
	}
	return s, err
}

func parseDays(word string) (days [7]bool, err error) {
	first, last, ranged := strings.Cut(word, "-")
	if !ranged {
		last = first
	}
	from, until := slices.Index(weekdays(), first), slices.Index(weekdays(), last)
	if from < 0 || until < 0 {
		return days, fmt.Errorf(`%q is no day; write for example "Mon", "Mon-Fri"`, word)
	}
	for day := from; ; day = (day + 1) % 7 {
		days[(day+1)%7] = true // time.Weekday begins with Sunday
		if day == until {
			return days, nil
		}
	}
}

func parseClock(word string) (minutes int, err error) {
	h, m, _ := strings.Cut(word, ":")
	hour, herr := strconv.ParseUint(h, 10, 8)
	minute, merr := strconv.ParseUint(m, 10, 8)
	minutes = int(hour*60 + minute)
	if len(h) != 2 || len(m) != 2 || herr != nil || merr != nil || minute > 59 || minutes > dayMinutes {
		return 0, fmt.Errorf(`%q is no time of the day; write for example "08:00"`, word)
	}
	return minutes, nil
}

// newHours reads the hours of a rule in its zone.
func newHours(text, zone string) (h hours, err error) {
	switch {
	case text == "" && zone == "":
		return hours{}, nil
	case text == "":
		return h, mistake("zone", "there are no hours for it; remove it, or add hours")
	case zone == "":
		return h, mistake("hours", `a time zone is missing; add for example zone = "Europe/Paris"`)
	}
	h.text = text
	if h.spans, err = parseHours(text); err != nil {
		return h, mistake("hours", "%v", err)
	}
	h.zone, err = time.LoadLocation(zone)
	if err != nil || zone == "Local" {
		return h, mistake("zone", `%.40q is no time zone; write a name such as "Europe/Paris" or "UTC"`, zone)
	}
	return h, nil
}

func (h hours) always() bool { return h.spans == nil }

// String names the hours with their zone.
func (h hours) String() string { return h.text + " (" + h.zone.String() + ")" }

// at reports whether t is within the hours.
func (h hours) at(t time.Time) bool {
	if h.always() {
		return true
	}
	t = t.In(h.zone)
	return slices.ContainsFunc(h.spans, func(s span) bool { return s.at(t) })
}

func (s span) at(t time.Time) bool {
	minute, today, yesterday := t.Hour()*60+t.Minute(), s.days[t.Weekday()], s.days[(t.Weekday()+6)%7]
	switch {
	case s.from < s.until:
		return today && minute >= s.from && minute < s.until
	case s.from > s.until:
		return today && minute >= s.from || yesterday && minute < s.until
	}
	return false
}

// never reports whether no time is within the hours.
func (h hours) never() bool {
	return !h.always() && !slices.ContainsFunc(h.spans, func(s span) bool { return s.from != s.until })
}

// ahead is how far [hours.turn] looks: a week, and one more hour for a clock
// that is put back in it.
const ahead = 7*24*time.Hour + time.Hour

// turn is the next time after t at which the hours begin, or end; false if
// they never do. It goes from minute to minute, so that it needs to know
// nothing of how clocks are put forward and back.
func (h hours) turn(t time.Time) (time.Time, bool) {
	now := h.at(t)
	for next := t.Truncate(time.Minute).Add(time.Minute); next.Sub(t) <= ahead; next = next.Add(time.Minute) {
		if h.at(next) != now {
			return next, true
		}
	}
	return time.Time{}, false
}

// Hours are times of the week outside of rules: those of a consent that the
// owner of a device gives in advance.
type Hours struct{ of hours }

// ReadHours reads them in the form of a rule's. Empty texts are always.
func ReadHours(text, zone string) (Hours, error) {
	h, err := newHours(text, zone)
	return Hours{h}, err
}

// At reports whether t is within them.
func (h Hours) At(t time.Time) bool { return h.of.at(t) }
