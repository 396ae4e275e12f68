package tui

import (
	"errors"
	"strings"
	"testing"
)

// TestPickWork: a key for each kind of work, and one that ends the visit; Ctrl-C
// leaves; other keys do nothing.
func TestPickWork(t *testing.T) {
	for keys, want := range map[string]struct {
		work Work
		err  error
	}{
		"1":        {WorkShell, nil},
		"enter":    {WorkShell, nil},
		"x 9 2":    {WorkScreen, nil},
		"esc q":    {0, ErrBack},
		"ctrl+c":   {0, ErrLeft},
		"space up": {0, nil},

		"down enter":                {WorkScreen, nil},
		"down down up up enter":     {WorkShell, nil},
		"down down down down enter": {0, ErrBack},
	} {
		s := typed(&workScreen{page: testPage(), device: "laptop-7"}, strings.Fields(keys)...)
		if s.done == (keys == "space up") || s.work != want.work || !errors.Is(s.err, want.err) {
			t.Errorf("%q: done %v, %v, %v", keys, s.done, s.work, s.err)
		}
	}
}

// TestWatchedScreen: who watches asks for the screen by a key, with hands only
// where the visit allows it, and not where it is not open.
func TestWatchedScreen(t *testing.T) {
	scene := testScene()
	closed := scene
	scene.Screen = true
	for name, c := range map[string]struct {
		w    Watching
		key  string
		want *ScreenWanted
		told string
	}{
		"look":      {Watching{Scene: scene}, "v", &ScreenWanted{}, ""},
		"hands":     {Watching{Scene: scene, MayType: true}, "c", &ScreenWanted{Hands: true}, ""},
		"may not":   {Watching{Scene: scene, WhyNot: "Not here."}, "c", nil, "Not here."},
		"closed":    {Watching{Scene: closed, MayType: true}, "v", nil, ""},
		"closed, c": {Watching{Scene: closed, MayType: true}, "c", nil, ""},
	} {
		s := newWatchScreen(testPage(), c.w)
		s.act = nil // nothing is done by asking
		typed(s, c.key)
		if (s.wants == nil) != (c.want == nil) || s.wants != nil && *s.wants != *c.want || s.done != (c.want != nil) || s.told != c.told {
			t.Errorf("%s: %+v, done %v, told %q", name, s.wants, s.done, s.told)
		}
	}
}
