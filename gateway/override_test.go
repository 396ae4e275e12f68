package gateway

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/gateway/store"
	"accord/policy"
	"accord/wire"
)

// theatre is a house with a second supervisor, an auditor and a device that
// judges overrides as the test says.
type theatre struct {
	*house
	sid, ann gossh.Signer
	dev      *judging
}

// judging is a device that answers questions about itself and judges
// overrides; its hooks misbehave.
type judging struct {
	*device
	nonces atomic.Int64
	nonce  func() *wire.Nonce
	pinned func(*wire.Rosters) *wire.Pinned
	// alter changes what an honest device would answer to an override.
	alter func(*wire.Consent)
	hold  chan struct{} // closed before it judges; nil for at once
}

func newTheatre(t *testing.T, change func(*Options)) *theatre {
	t.Helper()
	th := &theatre{sid: newSigner(t), ann: newSigner(t)}
	th.house = newHouse(t, func(o *Options) {
		o.Policy.Override.Emergency = []policy.Emergency{{Name: "fire", Reason: "Fire.*"}}
		o.People = append(o.People,
			policy.Person{Name: "sid", Keys: []string{keyLine(th.sid)}, Roles: []string{"supervisor"}},
			policy.Person{Name: "ann", Keys: []string{keyLine(th.ann)}, Roles: []string{"auditor"}})
		if change != nil {
			change(o)
		}
	})
	th.dev = &judging{device: th.device("lab-1")}
	th.dev.visit = th.dev.judge
	th.dev.questions = th.dev.answer
	th.dev.join()
	return th
}

// answer serves one device@accord channel.
func (j *judging) answer(ch gossh.Channel) {
	defer func() { _ = ch.Close() }()
	c := wire.NewConn(ch)
	m, err := c.Read()
	if err != nil {
		return
	}
	switch m := m.(type) {
	case *wire.AskNonce:
		n := &wire.Nonce{Nonce: "nonce-" + strconv.FormatInt(j.nonces.Add(1), 10), Until: time.Now().Add(time.Hour)}
		if j.nonce != nil {
			n = j.nonce()
		}
		_ = c.Write(n)
	case *wire.Rosters:
		p := &wire.Pinned{Version: 1}
		if j.pinned != nil {
			p = j.pinned(m)
		}
		_ = c.Write(p)
	}
}

// judge opens what an override says, and asks nobody; without an override the
// user gives no answer.
func (j *judging) judge(ch gossh.Channel) {
	j.device.consent = func(c *wire.Consent) {
		c.Choice, c.Granted, c.Login, c.Until, c.Why = wire.None, nil, "", nil, "nobody is there"
		if c.Request.Override == nil {
			return
		}
		if j.hold != nil {
			<-j.hold
		}
		o, err := wire.ParseOverride(c.Request.Override.Statement)
		if err != nil {
			j.house.t.Error(err)
			return
		}
		until := c.Answered.Add(time.Duration(c.Request.Minutes) * time.Minute)
		c.Choice, c.Granted, c.Login, c.Until, c.Why = wire.Overridden, c.Request.Capabilities, "ann", &until, ""
		c.Signers = []string{"boss"}
		if o.Exercise {
			c.Choice, c.Granted, c.Login, c.Until, c.Why = wire.None, nil, "", nil, wire.ExerciseVerified
		}
		if j.alter != nil {
			j.alter(c)
		}
	}
	j.device.honest(ch)
}

// request asks for an override in alice's name and returns its statement.
func (th *theatre) request(words string) []byte {
	th.t.Helper()
	if got := th.run("list", th.alice, "override request lab-1 "+words); got.status != 0 {
		th.t.Fatalf("request: %+v", got)
	}
	list, err := th.store.Overrides(th.t.Context(), store.OverrideFilter{Limit: 1})
	if err != nil {
		th.t.Fatal(err)
	}
	return list[0].Statement
}

