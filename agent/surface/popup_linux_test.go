package surface

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

func TestPopup(t *testing.T) {
	people(t, func(t *testing.T, p *person) {
		p.start()
		p.attach()
		popup := p.find()
		for _, status := range []int{0, 1, 3} { // an answer can't come from it
			s := p.show(t.Context(), popup, []string{"ACCORD_A=it's $HOME; #{pid}", "ACCORD_B=x;"})
			if s.UID != p.user.UID || s.Columns != 82 || s.Rows != 24 {
				t.Errorf("the popup runs as %d at %d by %d", s.UID, s.Columns, s.Rows)
			}
			if !contains(s.Env, "ACCORD_A=it's $HOME; #{pid}", "ACCORD_B=x;", p.mark) {
				t.Errorf("its environment: %q", s.Env)
			}
			_, _ = fmt.Fprintln(s.conn, status)
			if err := <-s.end; err != nil {
				t.Errorf("the command ended with %d: %v", status, err)
			}
		}
	})
}

// tmux opens no popup that is larger than the terminal.
func TestPopupIsNoLargerThanTheTerminal(t *testing.T) {
	for _, c := range []struct{ width, height, wantWidth, wantHeight int }{
		{0, 0, 64, 20}, {80, 24, 64, 20}, {100, 30, 84, 26}, {60, 18, 60, 18}, {40, 50, 40, 20}, {200, 12, 64, 12},
	} {
		width, height := client{width: c.width, height: c.height}.size()
		if width != strconv.Itoa(c.wantWidth) || height != strconv.Itoa(c.wantHeight) {
			t.Errorf("in %d by %d the popup has %s by %s", c.width, c.height, width, height)
		}
	}
}

// Whatever the user is called and wherever the program lies, no shell looks at
// it and tmux takes no part of it for a command.
func TestPopupWordsArriveAsTheyAre(t *testing.T) {
	people(t, func(t *testing.T, p *person) {
		p.start()
		p.tmux("set-option", "-g", "default-shell", "/bin/false")
		p.attach()
		odd := "a b'c\"d`e$(f)#{g}#(h)%i\\;"
		if err := os.Rename(p.self, p.dir+"/"+odd); err != nil {
			t.Fatal(err)
		}
		p.self = p.dir + "/" + odd
		s := p.show(t.Context(), p.find(), nil)
		if s.Args[0] != p.self {
			t.Errorf("the command is %q, want %q", s.Args[0], p.self)
		}
		_, _ = fmt.Fprintln(s.conn, 0)
		if err := <-s.end; err != nil {
			t.Error(err)
		}
	})
}

func TestPopupTakenDown(t *testing.T) {
	people(t, func(t *testing.T, p *person) {
		p.start()
		p.attach()
		defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
		popup := p.find()
		cause := errors.New("the request was withdrawn")
		ctx, cancel := context.WithCancelCause(t.Context())
		s := p.show(ctx, popup, nil)
		cancel(cause)
		if err := <-s.end; !errors.Is(err, cause) {
			t.Errorf("Show: %v", err)
		}
		// Its command has ended with it.
		if _, err := s.conn.Read(make([]byte, 1)); err == nil {
			t.Error("the popup's command still talks")
		}
		if err := popup.Show(ctx, []string{"/bin/true"}, nil); !errors.Is(err, cause) {
			t.Errorf("Show after the end: %v", err)
		}
		// And there is room for the next.
		s = p.show(t.Context(), popup, nil)
		_, _ = fmt.Fprintln(s.conn, 0)
		if err := <-s.end; err != nil {
			t.Error(err)
		}
	})
}

func TestPopupGoesWithItsTerminal(t *testing.T) {
	people(t, func(t *testing.T, p *person) {
		p.start()
		p.attach()
		popup := p.find()
		s := p.show(t.Context(), popup, nil)
		p.tmux("detach-client", "-s", "main")
		if err := <-s.end; err != nil {
			t.Errorf("Show: %v", err)
		}
		if err := popup.Show(t.Context(), []string{"/bin/true"}, nil); err == nil {
			t.Error("shown on a terminal that is gone")
		}
		nobody(t, p, "no terminal is attached")
	})
}

