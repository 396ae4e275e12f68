package agent

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"pgregory.net/rapid"

	"accord/wire"
)

// TestForwardRules: where a connection may go, by what it was asked for and what
// that stands for.
func TestForwardRules(t *testing.T) {
	names := map[string][]string{
		"localhost": {"127.0.0.1", "::1"}, "db.example.org": {"10.1.2.3"}, "rebound.example.org": {"169.254.169.254"},
		"mixed.example.org": {"192.0.2.1", "127.0.0.1"}, "meta.example.org": {"169.254.169.254"},
	}
	look := func(_ context.Context, _, host string) ([]netip.Addr, error) {
		var list []netip.Addr
		for _, a := range names[host] {
			list = append(list, netip.MustParseAddr(a))
		}
		if list == nil {
			return nil, errors.New("no such host")
		}
		return list, nil
	}
	own := Defaults().Forward.Allow
	everywhere := []string{"0.0.0.0/0:*", "[::/0]:*"}
	for _, c := range []struct {
		allow []string
		host  string
		port  uint16
		want  string // empty: refused
	}{
		{own, "127.0.0.1", 80, "127.0.0.1:80"},
		{own, "localhost", 80, "127.0.0.1:80 [::1]:80"},
		{own, "::1", 80, "[::1]:80"},
		{own, "::ffff:127.0.0.1", 80, "127.0.0.1:80"},
		{own, "127.0.0.2", 80, ""},
		{own, "0.0.0.0", 80, ""},
		{own, "::", 80, ""},
		{own, "db.example.org", 443, ""},
		{own, "nowhere.example.org", 443, ""},
		{own, "mixed.example.org", 80, "127.0.0.1:80"},
		{[]string{"10.0.0.0/8:443"}, "db.example.org", 443, "10.1.2.3:443"},
		{[]string{"10.0.0.0/8:443"}, "db.example.org", 444, ""},
		{[]string{"db.example.org:400-500"}, "DB.example.org.", 443, ""}, // the lookup knows another spelling
		{[]string{"db.example.org:400-500"}, "db.example.org", 443, "10.1.2.3:443"},
		{[]string{"db.example.org:400-500"}, "10.1.2.3", 443, ""},
		{[]string{"meta.example.org:*"}, "meta.example.org", 80, ""},
		{everywhere, "169.254.169.254", 80, ""},
		{everywhere, "::ffff:169.254.169.254", 80, ""},
		{everywhere, "64:ff9b::a9fe:a9fe", 80, ""},
		{everywhere, "fd00:ec2::254", 80, ""},
		{everywhere, "fe80::1", 80, ""},
		{everywhere, "fe80::1%lo", 80, ""},
		{everywhere, "224.0.0.1", 80, ""},
		{everywhere, "255.255.255.255", 80, ""},
		{everywhere, "0.0.0.0", 80, ""},
		{everywhere, "rebound.example.org", 80, ""},
		{everywhere, "192.0.2.7", 80, "192.0.2.7:80"},
		{append(everywhere, "169.254.169.254:80"), "169.254.169.254", 80, "169.254.169.254:80"},
		{append(everywhere, "169.254.169.254:80"), "169.254.169.254", 81, ""},
		{[]string{"169.254.0.0/16:*"}, "169.254.169.254", 80, ""},
		{nil, "127.0.0.1", 80, ""},
	} {
		list, err := Forward{Allow: c.allow}.resolve(t.Context(), look, c.host, c.port)
		var got []string
		for _, a := range list {
			got = append(got, a.String())
		}
		if strings.Join(got, " ") != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%v, %s:%d: %v, %v, want %q", c.allow, c.host, c.port, got, err, c.want)
		}
	}
}