// with runs a command with an input.
func (th *theatre) with(key gossh.Signer, command string, in []byte) said {
	th.t.Helper()
	c := th.mustLogin("list", key)
	defer func() { _ = c.Close() }()
	s, err := c.NewSession()
	if err != nil {
		th.t.Fatal(err)
	}
	pipe, err := s.StdinPipe()
	if err != nil {
		th.t.Fatal(err)
	}
	go func() {
		_, _ = pipe.Write(in)
		_ = pipe.Close()
	}()
	return th.runPiped(s, command)
}

func (th *theatre) runPiped(s *gossh.Session, command string) said {
	th.t.Helper()
	var out, errs strings.Builder
	s.Stdout, s.Stderr = &out, &errs
	err := s.Run(command)
	status := 0
	if e, ok := err.(*gossh.ExitError); ok { //nolint:errorlint // it comes as it is
		status = e.ExitStatus()
	} else if err != nil {
		status = -1
	}
	return said{out.String(), errs.String(), status}
}

func (th *theatre) sign(key gossh.Signer, namespace string, statement []byte) []byte {
	th.t.Helper()
	sig, err := wire.Sign(key, namespace, statement)
	if err != nil {
		th.t.Fatal(err)
	}
	return sig
}

// approved asks for an override and has boss sign it.
func (th *theatre) approved(words string) int {
	th.t.Helper()
	statement := th.request(words)
	o, err := wire.ParseOverride(statement)
	if err != nil {
		th.t.Fatal(err)
	}
	got := th.with(th.boss, fmt.Sprintf("override approve %d", o.Number), th.sign(th.boss, wire.NamespaceOverride, statement))
	if got.status != 0 {
		th.t.Fatalf("approve: %+v", got)
	}
	return o.Number
}

func (th *theatre) state(number int) store.OverrideState {
	th.t.Helper()
	o, err := th.store.Override(th.t.Context(), number)
	if err != nil {
		th.t.Fatal(err)
	}
	return o.State
}

func TestOverrideOpens(t *testing.T) {
	th := newTheatre(t, nil)
	n := th.approved("--reason Fire --minutes 7")
	got := th.run("lab-1", th.alice, "uptime")
	if got.status != 0 || !strings.Contains(got.out, "uptime") || !strings.Contains(got.errs, "OVERRIDE 1, signed by boss") {
		t.Fatalf("got %+v", got)
	}
	if th.state(n) != store.OverrideUsed {
		t.Error(th.state(n))
	}
	th.noLive()
	list, err := th.library.List("", 10)
	if err != nil || len(list) != 1 || list[0].Visit.Override == nil || list[0].Visit.Minutes != 7 {
		t.Fatalf("%+v, %v", list, err)
	}
	if got := th.run("lab-1", th.alice, "uptime"); got.status != exitNobody {
		t.Errorf("it opened twice: %+v", got)
	}
	if got := th.run("list", th.ann, "override review 1 --verdict justified --note fire"); got.status != 0 {
		t.Errorf("review: %+v", got)
	}
}

