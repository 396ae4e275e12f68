package agent

import (
	"testing"

	"accord/wire"
)

// TestHandsOffThePrompt: the attack is a technician with the mouse and the keyboard
// of the screen, who asks for more and answers the request themselves, in the window
// that opens before them. While somebody is asked, nothing of theirs gets through.
func TestHandsOffThePrompt(t *testing.T) {
	on := desktop(t)
	e := newEvil(t, func(o *Options) {
		powered(o)
		o.Config.Screen.Server, o.Config.Screen.Display, o.Config.Screen.Start = screenStart, on, []string{"x11vnc"}
	})
	l, p := e.link(), e.sit()
	v := l.openFor(p, wire.ScreenView, wire.ScreenControl)
	seen := l.look(v.req.Visit)
	move := func(x int, where string) {
		eventually(t, "the mouse is at "+where, func() bool {
			if err := seen.client.Pointer(x, 45, 0); err != nil {
				t.Fatal(err)
			}
			return pointerAt(t, on) == where
		})
	}
	move(123, "x:123 y:45")
	v.write(moreOf("action:beep"))
	asked := p.asked()
	for x := 200; x < 220; x++ {
		if err := seen.client.Pointer(x, 45, 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := seen.client.Pointer(123, 45, 0); err != nil {
		t.Fatal(err)
	}
	if at := pointerAt(t, on); at != "x:123 y:45" {
		t.Errorf("the technician's mouse is at %s while the user is asked", at)
	}
	if !e.agent.desk.prompted.Load() {
		t.Error("nobody is asked any more")
	}
	p.give(asked.ID, approval("action:beep"))
	l.answer(v)
	move(300, "x:300 y:45")
}

func TestCheckSurfaces(t *testing.T) {
	for _, good := range [][]string{nil, {}, allSurfaces(), {surfaceLine, surfaceTmux}} {
		if err := checkSurfaces(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range [][]string{{""}, {"popup"}, {surfaceTmux, surfaceTmux}, {"Tmux"}} {
		if err := checkSurfaces(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
