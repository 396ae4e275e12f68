package wire

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestFacts(t *testing.T) {
	f := Facts{
		System: "Debian\x1b[31m 12", Kernel: strings.Repeat("x", 500), Addresses: []string{"10.0.0.1", "fe80::1%eth0", "not one", "2001:DB8::1"},
		Up: -4, Load: []int64{1, -2, 1 << 60}, CPUs: 8, Seats: []Seat{{"anna\n", "pts/3", 0}, {"", "", -9}},
	}
	payload, err := f.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseFacts(payload)
	if err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(got.System+got.Seats[0].Name, "\x1b\n") || len([]rune(got.Kernel)) > MaxName {
		t.Errorf("not clean: %+v", got)
	}
	if !slices.Equal(got.Addresses, []string{"10.0.0.1", "fe80::1", "2001:db8::1"}) {
		t.Errorf("addresses %q", got.Addresses)
	}
	if got.Up != 0 || !slices.Equal(got.Load, []int64{1, 0, mostLoad}) || got.Seats[1].Idle != -1 {
		t.Errorf("numbers out of bounds: %+v", got)
	}
	if got.Empty() || !(Facts{}).Empty() {
		t.Error("which facts are empty")
	}
}

func TestBadFacts(t *testing.T) {
	for _, text := range []string{
		"", "x", "{}", `{"v":2,"facts":{}}`, `{"v":1,"facts":{"more":1}}`, `{"v":1,"facts":{}} `, `{"v":1,"facts":{"up":1e3}}`,
		`{"v":1,"facts":{"system":"` + strings.Repeat("x", MaxFacts) + `"}}`,
	} {
		if f, err := ParseFacts([]byte(text)); !errors.Is(err, ErrFacts) {
			t.Errorf("%.40q was read as %+v, %v", text, f, err)
		}
	}
	if f, err := ParseFacts([]byte(`{"v":1,"facts":{}}`)); err != nil || !f.Empty() {
		t.Errorf("the empty ones: %+v, %v", f, err)
	}
}

// TestFactsAreBounded: whatever a device says, what is kept fits, and is the same
// when it is read again.
func TestFactsAreBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := Facts{
			System: rapid.String().Draw(t, "system"), Kernel: rapid.String().Draw(t, "kernel"), Up: rapid.Int64().Draw(t, "up"),
			Addresses: rapid.SliceOfN(rapid.String(), 0, 20).Draw(t, "addresses"), Load: rapid.SliceOf(rapid.Int64()).Draw(t, "load"), CPUs: rapid.Int64().Draw(t, "cpus"),
		}
		for range rapid.IntRange(0, 12).Draw(t, "seats") {
			f.Seats = append(f.Seats, Seat{rapid.String().Draw(t, "name"), rapid.String().Draw(t, "place"), rapid.Int64().Draw(t, "idle")})
		}
		payload, err := f.Encode()
		if err != nil {
			t.Skip("too long")
		}
		got, err := ParseFacts(payload)
		if err != nil {
			t.Fatal(err)
		}
		again, err := got.Encode()
		if err != nil || string(again) != string(payload) || len(got.Seats) > MaxSeats || len(got.Addresses) > MaxAddresses {
			t.Fatalf("%s became %s, %v", payload, again, err)
		}
	})
}

func TestClock(t *testing.T) {
	now := time.UnixMilli(1795400000123)
	got, err := ParseClock(ClockAnswer(now))
	if err != nil || !got.Equal(now) {
		t.Errorf("got %s, %v", got, err)
	}
	if _, err := ParseClock(nil); err == nil {
		t.Error("no answer was read as a time")
	}
}
