package agent

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"accord/wire"
)

// The bypass suite: each way into a device, with each capability, in each state
// of a visit, by a gateway that tries all of them. What opens is what the table
// of SECURITY.md says, and nothing else.

// way is one that a gateway can try. It opens with any of its capabilities.
type way struct {
	name      string
	needs     []wire.Capability
	recording string // what it leaves there; see the gateway's half of this suite
	try       func(l *evilLink, visit string) bool
}

func ways(target wire.Place, socket string) []way {
	none := []wire.Capability(nil)
	ways := []way{
		{"`session`: shell, command", []wire.Capability{wire.Shell}, "cast", func(l *evilLink, visit string) bool { return l.mark(visit) }},
		{"`session`: `scp -t F; bash`", []wire.Capability{wire.Shell}, "cast", func(l *evilLink, visit string) bool {
			return l.starts(visit, "exec", "scp -t "+l.dir+"/scp; true")
		}},
		{"`session`: declared action", []wire.Capability{"action:beep"}, "cast", func(l *evilLink, visit string) bool { return l.starts(visit, "exec", "action:beep") }},
		{"`session`: `scp -t F`, `scp -f F`", []wire.Capability{wire.FilesPut, wire.FilesGet}, "event of each file", func(l *evilLink, visit string) bool {
			put := l.starts(visit, "exec", "scp -t "+l.dir+"/scp")
			return l.starts(visit, "exec", "scp -f /etc/hosts") || put
		}},
		{"`session`: rsync", []wire.Capability{wire.FilesPut, wire.FilesGet}, "both streams summed", func(l *evilLink, visit string) bool {
			put := l.starts(visit, "exec", "rsync --server -e.LsfxCIvu . "+l.dir+"/rsync")
			return l.starts(visit, "exec", "rsync --server --sender -e.LsfxCIvu . /etc/hosts") || put
		}},
		{"`session`: SFTP", []wire.Capability{wire.FilesGet, wire.FilesPut}, "event of each file", func(l *evilLink, visit string) bool { return l.starts(visit, "subsystem", "sftp") }},
		{"`session`: another subsystem", none, "", func(l *evilLink, visit string) bool { return l.starts(visit, "subsystem", "netconf") }},
		{"`screen@accord`", []wire.Capability{wire.ScreenView}, "frame log", func(l *evilLink, visit string) bool {
			ch, err := l.screen(visit)
			if err == nil {
				_ = ch.Close()
			}
			return err == nil
		}},
		{"`forward@accord`: TCP (`ssh -L`, `-D`)", []wire.Capability{wire.Forward}, "events, bytes", func(l *evilLink, visit string) bool {
			return l.connects(visit, target)
		}},
		{"`forward@accord`: Unix socket", []wire.Capability{wire.Forward}, "events, bytes", func(l *evilLink, visit string) bool {
			return l.connects(visit, wire.Place{Network: wire.NetworkUnix, Host: socket})
		}},
		{"`listen@accord`: Unix socket", []wire.Capability{wire.Forward}, "events, bytes", func(l *evilLink, visit string) bool {
			ls, err := l.listenAt(wire.Place{Visit: visit, Network: wire.NetworkUnix, Host: l.dir + "/made"})
			if err == nil {
				_ = ls.ch.Close()
				eventually(l.t, "the socket is taken away", func() bool {
					_, err := os.Lstat(l.dir + "/made")
					return err != nil
				})
			}
			return err == nil
		}},
		{"`listen@accord`: TCP (`ssh -R`)", []wire.Capability{wire.Forward}, "events, bytes", func(l *evilLink, visit string) bool {
			ls, err := l.listen(visit, "localhost", 0)
			if err == nil {
				_ = ls.ch.Close()
			}
			return err == nil
		}},
	}
	for _, kind := range []string{"direct-tcpip", "direct-streamlocal@openssh.com", "x11", "auth-agent@openssh.com", "tun@openssh.com"} {
		ways = append(ways, way{"`" + kind + "`", none, "", func(l *evilLink, visit string) bool {
			for _, data := range [][]byte{nil, wire.MarshalSession(visit), wire.MarshalForward(wire.Place{Visit: visit, Network: target.Network, Host: target.Host, Port: target.Port})} {
				if _, _, err := l.conn.OpenChannel(kind, data); err == nil {
					return true
				}
			}
			return false
		}})
	}
	return ways
}

// starts tries to start something in a session and says whether it began.
func (l *evilLink) starts(visit, request, what string) bool {
	ch, reqs, err := l.conn.OpenChannel(wire.ChannelSession, wire.MarshalSession(visit))
	if err != nil {
		return false
	}
	go ssh.DiscardRequests(reqs)
	ok, err := ch.SendRequest(request, true, ssh.Marshal(struct{ Name string }{what}))
	_ = ch.Close()
	return ok && err == nil
}