func TestForwardConfig(t *testing.T) {
	for _, bad := range []Forward{
		{Allow: []string{""}}, {Allow: []string{"127.0.0.1"}}, {Allow: []string{"127.0.0.1:0"}}, {Allow: []string{"127.0.0.1:9-8"}},
		{Allow: []string{"::1:80"}}, {Allow: []string{"a b:80"}}, {Allow: []string{"*:80"}}, {Allow: []string{"/a/../b"}}, {Allow: []string{"10.0.0.0/33:1"}},
		{Allow: []string{"fe80::1%lo:80"}}, {Allow: []string{"/*"}}, {Allow: []string{"/a*/b"}}, {Listen: []string{"/a/../b"}}, {Listen: []string{"/a/*/*"}}, {Listen: []string{"80"}}, {Listen: []string{"x"}}, {Listen: []string{"0"}}, {Allow: make([]string, placesMost+1)},
	} {
		if bad.check() == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	good := Forward{Allow: []string{"[::1]:*", "[fd00::/8]:80-90", "Host.example.org.:443", "/run/a.sock", "/run/b/*"}, Listen: []string{"*", "8000-8099", "/run/a.sock", "/run/b/*"}}
	if err := good.check(); err != nil {
		t.Error(err)
	}
	for port, want := range map[uint16]bool{0: true, 80: false, 1023: false, 1024: true, 65535: true} {
		if got := good.listens(port); got != want {
			t.Errorf("listens on %d: %v", port, got)
		}
	}
	if (Forward{}).listens(0) || (Forward{}).offered() || (Forward{Listen: []string{"8000"}}).listens(8001) {
		t.Error("a list without entries allows something")
	}
}

// FuzzForwardPlace: whatever the owner's file and the gateway say, an address
// that is reserved is not connected to unless it stands there by itself.
func FuzzForwardPlace(f *testing.F) {
	f.Add("10.0.0.0/8:443", "10.1.2.3", uint16(443))
	f.Add("[::/0]:*", "::ffff:169.254.169.254", uint16(80))
	f.Fuzz(func(t *testing.T, entry, host string, port uint16) {
		p, err := parsePlace(entry)
		if err != nil {
			return
		}
		a, err := netip.ParseAddr(host)
		if err != nil || !(Forward{Allow: []string{entry}}).allows(host, a, port) {
			return
		}
		if !p.ports.has(port) || p.name == "" && !p.network.Contains(plain(a)) {
			t.Errorf("%q allows %s:%d", entry, host, port)
		}
		if reservedAddress(plain(a)) && !p.network.IsSingleIP() {
			t.Errorf("%q allows the reserved %s", entry, host)
		}
	})
}

// TestForwardListing: each place once, in one order.
func TestForwardListing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfN(rapid.SampledFrom([]string{"a:1", "b:2", "c:3"}), 0, 20).Draw(t, "names")
		var all []*forwarding
		for _, n := range names {
			all = append(all, &forwarding{to: n})
		}
		if got := listing(all); len(got) > 3 || len(names) > 0 && len(got) == 0 {
			t.Fatalf("%v of %v", got, names)
		}
	})
}

// forward opens a connection through the device.
func (l *evilLink) forward(visit, network, host string, port int) (ssh.Channel, error) {
	ch, reqs, err := l.conn.OpenChannel(wire.ChannelForward, wire.MarshalForward(wire.Place{Visit: visit, Network: network, Host: host, Port: uint32(port)}))
	if err != nil {
		return nil, err
	}
	go ssh.DiscardRequests(reqs)
	return ch, nil
}

// refusedFor wants a channel refused with words.
func refusedFor(t *testing.T, err error, says string) {
	t.Helper()
	no, ok := errors.AsType[*ssh.OpenChannelError](err)
	if !ok || !strings.Contains(no.Message, says) {
		t.Errorf("%v, want %q", err, says)
	}
}

// echoes serves connections that get back what they send, and end when that does.
func echoes(t *testing.T, network, address string) net.Listener {
	t.Helper()
	ln, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				// Not by splice(2), whose pipes stay open until they are collected.
				_, _ = io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c})
				_ = c.Close()
			}()
		}
	}()
	return ln
}

