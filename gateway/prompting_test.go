package gateway

import (
	"testing"

	"accord/tui"
	"accord/wire"
)

// TestPromptOnLockedScreen: the surface is known by its name, whatever stands behind
// that, and a device's word that makes no sense is no lock.
func TestPromptOnLockedScreen(t *testing.T) {
	for surface, want := range map[string]tui.WaitState{
		"window locked":  {Phase: tui.PhaseShown, Surface: "window", Locked: true},
		"window":         {Phase: tui.PhaseShown, Surface: "window"},
		"locked":         {Phase: tui.PhaseShown, Surface: "locked"},
		"locked windows": {Phase: tui.PhaseShown, Surface: "locked windows"},
	} {
		p := newPrompting()
		p.tell(&wire.Prompt{State: wire.Shown, Surface: surface})
		if got, _ := p.now(); got != want {
			t.Errorf("%q is %+v", surface, got)
		}
		if p.past[0].Surface != surface {
			t.Errorf("the recording has %q, not %q", p.past[0].Surface, surface)
		}
	}
}
