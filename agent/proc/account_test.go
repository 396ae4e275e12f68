package proc

import (
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const passwd = `root:x:0:0:root:/root:/bin/bash
# a comment
short:x:1:1:/
ann:x:1000:1000:Ann,,,:/home/ann:/bin/zsh
ann:x:0:0:a second ann:/root:/bin/sh
bare:x:1001:1001:::
-rf:x:0:0::/root:/bin/sh
minus:x:-1:0::/:/bin/sh
huge:x:4294967295:0::/:/bin/sh
words:x:zero:0::/:/bin/sh
relative:x:1002:1002::home:bin/sh
+@netgroup:x:::::
`

func TestFindAccount(t *testing.T) {
	for name, want := range map[string]Account{
		"root": {Name: "root", Home: "/root", Shell: "/bin/bash"},
		"ann":  {Name: "ann", UID: 1000, GID: 1000, Home: "/home/ann", Shell: "/bin/zsh"},
		"bare": {Name: "bare", UID: 1001, GID: 1001, Home: "/", Shell: "/bin/sh"},
	} {
		a, ok := findAccount([]byte(passwd), func(a Account) bool { return a.Name == name })
		if !ok || !sameAccount(a, want) {
			t.Errorf("%s is %+v, %v", name, a, ok)
		}
	}
	for _, name := range []string{"short", "-rf", "minus", "huge", "words", "relative", "+@netgroup", "# a comment", ""} {
		if a, ok := findAccount([]byte(passwd), func(a Account) bool { return a.Name == name }); ok {
			t.Errorf("%q is %+v", name, a)
		}
	}
}

func sameAccount(a, b Account) bool {
	return a.Name == b.Name && a.UID == b.UID && a.GID == b.GID && a.Home == b.Home && a.Shell == b.Shell && slices.Equal(a.Groups, b.Groups)
}

func TestMemberOf(t *testing.T) {
	const groups = "adm:x:4:ann,bob\nempty:x:5:\nagain:x:4:ann\nanna:x:6:anna,annie\nlast:x:7:bob,ann\nbroken:x:8\nbad:x:x:ann\n"
	if got := memberOf([]byte(groups), Account{Name: "ann"}); !slices.Equal(got, []int{4, 7}) {
		t.Errorf("got %v", got)
	}
	if got := memberOf([]byte(groups), Account{Name: "eve"}); got != nil {
		t.Errorf("got %v", got)
	}
}

func TestLookupAccount(t *testing.T) {
	a, err := LookupAccount("root")
	if err != nil {
		t.Fatal(err)
	}
	if a.UID != 0 || a.Name != "root" || !filepath.IsAbs(a.Home) || !filepath.IsAbs(a.Shell) {
		t.Errorf("root is %+v", a)
	}
	for _, name := range []string{"", "0", "nosuchaccount", "-h", "--help", "a b", "root:x", "../root", "root\n", strings.Repeat("a", 100)} {
		if a, err := LookupAccount(name); err == nil {
			t.Errorf("%q is %+v", name, a)
		}
	}
}

func TestSelf(t *testing.T) {
	a, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	if a.UID != os.Geteuid() || a.GID != os.Getegid() || a.check() != nil {
		t.Errorf("got %+v", a)
	}
	if u, err := user.Current(); err == nil && u.Uid != strconv.Itoa(a.UID) {
		t.Errorf("got %+v, want %+v", a, u)
	}
}

func FuzzFindAccount(f *testing.F) {
	f.Add([]byte(passwd))
	f.Add([]byte("a:x:0:0::/:/bin/sh"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, ok := findAccount(b, func(Account) bool { return true }); ok && a.check() != nil {
			t.Errorf("%+v: %v", a, a.check())
		}
		memberOf(b, Account{Name: "a"})
	})
}

func TestEnvironment(t *testing.T) {
	a := Account{Name: "ann", UID: 1000, Home: "/home/ann", Shell: "/bin/zsh"}
	got := Environment(a, "v1", "bob", "T-1\n\x1b[2J", "xterm", "/dev/pts/3", []string{
		"LANG=C", "PATH=/tmp", "LD_PRELOAD=/tmp/x.so", "LC_ALL=fr_FR.UTF-8@euro", "LANG=fr_FR.UTF-8", "LC_TIME=/tmp/locale",
		"LC_PAPER=", "LANGUAGE=fr", "LC_x=C", "LC_ALL", "=C", "", "LANG=C\nPATH=/tmp",
	})
	want := []string{
		"HOME=/home/ann", "USER=ann", "LOGNAME=ann", "SHELL=/bin/zsh", "PATH=/usr/local/bin:/usr/bin:/bin",
		"ACCORD_VISIT=v1", "ACCORD_TECHNICIAN=bob", "ACCORD_TICKET=T-1[2J", "TERM=xterm", "SSH_TTY=/dev/pts/3",
		"LANG=fr_FR.UTF-8", "LC_ALL=fr_FR.UTF-8@euro",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	root := Environment(Account{Name: "root", Home: "/root", Shell: "/bin/sh"}, "", "", "", "a\x1bterm", "", nil)
	if !slices.Contains(root, "PATH="+rootPath) || !slices.Contains(root, "TERM=dumb") || sets(root, "SSH_TTY") {
		t.Errorf("got %q", root)
	}
}

// TestEnvironmentIsOurs throws everything at it: no name twice, none that
// wasn't meant, nothing that ends a variable early.
func TestEnvironmentIsOurs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`(LC_[A-Z]{1,4}|LANG|TERM|PATH)=[a-z/.]{0,5}`))
		env := Environment(Account{Name: "ann", UID: 1, Home: "/", Shell: "/bin/sh"},
			text.Draw(t, "visit"), text.Draw(t, "technician"), text.Draw(t, "ticket"), text.Draw(t, "term"), "", rapid.SliceOf(text).Draw(t, "asked"))
		seen := make(map[string]bool)
		for _, v := range env {
			name, value, _ := strings.Cut(v, "=")
			if seen[name] || strings.ContainsAny(v, "\x00\n\r\x1b") || len([]rune(value)) > maxValue {
				t.Errorf("%q in %q", v, env)
			}
			seen[name] = true
			if (name == "LANG" || strings.HasPrefix(name, "LC_")) && strings.Contains(value, "/") {
				t.Errorf("a path: %q", v)
			}
		}
		if len(env) > 10+maxAsked || !slices.Contains(env, "PATH="+userPath) {
			t.Errorf("got %q", env)
		}
	})
}
