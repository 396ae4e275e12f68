package gateway

import (
	"io"
	"net"
	"strings"
	"testing"

	gossh "golang.org/x/crypto/ssh"

	"accord/wire"
)

// The gateway's half of the bypass suite: what opens is in the recording, and
// was there before a byte went through. Files and screens have tests of their
// own, beside their code.

// listens makes it a device that listens for the technician: two connect once
// come is closed. They must wait until the client's Listen has returned, since
// x/crypto's client refuses whoever connects before it has noted the answer.
func listens(d *device) (come chan struct{}) {
	come = make(chan struct{})
	d.listens = func(nc gossh.NewChannel) {
		p, err := wire.ParseListen(nc.ExtraData())
		if err != nil {
			_ = nc.Reject(gossh.Prohibited, err.Error())
			return
		}
		ch, reqs, err := nc.Accept()
		if err != nil {
			return
		}
		defer func() { _ = ch.Close() }()
		c := wire.NewConn(ch)
		port, from := int(p.Port), 50000
		if p.Network == wire.NetworkUnix {
			from = 0
		} else if port == 0 {
			port = 40000
		}
		_ = c.Write(&wire.Listening{Port: port})
		select {
		case <-come:
		case <-d.house.t.Context().Done():
			return
		}
		for n := range 2 {
			_ = c.Write(&wire.Caller{Number: n + 1, Port: from})
		}
		gossh.DiscardRequests(reqs)
	}
	return come
}

// TestOpenIsRecorded goes through each way that is the gateway's to record.
func TestOpenIsRecorded(t *testing.T) {
	for name, c := range map[string]struct {
		open  func(*testing.T, *house, *gossh.Client, chan<- struct{})
		wants []string
	}{
		"a command": {func(_ *testing.T, h *house, c *gossh.Client, _ chan<- struct{}) {
			s, err := c.NewSession()
			if err != nil {
				h.t.Fatal(err)
			}
			h.runIn(s, "uptime")
		}, []string{`"kind":"shell"`, `"command":"uptime"`, `"kind":"exit"`}},
		"direct-tcpip": {func(t *testing.T, _ *house, c *gossh.Client, _ chan<- struct{}) {
			conn, err := c.Dial("tcp", "127.0.0.1:80")
			if err != nil {
				t.Fatal(err)
			}
			saidBack(conn)
		}, []string{`"kind":"forward","data":{"number":1,"network":"tcp","host":"127.0.0.1","port":80}`, `"up":5,"down":5`}},
		"direct-streamlocal": {func(t *testing.T, _ *house, c *gossh.Client, _ chan<- struct{}) {
			conn, err := c.Dial("unix", "/run/x.sock")
			if err != nil {
				t.Fatal(err)
			}
			saidBack(conn)
		}, []string{`"kind":"forward","data":{"number":1,"network":"unix","host":"/run/x.sock"}`, `"up":5,"down":5`}},
		"tcpip-forward": {takes("tcp", "127.0.0.1:0"), []string{
			`"kind":"listen","data":{"port":40000}`, `"number":2,"network":"tcp","host":"127.0.0.1","port":40000,"reverse":true`, `"kind":"listen.ended"`,
		}},
		"streamlocal-forward": {takes("unix", "/run/made.sock"), []string{
			`"kind":"listen","data":{"socket":"/run/made.sock"}`, `"number":2,"network":"unix","host":"/run/made.sock","reverse":true`, `"kind":"listen.ended"`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, nil)
			d := h.device("laptop-7")
			d.offers = []wire.Capability{wire.Forward}
			come := listens(d)
			d.forwards = func(nc gossh.NewChannel) {
				if events := h.events(); strings.Contains(events, `"kind":"forward"`) && !strings.HasSuffix(name, "-forward") {
					t.Errorf("it is in the recording before the device was asked:\n%s", events)
				}
				if _, err := wire.ParseForward(nc.ExtraData()); err != nil {
					_ = nc.Reject(gossh.Prohibited, err.Error())
					return
				}
				ch, reqs, err := nc.Accept()
				if err != nil {
					return
				}
				go gossh.DiscardRequests(reqs)
				buf := make([]byte, 5)
				if _, err := io.ReadFull(ch, buf); err == nil && !strings.Contains(h.events(), `"kind":"forward"`) {
					t.Error("a byte came before the recording had it")
				}
				_, _ = ch.Write(buf)
				_ = ch.Close()
			}
			d.join()
			client := h.mustLogin("laptop-7", h.alice)
			c.open(t, h, client, come)
			_ = client.Close()
			h.noLive()
			events := h.events()
			for _, want := range c.wants {
				if !strings.Contains(events, want) {
					t.Errorf("no %s in\n%s", want, events)
				}
			}
		})
	}
}

