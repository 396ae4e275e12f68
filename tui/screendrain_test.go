package tui

import (
	"io"
	"testing"
	"testing/synctest"
	"time"
)

// blocking takes each piece when it is told to.
type blocking struct {
	take chan struct{}
	n    int
}

func (b *blocking) Write(p []byte) (int, error) {
	<-b.take
	b.n += len(p)
	return len(p), nil
}

// The writer that blocks is the pace of a terminal that answers nothing.
func TestAWriterThatBlocksIsThePace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &blocking{take: make(chan struct{})}
		d := newDrain(w, 0)
		d.start([]byte("picture"), time.Now())
		if d.wait(time.Now().Add(time.Minute)) != never {
			t.Error("another may be started")
		}
		<-time.After(time.Second)
		w.take <- struct{}{}
		if err := <-d.done; err != nil {
			t.Fatal(err)
		}
		d.written(time.Now())
		if d.wait(time.Now()) != 0 || d.asked != 0 {
			t.Error("the next may not be started")
		}
		if rate := d.rate(time.Now().Add(time.Hour), 0); rate != 0 {
			t.Errorf("%d bytes a second in an hour", rate)
		}
		go func() { w.take <- struct{}{} }()
		if err := d.close([]byte("end")); err != nil || w.n != 10 {
			t.Errorf("%v, %d bytes", err, w.n)
		}
	})
}

// Two pictures may be on their way, and a third waits for the terminal, but not
// for ever; and not more than twenty come in a second.
func TestTheTerminalIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDrain(io.Discard, 3)
		draw := func() {
			t.Helper()
			if w := d.wait(time.Now()); w != 0 {
				t.Fatalf("%v are to be waited", w)
			}
			d.start([]byte("picture"), time.Now())
			<-d.done
			d.written(time.Now())
		}
		draw()
		if w := d.wait(time.Now()); w != drawEvery {
			t.Errorf("%v until the next", w)
		}
		<-time.After(drawEvery)
		draw()
		<-time.After(drawEvery)
		if w := d.wait(time.Now()); w != fenceWait-2*drawEvery {
			t.Errorf("%v with two under way", w)
		}
		d.answered(4, time.Now())
		draw()
		d.answered(6, time.Now())
		<-time.After(drawEvery)
		draw()
		<-time.After(drawEvery)
		draw()
		<-time.After(fenceWait)
		draw() // it has forgotten the first
		if len(d.flights) != 2 {
			t.Errorf("%d under way", len(d.flights))
		}
		_ = d.close(nil)
	})
}

// What is written at once fits the line.
func TestPiecesFitTheLine(t *testing.T) {
	d := &drain{budget: budgetFirst, least: never}
	d.adapt(100*time.Millisecond, 100)
	for range 10 {
		d.adapt(time.Second, d.budget)
	}
	if d.budget != budgetLeast {
		t.Errorf("%d bytes on a slow line", d.budget)
	}
	d.adapt(300*time.Millisecond, d.budget)
	if d.budget != budgetLeast {
		t.Errorf("%d bytes on a line that is neither", d.budget)
	}
	for range 10 {
		d.adapt(110*time.Millisecond, d.budget)
	}
	if d.budget != budgetMost {
		t.Errorf("%d bytes on a fast line", d.budget)
	}
}
