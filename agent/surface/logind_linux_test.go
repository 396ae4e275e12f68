package surface

import (
	"bufio"
	"fmt"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"
)

// busOf starts a D-Bus of the test's own, which the variable names, and connects to
// it.
func busOf(t *testing.T, variable string) *dbus.Conn {
	t.Helper()
	c := exec.Command("dbus-daemon", "--session", "--nofork", "--print-address")
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(variable, strings.TrimSpace(address))
	conn, err := dbus.Connect(strings.TrimSpace(address))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// logins is a keeper of logins.
type logins struct{ list []listed }

type listed struct {
	ID   string
	UID  uint32
	User string
	Seat string
	Path dbus.ObjectPath
}

func (l *logins) ListSessions() ([]listed, *dbus.Error) { return l.list, nil }

func name(t *testing.T, conn *dbus.Conn, service string) {
	t.Helper()
	if _, err := conn.RequestName(service, dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
}

type session struct {
	uid                  int
	active, locked, idle bool
	since                uint64
}

// keep makes it say what sessions there are.
func keep(t *testing.T, conn *dbus.Conn, sessions ...session) {
	t.Helper()
	l := &logins{}
	for i, s := range sessions {
		path := dbus.ObjectPath(fmt.Sprintf("%s/session/_%d", loginPath, i))
		l.list = append(l.list, listed{fmt.Sprint(i), uint32(s.uid), "ada", "seat0", path}) //nolint:gosec // a uid
		_, err := prop.Export(conn, path, prop.Map{loginService + ".Session": {
			"Active": {Value: s.active}, "LockedHint": {Value: s.locked}, "IdleHint": {Value: s.idle}, "IdleSinceHint": {Value: s.since},
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.Export(l, loginPath, loginService+".Manager"); err != nil {
		t.Fatal(err)
	}
}

// TestSessionLocked: a screen counts as locked where that is sure, and idle where it
// is known.
func TestSessionLocked(t *testing.T) {
	u := User{UID: 1000}
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere")
	if SessionLocked(t.Context(), u) {
		t.Error("locked, as nobody says")
	}
	conn := busOf(t, "DBUS_SYSTEM_BUS_ADDRESS")
	if SessionLocked(t.Context(), u) {
		t.Error("locked, as nobody on the bus says")
	}
	name(t, conn, loginService)
	for _, tt := range []struct {
		name string
		want bool
		are  []session
	}{
		{"none", false, nil},
		{"locked", true, []session{{uid: 1000, active: true, locked: true}}},
		{"not locked", false, []session{{uid: 1000, active: true}}},
		{"another's", false, []session{{uid: 1001, active: true, locked: true}}},
		{"one that isn't in front", false, []session{{uid: 1000, locked: true}}},
		{"one of two", false, []session{{uid: 1000, active: true, locked: true}, {uid: 1000, active: true}}},
		{"in front of one that isn't", true, []session{{uid: 1000, active: true, locked: true}, {uid: 1000}}},
	} {
		keep(t, conn, tt.are...)
		if got := SessionLocked(t.Context(), u); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	ago := uint64(time.Now().Add(-time.Hour).UnixMicro()) //nolint:gosec // after 1970
	keep(t, conn, session{uid: 1, idle: true, since: ago}, session{uid: 2, since: ago}, session{uid: 3}, session{uid: 4, idle: true})
	list := []screenSeat{}
	for i := range 5 {
		list = append(list, screenSeat{fmt.Sprint(i), Seat{UID: i + 1, Idle: -1}})
	}
	list = append(list, screenSeat{"8", Seat{UID: 9, Idle: -1}}, screenSeat{"9", Seat{UID: 9, Idle: -1}})
	var got []string
	for _, s := range howIdle(list, hints, func(uid int) time.Duration { return time.Duration(uid) * time.Minute }) {
		got = append(got, fmt.Sprint(s.Idle.Round(time.Minute)))
	}
	// What nobody told is asked, but for an account with two screens.
	if want := "1h0m0s 0s 3m0s 4m0s 5m0s 0s 0s"; strings.Join(got, " ") != want {
		t.Errorf("idle: %q, not %s", got, want)
	}
}

// saver is a program that locks a desktop, and one that knows how idle it is.
type saver struct{ active atomic.Bool }

func (s *saver) GetActive() (bool, *dbus.Error) { return s.active.Load(), nil }

type idler uint64

func (i idler) GetIdletime() (uint64, *dbus.Error) { return uint64(i), nil }

// TestLookDesktop asks programs on a real D-Bus.
func TestLookDesktop(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
	unknown := Desktop{Idle: -1}
	if d := LookDesktop(t.Context()); d != unknown {
		t.Errorf("without a bus: %+v", d)
	}
	conn := busOf(t, "DBUS_SESSION_BUS_ADDRESS")
	if d := LookDesktop(t.Context()); d != unknown {
		t.Errorf("with nobody on it: %+v", d)
	}
	for _, at := range lockScreens()[1:3] { // by another path, and another name
		s := &saver{}
		s.active.Store(true)
		if err := conn.Export(s, dbus.ObjectPath(at[1]), at[0]); err != nil {
			t.Fatal(err)
		}
		name(t, conn, at[0])
		if d := LookDesktop(t.Context()); !d.Locked {
			t.Errorf("%v has locked it: %+v", at, d)
		}
		s.active.Store(false)
		if d := LookDesktop(t.Context()); d != unknown {
			t.Errorf("%v hasn't: %+v", at, d)
		}
	}
	if err := conn.Export(idler(90_000), "/org/gnome/Mutter/IdleMonitor/Core", "org.gnome.Mutter.IdleMonitor"); err != nil {
		t.Fatal(err)
	}
	name(t, conn, "org.gnome.Mutter.IdleMonitor")
	if d := LookDesktop(t.Context()); d.Idle != 90*time.Second {
		t.Errorf("idle: %+v", d)
	}
}
