package gateway

import (
	"errors"
	"image"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/recordings"
	"accord/recordings/rfb"
	"accord/wire"
)

// screenful is a device with a screen, which the test paints and whose input it
// sees.
type screenful struct {
	*device
	screen *rfb.Screen

	mu    sync.Mutex
	frame *rfb.Frame
	link  *wire.Conn // of the visit
	did   []string
	conns []gossh.Channel
	deny  string // why it opens no screen
	count int
}

// withScreen is an honest device whose visits have these capabilities.
func (h *house) withScreen(name string, caps ...wire.Capability) *screenful {
	h.t.Helper()
	frame, err := rfb.NewFrame(64, 48)
	if err != nil {
		h.t.Fatal(err)
	}
	s := &screenful{device: h.device(name), screen: rfb.NewScreen(), frame: frame}
	s.device.offers = caps
	s.device.screens = s.open
	s.device.hears = func(c *wire.Conn, _ wire.Message) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.link = c
	}
	s.paint(1)
	return s
}

func (s *screenful) paint(shade byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.frame.Fill(s.frame.Bounds(), shade, shade, shade)
	s.screen.Commit(s.frame, rfb.Damage{Rects: []image.Rectangle{s.frame.Bounds()}})
}

func (s *screenful) open(nc gossh.NewChannel) {
	s.mu.Lock()
	deny := s.deny
	s.count++
	s.mu.Unlock()
	if deny != "" {
		_ = nc.Reject(gossh.Prohibited, deny)
		return
	}
	ch, reqs, err := nc.Accept()
	if err != nil {
		return
	}
	go gossh.DiscardRequests(reqs)
	s.mu.Lock()
	s.conns = append(s.conns, ch)
	s.mu.Unlock()
	note := func(what string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.did = append(s.did, what)
	}
	v, err := rfb.NewViewer(ch, s.screen, rfb.ViewerOptions{
		Key: func(down bool, keysym uint32) {
			note(map[bool]string{true: "press ", false: "lift "}[down] + string(rune(keysym)))
		},
		Pointer: func(int, int, uint8) { note("pointer") },
		Cut:     func(text string) { note("cut " + text) },
	})
	if err == nil {
		_ = v.Run()
	}
	_ = ch.Close()
}

// cut closes what is open of the screen, as a device does before it tells of a
// pause.
func (s *screenful) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		_ = c.Close()
	}
	s.conns = nil
}

func (s *screenful) does(want ...string) {
	s.house.t.Helper()
	done := func() []string { s.mu.Lock(); defer s.mu.Unlock(); return slices.Clone(s.did) }
	eventually(s.house.t, "the device does "+strings.Join(want, ", ")+", not "+strings.Join(done(), ", "), func() bool { return slices.Equal(done(), want) })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.did = nil
}

// looking is a technician's viewer behind a forward.
type looking struct {
	t      *testing.T
	client *rfb.Client
	ch     gossh.Channel
	over   chan error

	mu     sync.Mutex
	seen   []byte // shades, in order
	cuts   []string
	bounds image.Point
}

// look opens a forward to a host of the screen and looks at it.
func (h *house) look(c *gossh.Client, host string) (*looking, error) {
	h.t.Helper()
	data := gossh.Marshal(struct {
		Host string
		Port uint32
		From string
		At   uint32
	}{host, 5900, "127.0.0.1", 1})
	ch, reqs, err := c.OpenChannel("direct-tcpip", data)
	if err != nil {
		return nil, err
	}
	go gossh.DiscardRequests(reqs)
	l := &looking{t: h.t, ch: ch, over: make(chan error, 1)}
	l.client, err = rfb.NewClient(ch, rfb.ClientOptions{
		Commit: func(f *rfb.Frame, _ rfb.Damage) error {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.seen, l.bounds = append(l.seen, f.Row(5, 5, 1)[0]), f.Bounds().Max
			return nil
		},
		Change: func(func(rfb.State) rfb.State) {},
		Cut: func(text []byte) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.cuts = append(l.cuts, string(text))
		},
	})
	if err != nil {
		_ = ch.Close()
		return nil, err
	}
	go func() { l.over <- l.client.Run() }()
	return l, nil
}

