package agent

import (
	"bufio"
	"context"
	"log/slog"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"accord/tui"
	"accord/wire"
)

// TestHelperOpens: where a helper is there it opens the prompt, and the agent opens
// none; when it can't, or leaves, the agent goes on by itself.
func TestHelperOpens(t *testing.T) {
	e := newEvil(t, nil)
	e.link() // of the agent that another takes the place of, before it runs
	e.clean()
	var err error
	if e.agent, err = New(e.opts); err != nil {
		t.Fatal(err)
	}
	own := &counted{surfaces: e.agent.desk.surfaces, opened: make(chan string, 8)}
	e.agent.desk.surfaces = own
	e.run()
	l := e.link()
	h, err := e.connect(fromClient{Op: opHelper})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the helper is there", func() bool { return e.agent.desk.count() == 1 })
	v := l.ask(request())
	o := h.until("to open a prompt", func(m toClient) bool { return m.Open != nil }).Open
	answerer, err := e.connect(fromClient{Op: opAnswer, ID: o.ID, Surface: surfaceWindow})
	if err != nil {
		t.Fatal(err)
	}
	p := answerer.asked()
	h.until("that it is shown", func(m toClient) bool { return m.Shown == o.ID })
	answerer.give(p.ID, tui.Answer{Choice: tui.Refuse})
	if c := l.answer(v); c.Choice != wire.Refuse || c.Surface != surfaceWindow {
		t.Errorf("signed %+v", c)
	}
	_ = answerer.l.conn.Close()
	eventually(t, "the screen is gone", func() bool { return e.agent.desk.count() == 1 })
	v = l.ask(request())
	o = h.until("to open another", func(m toClient) bool { return m.Open != nil }).Open
	if len(own.opened) > 0 {
		t.Error("the agent opens a prompt beside its helper's")
	}
	h.say(fromClient{Op: opFailed, ID: o.ID, Text: "no display"})
	if id := <-own.opened; id != o.ID {
		t.Errorf("the agent opens %s", id)
	}
	h.until("to open none any more", func(m toClient) bool { return m.Withdrawn == o.ID })
	_ = v.ch.Close()

	// A newer helper takes over; one that leaves is not waited for.
	newer, err := e.connect(fromClient{Op: opHelper})
	if err != nil {
		t.Fatal(err)
	}
	h.until("that another has taken over", func(m toClient) bool { return m.Error == errTakenOver.Error() })
	v = l.ask(request())
	o = newer.until("to open a prompt", func(m toClient) bool { return m.Open != nil }).Open
	_ = newer.l.conn.Close()
	if id := <-own.opened; id != o.ID {
		t.Errorf("the agent opens %s", id)
	}
	_ = v.ch.Close()
}

// count is how many screens and helpers there are.
func (d *desk) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.clients)
}

// counted are surfaces that tell what they are asked to open, and open nothing.
type counted struct {
	surfaces
	opened chan string
}

func (c *counted) Open(ctx context.Context, nonce string, _ <-chan struct{}) error {
	c.opened <- nonce
	<-ctx.Done()
	return context.Cause(ctx)
}

// desktopBus is a session's D-Bus with somebody who shows notifications.
type desktopBus struct {
	conn  *dbus.Conn
	shown chan shownTo
	hid   chan uint32
	next  uint32
}

// shownTo is a notification that was asked for.
type shownTo struct {
	id, replaces  uint32
	summary, body string
	actions       []string
}

func (d *desktopBus) GetCapabilities() ([]string, *dbus.Error) {
	return []string{"actions", "body", "body-markup"}, nil
}

func (d *desktopBus) Notify(_ string, replaces uint32, _, summary, body string, actions []string, _ map[string]dbus.Variant, _ int32) (uint32, *dbus.Error) {
	id := replaces
	if id == 0 {
		d.next++
		id = d.next
	}
	d.shown <- shownTo{id, replaces, summary, body, actions}
	return id, nil
}

func (d *desktopBus) CloseNotification(id uint32) *dbus.Error {
	d.hid <- id
	return nil
}

