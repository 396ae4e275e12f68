//go:build !windows

package agent

import (
	"time"

	"accord/agent/proc"
	"accord/agent/surface"
	"accord/wire"
)

// present is from how many seconds without a key somebody counts as idle.
const present = 60

// seated is who sits at the device. Visits are no people who sit there. How long the
// screen of an account is idle is asked where nothing else tells.
func seated(idle func(uid int) time.Duration) []wire.Seat {
	found, err := surface.Seats(proc.Belongs, idle)
	if err != nil {
		return nil
	}
	var list []wire.Seat
	for _, s := range found[:min(len(found), wire.MaxSeats)] {
		idle := int64(-1)
		if s.Idle >= 0 {
			idle = int64(s.Idle.Seconds())
		}
		if idle > 0 && idle < present {
			idle = 0
		}
		list = append(list, wire.Seat{Name: accountOf(s.UID), Place: s.Place, Idle: idle})
	}
	return list
}
