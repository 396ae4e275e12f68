package gateway

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/gateway/store"
	"accord/policy"
	"accord/wire"
)

// walkers are people of every role, logged in at a gateway with a charter.
type walkers struct {
	*theatre
	keys    map[string]gossh.Signer
	clients map[string]*gossh.Client
	laptop  *device
	spare   *device
	signer  atomic.Pointer[string] // of the override that lab-1 judges
}

// newWalkers: alice has the role technician, sid supervisor, ann auditor and
// adam admin. boss and duo have several; ned, a technician, has not signed the
// charter; vic is there to be visited, locked and explained. lea is locked
// later, by [walkers.bar].
func newWalkers(t *testing.T) *walkers {
	t.Helper()
	w := &walkers{keys: make(map[string]gossh.Signer), clients: make(map[string]*gossh.Client)}
	w.theatre = newTheatre(t, func(o *Options) {
		o.Charter = policy.CharterConfig{Version: "1", Text: "Be kind."}
		for name, roles := range map[string]string{
			"adam": admins, "duo": technicians + auditors, "ned": technicians, "vic": technicians, "lea": technicians + supervisors + admins,
		} {
			w.keys[name] = newSigner(t)
			o.People = append(o.People, policy.Person{Name: name, Keys: []string{keyLine(w.keys[name])}, Roles: strings.Fields(roles)})
		}
	})
	w.keys["alice"], w.keys["boss"], w.keys["sid"], w.keys["ann"] = w.alice, w.boss, w.theatre.sid, w.ann
	w.dev.alter = func(c *wire.Consent) {
		if c.Choice == wire.Overridden {
			c.Signers = []string{*w.signer.Load()}
		}
	}
	for name, key := range w.keys {
		if name != "ned" {
			w.signs(name)
		}
		w.clients[name] = w.mustLogin("list", key)
		w.pipe(name, "help", nil) // a login is noted with its first session
	}
	eventually(t, "lab-1 has its list of supervisors", func() bool { return w.logged(store.RosterPinned) })
	return w
}

func (w *walkers) logged(kind store.Kind) bool {
	list, err := w.store.Audit(w.t.Context(), store.Filter{Kind: kind})
	return err == nil && len(list) > 0
}

// signs has somebody sign the charter.
func (w *walkers) signs(name string) {
	w.t.Helper()
	c := w.law().charter.Charter
	err := w.store.SignCharter(w.t.Context(), store.CharterSignature{
		Person: name, Version: c.Version, Digest: c.Digest, Key: gossh.FingerprintSHA256(w.keys[name].PublicKey()), Typed: name,
	}, store.Entry{At: time.Now(), Actor: name})
	if err != nil {
		w.t.Fatal(err)
	}
}

// people are those who walk.
func (w *walkers) people() []policy.Person {
	return slices.DeleteFunc(w.law().people.All(), func(p policy.Person) bool { return p.Name == "vic" || p.Name == "lea" })
}

// pipe runs a command with an input, in a session of somebody's connection.
func (w *walkers) pipe(name, line string, in []byte) said {
	w.t.Helper()
	s, err := w.clients[name].NewSession()
	if err != nil {
		w.t.Fatal(name, err)
	}
	return w.piped(s, line, in)
}

func (w *walkers) piped(s *gossh.Session, line string, in []byte) said {
	w.t.Helper()
	pipe, err := s.StdinPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	go func() {
		_, _ = pipe.Write(in)
		_ = pipe.Close()
	}()
	return w.runPiped(s, line)
}

// onTerminal runs a command on a terminal on which Ctrl-C is typed.
func (w *walkers) onTerminal(name, line string) said {
	w.t.Helper()
	s, err := w.clients[name].NewSession()
	if err != nil {
		w.t.Fatal(name, err)
	}
	if err := s.RequestPty("xterm", 24, 80, gossh.TerminalModes{}); err != nil {
		w.t.Fatal(err)
	}
	return w.piped(s, line, []byte{3})
}

// sight is all that a refusal must leave as it is, but for its own entry.
type sight struct {
	state   string
	entries []store.Entry
}