// TestOverridesThatDoNotCount: a device that answers an override with what it
// may not opens nothing, and the override is not counted as used.
func TestOverridesThatDoNotCount(t *testing.T) {
	for name, c := range map[string]struct {
		alter func(*wire.Consent)
		words string
		state store.OverrideState
	}{
		"the user's word":     {func(c *wire.Consent) { c.Choice, c.Signers = wire.Approve, nil }, "", store.OverrideApproved},
		"other signers":       {func(c *wire.Consent) { c.Signers = []string{"sid"} }, "", store.OverrideApproved},
		"more signers":        {func(c *wire.Consent) { c.Signers = []string{"boss", "sid"} }, "", store.OverrideApproved},
		"no signers":          {func(c *wire.Consent) { c.Signers = nil }, "", store.OverrideApproved},
		"another request":     {func(c *wire.Consent) { c.Request.Minutes++ }, "", store.OverrideApproved},
		"without an override": {func(c *wire.Consent) { c.Request.Override = nil }, "", store.OverrideApproved},
		"another account":     {func(c *wire.Consent) { c.Login = "root" }, "", store.OverrideApproved},
		"too long": {func(c *wire.Consent) {
			until := c.Until.Add(time.Hour)
			c.Until = &until
		}, "", store.OverrideApproved},
		"it refuses": {func(c *wire.Consent) {
			c.Choice, c.Granted, c.Login, c.Until, c.Signers, c.Why = wire.Refuse, nil, "", nil, nil, "it was used before"
		}, "", store.OverrideRefused},
		"an exercise that opens": {func(c *wire.Consent) {
			until := c.Answered.Add(time.Minute)
			c.Choice, c.Granted, c.Login, c.Until, c.Why = wire.Overridden, c.Request.Capabilities, "ann", &until, ""
		}, " --exercise", store.OverrideApproved},
		"an exercise by others": {func(c *wire.Consent) { c.Signers = []string{"sid"} }, " --exercise", store.OverrideApproved},
		"an exercise by nobody": {func(c *wire.Consent) { c.Signers = nil }, " --exercise", store.OverrideRefused},
	} {
		t.Run(name, func(t *testing.T) {
			th := newTheatre(t, nil)
			th.dev.alter = c.alter
			n := th.approved("--reason Fire" + c.words)
			if got := th.run("list", th.alice, "override open "+strconv.Itoa(n)); got.status == 0 {
				t.Errorf("opened: %+v", got)
			}
			th.noLive()
			th.nothingOpened(name)
			if got := th.state(n); got != c.state {
				t.Errorf("the override is %s, want %s", got, c.state)
			}
		})
	}
}

// TestOneOverrideTwoSessions: of two who come at once, one gets in.
func TestOneOverrideTwoSessions(t *testing.T) {
	th := newTheatre(t, nil)
	th.dev.hold = make(chan struct{})
	n := th.approved("--reason Fire")
	results := make(chan said, 2)
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() { results <- th.run("list", th.alice, "override open "+strconv.Itoa(n)) })
	}
	// The other one finds it taken, or joins what is asked.
	eventually(t, "one of them asks", func() bool { return len(th.visits.all()) == 1 })
	close(th.dev.hold)
	both.Wait()
	first, second := <-results, <-results
	th.noLive()
	if list, err := th.library.List("", 10); err != nil || len(list) != 1 {
		t.Errorf("%d recordings, %v: %+v, %+v", len(list), err, first, second)
	}
	if th.dev.requests() != 1 {
		t.Errorf("the device was asked %d times", th.dev.requests())
	}
}

// TestDevicesAndNonces: without a number from the device there is no case.
func TestDevicesAndNonces(t *testing.T) {
	th := newTheatre(t, nil)
	th.dev.nonce = func() *wire.Nonce { return &wire.Nonce{Sentence: "This device has pinned nobody."} }
	got := th.run("list", th.alice, "override request lab-1 Fire")
	if got.status == 0 || !strings.Contains(got.errs, "lab-1 takes no override: This device has pinned nobody.") {
		t.Errorf("got %+v", got)
	}
	_ = th.dev.conn.Close()
	th.dev.isOnline(false)
	if got := th.run("list", th.alice, "override request lab-1 Fire"); got.status == 0 || !strings.Contains(got.errs, "away") {
		t.Errorf("got %+v", got)
	}
	old := th.device("old").join() // knows no such channel
	if got := th.run("list", th.alice, "override request old Fire"); got.status == 0 || !strings.Contains(got.errs, "gives no number") {
		t.Errorf("got %+v", got)
	}
	_ = old.conn.Close()
}

