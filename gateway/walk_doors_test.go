package gateway

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	gossh "golang.org/x/crypto/ssh"

	"accord/gateway/store"
	"accord/policy"
	"accord/wire"
)

// What both ports offer besides commands: sessions, channels and requests.

// door is a way in that is no command.
type door struct {
	name string
	user string // where to
	line string // empty: the shell
	tty  bool   // where Ctrl-C is typed
	may  string // as in step
	then turn
	but  map[string]turn
}

// doors is the table of them.
func doors() []door {
	denied := store.LoginDenied
	charter := map[string]turn{"ned": {exitRefused, "You have not signed version 1 of the charter", denied}}
	visit := turn{0, "device: ", store.VisitOpened}
	return []door{
		{name: "the list", user: "list", tty: true, may: everybody, then: turn{says: "laptop-7"}, but: map[string]turn{"ned": {exitRefused, "charter", ""}}},
		{name: "the list without a terminal", user: "list", may: everybody, then: turn{exitUsage, "Name a device", ""}},
		{name: "no command", user: "list", line: "reboot", may: everybody, then: turn{exitUsage, "no command of the gateway", ""}},
		{name: "no words", user: "list", line: "   ", may: everybody, then: turn{exitUsage, "can't be read", ""}},
		{name: "no device", user: "nowhere", line: "uptime", may: everybody, then: turn{exitUsage, "no device is called nowhere", ""}},
		{name: "a command on a device", user: "laptop-7", line: "uptime", may: technicians, then: visit, but: charter},
		{name: "a command's name on a device", user: "laptop-7", line: "kill x", may: technicians, then: visit, but: charter},
		{name: "the shell of a device", user: "laptop-7", may: technicians, then: visit, but: charter},
		{
			name: "an account that the device does not offer", user: "root+laptop-7", line: "id", may: technicians,
			then: turn{exitRefused, "root", denied}, but: charter,
		},
	}
}

// TestWalkDoors goes through every door as everybody.
func TestWalkDoors(t *testing.T) {
	for _, d := range doors() {
		t.Run(d.name, func(t *testing.T) {
			w := newWalkers(t)
			w.device("laptop-7").join()
			s := step{line: d.line, may: d.may, then: d.then, but: d.but, tty: d.tty}
			for _, p := range w.people() {
				c := w.mustLogin(d.user, w.keys[p.Name])
				if s, err := c.NewSession(); err != nil { // a login is noted with its first session
					t.Fatal(err)
				} else if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				w.clients[p.Name] = c
			}
			w.bar("lea")
			w.barred("lea")
			for _, p := range w.people() {
				want, _ := s.turnOf(p)
				w.takes(s, p.Name, want)
			}
		})
	}
}

// channelKinds are the channels that SSH knows (RFC 4254; OpenSSH, PROTOCOL),
// those that gateway and devices open to each other, and some that nobody knows.
func channelKinds() []string {
	return []string{
		"direct-tcpip", "forwarded-tcpip", "x11", "auth-agent@openssh.com", "auth-agent",
		"direct-streamlocal@openssh.com", "forwarded-streamlocal@openssh.com", "tun@openssh.com",
		wire.ChannelHello, wire.ChannelVisit, wire.ChannelDevice, "screen@accord", "nobody@example.org", "default", "", "session\x00", "SESSION",
	}
}

// globalRequests are the requests on a connection, and whether people may have
// them.
func globalRequests() map[string]bool {
	return map[string]bool{
		"tcpip-forward": false, "cancel-tcpip-forward": false, "streamlocal-forward@openssh.com": false, "cancel-streamlocal-forward@openssh.com": false,
		"hostkeys-prove-00@openssh.com": false, "no-more-sessions@openssh.com": false, wire.RequestPing: false, "default": false, "nothing@example.org": false, "": false,
		clientAlive: true, // a sign of life, which does nothing
	}
}

// sessionRequests are the requests on a session before anything is started in
// it, and whether people may have them. Those that start something are walked
// above.
func sessionRequests() map[string]bool {
	return map[string]bool{
		"pty-req": true, "env": true,
		"subsystem": true, "x11-req": false, "auth-agent-req@openssh.com": false, "auth-agent-req": false, "window-change": false, "signal": false,
		"break": false, "xon-xoff": false, "exit-status": false, "exit-signal": false, "eow@openssh.com": false, "default": false, "": false,
	}
}

