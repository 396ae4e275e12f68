package gateway

import (
	"accord/recordings"
	"accord/recordings/rfb"
)

// filmed is the recorder of a visit's screen, as the hub sees it.
type filmed struct {
	*recordings.Frames
	input bool // which keys, and what is copied to the device, is kept
}

// recordScreen begins to record a screen.
func (v *visit) recordScreen(s *rfb.Screen) (filmed, error) {
	frames, err := v.rec.Frames(recordings.FramesInfo{Name: v.home.device.Name}, s)
	return filmed{frames, v.req.Input}, err
}

// keyMark says which key it was, for visits whose input is recorded.
type keyMark struct {
	Kind   string `json:"kind"`
	Down   bool   `json:"down"`
	Keysym uint32 `json:"keysym"` // of X11
}

// Key notes that a key was pressed; which one only where the visit says so.
func (f filmed) Key(down bool, keysym uint32) {
	f.Frames.Key()
	if f.input {
		f.Mark(keyMark{"key", down, keysym})
	}
}

// Clip notes a text. What is copied from the device is its user's, and never
// kept.
func (f filmed) Clip(in bool, text string) { f.Frames.Clip(in, text, in && f.input) }
