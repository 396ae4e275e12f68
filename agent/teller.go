package agent

import "accord/wire"

// teller tells the gateway how the prompt fares without ever making the desk
// wait: a gateway that does not read must not keep a user from the stop key.
// Of states that pile up only the newest is told.
type teller struct {
	states chan wire.Prompt
	done   chan struct{}
}

func newTeller(conn *wire.Conn) *teller {
	t := &teller{states: make(chan wire.Prompt, 1), done: make(chan struct{})}
	go func() {
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

// stop ends the telling. A state that is being sent arrives before whatever is
// written to the connection next.
func (t *teller) stop() { close(t.done) }
