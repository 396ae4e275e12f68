package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/crypto/ssh"

	"accord/wire"
)

// A device takes another key in three steps, each of which is on disk before the
// next: it makes the new one beside the old (key.next), the gateway takes it in
// place of the old, the device does. Stopped anywhere, it has both, and finds out
// which one counts: the old one until the gateway says that it doesn't know it.

// errRekeyed is why a device hangs up when the gateway has taken its new key.
var errRekeyed = errors.New("the device has another key now")

func (s state) nextKey() string { return filepath.Join(string(s), "key.next") }

// formerKeys has a line for each key that the device had, as authorized_keys: its
// receipts of then are signed with them.
func (s state) formerKeys() string { return filepath.Join(string(s), "key.former.pub") }

// newKey makes another key, which nothing uses yet, and says so with both.
func (a *Agent) newKey(nonce, device string) *wire.Rekeyed {
	gateway, err := a.pin.gatewayKey()
	if err != nil {
		return &wire.Rekeyed{Sentence: sentence(err)}
	}
	text, err := newKey(a.state.nextKey())
	if err != nil {
		return &wire.Rekeyed{Sentence: "The device can't keep a new key: " + wire.Clean(err.Error(), wire.MaxReason)}
	}
	next, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return &wire.Rekeyed{Sentence: sentence(err)}
	}
	m, err := wire.SignKeyChange(wire.KeyChange{
		Gateway: ssh.FingerprintSHA256(gateway), Device: device, Nonce: nonce, Made: time.Now().UTC().Truncate(time.Second),
	}, a.key, next)
	if err != nil {
		return &wire.Rekeyed{Sentence: sentence(err)}
	}
	return m
}

// onNewKey answers the question for a new key, and waits for the gateway to take
// it. While a visit is asked for or open nothing is changed: its receipt names the
// key.
func (l *link) onNewKey(conn *wire.Conn, question *wire.NewKey, cancel context.CancelCauseFunc) {
	l.mu.Lock()
	busy, device := l.waiting > 0, l.welcomed.Device
	l.mu.Unlock()
	if busy {
		_ = conn.Write(&wire.Rekeyed{Sentence: "Somebody visits the device, or asks to."})
		return
	}
	answer := l.agent.newKey(question.Nonce, device)
	if err := conn.Write(answer); err != nil || answer.Sentence != "" {
		return
	}
	if m, err := conn.Read(); err == nil {
		if _, taken := m.(*wire.KeyTaken); taken {
			cancel(errRekeyed)
		}
	}
}

// renewed takes the new key in place of the old one, if that is why a link ended:
// the gateway said so, or it knows the old one no more and the new one it does. It
// is called between two links, when nothing uses the key but receipts.
func (a *Agent) renewed(ctx context.Context, why error) (bool, error) {
	if !errors.Is(why, errRekeyed) {
		denied, ok := errors.AsType[*deniedError](why)
		if !ok || !denied.Final {
			return false, nil
		}
		if known, err := a.tryNext(ctx); !known || err != nil {
			return false, err
		}
	}
	return true, a.takeNext()
}

// tryNext calls with the new key, where there is one, says hello and hangs up.
func (a *Agent) tryNext(ctx context.Context) (known bool, err error) {
	next, err := a.readNext()
	if next == nil || err != nil {
		return false, err
	}
	pinned, err := a.pin.gatewayKey()
	if err != nil {
		return false, err
	}
	conn, err := a.dial(ctx, a.gatewayAddress())
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l := &link{agent: a, key: next, hello: a.introduction(), admit: func(key ssh.PublicKey) bool {
		return bytes.Equal(key.Marshal(), pinned.Marshal())
	}}
	_ = l.serve(ctx, conn, func(*wire.Welcome) { known = true; cancel() })
	return known, nil
}

// readNext is the new key; nil where there is none.
func (a *Agent) readNext() (ssh.Signer, error) {
	text, err := os.ReadFile(a.state.nextKey())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the device's new key: %w", err)
	}
	key, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return nil, fmt.Errorf("the device's new key in %s can't be read: %w", a.state.nextKey(), err)
	}
	return key, nil
}

// takeNext puts the new key in place of the old.
func (a *Agent) takeNext() error {
	next, err := a.readNext()
	if err == nil && next == nil {
		err = errors.New("the device's new key is gone")
	}
	if err != nil {
		return err
	}
	was := a.key.PublicKey()
	if err := a.ledger.renew(next, a.state.formerKeys()); err != nil {
		return err
	}
	if err := os.Rename(a.state.nextKey(), filepath.Join(string(a.state), "key")); err != nil {
		return fmt.Errorf("take the new key: %w", err)
	}
	a.key = next
	a.log.Info("the device has another key", "was", ssh.FingerprintSHA256(was), "is", ssh.FingerprintSHA256(next.PublicKey()))
	return syncDir(string(a.state))
}

// formerKeys reads the keys that the device had.
func formerKeys(path string) ([]ssh.PublicKey, error) {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the keys that the device had: %w", err)
	}
	var list []ssh.PublicKey
	for len(bytes.TrimSpace(text)) > 0 {
		key, _, _, rest, err := ssh.ParseAuthorizedKey(text)
		if err != nil {
			return nil, fmt.Errorf("the keys that the device had, in %s, can't be read: %w", path, err)
		}
		list, text = append(list, key), rest
	}
	return list, nil
}

// renew has what comes signed with another key. The one until now is kept in the
// file first: receipts that it signed are checked with it.
func (l *ledger) renew(key ssh.Signer, file string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	was := l.key.PublicKey()
	former := slices.Clone(l.former)
	if !slices.ContainsFunc(former, func(k ssh.PublicKey) bool { return bytes.Equal(k.Marshal(), was.Marshal()) }) {
		former = append(former, was) // else an agent that was killed here has done it
	}
	var text []byte
	for _, k := range former {
		text = append(text, ssh.MarshalAuthorizedKey(k)...)
	}
	if err := writeFile(file, text, 0o644); err != nil {
		return fmt.Errorf("keep the device's old key: %w", err)
	}
	l.key, l.former = key, former
	return nil
}

// signedBy is the key that a receipt of the device's is signed with: this one, or
// one that it had.
func (l *ledger) signedBy(s signed) ssh.PublicKey {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range l.former {
		if wire.Verify(key, wire.NamespaceReceipt, []byte(s.Statement), []byte(s.Signature)) == nil {
			return key
		}
	}
	return l.key.PublicKey()
}
