package gateway

import (
	"slices"
	"strings"
	"sync"
	"time"

	"accord/recordings"
	"accord/tui"
	"accord/wire"
)

// eventPrompt is the kind of event on a recording's timeline that tells how the
// prompt fared.
const eventPrompt = "prompt"

// promptsKept bounds what is kept of one prompt: a device may tell without end.
const promptsKept = 32

// prompting is how a prompt on a device fares, for those who wait for its answer.
type prompting struct {
	mu    sync.Mutex
	state tui.WaitState
	moved chan struct{} // closed and replaced when state changes
	begun time.Time
	past  []prompted // all that was told, for the recording
}

// prompted is one state, when the device told it.
type prompted struct {
	After   float64 `json:"after"` // seconds since it was asked
	State   string  `json:"state"` // of [wire.State]
	Surface string  `json:"surface,omitempty"`
}

func newPrompting() *prompting {
	return &prompting{state: tui.WaitState{Phase: tui.PhaseAsking}, moved: make(chan struct{}), begun: time.Now()}
}

// tell is the device's word.
func (p *prompting) tell(m *wire.Prompt) {
	p.mu.Lock()
	defer p.mu.Unlock()
	on, locked := strings.CutSuffix(m.Surface, wire.ScreenLocked)
	p.state = tui.WaitState{Phase: phase(m.State), Surface: on, Locked: locked}
	close(p.moved)
	p.moved = make(chan struct{})
	is := prompted{time.Since(p.begun).Round(time.Millisecond).Seconds(), string(m.State), m.Surface}
	if n := len(p.past); n < promptsKept && (n == 0 || p.past[n-1].State != is.State || p.past[n-1].Surface != is.Surface) {
		p.past = append(p.past, is)
	}
}

// record puts on the timeline where the request was shown and read, and where it
// was answered.
func (p *prompting) record(rec *recordings.Recording, answered string) error {
	p.mu.Lock()
	past := slices.Clone(p.past)
	p.mu.Unlock()
	if len(past) == 0 {
		return nil // nobody was asked
	}
	return rec.Event(eventPrompt, struct {
		States   []prompted `json:"states"`
		Answered string     `json:"answered"`
	}{past, answered})
}

// now is the state, and a channel that is closed when that changes.
func (p *prompting) now() (tui.WaitState, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state, p.moved
}