// TestAttemptsAreFacts: what a device did not sign is no attempt.
func TestAttemptsAreFacts(t *testing.T) {
	th := newTheatre(t, nil)
	withdrawn := th.mustLogin("lab-1", th.alice)
	hang := make(chan struct{})
	asked := make(chan struct{}, 1)
	th.dev.onVisit(func(ch gossh.Channel) {
		_, _ = wire.NewConn(ch).Read()
		asked <- struct{}{}
		<-hang
		_ = ch.Close()
	})
	s, err := withdrawn.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start("x"); err != nil {
		t.Fatal(err)
	}
	<-asked
	_ = withdrawn.Close()
	close(hang)
	th.noLive()
	th.dev.onVisit(th.dev.judge)
	got := th.run("list", th.alice, "override request lab-1 Payroll stands still")
	if got.status != exitRefused || !strings.Contains(got.errs, "the log has 0") {
		t.Fatalf("a withdrawn request counts: %+v", got)
	}
	if got := th.run("lab-1", th.alice, "x"); got.status != exitNobody || !strings.Contains(got.errs, "override request lab-1") {
		t.Fatalf("got %+v", got)
	}
	statement := th.request("Payroll stands still")
	if !strings.Contains(string(statement), " no answer\n") || strings.Count(string(statement), "\nattempt: ") != 1 {
		t.Errorf("%s", statement)
	}
}

// TestRosterIsOffered: a device is told of the lists that it lacks, in order,
// and what it says of itself is not believed beyond what there is.
func TestRosterIsOffered(t *testing.T) {
	asked := make(chan *wire.Rosters, 8)
	th := newTheatre(t, nil)
	eventually(t, "the list is offered", func() bool { return th.homes.get(gossh.FingerprintSHA256(th.dev.key.PublicKey())).roster.Load() == 1 })
	th.dev.pinned = func(r *wire.Rosters) *wire.Pinned {
		asked <- r
		return &wire.Pinned{Version: 7, Sentence: "I have another\x1b[2J."}
	}
	_ = th.dev.conn.Close()
	th.dev.isOnline(false)
	th.dev.online()
	if r := <-asked; len(r.Chain) != 1 || len(r.Chain[0].Signatures) != 0 {
		t.Errorf("%+v", r)
	}
	eventually(t, "it is in the log", func() bool {
		list, err := th.store.Audit(t.Context(), store.Filter{Kind: store.RosterPinned, Newest: true, Limit: 1})
		return err == nil && len(list) == 1 && !list[0].Success && !strings.Contains(list[0].Data["why"], "\x1b")
	})
	if v := th.homes.get(gossh.FingerprintSHA256(th.dev.key.PublicKey())).roster.Load(); v != 0 {
		t.Errorf("it is believed to have list %d", v)
	}
}

// TestRosterIsOfferedAgain: a device that has not read its welcome yet takes no
// question; it is asked again.
func TestRosterIsOfferedAgain(t *testing.T) {
	th := newTheatre(t, nil)
	_ = th.dev.conn.Close()
	th.dev.isOnline(false)
	early := make(chan struct{}, 8)
	th.dev.mu.Lock()
	th.dev.early = func() bool {
		early <- struct{}{}
		return len(early) < 3
	}
	th.dev.mu.Unlock()
	th.dev.online()
	eventually(t, "it has the list", func() bool {
		h := th.homes.get(gossh.FingerprintSHA256(th.dev.key.PublicKey()))
		return h != nil && h.roster.Load() == 1
	})
	if len(early) != 3 {
		t.Errorf("it was asked %d times", len(early))
	}
}

