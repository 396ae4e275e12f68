package agent

import (
	"encoding/binary"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"accord/tui"
	"accord/wire"
)

// TestGoodVisitOpens shows that the harness can open a shell at all, or the
// other tests would prove nothing.
func TestGoodVisitOpens(t *testing.T) {
	e := newEvil(t, nil)
	l, p := e.link(), e.sit()
	v := l.open(p)
	if !l.mark(v.req.Visit) {
		t.Fatal("a consented visit has no shell")
	}
	v.write(&wire.End{By: "mallory", Cause: "done"})
	_ = v.ch.Close()
	p.ended(v.req.Visit)
	l.mustNot(v.req.Visit, "after the end")
}

func TestNoVisitNoShell(t *testing.T) {
	e := newEvil(t, nil)
	l := e.link()
	l.mustNot(newID(), "a visit nobody asked for")
	for _, extra := range [][]byte{nil, {0}, wire.MarshalSession(""), wire.MarshalSession("../../etc"), append(wire.MarshalSession(newID()), 0)} {
		if err := l.runOn(extra, "echo > "+e.dir+"/marker"); !errors.Is(err, errNoShell) {
			t.Errorf("extra data %q: %v", extra, err)
		}
	}
}

// Before the hello nothing can be asked for.
func TestNothingBeforeTheHello(t *testing.T) {
	e := newEvil(t, nil)
	l, err := e.accept(e.key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.visit(); err == nil {
		t.Error("a request was taken before the hello")
	}
	l.mustNot(newID(), "before the hello")
	if _, err := l.hello(&wire.Welcome{Gateway: "evil", Device: "laptop-7"}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.conn.OpenChannel(wire.ChannelHello, nil); err == nil {
		t.Error("a second hello was taken")
	}
}

// Without the user's yes there is no shell, whatever the gateway claims.
func TestOpenWithoutApproval(t *testing.T) {
	for name, answer := range map[string]*tui.Answer{
		"unanswered": nil,
		"none":       {Choice: tui.None},
		"refuse":     {Choice: tui.Refuse},
		"later":      {Choice: tui.Later, Later: time.Now().Add(time.Hour)},
		"no choice":  {},
		"unknown":    {Choice: "yes"},
		"nothing":    {Choice: tui.Approve},
		"more":       {Choice: tui.Approve, Granted: []string{"shell", "files.get"}},
		"other":      {Choice: tui.Approve, Granted: []string{"files.get"}},
		"misspelled": {Choice: tui.Approve, Granted: []string{"Shell"}},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEvil(t, nil)
			l, p := e.link(), e.sit()
			v := l.ask(request())
			asked := p.asked()
			if answer != nil {
				p.give(asked.ID, *answer)
				if c := l.answer(v); c.Choice == wire.Approve || len(c.Granted) > 0 {
					t.Fatalf("the answer became %+v", c)
				}
			}
			v.write(&wire.Open{Head: zeroHead()})
			l.mustNot(v.req.Visit, "open without a yes")
			v.write(&wire.Open{Head: zeroHead()})
			l.mustNot(v.req.Visit, "open twice without a yes")
			_ = v.ch.Close()
			v.gone()
			p.give(asked.ID, approval())
			l.mustNot(v.req.Visit, "a yes when the request is gone")
		})
	}
}

