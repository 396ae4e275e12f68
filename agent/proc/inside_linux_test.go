package proc

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// reportSelf is work that is done inside: it says what this process is and tries
// to come back.
func reportSelf([]byte) int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	for line := range strings.Lines(string(status)) {
		name, _, _ := strings.Cut(line, ":")
		if strings.Contains(" Uid Gid Groups CapEff CapPrm CapAmb ", " "+name+" ") {
			fmt.Println(strings.Join(strings.Fields(line), " "))
		}
	}
	for name, err := range map[string]error{
		"setuid": syscall.Setuid(0), "setreuid": syscall.Setreuid(-1, 0), "setgid": syscall.Setgid(0), "setgroups": syscall.Setgroups([]int{0}),
	} {
		if err == nil {
			fmt.Println("came back by", name)
		}
	}
	links, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	for _, l := range links {
		// The Go runtime of this very program has its own: epoll, eventfd, and how
		// much of the processor it may use.
		to, err := os.Readlink("/proc/self/fd/" + l.Name())
		if err == nil && l.Name() > "2" && !strings.HasPrefix(to, "anon_inode:") && !strings.HasPrefix(to, "/sys/fs/cgroup/") {
			fmt.Println("has", to)
		}
	}
	return 0
}

// TestFromInside: whatever a visit starts is the account and nothing more, seen
// from within: all four user and group ids, the groups, no capability, no way
// back, no descriptor of the agent's.
func TestFromInside(t *testing.T) {
	needRoot(t)
	const ask = `tr '\t' ' ' </proc/self/status | grep -E '^(Uid|Gid|Groups|CapEff|CapPrm|CapAmb):' | sed 's/ $//'
setpriv --reuid 0 true 2>/dev/null && echo came back by setpriv
cd /proc/$$/fd; for i in *; do case $(readlink $i) in /dev/pts/*|/dev/tty|pipe:*|/proc/*|"") ;; *) echo has $(readlink $i);; esac; done; :`
	const want = "Uid: 65534 65534 65534 65534\nGid: 65534 65534 65534 65534\nGroups: 4 50 65534\n" +
		"CapPrm: 0000000000000000\nCapEff: 0000000000000000\nCapAmb: 0000000000000000\n"
	// What the agent holds: it must stay here.
	secret, err := os.Open("/etc/shadow")
	if err != nil {
		t.Skip(err)
	}
	defer func() { _ = secret.Close() }()
	for name, set := range map[string]func(*Spec){
		"command":              func(s *Spec) { s.Command = ask },
		"command, terminal":    func(s *Spec) { s.Command = ask; *s = withPTY(*s) },
		"program, as a screen": func(s *Spec) { s.Args = []string{"/bin/sh", "-c", ask} },
		"files":                func(s *Spec) { s.Inside = "report" },
	} {
		t.Run(name, func(t *testing.T) {
			s := spec(t, "")
			s.Account = nobody(t)
			s.Account.Groups = []int{4, 50}
			set(&s)
			if out, e := run(t, s); out != want || e.Status != 0 {
				t.Errorf("got %q, %+v, want %q", out, e, want)
			}
		})
	}
	t.Run("login shell", func(t *testing.T) {
		s := withPTY(spec(t, ""))
		s.Account = nobody(t)
		p := begin(t, s)
		if _, err := fmt.Fprintf(p.Stdin(), "id -u; test -r /etc/shadow && echo came back; exit\n"); err != nil {
			t.Fatal(err)
		}
		if out, _, _ := finish(t, p); !strings.Contains(out, "65534\r\n") || strings.Contains(out, "\ncame back") {
			t.Errorf("got %q", out)
		}
	})
}
