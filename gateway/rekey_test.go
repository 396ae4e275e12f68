package gateway

import (
	"strings"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/gateway/store"
	"accord/wire"
)

// changes answers the question for a new key with what alter makes of the good
// answer; where it returns false the device hangs up instead of waiting. What it
// returns is closed when it has hung up.
func (d *device) changes(to gossh.Signer, alter func(*wire.KeyChange, *wire.Rekeyed) bool) <-chan struct{} {
	over := make(chan struct{})
	d.questions = func(ch gossh.Channel) {
		defer func() { _ = ch.Close() }()
		c := wire.NewConn(ch)
		m, err := c.Read()
		q, ok := m.(*wire.NewKey)
		if err != nil || !ok {
			return // about something else
		}
		defer close(over)
		change := wire.KeyChange{Gateway: gossh.FingerprintSHA256(d.house.Key()), Device: d.name, Nonce: q.Nonce, Made: time.Now().UTC()}
		alter(&change, nil)
		answer, err := wire.SignKeyChange(change, d.key, to)
		if err != nil {
			return
		}
		wait := alter(&change, answer)
		_ = c.Write(answer)
		if wait {
			_, _ = c.Read()
		}
		_ = d.conn.Close()
	}
	return over
}

// TestForgedRekeys: no answer of a hostile device gives it another key, and the one
// that it has stays good.
func TestForgedRekeys(t *testing.T) {
	h := newHouse(t, nil)
	other := h.device("laptop-8").join()
	to := newSigner(t)
	for name, c := range map[string]struct {
		to    gossh.Signer
		alter func(*wire.KeyChange, *wire.Rekeyed)
		want  string
	}{
		"another nonce":         {to, func(k *wire.KeyChange, _ *wire.Rekeyed) { k.Nonce = wire.NewToken("").Secret }, "not for what was asked"},
		"another gateway":       {to, func(k *wire.KeyChange, _ *wire.Rekeyed) { k.Gateway = "SHA256:x" }, "not for what was asked"},
		"another device's name": {to, func(k *wire.KeyChange, _ *wire.Rekeyed) { k.Device = "laptop-8" }, "not for what was asked"},
		"another device's key":  {other.key, func(*wire.KeyChange, *wire.Rekeyed) {}, "exists|already"},
		"no proof of the new key": {to, func(_ *wire.KeyChange, m *wire.Rekeyed) {
			if m != nil {
				m.New = m.Old
			}
		}, "can't be taken"},
		"a no": {to, func(_ *wire.KeyChange, m *wire.Rekeyed) {
			if m != nil {
				*m = wire.Rekeyed{Sentence: "The disk is \x1b[31mfull."}
			}
		}, "makes no new key: The disk is <U+001B>[31mfull."},
		"nonsense": {to, func(_ *wire.KeyChange, m *wire.Rekeyed) {
			if m != nil {
				*m = wire.Rekeyed{}
			}
		}, "may be too old"},
	} {
		t.Run(name, func(t *testing.T) {
			d := h.device("laptop-7")
			d.name = "d-" + strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), "'", "")
			d.changes(c.to, func(k *wire.KeyChange, m *wire.Rekeyed) bool { c.alter(k, m); return true })
			d.join()
			key := gossh.FingerprintSHA256(d.key.PublicKey())
			_, err := h.rekey(t.Context(), h.homes.get(key), store.Entry{At: time.Now(), Actor: "ada"})
			found := false
			for _, w := range strings.Split(c.want, "|") {
				found = found || err != nil && strings.Contains(err.Error(), w)
			}
			if !found {
				t.Errorf("got %v", err)
			}
			if known, err := h.store.DeviceByKey(t.Context(), key); err != nil || known.Name != d.name {
				t.Errorf("its key is worth %+v, %v", known, err)
			}
			if _, err := h.store.DeviceByKey(t.Context(), gossh.FingerprintSHA256(to.PublicKey())); err == nil {
				t.Error("the new key was taken")
			}
		})
	}
}

// TestRekeyIsTakenWhole: a device that hangs up before it is told has the new key
// all the same, and the old one is worth nothing.
func TestRekeyIsTakenWhole(t *testing.T) {
	h := newHouse(t, nil)
	d, to := h.device("laptop-7"), newSigner(t)
	over := d.changes(to, func(*wire.KeyChange, *wire.Rekeyed) bool { return false })
	d.join()
	was := gossh.FingerprintSHA256(d.key.PublicKey())
	got, err := h.rekey(t.Context(), h.homes.get(was), store.Entry{At: time.Now(), Actor: "ada"})
	if err != nil || gossh.FingerprintSHA256(got) != gossh.FingerprintSHA256(to.PublicKey()) {
		t.Fatal(got, err)
	}
	d.isOnline(false)
	<-over
	if m, err := d.enter(d.introduction()); err == nil {
		if no, ok := m.(*wire.Denied); !ok || !no.Final {
			t.Errorf("the old key: %+v", m)
		}
	}
	d.key = to
	d.online()
	if kept, err := h.store.DeviceEver(t.Context(), was); err != nil || kept.PublicKey == "" {
		t.Errorf("the old key is not kept: %+v, %v", kept, err)
	}
}