// TestOutOfOrder sends each message where it does not belong.
func TestOutOfOrder(t *testing.T) {
	req := request()
	id := req.Visit
	wrong := map[string]func(*evilVisit){
		"open first":  func(v *evilVisit) { v.write(&wire.Open{Head: zeroHead()}); v.write(&req) },
		"ready first": func(v *evilVisit) { v.write(&wire.Ready{}); v.write(&req) },
		"answer first": func(v *evilVisit) {
			v.write(&wire.Answer{Statement: []byte("{}"), Signature: []byte("x")})
			v.write(&req)
		},
		"end first":             func(v *evilVisit) { v.write(&wire.End{By: "x", Cause: "y"}); v.write(&req) },
		"head first":            func(v *evilVisit) { h := zeroHead(); v.write(&h); v.write(&req) },
		"hello on the visit":    func(v *evilVisit) { v.write(&wire.Welcome{Gateway: "x", Device: "y"}); v.write(&req) },
		"nothing":               func(v *evilVisit) { _ = v.ch.CloseWrite() },
		"closed at once":        func(v *evilVisit) { _ = v.ch.Close() },
		"too long":              func(v *evilVisit) { _, _ = v.ch.Write(make([]byte, 1<<20)); v.write(&req) },
		"length without end":    func(v *evilVisit) { _, _ = v.ch.Write([]byte{0xFF, 0xFF, 0xFF, 0xFF}); v.write(&req) },
		"cut in the middle":     func(v *evilVisit) { _, _ = v.ch.Write([]byte{0, 0, 0, 9, '{'}); _ = v.ch.CloseWrite() },
		"empty message":         func(v *evilVisit) { _, _ = v.ch.Write(make([]byte, 4)); v.write(&req) },
		"no JSON":               func(v *evilVisit) { writeFrame(v, strings.Repeat("[", 60<<10)); v.write(&req) },
		"other version":         func(v *evilVisit) { writeFrame(v, `{"v":2,"kind":"ready","body":{}}`); v.write(&req) },
		"doubled field":         func(v *evilVisit) { writeFrame(v, `{"v":1,"kind":"ready","kind":"ready","body":{}}`); v.write(&req) },
		"a kind with an escape": func(v *evilVisit) { writeFrame(v, `{"v":1,"kind":"\u001b]0;x","body":{}}`); v.write(&req) },
	}
	for name, send := range wrong {
		t.Run(name, func(t *testing.T) {
			e := newEvil(t, nil)
			l, p := e.link(), e.sit()
			v := l.mustVisit()
			send(v)
			v.gone()
			l.mustNot(id, name)
			select {
			case m := <-p.out:
				t.Errorf("the user was told %+v", m)
			default:
			}
			l.open(p) // the link has suffered no harm
		})
	}
}

func writeFrame(v *evilVisit, text string) {
	frame := binary.BigEndian.AppendUint32(nil, uint32(len(text)))
	_, _ = v.ch.Write(append(frame, text...))
}

// While the user reads, nothing that the gateway adds counts: not another
// request on the channel, not one of the same id on another.
func TestRequestIsNotChangedUnderTheUser(t *testing.T) {
	more := []wire.Capability{wire.Shell, wire.FilesGet}
	t.Run("same channel", func(t *testing.T) {
		e := newEvil(t, nil)
		l, p := e.link(), e.sit()
		v := l.ask(request())
		asked := p.asked()
		again := v.req
		again.Minutes, again.Login, again.Capabilities = 700, "root", more
		v.write(&again)
		p.give(asked.ID, approval())
		c := l.answer(v)
		if c.Choice == wire.Approve && (c.Request.Minutes != v.req.Minutes || len(c.Granted) != 1) {
			t.Errorf("signed: %+v", c)
		}
		v.write(&wire.Open{Head: zeroHead()})
		l.mustNot(v.req.Visit, "a second request on the channel") // it stands where Open belongs
	})
	t.Run("another channel", func(t *testing.T) {
		e := newEvil(t, nil)
		l, p := e.link(), e.sit()
		v := l.ask(request())
		asked := p.asked()
		again := v.req
		again.Minutes = 700
		w := l.ask(again)
		p.give(asked.ID, approval())
		if c := l.answer(v); c.Request.Minutes != v.req.Minutes {
			t.Errorf("signed: %+v", c)
		}
		if c := l.answer(w); c.Choice != wire.None {
			t.Errorf("the id served twice: %+v", c)
		}
		w.write(&wire.Open{Head: zeroHead()})
		w.gone()
		l.mustNot(v.req.Visit, "opened through the copy")
	})
}