func TestPopupClosedByItsUser(t *testing.T) {
	people(t, func(t *testing.T, p *person) {
		p.start()
		p.attach()
		s := p.show(t.Context(), p.find(), nil)
		p.tmux("display-popup", "-C", "-c", s.tty(t, p))
		if err := <-s.end; err != nil {
			t.Errorf("Show: %v", err)
		}
	})
}

// tty is the only client's terminal.
func (s *shown) tty(t *testing.T, p *person) string {
	t.Helper()
	return p.tmux("list-clients", "-F", "#{client_tty}")
}

func TestPopupWhileAnotherIsOpen(t *testing.T) {
	people(t, func(t *testing.T, p *person) {
		p.start()
		p.attach()
		popup := p.find()
		s := p.show(t.Context(), popup, nil)
		if err := popup.Show(t.Context(), []string{"/bin/true"}, nil); err == nil || !strings.Contains(err.Error(), "another one is open") {
			t.Errorf("the second: %v", err)
		}
		_, _ = fmt.Fprintln(s.conn, 0)
		if err := <-s.end; err != nil {
			t.Error(err)
		}
	})
}

// The most recently active client of all servers is taken, and none at which
// nobody can type.
func TestFindPopupChooses(t *testing.T) {
	people(t, func(t *testing.T, p *person) {
		nobody(t, p, "no tmux")
		p.start()
		nobody(t, p, "no terminal is attached")
		p.attach("-r")
		nobody(t, p, "no terminal is attached")
		first := p.attach()
		was := p.find().client.tty
		second := p.attach()
		// tmux counts whole seconds, so a key must come in a later one.
		p.until("the second client is the most recent", func() bool {
			_, _ = second.master.WriteString("x")
			return p.find().client.tty != was
		})
		p.until("the first one is again", func() bool {
			_, _ = first.master.WriteString("x")
			return p.find().client.tty == was
		})
	})
}

// A technician's own tmux, and a technician's client of the user's, are no
// place to ask the user.
func TestFindPopupLeavesVisitsOut(t *testing.T) {
	people(t, func(t *testing.T, p *person) {
		p.start()
		s := p.attach()
		visit := s.cmd.Process.Pid
		if popup, err := FindPopup(t.Context(), p.user, func(pid int) bool { return pid == visit || p.others(pid) }); !errors.Is(err, ErrNobody) {
			t.Errorf("on a visit's terminal: %+v, %v", popup, err)
		}
		if popup, err := FindPopup(t.Context(), p.user, func(int) bool { return true }); !errors.Is(err, ErrNobody) {
			t.Errorf("in a visit's tmux: %+v, %v", popup, err)
		}
		p.find()
	})
}

func TestOthersTmux(t *testing.T) {
	people(t, func(t *testing.T, p *person) {
		p.start()
		p.attach()
		stranger := p.user
		stranger.UID = 54321
		if popup, err := FindPopup(t.Context(), stranger, p.others); !errors.Is(err, ErrNobody) {
			t.Errorf("%+v, %v", popup, err)
		}
	})
}

