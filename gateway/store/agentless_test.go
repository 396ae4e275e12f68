package store

import (
	"context"
	"testing"
	"time"
)

func contractAgentless(t *testing.T, open opener) {
	s, ctx := open(t, "a"), context.Background()
	line, key := deviceLine(t, 1)
	other, _ := deviceLine(t, 2)
	const with, without = "a token for one with an agent", "a token for one without any"
	a := Agentless{Holder: "SHA256:holder", HostKey: other, Login: "pi"}
	joinable := func(minutes int) bool {
		t.Helper()
		yes, err := s.Joinable(ctx, noon.Add(time.Duration(minutes)*time.Minute))
		must(t, err)
		return yes
	}
	must(t, s.MakeToken(ctx, with, Token{Expires: noon.Add(time.Hour)}, by("ada", 0)))
	same(t, "joinable without a token for it", joinable(1), false)
	must(t, s.MakeToken(ctx, without, Token{Expires: noon.Add(time.Hour), Agentless: true}, by("ada", 0)))
	same(t, "joinable", joinable(1), true)
	same(t, "joinable too late", joinable(60), false)
	enrol := func(token, line string, a Agentless) error {
		_, err := s.Enrol(ctx, token, Enrolment{PublicKey: line, Name: "till", Agentless: a}, by("device", 1))
		return err
	}
	want(t, enrol(with, line, a), ErrTokenKind)
	want(t, enrol(without, line, Agentless{}), ErrTokenKind)
	want(t, enrol(without, line, Agentless{Holder: a.Holder}), ErrInvalid)
	want(t, enrol(without, line, Agentless{Login: "pi"}), ErrInvalid)
	must(t, enrol(without, line, a))
	same(t, "joinable afterwards", joinable(1), false)
	d, err := s.DeviceByHolder(ctx, a.Holder)
	must(t, err)
	same(t, "the device", d.Agentless, a)
	same(t, "its key", d.Key, key)

	// A key holds the link of one device, and of none that was retired.
	const again = "another token for one without"
	must(t, s.MakeToken(ctx, again, Token{Expires: noon.Add(time.Hour), Agentless: true}, by("ada", 2)))
	if enrol(again, other, a) == nil {
		t.Error("two devices have one holder")
	}
	_, err = s.DeviceByHolder(ctx, "")
	want(t, err, ErrNotFound)
	must(t, s.Retire(ctx, d.Key, "", by("ada", 3)))
	_, err = s.DeviceByHolder(ctx, a.Holder)
	want(t, err, ErrNotFound)
	must(t, enrol(again, other, a))
}
