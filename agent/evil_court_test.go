package agent

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"accord/wire"
)

// The evil gateway wants in without the user's yes: with overrides that it
// forges, alters, aims at others, keeps for later or uses twice. The device has
// pinned bob, carol and dave; mallory is the technician.

// court is an agent that has pinned supervisors, and their keys.
type court struct {
	*evilLink
	keys map[string]ssh.Signer
	file string // bob's key, for ssh-keygen
}

func publicLine(key ssh.PublicKey) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}

// roster is the list of those named, in this version.
func (c *court) roster(version, signers int, names ...string) wire.Roster {
	r := wire.Roster{Version: version, Organisation: "Evil", Signers: signers, Made: time.Unix(1_700_000_000, 0)}
	for _, name := range names {
		r.Supervisors = append(r.Supervisors, wire.Supervisor{Name: name, Key: publicLine(c.keys[name].PublicKey())})
	}
	r.Sort()
	return r
}

// newCourt starts an agent on which so many supervisors must sign.
func newCourt(t *testing.T, signers int, change func(*Options)) *court {
	t.Helper()
	c := &court{keys: map[string]ssh.Signer{}}
	for _, name := range []string{"carol", "dave", "mallory", "stranger"} {
		c.keys[name] = newSigner(t)
	}
	c.file, c.keys["bob"] = keygen(t)
	e := newEvil(t, func(o *Options) {
		st, err := openState(o.Config.State)
		if err == nil {
			err = st.pinSupervisors(wire.SignedRoster{Statement: c.roster(1, signers, "bob", "carol", "dave").Text()})
		}
		if err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(o)
		}
	})
	c.evilLink = e.link()
	return c
}

// nonce asks the device for one.
func (c *court) nonce() string {
	c.t.Helper()
	n, ok := c.question(&wire.AskNonce{}).(*wire.Nonce)
	if !ok || n.Nonce == "" {
		c.t.Fatalf("the device gives no nonce: %+v", n)
	}
	return n.Nonce
}

// question asks about the device, outside any visit.
func (l *evilLink) question(m wire.Message) wire.Message {
	l.t.Helper()
	ch, reqs, err := l.conn.OpenChannel(wire.ChannelDevice, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	go ssh.DiscardRequests(reqs)
	defer func() { _ = ch.Close() }()
	conn := wire.NewConn(ch)
	if err := conn.Write(m); err != nil {
		l.t.Fatal(err)
	}
	answer, err := conn.Read()
	if err != nil {
		l.t.Fatal(err)
	}
	return answer
}

// statement is an override for this request, as good as can be.
func (c *court) statement(number int, req wire.Request) wire.Override {
	c.t.Helper()
	at := time.Now().UTC().Truncate(time.Second)
	return wire.Override{
		Number: number, Organisation: "Evil", Device: "laptop-7", DeviceKey: ssh.FingerprintSHA256(c.device),
		Technician: req.Technician.Name, Full: req.Technician.Full, Key: req.Technician.Key,
		Capabilities: req.Capabilities, Login: req.Login, Minutes: req.Minutes, Reason: req.Reason, Ticket: req.Ticket,
		Attempts: []wire.Attempt{{At: at, Visit: newID(), Outcome: "no answer"}},
		Nonce:    c.nonce(), Asked: at, Until: at.Add(time.Hour),
	}
}

// mallory's request; the key is one that could sign.
func (c *court) request() wire.Request {
	req := request()
	req.Technician.Key = ssh.FingerprintSHA256(c.keys["mallory"].PublicKey())
	return req
}

func (c *court) sign(o wire.Override, names ...string) *wire.SignedOverride {
	return c.signText(o.Text(), names...)
}

func (c *court) signText(text []byte, names ...string) *wire.SignedOverride {
	c.t.Helper()
	s := &wire.SignedOverride{Statement: text}
	for _, name := range names {
		sig, err := wire.Sign(c.keys[name], wire.NamespaceOverride, text)
		if err != nil {
			c.t.Fatal(err)
		}
		s.Signatures = append(s.Signatures, sig)
	}
	return s
}

// try asks with an override, says that the recording runs, and returns what
// the device signed.
func (c *court) try(req wire.Request) (*evilVisit, *wire.Consent) {
	c.t.Helper()
	var v *evilVisit
	eventually(c.t, "the agent has a place for a request", func() bool {
		var err error
		v, err = c.visit()
		return err == nil
	})
	v.req = req
	v.write(&req)
	answer := c.answer(v)
	v.write(&wire.Open{Head: zeroHead()})
	if answer.Opens() {
		if _, ok := await[*wire.Ready](v); !ok {
			c.t.Fatal("an override that the device took does not open")
		}
	}
	return v, answer
}

// refuses asks with an override that must open nothing, be answered with a
// sentence, and leave a receipt that says so.
func (c *court) refuses(req wire.Request, why string) {
	c.t.Helper()
	v, answer := c.try(req)
	exercise := why == wire.ExerciseVerified
	if answer.Opens() || len(answer.Granted) > 0 || len(answer.Signers) > 0 != exercise || !strings.Contains(answer.Why, why) {
		c.t.Errorf("answered: %s %v %v %q, want %q in it", answer.Choice, answer.Granted, answer.Signers, answer.Why, why)
	}
	c.mustNot(req.Visit, why)
	_ = v.ch.Close()
	v.gone()
	kept, err := c.agent.ledger.open(answer.Number)
	if err != nil || kept.Consent.Choice != wire.None || kept.Consent.Why != answer.Why {
		c.t.Errorf("receipt %d: %+v, %v", answer.Number, kept, err)
	}
}

// keygenSign signs as a supervisor does, with the stock tool.
func keygenSign(t *testing.T, key, namespace string, text []byte) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ssh-keygen", "-Y", "sign", "-q", "-n", namespace, "-f", key)
	cmd.Stdin = bytes.NewReader(text)
	sig, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

// keygen makes a key with the stock tool.
func keygen(t *testing.T) (path string, key ssh.Signer) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "key")
	if out, err := exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v: %s", err, out)
	}
	text, err := os.ReadFile(path)
	if err == nil {
		key, err = ssh.ParsePrivateKey(text)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path, key
}

// restart stops the agent and starts it anew in its folder.
func (c *court) restart() {
	c.t.Helper()
	c.evilLink = c.again()
}