func (h *house) mustLook(c *gossh.Client, host string) *looking {
	h.t.Helper()
	l, err := h.look(c, host)
	if err != nil {
		h.t.Fatal(err)
	}
	return l
}

// size is that of the picture.
func (l *looking) size() image.Point {
	l.t.Helper()
	eventually(l.t, "there is a picture", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.seen) > 0
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bounds
}

func (l *looking) shows(shade byte) {
	l.t.Helper()
	eventually(l.t, "the viewer shows what was painted", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.seen) > 0 && l.seen[len(l.seen)-1] == shade
	})
}

func (l *looking) saw(shade byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Contains(l.seen, shade)
}

// types presses and lets go of a key.
func (l *looking) types(key rune) {
	l.t.Helper()
	if err := errors.Join(l.client.Key(true, uint32(key)), l.client.Key(false, uint32(key))); err != nil {
		l.t.Fatal(err)
	}
}

func (l *looking) ended() {
	l.t.Helper()
	select {
	case <-l.over:
	case <-time.After(patience):
		l.t.Fatal("the viewer stays")
	}
}

// theVisit is the one that is open.
func (h *house) theVisit() *visit {
	h.t.Helper()
	var v *visit
	eventually(h.t, "a visit is open", func() bool {
		all := h.visits.all()
		if len(all) == 1 && all[0].isOpen() {
			v = all[0]
		}
		return v != nil
	})
	return v
}

// control sends what the device's user changes.
func (s *screenful) control(m *wire.Control) {
	s.house.t.Helper()
	s.house.theVisit()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.link.Write(m); err != nil {
		s.house.t.Fatal(err)
	}
}

// asks asks for a visit with some capabilities, as alice's form does.
func (h *house) asks(d *screenful, caps ...wire.Capability) *visit {
	h.t.Helper()
	p, err := h.law().identify(h.alice.PublicKey(), time.Now())
	if err != nil {
		h.t.Fatal(err)
	}
	ctx := h.t.Context()
	c := &caller{gateway: h.Gateway, person: p, user: d.name, tell: func(string) {}}
	v, err := c.obtain(ctx, inquiry{
		target: target{device: d.name}, needs: wire.ScreenView, want: &asked{capabilities: texts(caps)},
		wait: func(v *visit) error { return v.judgement(ctx) },
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return v
}

// kinds are those of the events of the newest recording, with their data.
func (h *house) kinds() (all []string) {
	h.t.Helper()
	list, err := h.library.List("", 1)
	if err != nil || len(list) != 1 {
		h.t.Fatal(len(list), err)
	}
	found, err := filepath.Glob(filepath.Join(h.dir, "rec", "*", "*", "*", list[0].ID))
	if err != nil || len(found) != 1 {
		h.t.Fatal(found, err)
	}
	for e, err := range recordings.ReadTimeline(found[0]) {
		if err != nil {
			h.t.Fatal(err)
		}
		all = append(all, e.Kind+" "+string(e.Data))
	}
	if _, err := os.Stat(filepath.Join(found[0], "001.frames")); err != nil {
		h.t.Error(err)
	}
	return all
}

func hasEvent(all []string, kind string, parts ...string) bool {
	return slices.ContainsFunc(all, func(e string) bool {
		return strings.HasPrefix(e, kind+" ") && !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(e, p) })
	})
}

