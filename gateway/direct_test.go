package gateway

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/gateway/store"
	"accord/policy"
	"accord/wire"
)

// direct opens a channel to a host and a port on user's device.
func direct(c *gossh.Client, host string, port uint32) (gossh.Channel, error) {
	ch, reqs, err := c.OpenChannel(directTCP, gossh.Marshal(struct {
		Host   string
		Port   uint32
		From   string
		FromAt uint32
	}{host, port, "127.0.0.1", 1}))
	if err != nil {
		return nil, err
	}
	go gossh.DiscardRequests(reqs)
	return ch, nil
}

// refusedAs wants a channel refused with a sentence that says so.
func refusedAs(t *testing.T, err error, says string) {
	t.Helper()
	no, ok := errors.AsType[*gossh.OpenChannelError](err)
	if !ok || !strings.Contains(no.Message, says) {
		t.Errorf("%v, want %q", err, says)
	}
	if ok && strings.ContainsAny(no.Message, "\n\r") {
		t.Errorf("more than one line: %q", no.Message)
	}
}

// mirrors is a device whose forwards send back what comes.
func mirrors(h *house) *device {
	d := h.device("laptop-7")
	d.offers = []wire.Capability{wire.Forward}
	d.forwards = func(nc gossh.NewChannel) {
		if p, err := wire.ParseForward(nc.ExtraData()); err != nil || h.visits.get(p.Visit) == nil {
			_ = nc.Reject(gossh.Prohibited, "no visit")
			return
		} else if p.Port == 22 {
			_ = nc.Reject(gossh.Prohibited, "not there,\nsays the owner")
			return
		}
		ch, reqs, err := nc.Accept()
		if err != nil {
			return
		}
		go gossh.DiscardRequests(reqs)
		_, _ = io.Copy(ch, ch)
		_ = ch.CloseWrite()
	}
	return d.join()
}

// TestDirectWithoutSession: `ssh -N -L` opens a visit by its first connection,
// and closes it with its own.
func TestDirectWithoutSession(t *testing.T) {
	h := newHouse(t, nil)
	d := mirrors(h)
	c := h.mustLogin("laptop-7", h.alice)
	want := bytes.Repeat([]byte("forward "), 1<<15)
	for range 3 {
		ch, err := direct(c, "localhost", 80)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			_, _ = ch.Write(want)
			_ = ch.CloseWrite()
		}()
		if got, err := io.ReadAll(ch); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d of %d bytes came back: %v", len(got), len(want), err)
		}
		_ = ch.Close()
	}
	_, err := direct(c, "localhost", 22)
	refusedAs(t, err, "not there, says the owner")
	if n := d.requests(); n != 1 || len(h.visits.all()) != 1 {
		t.Fatalf("asked %d times, %d visits", n, len(h.visits.all()))
	}
	v := h.visits.all()[0]
	if got := v.req.Capabilities; len(got) != 1 || got[0] != wire.Forward {
		t.Errorf("asked for %v", got)
	}
	_ = c.Close()
	h.noLive()
	events := h.events()
	if n := strings.Count(events, `"kind":"forward",`); n != 3 {
		t.Errorf("%d forwards begin in\n%s", n, events)
	}
	if n := strings.Count(events, `"up":262144,"down":262144`); n != 3 {
		t.Errorf("%d forwards end in\n%s", n, events)
	}
}

// TestDirectRefused: each is refused with a sentence that says what to do.
func TestDirectRefused(t *testing.T) {
	for name, c := range map[string]struct {
		user, host string
		port       uint32
		change     func(*Options)
		consent    func(*wire.Consent)
		says       string
	}{
		"no device":      {user: "list", host: "localhost", port: 80, says: "name the device"},
		"unknown device": {user: "laptop-8", host: "localhost", port: 80, says: "No device is called laptop-8. Did you mean laptop-7?"},
		"no host":        {user: "laptop-7", port: 80, says: "no host"},
		"a bad host":     {user: "laptop-7", host: "a\x1b[31mb", port: 80, says: "no host"},
		"no port":        {user: "laptop-7", host: "localhost", says: "from 1 to 65535"},
		"a port too far": {user: "laptop-7", host: "localhost", port: 1 << 16, says: "from 1 to 65535"},
		"a screen":       {user: "laptop-7", host: "screen", port: 5900, says: "doesn't offer \"screen.view\""},
		"without reason": {user: "laptop-7", host: "localhost", port: 80, change: func(o *Options) { o.Policy.ReasonRequired = true }, says: "leave out -N and add it"},
		"no rule": {user: "laptop-7", host: "localhost", port: 80, change: func(o *Options) {
			o.Policy.Rules = []policy.Rule{{Name: "shell", Who: []string{"alice"}, Capabilities: []string{"shell"}}}
		}, says: "No rule lets alice ask for forward"},
		"refused": {user: "laptop-7", host: "localhost", port: 80, consent: func(c *wire.Consent) {
			c.Choice, c.Granted, c.Until, c.Why = wire.Refuse, nil, nil, "not now"
		}, says: "not now"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, c.change)
			d := mirrors(h)
			d.consent = c.consent
			client := h.mustLogin(c.user, h.alice)
			for range 3 {
				_, err := direct(client, c.host, c.port)
				refusedAs(t, err, c.says)
			}
			if n := d.requests(); n > 1 {
				t.Errorf("the user was asked %d times", n)
			}
			h.nothingOpened(name)
		})
	}
}