func TestOldTmux(t *testing.T) {
	people(t, func(t *testing.T, p *person) {
		cmd := p.command(p.self, roleServer, p.dir+"/old")
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer cmd.Wait() //nolint:errcheck // it has done its part
		defer in.Close() //nolint:errcheck // that ends it
		if _, err := out.Read(make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
		nobody(t, p, "older than 3.2")
	})
}

// A server that does not reply costs two seconds, not more.
func TestStoppedTmux(t *testing.T) {
	people(t, func(t *testing.T, p *person) {
		p.start()
		p.attach()
		list, err := processes()
		if err != nil {
			t.Fatal(err)
		}
		all := servers(list, p.user, p.others)
		if len(all) != 1 {
			t.Fatalf("%d servers", len(all))
		}
		if err := syscall.Kill(all[0].pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		defer syscall.Kill(all[0].pid, syscall.SIGCONT) //nolint:errcheck // it is ended next
		nobody(t, p, "list-clients")
		if n := p.line(hint); n != 0 {
			t.Errorf("%d reached in a tmux that shows nothing", n)
		}
	})
}

// TestServerOnce: what a server has forked and is not yet the program that it starts
// has its name and its socket, and is no other server.
func TestServerOnce(t *testing.T) {
	people(t, func(t *testing.T, p *person) {
		p.start()
		var forked process
		p.until("the server is there", func() bool {
			list, err := processes()
			i := slices.IndexFunc(list, func(q process) bool { return len(servers([]process{q}, p.user, p.others)) == 1 })
			if err == nil && i >= 0 {
				forked = list[i]
			}
			return forked.pid > 0
		})
		if n := len(servers([]process{forked, forked}, p.user, p.others)); n != 1 {
			t.Errorf("%d servers of one socket", n)
		}
	})
}

func TestShowRefuses(t *testing.T) {
	popup := &Popup{client{tty: "/dev/pts/0", session: "$0"}}
	for _, c := range []struct{ command, env []string }{
		{nil, nil},
		{[]string{"accord"}, nil},
		{[]string{""}, nil},
		{[]string{"/bin/true", "a\x00b"}, nil},
		{[]string{"/bin/true"}, []string{"-i"}},
		{[]string{"/bin/true"}, []string{"A B=c"}},
		{[]string{"/bin/true"}, []string{"=c"}},
		{[]string{"/bin/true"}, []string{"A=\x00"}},
	} {
		if err := popup.Show(t.Context(), c.command, c.env); err == nil {
			t.Errorf("%q %q was taken", c.command, c.env)
		}
	}
}

// nobody wants no popup, and the reason said.
func nobody(t *testing.T, p *person, why string) {
	t.Helper()
	popup, err := FindPopup(t.Context(), p.user, p.others)
	if popup != nil || !errors.Is(err, ErrNobody) || !strings.Contains(err.Error(), why) {
		t.Errorf("found %+v, %v; want %q", popup, err, why)
	}
}

func TestParseClient(t *testing.T) {
	good := "12|1700000000|0|0|attached,focused,UTF-8|$3|/dev/pts/7|120|40"
	if c, pid, ok := parseClient(good); !ok || c.width != 120 || c.height != 40 || pid != 12 || c.tty != "/dev/pts/7" || c.session != "$3" || c.activity != 1700000000 {
		t.Errorf("%+v %d %v", c, pid, ok)
	}
	for _, bad := range []string{
		"", "no server", strings.Replace(good, "|0|0|", "|1|0|", 1), strings.Replace(good, "|0|0|", "|0|1|", 1),
		strings.Replace(good, "attached", "attached,suspended", 1), strings.Replace(good, "$3", "3", 1),
		strings.Replace(good, "/dev/pts/7", "", 1), strings.Replace(good, "/dev/pts/7", "/dev/../etc/passwd", 1),
		strings.Replace(good, "12|", "x|", 1), strings.Replace(good, "1700000000", "", 1), good + "|",
	} {
		if c, _, ok := parseClient(bad); ok {
			t.Errorf("%q is %+v", bad, c)
		}
	}
}

func TestParseUnix(t *testing.T) {
	const listening = "0000000000000000: 00000002 00000000 00010000 0001 01 12345 /tmp/a b  c"
	if inode, path := parseUnix(listening); inode != "12345" || path != "/tmp/a b  c" {
		t.Errorf("%q %q", inode, path)
	}
	for _, other := range []string{
		"", "Num       RefCount Protocol Flags    Type St Inode Path",
		strings.Replace(listening, "00010000", "00000000", 1),
		strings.Replace(listening, "/tmp", "@tmp", 1),
		strings.Replace(listening, "00010000", "x", 1),
		"0000000000000000: 00000002 00000000 00010000 0001 01 12345",
	} {
		if inode, path := parseUnix(other); path != "" {
			t.Errorf("%q: %q %q", other, inode, path)
		}
	}
}

// A popup leaves something of a terminal in sight, and has more room in a large
// one.
func TestPopupSize(t *testing.T) {
	for _, c := range []struct {
		client        client
		width, height string
	}{
		{client{}, "64", "20"},
		{client{width: 80, height: 24}, "64", "20"},
		{client{width: 99, height: 60}, "64", "20"},
		{client{width: 200, height: 29}, "64", "20"},
		{client{width: 100, height: 30}, "84", "26"},
		{client{width: 300, height: 90}, "84", "26"},
	} {
		if w, h := c.client.size(); w != c.width || h != c.height {
			t.Errorf("%d by %d: a popup of %s by %s", c.client.width, c.client.height, w, h)
		}
	}
}
