package tui

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"

	"accord/recordings/rfb"
	"accord/tui/picture"
)

// desktop is a screen with a picture that can be recognised.
func desktop(t testing.TB, width, height int) (*rfb.Screen, *rfb.Frame) {
	t.Helper()
	f, err := rfb.NewFrame(width, height)
	if err != nil {
		t.Fatal(err)
	}
	f.Fill(f.Bounds(), 128, 96, 32)
	f.Fill(image.Rect(width/8, height/8, width/2, height/2), 255, 255, 255)
	f.Fill(image.Rect(0, height-height/16, width, height), 64, 64, 64)
	s := rfb.NewScreen()
	s.Commit(f, rfb.Damage{})
	return s, f
}

// device notes what it gets.
type device struct {
	mu      sync.Mutex
	got     []string
	control bool
	frozen  string
}

func (d *device) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.got = append(d.got, fmt.Sprintf(format, args...))
}

func (d *device) say() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.got, " ")
}

func (d *device) set(control bool, frozen string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.control, d.frozen = control, frozen
}

func (d *device) show(s *rfb.Screen) ScreenShow {
	return ScreenShow{
		Screen: s, Device: "laptop-7", Title: "ada on laptop-7",
		Control: func() bool { d.mu.Lock(); defer d.mu.Unlock(); return d.control },
		Frozen:  func() string { d.mu.Lock(); defer d.mu.Unlock(); return d.frozen },
		Key:     func(down bool, sym uint32) { d.note("%s%x", map[bool]string{true: "+", false: "-"}[down], sym) },
		Pointer: func(x, y int, b uint8) { d.note("%d,%d:%d", x, y, b) },
	}
}

// showing runs a screen on a terminal and hands f the parts; the answer is that
// of ShowScreen. Time in it is made.
func showing(t *testing.T, answers map[string]string, d *device, f func(term *Terminal, o *talker, s *rfb.Screen, frame *rfb.Frame)) (left string, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		term, o, end := newTalker(answers, 0)
		s, frame := desktop(t, 640, 400)
		done := make(chan error)
		go func() { done <- ShowScreen(t.Context(), term, d.show(s)) }()
		awhile()
		f(term, o, s, frame)
		err = <-done
		awhile()
		end()
		left = restOf(t, term.In)
		checkRestored(t, o.String())
	})
	return left, err
}

// awhile lets made time pass until all is drawn.
func awhile() { <-time.After(3 * time.Second) }

func (o *talker) typed(keys ...string) {
	for _, k := range keys {
		o.replies <- k
		<-time.After(60 * time.Millisecond)
	}
}

// checkRestored looks at whether all that was switched on is off again.
func checkRestored(t *testing.T, sent string) {
	t.Helper()
	modes := map[string]bool{}
	for s := sent; ; {
		i := strings.Index(s, "\x1b[?")
		if i < 0 {
			break
		}
		s = s[i+3:]
		end := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
		switch s[end] {
		case 'h':
			modes[s[:end]] = true
		case 'l':
			modes[s[:end]] = false
		}
	}
	modes["25"] = !modes["25"]
	delete(modes, "1070") // as it is from the start
	for mode, on := range modes {
		if on {
			t.Errorf("mode %s is left on", mode)
		}
	}
	if a, b := strings.Count(sent, "\x1b[>27u"), strings.Count(sent, "\x1b[<u"); a != b {
		t.Errorf("%d keyboards pushed, %d popped", a, b)
	} else if a > 0 && strings.LastIndex(sent, "\x1b[<u") > strings.LastIndex(sent, "\x1b[?1049l") {
		t.Error("the keyboard of the other screen is popped")
	}
	placed := map[string]bool{}
	for _, seq := range strings.Split(sent, "\x1b_G")[1:] {
		head, _, _ := strings.Cut(seq, ";")
		head, _, _ = strings.Cut(head, "\x1b")
		for _, part := range strings.Split(head, ",") {
			if id, ok := strings.CutPrefix(part, "i="); ok && id != "31" {
				placed[id] = strings.Contains(head, "a=T")
			}
		}
	}
	for id, there := range placed {
		if there {
			t.Errorf("image %s is left in the terminal", id)
		}
	}
}