// TestScreenEvents: each event of a viewer takes the capability that it needs, at
// that moment; what the user takes back is gone at once.
func TestScreenEvents(t *testing.T) {
	h := newHouse(t, nil)
	d := h.withScreen("laptop-7", wire.ScreenView, wire.ScreenControl, wire.ClipboardGet, wire.ClipboardPut)
	d.device.consent = func(c *wire.Consent) {
		c.Granted = []wire.Capability{wire.ScreenView, wire.ScreenControl}
	}
	d.join()
	alice := h.mustLogin("laptop-7", h.alice)
	l, only := h.mustLook(alice, "screen"), h.mustLook(alice, "screen-view")
	l.shows(1)
	d.paint(2)
	l.shows(2)
	only.shows(2)
	l.types('a')
	d.does("press a", "lift a")
	only.types('b')
	if err := errors.Join(only.client.Pointer(1, 1, 1), l.client.Cut("not granted")); err != nil {
		t.Fatal(err)
	}
	l.types('c')
	d.does("press c", "lift c") // what view-only typed, and the text, would have come before
	if err := l.client.Key(true, 'd'); err != nil {
		t.Fatal(err)
	}
	d.does("press d")
	d.control(&wire.Control{Change: wire.Reduced, Granted: []wire.Capability{wire.ScreenView}})
	d.does("lift d")
	l.types('e')
	d.paint(3)
	l.shows(3)
	d.does()
	d.control(&wire.Control{Change: wire.Reduced, Granted: []wire.Capability{}})
	l.ended()
	only.ended()
	_ = alice.Close()
	h.noLive()
	all := h.kinds()
	for _, want := range [][]string{
		{"viewer", `"what":"begins"`, `"kind":"vnc"`, `"name":"alice"`, `"client":"SSH-2.0-Go"`},
		{"viewer", `"what":"ends"`}, {"screen", "001.frames"}, {"screen.over", screenTaken}, {"reduced", "screen.view"},
	} {
		if !hasEvent(all, want[0], want[1:]...) {
			t.Errorf("no event %q in\n%s", want, strings.Join(all, "\n"))
		}
	}
	if hasEvent(all, "clipboard") {
		t.Error("a text that was not granted is on the timeline")
	}
}

// TestScreenClipboard: texts go each way by a capability of its own, and stand on
// the timeline by length and digest, never as they are.
func TestScreenClipboard(t *testing.T) {
	h := newHouse(t, nil)
	d := h.withScreen("laptop-7", wire.ScreenView, wire.ScreenControl, wire.ClipboardGet, wire.ClipboardPut)
	d.join()
	alice := h.mustLogin("laptop-7", h.alice)
	v := h.asks(d, wire.ScreenView, wire.ScreenControl, wire.ClipboardPut)
	l := h.mustLook(alice, "screen")
	l.shows(1)
	if err := l.client.Cut("the secret of the day"); err != nil {
		t.Fatal(err)
	}
	d.does("cut the secret of the day")
	v.release()
	_ = alice.Close()
	h.noLive()
	all := h.kinds()
	if !hasEvent(all, "clipboard", `"what":"put"`, `"bytes":21`, `"sha256":"`) || strings.Contains(strings.Join(all, ""), "secret") {
		t.Errorf("on the timeline:\n%s", strings.Join(all, "\n"))
	}
}

// TestScreenPaused: the attack is a viewer that is already open, or comes, while
// the user has paused: it gets nothing that was painted in between, also where
// the device goes on painting for who does not ask.
func TestScreenPaused(t *testing.T) {
	h := newHouse(t, nil)
	d := h.withScreen("laptop-7", wire.ScreenView, wire.ScreenControl)
	d.join()
	alice := h.mustLogin("laptop-7", h.alice)
	l := h.mustLook(alice, "screen")
	l.shows(1)
	d.control(&wire.Control{Change: wire.Paused})
	eventually(t, "it is paused", h.theVisit().audience.isPaused)
	d.paint(66)
	l.types('x')
	late := h.mustLook(alice, "screen")
	late.shows(1)
	d.cut()
	d.paint(5)
	d.control(&wire.Control{Change: wire.Resumed})
	l.shows(5)
	late.shows(5)
	if l.saw(66) || late.saw(66) {
		t.Error("what was painted during the pause was shown")
	}
	d.does()
	_ = alice.Close()
	h.noLive()
}

