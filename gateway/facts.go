package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"accord/gateway/store"
	"accord/tui"
	"accord/wire"
)

// told is what a device tells of itself, and when it said so.
type told struct {
	wire.Facts
	at time.Time
}

// factsAnew is how old kept facts may be before newer ones are kept in their
// place though only what always changes has changed.
const factsAnew = 5 * time.Minute

// hearFacts takes a device's facts. More than one a second are not looked at: a
// device that is in order sends a few a minute.
func (h *home) hearFacts(payload []byte, now time.Time) bool {
	if last := h.told.Load(); last != nil && now.Sub(last.at) < time.Second {
		return true
	}
	f, err := wire.ParseFacts(payload)
	if err != nil {
		return false
	}
	h.told.Store(&told{f, now})
	return true
}

// answer answers a global request of a device; one that is not known is refused.
func (h *home) answer(kind string, payload []byte, now time.Time) (ok bool, reply []byte) {
	switch kind {
	case wire.RequestPing:
		return true, nil
	case wire.RequestFacts:
		return h.hearFacts(payload, now), nil
	case wire.RequestClock:
		h.clocked.Store(true)
		return true, wire.ClockAnswer(now)
	}
	return false, nil
}

// keepFacts keeps what devices told since the last time, all of it at once, and
// wakes the screens if there was anything. What only changes by itself is kept
// from time to time, and with last, when the link is over.
func (g *Gateway) keepFacts(ctx context.Context, homes []*home, last bool) {
	now, words := time.Now(), make(map[string]string)
	heard := false
	g.keeping.Lock()
	defer g.keeping.Unlock()
	for _, h := range homes {
		t := h.told.Load()
		if t == nil || t == h.seen && !last || t == h.kept {
			continue
		}
		heard, h.seen = true, t
		if !last && t.word() != "" && h.kept != nil && sameMachine(h.kept.Facts, t.Facts) && now.Sub(h.kept.at) < factsAnew {
			continue
		}
		words[h.device.Key], h.kept = t.word(), t
	}
	if len(words) > 0 {
		if err := g.store.Told(ctx, words, now); err != nil && ctx.Err() == nil {
			g.log.Error("what devices tell of themselves was not kept", "devices", len(words), "error", err)
		}
	}
	if heard {
		g.publish()
	}
}

// sameMachine compares what doesn't change by itself.
func sameMachine(a, b wire.Facts) bool {
	a.Up, a.Load, b.Up, b.Load = 0, nil, 0, nil
	one, err := json.Marshal(a)
	other, err2 := json.Marshal(b)
	return err == nil && err2 == nil && string(one) == string(other)
}

// word is how facts are kept; empty for those that say nothing.
func (t *told) word() string {
	if t.Empty() {
		return ""
	}
	text, err := t.Encode()
	if err != nil {
		return ""
	}
	return string(text)
}

// toldOf are the facts of a device: what its live link told, else what was kept; nil
// where there are none.
func (g *Gateway) toldOf(d store.Device) *told {
	if h := g.homes.get(d.Key); h != nil {
		if t := h.told.Load(); t != nil {
			if t.Empty() {
				return nil
			}
			return t
		}
	}
	if d.Told == "" {
		return nil
	}
	f, err := wire.ParseFacts([]byte(d.Told))
	if err != nil {
		return nil
	}
	return &told{f, d.ToldAt}
}

// factsJSON is them for programs.
type factsJSON struct {
	At        time.Time  `json:"at"` // when the device said so
	System    string     `json:"system,omitempty"`
	Kernel    string     `json:"kernel,omitempty"`
	Addresses []string   `json:"addresses,omitempty"`
	Booted    *time.Time `json:"booted,omitempty"`
	Load      []float64  `json:"load,omitempty"` // of 1, 5 and 15 minutes
	CPUs      int64      `json:"cpus,omitempty"`
	Users     []userJSON `json:"users,omitempty"` // who sits at it
}

type userJSON struct {
	Name  string `json:"name"`
	Place string `json:"place"`
	Idle  *int64 `json:"idle_seconds,omitempty"` // at that time; left out where it is not known
}

func (t *told) json() *factsJSON {
	if t == nil {
		return nil
	}
	out := &factsJSON{At: t.at.UTC(), System: t.System, Kernel: t.Kernel, Addresses: t.Addresses, Booted: stamp(t.booted()), CPUs: t.CPUs}
	for _, l := range t.Load {
		out.Load = append(out.Load, float64(l)/100)
	}
	for _, s := range t.Seats {
		u := userJSON{Name: s.Name, Place: s.Place}
		if s.Idle >= 0 {
			u.Idle = &s.Idle
		}
		out.Users = append(out.Users, u)
	}
	return out
}

// booted is when the machine was started; zero where it is not known.
func (t *told) booted() time.Time {
	if t.Up == 0 {
		return time.Time{}
	}
	return t.at.Add(-time.Duration(t.Up) * time.Second)
}

// shown is them for a screen.
func (t *told) shown() tui.Facts {
	if t == nil {
		return tui.Facts{}
	}
	f := tui.Facts{At: t.at, System: t.System, Kernel: t.Kernel, Addresses: t.Addresses, Booted: t.booted(), CPUs: int(t.CPUs)}
	loads := make([]string, 0, len(t.Load))
	for _, l := range t.Load {
		loads = append(loads, fmt.Sprintf("%d.%02d", l/100, l%100))
	}
	f.Load = strings.Join(loads, " ")
	for _, s := range t.Seats {
		seat := tui.Seat{Name: s.Name, Place: s.Place, Known: s.Idle >= 0}
		if s.Idle > 0 {
			seat.Since = t.at.Add(-time.Duration(s.Idle) * time.Second)
		}
		f.Seats = append(f.Seats, seat)
	}
	return f
}