// TestDirectAfterTheVisit: what comes after the visit's end is refused with a
// sentence, and nobody is asked for it.
func TestDirectAfterTheVisit(t *testing.T) {
	h := newHouse(t, nil)
	d := mirrors(h)
	c := h.mustLogin("laptop-7", h.alice)
	ch, err := direct(c, "localhost", 80)
	if err != nil {
		t.Fatal(err)
	}
	h.visits.all()[0].end(ending{byUser, userStopped})
	if _, err := io.ReadAll(ch); err != nil {
		t.Error(err)
	}
	h.noLive()
	for range 2 {
		_, err := direct(c, "localhost", 80)
		refusedAs(t, err, "The user stopped the visit")
	}
	if n := d.requests(); n != 1 {
		t.Errorf("the user was asked %d times", n)
	}
}

// TestDirectJoins: a channel is part of the visit that its technician has open,
// and lends nobody else's.
func TestDirectJoins(t *testing.T) {
	h := newHouse(t, nil)
	d := mirrors(h)
	first := h.mustLogin("laptop-7", h.alice)
	if _, err := direct(first, "localhost", 80); err != nil {
		t.Fatal(err)
	}
	second := h.mustLogin("laptop-7", h.alice)
	if _, err := direct(second, "localhost", 81); err != nil {
		t.Fatal(err)
	}
	if n := d.requests(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	other := h.mustLogin("laptop-7", h.boss)
	if _, err := direct(other, "localhost", 80); err != nil {
		t.Fatal(err)
	}
	if n := d.requests(); n != 2 {
		t.Errorf("asked %d times with somebody else's", n)
	}
	_ = first.Close()
	if _, err := direct(second, "localhost", 81); err != nil {
		t.Error("the visit ended with the connection that began it:", err)
	}
}

// TestDirectFlood: more channels than a connection may have are refused, and
// the others live on.
func TestDirectFlood(t *testing.T) {
	h := newHouse(t, nil)
	mirrors(h)
	c := h.mustLogin("laptop-7", h.alice)
	var open []gossh.Channel
	for range wire.MaxForwards {
		ch, err := direct(c, "localhost", 80)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, ch)
	}
	_, err := direct(c, "localhost", 80)
	refusedAs(t, err, "64 channels open")
	_, err = direct(h.mustLogin("laptop-7", h.alice), "localhost", 80)
	refusedAs(t, err, "64 connections open")
	_ = open[0].Close()
	eventually(t, "there is room again", func() bool {
		ch, err := direct(c, "localhost", 80)
		if err == nil {
			_ = ch.Close()
		}
		return err == nil
	})
}

// TestDirectLocked: somebody locked meanwhile opens no channel on the connection
// that they have, and it is noted.
func TestDirectLocked(t *testing.T) {
	h := newHouse(t, nil)
	mirrors(h)
	c := h.mustLogin("laptop-7", h.alice)
	if err := errors.Join(h.store.Lock(t.Context(), "alice", "", store.Entry{At: time.Now(), Actor: "boss"}), h.reloadLocks(t.Context(), "test")); err != nil {
		t.Fatal(err)
	}
	_, err := direct(c, "localhost", 80)
	refusedAs(t, err, "locked")
	list, err := h.store.Audit(t.Context(), store.Filter{Kind: store.LoginDenied})
	if err != nil || len(list) != 1 || list[0].Data["what"] != directTCP {
		t.Errorf("%+v, %v", list, err)
	}
}

// events is the timeline of the only recording.
func (h *house) events() string {
	h.t.Helper()
	text, err := os.ReadFile(filepath.Join(h.onlyRecording(), "timeline.jsonl"))
	if err != nil {
		h.t.Fatal(err)
	}
	return string(text)
}