// seen is what the store and the gateway know, once all that was begun has
// come to its end.
func (w *walkers) seen() sight {
	w.t.Helper()
	w.quiet()
	ctx, all := w.t.Context(), make(map[string]any)
	var errs [7]error
	all["devices"], errs[0] = w.store.Devices(ctx)
	all["locks"], errs[1] = w.store.Locks(ctx)
	all["overrides"], errs[2] = w.store.Overrides(ctx, store.OverrideFilter{})
	all["rosters"], errs[3] = w.store.Rosters(ctx)
	all["charters"], errs[4] = w.store.Charters(ctx, 1000)
	all["visits"], errs[5] = w.store.Visits(ctx, store.VisitFilter{})
	all["updates"], errs[6] = w.store.Updates(ctx)
	live := []visitJSON{}
	for _, v := range w.visits.all() {
		live = append(live, v.json())
	}
	all["live"] = live
	text, err := json.MarshalIndent(all, "", " ")
	entries, aerr := w.store.Audit(ctx, store.Filter{})
	if err := errors.Join(errors.Join(errs[:]...), err, aerr); err != nil {
		w.t.Fatal(err)
	}
	return sight{string(text), entries}
}

// quiet waits until each visit that is over is sealed and forgotten.
func (w *walkers) quiet() {
	w.t.Helper()
	eventually(w.t, "every visit is open or sealed", func() bool {
		list, err := w.store.Visits(w.t.Context(), store.VisitFilter{})
		return err == nil && !slices.ContainsFunc(list, func(v store.Visit) bool { return v.State != store.Opened && v.Head == "" }) &&
			!slices.ContainsFunc(w.visits.all(), func(v *visit) bool { return !v.isOpen() })
	})
}

// prepare brings the setting of a step about and writes its line. The statement
// is what is signed in it.
func (w *walkers) prepare(s step, name string) (line string, statement []byte) {
	w.t.Helper()
	ctx, words := w.t.Context(), []string{"ME", name}
	switch s.setting {
	case locked, unlocked:
		_ = w.store.Unlock(ctx, "vic", self(time.Now()))
		if s.setting == locked {
			w.must(w.store.Lock(ctx, "vic", "", self(time.Now())))
		}
		w.must(w.reloadLocks(ctx, "test"))
	case apart:
		if w.spare == nil {
			w.spare = w.device("spare").join()
		}
		w.must(w.store.Quarantine(ctx, gossh.FingerprintSHA256(w.spare.key.PublicKey()), "test", self(time.Now())))
	case spare:
		w.anew("lab-9")
	case proposed:
		statement = w.propose()
	case waiting, waitingBy, approved, used, usedBy:
		var number int
		number, statement = w.override(s.setting, name)
		words = append(words, "CASE", fmt.Sprint(number))
	}
	if strings.Contains(s.line, "VISIT") {
		words = append(words, "VISIT", w.visit())
	}
	if strings.Contains(s.line, "RECORDING") {
		words = append(words, "RECORDING", w.recording())
	}
	return strings.NewReplacer(words...).Replace(s.line), statement
}

func (w *walkers) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// propose has a list of supervisors wait for its signatures.
func (w *walkers) propose() []byte {
	w.t.Helper()
	l, err := w.lists(w.t.Context())
	w.must(err)
	if l.pending != nil {
		return l.pending.Statement
	}
	next := l.current
	next.Version, next.Made = next.Version+1, time.Now().UTC().Truncate(time.Second)
	w.must(w.store.ProposeRoster(w.t.Context(), next.Version, next.Text(), self(time.Now())))
	return next.Text()
}

// visitor opens vic's way to laptop-7, whose user says yes to everything.
func (w *walkers) visitor() *gossh.Client {
	w.t.Helper()
	if w.laptop == nil {
		w.laptop = w.device("laptop-7").join()
	}
	return w.mustLogin("laptop-7", w.keys["vic"])
}

// visit is one of vic that is open.
func (w *walkers) visit() string {
	w.t.Helper()
	for _, v := range w.visits.all() {
		if v.isOpen() {
			return v.req.Visit
		}
	}
	w.started(w.visitor())
	return w.visits.all()[0].req.Visit
}