// newDesktopBus starts one, which programs of this test find.
func newDesktopBus(t *testing.T) *desktopBus {
	t.Helper()
	c := exec.Command("dbus-daemon", "--session", "--nofork", "--print-address")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	start(t, c)
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address = strings.TrimSpace(address)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
	d := &desktopBus{shown: make(chan shownTo, 16), hid: make(chan uint32, 16)}
	if d.conn, err = dbus.Connect(address); err == nil {
		t.Cleanup(func() { _ = d.conn.Close() })
		err = d.conn.Export(d, "/org/freedesktop/Notifications", "org.freedesktop.Notifications")
	}
	if err == nil {
		_, err = d.conn.RequestName("org.freedesktop.Notifications", 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *desktopBus) note(t *testing.T, what string) shownTo {
	t.Helper()
	select {
	case n := <-d.shown:
		return n
	case <-time.After(patience):
		t.Fatalf("no notification %s", what)
		return shownTo{}
	}
}

// TestNotifications: they tell who asks and who is connected; the one of a visit
// stays and stops it; nothing that is done to one opens anything; text is no markup.
func TestNotifications(t *testing.T) {
	e := newEvil(t, func(o *Options) { o.Config.Surfaces = []string{surfaceNotification} })
	d := newDesktopBus(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- Helper{Socket: e.agent.Socket(), Self: []string{"/bin/false"}, Locale: "fr_FR.UTF-8", Log: slog.New(slog.DiscardHandler)}.Run(ctx)
	}()
	eventually(t, "the helper is there", func() bool { return e.agent.desk.count() == 1 })
	l, p := e.link(), e.sit()
	req := request()
	req.Reason = "<b>the printer</b> & more"
	v := l.ask(req)
	asked := p.asked()
	n := d.note(t, "of the request")
	if len(n.actions) > 0 || !strings.Contains(n.body, "&lt;b&gt;the printer&lt;/b&gt; &amp; more") || !strings.Contains(n.summary, "demande") || strings.Contains(n.body, asked.Code) {
		t.Errorf("the request's: %+v", n)
	}
	// Whatever a desktop says of it:
	for _, action := range []string{"default", "stop", "approve"} {
		if err := d.conn.Emit("/org/freedesktop/Notifications", "org.freedesktop.Notifications.ActionInvoked", n.id, action); err != nil {
			t.Fatal(err)
		}
	}
	p.give(asked.ID, approval())
	l.answer(v)
	v.write(&wire.Open{Head: zeroHead()})
	open := d.note(t, "of the visit")
	if len(open.actions) != 2 || open.actions[1] != "Arrêter" || !strings.Contains(open.body, "accord stop") {
		t.Errorf("the visit's: %+v", open)
	}
	if hid := <-d.hid; hid != n.id {
		t.Errorf("%d is taken back, not the request's", hid)
	}
	if err := d.conn.Emit("/org/freedesktop/Notifications", "org.freedesktop.Notifications.ActionInvoked", open.id, "stop"); err != nil {
		t.Fatal(err)
	}
	p.ended(v.req.Visit)
	if over := d.note(t, "of the end"); over.replaces != open.id || len(over.actions) > 0 {
		t.Errorf("the end's: %+v", over)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// lockScreen is a program that has locked the desktop, or has not.
type lockScreen struct{ active atomic.Bool }

func (s *lockScreen) GetActive() (bool, *dbus.Error) { return s.active.Load(), nil }

// TestLockedScreen: where the user's session says that its screen is locked, whoever
// asks is told so of a request in a window there, and when it is so no more.
func TestLockedScreen(t *testing.T) {
	e := newEvil(t, func(o *Options) { o.Config.Surfaces = []string{surfaceNotification} })
	d, screen := newDesktopBus(t), &lockScreen{}
	screen.active.Store(true)
	err := d.conn.Export(screen, "/org/gnome/ScreenSaver", "org.gnome.ScreenSaver")
	if err == nil {
		_, err = d.conn.RequestName("org.gnome.ScreenSaver", 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- Helper{Socket: e.agent.Socket(), Self: []string{"/bin/false"}, Locale: "C", Log: slog.New(slog.DiscardHandler)}.Run(ctx)
	}()
	eventually(t, "the helper is there", func() bool { return e.agent.desk.count() == 1 })
	l := e.link()
	v := l.ask(request())
	eventually(t, "it is asked", func() bool {
		e.agent.desk.mu.Lock()
		defer e.agent.desk.mu.Unlock()
		return e.agent.desk.asking != nil
	})
	answerer, err := e.connect(fromClient{Op: opAnswer, Surface: surfaceWindow})
	if err != nil {
		t.Fatal(err)
	}
	p := answerer.asked()
	told := func(surface string) {
		t.Helper()
		for {
			m, ok := await[*wire.Prompt](v)
			if !ok {
				t.Fatalf("it was not told that the request is at %q", surface)
			}
			if m.State == wire.Shown && m.Surface == surface {
				return
			}
		}
	}
	told("window locked")
	screen.active.Store(false)
	told("window")
	answerer.say(fromClient{Op: opSeen, ID: p.ID})
	if m, ok := await[*wire.Prompt](v); !ok || m.State != wire.Read || m.Surface != surfaceWindow {
		t.Errorf("told %+v", m)
	}
	answerer.give(p.ID, tui.Answer{Choice: tui.Refuse})
	l.answer(v)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestIdleOfTheSession: what the user's session says of itself counts for its own
// account, for a while, and within what can be.
func TestIdleOfTheSession(t *testing.T) {
	e := newEvil(t, nil)
	d, c := e.agent.desk, &client{helps: true}
	seconds := func(n int64) *int64 { return &n }
	for _, tt := range []struct {
		said fromClient
		want time.Duration
	}{
		{fromClient{Idle: seconds(90)}, 90 * time.Second}, {fromClient{}, -1}, {fromClient{Idle: seconds(-5)}, -1},
		{fromClient{Idle: seconds(1 << 62)}, -1}, {fromClient{Idle: seconds(0)}, 0},
	} {
		d.looked(c, tt.said)
		if got := d.idleAt(d.agent.user.UID); got < tt.want || got > tt.want+20*time.Second || tt.want < 0 && got != -1 {
			t.Errorf("%+v: %s", tt.said, got)
		}
	}
	d.looked(&client{}, fromClient{Idle: seconds(90)})
	if got := d.idleAt(d.agent.user.UID); got >= time.Minute {
		t.Errorf("of somebody who is no helper: %s", got)
	}
	if got := d.idleAt(d.agent.user.UID + 1); got != -1 {
		t.Errorf("another account: %s", got)
	}
	d.mu.Lock()
	d.lookedAt = d.lookedAt.Add(-lookedFor)
	d.mu.Unlock()
	if got := d.idleAt(d.agent.user.UID); got != -1 {
		t.Errorf("long ago: %s", got)
	}
}
