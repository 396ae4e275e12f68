package agent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"accord/config"
	"accord/wire"
)

// The evil gateway wants the device to honour other supervisors: with lists of
// its own making, old ones, ones that skip a version, and those of another
// organisation.

// list is a signed list of supervisors.
func (c *court) list(r wire.Roster, by ...string) wire.SignedRoster {
	c.t.Helper()
	s := wire.SignedRoster{Statement: r.Text()}
	for _, name := range by {
		sig, err := wire.Sign(c.keys[name], wire.NamespaceRoster, s.Statement)
		if err != nil {
			c.t.Fatal(err)
		}
		s.Signatures = append(s.Signatures, sig)
	}
	return s
}

// bring offers lists and returns what the device has then.
func (c *court) bring(chain ...wire.SignedRoster) *wire.Pinned {
	c.t.Helper()
	p, ok := c.question(&wire.Rosters{Chain: chain}).(*wire.Pinned)
	if !ok {
		c.t.Fatal("the device does not say which list it has")
	}
	return p
}

// honours tries an override that this supervisor signed.
func (c *court) honours(number int, by ...string) bool {
	c.t.Helper()
	req := c.request()
	req.Override = c.sign(c.statement(number, req), by...)
	v, answer := c.try(req)
	opened := c.mark(req.Visit)
	if opened != answer.Opens() {
		c.t.Errorf("signed %s, and a shell %v", answer.Choice, opened)
	}
	_ = v.ch.Close()
	v.gone()
	return opened
}

// TestForgedRosters: none of these moves the pinned list, and each is answered
// with a sentence.
func TestForgedRosters(t *testing.T) {
	c := newCourt(t, 1, nil)
	second := c.list(c.roster(2, 1, "carol", "dave"), "bob")
	if p := c.bring(second); p.Version != 2 || p.Sentence != "" {
		t.Fatalf("a good list: %+v", p)
	}
	stolen := func(r wire.Roster) wire.Roster {
		r.Supervisors = append(r.Supervisors, wire.Supervisor{Name: "eve", Key: publicLine(c.keys["stranger"].PublicKey())})
		r.Sort()
		return r
	}
	abroad := c.roster(3, 1, "carol", "stranger")
	abroad.Organisation = "Good"
	altered := c.list(c.roster(3, 1, "carol"), "carol")
	altered.Statement = stolen(c.roster(3, 1, "carol")).Text()
	for name, f := range map[string]struct {
		chain []wire.SignedRoster
		why   string
	}{
		"without a signature":      {[]wire.SignedRoster{c.list(stolen(c.roster(3, 1, "carol")))}, "1 supervisors must sign, 0 did"},
		"by a stranger":            {[]wire.SignedRoster{c.list(stolen(c.roster(3, 1, "carol")), "stranger")}, "no supervisor on the list made it"},
		"by one who was removed":   {[]wire.SignedRoster{c.list(c.roster(3, 1, "bob", "carol"), "bob")}, "no supervisor on the list made it"},
		"altered afterwards":       {[]wire.SignedRoster{altered}, "no supervisor on the list made it"},
		"the first again":          {[]wire.SignedRoster{c.list(c.roster(1, 1, "bob", "carol", "dave"), "carol")}, "list 1 does not follow it"},
		"the same again":           {[]wire.SignedRoster{second}, "list 2 does not follow it"},
		"a version skipped":        {[]wire.SignedRoster{c.list(c.roster(4, 1, "carol"), "carol")}, "list 4 does not follow it"},
		"of another organisation":  {[]wire.SignedRoster{c.list(abroad, "carol")}, "another organisation"},
		"no list at all":           {[]wire.SignedRoster{{Statement: []byte("eve is your supervisor\n")}}, "makes no sense"},
		"for another purpose":      {[]wire.SignedRoster{{Statement: c.roster(3, 1, "stranger").Text(), Signatures: c.signText(c.roster(3, 1, "stranger").Text(), "carol").Signatures}}, "no supervisor on the list made it"},
		"a good one behind a skip": {[]wire.SignedRoster{c.list(c.roster(4, 1, "carol"), "carol"), c.list(c.roster(3, 1, "carol"), "carol")}, "list 4 does not follow it"},
	} {
		if p := c.bring(f.chain...); p.Version != 2 || !strings.Contains(p.Sentence, f.why) {
			t.Errorf("%s: %+v, want %q", name, p, f.why)
		}
	}
	if c.honours(1, "bob") || c.honours(2, "stranger") {
		t.Error("a removed supervisor or a stranger opens the device")
	}
	if !c.honours(3, "carol") {
		t.Error("a supervisor of the list opens nothing")
	}
}