func (l *evilLink) connects(visit string, to wire.Place) bool {
	ch, err := l.forward(visit, to.Network, to.Host, int(to.Port))
	if err == nil {
		_ = ch.Close()
	}
	return err == nil
}

// The states of a visit, in the order of the table.
var visitStates = []string{"none", "asked", "granted", "reduced", "paused", "ended"} //nolint:gochecknoglobals // a constant

// inState brings a visit for one capability into a state.
func (l *evilLink) inState(p *person, state string, c wire.Capability) (visit string, done func()) {
	l.t.Helper()
	ask := func(caps ...wire.Capability) *evilVisit {
		req := request()
		req.Capabilities = caps
		return l.ask(req)
	}
	open := func(caps ...wire.Capability) *evilVisit {
		v := ask(caps...)
		p.give(p.asked().ID, approval(capabilityNames(caps)...))
		if a := l.answer(v); !a.Opens() {
			l.t.Fatalf("%s, %s: %s", c, state, a.Why)
		}
		v.write(&wire.Open{Head: zeroHead()})
		if _, ok := await[*wire.Ready](v); !ok {
			l.t.Fatal("the visit does not open")
		}
		return v
	}
	var v *evilVisit
	switch state {
	case "none":
		return newID(), func() {}
	case "asked":
		v = ask(c)
		p.asked()
	case "granted":
		v = open(c)
	case "reduced":
		other := wire.Capability("action:blink") // what is left, which no way needs
		v = open(c, other)
		p.say(fromClient{Op: opReduce, ID: v.req.Visit, Take: []wire.Capability{c}})
		control(v, wire.Reduced)
	case "paused":
		v = open(c)
		p.say(fromClient{Op: opPause, ID: v.req.Visit})
		control(v, wire.Paused)
	case "ended":
		v = open(c)
		p.say(fromClient{Op: opStop, ID: v.req.Visit})
		p.ended(v.req.Visit)
	}
	return v.req.Visit, func() {
		_ = v.ch.Close()
		v.gone()
	}
}

func capabilityNames(caps []wire.Capability) []string {
	list := make([]string, len(caps))
	for i, c := range caps {
		list[i] = string(c)
	}
	return list
}

func TestBypass(t *testing.T) {
	dir := shortDir(t)
	socket := filepath.Join(dir, "s")
	s := &vnc{t: t, path: filepath.Join(dir, "vnc.sock"), conns: make(map[net.Conn]bool)}
	e := newEvil(t, func(o *Options) {
		powered(o)
		o.Config.Screen.Server = s.path
		o.Config.Forward.Allow = append(o.Config.Forward.Allow, socket)
		o.Config.Forward.Listen = append(o.Config.Forward.Listen, filepath.Dir(o.Config.State)+"/*")
	})
	s.listen()
	l, p := e.link(), e.sit()
	tcp := echoes(t, "tcp", "127.0.0.1:0")
	echoes(t, "unix", socket)
	all := ways(wire.Place{Network: wire.NetworkTCP, Host: "127.0.0.1", Port: uint32(port(tcp.Addr()))}, socket)
	opened := make(map[string]map[string]bool) // by way and state
	for _, c := range []wire.Capability{
		wire.Shell, wire.FilesGet, wire.FilesPut, wire.ScreenView, wire.ScreenControl, wire.ClipboardGet, wire.ClipboardPut, wire.Forward, "action:beep",
	} {
		for _, state := range visitStates {
			visit, done := l.inState(p, state, c)
			for _, w := range all {
				opens := w.try(l, visit)
				if want := state == "granted" && slices.Contains(w.needs, c); opens != want {
					t.Errorf("%s, with %s, %s: opens %v, want %v", w.name, c, state, opens, want)
				}
				if opened[w.name] == nil {
					opened[w.name] = make(map[string]bool)
				}
				opened[w.name][state] = opened[w.name][state] || opens
			}
			done()
		}
	}
	published(t, all, opened)
}

// published compares what was found with the table of SECURITY.md.
func published(t *testing.T, all []way, opened map[string]map[string]bool) {
	t.Helper()
	var b strings.Builder
	b.WriteString("| way | capability | " + strings.Join(visitStates, " | ") + " | in the recording |\n|---|---|" + strings.Repeat("---|", len(visitStates)+1) + "\n")
	for _, w := range all {
		needs := "none opens it"
		if len(w.needs) > 0 {
			needs = "`" + strings.Join(capabilityNames(w.needs), "` or `") + "`"
		}
		fmt.Fprintf(&b, "| %s | %s |", w.name, needs)
		for _, state := range visitStates {
			cell := "no"
			if opened[w.name][state] {
				cell = "**opens**"
			}
			b.WriteString(" " + cell + " |")
		}
		recording := w.recording
		if recording == "" {
			recording = "–"
		}
		b.WriteString(" " + recording + " |\n")
	}
	text, err := os.ReadFile("../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), b.String()) {
		t.Errorf("SECURITY.md does not hold this table:\n%s", b.String())
	}
}