// TestScreenDies: a screen that the device refuses, breaks off or fills with
// rubbish ends with a sentence, and the visit lives on; it can be opened again.
func TestScreenDies(t *testing.T) {
	h := newHouse(t, nil)
	d := h.withScreen("laptop-7", wire.ScreenView, wire.ScreenControl)
	d.deny = "no VNC server is set up here"
	d.join()
	alice := h.mustLogin("laptop-7", h.alice)
	if _, err := h.look(alice, "screen"); err == nil || !strings.Contains(err.Error(), "no VNC server is set up here") {
		t.Fatalf("the viewer is told %v", err)
	}
	v := h.theVisit()
	d.mu.Lock()
	d.deny = ""
	d.mu.Unlock()
	l := h.mustLook(alice, "screen")
	l.shows(1)
	d.cut()
	l.ended()
	again := h.mustLook(alice, "screen")
	again.shows(1)
	if !v.isOpen() || h.theVisit() != v {
		t.Error("the visit has ended with its screen")
	}
	_ = alice.Close()
	h.noLive()
	if all := h.kinds(); !hasEvent(all, "screen.over", "no VNC server") || !hasEvent(all, "screen.over", "closed its screen") {
		t.Errorf("on the timeline:\n%s", strings.Join(all, "\n"))
	}
}

// TestScreenNotGranted: without the capability the device is not even asked for
// its screen.
func TestScreenNotGranted(t *testing.T) {
	h := newHouse(t, nil)
	d := h.withScreen("laptop-7", wire.ScreenView, wire.ScreenControl)
	d.device.consent = func(c *wire.Consent) { c.Granted = []wire.Capability{wire.ScreenControl} }
	d.join()
	alice := h.mustLogin("laptop-7", h.alice)
	if _, err := h.look(alice, "screen"); err == nil {
		t.Error("a screen is shown that was not granted")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.count > 0 {
		t.Errorf("the device was asked for its screen %d times", d.count)
	}
}

// TestMonitorChosen: a viewer of one monitor gets that alone, and one of a monitor
// that the screen doesn't have gets a sentence.
func TestMonitorChosen(t *testing.T) {
	h := newHouse(t, nil)
	d := h.withScreen("laptop-7", wire.ScreenView, wire.ScreenControl)
	d.screen.Change(func(s rfb.State) rfb.State {
		s.Monitors = []rfb.Monitor{{Bounds: image.Rect(0, 0, 40, 48)}, {ID: 1, Bounds: image.Rect(40, 0, 64, 48)}}
		return s
	})
	d.join()
	alice := h.mustLogin("laptop-7", h.alice)
	if all := h.mustLook(alice, "screen"); all.size() != image.Pt(64, 48) {
		t.Errorf("all of it is %v", all.size())
	}
	second := h.mustLook(alice, "screen-view-2")
	second.shows(1)
	if second.size() != image.Pt(24, 48) {
		t.Errorf("the second monitor is %v", second.size())
	}
	if _, err := h.look(alice, "screen-3"); err == nil || !strings.Contains(err.Error(), "laptop-7 has no monitor 3: its screen has 2") {
		t.Errorf("a third: %v", err)
	}
	for name, want := range map[string]screenWanted{
		"screen": {}, "screen-view": {viewOnly: true}, "screen-1": {monitor: 1}, "screen-view-16": {viewOnly: true, monitor: 16},
	} {
		if got, ok := parseScreen(name); !ok || got != want {
			t.Errorf("%s: %v, %v", name, got, ok)
		}
	}
	for _, name := range []string{"", "screens", "screen-", "screen-0", "screen-02", "screen-17", "screen--1", "screen-+1", "screen2", "screen-view2", "screen-2-view", "screen-view-", "a-screen"} {
		if _, ok := parseScreen(name); ok {
			t.Errorf("%q names a screen", name)
		}
	}
}

// TestScreenWatched: where a colleague must watch, no picture comes and no key goes
// before one does.
func TestScreenWatched(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Policy.Rules[0].Watched = true })
	d := h.withScreen("laptop-7", wire.ScreenView, wire.ScreenControl)
	d.join()
	alice := h.mustLogin("laptop-7", h.alice)
	came := make(chan *looking, 1)
	go func() {
		l, err := h.look(alice, "screen")
		if err != nil {
			t.Error(err)
		}
		came <- l
	}()
	v := h.theVisit()
	eventually(t, "the screen is open", func() bool { return v.screens.live() != nil })
	select {
	case <-came:
		t.Fatal("a picture came, and nobody watches")
	case <-time.After(300 * time.Millisecond):
	}
	s := h.watch(h.boss, "watch "+v.req.Visit)
	l := <-came
	l.shows(1)
	l.types('a')
	d.does("press a", "lift a")
	s.shows("screen is open in this visit")
	s.types("q")
	_ = s.left()
	l.types('b')
	d.paint(9)
	select {
	case <-time.After(300 * time.Millisecond):
	case <-l.over:
	}
	if l.saw(9) {
		t.Error("a picture came when nobody watched any more")
	}
	d.does()
	_ = alice.Close()
	h.noLive()
}

