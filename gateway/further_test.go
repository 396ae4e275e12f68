package gateway

import (
	"io"
	"strings"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/gateway/store"
	"accord/policy"
	"accord/wire"
)

// refuses is a user who says no to more.
func refuses(c *wire.Consent) bool {
	c.Choice, c.Granted, c.Until, c.Why = wire.Refuse, nil, nil, "not that"
	return true
}

// TestFurther: a visit for a shell is open; a forward makes the device ask for
// just that, and the evidence has the answer.
func TestFurther(t *testing.T) {
	h := newHouse(t, nil)
	d := mirrors(h)
	shell, _ := h.started(h.mustLogin("laptop-7", h.alice))
	v := h.visits.all()[0]
	c := h.mustLogin("laptop-7", h.alice)
	ch, err := direct(c, "localhost", 80)
	if err != nil {
		t.Fatal(err)
	}
	_ = ch.Close()
	if d.requests() != 1 || d.asksFor() != 1 || len(h.visits.all()) != 1 {
		t.Errorf("%d requests, %d for more, %d visits", d.requests(), d.asksFor(), len(h.visits.all()))
	}
	if got := texts(v.may()); strings.Join(got, " ") != "shell forward" {
		t.Errorf("the visit may %v", got)
	}
	if _, err := direct(c, "localhost", 81); err != nil || d.asksFor() != 1 {
		t.Errorf("asked %d times, %v", d.asksFor(), err)
	}
	_ = c.Close()
	_ = shell.CloseWrite()
	_, _ = io.ReadAll(shell)
	_ = shell.Close()
	h.noLive()
	events := h.events()
	for _, want := range []string{`"kind":"further"`, `"kind":"consent","data":{"choice":"approve","granted":["forward"],"statement":`} {
		if !strings.Contains(events, want) {
			t.Errorf("no %s in\n%s", want, events)
		}
	}
	list, err := h.store.Audit(t.Context(), store.Filter{Kind: store.VisitExtended})
	if err != nil || len(list) != 1 || !list[0].Success || list[0].Data["granted"] != "forward" {
		t.Errorf("%+v, %v", list, err)
	}
	stored, err := h.store.Visits(t.Context(), store.VisitFilter{})
	if err != nil || len(stored) != 1 || strings.Join(stored[0].Granted, " ") != "shell forward" {
		t.Errorf("%+v, %v", stored, err)
	}
}

// TestFurtherRefused: the sentence says so, the shell lives on, and nobody is
// asked again for a while whatever tools try.
func TestFurtherRefused(t *testing.T) {
	h := newHouse(t, nil)
	d := mirrors(h)
	d.further = refuses
	shell, _ := h.started(h.mustLogin("laptop-7", h.alice))
	for range 2 {
		c := h.mustLogin("laptop-7", h.alice)
		_, err := direct(c, "localhost", 80)
		refusedAs(t, err, "refused: not that")
		_, err = direct(c, "localhost", 80)
		refusedAs(t, err, "not that")
	}
	if d.asksFor() != 1 {
		t.Errorf("asked %d times", d.asksFor())
	}
	if _, err := shell.Write([]byte("still here")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(shell, make([]byte, len("still here"))); err != nil {
		t.Error(err)
	}
	v := h.visits.all()[0]
	if v.grants(wire.Forward) || !v.isOpen() {
		t.Error("the visit has what was refused, or is over")
	}
}

// TestFurtherAskedOnce: several who want the same wait for one answer; who gives
// up takes nothing from the others, and the last takes the question back.
func TestFurtherAskedOnce(t *testing.T) {
	h := newHouse(t, nil)
	d := mirrors(h)
	answer := make(chan struct{})
	withdrawn := make(chan struct{}, 8)
	d.hears = func(_ *wire.Conn, m wire.Message) {
		if _, is := m.(*wire.Withdraw); is {
			withdrawn <- struct{}{}
		}
	}
	d.further = func(*wire.Consent) bool { <-answer; return true }
	_, _ = h.started(h.mustLogin("laptop-7", h.alice))
	results := make(chan error, 3)
	first := h.mustLogin("laptop-7", h.alice)
	for _, c := range []*gossh.Client{first, h.mustLogin("laptop-7", h.alice), h.mustLogin("laptop-7", h.alice)} {
		go func() {
			_, err := direct(c, "localhost", 80)
			results <- err
		}()
	}
	v := h.visits.all()[0]
	eventually(t, "all wait", func() bool {
		v.mu.Lock()
		defer v.mu.Unlock()
		return v.further != nil && v.further.waits == 3
	})
	_ = first.Close()
	if err := <-results; err == nil {
		t.Error("a channel was opened on a connection that is closed")
	}
	close(answer)
	for range 2 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if d.asksFor() != 1 || len(withdrawn) != 0 {
		t.Errorf("asked %d times, withdrawn %d times", d.asksFor(), len(withdrawn))
	}
}

// TestFurtherWithdrawn: when nobody waits any more the question is taken back;
// that is no refusal, and it can be asked again.
func TestFurtherWithdrawn(t *testing.T) {
	h := newHouse(t, nil)
	d := mirrors(h)
	d.further = func(*wire.Consent) bool { return false } // answered when it is withdrawn
	d.hears = func(c *wire.Conn, m wire.Message) {
		if _, is := m.(*wire.Withdraw); is {
			d.further = func(c *wire.Consent) bool {
				c.Choice, c.Granted, c.Until, c.Why = wire.None, nil, nil, "The request was withdrawn."
				return true
			}
			d.mu.Lock()
			asked := d.mores[len(d.mores)-1]
			d.mu.Unlock()
			d.more(c, d.yes(&d.asked[0]), &asked)
			d.further = nil
		}
	}
	_, _ = h.started(h.mustLogin("laptop-7", h.alice))
	c := h.mustLogin("laptop-7", h.alice)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = direct(c, "localhost", 80)
	}()
	eventually(t, "it is asked", func() bool { return d.asksFor() == 1 })
	_ = c.Close()
	<-gone
	v := h.visits.all()[0]
	eventually(t, "nothing is asked any more", func() bool {
		v.mu.Lock()
		defer v.mu.Unlock()
		return v.further == nil
	})
	if !v.isOpen() || v.grants(wire.Forward) {
		t.Error("the visit is over, or has what nobody granted")
	}
	if _, err := direct(h.mustLogin("laptop-7", h.alice), "localhost", 80); err != nil {
		t.Error(err)
	}
}

