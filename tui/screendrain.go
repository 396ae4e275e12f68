package tui

import (
	"io"
	"time"
)

const (
	// drawEvery is the least time between two pictures; for sixels, of which a
	// small change takes many, it is sixelEvery.
	drawEvery  = 50 * time.Millisecond
	sixelEvery = 200 * time.Millisecond
	// fenceWait is how long a terminal may keep its answer before it is no
	// longer waited for: somebody may have put another one in its place.
	fenceWait = 3 * time.Second
	// fencesMost is how many answers may be under way: two, so that a line with
	// a long way isn't idle half of the time.
	fencesMost = 2
	// never is a wait that a message will end.
	never = time.Hour
)

// Bounds of what is written at once, in bytes.
const (
	budgetLeast = 16 << 10
	budgetFirst = 128 << 10
	budgetMost  = 1 << 20
)

// A picture that takes this much longer than the quickest is too much for the
// line; one that takes less than the other could be larger.
const (
	lagMost  = 400 * time.Millisecond
	lagLeast = 150 * time.Millisecond
)

// drain writes to a terminal no faster than it takes what is written: one piece
// at a time, and the next only when the terminal has answered a question that
// was sent after those before. Without that, what lies in buffers on the way is
// seconds old when it is shown. Where the terminal answers nothing, the writer
// that blocks is the pace. All but the writing is for one goroutine.
type drain struct {
	todo chan []byte
	done chan error // one for each piece

	every   time.Duration // at least, from one piece to the next
	fenced  bool
	busy    bool
	began   time.Time // of the last piece
	size    int
	asked   int // fences, in all
	flights []flight
	least   time.Duration // the quickest piece
	budget  int           // how much the next piece may have, in bytes

	sent    int // bytes since counted
	counted time.Time
}

// flight is a piece whose fence has not been answered.
type flight struct {
	at   time.Time
	size int
}

// newDrain writes to w until close. fences is how often the terminal has
// answered so far; 0 is one that doesn't.
func newDrain(w io.Writer, fences int) *drain {
	d := &drain{
		todo: make(chan []byte), done: make(chan error, 1),
		every: drawEvery, fenced: fences > 0, asked: fences, least: never, budget: budgetFirst,
	}
	go func() {
		defer close(d.done)
		for p := range d.todo {
			_, err := w.Write(p)
			d.done <- err
		}
	}()
	return d
}

// wait is how long nothing may be started; 0 is none.
func (d *drain) wait(now time.Time) time.Duration {
	if d.busy {
		return never
	}
	if len(d.flights) >= fencesMost {
		left := fenceWait - now.Sub(d.flights[0].at)
		if left > 0 {
			return left
		}
		d.flights = d.flights[1:]
		d.asked--
	}
	return max(d.every-now.Sub(d.began), 0)
}

// start writes p, which is the drain's from now on. Nothing may be under way.
func (d *drain) start(p []byte, now time.Time) {
	if d.fenced {
		p = append(p, askFence...)
		d.asked++
		d.flights = append(d.flights, flight{now, len(p)})
	}
	d.busy, d.began, d.size = true, now, len(p)
	d.sent += len(p)
	d.todo <- p
}

// written says that a piece is, as done told.
func (d *drain) written(now time.Time) {
	d.busy = false
	if !d.fenced {
		d.adapt(now.Sub(d.began), d.size)
	}
}

// answered says how often the terminal has answered by now.
func (d *drain) answered(fences int, now time.Time) {
	for len(d.flights) > max(d.asked-fences, 0) {
		d.adapt(now.Sub(d.flights[0].at), d.flights[0].size)
		d.flights = d.flights[1:]
	}
}

// adapt makes the next pieces larger or smaller.
func (d *drain) adapt(took time.Duration, size int) {
	d.least = min(d.least, took)
	switch lag := took - d.least; {
	case lag > lagMost:
		d.budget = max(d.budget/2, budgetLeast)
	case lag < lagLeast && size >= d.budget/2:
		d.budget = min(d.budget*2, budgetMost)
	}
}

// rate is how many bytes a second were written, over at least one.
func (d *drain) rate(now time.Time, before int) int {
	passed := now.Sub(d.counted)
	if passed < time.Second {
		return before
	}
	rate := int(float64(d.sent) / passed.Seconds())
	d.sent, d.counted = 0, now
	return rate
}

// close writes p, once what is under way is written, and ends the drain.
func (d *drain) close(p []byte) error {
	defer close(d.todo)
	if d.busy {
		if err := <-d.done; err != nil {
			return err
		}
	}
	d.todo <- p
	return <-d.done
}
