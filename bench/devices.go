//go:build unix

package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"accord/wire"
)

// fleet is many devices that speak as an agent does, as far as an idle one
// does: they serve SSH on the connection that they dialled, say hello, and ping.
type fleet struct {
	gateway string
	devices []*device
	up      atomic.Int64
	running sync.WaitGroup
}

type device struct {
	key   ssh.Signer
	from  net.Addr // its own: devices of a fleet don't share one address
	hello wire.Hello
}

// add makes a device. All of 127.0.0.0/8 is this machine.
func (f *fleet) add(i int, text string) error {
	token, err := wire.ParseToken(text)
	if err != nil {
		return err
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	key, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return err
	}
	f.devices = append(f.devices, &device{
		key: key, from: &net.TCPAddr{IP: net.IPv4(127, 1, byte(i/250), byte(1+i%250))},
		hello: wire.Hello{
			Agent: "bench", OS: runtime.GOOS, Arch: runtime.GOARCH, Labels: map[string]string{"site": "bench"},
			Capabilities: []wire.Capability{wire.Shell}, Logins: []string{"bench"}, Token: token.Secret,
		},
	})
	return nil
}

func (f *fleet) start(ctx context.Context) {
	for _, d := range f.devices {
		f.running.Go(func() { d.stay(ctx, f) })
	}
}

func (f *fleet) wait() { f.running.Wait() }

// await waits until so many devices are admitted.
func (f *fleet) await(ctx context.Context, n int) error {
	for f.up.Load() < int64(n) {
		select {
		case <-time.After(2 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%d of %d devices were admitted: %w", f.up.Load(), n, ctx.Err())
		}
	}
	return nil
}

// stay calls again whenever the link is lost, after a wait at random.
func (d *device) stay(ctx context.Context, f *fleet) {
	for ctx.Err() == nil {
		_ = d.call(ctx, f) // whatever the reason, it calls again
		wait, err := rand.Int(rand.Reader, big.NewInt(int64(redial*time.Second)))
		if err != nil {
			return
		}
		rest(ctx, time.Duration(wait.Int64()))
	}
}

// call is one link, until it ends.
func (d *device) call(ctx context.Context, f *fleet) error {
	dialer := net.Dialer{LocalAddr: d.from, Timeout: 15 * time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", f.gateway)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	config := &ssh.ServerConfig{
		Config: wire.Algorithms(false), ServerVersion: "SSH-2.0-Accord", PublicKeyAuthAlgorithms: wire.KeyAlgorithms(),
		PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return &ssh.Permissions{}, nil },
	}
	config.AddHostKey(d.key)
	c, channels, requests, err := ssh.NewServerConn(wire.Buffered(conn), config)
	if err != nil {
		return err
	}
	go ssh.DiscardRequests(requests) // answers pings with a no, which is heard as well
	if err := d.introduce(channels); err != nil {
		return err
	}
	f.up.Add(1)
	defer f.up.Add(-1)
	stop := make(chan struct{})
	defer close(stop)
	go ping(c, stop)
	for channel := range channels {
		_ = channel.Reject(ssh.Prohibited, "nobody is here")
	}
	return nil
}

// introduce says hello and takes the verdict.
func (d *device) introduce(channels <-chan ssh.NewChannel) error {
	channel, ok := <-channels
	if !ok {
		return errors.New("no hello was wanted")
	}
	ch, requests, err := channel.Accept()
	if err != nil {
		return err
	}
	defer ch.Close()
	go ssh.DiscardRequests(requests)
	c := wire.NewConn(ch)
	if err := c.Write(&d.hello); err != nil {
		return err
	}
	m, err := c.Read()
	if err != nil {
		return err
	}
	switch m := m.(type) {
	case *wire.Welcome:
		d.hello.Token = ""
		return nil
	case *wire.Denied:
		return errors.New(m.Sentence)
	}
	return wire.ErrMessage
}

// ping tells the gateway that the device lives.
func ping(c ssh.Conn, stop <-chan struct{}) {
	tick := time.NewTicker(wire.PingEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if _, _, err := c.SendRequest(wire.RequestPing, true, nil); err != nil {
				return
			}
		case <-stop:
			return
		}
	}
}
