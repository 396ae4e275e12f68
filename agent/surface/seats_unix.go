//go:build linux || darwin || freebsd

package surface

import (
	"cmp"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Seats lists the terminals that people sit at, of all accounts that this
// process may see: that a program is in front of, and that are no visit's. Of
// tmux it is the terminal around it. Idle is for how long nothing was typed
// there, to some seconds: the kernel notes no more. Of a graphical screen its own
// programs may have told it to the keeper of logins; else idle is asked, which knows
// it of an account's only screen, or -1. The most recently used comes first.
func Seats(visits func(pid int) bool, idle func(uid int) time.Duration) ([]Seat, error) {
	list, err := processes()
	if err != nil {
		return nil, err
	}
	found := map[uint64]*seat{}
	for _, p := range list {
		if p.tty == 0 {
			continue
		}
		s := found[p.tty]
		if s == nil {
			s = &seat{}
			found[p.tty] = s
		}
		s.front = s.front || p.foreground > 0
		s.excluded = s.excluded || visits(p.pid)
	}
	var seats []Seat
	for dev, s := range found {
		path := terminalPath(dev)
		if !s.front || s.excluded || path == "" || inTmux(dev, list) {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok || deviceOf(st) != dev {
			continue
		}
		idle := max(0, time.Since(usedAt(st)))
		seats = append(seats, Seat{UID: int(st.Uid), Place: strings.TrimPrefix(path, "/dev/"), Idle: idle})
	}
	return newest(append(seats, onScreens(idle)...)), nil
}

// newest sorts seats: who types now, then where it is not known, then the last
// used.
func newest(seats []Seat) []Seat {
	order := func(s Seat) time.Duration {
		switch {
		case s.Idle < 0:
			return time.Minute
		case s.Idle < time.Minute:
			return 0
		}
		return s.Idle + 1
	}
	slices.SortStableFunc(seats, func(a, b Seat) int {
		return cmp.Or(cmp.Compare(order(a), order(b)), cmp.Compare(a.Place, b.Place))
	})
	return seats
}