func TestTheScreenIsControlled(t *testing.T) {
	d := &device{control: true}
	left, err := showing(t, kittyAnswers(), d, func(_ *Terminal, o *talker, _ *rfb.Screen, _ *rfb.Frame) {
		if !strings.Contains(o.String(), "a=T,q=2,f=24") {
			t.Errorf("nothing is drawn: %.300q", o.String())
		}
		o.typed("\x1b[97;;97u", "\x1b[97;1:3u", "\x1b[99;5u\x1b[99;5:3u", "\x1b[<35;321;101M", "\x1b[<0;321;101M", "\x1b[<32;331;101M", "\x1b[<0;331;101m", "\x1b[<64;331;101M")
		o.typed("\x1b[200~hi\x1b[201~", "\x1b[93;5u", "\x1b[93;5:3u", "\x1b[93;5u", "\x1b[93;5:3u", "\x1b[93;5u", "\x1b[100;;100u")
		o.typed("\x1b[93;5u", "\x1b[113;;113u\x1b[113;1:3u\x1b[<35;5;5Mls\x1b[A")
	})
	if !errors.Is(err, ErrBack) || left != "l s up" {
		t.Errorf("%v; the next screen gets %q", err, left)
	}
	want := "+61 -61 +ffe3 +63 -ffe3 -63 322,109:0 322,109:1 333,109:1 333,109:0 333,109:8 333,109:0 +68 -68 +69 -69" +
		" +ffe3 +5d -ffe3 -5d +ffe3 +ffe9 +ffff -ffe9 -ffe3 -ffff"
	if got := d.say(); got != want {
		t.Errorf("the device gets\n%s\nwant\n%s", got, want)
	}
}

// Without releases, and with the mouse in cells.
func TestTheScreenIsControlledFromAnOldTerminal(t *testing.T) {
	d := &device{control: true}
	left, err := showing(t, map[string]string{"\x1b[c": "\x1b[?1;2c"}, d, func(_ *Terminal, o *talker, _ *rfb.Screen, _ *rfb.Frame) {
		o.typed("A", "\x03", "\x1b[<0;41;12M\x1b[<0;41;12m", "\x1dx", "\x1d?", "x", "\x1d", "q\x1b[<35;1;1Mls")
	})
	if !errors.Is(err, ErrBack) || left != "l s" {
		t.Errorf("%v; the next screen gets %q", err, left)
	}
	if got, want := d.say(), "+ffe1 +41 -41 -ffe1 +ffe3 +63 -63 -ffe3 324,200:1 324,200:0"; got != want {
		t.Errorf("the device gets\n%s\nwant\n%s", got, want)
	}
}

// Nothing goes to the device of somebody who may only look; the keys move the
// picture.
func TestTheScreenIsOnlySeen(t *testing.T) {
	d := &device{}
	_, err := showing(t, kittyAnswers(), d, func(_ *Terminal, o *talker, _ *rfb.Screen, _ *rfb.Frame) {
		o.typed("a", "+", "+", "\x1b[C", "\x1b[<0;300;100M", "\x1b[<32;200;100M", "\x1b[<0;200;100m", "\x1b[<64;50;50M", "\x1b[200~rm\r\x1b[201~", "-", "1", "0", "?", "?")
		o.typed("\x03")
	})
	if !errors.Is(err, ErrLeft) || d.say() != "" {
		t.Errorf("%v, the device gets %q", err, d.say())
	}
	if _, err = showing(t, nil, d, func(_ *Terminal, o *talker, _ *rfb.Screen, _ *rfb.Frame) { o.typed("q") }); !errors.Is(err, ErrBack) {
		t.Errorf("q: %v", err)
	}
}

// When control is taken back, what was down goes up, and nothing more comes.
func TestControlIsTakenBack(t *testing.T) {
	d := &device{control: true}
	_, err := showing(t, kittyAnswers(), d, func(_ *Terminal, o *talker, _ *rfb.Screen, _ *rfb.Frame) {
		o.typed("\x1b[97;;97u", "\x1b[<0;101;101M")
		d.set(false, "")
		awhile()
		o.typed("\x1b[98;;98u", "\x1b[<32;121;101M")
		d.set(true, "")
		awhile()
		o.typed("\x1b[99;;99u")
		d.set(true, "paused")
		awhile()
		o.typed("\x1b[100;;100u", "\x1b[200~x\x1b[201~", "\x1b[93;5u", "\x1b[113;;113u")
	})
	if want := "+61 83,109:1 -61 83,109:0 +63 -63"; !errors.Is(err, ErrBack) || d.say() != want {
		t.Errorf("%v, the device gets %q, want %q", err, d.say(), want)
	}
}

