package agent

import "accord/wire"

// teller tells the gateway how the prompt fares without ever making the desk
// wait: a gateway that does not read must not keep a user from the stop key.
// Of states that pile up only the newest is told.
type teller struct {
	states chan wire.Prompt
	done   chan struct{}
	silent chan struct{} // closed when it sends nothing any more
}

func newTeller(conn *wire.Conn) *teller {
	t := &teller{states: make(chan wire.Prompt, 1), done: make(chan struct{}), silent: make(chan struct{})}
	go func() {
		defer close(t.silent)
		for {
			select {
			case s := <-t.states:
				if conn.Write(&s) != nil {
					return // the visit's reader finds out by itself
				}
			case <-t.done:
				return
			}
		}
	}()
	return t
}

// tell is called by one goroutine at a time.
func (t *teller) tell(s wire.Prompt) {
	select {
	case <-t.states:
	default:
	}
	select {
	case t.states <- s:
	default:
	}
}

// stop ends the telling, without waiting for a state that is being sent. Before
// the answer is written silent must be closed: a state after it is out of order
// and would cost the visit.
func (t *teller) stop() { close(t.done) }