// TestFurtherLies: a device whose answer is not for the very question ends its
// visit, and gets nothing granted.
func TestFurtherLies(t *testing.T) {
	for name, lie := range map[string]func(*wire.Consent){
		"another visit":     func(c *wire.Consent) { c.Request.Visit = "20260101-000000-abcdefgh" },
		"another person":    func(c *wire.Consent) { c.Request.Technician.Name = "bob" },
		"more than asked":   func(c *wire.Consent) { c.Request.Capabilities = append(c.Request.Capabilities, wire.FilesGet) },
		"not as further":    func(c *wire.Consent) { c.Further = false },
		"the first's nonce": func(c *wire.Consent) { c.Nonce = "n" },
		"a later end": func(c *wire.Consent) {
			later := c.Until.Add(time.Minute)
			c.Until = &later
		},
		"another account": func(c *wire.Consent) { c.Login = "root" },
		"an override":     func(c *wire.Consent) { c.Choice, c.Signers = wire.Overridden, []string{"sid"} },
		"another key":     func(c *wire.Consent) { c.DeviceKey = "SHA256:x" },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, nil)
			d := mirrors(h)
			d.further = func(c *wire.Consent) bool { lie(c); return true }
			_, _ = h.started(h.mustLogin("laptop-7", h.alice))
			v := h.visits.all()[0]
			_, err := direct(h.mustLogin("laptop-7", h.alice), "localhost", 80)
			refusedAs(t, err, "receipt for more is not valid")
			if v.grants(wire.Forward) {
				t.Error("it is granted")
			}
			h.noLive()
		})
	}
}

// TestFurtherUnasked: an answer, or a state of a prompt, that nobody asked for
// ends the visit.
func TestFurtherUnasked(t *testing.T) {
	for name, say := range map[string]func(*device, *wire.Conn){
		"a prompt": func(_ *device, c *wire.Conn) { _ = c.Write(&wire.Prompt{State: wire.Shown}) },
		"an answer": func(d *device, c *wire.Conn) {
			d.more(c, d.yes(&d.asked[0]), &wire.More{Capabilities: []wire.Capability{wire.Forward}})
		},
		"the first answer again": func(d *device, c *wire.Conn) { _ = c.Write(d.answers[0]) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, nil)
			d := mirrors(h)
			d.ready = func(c *wire.Conn) {
				_ = c.Write(&wire.Ready{})
				say(d, c)
			}
			h.run("laptop-7", h.alice, "x")
			h.noLive()
			if !strings.Contains(h.events(), "out of order") {
				t.Errorf("it ended otherwise:\n%s", h.events())
			}
		})
	}
}

// TestFurtherByTheRules: the policy is asked with the visit's facts, and what
// would bind the visit otherwise is refused before anybody is asked.
func TestFurtherByTheRules(t *testing.T) {
	yes, five := true, 5
	for name, c := range map[string]struct {
		rule policy.Rule
		says string
	}{
		"none":    {policy.Rule{Capabilities: []string{"files.get"}}, "No rule lets alice ask for forward"},
		"watched": {policy.Rule{Capabilities: []string{"forward"}, Watched: true}, "a colleague must watch"},
		"shorter": {policy.Rule{Capabilities: []string{"forward"}, LongestMinutes: &five}, "lasts 5 minutes at most"},
		"ticket":  {policy.Rule{Capabilities: []string{"forward"}, TicketRequired: &yes}, "End it and ask for a new one"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, func(o *Options) {
				c.rule.Name, c.rule.Who = "more", []string{"alice"}
				o.Policy.Rules = []policy.Rule{{Name: "shell", Who: []string{"alice"}, Capabilities: []string{"shell"}}, c.rule}
			})
			d := mirrors(h)
			_, _ = h.started(h.mustLogin("laptop-7", h.alice))
			_, err := direct(h.mustLogin("laptop-7", h.alice), "localhost", 80)
			refusedAs(t, err, c.says)
			if d.asksFor() != 0 {
				t.Error("the user was asked")
			}
		})
	}
}

// TestFurtherForATool: a command in a visit that only forwards makes the device
// ask for the shell, with lines for the tool meanwhile.
func TestFurtherForATool(t *testing.T) {
	h := newHouse(t, nil)
	d := mirrors(h)
	c := h.mustLogin("laptop-7", h.alice)
	if _, err := direct(c, "localhost", 80); err != nil {
		t.Fatal(err)
	}
	got := h.run("laptop-7", h.alice, "x")
	if got.status != 0 || !strings.Contains(got.out, "device: ") || !strings.Contains(got.errs, "waiting for the consent of the user of laptop-7") {
		t.Errorf("%+v", got)
	}
	if d.requests() != 1 || d.asksFor() != 1 {
		t.Errorf("%d requests, %d for more", d.requests(), d.asksFor())
	}
	d.further = refuses
	if got := h.run("laptop-7", h.alice, "action:x"); got.status != exitRefused || !strings.Contains(got.errs, "offer") {
		t.Errorf("%+v", got)
	}
}
