package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/agent/display"
	"accord/recordings/rfb"
	"accord/wire"
)

// Limits of a visit's screens.
const (
	// maxScreens is how many of its channels a visit may have: the one that
	// shows, and one that is being cleared away.
	maxScreens = 2
	// screenWelcome bounds the time that a gateway takes to shake hands.
	screenWelcome = 20 * time.Second
	// letGo bounds the time to tell a VNC server that keys and buttons are
	// released, when the screen is cut.
	letGo = 200 * time.Millisecond
)

// errScreenOver is the cause of a screen that ended by itself.
var errScreenOver = errors.New("the screen's channel has ended")

// screening is one channel that shows the device's screen.
type screening struct {
	visit *visit
	ctx   context.Context //nolint:containedctx // its life is the channel's
	end   context.CancelCauseFunc
	over  atomic.Bool               // cut: nothing passes in any direction
	shown atomic.Bool               // it has begun to show
	hands atomic.Pointer[time.Time] // when the user's own hands were last felt
	clear chan struct{}             // closed when nothing of it runs on the device

	mu     sync.Mutex
	conn   net.Conn    // to the VNC server, once there is one
	filter *rfb.Filter // in front of it
	ch     gossh.Channel
}

// onScreen shows the device's screen in a visit that grants it.
func (l *link) onScreen(_ context.Context, _ *gossh.ServerConn, nc gossh.NewChannel) {
	v, err := l.named(nc)
	if err == nil {
		_, err = l.agent.may(v.id(), wire.ScreenView)
	}
	if err != nil {
		_ = nc.Reject(gossh.Prohibited, err.Error())
		return
	}
	s, err := v.enterScreen()
	if err != nil {
		_ = nc.Reject(gossh.ResourceShortage, err.Error())
		return
	}
	defer v.exitScreen(s)
	// From here on a pause finds it, so that none slips in between.
	if err := v.hold.refuses(); err != nil {
		close(s.clear)
		s.end(err)
		_ = nc.Reject(gossh.Prohibited, err.Error())
		return
	}
	s.serve(nc)
}

// enterScreen counts a screen's channel in, as a session too.
func (v *visit) enterScreen() (*screening, error) {
	if !v.enter() {
		return nil, fmt.Errorf("the visit has ended, or has %d sessions open already", wire.MaxSessions)
	}
	s := &screening{visit: v, clear: make(chan struct{})}
	s.ctx, s.end = context.WithCancelCause(context.Background())
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed || slices.Contains(v.taken, wire.ScreenView) || len(v.screens) >= maxScreens {
		v.served--
		return nil, fmt.Errorf("the visit has ended, or shows the screen %d times already", maxScreens)
	}
	v.screens = append(v.screens, s)
	return s, nil
}

func (v *visit) exitScreen(s *screening) {
	v.mu.Lock()
	v.screens = slices.DeleteFunc(v.screens, func(o *screening) bool { return o == s })
	v.mu.Unlock()
	v.exit()
	v.agent.desk.changed(v)
}

// cutScreens closes all of them. It does not wait for what they leave; who must
// know that it is dead waits for clear.
func (v *visit) cutScreens(cause error) []*screening {
	v.mu.Lock()
	all := slices.Clone(v.screens)
	v.mu.Unlock()
	for _, s := range all {
		s.cut(cause)
	}
	return all
}

// releaseScreens lets go of what the technician holds down on them. Whether
// anything may be pressed again, the judge says.
func (v *visit) releaseScreens() {
	v.mu.Lock()
	all := slices.Clone(v.screens)
	v.mu.Unlock()
	for _, s := range all {
		s.release()
	}
}

