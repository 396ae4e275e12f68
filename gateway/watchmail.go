package gateway

import (
	"errors"
	"sync"

	"accord/wire"
)

// saidMost is how many lines wait for a device that does not read.
const saidMost = 16

// errDeaf is a line that a device did not take.
var errDeaf = errors.New("the device does not take lines at the moment; try again")

// mail is what waits to be told to the device in an open visit: of the head and
// of who is there only the newest, of what was said every line, in order.
// Nobody who leaves something waits for the device.
type mail struct {
	due chan struct{} // one token while something waits

	mu       sync.Mutex
	head     *wire.Head
	presence *wire.Presence
	asks     []wire.Message // for more, and that it is taken back
	said     []*wire.Say
}

func newMail() *mail { return &mail{due: make(chan struct{}, 1)} }

func (m *mail) leave(put func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	put()
	select {
	case m.due <- struct{}{}:
	default:
	}
}

func (m *mail) leaveHead(h wire.Head) { m.leave(func() { m.head = &h }) }

// leavePresence asks who is there only now, so that an older answer never
// takes the place of a newer one.
func (m *mail) leavePresence(who func() []wire.Watcher) {
	m.leave(func() { m.presence = &wire.Presence{Watchers: who()} })
}

func (m *mail) leaveSay(s *wire.Say) (err error) {
	m.leave(func() {
		if len(m.said) >= saidMost {
			err = errDeaf
			return
		}
		m.said = append(m.said, s)
	})
	return err
}

// leaveAsk puts a question for more on its way, or takes it back. One is asked
// at a time, so that few wait.
func (m *mail) leaveAsk(q wire.Message) { m.leave(func() { m.asks = append(m.asks, q) }) }

// next takes what is to be told next, or nil.
func (m *mail) next() (next wire.Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.head != nil:
		next, m.head = m.head, nil
	case m.presence != nil:
		next, m.presence = m.presence, nil
	case len(m.asks) > 0:
		next, m.asks = m.asks[0], m.asks[1:]
	case len(m.said) > 0:
		next, m.said = m.said[0], m.said[1:]
	}
	return next
}

// deliver tells the device what was left for it, until stop is closed. A device
// that does not read keeps only this waiting, not the end of the visit.
func (v *visit) deliver(stop <-chan struct{}) {
	for {
		select {
		case <-v.mail.due:
		case <-stop:
			return
		}
		for m := v.mail.next(); m != nil; m = v.mail.next() {
			if err := v.conn.Write(m); err != nil {
				v.end(ending{byLink, "The connection to the device was lost."})
				return
			}
		}
	}
}
