//go:build linux || freebsd

package surface

import (
	"context"
	"time"

	"github.com/godbus/dbus/v5"
)

// desktopWait bounds how long the programs of a desktop have to answer.
const desktopWait = 2 * time.Second

// lockScreens are the programs that lock a desktop, by the names that they have on
// its D-Bus; all of them know GetActive.
func lockScreens() [][2]string {
	return [][2]string{
		{"org.freedesktop.ScreenSaver", "/org/freedesktop/ScreenSaver"}, // KDE, and others
		{"org.freedesktop.ScreenSaver", "/ScreenSaver"},
		{"org.gnome.ScreenSaver", "/org/gnome/ScreenSaver"},
		{"org.cinnamon.ScreenSaver", "/org/cinnamon/ScreenSaver"},
		{"org.mate.ScreenSaver", "/org/mate/ScreenSaver"},
		{"org.xfce.ScreenSaver", "/org/xfce/ScreenSaver"},
	}
}

// LookDesktop asks the programs of the session that this process belongs to. What
// none of them says isn't known.
func LookDesktop(ctx context.Context) Desktop {
	ctx, cancel := context.WithTimeout(ctx, desktopWait)
	defer cancel()
	d := Desktop{Idle: -1}
	conn, err := sessionBus(dbus.WithContext(ctx))
	if err != nil {
		return d
	}
	defer func() { _ = conn.Close() }()
	for _, s := range lockScreens() {
		var active bool
		if ask(ctx, conn, s[0], dbus.ObjectPath(s[1]), s[0]+".GetActive").Store(&active) == nil && active {
			d.Locked = true
		}
	}
	// GetSessionIdleTime of the others is in seconds for some, in milliseconds for
	// others, and for some since the screen went dark.
	const mutter = "org.gnome.Mutter.IdleMonitor"
	var idle uint64 // milliseconds
	if ask(ctx, conn, mutter, "/org/gnome/Mutter/IdleMonitor/Core", mutter+".GetIdletime").Store(&idle) == nil && idle < 1<<40 {
		d.Idle = time.Duration(idle) * time.Millisecond //nolint:gosec // less than a century
	}
	return d
}