// Lists that came while the device was away are taken in order, as far as they
// are good, survive a restart, and are said in the hello.
func TestRosterCatchesUp(t *testing.T) {
	c := newCourt(t, 1, nil)
	chain := []wire.SignedRoster{
		c.list(c.roster(2, 1, "carol"), "bob"),
		c.list(c.roster(3, 2, "dave", "stranger"), "carol"),
		c.list(c.roster(4, 1, "dave"), "dave"), // list 3 wants two
	}
	if p := c.bring(chain...); p.Version != 3 || !strings.Contains(p.Sentence, "2 supervisors must sign, 1 did") {
		t.Errorf("%+v", p)
	}
	if c.honours(1, "dave") || c.honours(2, "carol", "dave") || !c.honours(3, "dave", "stranger") {
		t.Error("not list 3 is in force")
	}
	e := c.evil
	e.clean()
	var err error
	if e.agent, err = New(e.opts); err != nil {
		t.Fatal(err)
	}
	e.run()
	if c.evilLink, err = e.accept(e.key); err != nil {
		t.Fatal(err)
	}
	h, err := c.hello(&wire.Welcome{Gateway: "evil", Organisation: "Evil", Device: "laptop-7", Roster: c.roster(9, 1, "mallory").Text()})
	if err != nil || h.Roster != 3 {
		t.Errorf("the hello says list %d, %v", h.Roster, err)
	}
	if c.honours(4, "mallory") || !c.honours(5, "dave", "stranger") {
		t.Error("a list in a welcome was pinned after the enrolment")
	}
}

// What can't be kept on disk does not count.
func TestRosterNeedsTheDisk(t *testing.T) {
	c := newCourt(t, 1, nil)
	file := c.agent.supervisors.path
	if err := errors.Join(os.Remove(file), os.Mkdir(file, 0o700)); err != nil {
		t.Fatal(err)
	}
	next := c.list(c.roster(2, 1, "stranger"), "bob")
	if p := c.bring(next); p.Version != 1 || !strings.Contains(p.Sentence, "Keep the list of supervisors") {
		t.Errorf("%+v", p)
	}
	if c.honours(1, "stranger") || !c.honours(2, "bob") {
		t.Error("a list that is not on disk is in force")
	}
}

// The owner's own list stands above all that a gateway brings.
func TestOwnersSupervisors(t *testing.T) {
	c := newCourt(t, 1, func(o *Options) {
		o.Config.Supervisors = []string{"olga " + ownersKey}
	})
	if p := c.bring(c.list(c.roster(2, 1, "carol"), "bob")); p.Version != 1 || p.Sentence != rosterOwn {
		t.Errorf("%+v", p)
	}
	if c.honours(1, "bob") || c.honours(2, "carol") {
		t.Error("the gateway's supervisors open a device whose owner named others")
	}
	got := c.agent.supervisors.current()
	if len(got.Supervisors) != 1 || got.Supervisors[0].Name != "olga" || got.Organisation != "Evil" {
		t.Errorf("in force: %+v", got)
	}
}

const ownersKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPdcYVUVtN4vo65hoLb4FX/uXKPL4ikFZVUjKm60i9cf"