// TestForwardCarries: byte-exact, each direction closed by itself; the screens
// are told.
func TestForwardCarries(t *testing.T) {
	dir := shortDir(t)
	path := filepath.Join(dir, "s")
	e := newEvil(t, func(o *Options) { o.Config.Forward.Allow = append(o.Config.Forward.Allow, path) })
	l, p := e.link(), e.sit()
	v := l.grants(p, "forward")
	tcp, unix := echoes(t, "tcp", "127.0.0.1:0"), echoes(t, "unix", path)
	want := bytes.Repeat([]byte("0123456789abcdef"), 1<<18) // 4 MiB
	for _, to := range []wire.Place{
		{Network: wire.NetworkTCP, Host: "localhost", Port: uint32(port(tcp.Addr()))},
		{Network: wire.NetworkUnix, Host: unix.Addr().String()},
	} {
		ch, err := l.forward(v.req.Visit, to.Network, to.Host, int(to.Port))
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			_, _ = ch.Write(want)
			_ = ch.CloseWrite()
		}()
		got, err := io.ReadAll(ch)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d of %d bytes, %v", to, len(got), len(want), err)
		}
		_ = ch.Close()
	}
	ch, err := l.forward(v.req.Visit, wire.NetworkTCP, "127.0.0.1", port(tcp.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	p.until("the screen is told", func(m toClient) bool {
		return m.Began != nil && len(m.Began.Forwards) > 0 && strings.HasPrefix(m.Began.Forwards[0], "127.0.0.1:")
	})
	_ = ch.Close()
	p.until("and told that it is over", func(m toClient) bool { return m.Began != nil && len(m.Began.Forwards) == 0 })
}

// TestForwardRefused: without a visit, without the capability, to places that
// the owner does not name, and while the user has paused.
func TestForwardRefused(t *testing.T) {
	e := newEvil(t, nil)
	l, p := e.link(), e.sit()
	target := echoes(t, "tcp", "127.0.0.1:0")
	at := port(target.Addr())
	_, err := l.forward(newID(), wire.NetworkTCP, "127.0.0.1", at)
	refusedFor(t, err, "is not open on this device")
	shell := l.open(p)
	_, err = l.forward(shell.req.Visit, wire.NetworkTCP, "127.0.0.1", at)
	refusedFor(t, err, "forward was not granted")
	_, err = l.listen(shell.req.Visit, "localhost", 0)
	refusedFor(t, err, "forward was not granted")
	v := l.grants(p, "forward")
	for _, c := range []struct {
		place wire.Place
		says  string
	}{
		{wire.Place{Network: "tcp", Host: "169.254.169.254", Port: 80}, "does not let a visit connect"},
		{wire.Place{Network: "tcp", Host: "192.0.2.1", Port: 80}, "does not let a visit connect"},
		{wire.Place{Network: "tcp", Host: "127.0.0.1", Port: 0}, "1 to 65535"},
		{wire.Place{Network: "tcp", Host: "127.0.0.1\x00", Port: 1}, "no host"},
		{wire.Place{Network: "tcp", Host: "", Port: 1}, "no host"},
		{wire.Place{Network: "udp", Host: "127.0.0.1", Port: 1}, "1 to 65535"},
		{wire.Place{Network: "unix", Host: e.agent.Socket()}, "does not let a visit connect to the socket"},
		{wire.Place{Network: "unix", Host: "relative"}, "whole path"},
		{wire.Place{Network: "caller", Port: 1}, "not there any more"},
		{wire.Place{Network: "tcp", Host: "127.0.0.1", Port: 1}, "can't connect: "},
	} {
		_, err := l.forward(v.req.Visit, c.place.Network, c.place.Host, int(c.place.Port))
		refusedFor(t, err, c.says)
	}
	_, err = l.listen(v.req.Visit, "0.0.0.0", 0)
	refusedFor(t, err, "localhost alone")
	_, err = l.listen(v.req.Visit, "localhost", 80)
	refusedFor(t, err, "does not let a visit listen on port 80")
	p.say(fromClient{Op: opPause, ID: v.req.Visit})
	control(v, "paused")
	_, err = l.forward(v.req.Visit, wire.NetworkTCP, "127.0.0.1", at)
	refusedFor(t, err, "paused")
	_, err = l.listen(v.req.Visit, "localhost", 0)
	refusedFor(t, err, "paused")
}

// TestForwardEnds: the end of the visit, and the user who takes it back, end
// what is forwarded at once; a pause holds it.
func TestForwardEnds(t *testing.T) {
	for name, end := range map[string]func(*person, *evilVisit){
		"reduced": func(p *person, _ *evilVisit) { p.say(fromClient{Op: opReduce, Take: []wire.Capability{wire.Forward}}) },
		"stopped": func(p *person, _ *evilVisit) { p.say(fromClient{Op: opStop}) },
		"left":    func(_ *person, v *evilVisit) { _ = v.ch.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			e := newEvil(t, nil)
			l, p := e.link(), e.sit()
			v := l.grants(p, "shell", "forward")
			target := echoes(t, "tcp", "127.0.0.1:0")
			ch, err := l.forward(v.req.Visit, wire.NetworkTCP, "127.0.0.1", port(target.Addr()))
			if err != nil {
				t.Fatal(err)
			}
			ls, err := l.listen(v.req.Visit, "localhost", 0)
			if err != nil {
				t.Fatal(err)
			}
			held, err := net.Dial("tcp", ls.address)
			if err != nil {
				t.Fatal(err)
			}
			ls.caller(t)
			p.say(fromClient{Op: opPause})
			control(v, "paused")
			if _, err := ch.Write([]byte("held")); err != nil {
				t.Fatal(err)
			}
			p.say(fromClient{Op: opResume})
			if got, err := io.ReadAll(io.LimitReader(ch, 4)); err != nil || string(got) != "held" {
				t.Errorf("after the pause: %q, %v", got, err)
			}
			end(p, v)
			if _, err := io.ReadAll(ch); err != nil {
				t.Error(err)
			}
			if _, err := io.ReadAll(held); err != nil && !strings.Contains(err.Error(), "reset") {
				t.Error(err)
			}
			_ = held.Close()
			eventually(t, "nobody listens", func() bool {
				c, err := net.Dial("tcp", ls.address)
				if err == nil {
					_ = c.Close()
				}
				return err != nil
			})
			if _, err := l.forward(v.req.Visit, wire.NetworkTCP, "127.0.0.1", port(target.Addr())); err == nil {
				t.Error("it forwards afterwards")
			}
		})
	}
}