// TestRequestsThatCannotBe are not put to the user.
func TestRequestsThatCannotBe(t *testing.T) {
	for name, change := range map[string]func(*wire.Request){
		"capability not offered": func(r *wire.Request) { r.Capabilities = []wire.Capability{wire.Shell, wire.ScreenView} },
		"unknown account":        func(r *wire.Request) { r.Login = "no-such-login" },
		"action":                 func(r *wire.Request) { r.Capabilities = []wire.Capability{"action:reboot"} },
	} {
		t.Run(name, func(t *testing.T) {
			e := newEvil(t, nil)
			l, p := e.link(), e.sit()
			req := request()
			change(&req)
			v := l.ask(req)
			if c := l.answer(v); c.Choice != wire.None || c.Why == "" {
				t.Errorf("signed: %+v", c)
			}
			v.write(&wire.Open{Head: zeroHead()})
			l.mustNot(req.Visit, name)
			select {
			case m := <-p.out:
				t.Errorf("the user was told %+v", m)
			default:
			}
		})
	}
}

// A visit that was good is recorded by the gateway and played again.
func TestReplayOpensNothing(t *testing.T) {
	e := newEvil(t, nil)
	l, p := e.link(), e.sit()
	v := l.open(p)
	if !l.mark(v.req.Visit) {
		t.Fatal("no shell to begin with")
	}
	recorded := v.sent.bytes()
	l.mustNotReplay(recorded, v.req.Visit, "while the visit is open")
	_ = v.ch.Close()
	p.ended(v.req.Visit)
	l.mustNotReplay(recorded, v.req.Visit, "after its end")

	fresh := request()
	l.mustNotReplay([]byte(strings.ReplaceAll(string(recorded), v.req.Visit, fresh.Visit)), fresh.Visit, "under a new id")
	if asked := p.asked(); asked == nil {
		t.Fatal("a new id was not asked for")
	}
	_ = l.conn.Close()
	l = e.link()
	l.mustNotReplay(recorded, v.req.Visit, "over a new link")
}

func (l *evilLink) mustNotReplay(recorded []byte, id, when string) {
	l.t.Helper()
	v := l.mustVisit()
	if _, err := v.ch.Write(recorded); err != nil {
		l.t.Fatal(err)
	}
	if c, ok := await[*wire.Prompt](v); ok && c.State == "" {
		l.t.Errorf("%s: %+v", when, c)
	}
	l.mustNot(id, when)
	_ = v.ch.Close()
	v.gone()
	l.mustNot(id, when)
}

func TestOpenTwiceEndsTheVisit(t *testing.T) {
	e := newEvil(t, nil)
	l, p := e.link(), e.sit()
	v := l.open(p)
	v.write(&wire.Open{Head: zeroHead()})
	if _, ok := await[*wire.End](v); !ok {
		t.Error("a second open was taken")
	}
	l.mustNot(v.req.Visit, "after a second open")
}

// Two visits are asked for; the consent for one does not open the other.
func TestConsentIsForOneVisit(t *testing.T) {
	e := newEvil(t, nil)
	l, p := e.link(), e.sit()
	v := l.ask(request())
	asked := p.asked()
	w := l.ask(request())
	if m, ok := await[*wire.Prompt](w); !ok || m.State != wire.Queued {
		t.Errorf("the second is %+v", m)
	}
	p.give(asked.ID, approval())
	l.answer(v)
	w.write(&wire.Open{Head: zeroHead()})
	l.mustNot(w.req.Visit, "opened with another's consent")
	l.mustNot(v.req.Visit, "before its open")
}

// A visit belongs to the link it was asked for on.
func TestReconnectKillsVisits(t *testing.T) {
	e := newEvil(t, nil)
	l, p := e.link(), e.sit()
	v := l.open(p)
	waiting := l.ask(request())
	asked := p.asked()
	go func() { _ = l.run(v.req.Visit, "echo > "+e.dir+"/up; setsid sleep 300 & exec sleep 301 # "+e.dir) }()
	eventually(t, "the shell runs", func() bool { return exists(e.dir + "/up") })
	_ = l.conn.Close()
	l = e.link()
	l.mustNot(v.req.Visit, "over another link")
	p.give(asked.ID, approval())
	l.mustNot(waiting.req.Visit, "a yes for a request of a link that is gone")
	w := l.mustVisit()
	w.write(&wire.Open{Head: zeroHead()})
	l.mustNot(v.req.Visit, "opened again over another link")
}