// A frozen screen is darker, and says why.
func TestAFrozenScreenIsDimmed(t *testing.T) {
	d := &device{}
	_, _ = showing(t, nil, d, func(_ *Terminal, o *talker, _ *rfb.Screen, _ *rfb.Frame) {
		if !strings.Contains(o.String(), "48;5;255") && !strings.Contains(o.String(), "48;5;231") {
			t.Errorf("no white in %q", o.String())
		}
		d.set(false, "The user has paused.")
		before := len(o.String())
		awhile()
		if now := o.String()[before:]; !strings.Contains(now, "The user has paused.") || strings.Contains(now, "8;5;231") {
			t.Errorf("drawn: %q", now)
		}
		o.typed("q")
	})
}

// What changes is drawn, and only that; and only the last of many changes while
// the terminal is slow.
func TestChangesAreDrawn(t *testing.T) {
	d := &device{}
	_, _ = showing(t, nil, d, func(_ *Terminal, o *talker, s *rfb.Screen, f *rfb.Frame) {
		before := len(o.String())
		f.Fill(image.Rect(320, 200, 330, 210), 0, 0, 255)
		s.Commit(f, rfb.Damage{Rects: []image.Rectangle{image.Rect(320, 200, 330, 210)}})
		awhile()
		if n := len(o.String()) - before; n == 0 || n > 300 {
			t.Errorf("%d bytes for a small change", n)
		}
		before = len(o.String())
		for i := range 1000 {
			f.Fill(f.Bounds(), byte(i), byte(i/2), 7)
			s.Commit(f, rfb.Damage{Rects: []image.Rectangle{f.Bounds()}})
		}
		awhile()
		if n := len(o.String()) - before; n > 20_000 {
			t.Errorf("%d bytes for a thousand pictures at once", n)
		}
		o.typed("q")
	})
}

func TestTheWindowChanges(t *testing.T) {
	d := &device{}
	_, _ = showing(t, kittyAnswers(), d, func(term *Terminal, o *talker, _ *rfb.Screen, _ *rfb.Frame) {
		for _, c := range []struct {
			size Size
			want string
		}{{Size{19, 20}, "small"}, {Size{1, 1}, "T"}, {Size{40, 12}, "a=T"}, {Size{200, 60}, "a=T"}} {
			before := len(o.String())
			term.Window.Set(c.size)
			awhile()
			if now := o.String()[before:]; !strings.Contains(now, c.want) {
				t.Errorf("at %v: %.200q", c.size, now)
			}
		}
		before := len(o.String())
		o.typed("\x1b[6;32;16t") // its font is larger now
		awhile()
		if now := o.String()[before:]; !strings.Contains(now, "s=256,v=128") {
			t.Errorf("with larger cells: %.300q", now)
		}
		o.typed("q")
	})
}

func TestTheFirstPictureIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		term, o, end := newTalker(kittyAnswers(), 0)
		s := rfb.NewScreen()
		done := make(chan error)
		go func() { done <- ShowScreen(t.Context(), term, ScreenShow{Screen: s, Device: "laptop-7"}) }()
		awhile()
		if !strings.Contains(o.String(), "Waiting for the first picture of laptop-7") || strings.Contains(o.String(), "a=T") {
			t.Errorf("%q", o.String())
		}
		_, f := desktop(t, 100, 100)
		s.Commit(f, rfb.Damage{})
		awhile()
		if !strings.Contains(o.String(), "a=T") {
			t.Error("it is not drawn when it comes")
		}
		o.typed("q")
		if err := <-done; !errors.Is(err, ErrBack) {
			t.Error(err)
		}
		end()
		checkRestored(t, o.String())
	})
}

