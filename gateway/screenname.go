package gateway

import (
	"fmt"
	"strconv"
	"strings"

	"accord/gateway/hub"
	"accord/wire"
)

// How the device's screen is named: as the command of a session, and as the host
// of a direct-tcpip channel, whatever the port. screen-view is without hands on
// it; screen-2 and screen-view-2 are the second of its monitors alone.
const (
	hostScreen     = "screen"
	hostScreenView = "screen-view"
)

// monitorsMost is the highest number a monitor is named by.
const monitorsMost = 16

// screenWanted is how somebody wants to see the device's screen.
type screenWanted struct {
	viewOnly bool
	monitor  int // counted from 1; 0 is all of them
}

// parseScreen reads a name of the screen; false for everything else.
func parseScreen(name string) (w screenWanted, ok bool) {
	rest, ok := strings.CutPrefix(name, hostScreen)
	if !ok {
		return w, false
	}
	rest, w.viewOnly = strings.CutPrefix(rest, strings.TrimPrefix(hostScreenView, hostScreen))
	if rest == "" {
		return w, true
	}
	number, ok := strings.CutPrefix(rest, "-")
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n < 1 || n > monitorsMost || strconv.Itoa(n) != number {
		return w, false
	}
	w.monitor = n
	return w, true
}

// capabilities are what is asked for to see it like that, of those there are.
func (w screenWanted) capabilities() []wire.Capability {
	if w.viewOnly {
		return []wire.Capability{wire.ScreenView}
	}
	return []wire.Capability{wire.ScreenView, wire.ScreenControl}
}

// shows refuses a monitor that the screen doesn't have.
func (w screenWanted) shows(h *hub.Hub, device string) error {
	if _, ok := h.Screen().Part(w.monitor); ok {
		return nil
	}
	if n := len(h.Screen().State().Monitors); n > 1 {
		return fmt.Errorf("%s has no monitor %d: its screen has %d", device, w.monitor, n)
	}
	return fmt.Errorf("%s has no monitor %d: its screen is not divided into several", device, w.monitor)
}