// TestForwardStalls: a place, or a gateway, that does not read holds up nobody
// else, and the visit ends all the same; no more than are allowed are open.
func TestForwardStalls(t *testing.T) {
	e := newEvil(t, nil)
	l, p := e.link(), e.sit()
	v := l.grants(p, "shell", "forward")
	deaf, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = deaf.Close() }()
	var open []ssh.Channel
	for range wire.MaxForwards {
		ch, err := l.forward(v.req.Visit, wire.NetworkTCP, "127.0.0.1", port(deaf.Addr()))
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, ch)
	}
	_, err = l.forward(v.req.Visit, wire.NetworkTCP, "127.0.0.1", port(deaf.Addr()))
	refusedFor(t, err, "forwards 64 connections already")
	go func() { _, _ = open[0].Write(make([]byte, 32<<20)) }() // ends with the channel
	if !l.mark(v.req.Visit) {
		t.Error("a shell waits for a forward")
	}
	p.say(fromClient{Op: opStop})
	p.ended(v.req.Visit)
	for _, ch := range open {
		_, _ = io.ReadAll(ch)
	}
}

// listens is a port of the device that it listens on.
type listens struct {
	conn    *wire.Conn
	ch      ssh.Channel
	address string
}

func (l *evilLink) listen(visit, host string, at int) (*listens, error) {
	return l.listenAt(wire.Place{Visit: visit, Network: wire.NetworkTCP, Host: host, Port: uint32(at)})
}

func (l *evilLink) listenAt(p wire.Place) (*listens, error) {
	ch, reqs, err := l.conn.OpenChannel(wire.ChannelListen, wire.MarshalForward(p))
	if err != nil {
		return nil, err
	}
	go ssh.DiscardRequests(reqs)
	ls := &listens{conn: wire.NewConn(ch), ch: ch}
	m, err := ls.conn.Read()
	if err != nil {
		return nil, err
	}
	if said, ok := m.(*wire.Listening); ok {
		ls.address = wire.Place{Network: wire.NetworkTCP, Host: "127.0.0.1", Port: uint32(said.Port)}.String()
	}
	return ls, nil
}

func (ls *listens) caller(t *testing.T) int {
	t.Helper()
	m, err := ls.conn.Read()
	c, ok := m.(*wire.Caller)
	if err != nil || !ok {
		t.Fatalf("%+v, %v", m, err)
	}
	return c.Number
}

// TestListenCarries: who connects on the device is fetched once, byte-exact; and
// only on its loopback address.
func TestListenCarries(t *testing.T) {
	e := newEvil(t, nil)
	l, p := e.link(), e.sit()
	v := l.grants(p, "forward")
	ls, err := l.listen(v.req.Visit, "localhost", 0)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(ls.address, "127.0.0.1:") {
		t.Errorf("it listens on %s", ls.address)
	}
	caller, err := net.Dial("tcp", ls.address)
	if err != nil {
		t.Fatal(err)
	}
	number := ls.caller(t)
	other := l.grants(p, "forward")
	if _, err := l.forward(other.req.Visit, wire.NetworkCaller, "", number); err == nil {
		t.Error("another visit fetched it")
	}
	ch, err := l.forward(v.req.Visit, wire.NetworkCaller, "", number)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.forward(v.req.Visit, wire.NetworkCaller, "", number); err == nil {
		t.Error("it was fetched twice")
	}
	want := bytes.Repeat([]byte("x"), 1<<20)
	go func() {
		_, _ = caller.Write(want)
		closeWrite(caller)
	}()
	if got, err := io.ReadAll(ch); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := ch.Write([]byte("back")); err != nil {
		t.Fatal(err)
	}
	_ = ch.CloseWrite()
	if got, err := io.ReadAll(caller); err != nil || string(got) != "back" {
		t.Errorf("%q, %v", got, err)
	}
	_ = caller.Close()
	_ = ls.ch.Close()
	eventually(t, "nobody listens", func() bool {
		c, err := net.Dial("tcp", ls.address)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
}
