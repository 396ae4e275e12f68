package wire

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Global requests of a device besides [RequestPing]. A gateway that doesn't know
// one refuses it, and is not asked again on that link.
const (
	// RequestFacts tells what changes about the device, as [Facts]. It is answered
	// before the hello too, and then counts for nothing.
	RequestFacts = "facts@accord"
	// RequestClock asks what time it is at the gateway. The answer is
	// [ClockAnswer]. It may be asked before the hello, and instead of it.
	RequestClock = "clock@accord"
)

// Bounds of [Facts].
const (
	MaxFacts     = 4 << 10 // bytes
	MaxAddresses = 8
	MaxSeats     = 8
	factsVersion = 1
	// longestUp and longestIdle keep times in sight of what can be: a century.
	longestUp = 100 * 365 * 24 * 3600
	mostLoad  = 100_000_00
	mostCPUs  = 1 << 16
)

// How often facts are sent: not more often than FactsLeast, and what changes
// all the time not more often than FactsOften.
const (
	FactsLeast = 10 * time.Second
	FactsOften = time.Minute
)

// Facts are what a device tells of itself besides its hello, because it changes
// while the link stands. They prove nothing and decide nothing: they are for
// people to read. Empty ones take back what was told before.
type Facts struct {
	System    string   `json:"system,omitempty"` // "Debian GNU/Linux 12 (bookworm)"
	Kernel    string   `json:"kernel,omitempty"`
	Addresses []string `json:"addresses,omitempty"`
	Up        int64    `json:"up,omitempty"`   // seconds since it was started
	Load      []int64  `json:"load,omitempty"` // of 1, 5 and 15 minutes, in hundredths
	CPUs      int64    `json:"cpus,omitempty"`
	Seats     []Seat   `json:"seats,omitempty"`
}

// Seat is somebody at the device.
type Seat struct {
	Name  string `json:"name"`  // of the account
	Place string `json:"place"` // "tty1", "pts/3", ":0"
	// Idle is for how many seconds nothing was typed there; -1: not known.
	Idle int64 `json:"idle"`
}

// factsMessage is facts as they are sent.
type factsMessage struct {
	Version int   `json:"v"`
	Facts   Facts `json:"facts"`
}

// Encode gives facts as they are sent, cleaned and cut to their bounds.
func (f Facts) Encode() ([]byte, error) {
	text, err := json.Marshal(factsMessage{factsVersion, f.clean()})
	if err == nil && len(text) > MaxFacts {
		err = fmt.Errorf("the facts have %d bytes, at most %d are allowed", len(text), MaxFacts)
	}
	return text, err
}

// ErrFacts reports facts that can't be read.
var ErrFacts = errors.New("the facts can't be read")

// ParseFacts reads what was sent, strictly, and cleans it.
func ParseFacts(text []byte) (Facts, error) {
	if len(text) > MaxFacts {
		return Facts{}, ErrFacts
	}
	var m factsMessage
	if err := decodeStrict(text, &m); err != nil {
		return Facts{}, fmt.Errorf("%w: %w", ErrFacts, err)
	}
	if m.Version != factsVersion {
		return Facts{}, fmt.Errorf("%w: they are of version %d", ErrFacts, m.Version)
	}
	return m.Facts.clean(), nil
}

// clean gives facts that can be shown: text is cleaned, what is no address is
// left out, numbers are within bounds.
func (f Facts) clean() Facts {
	out := Facts{
		System: Clean(f.System, MaxName), Kernel: Clean(f.Kernel, MaxName),
		Up: min(max(f.Up, 0), longestUp), CPUs: min(max(f.CPUs, 0), mostCPUs),
	}
	for _, a := range f.Addresses {
		if at, err := netip.ParseAddr(a); err == nil && len(out.Addresses) < MaxAddresses {
			out.Addresses = append(out.Addresses, at.WithZone("").String())
		}
	}
	if len(f.Load) == 3 {
		for _, l := range f.Load {
			out.Load = append(out.Load, min(max(l, 0), mostLoad))
		}
	}
	for _, s := range f.Seats[:min(len(f.Seats), MaxSeats)] {
		out.Seats = append(out.Seats, Seat{Clean(s.Name, MaxName), Clean(s.Place, MaxName), min(max(s.Idle, -1), longestUp)})
	}
	return out
}

// Empty reports whether they say nothing.
func (f Facts) Empty() bool {
	return f.System == "" && f.Kernel == "" && len(f.Addresses) == 0 && f.Up == 0 && len(f.Load) == 0 && f.CPUs == 0 && len(f.Seats) == 0
}

// ClockAnswer is a time as the gateway answers it: milliseconds since 1970, UTC,
// most significant byte first.
func ClockAnswer(t time.Time) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(t.UnixMilli())) //nolint:gosec // it is read back as it was
}

// ParseClock reads it.
func ParseClock(answer []byte) (time.Time, error) {
	if len(answer) != 8 {
		return time.Time{}, errors.New("the gateway's answer is no time")
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(answer))), nil //nolint:gosec // likewise
}
