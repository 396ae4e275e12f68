package gateway

import (
	"sync"

	"accord/tui"
	"accord/wire"
)

// prompting is how a prompt on a device fares, for those who wait for its answer.
type prompting struct {
	mu    sync.Mutex
	state tui.WaitState
	moved chan struct{} // closed and replaced when state changes
}

func newPrompting() *prompting {
	return &prompting{state: tui.WaitState{Phase: tui.PhaseAsking}, moved: make(chan struct{})}
}

// tell is the device's word.
func (p *prompting) tell(m *wire.Prompt) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = tui.WaitState{Phase: phase(m.State), Surface: m.Surface}
	close(p.moved)
	p.moved = make(chan struct{})
}

// now is the state, and a channel that is closed when that changes.
func (p *prompting) now() (tui.WaitState, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state, p.moved
}