func TestSupervisorsConfig(t *testing.T) {
	for name, c := range map[string]struct {
		list    []string
		signers int
		at      string
	}{
		"a comment":        {[]string{"bob " + ownersKey + " bob@desk"}, 1, ""},
		"none":             {nil, 1, ""},
		"no name":          {[]string{ownersKey}, 1, "supervisors[0]"},
		"no key":           {[]string{"bob"}, 1, "supervisors[0]"},
		"options":          {[]string{`bob cert-authority ` + ownersKey}, 1, "supervisors[0]"},
		"two lines":        {[]string{"bob " + ownersKey + "\nmallory " + ownersKey}, 1, "supervisors[0]"},
		"an escape":        {[]string{"b\x1bob " + ownersKey}, 1, "supervisors[0]"},
		"a key twice":      {[]string{"bob " + ownersKey, "carol " + ownersKey}, 1, "supervisors"},
		"no signer":        {[]string{"bob " + ownersKey}, 0, "override_signers"},
		"three signers":    {nil, 3, "override_signers"},
		"the second wrong": {[]string{"bob " + ownersKey, "carol x y"}, 1, "supervisors[1]"},
	} {
		cfg := Defaults()
		cfg.Supervisors, cfg.OverrideSigners = c.list, c.signers
		err := cfg.Check()
		bad, is := errors.AsType[config.Bad](err)
		if is != (c.at != "") || bad.Key != c.at {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A list on disk that can't be read, or is another organisation's, is no reason
// to go without one.
func TestDamagedSupervisors(t *testing.T) {
	dir := t.TempDir()
	st := state(dir)
	good := wire.Roster{Version: 1, Organisation: "ACME", Signers: 1, Made: time.Unix(0, 0), Supervisors: []wire.Supervisor{{Name: "bob", Key: ownersKey}}}
	for name, text := range map[string]string{
		"empty": "", "no JSON": "{", "no list": `{"statement":"x"}`, "an altered version": strings.ReplaceAll(pinnedText(t, st, good), "version: 1", "version: 01"),
	} {
		if err := os.WriteFile(st.supervisorsFile(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := st.supervisors(Defaults(), "ACME"); err == nil || !strings.Contains(err.Error(), "join again") {
			t.Errorf("%s: %v", name, err)
		}
	}
	pinnedText(t, st, good)
	if s, err := st.supervisors(Defaults(), "ACME"); err != nil || s.current().Version != 1 {
		t.Errorf("a good one: %v", err)
	}
	if _, err := st.supervisors(Defaults(), "Other"); err == nil {
		t.Error("those of another organisation were taken")
	}
}

// pinnedText pins a list and returns the file.
func pinnedText(t *testing.T, st state, r wire.Roster) string {
	t.Helper()
	if err := st.pinSupervisors(wire.SignedRoster{Statement: r.Text()}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(st.supervisorsFile())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestJoinPinsSupervisors plays an enrolment against a gateway that brings a
// list, a bad one, or none.
func TestJoinPinsSupervisors(t *testing.T) {
	good := wire.Roster{Version: 4, Organisation: "ACME", Signers: 2, Made: time.Unix(0, 0), Supervisors: []wire.Supervisor{{Name: "bob", Key: ownersKey}}}
	abroad := good
	abroad.Organisation = "Other"
	for name, c := range map[string]struct {
		roster []byte
		own    []string
		want   []string
		fails  string
	}{
		"a list":               {good.Text(), nil, []string{"bob"}, ""},
		"none":                 {nil, nil, nil, ""},
		"the owner's instead":  {good.Text(), []string{"olga " + ownersKey}, []string{"olga"}, ""},
		"another organisation": {abroad.Text(), nil, nil, "another organisation"},
		"no list":              {[]byte("x"), nil, nil, "can't be pinned"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := shortDir(t)
			o := Options{Config: Defaults(), Log: discard()}
			o.Config.State, o.Config.Supervisors = filepath.Join(dir, "state"), c.own
			st, err := openState(o.Config.State)
			if err != nil {
				t.Fatal(err)
			}
			before := good
			before.Version = 1
			if err := errors.Join(st.pinSupervisors(wire.SignedRoster{Statement: before.Text()}), os.WriteFile(st.noncesFile(), []byte("{}"), 0o600)); err != nil {
				t.Fatal(err)
			}
			joined, err := playEnrolment(t, o, &wire.Welcome{Gateway: "x", Organisation: "ACME", Device: "laptop-7", Roster: c.roster})
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Fatalf("joined: %v", err)
				}
				return
			}
			if err != nil || !slices.Equal(joined.Supervisors, c.want) {
				t.Fatalf("joined %+v, %v", joined, err)
			}
			kept, err := st.supervisors(o.Config, "ACME")
			if err != nil || kept.current().Version > 0 != (len(c.want) > 0) {
				t.Errorf("pinned: %+v, %v", kept, err)
			}
			if exists(st.noncesFile()) {
				t.Error("numbers for overrides of before are kept")
			}
		})
	}
}

// playEnrolment joins a gateway that answers with this welcome.
func playEnrolment(t *testing.T, o Options, w *wire.Welcome) (*Joined, error) {
	t.Helper()
	e := &evil{t: t, key: newSigner(t)}
	e.listen()
	defer func() { _ = e.ln.Close() }()
	type outcome struct {
		joined *Joined
		err    error
	}
	done := make(chan outcome, 1)
	token := wire.NewToken(ssh.FingerprintSHA256(e.key.PublicKey()))
	go func() {
		j, err := Join(t.Context(), o, Enrolment{Address: e.ln.Addr().String(), Token: token.String(), Name: "laptop-7"})
		done <- outcome{j, err}
	}()
	l, err := e.accept(e.key)
	if err == nil {
		err = l.enrols(w)
	}
	if err != nil {
		t.Fatal(err)
	}
	got := <-done
	return got.joined, got.err
}

// enrols hears the hello of an enrolment and answers it.
func (l *evilLink) enrols(w *wire.Welcome) error {
	ch, reqs, err := l.conn.OpenChannel(wire.ChannelHello, nil)
	if err != nil {
		return err
	}
	go ssh.DiscardRequests(reqs)
	c := wire.NewConn(ch)
	if m, err := c.Read(); err != nil {
		return err
	} else if h, ok := m.(*wire.Hello); !ok || h.Token == "" || h.Roster != 0 {
		return fmt.Errorf("the hello of an enrolment is %+v", m)
	}
	return c.Write(w)
}
