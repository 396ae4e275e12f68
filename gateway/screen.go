package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	gossh "golang.org/x/crypto/ssh"

	"accord/gateway/hub"
	"accord/recordings/rfb"
	"accord/wire"
)

// The screen of a visit: opened on the device when its first reader comes, and
// recorded from then until the visit ends, whoever looks.

// screens are the screens of a visit: one at a time. Its lock is taken before
// those of the hub and of the recording.
type screens struct {
	mu    sync.Mutex
	hub   *hub.Hub // the last one; nil before the first
	count int
}

// live is the hub of the screen that is open, or nil.
func (s *screens) live() *hub.Hub {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hub == nil || s.hub.Context().Err() != nil {
		return nil
	}
	return s.hub
}

// screen is the visit's screen. It is opened where it is not open; one that has
// ended by itself is opened anew.
func (v *visit) screen() (*hub.Hub, error) {
	if !v.grants(wire.ScreenView) {
		return nil, errNoScreen
	}
	s := &v.screens
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hub != nil && s.hub.Context().Err() == nil {
		return s.hub, nil
	}
	if s.hub != nil {
		<-s.hub.Done() // its recording is closed
	}
	if !v.enterRelay() {
		return nil, v.why()
	}
	h, err := hub.New(v.screenOptions())
	if err != nil {
		v.relays.Done()
		v.end(cannotRecord(err))
		return nil, cannotRecord(err)
	}
	s.hub = h
	s.count++
	h.Pause(v.audience.isPaused())
	v.gateway.running.Go(func() {
		defer v.relays.Done()
		v.screenEnds(h)
	})
	v.audience.change()
	return h, nil
}

// errNoScreen is what was not granted, or was taken back.
var errNoScreen = errors.New("the screen was not granted for this visit, or was taken back; ask again for it")

// enterRelay counts something of the visit that must end before its recording is
// sealed; false when the visit is over.
func (v *visit) enterRelay() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed || v.ctx.Err() != nil {
		return false
	}
	v.relays.Add(1)
	return true
}

// screenOptions is what the visit's screen is made of.
func (v *visit) screenOptions() hub.Options {
	ph := v.phrases()
	return hub.Options{
		Name:   v.home.device.Name,
		Frozen: ph.Say("ScreenFrozen", "Device", v.home.device.Name),
		Open:   v.openScreen,
		Record: func(s *rfb.Screen) (hub.Recorder, error) { return v.recordScreen(s) },
		Pass:   v.audience.pass,
	}
}

// openScreen opens the screen on the device.
func (v *visit) openScreen(ctx context.Context) (io.ReadWriteCloser, error) {
	if !v.grants(wire.ScreenView) {
		return nil, errNoScreen
	}
	ch, reqs, err := v.home.open(ctx, wire.ChannelScreen, wire.MarshalSession(v.req.Visit))
	if refused, ok := errors.AsType[*gossh.OpenChannelError](err); ok {
		return nil, fmt.Errorf("the device does not open its screen: %s", deviceSaid([]byte(refused.Message)))
	}
	if err != nil {
		return nil, fmt.Errorf("the device does not open its screen: %w", err)
	}
	go gossh.DiscardRequests(reqs)
	return ch, nil
}

// screenEnds waits for the end of a screen, which comes with that of the visit at
// the latest, and tells of one that ended by itself.
func (v *visit) screenEnds(h *hub.Hub) {
	select {
	case <-v.ctx.Done():
		h.Close(v.why())
	case <-h.Done():
	}
	why := context.Cause(h.Context())
	if v.ctx.Err() == nil {
		v.gateway.log.Info("a screen has ended", "visit", v.req.Visit, "why", why)
	}
	_ = v.noteScreen(eventScreen, struct {
		Why string `json:"why"`
	}{wire.Clean(why.Error(), wire.MaxLine)})
	v.audience.change()
}

// screenReduced is told that the user took something back.
func (v *visit) screenReduced() {
	h := v.screens.live()
	switch {
	case h == nil:
	case !v.grants(wire.ScreenView):
		h.End(ending{byUser, screenTaken})
	case !v.grants(wire.ScreenControl):
		h.Release()
	}
}

// screenPaused is told that the user has paused the visit, or goes on.
func (v *visit) screenPaused(on bool) {
	if h := v.screens.live(); h != nil {
		h.Pause(on)
	}
}

// looker is somebody who looks at the screen of a visit.
type looker struct {
	person person
	kind   string      // how
	hands  func() bool // whether theirs may be on the device; the user's grant comes on top
	clips  bool        // texts are copied to and from them
}

// How a screen is looked at.
const (
	byViewer   = "vnc"      // a VNC viewer of the technician's
	byTerminal = "terminal" // drawn in the technician's terminal
	byWatcher  = "watch"    // drawn in the terminal of who watches the visit
)

// seat is what the hub must know of somebody who looks.
func (v *visit) seat(l looker) hub.SeatOptions {
	return hub.SeatOptions{
		May: func(r hub.Right) bool {
			switch r {
			case hub.See:
				return v.grants(wire.ScreenView)
			case hub.Control:
				return v.grants(wire.ScreenControl) && l.hands() && !v.audience.held()
			case hub.Get:
				return l.clips && v.grants(wire.ClipboardGet) && !v.audience.held()
			case hub.Put:
				return l.clips && l.hands() && v.grants(wire.ClipboardPut) && !v.audience.held()
			}
			return false
		},
		Did:     v.touch,
		Clipped: func(c hub.Clip) error { return v.clipped(l, c) },
	}
}

// shown is the visit's screen once there is a picture.
func (v *visit) shown(ctx context.Context) (*hub.Hub, error) {
	h, err := v.screen()
	if err != nil {
		return nil, err
	}
	v.touch()
	return h, h.Shown(ctx)
}

// notShown is why somebody's viewer was shown nothing at all.
type notShown struct{ error }

func (e *notShown) Unwrap() error { return e.error }

// showTo shows the screen to a VNC viewer of the technician's, who holds the
// visit, until either ends. One that is shown nothing is told why. The connection
// is closed.
func (v *visit) showTo(ctx context.Context, conn io.ReadWriteCloser, w screenWanted) error {
	err := v.viewed(ctx, conn, w)
	if no, is := errors.AsType[*notShown](err); is {
		sentence := wire.Clean(no.Error(), wire.MaxLine)
		if s, ok := errors.AsType[spoken](err); ok {
			sentence = s.in(v.phrases())
		}
		_ = hub.Refuse(conn, sentence) // who has gone needs no reason
	}
	return err
}

// viewed is showTo while it is part of the visit.
func (v *visit) viewed(ctx context.Context, conn io.ReadWriteCloser, w screenWanted) error {
	if !v.enterRelay() {
		return &notShown{v.why()}
	}
	defer v.relays.Done()
	h, err := v.shown(ctx)
	if err != nil {
		return &notShown{err}
	}
	if err := w.shows(h, v.home.device.Name); err != nil {
		return &notShown{err}
	}
	l := looker{person: v.person, kind: byViewer, hands: func() bool { return !w.viewOnly }, clips: true}
	over, err := v.looks(l)
	if err != nil {
		return &notShown{err}
	}
	defer over()
	seat := v.seat(l)
	seat.Monitor = w.monitor
	return h.View(ctx, conn, seat)
}
