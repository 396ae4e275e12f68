package agent

import (
	"bufio"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"accord/tui"
)

// maxKeys bounds what is typed at once, in bytes: a paste is cut to it.
const maxKeys = 4 << 10

// mirror serves a screen that shows a visit's terminals, and takes what the
// user types into them. It is a connection of its own: a screen that does not
// read holds up nothing but itself.
func (c *client) mirror(visit string, in *bufio.Scanner) {
	if err := c.desk.admits(c); err != nil {
		c.write(toClient{Error: err.Error()})
		return
	}
	c.desk.mu.Lock()
	v := c.desk.visits[visit]
	c.desk.mu.Unlock()
	if v == nil {
		c.write(toClient{Error: fmt.Sprintf("no visit %.40q is open on this device", visit)})
		return
	}
	left := make(chan struct{})
	var helpers sync.WaitGroup
	helpers.Go(func() {
		defer func() { _ = c.conn.Close() }() // so that nobody waits for a line
		c.show(v, left)
	})
	helpers.Go(func() {
		select {
		case <-v.over:
			_ = c.conn.Close()
		case <-left:
		}
	})
	for {
		m, err := c.next(in)
		if err != nil {
			break
		}
		if m.Op == opType && len(m.Keys) <= maxKeys {
			if err := v.userTypes(m.Shell, m.Keys); err != nil {
				c.desk.agent.log.Debug("typing of the user was not taken", "visit", visit, "error", err)
			}
		}
	}
	close(left)
	_ = c.conn.Close()
	helpers.Wait()
}

// show sends what the terminals show until the screen has left.
func (c *client) show(v *visit, left <-chan struct{}) {
	w := v.mirror.watch(v.id())
	defer w.leave()
	pace := time.NewTicker(mirrorEvery)
	defer pace.Stop()
	for {
		events, more := w.next(time.Now())
		for i := range events {
			if !c.frame(&events[i]) {
				return
			}
		}
		if !more {
			select {
			case <-w.wake:
			case <-left:
				return
			}
		}
		select {
		case <-pace.C:
		case <-left:
			return
		}
	}
}

// frame sends one event; false when that can't be. A screen may take as long as
// it likes: the visit's end closes the connection.
func (c *client) frame(e *tui.Mirrored) bool {
	text, err := json.Marshal(toClient{Mirrored: e})
	if err == nil {
		_, err = c.conn.Write(append(text, '\n'))
	}
	return err == nil
}