// payload is what a request of a kind carries; one that could be granted.
func payload(kind string) []byte {
	switch kind {
	case listenUnix, cancelUnix:
		return gossh.Marshal(struct{ Path string }{"/run/x"})
	case "tcpip-forward", "cancel-tcpip-forward":
		return gossh.Marshal(struct {
			Host string
			Port uint32
		}{"127.0.0.1", 0})
	case "direct-tcpip", "forwarded-tcpip":
		return gossh.Marshal(struct {
			Host string
			Port uint32
			From string
			At   uint32
		}{"127.0.0.1", 22, "127.0.0.1", 1})
	case "pty-req":
		return gossh.Marshal(ptyRequest{Term: "xterm", Columns: 80, Rows: 24})
	case "env":
		return gossh.Marshal(struct{ Name, Value string }{"LANG", "C"})
	case "window-change":
		return gossh.Marshal(struct{ Columns, Rows, X, Y uint32 }{80, 24, 0, 0})
	case "x11-req":
		return gossh.Marshal(struct {
			Single           bool
			Protocol, Cookie string
			Screen           uint32
		}{false, "MIT-MAGIC-COOKIE-1", "00", 0})
	}
	return gossh.Marshal(struct{ Name string }{"sftp"})
}

// TestWalkChannels asks for everything that isn't a session, as everybody and
// as somebody who is locked, who gets no session either.
func TestWalkChannels(t *testing.T) {
	w := newWalkers(t)
	laptop := w.device("laptop-7").join()
	w.laptop = laptop
	w.visit()
	w.bar("lea")
	before := w.seen()
	for _, name := range slices.Sorted(maps.Keys(w.clients)) {
		c := w.clients[name]
		for _, kind := range channelKinds() {
			for _, extra := range [][]byte{nil, payload(kind), wire.MarshalSession(w.visits.all()[0].req.Visit)} {
				if _, _, err := c.OpenChannel(kind, extra); err == nil {
					t.Errorf("%s opened a channel %q", name, kind)
				}
			}
		}
		for kind, want := range globalRequests() {
			if ok, _, err := c.SendRequest(kind, true, payload(kind)); err != nil || ok != want {
				t.Errorf("%s, request %q: %v, %v, want %v", name, kind, ok, err, want)
			}
		}
		if name != "lea" {
			w.sessionRequests(name)
		}
	}
	after := w.seen()
	after.entries = slices.DeleteFunc(after.entries, func(e store.Entry) bool { return e.Actor == "lea" && e.Kind == store.LoginDenied })
	if after.state != before.state || len(after.entries) != len(before.entries) {
		t.Errorf("that changed\n%s\nto\n%s\nand added %v", before.state, after.state, after.entries[len(before.entries):])
	}
	if n := laptop.requests(); n != 1 {
		t.Errorf("the device was asked %d times, want once for the visit that is open", n)
	}
	w.barred("lea")
}

// sessionRequests asks for everything in a session in which nothing is started.
func (w *walkers) sessionRequests(name string) {
	w.t.Helper()
	for kind, want := range sessionRequests() {
		ch, reqs, err := w.clients[name].OpenChannel("session", nil)
		if err != nil {
			w.t.Fatal(err)
		}
		go gossh.DiscardRequests(reqs)
		if ok, err := ch.SendRequest(kind, true, payload(kind)); err != nil || ok != want {
			w.t.Errorf("%s, request %q in a session: %v, %v, want %v", name, kind, ok, err, want)
		}
		_ = ch.Close()
	}
}