func TestTheScreenEnds(t *testing.T) {
	gone := errors.New("the visit is over")
	synctest.Test(t, func(t *testing.T) {
		term, o, end := newTalker(kittyAnswers(), 0)
		s, _ := desktop(t, 64, 64)
		ctx, cancel := context.WithCancelCause(t.Context())
		done := make(chan error)
		go func() { done <- ShowScreen(ctx, term, ScreenShow{Screen: s}) }()
		awhile()
		cancel(gone)
		if err := <-done; !errors.Is(err, gone) {
			t.Error(err)
		}
		end()
		checkRestored(t, o.String())
	})
	synctest.Test(t, func(t *testing.T) {
		term, o, end := newTalker(kittyAnswers(), 0)
		s, _ := desktop(t, 64, 64)
		done := make(chan error)
		go func() { done <- ShowScreen(t.Context(), term, ScreenShow{Screen: s}) }()
		awhile()
		_ = o.keys.Close()
		if err := <-done; !errors.Is(err, ErrLeft) {
			t.Errorf("a closed keyboard: %v", err)
		}
		end()
		checkRestored(t, o.String())
	})
	synctest.Test(t, func(t *testing.T) {
		term, o, end := newTalker(kittyAnswers(), 0)
		s, f := desktop(t, 64, 64)
		term.Out = &breaking{Writer: o}
		done := make(chan error)
		go func() { done <- ShowScreen(t.Context(), term, ScreenShow{Screen: s}) }()
		awhile()
		f.Fill(f.Bounds(), 9, 9, 9)
		s.Commit(f, rfb.Damage{Rects: []image.Rectangle{f.Bounds()}})
		if err := <-done; !errors.Is(err, ErrLeft) {
			t.Errorf("a broken terminal: %v", err)
		}
		end()
	})
}

// breaking fails with the first picture.
type breaking struct{ io.Writer }

func (b *breaking) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "a=T") {
		return 0, io.ErrClosedPipe
	}
	return b.Writer.Write(p)
}

func TestNoPictureWithoutATerminal(t *testing.T) {
	for _, env := range []string{"TERM=dumb", "NO_COLOR=1", "ACCORD_PLAIN=1"} {
		out := onTerminal(t, []string{"TERM=xterm", env}, "\r", func(ctx context.Context, term *Terminal) {
			s, _ := desktop(t, 64, 64)
			if err := ShowScreen(ctx, term, ScreenShow{Screen: s, Device: "laptop-7"}); !errors.Is(err, ErrBack) {
				t.Errorf("%s: %v", env, err)
			}
		})
		if !strings.Contains(out, "ssh -L 5901:screen:5900") {
			t.Errorf("%s: %q", env, out)
		}
	}
}

// screenAt is a model that has drawn once, and what is around its picture.
func screenAt(t *testing.T, lang string, size Size, change func(*screenModel)) string {
	t.Helper()
	s, _ := desktop(t, 640, 400)
	p := page{ph: PhrasesFor(lang), width: size.Width, height: size.Height}
	m := newScreenModel(p, ScreenShow{Screen: s, Device: "laptop-7", Title: "ada on laptop-7"}, abilities{Means: picture.Means{Colours: 256}})
	defer m.hands.close()
	view := s.View()
	defer view.Close()
	change(m)
	m.draw(view, 1<<20)
	rows := m.rows()
	lines := make([]string, size.Height)
	picture := m.painter.Lines()
	for y := range lines {
		lines[y] = rows[y]
		if at := y - m.painter.Place().Cells.Min.Y; rows[y] == "" && at >= 0 && at < len(picture) {
			lines[y] = strings.Repeat(" ", m.painter.Place().Cells.Min.X) + picture[at]
		}
	}
	return strings.Join(lines, "\n")
}

func TestScreenGoldens(t *testing.T) {
	control := func(m *screenModel) { m.control = true }
	for name, change := range map[string]func(*screenModel){
		"view":    func(*screenModel) {},
		"control": control,
		"local":   func(m *screenModel) { control(m); m.local = true },
		"frozen": func(m *screenModel) {
			control(m)
			m.frozen = m.ph.Say("ScreenFrozen", "Device", "laptop-7")
		},
		"help-view":    func(m *screenModel) { m.help = true },
		"help-control": func(m *screenModel) { control(m); m.help = true },
		"banner":       func(m *screenModel) { m.banner = "Override 7: ada asks for kiosk-2" },
		"told":         func(m *screenModel) { m.told = m.ph.Say("ScreenPasteLong", "N", pasteMost) },
	} {
		for _, size := range []Size{{80, 24}, {40, 12}} {
			for _, lang := range []string{"en", "fr"} {
				view := screenAt(t, lang, size, change)
				mustFit(t, view, size)
				golden(t, fmt.Sprintf("screen-%s-%s-%dx%d", name, lang, size.Width, size.Height), view)
			}
		}
	}
}

