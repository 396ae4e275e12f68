// Package far runs what a visit runs on a device without an agent: over SSH, by
// the device's own sshd, which is reached through a connection that somebody
// else provides. It knows nothing of visits and asks nobody anything.
//
// What it can't do, and [accord/agent/proc] can: see whether a terminal shows
// what is typed, and kill what a program left in the background. Closing a
// program's channel has sshd hang up its terminal; the rest is up to that sshd.
package far

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"accord/wire"
)

// handshakeLimit bounds the login at the device's sshd.
const handshakeLimit = 15 * time.Second

// Device is where to log in, and as whom.
type Device struct {
	// Dial connects to the device's sshd.
	Dial    func(ctx context.Context) (net.Conn, error)
	Login   string        // the account there
	Key     ssh.Signer    // that logs in
	HostKey ssh.PublicKey // the only one that is taken
}

// Errors that callers tell apart; each is a sentence for people.
var (
	// ErrHostKey: the sshd is another one than was enrolled.
	ErrHostKey = errors.New("the sshd at the other end shows another host key than the one this device was enrolled with, so it may be another machine; an admin retires the device and enrols it anew if that is right")
	// ErrLogin: the sshd takes the key no more, or not yet.
	ErrLogin = errors.New("the device's sshd does not let the gateway's key in")
	// ErrSSHD: nothing sensible answers.
	ErrSSHD = errors.New("no sshd answers at the other end of the held forward; start it there, and point -R at its port")
)

// Client is one login at the device's sshd. Everything that was started over it
// ends with it, as far as sshd sees to that.
type Client struct {
	conn    ssh.Conn
	version string
	below   net.Conn
	over    chan struct{} // closed when nothing of it goes on
	closing sync.Once
}

// Connect logs in. The caller must Close what it gets.
func (d Device) Connect(ctx context.Context) (*Client, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeLimit)
	defer cancel()
	below, err := d.Dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w (%s)", ErrSSHD, wire.Clean(err.Error(), wire.MaxLine))
	}
	stop := context.AfterFunc(ctx, func() { _ = below.Close() })
	conn, chans, reqs, err := ssh.NewClientConn(wire.Buffered(below), "device", d.config())
	if !stop() && err == nil {
		_ = conn.Close()
		err = ctx.Err()
	}
	if err != nil {
		_ = below.Close()
		return nil, worded(err, d.Login)
	}
	c := &Client{conn: conn, version: wire.Clean(string(conn.ServerVersion()), wire.MaxName), below: below, over: make(chan struct{})}
	go c.refuse(chans, reqs)
	return c, nil
}

func (d Device) config() *ssh.ClientConfig {
	return &ssh.ClientConfig{
		Config:            wire.Algorithms(true), // sshd may be an old one
		User:              d.Login,
		Auth:              []ssh.AuthMethod{ssh.PublicKeys(d.Key)},
		HostKeyAlgorithms: algorithms(d.HostKey),
		ClientVersion:     "SSH-2.0-Accord",
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			if !bytes.Equal(key.Marshal(), d.HostKey.Marshal()) {
				return ErrHostKey
			}
			return nil
		},
	}
}

// algorithms are those by which a host key of this type signs (RFC 8332).
func algorithms(key ssh.PublicKey) []string {
	if key.Type() == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{key.Type()}
}

// worded makes a failed login one of the errors that people can act upon.
func worded(err error, login string) error {
	switch {
	case errors.Is(err, ErrHostKey):
		return ErrHostKey
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, net.ErrClosed):
		return fmt.Errorf("%w (it did not answer in time)", ErrSSHD)
	case strings.Contains(err.Error(), "no common algorithm for host key"):
		// It has no key of the type that was enrolled any more.
		return ErrHostKey
	case strings.Contains(err.Error(), "unable to authenticate"):
		return fmt.Errorf("%w as %s", ErrLogin, login)
	}
	return fmt.Errorf("%w (%s)", ErrSSHD, wire.Clean(err.Error(), wire.MaxLine))
}

// Version is what the sshd calls itself, clean.
func (c *Client) Version() string { return strings.TrimPrefix(c.version, "SSH-2.0-") }

// refuse serves what the device's sshd may ask of a client, which is nothing:
// agent forwarding, X11 and forwarded connections among it.
func (c *Client) refuse(chans <-chan ssh.NewChannel, reqs <-chan *ssh.Request) {
	defer close(c.over)
	for chans != nil || reqs != nil {
		select {
		case nc, ok := <-chans:
			if !ok {
				chans = nil
				continue
			}
			_ = nc.Reject(ssh.Prohibited, "nothing is taken from a device")
		case r, ok := <-reqs:
			if !ok {
				reqs = nil
				continue
			}
			if r.WantReply {
				_ = r.Reply(false, nil)
			}
		}
	}
}

// Over is closed when the login is no more.
func (c *Client) Over() <-chan struct{} { return c.over }

// closeWait is how long Close gives to what was being sent.
const closeWait = 500 * time.Millisecond

// Close ends the login, whether or not the other side reads. Nothing is
// delivered any more when it returns.
func (c *Client) Close() {
	c.closing.Do(func() {
		go func() { _ = c.conn.Close() }() // a side that does not read can hold it up
		timer := time.NewTimer(closeWait)
		defer timer.Stop()
		select {
		case <-c.over:
		case <-timer.C:
			_ = c.below.Close()
		}
	})
}
