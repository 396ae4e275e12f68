package policy

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func mustHours(t *testing.T, text, zone string) hours {
	t.Helper()
	h, err := newHours(text, zone)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHours(t *testing.T) {
	for _, c := range []struct {
		text, zone string
		in, out    string // RFC 3339, with spaces between
	}{
		{"Mon-Fri 08:00-18:00", "UTC", "2026-10-05T08:00:00Z 2026-10-09T17:59:59Z", "2026-10-05T07:59:59Z 2026-10-05T18:00:00Z 2026-10-10T12:00:00Z 2026-10-11T12:00:00Z"},
		{"Mon-Fri 08:00-18:00", "Europe/Paris", "2026-10-05T06:00:00Z 2026-10-05T15:59:00Z", "2026-10-05T05:59:00Z 2026-10-05T16:00:00Z"},
		{"Sat", "UTC", "2026-10-10T00:00:00Z 2026-10-10T23:59:59Z", "2026-10-09T23:59:59Z 2026-10-11T00:00:00Z"},
		{"00:00-24:00", "UTC", "2026-10-10T00:00:00Z 2026-10-10T23:59:59Z", ""},
		{"Fri-Mon 10:00-11:00", "UTC", "2026-10-09T10:00:00Z 2026-10-11T10:30:00Z 2026-10-12T10:30:00Z", "2026-10-13T10:30:00Z 2026-10-08T10:30:00Z"},
		// Over midnight it belongs to the day on which it began.
		{"Mon-Fri 22:00-06:00", "UTC", "2026-10-05T22:00:00Z 2026-10-06T05:59:00Z 2026-10-10T05:00:00Z", "2026-10-05T05:00:00Z 2026-10-10T22:00:00Z 2026-10-06T06:00:00Z"},
		{"Sun 22:00-06:00", "UTC", "2026-10-11T23:00:00Z 2026-10-12T05:00:00Z", "2026-10-11T05:00:00Z"},
		{"Mon 08:00-12:00, Mon 13:00-17:00,Sat", "UTC", "2026-10-05T09:00:00Z 2026-10-05T13:00:00Z 2026-10-10T03:00:00Z", "2026-10-05T12:30:00Z"},
		// Clocks are put forward at 02:00 on 29 March 2026 and back at 03:00 on 25 October.
		{"02:30-04:00", "Europe/Paris", "2026-03-29T01:00:00Z 2026-03-29T01:59:00Z 2026-10-25T00:30:00Z 2026-10-25T01:30:00Z", "2026-03-29T00:59:00Z 2026-03-29T02:00:00Z 2026-10-25T01:10:00Z"},
		{"08:00-08:00", "UTC", "", "2026-10-05T08:00:00Z 2026-10-05T12:00:00Z"},
		{"", "", "2026-10-05T08:00:00Z", ""},
	} {
		t.Run(c.text, func(t *testing.T) {
			h := mustHours(t, c.text, c.zone)
			for want, list := range map[bool]string{true: c.in, false: c.out} {
				for _, text := range strings.Fields(list) {
					at, err := time.Parse(time.RFC3339, text)
					if err != nil {
						t.Fatal(err)
					}
					if h.at(at) != want {
						t.Errorf("%s within: %v", text, !want)
					}
				}
			}
		})
	}
}

func TestHoursMistakes(t *testing.T) {
	for _, c := range []struct{ text, zone, key, want string }{
		{"Mon-Fry 08:00-18:00", "UTC", "hours", `"Mon-Fry" is no day`},
		{"mon", "UTC", "hours", `"mon" is no day`},
		{"Mon-Tue-Wed", "UTC", "hours", `"Mon-Tue-Wed" is no day`},
		{"8:00-18:00", "UTC", "hours", `"8:00" is no time of the day`},
		{"08:00-24:01", "UTC", "hours", `"24:01" is no time of the day`},
		{"08:60-09:00", "UTC", "hours", `"08:60" is no time of the day`},
		{"08:00", "UTC", "hours", `"08:00" doesn't say until when`},
		{"24:00-06:00", "UTC", "hours", "nothing begins at 24:00"},
		{"Mon 08:00-09:00 Tue", "UTC", "hours", `"Tue" is one word too many`},
		{"Mon,", "UTC", "hours", "a part of it is empty"},
		{"+8:00-09:00", "UTC", "hours", "is no time of the day"},
		{"Mon", "", "hours", "a time zone is missing"},
		{"", "UTC", "zone", "there are no hours for it"},
		{"Mon", "Europe/Lyon", "zone", `"Europe/Lyon" is no time zone`},
		{"Mon", "../../etc/passwd", "zone", "is no time zone"},
		{"Mon", "Local", "zone", `"Local" is no time zone`},
	} {
		_, err := newHours(c.text, c.zone)
		m, ok := err.(Mistake) //nolint:errorlint // it is not wrapped
		if !ok || m.Key != c.key || !strings.Contains(m.Sentence, c.want) {
			t.Errorf("%q in %q: %v", c.text, c.zone, err)
		}
	}
}

func TestTurn(t *testing.T) {
	for _, c := range []struct{ text, zone, from, want string }{
		{"Mon-Fri 08:00-18:00", "UTC", "2026-10-05T08:00:00Z", "2026-10-05T18:00:00Z"},
		{"Mon-Fri 08:00-18:00", "UTC", "2026-10-09T18:00:30Z", "2026-10-12T08:00:00Z"},
		{"Mon 08:00-09:00", "UTC", "2026-10-05T09:00:00Z", "2026-10-12T08:00:00Z"},
		{"02:30-04:00", "Europe/Paris", "2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z"},
		{"08:00-08:00", "UTC", "2026-10-05T09:00:00Z", ""},
		{"Mon-Sun", "UTC", "2026-10-05T09:00:00Z", ""},
	} {
		from, err := time.Parse(time.RFC3339, c.from)
		if err != nil {
			t.Fatal(err)
		}
		turn, ok := mustHours(t, c.text, c.zone).turn(from)
		if got := turn.UTC().Format(time.RFC3339); ok != (c.want != "") || ok && got != c.want {
			t.Errorf("%s from %s: %s, %v", c.text, c.from, got, ok)
		}
	}
}

// TestTurnIsTheNext: until the turn nothing changes, and there it does.
func TestTurnIsTheNext(t *testing.T) {
	h := mustHours(t, "Mon-Fri 08:00-18:00, Sat 22:00-02:30", "Europe/Paris")
	rapid.Check(t, func(t *rapid.T) {
		from := time.Unix(rapid.Int64Range(1_700_000_000, 1_900_000_000).Draw(t, "from"), 0)
		turn, ok := h.turn(from)
		if !ok || !turn.After(from) || h.at(turn) == h.at(from) || h.at(turn.Add(-time.Second)) != h.at(from) {
			t.Fatalf("from %s: %s, %v", from, turn, ok)
		}
	})
}

// FuzzHours: no text crashes, and what is accepted has a week in which it is
// the same twice.
func FuzzHours(f *testing.F) {
	for _, text := range []string{"Mon-Fri 08:00-18:00", "Sat, Sun 22:00-06:00", "00:00-24:00", "Mon-", "-", ",", "Mon 25:00-1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		h, err := newHours(text, "UTC")
		if err != nil {
			if !strings.HasPrefix(err.Error(), "hours: ") && !strings.HasPrefix(err.Error(), "zone: ") {
				t.Fatal(err)
			}
			return
		}
		ever := false
		for m := range 7 * 24 * 60 {
			at := noon.Add(time.Duration(m) * time.Minute)
			if h.at(at) != h.at(at.AddDate(0, 0, 7)) {
				t.Fatalf("%q differs from week to week at %s", text, at)
			}
			ever = ever || h.at(at)
		}
		if ever == h.never() {
			t.Fatalf("%q: never is %v", text, h.never())
		}
	})
}
