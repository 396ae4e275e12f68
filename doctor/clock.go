package doctor

import "time"

// How far two clocks may be apart. Overrides are signed for minutes to hours and
// the device reckons their end on its own clock; tokens, codes and certificates
// are judged on the gateway's.
const (
	SkewOK   = 30 * time.Second
	SkewLook = 5 * time.Minute
)

// Skew judges how far this clock is ahead of another one.
func (r *Report) Skew(whose string, ahead time.Duration) {
	const area, todo = "clock", "let both machines keep their time by NTP (chrony, systemd-timesyncd)"
	says, by := "shows the same time as", ahead.Abs().Round(100*time.Millisecond)
	if by > time.Second {
		says = by.String() + " behind"
		if ahead > 0 {
			says = by.String() + " ahead of"
		}
		says = "is " + says
	}
	switch {
	case ahead.Abs() <= SkewOK:
		r.OK(area, "The clock %s that of %s; up to %s are fine.", says, whose, SkewOK)
	case ahead.Abs() <= SkewLook:
		r.Look(area, todo, "The clock %s that of %s; more than %s and overrides end too early or too late.", says, whose, SkewOK)
	default:
		r.Bad(area, todo, "The clock %s that of %s: overrides are refused or outlive their end, and times in receipts and log disagree.", says, whose)
	}
}

// Kept says whether the clock is kept by a server of time.
func (r *Report) Kept() {
	switch known, is := Synchronised(); {
	case !known:
	case is:
		r.OK("clock", "The clock is kept by a server of time.")
	default:
		r.Look("clock", "run chrony or systemd-timesyncd, here or on the host of this container",
			"The clock is not kept by a server of time, as far as the kernel knows.")
	}
}