// takes has the device listen, and takes the two who connect there.
func takes(network, address string) func(*testing.T, *house, *gossh.Client, chan<- struct{}) {
	return func(t *testing.T, _ *house, c *gossh.Client, come chan<- struct{}) {
		ln, err := c.Listen(network, address)
		if err != nil {
			t.Fatal(err)
		}
		close(come)
		for range 2 {
			conn, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			saidBack(conn)
		}
		if err := ln.Close(); err != nil {
			t.Error(err)
		}
	}
}

// saidBack sends five bytes and waits for them to come back.
func saidBack(conn net.Conn) {
	_, _ = conn.Write([]byte("hello"))
	_, _ = io.ReadAll(conn)
	_ = conn.Close()
}

// TestListenRefused: what a device must not listen on is refused, and so is all
// where there is no device, no rule and no consent; nothing is asked twice.
func TestListenRefused(t *testing.T) {
	for name, c := range map[string]struct {
		user, address string
		further       func(*wire.Consent)
	}{
		"a socket by half its path": {"laptop-7", "run/x", nil},
		"a socket through a folder": {"laptop-7", "/run/../x", nil},
		"a socket of no device":     {"list", "/run/x", nil},
		"all addresses":             {"laptop-7", "0.0.0.0:4000", nil},
		"another address":           {"laptop-7", "192.0.2.1:4000", nil},
		"no device":                 {"list", "127.0.0.1:4000", nil},
		"an unknown device":         {"laptop-8", "127.0.0.1:4000", nil},
		"refused": {"laptop-7", "127.0.0.1:4000", func(c *wire.Consent) {
			c.Choice, c.Granted, c.Until = wire.Refuse, nil, nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, nil)
			d := h.device("laptop-7")
			d.offers, d.consent = []wire.Capability{wire.Forward}, c.further
			listens(d)
			d.join()
			client := h.mustLogin(c.user, h.alice)
			for range 2 {
				network := "tcp"
				if strings.Contains(c.address, "/") {
					network = "unix"
				}
				if ln, err := client.Listen(network, c.address); err == nil {
					t.Errorf("it listens on %s", ln.Addr())
				}
			}
			if d.requests() > 1 {
				t.Errorf("asked %d times", d.requests())
			}
			h.nothingOpened(name)
		})
	}
}

// TestListenLies: a device that says something else than where it listens, or
// who connected, gets nothing through and holds up nothing.
func TestListenLies(t *testing.T) {
	for name, lie := range map[string]func(*wire.Conn){
		"another port":   func(c *wire.Conn) { _ = c.Write(&wire.Listening{Port: 4001}) },
		"another word":   func(c *wire.Conn) { _ = c.Write(&wire.Ready{}) },
		"nothing at all": func(*wire.Conn) {},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, nil)
			d := h.device("laptop-7")
			d.offers = []wire.Capability{wire.Forward}
			d.listens = func(nc gossh.NewChannel) {
				ch, reqs, err := nc.Accept()
				if err != nil {
					return
				}
				go gossh.DiscardRequests(reqs)
				lie(wire.NewConn(ch))
				_ = ch.Close()
			}
			d.join()
			if _, err := h.mustLogin("laptop-7", h.alice).Listen("tcp", "127.0.0.1:4000"); err == nil {
				t.Error("it listens")
			}
		})
	}
}