// recording is that of a visit of vic that is over.
func (w *walkers) recording() string {
	w.t.Helper()
	if list, err := w.store.Visits(w.t.Context(), store.VisitFilter{}); err == nil && len(list) > 0 {
		return list[0].ID
	}
	c := w.visitor()
	ch, _ := w.started(c)
	id := w.visits.all()[0].req.Visit
	_ = ch.Close()
	w.noLive()
	return id
}

// override brings one about: of the person who is named, where the setting
// wants that and they may ask for one, else of alice. Nobody's own is signed by
// them, and boss signs whatever he can.
func (w *walkers) override(how setting, name string) (number int, statement []byte) {
	w.t.Helper()
	asks, signs := "alice", "boss"
	if p, _ := w.law().people.Named(name); how != waitingBy && how != usedBy && name != "ned" && p.Has(policy.Technician) {
		asks = name
	}
	if name == "boss" {
		signs = "sid"
	}
	w.signer.Store(&signs)
	w.withdraw(asks)
	w.pipe(asks, "override request lab-1 --reason Fire", nil)
	list, err := w.store.Overrides(w.t.Context(), store.OverrideFilter{Technician: asks, State: store.OverrideRequested})
	if err != nil || len(list) != 1 {
		w.t.Fatal(list, err)
	}
	number, statement = list[0].Number, list[0].Statement
	if how == waiting || how == waitingBy {
		return number, statement
	}
	w.pipe(signs, fmt.Sprintf("override approve %d", number), w.sign(w.keys[signs], wire.NamespaceOverride, statement))
	if how == approved {
		return number, statement
	}
	w.pipe(asks, fmt.Sprintf("override open %d", number), nil)
	eventually(w.t, "the visit of the override is over", func() bool {
		o, err := w.store.Override(w.t.Context(), number)
		return err == nil && !o.Ended.IsZero()
	})
	return number, statement
}

// withdraw ends what somebody has asked for and not used.
func (w *walkers) withdraw(name string) {
	w.t.Helper()
	list, err := w.store.Overrides(w.t.Context(), store.OverrideFilter{Technician: name})
	w.must(err)
	for _, o := range list {
		if o.State == store.OverrideRequested || o.State == store.OverrideApproved {
			_, err := w.store.DenyOverride(w.t.Context(), o.Number, "", self(time.Now()))
			w.must(err)
		}
	}
}

// bar locks somebody who is logged in.
func (w *walkers) bar(name string) {
	w.t.Helper()
	w.must(w.store.Lock(w.t.Context(), name, "", self(time.Now())))
	w.must(w.reloadLocks(w.t.Context(), "test"))
}

// barred: with the connection that they have still, somebody locked opens no
// session, so that no command is ever read; and they get no other connection.
func (w *walkers) barred(name string) {
	w.t.Helper()
	for what, try := range map[string]func() error{
		"session": func() error { _, err := w.clients[name].NewSession(); return err },
		"login": func() error {
			_, err := w.loginWith("127.6.0.1", "list", gossh.PublicKeys(w.keys[name]))
			return err
		},
	} {
		before := w.seen()
		if err := try(); err == nil {
			w.t.Errorf("%s is locked, and got a %s", name, what)
		}
		if err := before.differs(w.seen(), name, turn{exitRefused, "", store.LoginDenied}); err != nil {
			w.t.Errorf("%s, locked, %s: %v", name, what, err)
		}
	}
}

// anew enrols a device of this name that never calls; one from before makes room.
func (w *walkers) anew(name string) {
	w.t.Helper()
	ctx := w.t.Context()
	for _, old := range []string{name, "till-9"} {
		if d, err := w.store.DeviceByName(ctx, old); err == nil {
			w.must(w.store.Retire(ctx, d.Key, "", self(time.Now())))
		}
	}
	token := rand.Text()
	w.must(w.store.MakeToken(ctx, token, store.Token{Name: name, Expires: time.Now().Add(time.Hour)}, self(time.Now())))
	_, err := w.store.Enrol(ctx, token, store.Enrolment{PublicKey: keyLine(newSigner(w.t))}, self(time.Now()))
	w.must(err)
}