func TestTooSmallWindows(t *testing.T) {
	for w := 1; w < 24; w++ {
		for h := 1; h < 7; h++ {
			mustFit(t, screenAt(t, "fr", Size{w, h}, func(m *screenModel) { m.frozen = "La pause dure encore un peu." }), Size{w, h})
		}
	}
}

// Zooming goes through the sizes and back, and ends at the whole screen.
func TestZoom(t *testing.T) {
	s, _ := desktop(t, 640, 400)
	m := newScreenModel(page{ph: PhrasesFor("en"), width: 80, height: 24}, ScreenShow{Screen: s}, abilities{Means: picture.Means{Colours: 16}})
	defer m.hands.close()
	view := s.View()
	defer view.Close()
	m.look(view)
	var seen []string
	note := func(key string) {
		m.handle(tea.KeyPressMsg{Code: []rune(key)[0], Text: key}, time.Time{})
		m.look(view)
		seen = append(seen, fmt.Sprintf("%.3g", m.painter.Place().Zoom))
	}
	for _, k := range strings.Split("+ + - - - 1 - 0 - +", " ") {
		note(k)
	}
	if got, want := strings.Join(seen, " "), "0.125 0.167 0.125 0.115 0.115 1 0.667 0.115 0.115 0.125"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for range 30 {
		note("+")
	}
	if z := m.painter.Place().Zoom; z != 8 {
		t.Errorf("the largest is %g", z)
	}
	corner := m.painter.Place().Source.Min
	for _, code := range []rune{tea.KeyLeft, tea.KeyUp, tea.KeyRight, tea.KeyDown} {
		m.handle(tea.KeyPressMsg{Code: code}, time.Time{})
	}
	m.look(view)
	if now := m.painter.Place().Source.Min; now != corner {
		t.Errorf("there and back: %v, not %v", now, corner)
	}
	for range 500 {
		m.handle(tea.KeyPressMsg{Code: tea.KeyLeft}, time.Time{})
		m.look(view)
	}
	m.handle(tea.KeyPressMsg{Code: tea.KeyRight}, time.Time{})
	m.look(view)
	if now := m.painter.Place().Source.Min; now.X == 0 {
		t.Error("beyond the edge it goes on counting")
	}
}

// After a move in control the next one needs no prefix, for a second.
func TestMovesRepeat(t *testing.T) {
	d := &device{control: true}
	s, _ := desktop(t, 640, 400)
	m := newScreenModel(page{ph: PhrasesFor("en"), width: 80, height: 24}, d.show(s), abilities{Means: picture.Means{Colours: 16}})
	m.control = true
	view := s.View()
	defer view.Close()
	m.look(view)
	start := time.Now()
	press := func(after time.Duration, code rune, mod tea.KeyMod) {
		k := tea.KeyPressMsg{Code: code, Mod: mod}
		if mod == 0 && code < 127 {
			k.Text = string(code)
		}
		m.handle(k, start.Add(after))
		m.look(view)
	}
	press(0, ']', tea.ModCtrl)
	press(0, '+', 0)
	press(900*time.Millisecond, '+', 0)
	press(1800*time.Millisecond, 'x', 0) // no move: typed
	press(1900*time.Millisecond, '+', 0) // and so is this
	press(2*time.Second, ']', tea.ModCtrl)
	press(2*time.Second, '-', 0)
	press(3100*time.Millisecond, '-', 0) // too late: typed
	m.hands.close()
	if got := d.say(); got != "+78 -78 +2b -2b +2d -2d" {
		t.Errorf("the device gets %q", got)
	}
	if z := m.painter.Place().Zoom; z != 0.125 {
		t.Errorf("the zoom is %g", z)
	}
}

