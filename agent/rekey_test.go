package agent

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/ssh"

	"accord/wire"
)

// asked puts the question for a new key, and says that it was taken if it should.
func (l *evilLink) asked(taken bool) (*wire.Rekeyed, func()) {
	l.t.Helper()
	ch, reqs, err := l.conn.OpenChannel(wire.ChannelDevice, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	go ssh.DiscardRequests(reqs)
	conn := wire.NewConn(ch)
	if err := conn.Write(&wire.NewKey{Nonce: wire.NewToken("").Secret}); err != nil {
		l.t.Fatal(err)
	}
	m, err := conn.Read()
	answer, ok := m.(*wire.Rekeyed)
	if err != nil || !ok {
		l.t.Fatalf("%+v, %v", m, err)
	}
	if taken {
		_ = conn.Write(&wire.KeyTaken{})
	}
	return answer, func() { _ = ch.Close() }
}

// refuse takes the next call and says that its key is not known; it returns which
// key that was.
func (e *evil) refuse() string {
	e.t.Helper()
	return e.greet(&wire.Denied{Final: true, Sentence: "not enrolled"})
}

// greet answers the next call's hello, and waits until the device hangs up.
func (e *evil) greet(answer wire.Message) string {
	e.t.Helper()
	l, err := e.accept(e.key)
	if err != nil {
		e.t.Fatal(err)
	}
	ch, reqs, err := l.conn.OpenChannel(wire.ChannelHello, nil)
	if err != nil {
		e.t.Fatal(err)
	}
	go ssh.DiscardRequests(reqs)
	conn := wire.NewConn(ch)
	if _, err := conn.Read(); err != nil {
		e.t.Fatal(err)
	}
	_ = conn.Write(answer)
	_ = l.conn.Wait()
	return ssh.FingerprintSHA256(l.device)
}

// TestNewKey: a key that the gateway has taken is the device's; one that it hasn't
// is not, and the device can be reached with the one that it had. What was signed
// with the old one stays good.
func TestNewKey(t *testing.T) {
	e := newEvil(t, nil)
	l := e.link()
	first := ssh.FingerprintSHA256(l.device)
	consent := &wire.Consent{Choice: wire.None, UID: -1}
	consent.Request = request()
	if _, _, err := e.agent.ledger.consent(consent); err != nil {
		t.Fatal(err)
	}

	// Never taken, twice: each time another key is offered, and the old one counts.
	unused, done := l.asked(false)
	done()
	again, done := l.asked(false)
	done()
	if string(unused.Statement) == string(again.Statement) {
		t.Error("one key was offered twice")
	}
	_ = l.conn.Close()
	l = e.link()
	if got := ssh.FingerprintSHA256(l.device); got != first {
		t.Errorf("a key that nobody took is in use: %s", got)
	}

	// Taken, and told.
	answer, done := l.asked(true)
	_, second, err := wire.OpenKeyChange(l.device, answer)
	if err != nil {
		t.Fatal(err)
	}
	_ = l.conn.Wait() // it hangs up by itself
	done()
	l = e.link()
	if ssh.FingerprintSHA256(l.device) != ssh.FingerprintSHA256(second) {
		t.Error("the key that was taken is not in use")
	}

	// Taken, and the link is lost before it was told: the old one is refused, the
	// new one is known, and stays.
	answer, _ = l.asked(false)
	_, third, err := wire.OpenKeyChange(l.device, answer)
	if err != nil {
		t.Fatal(err)
	}
	_ = l.conn.Close()
	if got := e.refuse(); got != ssh.FingerprintSHA256(second) {
		t.Errorf("it called with %s first", got)
	}
	if got := e.greet(&wire.Welcome{Gateway: "evil", Organisation: "Evil", Device: "laptop-7"}); got != ssh.FingerprintSHA256(third) {
		t.Errorf("it tried %s then", got)
	}
	l = e.link()
	if ssh.FingerprintSHA256(l.device) != ssh.FingerprintSHA256(third) {
		t.Error("the key that is known is not in use")
	}
	if _, err := os.Stat(filepath.Join(e.opts.Config.State, "key.next")); err == nil {
		t.Error("a new key is left over")
	}
	if r, err := e.agent.ledger.open(consent.Number); err != nil || r.Consent.Choice != wire.None {
		t.Errorf("the receipt of before: %+v, %v", r, err)
	}
	if key, err := e.agent.state.deviceKey(); err != nil || ssh.FingerprintSHA256(key.PublicKey()) != ssh.FingerprintSHA256(third) {
		t.Errorf("on disk is another key: %v", err)
	}
}

// TestNewKeyRefused: while somebody asks for a visit the key stays, and a gateway
// that knows neither key gets no other one out of the device.
func TestNewKeyRefused(t *testing.T) {
	e := newEvil(t, nil)
	p := e.sit()
	l := e.link()
	first := ssh.FingerprintSHA256(l.device)
	v := l.ask(request())
	p.asked()
	if answer, _ := l.asked(true); answer.Sentence == "" {
		t.Error("the key was changed beside a visit")
	}
	_ = v.ch.Close()
	v.gone()
	eventually(t, "a key is made", func() bool {
		answer, done := l.asked(false)
		done()
		return answer.Sentence == ""
	})
	_ = l.conn.Close()
	if e.refuse() != first || e.refuse() == first || e.refuse() != first {
		t.Error("it doesn't call with the old key, then the new one, then the old one")
	}
	_ = e.refuse()
	l = e.link()
	if got := ssh.FingerprintSHA256(l.device); got != first {
		t.Errorf("it has the key %s now", got)
	}
}
