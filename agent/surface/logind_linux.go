package surface

import (
	"cmp"
	"context"
	"os"
	"time"

	"github.com/godbus/dbus/v5"
)

// The keeper of logins of systemd (org.freedesktop.login1(5)).
const (
	loginService = "org.freedesktop.login1"
	loginPath    = "/org/freedesktop/login1"
	loginWait    = 2 * time.Second
	loginsMost   = 32
)

// loginHint is what the programs of a session have told the keeper of logins about it.
type loginHint struct {
	uid    int
	active bool // it is the one in front of its seat
	locked bool
	idle   time.Duration // -1: not known
}

// hints are those of the sessions, by their ids; none where nobody keeps them.
func hints(ctx context.Context) map[string]loginHint {
	ctx, cancel := context.WithTimeout(ctx, loginWait)
	defer cancel()
	conn, err := dbus.Connect(cmp.Or(os.Getenv("DBUS_SYSTEM_BUS_ADDRESS"), "unix:path=/run/dbus/system_bus_socket"), dbus.WithContext(ctx))
	if err != nil {
		return nil
	}
	defer func() { _ = conn.Close() }()
	var list []struct {
		ID   string
		UID  uint32
		User string
		Seat string
		Path dbus.ObjectPath
	}
	if err := ask(ctx, conn, loginService, loginPath, loginService+".Manager.ListSessions").Store(&list); err != nil {
		return nil
	}
	found := make(map[string]loginHint)
	for _, s := range list[:min(len(list), loginsMost)] {
		var all map[string]dbus.Variant
		err := ask(ctx, conn, loginService, s.Path, "org.freedesktop.DBus.Properties.GetAll", loginService+".Session").Store(&all)
		if err == nil {
			found[s.ID] = readHint(int(s.UID), all)
		}
	}
	return found
}

// readHint reads the properties of a session. Many desktops never say that it is
// idle or isn't: then the time of that is none.
func readHint(uid int, all map[string]dbus.Variant) loginHint {
	h := loginHint{uid: uid, idle: -1}
	h.active, _ = all["Active"].Value().(bool)
	h.locked, _ = all["LockedHint"].Value().(bool)
	idle, _ := all["IdleHint"].Value().(bool)
	since, _ := all["IdleSinceHint"].Value().(uint64) // microseconds since 1970
	switch {
	case since == 0 || since > 1<<62:
	case idle:
		h.idle = max(0, time.Since(time.UnixMicro(int64(since))))
	default:
		h.idle = 0
	}
	return h
}

// SessionLocked reports whether the screens of u are locked for sure: the keeper of
// logins says so of every session of theirs that is in front of its seat.
func SessionLocked(ctx context.Context, u User) bool {
	locked := false
	for _, h := range hints(ctx) {
		if h.uid != u.UID || !h.active {
			continue
		}
		if !h.locked {
			return false
		}
		locked = true
	}
	return locked
}

// ConsoleLocked reports whether the only terminal that u sits at is the console in
// front, and a program has locked that.
func ConsoleLocked(ctx context.Context, u User, visits func(pid int) bool) bool {
	f, err := lookFront(visits)
	if err != nil || f.locker == "" || f.owner != u.UID || f.leader.uid != u.UID {
		return false
	}
	list, err := processes()
	if err != nil {
		return false
	}
	at := seats(ctx, list, u, visits)
	return len(at) == 1 && at[f.leader.tty] != nil
}