// TestClosedAtEachPoint closes the channel, then the connection, after each
// step of a visit.
func TestClosedAtEachPoint(t *testing.T) {
	steps := []string{"channel", "request", "asked", "answer", "open", "ready", "shell"}
	for _, how := range []string{"channel", "connection"} {
		for i, last := range steps {
			t.Run(how+" after "+last, func(t *testing.T) {
				e := newEvil(t, nil)
				l, p := e.link(), e.sit()
				v := l.mustVisit()
				v.req = request()
				for _, do := range []func(){
					func() {},
					func() { v.write(&v.req) },
					func() { p.give(p.asked().ID, approval()) },
					func() { l.answer(v) },
					func() { v.write(&wire.Open{Head: zeroHead()}) },
					func() { await[*wire.Ready](v) },
					func() { go func(l *evilLink) { _ = l.run(v.req.Visit, "exec sleep 300 # "+e.dir) }(l) },
				}[:i+1] {
					do()
				}
				if how == "channel" {
					_ = v.ch.Close()
					v.gone()
				} else {
					_ = l.conn.Close()
					l = e.link()
				}
				eventually(t, "the visit is dead", func() bool {
					e.agent.mu.Lock()
					defer e.agent.mu.Unlock()
					g := e.agent.judge.visits[v.req.Visit]
					return g == nil || g.phase == finished
				})
				l.mustNot(v.req.Visit, "afterwards")
			})
		}
	}
}

// TestOtherGateways get nothing: not even the hello, and with it the token.
func TestOtherGateways(t *testing.T) {
	e := newEvil(t, nil)
	if l, err := e.accept(newSigner(t)); err == nil {
		t.Error("a gateway with another key was admitted")
		_ = l.conn.Close()
	}
	l, err := e.accept(&liar{Signer: newSigner(t), shown: e.key.PublicKey()})
	if err == nil {
		t.Error("a gateway that only shows the pinned key was admitted")
		_ = l.conn.Close()
	}
	e.link()
}

// liar shows one key and signs with another.
type liar struct {
	ssh.Signer
	shown ssh.PublicKey
}

func (l *liar) PublicKey() ssh.PublicKey { return l.shown }

// A man in the middle on the way to an enrolment learns no token.
func TestJoinThroughAManInTheMiddle(t *testing.T) {
	dir := shortDir(t)
	honest := newSigner(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	o := Options{Config: Defaults(), Log: discard()}
	o.Config.State = dir + "/state"
	joined := make(chan error, 1)
	token := wire.NewToken(ssh.FingerprintSHA256(honest.PublicKey()))
	go func() {
		_, err := Join(t.Context(), o, Enrolment{Address: ln.Addr().String(), Token: token.String()})
		joined <- err
	}()
	e := &evil{t: t, key: newSigner(t), ln: ln}
	if l, err := e.accept(e.key); err == nil {
		t.Error("the man in the middle was admitted")
		_ = l.conn.Close()
	}
	if err := <-joined; err == nil || !strings.Contains(err.Error(), "another key") {
		t.Errorf("join said %v", err)
	}
	if _, err := state(o.Config.State).pin(); !errors.Is(err, ErrNotJoined) {
		t.Errorf("pinned: %v", err)
	}
}

// A prompt that nobody answers ends by itself, and the gateway can't stretch it.
func TestAnswerAfterTheDeadline(t *testing.T) {
	e := newEvil(t, func(o *Options) { o.Config.Prompt = 50 * time.Millisecond })
	l, p := e.link(), e.sit()
	v := l.ask(request())
	asked := p.asked()
	if c := l.answer(v); c.Choice != wire.None || c.UID != -1 {
		t.Errorf("signed: %+v", c)
	}
	p.give(asked.ID, approval())
	v.write(&wire.Open{Head: zeroHead()})
	l.mustNot(v.req.Visit, "answered too late")
}
