package agent

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"time"

	"golang.org/x/crypto/ssh"

	"accord/wire"
)

// probe is a call to the gateway that says no hello: who answers, and what time
// it is there.
type probe struct {
	proved bool // it has the pinned key
	other  ssh.PublicKey
	told   bool // it said what time it is
	ahead  time.Duration
}

// look calls the gateway as the agent does and hangs up when it has proved
// itself. It is no link: no visit could come over it, and the device's own link
// stays. A nil key stands for a device that can't prove itself.
func look(ctx context.Context, address, authority string, pinned ssh.PublicKey, key ssh.Signer) (p probe, err error) {
	ctx, cancel := context.WithTimeout(ctx, wire.Handshake)
	defer cancel()
	if key == nil {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return p, err
		}
		if key, err = ssh.NewSignerFromKey(private); err != nil {
			return p, err
		}
	}
	conn, err := dial(ctx, address, authority)
	if err != nil {
		return p, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	defer func() { _ = conn.Close() }()
	config := &ssh.ServerConfig{
		Config: wire.Algorithms(false), MaxAuthTries: 2, PublicKeyAuthAlgorithms: wire.KeyAlgorithms(),
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if !bytes.Equal(key.Marshal(), pinned.Marshal()) {
				p.other = key
				return nil, errors.New("not the pinned key")
			}
			return &ssh.Permissions{}, nil
		},
	}
	config.AddHostKey(key)
	c, chans, reqs, err := ssh.NewServerConn(wire.Buffered(conn), config)
	if err != nil {
		return p, err
	}
	p.proved = true
	done := make(chan struct{})
	go func() {
		defer close(done)
		go ssh.DiscardRequests(reqs)
		for nc := range chans {
			_ = nc // the hello waits, and ends with the connection
		}
	}()
	defer func() { _ = c.Close(); <-done }()
	sent := time.Now()
	ok, answer, err := c.SendRequest(wire.RequestClock, true, nil)
	if err != nil || !ok {
		return p, nil //nolint:nilerr // an older gateway, which has proved itself all the same
	}
	if there, err := wire.ParseClock(answer); err == nil {
		took := time.Since(sent)
		p.told, p.ahead = true, sent.Add(took/2).Sub(there)
	}
	return p, nil
}
