package gateway

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"accord/tui"
	"accord/wire"
)

// What a visit may do only ever becomes less, whatever the device says.
func TestReducedIsNeverMore(t *testing.T) {
	all := []wire.Capability{wire.Shell, wire.FilesGet, wire.FilesPut, wire.ScreenView}
	some := rapid.SliceOfDistinct(rapid.SampledFrom(all), func(c wire.Capability) wire.Capability { return c })
	rapid.Check(t, func(t *rapid.T) {
		granted := some.Draw(t, "granted")
		v := &visit{consent: &wire.Consent{Granted: granted}}
		left := slices.Clone(granted)
		for range rapid.IntRange(0, 5).Draw(t, "times") {
			said := some.Draw(t, "left")
			got := v.changes.reduce(granted, said)
			left = slices.DeleteFunc(left, func(c wire.Capability) bool { return !slices.Contains(said, c) })
			if !slices.Equal(got, left) {
				t.Fatalf("left are %v, want %v", got, left)
			}
		}
		for _, c := range all {
			if v.grants(c) != slices.Contains(left, c) {
				t.Fatalf("%s: %v, left are %v", c, v.grants(c), left)
			}
		}
	})
}

// A notice is said in the technician's words.
func TestSentenceOfAChange(t *testing.T) {
	ph := tui.PhrasesFor("en")
	for key, args := range map[string][]any{
		"GwPaused": nil, "GwResumed": nil, "GwUserTypes": nil, "GwUserQuiet": nil,
		"GwReduced": {"Left", []wire.Capability{wire.FilesGet}},
	} {
		if got := sentenceOf(ph, key, args); got == "" || got == key || bytes.Contains([]byte(got), []byte("<no value>")) {
			t.Errorf("%s: %q", key, got)
		}
	}
	if got := sentenceOf(ph, "GwReduced", []any{"Left", []wire.Capability{wire.FilesGet}}); got != "Accord: the user took something back. What is left: fetch files." {
		t.Errorf("%q", got)
	}
}
