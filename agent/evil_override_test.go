package agent

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"accord/wire"
)

// TestGoodOverrideOpens shows that there is a way in at all, or the others
// would prove nothing. The signer is stock ssh-keygen.
func TestGoodOverrideOpens(t *testing.T) {
	c := newCourt(t, 1, nil)
	req := c.request()
	o := c.statement(1, req)
	req.Override = &wire.SignedOverride{Statement: o.Text(), Signatures: [][]byte{keygenSign(t, c.file, wire.NamespaceOverride, o.Text())}}
	v, answer := c.try(req)
	if answer.Choice != wire.Overridden || !slices.Equal(answer.Signers, []string{"bob"}) || answer.Text != string(o.Text()) || answer.UID != -1 {
		t.Fatalf("answered %+v", answer)
	}
	if left := time.Until(*answer.Until); left > 5*time.Minute || left < 4*time.Minute {
		t.Errorf("open for %v", left)
	}
	if !c.mark(req.Visit) {
		t.Error("an override opens no shell")
	}
	p := c.sit()
	began := p.until("the visit", func(m toClient) bool { return m.Began != nil }).Began
	if began.ID != req.Visit || began.Override == nil || began.Override.Number != 1 || !slices.Equal(began.Override.Signers, []string{"bob"}) {
		t.Errorf("shown: %+v", began)
	}
	p.say(fromClient{Op: opStop, ID: req.Visit})
	if end, ok := await[*wire.End](v); !ok || end.By != byUser {
		t.Errorf("the user's stop became %+v", end)
	}
	c.mustNot(req.Visit, "after the user's stop")
	_ = v.ch.Close()
	card := p.until("the end card", func(m toClient) bool { return m.Ended != nil }).Ended
	if card.Override == nil || card.EndedBy != byUser {
		t.Errorf("the card: %+v", card)
	}
}

// forgery is one way to want in: what it makes of a good request and a good
// statement, and what the device says to it.
type forgery struct {
	name    string
	signers int
	make    func(c *court, req *wire.Request, o wire.Override)
	why     string
}

// stating something else, signed by bob after the statement was changed.
func stating(change func(*wire.Override)) func(*court, *wire.Request, wire.Override) {
	return func(c *court, req *wire.Request, o wire.Override) {
		change(&o)
		req.Override = c.sign(o, "bob")
	}
}

// by signs a good statement with these keys.
func by(names ...string) func(*court, *wire.Request, wire.Override) {
	return func(c *court, req *wire.Request, o wire.Override) { req.Override = c.sign(o, names...) }
}

// wanting more than what bob has signed.
func wanting(change func(*wire.Request)) func(*court, *wire.Request, wire.Override) {
	return func(c *court, req *wire.Request, o wire.Override) {
		req.Override = c.sign(o, "bob")
		change(req)
	}
}

