package surface

import (
	"strconv"
	"strings"
	"syscall"
	"time"
)

// usedAt is when something was last typed on a terminal.
func usedAt(st *syscall.Stat_t) time.Time { return time.Unix(st.Atim.Unix()) }

// onScreens lists who is logged in at a graphical screen.
func onScreens() []Seat { return screens(sessionFiles) }

// screens lists who is logged in at a graphical screen, as the system's keeper
// of logins says in the folder of its sessions. Where there is none, nobody is
// listed. How long they are idle it doesn't say.
func screens(dir string) []Seat {
	var seats []Seat
	for _, s := range sessionsIn(dir) {
		if s["CLASS"] != "user" || s["ACTIVE"] != "1" || s["TYPE"] != "x11" && s["TYPE"] != "wayland" {
			continue
		}
		place := s["DISPLAY"]
		if place == "" {
			place = s["TYPE"]
		}
		if uid, err := strconv.Atoi(s["UID"]); err == nil {
			seats = append(seats, Seat{UID: uid, Place: place, Idle: -1})
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