// A device that takes nothing holds up neither the screen nor its memory.
func TestASlowDevice(t *testing.T) {
	stop, got := make(chan struct{}), 0
	var last gesture
	h := newHands(func(bool, uint32) { <-stop; got++ }, func(x, y int, b uint8) { last = gesture{x: x, y: y, buttons: b} })
	for range 3 * gesturesMost {
		h.key(true, 'a')
		h.key(false, 'a')
	}
	for i := range 1000 {
		h.pointer(i, i, 0)
	}
	h.mu.Lock()
	n := len(h.queue)
	h.mu.Unlock()
	if n > 5*gesturesMost {
		t.Errorf("%d wait", n)
	}
	close(stop)
	h.close()
	h.key(true, 'b')
	if last.x != 999 || got == 0 {
		t.Errorf("last at %d, after %d keys", last.x, got)
	}
}

func TestMouseInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &device{control: true}
		s, _ := desktop(t, 640, 400)
		able := abilities{Means: picture.Means{Way: picture.Kitty, Cell: image.Pt(8, 16)}}
		able.pixels = true
		m := newScreenModel(page{ph: PhrasesFor("en"), width: 80, height: 26}, d.show(s), able)
		m.control = true
		view := s.View()
		defer view.Close()
		m.look(view)
		at := func(x, y int, b tea.MouseButton) tea.Mouse { return tea.Mouse{X: x, Y: y, Button: b} }
		for _, msg := range []tea.Msg{
			tea.MouseClickMsg(at(0, 0, tea.MouseLeft)), tea.MouseClickMsg(at(0, 0, tea.MouseRight)), tea.MouseReleaseMsg(at(0, 0, tea.MouseLeft)),
			tea.MouseMotionMsg(at(7000, 9000, tea.MouseRight)), // dragged out: at the edge
			tea.MouseMotionMsg(at(5, 5, tea.MouseNone)),        // its release was not seen
			tea.MouseClickMsg(at(5, 401, tea.MouseLeft)),       // the status line
			tea.MouseWheelMsg(at(5, 5, tea.MouseWheelLeft)),
			tea.MouseClickMsg(at(5, 5, tea.MouseBackward)), // RFB has no such button
		} {
			m.handle(msg, time.Time{})
			synctest.Wait()
		}
		m.hands.close()
		if got, want := d.say(), "0,0:1 0,0:5 0,0:4 639,399:4 5,5:0 5,5:32 5,5:0"; got != want {
			t.Errorf("the device gets %v, want %v", got, want)
		}
	})
}

// m goes from monitor to monitor and back to all; the zoom stays within the one
// that is shown, and one that is unplugged is not chosen any more.
func TestMonitors(t *testing.T) {
	s, _ := desktop(t, 640, 400)
	left, right := image.Rect(0, 0, 400, 400), image.Rect(400, 100, 640, 400)
	plug := func(list ...image.Rectangle) {
		s.Change(func(st rfb.State) rfb.State {
			st.Monitors = nil
			for _, r := range list {
				st.Monitors = append(st.Monitors, rfb.Monitor{Bounds: r})
			}
			return st
		})
	}
	plug(left, right)
	m := newScreenModel(page{ph: PhrasesFor("en"), width: 80, height: 24}, ScreenShow{Screen: s, Monitor: 2}, abilities{Means: picture.Means{Colours: 16}})
	defer m.hands.close()
	view := s.View()
	defer view.Close()
	whole := image.Rect(0, 0, 640, 400)
	shows := func(want image.Rectangle, told string) {
		t.Helper()
		m.look(view)
		if got := m.painter.Place().Source; got != want || m.told != told {
			t.Errorf("%v is shown, not %v; %q, not %q", got, want, m.told, told)
		}
	}
	press := func(code rune) { m.handle(tea.KeyPressMsg{Code: code, Text: string(code)}, time.Time{}) }
	shows(right, "")
	press('m')
	shows(whole, "All 2 monitors.")
	press('m')
	shows(left, "Monitor 1 of 2.")
	for range 3 {
		press('+')
		m.look(view)
	}
	for range 50 {
		m.handle(tea.KeyPressMsg{Code: tea.KeyRight}, time.Time{})
		m.look(view)
	}
	if got := m.painter.Place().Source; got.Max.X != left.Max.X || !got.In(left) {
		t.Errorf("beyond the monitor: %v", got)
	}
	press('0')
	shows(left, "")
	plug(right)
	shows(right, "")
	plug()
	shows(whole, "")
	press('m')
	shows(whole, "The screen is not divided into several monitors.")
}