// TestWalkEnvironment: of the environment only what screens need is taken.
func TestWalkEnvironment(t *testing.T) {
	w := newWalkers(t)
	ch, reqs, err := w.clients["alice"].OpenChannel("session", nil)
	if err != nil {
		t.Fatal(err)
	}
	go gossh.DiscardRequests(reqs)
	for name, want := range map[string]bool{
		"LANG": true, "LC_ALL": true, "NO_COLOR": true, "ACCORD_REASON": true,
		"LD_PRELOAD": false, "PATH": false, "HOME": false, "ACCORD_VISIT": false, "SSH_AUTH_SOCK": false, "BASH_ENV": false, "": false,
	} {
		if ok, err := ch.SendRequest("env", true, gossh.Marshal(struct{ Name, Value string }{name, "x"})); err != nil || ok != want {
			t.Errorf("%s: %v, %v, want %v", name, ok, err, want)
		}
	}
	_ = ch.Close()
}

// TestWalkOneProgram: a session starts one thing, once.
func TestWalkOneProgram(t *testing.T) {
	w := newWalkers(t)
	ch, reqs, err := w.clients["adam"].OpenChannel("session", nil)
	if err != nil {
		t.Fatal(err)
	}
	go gossh.DiscardRequests(reqs)
	run := func(line string) bool {
		ok, err := ch.SendRequest("exec", true, gossh.Marshal(struct{ Command string }{line}))
		return ok && err == nil
	}
	if !run("help") || run("enroll") || run("") {
		t.Error("a second command was started")
	}
	_, _ = io.Copy(io.Discard, ch)
	_ = ch.Close()
	if list, err := w.store.Audit(t.Context(), store.Filter{Person: "adam", Kind: store.TokenMade}); err != nil || len(list) > 0 {
		t.Errorf("the second command has run: %v, %v", list, err)
	}
}

// TestWalkAgentsPort: a device opens nothing at the gateway, and a request of
// it does nothing but show that it lives. Who has a role is nobody there.
func TestWalkAgentsPort(t *testing.T) {
	w := newWalkers(t)
	d := w.device("laptop-7").join()
	before := w.seen()
	for _, kind := range append(channelKinds(), "session") {
		for _, extra := range [][]byte{nil, payload(kind), wire.MarshalSession("20260101-000000-abcdefgh")} {
			if _, _, err := d.conn.OpenChannel(kind, extra); err == nil {
				t.Errorf("a device opened a channel %q", kind)
			}
		}
	}
	for kind := range globalRequests() {
		if ok, _, err := d.conn.SendRequest(kind, true, payload(kind)); err != nil || ok != (kind == wire.RequestPing) {
			t.Errorf("a device's request %q: %v, %v", kind, ok, err)
		}
	}
	if after := w.seen(); after.state != before.state || len(after.entries) != len(before.entries) {
		t.Errorf("that changed\n%s\nto\n%s", before.state, after.state)
	}
	if _, err := w.loginWith("127.6.1.1", "list", gossh.PublicKeys(d.key)); err == nil {
		t.Error("a device logged in as a person")
	}
	for name, key := range w.keys {
		person := w.device("laptop-8")
		person.key, person.from = key, "127.6.1.2"
		if m, err := person.enter(person.introduction()); err == nil {
			if no, ok := m.(*wire.Denied); !ok || !no.Final {
				t.Errorf("%s came in as a device: %+v", name, m)
			}
		}
	}
}

// TestRolesAreAskedInOnePlace reads the source: what asks the policy about a
// command is [session.allowed], and [session.offers] for what is only shown.
func TestRolesAreAskedInOnePlace(t *testing.T) {
	names, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, n := range names {
		if !strings.HasSuffix(n.Name(), ".go") || strings.HasSuffix(n.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(gotoken.NewFileSet(), n.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			ast.Inspect(decl, func(node ast.Node) bool {
				if sel, ok := node.(*ast.SelectorExpr); ok && sel.Sel.Name == "May" {
					if pkg, ok := sel.X.(*ast.Ident); ok && pkg.Name == "policy" {
						found = append(found, decl.(*ast.FuncDecl).Name.Name)
					}
				}
				return true
			})
		}
	}
	if slices.Sort(found); !slices.Equal(found, []string{"allowed", "offers"}) {
		t.Errorf("policy.May is asked in %v", found)
	}
	if ok, _ := policy.May(policy.Person{}, policy.Devices); ok {
		t.Error("nobody may list the devices")
	}
}
