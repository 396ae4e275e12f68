package gateway

import (
	"fmt"
	"io"
	"time"

	"accord/config"
	"accord/policy"
)

// What ends an open visit by itself: the time that was agreed, the time that
// the rules allow by now, and a technician who does nothing.

// oblige puts on a live visit what the rules want of it by now.
func (v *visit) oblige(o policy.Obligations) {
	v.mu.Lock()
	v.obliged = o
	v.mu.Unlock()
	select {
	case v.revised <- struct{}{}:
	default: // it is about to look anyway
	}
}

func (v *visit) obligations() policy.Obligations {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.obliged
}

// touch notes that the technician does something. Idle time counts on a clock
// that nobody sets.
func (v *visit) touch() { v.touched.Store(int64(time.Since(v.asked))) }

// quiet is how long the technician has done nothing.
func (v *visit) quiet() time.Duration { return time.Since(v.asked) - time.Duration(v.touched.Load()) }

// touching notes what the technician sends on its way to the device.
type touching struct {
	io.Writer
	visit *visit
}

func (t touching) Write(p []byte) (int, error) {
	t.visit.touch()
	return t.Writer.Write(p)
}

// remaining is how long the visit goes on at least, and at most if nothing
// changes.
func (v *visit) remaining() time.Duration {
	o := v.obligations()
	left := min(time.Until(v.until), time.Until(v.openedAt.Add(minutes(o.LongestMinutes))))
	if o.Idle > 0 {
		left = min(left, o.Idle-v.quiet())
	}
	return left
}

// expired says which limit of the visit is over, if any.
func (v *visit) expired() (why ending, over bool) {
	o, now := v.obligations(), time.Now()
	switch {
	case !now.Before(v.until):
		return ending{byTime, timeOver}, true
	case !now.Before(v.openedAt.Add(minutes(o.LongestMinutes))):
		return ending{byPolicy, fmt.Sprintf("The rules don't allow a visit of more than %d minutes any more.", o.LongestMinutes)}, true
	case o.Idle > 0 && v.quiet() >= o.Idle:
		return ending{byPolicy, fmt.Sprintf("Nothing was typed or sent for %s, and the rules end a visit then.", config.Duration(o.Idle))}, true
	}
	return ending{}, false
}

func minutes(n int) time.Duration { return time.Duration(n) * time.Minute }
