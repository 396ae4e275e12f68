package gateway

import (
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/wire"
)

// TestRequestsBehindAListen: while a device's user thinks about `ssh -R`, the
// client's other requests wait for their turn, but it sees that there is somebody,
// and its connection does not stand still.
func TestRequestsBehindAListen(t *testing.T) {
	h := newHouse(t, nil)
	d := h.device("laptop-7")
	d.offers = []wire.Capability{wire.Forward}
	asked, answer := make(chan struct{}), make(chan struct{})
	d.consent = func(*wire.Consent) {
		close(asked)
		select {
		case <-answer:
		case <-t.Context().Done():
		}
	}
	listens(d)
	d.join()
	conn, chans, reqs, err := gossh.NewClientConn(h.dialFrom("127.0.0.1", h.technicians), "gateway", &gossh.ClientConfig{
		User: "laptop-7", Auth: []gossh.AuthMethod{gossh.PublicKeys(h.alice)}, HostKeyCallback: gossh.FixedHostKey(h.Key()),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	signs := make(chan struct{}, 1000)
	go func() {
		for req := range reqs {
			if req.Type == clientAlive && !req.WantReply {
				signs <- struct{}{}
			}
			_ = req.Reply(true, nil)
		}
	}()
	go func() {
		for nc := range chans {
			_ = nc.Reject(gossh.Prohibited, "not wanted")
		}
	}()
	listening := make(chan bool, 1)
	go func() {
		ok, _, err := conn.SendRequest(listenUnix, true, gossh.Marshal(struct{ Path string }{"/run/x"}))
		listening <- ok && err == nil
	}()
	<-asked
	const many = 100
	for range many {
		if _, _, err := conn.SendRequest(clientAlive, false, nil); err != nil {
			t.Fatal(err)
		}
	}
	for n := range many {
		select {
		case <-signs:
		case <-time.After(patience):
			t.Fatalf("%d signs of life", n)
		}
	}
	ch, _, err := conn.OpenChannel("session", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = ch.Close()
	close(answer)
	if !<-listening {
		t.Error("it does not listen")
	}
	for what, want := range map[string]bool{clientAlive: true, "nobody@knows": false} {
		if ok, _, err := conn.SendRequest(what, true, nil); err != nil || ok != want {
			t.Errorf("%s: %v, %v", what, ok, err)
		}
	}
	for _, want := range []bool{true, false} {
		if ok, _, err := conn.SendRequest(cancelUnix, true, gossh.Marshal(struct{ Path string }{"/run/x"})); err != nil || ok != want {
			t.Errorf("cancelled: %v, %v", ok, err)
		}
	}
}