// TestSignatureInput: what is no signature, or never comes, is refused without
// waiting for ever.
func TestSignatureInput(t *testing.T) {
	th := newTheatre(t, nil)
	th.request("Fire")
	for in, want := range map[string]string{
		"":                              "no SSH signature",
		"hello":                         "no SSH signature",
		strings.Repeat("x", 1<<20):      "longer than",
		"-----BEGIN SSH SIGNATURE-----": "no signature over the statement",
	} {
		if got := th.with(th.boss, "override approve 1", []byte(in)); got.status == 0 || !strings.Contains(got.errs, want) {
			t.Errorf("%.20q: %+v", in, got)
		}
	}
	for _, command := range []string{
		"override approve", "override approve x", "override approve 0", "override approve 99", "override approve -1",
		"override show", "override deny", "override review 1", "override review 1 --verdict maybe --note x", "override request",
		"override open 99999999999999999999", "override list --limit 0", "override roster sign now", "override",
	} {
		if got := th.with(th.boss, command, nil); got.status == 0 || got.errs == "" {
			t.Errorf("%s: %+v", command, got)
		}
	}
	c := th.mustLogin("list", th.boss) // leaves while it is waited for the signature
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	pipe, err := s.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start("override approve 1"); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(pipe, "-----BEGIN")
	_ = c.Close()
	if th.state(1) != store.OverrideRequested {
		t.Error(th.state(1))
	}
}

// TestBanner: supervisors are told of others' cases that lack their signature.
func TestBanner(t *testing.T) {
	th := newTheatre(t, func(o *Options) { o.Policy.Override.Signers = 2 })
	ph := (&session{}).phrases()
	banner := func(name string) string {
		p, _ := th.law().people.Named(name)
		text, _ := th.Gateway.banner(p, ph, time.Now())
		return text
	}
	statement := th.request("Fire")
	if got := banner("boss"); !strings.Contains(got, "Override 1: alice asks for lab-1") {
		t.Errorf("boss reads %q", got)
	}
	if got := banner("alice") + banner("ann"); got != "" {
		t.Errorf("others read %q", got)
	}
	if got := th.with(th.boss, "override approve 1", th.sign(th.boss, wire.NamespaceOverride, statement)); got.status != 0 {
		t.Fatalf("%+v", got)
	}
	if got := banner("boss"); got != "" {
		t.Errorf("boss, who has signed, reads %q", got)
	}
	if got := banner("sid"); got == "" {
		t.Error("sid reads nothing")
	}
	th.dev.onVisit(func(ch gossh.Channel) {
		th.dev.device.consent = func(c *wire.Consent) {
			c.Choice, c.Granted, c.Login, c.Until, c.Stranger = wire.Refuse, nil, "", nil, true
		}
		th.dev.honest(ch)
	})
	th.run("lab-1", th.alice, "x")
	if got := banner("sid"); !strings.Contains(got, "and 1 more") {
		t.Errorf("sid reads %q", got)
	}
	if got := banner("boss"); got != "The user of lab-1 does not know alice, who asked for a visit." {
		t.Errorf("boss reads %q", got)
	}
}

// TestSignerIsLocked: who is locked has signed nothing, also where their
// signature has opened a visit already.
func TestSignerIsLocked(t *testing.T) {
	th := newTheatre(t, nil)
	th.approved("--reason Fire")
	c := th.mustLogin("lab-1", th.alice)
	if _, err := openHeld(c); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the visit is open", func() bool { l := th.visits.all(); return len(l) == 1 && l[0].isOpen() })
	if got := th.run("list", th.sid, "lock boss their key was stolen"); got.status != 0 {
		t.Fatalf("%+v", got)
	}
	th.noLive()
	list, err := th.store.Visits(t.Context(), store.VisitFilter{Limit: 1})
	if err != nil || !strings.Contains(list[0].Cause, "signed by boss, who is no supervisor any more") {
		t.Errorf("%+v, %v", list, err)
	}
	if got := th.run("list", th.alice, "override list --json"); got.status != 0 || !strings.Contains(got.out, `"state": "used"`) {
		t.Errorf("%+v", got)
	}
}

// openHeld begins a command that does not end by itself.
func openHeld(c *gossh.Client) (gossh.Channel, error) {
	ch, reqs, err := c.OpenChannel("session", nil)
	if err != nil {
		return nil, err
	}
	go gossh.DiscardRequests(reqs)
	go func() { _, _ = io.Copy(io.Discard, ch.Stderr()) }()
	_, err = ch.SendRequest("exec", true, gossh.Marshal(struct{ Command string }{"hold"}))
	return ch, err
}