// TestScreenAtTheEnd: a viewer that does not read, and a device that does not
// close, keep no visit from ending.
func TestScreenAtTheEnd(t *testing.T) {
	h := newHouse(t, nil)
	d := h.withScreen("laptop-7", wire.ScreenView, wire.ScreenControl)
	d.join()
	alice := h.mustLogin("laptop-7", h.alice)
	l := h.mustLook(alice, "screen")
	l.shows(1)
	v := h.theVisit()
	if said := h.run("gw", h.boss, "visits --json"); !strings.Contains(said.out, `"screen": true`) {
		t.Errorf("%+v", said)
	}
	if said := h.run("gw", h.boss, "kill "+v.req.Visit+" enough"); said.status != 0 {
		t.Errorf("%+v", said)
	}
	l.ended()
	if _, err := h.look(alice, "screen"); err == nil {
		t.Error("a screen is shown after the end")
	}
	_ = alice.Close()
	h.noLive()
}

// TestScreenPiped: without a terminal the screen is RFB on a session's input and
// output, and a no is a sentence there.
func TestScreenPiped(t *testing.T) {
	h := newHouse(t, nil)
	d := h.withScreen("laptop-7", wire.ScreenView, wire.ScreenControl)
	d.join()
	alice := h.mustLogin("laptop-7", h.alice)
	ch, reqs, err := alice.OpenChannel("session", nil)
	if err != nil {
		t.Fatal(err)
	}
	go gossh.DiscardRequests(reqs)
	go func() { _, _ = io.Copy(io.Discard, ch.Stderr()) }()
	if ok, err := ch.SendRequest("exec", true, gossh.Marshal(struct{ Command string }{"screen"})); !ok || err != nil {
		t.Fatal(ok, err)
	}
	seen := make(chan byte, 10)
	c, err := rfb.NewClient(ch, rfb.ClientOptions{
		Commit: func(f *rfb.Frame, _ rfb.Damage) error { seen <- f.Row(1, 1, 1)[0]; return nil },
		Change: func(func(rfb.State) rfb.State) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan error, 1)
	go func() { over <- c.Run() }()
	if <-seen != 1 {
		t.Error("another picture")
	}
	if err := c.Key(true, 'a'); err != nil {
		t.Fatal(err)
	}
	d.does("press a")
	_ = ch.Close()
	<-over
	d.does("lift a")
	h.noLive()
	d.mu.Lock()
	d.deny = "nobody is logged in"
	d.mu.Unlock()
	if said := h.run("laptop-7", h.alice, "screen-view"); said.status != exitFailed || !strings.Contains(said.errs, "nobody is logged in") || said.out != "" {
		t.Errorf("%+v", said)
	}
	h.noLive()
}
