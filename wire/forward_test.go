package wire

import (
	"path"
	"strings"
	"testing"
)

// FuzzPlace: what is taken names one place, and is safe to show.
func FuzzPlace(f *testing.F) {
	const visit = "20260102-030405-abcdefgh"
	for _, p := range []Place{
		{visit, NetworkTCP, "localhost", 80}, {visit, NetworkUnix, "/run/x", 0}, {visit, NetworkCaller, "", 3}, {"", NetworkTCP, "\x1b", 0},
	} {
		f.Add(MarshalForward(p))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, err := ParseForward(data); err == nil {
			if !ValidVisit(p.Visit) || Clean(p.String(), 1000) != p.String() || strings.ContainsAny(p.Host, " \n\t") {
				t.Errorf("took %+v", p)
			}
			if again, err := ParseForward(MarshalForward(p)); err != nil || again != p {
				t.Errorf("%+v became %+v, %v", p, again, err)
			}
		}
		p, err := ParseListen(data)
		socket := p.Network == NetworkUnix && p.Port == 0 && strings.HasPrefix(p.Host, "/") && path.Clean(p.Host) == p.Host && len(p.Host) <= maxSocket
		if err == nil && !socket && (p.Network != NetworkTCP || p.Host != "localhost" && p.Host != "127.0.0.1" || p.Port > 0xFFFF) {
			t.Errorf("listens at %+v", p)
		}
	})
}

func TestForwardChecks(t *testing.T) {
	for _, m := range []Message{
		&More{}, &More{Capabilities: []Capability{"root"}}, &Listening{Port: -1}, &Listening{Port: 1 << 16}, &Caller{Port: 1}, &Caller{Number: 1, Port: -1}, &Caller{Number: -1, Port: 1},
	} {
		if m.check() == nil {
			t.Errorf("%s: %+v taken", m.kind(), m)
		}
	}
	for _, c := range []struct {
		place         Place
		dials, listen bool
		says          string
	}{
		{Place{Network: NetworkTCP, Host: "::1", Port: 80}, true, false, "[::1]:80"},
		{Place{Network: NetworkTCP, Host: "localhost"}, false, true, "localhost:0"},
		{Place{Network: NetworkUnix, Host: "/a"}, true, true, "/a"},
		{Place{Network: NetworkUnix, Host: "/a/../b"}, true, false, "/a/../b"},
		{Place{Network: NetworkUnix, Host: "/"}, true, false, "/"},
		{Place{Network: NetworkUnix, Host: "a"}, false, false, "a"},
		{Place{Network: NetworkUnix, Host: "/a", Port: 1}, false, false, "/a"},
		{Place{Network: NetworkUnix, Host: "/" + strings.Repeat("a", 107)}, true, false, "/" + strings.Repeat("a", 107)},
	} {
		if c.listen != (c.place.CheckListen() == nil) || c.dials != (c.place.Check() == nil) || c.place.String() != c.says {
			t.Errorf("%+v: %s, %v, %v", c.place, c.place, c.place.Check(), c.place.CheckListen())
		}
	}
	m := &More{Capabilities: []Capability{Forward}, AskUser: true}
	visit := aRequest()
	visit.Override = &SignedOverride{}
	r := m.Further(visit, "ann")
	if r.Override != nil || r.Login != "ann" || !r.AskUser || len(r.Capabilities) != 1 || r.Visit != visit.Visit || visit.Override == nil {
		t.Errorf("%+v", r)
	}
}
