package agent

import (
	"errors"
	"strings"
	"testing"
	"time"

	"accord/wire"
)

// The clocks of gateway and device may differ by five minutes, no more, in
// either direction.
func TestOverrideClockSkew(t *testing.T) {
	asked := time.Date(2026, 11, 22, 16, 45, 0, 0, time.UTC)
	until := asked.Add(time.Hour)
	req := wire.Request{Organisation: "ACME", Technician: wire.Technician{Name: "alice", Key: "SHA256:a"}, Minutes: 5, Capabilities: []wire.Capability{wire.Shell}}
	o := wire.Override{
		Organisation: "ACME", Device: "laptop-7", DeviceKey: "SHA256:d", Technician: "alice", Key: "SHA256:a",
		Minutes: 5, Capabilities: []wire.Capability{wire.Shell}, Asked: asked, Until: until,
	}
	for _, c := range []struct {
		now  time.Time
		want string
	}{
		{asked, ""},
		{asked.Add(-clockSkew), ""},
		{asked.Add(-clockSkew - time.Second), "not in force yet"},
		{asked.Add(-24 * time.Hour), "not in force yet"},
		{until, ""},
		{until.Add(clockSkew - time.Second), ""},
		{until.Add(clockSkew), "it ran out at 2026-11-22T17:45:00Z"},
		{until.Add(24 * time.Hour), "it ran out"},
		{time.Time{}, "not in force yet"},
	} {
		err := facts{key: "SHA256:d", device: "laptop-7", organisation: "ACME", now: c.now}.fits(o, &req)
		if (err == nil) != (c.want == "") || err != nil && (!errors.Is(err, errOverride) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("at %v: %v, want %q", c.now, err, c.want)
		}
	}
}

func TestSentence(t *testing.T) {
	for text, want := range map[string]string{
		"no": "No.", "No.": "No.", "": "", "a\nb": "A<U+000A>b.", "été": "Été.", strings.Repeat("x", 600): "X" + strings.Repeat("x", wire.MaxReason-3) + "….",
	} {
		if got := sentence(errors.New(text)); got != want {
			t.Errorf("%.20q became %.40q… of %d", text, got, len(got))
		}
	}
}

// FuzzSupervisor: what is taken from the owner's file is a supervisor of a list
// that can be.
func FuzzSupervisor(f *testing.F) {
	f.Add("bob " + ownersKey + " bob@desk")
	f.Add("bob no-touch-required " + ownersKey)
	f.Fuzz(func(t *testing.T, line string) {
		s, err := supervisor(line)
		if err != nil {
			return
		}
		r := wire.Roster{Version: 1, Organisation: "ACME", Signers: 1, Made: time.Unix(0, 0), Supervisors: []wire.Supervisor{s}}
		if err := r.Check(); err != nil {
			t.Errorf("%q became %+v: %v", line, s, err)
		}
		if _, err := wire.ParseRoster(r.Text()); err != nil {
			t.Errorf("%q became %+v: %v", line, s, err)
		}
	})
}

// FuzzVerify: whatever a gateway sends as an override, without a key that is on
// the list it opens nothing, and nothing falls over.
func FuzzVerify(f *testing.F) {
	o := wire.Override{
		Number: 1, Organisation: "ACME", Device: "laptop-7", DeviceKey: "SHA256:d", Technician: "alice", Key: "SHA256:a", Minutes: 5,
		Capabilities: []wire.Capability{wire.Shell}, Reason: "r", Emergency: "fire", Nonce: "N", Asked: time.Unix(1_700_000_000, 0), Until: time.Unix(1_700_003_600, 0),
	}
	f.Add(o.Text(), []byte("-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n"))
	known := facts{key: "SHA256:d", device: "laptop-7", organisation: "ACME", now: time.Unix(1_700_000_100, 0), roster: wire.Roster{
		Version: 1, Organisation: "ACME", Signers: 1, Made: time.Unix(0, 0), Supervisors: []wire.Supervisor{{Name: "bob", Key: ownersKey}},
	}}
	f.Fuzz(func(t *testing.T, statement, signature []byte) {
		req := wire.Request{
			Organisation: "ACME", Technician: wire.Technician{Name: "alice", Key: "SHA256:a"}, Reason: "r", Minutes: 5,
			Capabilities: []wire.Capability{wire.Shell}, Override: &wire.SignedOverride{Statement: statement, Signatures: [][]byte{signature}},
		}
		if _, _, err := known.verify(&req); err == nil {
			t.Error("verified without the supervisor's key")
		}
	})
}