func forgeries() []forgery {
	return []forgery{
		{"a stranger's signature", 1, by("stranger"), "no supervisor on the list made it"},
		{"the technician's own", 1, by("mallory"), "no supervisor on the list made it"},
		{"a stranger beside a supervisor", 1, by("bob", "stranger"), "no supervisor on the list made it"},
		{"one of two", 2, by("bob"), "2 supervisors must sign, 1 did"},
		{"one signer twice", 2, by("bob", "bob"), "bob signed twice"},
		{"no signature at all", 1, func(c *court, req *wire.Request, o wire.Override) {
			req.Override = c.sign(o, "bob")
			req.Override.Signatures[0] = []byte("-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n")
		}, "no supervisor on the list made it"},
		{"a signature for another purpose", 1, func(c *court, req *wire.Request, o wire.Override) {
			sig, err := wire.Sign(c.keys["bob"], wire.NamespaceRoster, o.Text())
			if err != nil {
				c.t.Fatal(err)
			}
			req.Override = &wire.SignedOverride{Statement: o.Text(), Signatures: [][]byte{sig}}
		}, "no supervisor on the list made it"},
		{"altered afterwards", 1, func(c *court, req *wire.Request, o wire.Override) {
			o.Minutes = 1
			req.Override = c.sign(o, "bob")
			req.Override.Statement = bytes.Replace(req.Override.Statement, []byte("minutes: 1\n"), []byte("minutes: 5\n"), 1)
		}, "no supervisor on the list made it"},
		{"in another spelling", 1, func(c *court, req *wire.Request, o wire.Override) {
			req.Override = c.signText(bytes.Replace(o.Text(), []byte("minutes: 5"), []byte("minutes: 05"), 1), "bob")
		}, "its one spelling"},
		{"no statement", 1, func(c *court, req *wire.Request, _ wire.Override) {
			req.Override = c.signText([]byte("open the door\n"), "bob")
		}, "its statement can't be read"},
		{"another device", 1, stating(func(o *wire.Override) { o.DeviceKey = "SHA256:other" }), "for the device laptop-7 with another key or name"},
		{"another device's name", 1, stating(func(o *wire.Override) { o.Device = "kiosk" }), "for the device kiosk"},
		{"another organisation", 1, stating(func(o *wire.Override) { o.Organisation = "Good" }), "another organisation than Evil"},
		{"another technician", 1, stating(func(o *wire.Override) { o.Technician = "alice" }), "for the technician alice"},
		{"another technician's key", 1, stating(func(o *wire.Override) { o.Key = "SHA256:alice" }), "with the key SHA256:alice"},
		{"another name in full", 1, stating(func(o *wire.Override) { o.Full = "Alice Martin" }), "for the technician mallory"},
		{"another account", 1, stating(func(o *wire.Override) { o.Login = "root" }), "for another account"},
		{"another reason", 1, stating(func(o *wire.Override) { o.Reason = "none of your business" }), "its reason or ticket is another"},
		{"other capabilities", 1, stating(func(o *wire.Override) { o.Capabilities = []wire.Capability{wire.ScreenView} }), "shell is not among what was signed"},
		{"more minutes", 1, wanting(func(r *wire.Request) { r.Minutes++ }), "it is for 5 minutes, and 6 are asked for"},
		{"more capabilities", 1, wanting(func(r *wire.Request) { r.Capabilities = append(r.Capabilities, wire.FilesGet) }), "files.get is not among what was signed"},
		{"expired", 1, stating(func(o *wire.Override) {
			o.Asked, o.Until = o.Asked.Add(-2*time.Hour), o.Asked.Add(-clockSkew-time.Second)
		}), "it ran out at"},
		{"not yet", 1, stating(func(o *wire.Override) {
			o.Asked, o.Until = o.Asked.Add(clockSkew+time.Minute), o.Asked.Add(time.Hour)
		}), "it is not in force yet"},
		{"a number that the gateway made up", 1, stating(func(o *wire.Override) { o.Nonce = "ABCDEFGH" }), "its number is none that this device has made"},
		{"an exercise used as real", 1, stating(func(o *wire.Override) { o.Exercise = true }), wire.ExerciseVerified},
		{"an exercise made real", 1, func(c *court, req *wire.Request, o wire.Override) {
			o.Exercise = true
			req.Override = c.sign(o, "bob")
			req.Override.Statement = bytes.Replace(req.Override.Statement, []byte("exercise: yes, this opens nothing\n"), nil, 1)
		}, "no supervisor on the list made it"},
	}
}

// TestForgedOverrides: none of these opens anything, and each is answered with
// a sentence and leaves a receipt.
func TestForgedOverrides(t *testing.T) {
	for _, signers := range []int{1, 2} {
		t.Run(fmt.Sprint(signers, " must sign"), func(t *testing.T) {
			c, number := newCourt(t, signers, nil), 0
			for _, f := range forgeries() {
				if f.signers != signers {
					continue
				}
				number++
				t.Run(f.name, func(t *testing.T) {
					c.t = t
					req := c.request()
					f.make(c, &req, c.statement(number, req))
					c.refuses(req, f.why)
				})
			}
			c.t = t
			req := c.request()
			req.Override = c.sign(c.statement(1000, req), "bob", "carol")
			if _, answer := c.try(req); !answer.Opens() || !c.mark(req.Visit) {
				t.Errorf("the device honours no override any more: %s", answer.Why)
			}
		})
	}
}

// An exercise is shown on the device, spent, and opens nothing.
func TestExerciseIsShown(t *testing.T) {
	c := newCourt(t, 2, nil)
	p := c.sit()
	req := c.request()
	o := c.statement(3, req)
	o.Exercise = true
	req.Override = c.sign(o, "carol", "bob")
	c.refuses(req, wire.ExerciseVerified)
	told := p.until("the exercise", func(m toClient) bool {
		if m.Began != nil || m.Asking != nil {
			t.Errorf("shown: %+v", m)
		}
		return m.Told != ""
	}).Told
	if !strings.Contains(told, "EXERCISE 3") || !strings.Contains(told, "bob, carol") || !strings.Contains(told, "Nothing was opened") {
		t.Errorf("told: %s", told)
	}
	req.Visit = newID()
	c.refuses(req, "it was used before")
}

// A supervisor can't open a device for themselves: not by name, not by a key
// of theirs, not by the other key that stands under their name.
func TestNobodySignsForThemselves(t *testing.T) {
	c := newCourt(t, 1, nil)
	for name, change := range map[string]func(*wire.Request){
		"by name": func(r *wire.Request) { r.Technician.Name = "bob" },
		"by key":  func(r *wire.Request) { r.Technician.Key = ssh.FingerprintSHA256(c.keys["bob"].PublicKey()) },
		"by both": func(r *wire.Request) {
			r.Technician.Name, r.Technician.Key = "bob", ssh.FingerprintSHA256(c.keys["bob"].PublicKey())
		},
		"by another name": func(r *wire.Request) {
			r.Technician.Name = "robert"
			r.Technician.Key = ssh.FingerprintSHA256(c.keys["bob"].PublicKey())
		},
	} {
		req := c.request()
		change(&req)
		req.Override = c.sign(c.statement(1, req), "bob")
		if c.refuses(req, "bob signed it, and is the technician"); t.Failed() {
			t.Fatal(name)
		}
	}
	f := facts{roster: wire.Roster{Supervisors: []wire.Supervisor{
		{Name: "bob", Key: publicLine(c.keys["bob"].PublicKey())}, {Name: "bob", Key: publicLine(c.keys["carol"].PublicKey())},
		{Name: "dave", Key: publicLine(c.keys["dave"].PublicKey())},
	}}}
	o := wire.Override{Technician: "rob", Key: ssh.FingerprintSHA256(c.keys["carol"].PublicKey())}
	if !f.same(f.roster.Supervisors[0], o) || f.same(f.roster.Supervisors[2], o) {
		t.Error("bob's other key is not bob's")
	}
}

