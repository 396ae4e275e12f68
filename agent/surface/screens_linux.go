package surface

import (
	"context"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// usedAt is when something was last typed on a terminal.
func usedAt(st *syscall.Stat_t) time.Time { return time.Unix(st.Atim.Unix()) }

// onScreens lists who is logged in at a graphical screen, and for how long nobody has
// touched that.
func onScreens(idle func(uid int) time.Duration) []Seat {
	return howIdle(screens(sessionFiles), hints, idle)
}

// screenSeat is a graphical screen, and the session that is shown on it.
type screenSeat struct {
	id string
	Seat
}

// howIdle fills in how long nobody has touched graphical screens.
func howIdle(list []screenSeat, hints func(context.Context) map[string]loginHint, idle func(uid int) time.Duration) []Seat {
	if len(list) == 0 {
		return nil
	}
	known, of := hints(context.Background()), map[int]int{}
	for _, s := range list {
		of[s.UID]++
	}
	var seats []Seat
	for _, s := range list {
		if h, ok := known[s.id]; ok {
			s.Idle = h.idle
		}
		if s.Idle < 0 && of[s.UID] == 1 {
			s.Idle = idle(s.UID)
		}
		seats = append(seats, s.Seat)
	}
	return seats
}

// screens lists who is logged in at a graphical screen, as the system's keeper
// of logins says in the folder of its sessions. Where there is none, nobody is
// listed. How long they are idle stands not there.
func screens(dir string) []screenSeat {
	var seats []screenSeat
	for _, s := range sessionsIn(dir) {
		if s["CLASS"] != "user" || s["ACTIVE"] != "1" || s["TYPE"] != "x11" && s["TYPE"] != "wayland" {
			continue
		}
		place := s["DISPLAY"]
		if place == "" {
			place = s["TYPE"]
		}
		if uid, err := strconv.Atoi(s["UID"]); err == nil {
			seats = append(seats, screenSeat{s["ID"], Seat{UID: uid, Place: place, Idle: -1}})
		}
	}
	return seats
}

// parseSession reads lines NAME=value.
func parseSession(text string) map[string]string {
	vars := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimRight(line, "\n"), "="); ok {
			vars[name] = value
		}
	}
	return vars
}
