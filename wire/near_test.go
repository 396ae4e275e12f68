package wire

import (
	"testing"

	"pgregory.net/rapid"
)

func TestNear(t *testing.T) {
	known := []string{"laptop-7", "laptop-8", "till-3", "devices", "device", "visits", "play", "pushes"}
	for word, want := range map[string]string{
		"latpop-7": "laptop-7", "laptop-77": "laptop-7", "laptop-9": "", "til-3": "till-3", "visit": "visits", "vists": "visits",
		"plya": "play", "p": "", "": "", "till-3": "till-3", "audit": "", "devicse": "", "vistis": "visits", "pay": "play", "xy": "",
	} {
		if got := Near(word, known); got != want {
			t.Errorf("%q is near %q, want %q", word, got, want)
		}
	}
	if got := Near("ab", []string{"abc", "abc"}); got != "abc" {
		t.Errorf("a word that is known twice: %q", got)
	}
}

// TestSlips: a distance is the same both ways, and nought only for the same word.
func TestSlips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[abc]{0,6}`)
		a, b := word.Draw(t, "a"), word.Draw(t, "b")
		if slips(a, b) != slips(b, a) || (slips(a, b) == 0) != (a == b) || slips(a, b) > max(len(a), len(b)) {
			t.Errorf("%q and %q: %d, %d", a, b, slips(a, b), slips(b, a))
		}
	})
}