// An override opens once: not again on this link, not on the next, not after
// the agent was started anew, not with a fresh signature over its number.
func TestOverrideServesOnce(t *testing.T) {
	c := newCourt(t, 1, nil)
	req := c.request()
	o := c.statement(7, req)
	req.Override = c.sign(o, "bob")
	v, answer := c.try(req)
	if !answer.Opens() {
		t.Fatal(answer.Why)
	}
	again := func(when string) {
		t.Helper()
		second := req
		second.Visit = newID()
		c.refuses(second, "it was used before")
		second.Visit = newID()
		renumbered := o
		renumbered.Nonce = c.nonce()
		second.Override = c.sign(renumbered, "carol")
		c.refuses(second, "it was used before")
		second.Visit = newID()
		renumbered = o
		renumbered.Number = 8
		second.Override = c.sign(renumbered, "carol")
		c.refuses(second, "it was used before")
		if t.Failed() {
			t.Fatal(when)
		}
	}
	again("while the visit is open")
	_ = v.ch.Close()
	v.gone()
	again("after its end")
	_ = c.conn.Close()
	c.evilLink = c.link()
	again("on another link")
	c.restart()
	again("after a restart")
}

// Two requests bring one override at the same moment: one of them opens.
func TestOverrideRaces(t *testing.T) {
	c := newCourt(t, 1, nil)
	req := c.request()
	one := c.sign(c.statement(1, req), "bob")
	var visits []*evilVisit
	for range 4 {
		r := req
		r.Visit, r.Override = newID(), one
		visits = append(visits, c.ask(r))
	}
	opened := 0
	for _, v := range visits {
		if c.answer(v).Opens() {
			opened++
		}
	}
	if opened != 1 {
		t.Errorf("one override opened %d visits", opened)
	}
}

// Where it can't be kept that an override is spent, it opens nothing.
func TestOverrideNeedsTheDisk(t *testing.T) {
	c := newCourt(t, 1, nil)
	req := c.request()
	req.Override = c.sign(c.statement(1, req), "bob")
	file := c.agent.nonces.path
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(file, 0o700); err != nil { // so that no file takes its place
		t.Fatal(err)
	}
	c.refuses(req, "can't keep which overrides were used")
	if n, ok := c.question(&wire.AskNonce{}).(*wire.Nonce); !ok || n.Nonce != "" || !strings.Contains(n.Sentence, "can't keep") {
		t.Errorf("a nonce that is not on disk: %+v", n)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, kept, 0o600); err != nil {
		t.Fatal(err)
	}
	req.Visit = newID()
	if _, answer := c.try(req); !answer.Opens() {
		t.Errorf("not spent, and refused: %s", answer.Why)
	}
}

// A device without supervisors says what to do.
func TestOverrideWithoutSupervisors(t *testing.T) {
	e := newEvil(t, nil)
	c := &court{evilLink: e.link(), keys: map[string]ssh.Signer{"bob": newSigner(t), "mallory": newSigner(t)}}
	n, ok := c.question(&wire.AskNonce{}).(*wire.Nonce)
	if !ok || n.Nonce != "" || n.Sentence != rosterNone {
		t.Errorf("a nonce for nothing: %+v", n)
	}
	made, err := c.agent.nonces.issue(now())
	if err != nil {
		t.Fatal(err)
	}
	req := c.request()
	at := time.Now().UTC().Truncate(time.Second)
	req.Override = c.sign(wire.Override{
		Number: 1, Organisation: "Evil", Device: "laptop-7", DeviceKey: ssh.FingerprintSHA256(c.device), Technician: "mallory",
		Key: req.Technician.Key, Capabilities: req.Capabilities, Minutes: 5, Reason: req.Reason, Ticket: req.Ticket,
		Emergency: "fire", Nonce: made.Nonce, Asked: at, Until: at.Add(time.Hour),
	}, "bob")
	c.refuses(req, "no list of supervisors")
	answer, ok := c.question(&wire.Rosters{Chain: []wire.SignedRoster{{Statement: c.roster(1, 1, "bob").Text()}}}).(*wire.Pinned)
	if !ok || answer.Version != 0 || answer.Sentence != rosterNone {
		t.Errorf("a first list was taken from the gateway: %+v", answer)
	}
	req.Visit = newID()
	c.refuses(req, "no list of supervisors")
}
