package agent

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"accord/wire"
)

// socketsIn makes a device whose owner lets visits make and connect sockets in
// one folder.
func socketsIn(t *testing.T) (*evil, string) {
	t.Helper()
	dir := shortDir(t)
	return newEvil(t, func(o *Options) {
		o.Config.Forward.Allow, o.Config.Forward.Listen = []string{dir + "/*"}, []string{dir + "/*"}
	}), dir
}

func unixPlace(visit, path string) wire.Place {
	return wire.Place{Visit: visit, Network: wire.NetworkUnix, Host: path}
}

// TestSocketCarries: who connects to a socket that a visit made is fetched; the
// socket is its account's alone, and gone when the channel is.
func TestSocketCarries(t *testing.T) {
	e, dir := socketsIn(t)
	l, p := e.link(), e.sit()
	v := l.grants(p, "forward")
	path := filepath.Join(dir, "s")
	// What a device left that lost its power: nobody listens there any more.
	stale, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	stale.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = stale.Close()
	ls, err := l.listenAt(unixPlace(v.req.Visit, path))
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	caller, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ch, err := l.forward(v.req.Visit, wire.NetworkCaller, "", ls.caller(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := caller.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(io.LimitReader(ch, 5)); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
	_, _ = caller.Close(), ls.ch.Close()
	goneSocket(t, path)
}

func goneSocket(t *testing.T, path string) {
	t.Helper()
	eventually(t, "the socket is taken away", func() bool {
		_, err := os.Lstat(path)
		return os.IsNotExist(err)
	})
}

// TestSocketEnds: whatever ends the visit, or the capability, takes its sockets
// away; what was put in a socket's place meanwhile stays.
func TestSocketEnds(t *testing.T) {
	for name, end := range map[string]func(*person, *evilVisit){
		"reduced": func(p *person, _ *evilVisit) { p.say(fromClient{Op: opReduce, Take: []wire.Capability{wire.Forward}}) },
		"stopped": func(p *person, _ *evilVisit) { p.say(fromClient{Op: opStop}) },
		"left":    func(_ *person, v *evilVisit) { _ = v.ch.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			e, dir := socketsIn(t)
			l, p := e.link(), e.sit()
			v := l.grants(p, "shell", "forward")
			a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
			for _, path := range []string{a, b} {
				if _, err := l.listenAt(unixPlace(v.req.Visit, path)); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Remove(b); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(b, []byte("mine"), 0o600); err != nil {
				t.Fatal(err)
			}
			end(p, v)
			goneSocket(t, a)
			if text, err := os.ReadFile(b); err != nil || string(text) != "mine" {
				t.Errorf("%q, %v", text, err)
			}
			if _, err := l.listenAt(unixPlace(v.req.Visit, a)); err == nil {
				t.Error("it listens afterwards")
			}
		})
	}
}

// TestSocketRefused: in no other folder, in the place of nothing that is there,
// and while the user has paused.
func TestSocketRefused(t *testing.T) {
	e, dir := socketsIn(t)
	l, p := e.link(), e.sit()
	v := l.grants(p, "forward")
	id := v.req.Visit
	file, live := filepath.Join(dir, "file"), filepath.Join(dir, "live")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	echoes(t, "unix", live)
	for path, says := range map[string]string{
		filepath.Join(dir, "sub", "x"):       "does not let a visit listen on the socket",
		dir + "/../x":                        "whole path",
		dir:                                  "does not let a visit listen on the socket",
		e.agent.Socket():                     "does not let a visit listen on the socket",
		"relative":                           "or to a socket",
		dir + "/" + strings.Repeat("x", 100): "whole path",
		file:                                 "address already in use",
		live:                                 "address already in use",
		strings.Replace(dir, "/", "//", 1) + "/x": "whole path",
	} {
		_, err := l.listenAt(unixPlace(id, path))
		refusedFor(t, err, says)
	}
	for path, says := range map[string]string{file: "can't connect to", dir + "/sub/../live": "does not let a visit connect", dir + "/none": "no such file"} {
		_, err := l.forward(id, wire.NetworkUnix, path, 0)
		refusedFor(t, err, says)
	}
	ch, err := l.forward(id, wire.NetworkUnix, live, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ch.Write([]byte("back")); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(io.LimitReader(ch, 4)); err != nil || string(got) != "back" {
		t.Errorf("%q, %v", got, err)
	}
	p.say(fromClient{Op: opPause, ID: id})
	control(v, "paused")
	_, err = l.listenAt(unixPlace(id, dir+"/x"))
	refusedFor(t, err, "paused")
}
