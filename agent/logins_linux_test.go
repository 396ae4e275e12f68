package agent

import (
	"os"
	"strings"
	"testing"

	"accord/agent/proc"
	"accord/wire"
)

// TestBarredAccount: the person isn't asked about an account that can't be used,
// and nothing opens.
func TestBarredAccount(t *testing.T) {
	const locked = "nobody" // its shell is nologin, everywhere
	a, err := proc.LookupAccount(locked)
	if err != nil || !strings.HasSuffix(a.Shell, "nologin") && !strings.HasSuffix(a.Shell, "false") {
		t.Fatalf("this test needs an account nobody that can't log in: %+v, %v", a, err)
	}
	e := newEvil(t, func(o *Options) { o.Config.Logins = []string{locked, "no-such-login"} })
	l := e.link()
	p := e.sit()
	for login, want := range map[string]string{
		locked:          "The account nobody can't log in to this device: its shell is " + a.Shell + ".",
		"no-such-login": "This device has no account no-such-login.",
		"not-listed":    "This device does not let a visit use the account not-listed.",
	} {
		if os.Getuid() != 0 {
			want = "The agent of this device does not run as root, so a visit can only use the account " + e.agent.user.Name + ", not " + login + "."
		}
		for _, caps := range [][]wire.Capability{{wire.Shell}, {wire.FilesGet}} {
			req := request()
			req.Login, req.Capabilities = login, caps
			v := l.ask(req)
			if c := l.answer(v); c.Choice != wire.None || c.Why != want || c.Text != "" {
				t.Errorf("%s for %s: %s, %q, want %q", login, caps, c.Choice, c.Why, want)
			}
			l.mustNot(req.Visit, "after a no")
			_ = v.ch.Close()
		}
	}
	// The next one is asked about, and is the first that the person sees.
	v := l.open(p)
	if !l.mark(v.req.Visit) {
		t.Error("a consented visit has no shell")
	}
	_ = v.ch.Close()
}

func TestLimitsChecked(t *testing.T) {
	for _, c := range []struct {
		l    Limits
		want string
	}{
		{Limits{}, ""},
		{Limits{Tasks: 64, MemoryMiB: 64}, ""},
		{Limits{Tasks: 63}, "tasks"},
		{Limits{Tasks: -1}, "tasks"},
		{Limits{Tasks: 1 << 23}, "tasks"},
		{Limits{MemoryMiB: 63}, "memory_mib"},
		{Limits{MemoryMiB: -1}, "memory_mib"},
		{Limits{MemoryMiB: 1 << 31}, "memory_mib"},
	} {
		if err := c.l.check(); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.l, err)
		}
	}
	if got := (Limits{Tasks: 7, MemoryMiB: 3000}).kernel(); got != (proc.Limits{Tasks: 7, Memory: 3000 << 20}) {
		t.Errorf("got %+v", got)
	}
}
