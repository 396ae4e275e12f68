package gateway

import (
	"strings"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/tui"
	"accord/wire"
)

// ask sends a global request as a device does, and gives the answer.
func (d *device) ask(kind string, payload []byte) bool {
	d.house.t.Helper()
	ok, _, err := d.conn.SendRequest(kind, true, payload)
	if err != nil {
		d.house.t.Fatal(err)
	}
	return ok
}

// line is the device as the list shows it.
func (h *house) shown(name string) tui.Device {
	h.t.Helper()
	d, err := h.store.DeviceByName(h.t.Context(), name)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.line(d)
}

// TestFactsOfAHostileDevice: what a device tells is cleaned and cut; what can't be
// read is refused, as is what nobody knows, and the link stays.
func TestFactsOfAHostileDevice(t *testing.T) {
	h := newHouse(t, nil)
	d := h.device("laptop-7").join()
	for _, bad := range []string{"", "{}", `{"v":1,"facts":{"system":"` + strings.Repeat("x", wire.MaxFacts) + `"}}`} {
		if d.ask(wire.RequestFacts, []byte(bad)) {
			t.Errorf("%.30q was taken", bad)
		}
	}
	if d.ask("facts-of-tomorrow@accord", nil) {
		t.Error("a request that nobody knows was taken")
	}
	if !d.ask(wire.RequestFacts, []byte(`{"v":1,"facts":{"system":"\u001b]0;owned\u0007 12","seats":[{"name":"anna\r\n","place":"tty1","idle":0}]}}`)) {
		t.Error("clean facts were refused")
	}
	f := h.shown("laptop-7").Facts
	if strings.ContainsAny(f.System+f.Seats[0].Name, "\x1b\a\r\n") || !strings.Contains(f.System, "12") {
		t.Errorf("%+v", f)
	}
	// More at once is not looked at.
	for range 100 {
		d.ask(wire.RequestFacts, []byte(`{"v":1,"facts":{"system":"flood"}}`))
	}
	if got := h.shown("laptop-7").Facts.System; got == "flood" {
		t.Error("a flood of facts was taken")
	}
	if got := h.run("laptop-7", h.alice, "hostname"); got.status != 0 {
		t.Errorf("%+v", got)
	}
}

// TestFactsAreKept: what a device told last is known while it is away, with its
// time; and one whose owner tells nothing any more is forgotten.
func TestFactsAreKept(t *testing.T) {
	h := newHouse(t, nil)
	d := h.device("laptop-7").join()
	before := time.Now().Add(-time.Second)
	facts := wire.Facts{System: "Debian 12", Up: 60, Load: []int64{42, 30, 5}, Seats: []wire.Seat{{Name: "anna", Place: ":0", Idle: 90}}}
	payload, err := facts.Encode()
	if err != nil {
		t.Fatal(err)
	}
	d.ask(wire.RequestFacts, payload)
	_ = d.conn.Close()
	eventually(t, "the device is away", func() bool { return h.shown("laptop-7").State == tui.Away })
	f := h.shown("laptop-7").Facts
	if f.System != "Debian 12" || f.Load != "0.42 0.30 0.05" || f.At.Before(before) || f.Booted.After(f.At.Add(-59*time.Second)) || !f.Seats[0].Since.Before(f.At) {
		t.Errorf("%+v", f)
	}
	d.online()
	eventually(t, "the device is back", func() bool { return h.shown("laptop-7").State == tui.Online })
	if h.shown("laptop-7").Facts.System == "" {
		t.Error("until it tells them anew the last ones are shown")
	}
	none, err := wire.Facts{}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	d.ask(wire.RequestFacts, none)
	if h.shown("laptop-7").Facts.System != "" {
		t.Error("they are shown though they were taken back")
	}
	_ = d.conn.Close()
	eventually(t, "they are forgotten", func() bool {
		got, err := h.store.DeviceByName(t.Context(), "laptop-7")
		return err == nil && got.Told == "" && h.homes.get(got.Key) == nil
	})
}

// TestClockBeforeHello: who proves no device may ask for the time, and nothing
// else.
func TestClockBeforeHello(t *testing.T) {
	h := newHouse(t, nil)
	conn := h.dialFrom("127.0.0.9", h.agents)
	cfg := &gossh.ServerConfig{PublicKeyCallback: func(gossh.ConnMetadata, gossh.PublicKey) (*gossh.Permissions, error) { return nil, nil }}
	cfg.AddHostKey(newSigner(t))
	c, chans, reqs, err := gossh.NewServerConn(conn, cfg)
	if err != nil {
		t.Fatal(err)
	}
	go gossh.DiscardRequests(reqs)
	go func() {
		for nc := range chans { // the hello waits
			_ = nc
		}
	}()
	ok, answer, err := c.SendRequest(wire.RequestClock, true, nil)
	at, parsed := wire.ParseClock(answer)
	if err != nil || !ok || parsed != nil || time.Since(at).Abs() > time.Minute {
		t.Errorf("%v %s %v %v", ok, at, err, parsed)
	}
}
