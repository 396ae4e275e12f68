package gateway

import (
	"crypto/sha256"
	"encoding/hex"

	"accord/gateway/hub"
	"accord/tui"
)

// What is done with the screen of a visit stands in its recording before it is
// done. What the screen shows, and keys and mouse, are in the frame log.

// Kinds of events on a recording's timeline that this makes.
const (
	eventViewer    = "viewer"      // somebody begins or ends to look at the screen
	eventScreen    = "screen.over" // why a screen has ended
	eventClipboard = "clipboard"   // a text was copied
)

// screenTaken is why a screen ended.
const screenTaken = "The user took the screen back."

// phrases are for what has no language of its own: a VNC viewer says none.
func (v *visit) phrases() *tui.Phrases { return tui.PhrasesFor("") }

// looks notes that somebody begins to look; over is called when they have ended.
func (v *visit) looks(l looker) (over func(), err error) {
	if err := v.noteLooker(l, begins); err != nil {
		return nil, err
	}
	return func() { _ = v.noteLooker(l, ends) }, nil // a recording that failed has ended the visit
}

func (v *visit) noteLooker(l looker, what string) error {
	return v.noteScreen(eventViewer, struct {
		What   string `json:"what"`
		Kind   string `json:"kind"`
		Name   string `json:"name"`
		Client string `json:"client,omitempty"`
	}{what, l.kind, l.person.Name, l.person.client})
}

// clipped notes a text on its way, by its length and digest.
func (v *visit) clipped(l looker, c hub.Clip) error {
	what := "get"
	if c.In {
		what = "put"
	}
	sum := sha256.Sum256([]byte(c.Text))
	return v.noteScreen(eventClipboard, struct {
		What   string `json:"what"`
		Name   string `json:"name"`
		Bytes  int    `json:"bytes"`
		SHA256 string `json:"sha256"`
	}{what, l.person.Name, len(c.Text), hex.EncodeToString(sum[:])})
}

// noteScreen puts an event on the timeline; a recording that can't take it ends
// the visit.
func (v *visit) noteScreen(kind string, data any) error {
	err := v.rec.Event(kind, data)
	if ended(err) != nil {
		v.end(cannotRecord(err))
	}
	return err
}