// withScreen takes with the sight of the screen all that can't be without it.
func (v *visit) withScreen(taken []wire.Capability) []wire.Capability {
	if !slices.Contains(taken, wire.ScreenView) {
		return taken
	}
	all := slices.Clone(taken)
	for _, c := range []wire.Capability{wire.ScreenControl, wire.ClipboardGet, wire.ClipboardPut} {
		if _, err := v.agent.may(v.id(), c); err == nil && !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	return all
}

// serve is the story of one channel. The VNC server comes first, so that a
// screen which can't be had is a refusal that says why.
func (s *screening) serve(nc gossh.NewChannel) {
	v := s.visit
	defer s.end(errScreenOver)
	server, err := v.agent.reachScreen(s.ctx, s.wants())
	if err != nil {
		close(s.clear)
		v.agent.log.Warn("no screen", "visit", v.id(), "error", err)
		_ = nc.Reject(gossh.ConnectionFailed, wire.Clean(sentence(err), wire.MaxReason))
		return
	}
	context.AfterFunc(s.ctx, func() { // once, however it ends
		server.close()
		close(s.clear)
	})
	ch, reqs, err := nc.Accept()
	if err != nil {
		s.cut(err)
		return
	}
	go gossh.DiscardRequests(reqs)
	if s.attach(server.conn, ch) {
		s.relay()
	}
	_ = ch.Close()
}

// wants is what the server is to be started for.
func (s *screening) wants() screenWants {
	_, err := s.visit.agent.may(s.visit.id(), wire.ClipboardGet)
	return screenWants{
		group: s.visit.group,
		visit: s.visit.id(), technician: s.visit.req.Technician.Name, ticket: s.visit.req.Ticket, clipboard: err == nil,
	}
}

// attach makes the channel and the server's connection ends of the screen; false
// when it was cut before.
func (s *screening) attach(conn net.Conn, ch gossh.Channel) bool {
	f := rfb.NewFilter(conn)
	f.Control, f.Clip = s.mayControl, s.mayClip
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over.Load() {
		return false
	}
	s.conn, s.filter, s.ch = conn, f, ch
	return true
}

// mayControl is asked for each key and each movement. It takes no lock that is
// held while a screen is cut. While a request is before the user, what a technician
// types on the screen must not answer it.
func (s *screening) mayControl() bool {
	if s.over.Load() || recent(s.hands.Load()) || s.visit.agent.desk.prompted.Load() {
		return false
	}
	if _, err := s.visit.agent.may(s.visit.id(), wire.ScreenControl); err != nil {
		return false
	}
	s.visit.use(wire.ScreenControl)
	return true
}

// felt is called when the user's own hands are on mouse or keyboard: they win, at
// once and for as long as [handsOff] says. The technician's keys are dropped, not
// kept: they were meant for what was there before.
func (s *screening) felt() {
	t := time.Now()
	if !recent(s.hands.Swap(&t)) {
		s.release()
	}
}

func recent(t *time.Time) bool { return t != nil && time.Since(*t) < handsOff }

func (s *screening) mayClip() bool {
	_, err := s.visit.agent.may(s.visit.id(), wire.ClipboardPut)
	if err != nil || s.over.Load() {
		return false
	}
	s.visit.use(wire.ClipboardPut)
	return true
}

// relay shakes hands with the gateway and moves bytes until either side ends or
// the screen is cut.
func (s *screening) relay() {
	late := time.AfterFunc(screenWelcome, func() { s.cut(errors.New("the gateway did not shake hands for the screen")) })
	err := rfb.Welcome(s.ch)
	late.Stop()
	if err != nil {
		s.cut(err)
		return
	}
	s.visit.use(wire.ScreenView)
	s.visit.screensEver.Add(1)
	s.shown.Store(true)
	s.visit.agent.desk.changed(s.visit)
	var all sync.WaitGroup
	all.Go(func() { display.Hands(s.ctx, display.Inputs, s.felt) }) // control may be granted later
	all.Go(func() { s.cut(s.filter.Run(s.ch)) })
	all.Go(func() { s.cut(s.show()) })
	all.Wait()
}

// show copies what the server paints.
func (s *screening) show() error {
	buf := make([]byte, 64<<10)
	for {
		n, err := s.conn.Read(buf)
		if s.over.Load() {
			return nil
		}
		if n > 0 {
			if _, werr := s.ch.Write(buf[:n]); werr != nil {
				return werr
			}
		}
		if err != nil {
			return err
		}
	}
}

// cut ends the screen: from when it returns, nothing of it is shown and nothing
// is typed. The channel's end and the server's are not waited for: the gateway
// may not be reading.
func (s *screening) cut(cause error) {
	if s.over.Swap(true) {
		return
	}
	s.mu.Lock()
	conn, filter, ch := s.conn, s.filter, s.ch
	s.mu.Unlock()
	if conn != nil {
		letGoOf(conn, filter)
		_ = conn.Close()
		go func() { _ = ch.Close() }() // ends with the link at the latest
	}
	if cause != nil {
		s.visit.agent.log.Info("the screen's channel ended", "visit", s.visit.id(), "why", wire.Clean(cause.Error(), wire.MaxReason))
	}
	s.end(errScreenOver)
}

// handsOff lets go of what the technicians of a visit hold down on its screens.
func (v *visit) handsOff() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, s := range v.screens {
		s.release()
	}
}

// release lets go of what is held down.
func (s *screening) release() {
	s.mu.Lock()
	conn, filter := s.conn, s.filter
	s.mu.Unlock()
	if conn == nil {
		return
	}
	go func() { // a server that doesn't read holds up nothing; ends with the connection
		_ = filter.Release()
	}()
}

// letGoOf releases what is held down, unless the server doesn't read.
func letGoOf(conn net.Conn, filter *rfb.Filter) {
	_ = conn.SetWriteDeadline(time.Now().Add(letGo))
	_ = filter.Release() // the connection is closed next, whatever comes of it
}
