package agent

import (
	"strings"
	"testing"
	"time"

	"accord/wire"
)

// TestFactsOfThisMachine: what is told is what the owner lets be told.
func TestFactsOfThisMachine(t *testing.T) {
	cfg := Defaults()
	all := cfg.facts(func(int) time.Duration { return -1 })
	if all.System == "" || all.CPUs == 0 {
		t.Errorf("nothing is known of this machine: %+v", all)
	}
	if _, err := all.Encode(); err != nil {
		t.Error(err)
	}
	cfg.Facts = factsMachine
	if f := cfg.facts(func(int) time.Duration { return -1 }); f.Empty() || len(f.Seats) != 0 {
		t.Errorf("of who is there it may say nothing: %+v", f)
	}
	cfg.Facts = factsNone
	if f := cfg.facts(func(int) time.Duration { return -1 }); !f.Empty() {
		t.Errorf("it may say nothing: %+v", f)
	}
	cfg.Facts = "some"
	if err := cfg.Check(); err == nil || !strings.Contains(err.Error(), `"machine"`) {
		t.Errorf("%v", err)
	}
}

// TestNews: what changes by itself is told from time to time, the rest at once.
func TestNews(t *testing.T) {
	seats := func(idle int64) []wire.Seat { return []wire.Seat{{Name: "anna", Place: "tty1", Idle: idle}} }
	was := wire.Facts{System: "Debian", Addresses: []string{"10.0.0.1"}, Load: []int64{1, 2, 3}, Seats: seats(0), Up: 10}
	for name, c := range map[string]struct {
		change func(*wire.Facts)
		since  time.Duration
		want   bool
	}{
		"nothing":                  {func(*wire.Facts) {}, time.Hour, false},
		"the machine runs on":      {func(f *wire.Facts) { f.Up = 20 }, time.Hour, false},
		"another address":          {func(f *wire.Facts) { f.Addresses = []string{"10.0.0.2"} }, time.Second, true},
		"somebody went":            {func(f *wire.Facts) { f.Seats = nil }, time.Second, true},
		"somebody is idle":         {func(f *wire.Facts) { f.Seats = seats(present) }, time.Second, true},
		"the load, soon":           {func(f *wire.Facts) { f.Load = []int64{9, 2, 3} }, time.Second, false},
		"the load, after a minute": {func(f *wire.Facts) { f.Load = []int64{9, 2, 3} }, wire.FactsOften, true},
		"the system was upgraded":  {func(f *wire.Facts) { f.System = "Debian 13" }, time.Second, true},
	} {
		now := was
		c.change(&now)
		if got := news(was, now, c.since); got != c.want {
			t.Errorf("%s: told %v, expected %v", name, got, c.want)
		}
	}
	if !sameSeats(seats(90), seats(150)) {
		t.Error("who stays idle is no news")
	}
}
