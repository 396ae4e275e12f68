package agent

import (
	"context"
	"net"
	"os/user"
	"slices"
	"strconv"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/wire"
)

// What agent.facts lets the agent tell the gateway of this device.
const (
	factsAll     = "all"
	factsMachine = "machine" // nothing of who is there
	factsNone    = "none"
)

// facts are what the device tells of itself now, as far as its owner lets it.
func (c Config) facts(idle func(uid int) time.Duration) wire.Facts {
	if c.Facts == factsNone {
		return wire.Facts{}
	}
	f := machine()
	f.Addresses = addresses()
	if c.Facts == factsAll {
		f.Seats = seated(idle)
	}
	return f
}

// accountOf names a uid.
func accountOf(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return "uid " + strconv.Itoa(uid)
}

// tellFacts tells the gateway the device's facts until ctx or the connection
// ends: at once, then as they change. A gateway that doesn't know them refuses,
// and hears no more on this link.
func (a *Agent) tellFacts(ctx context.Context, conn gossh.Conn) {
	tick := time.NewTicker(wire.FactsLeast)
	defer tick.Stop()
	var told wire.Facts
	var at time.Time
	for first := true; ; first = false {
		if a.cfg.Facts == factsAll {
			a.desk.look() // for the next time
		}
		now := a.cfg.facts(a.desk.idleAt)
		if first || news(told, now, time.Since(at)) {
			payload, err := now.Encode()
			if err != nil {
				a.log.Warn("the device's facts are not told", "error", err)
				return
			}
			taken, _, err := conn.SendRequest(wire.RequestFacts, true, payload)
			if err != nil || !taken {
				return
			}
			told, at = now, time.Now()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// news reports whether facts are worth telling, so long after the last ones.
// What changes all the time by itself waits for its turn.
func news(told, now wire.Facts, since time.Duration) bool {
	if !slices.Equal(told.Addresses, now.Addresses) || told.System != now.System || told.Kernel != now.Kernel || !sameSeats(told.Seats, now.Seats) {
		return true
	}
	return since >= wire.FactsOften && !slices.Equal(told.Load, now.Load)
}

// sameSeats reports whether the same people sit there, as busy as before: how
// long they are idle follows from when that began.
func sameSeats(told, now []wire.Seat) bool {
	return slices.EqualFunc(told, now, func(a, b wire.Seat) bool {
		return a.Name == b.Name && a.Place == b.Place && min(a.Idle, 1) == min(b.Idle, 1)
	})
}

// addresses are those by which others may reach this machine.
func addresses() []string {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var list []string
	for _, a := range all {
		n, ok := a.(*net.IPNet)
		if ok && n.IP.IsGlobalUnicast() && len(list) < wire.MaxAddresses {
			list = append(list, n.IP.String())
		}
	}
	return list
}
