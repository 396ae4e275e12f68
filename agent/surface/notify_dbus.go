//go:build linux || freebsd

package surface

import (
	"context"
	"errors"
	"fmt"
	"html"
	"os"
	"slices"
	"time"

	"github.com/godbus/dbus/v5"
)

// The notifications of the Desktop Notifications Specification, version 1.2.
const (
	noteService = "org.freedesktop.Notifications"
	notePath    = "/org/freedesktop/Notifications"
	// noteWait bounds how long the service has to answer.
	noteWait = 3 * time.Second
	// stopAction is the only action that a notification offers.
	stopAction = "stop"
)

// Notifier shows notifications on the desktop of the account that this process
// runs as. It only draws attention, and its one action stops: nothing that is
// done to a notification ever opens anything.
type Notifier struct {
	conn    *dbus.Conn
	markup  bool // bodies are taken for markup
	actions bool
	stops   chan uint32
	done    chan struct{}
}

// sessionBus connects to the session's bus, which the environment names. It starts
// none.
func sessionBus(with ...dbus.ConnOption) (*dbus.Conn, error) {
	address := os.Getenv("DBUS_SESSION_BUS_ADDRESS")
	if runtime := os.Getenv("XDG_RUNTIME_DIR"); address == "" && runtime != "" {
		address = "unix:path=" + dbus.EscapeBusAddressValue(runtime+"/bus")
	}
	if address == "" {
		return nil, errors.New("there is no D-Bus of a session here")
	}
	conn, err := dbus.Connect(address, with...)
	if err != nil {
		return nil, fmt.Errorf("connect to the session's D-Bus: %w", err)
	}
	return conn, nil
}

// ask calls a method of a service that runs, and starts none.
func ask(ctx context.Context, conn *dbus.Conn, service string, path dbus.ObjectPath, method string, args ...any) *dbus.Call {
	return conn.Object(service, path).CallWithContext(ctx, method, dbus.FlagNoAutoStart, args...)
}

// NewNotifier finds the desktop of the session that this process belongs to.
func NewNotifier() (*Notifier, error) {
	conn, err := sessionBus()
	if err != nil {
		return nil, err
	}
	n := &Notifier{conn: conn, stops: make(chan uint32, 8), done: make(chan struct{})}
	var can []string
	err = n.call("GetCapabilities").Store(&can)
	if err == nil {
		err = conn.AddMatchSignal(dbus.WithMatchObjectPath(notePath), dbus.WithMatchInterface(noteService))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("nothing shows notifications in this session: %w", err), conn.Close())
	}
	n.markup, n.actions = slices.Contains(can, "body-markup"), slices.Contains(can, "actions")
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	go n.listen(signals)
	return n, nil
}

// listen takes the signals of actions until the connection ends, which closes the
// channel.
func (n *Notifier) listen(signals <-chan *dbus.Signal) {
	defer close(n.done)
	for s := range signals {
		if s.Name != noteService+".ActionInvoked" || len(s.Body) != 2 || s.Body[1] != stopAction {
			continue
		}
		if id, ok := s.Body[0].(uint32); ok {
			select {
			case n.stops <- id:
			default: // it was pressed eight times already
			}
		}
	}
}

func (n *Notifier) call(method string, args ...any) *dbus.Call {
	ctx, cancel := context.WithTimeout(context.Background(), noteWait)
	defer cancel()
	return n.conn.Object(noteService, notePath).CallWithContext(ctx, noteService+"."+method, 0, args...)
}

// Show shows a notification, in the place of another one unless that is 0, and
// returns its number.
func (n *Notifier) Show(replaces uint32, note Note) (id uint32, err error) {
	body, actions := note.Body, []string{}
	if n.markup {
		body = html.EscapeString(body)
	}
	if note.Stop != "" && n.actions {
		actions = []string{stopAction, note.Stop}
	}
	hints, expires := map[string]dbus.Variant{"category": dbus.MakeVariant("presence")}, int32(-1) // as the desktop likes
	if note.Stays {
		hints["urgency"], hints["resident"] = dbus.MakeVariant(byte(2)), dbus.MakeVariant(true)
		expires = 0 // never
	}
	err = n.call("Notify", "Accord", replaces, "dialog-information", note.Summary, body, actions, hints, expires).Store(&id)
	if err != nil {
		return 0, fmt.Errorf("show a notification: %w", err)
	}
	return id, nil
}

// Stops has the numbers of notifications whose action was used.
func (n *Notifier) Stops() <-chan uint32 { return n.stops }

// Hide takes a notification back.
func (n *Notifier) Hide(id uint32) { n.call("CloseNotification", id) }

// Done is closed when the session's bus is gone.
func (n *Notifier) Done() <-chan struct{} { return n.done }

// Close ends the connection.
func (n *Notifier) Close() {
	_ = n.conn.Close()
	<-n.done
}
