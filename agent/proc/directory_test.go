package proc

import (
	"strings"
	"testing"
	"time"
)

const said = `name: ann
password: ********
uid: 501
gid: 20
dir: /Users/ann
shell: /bin/zsh
gecos: Ann Onym

`

func TestFromDirectory(t *testing.T) {
	ann := Account{Name: "ann", UID: 501, GID: 20, Home: "/Users/ann", Shell: "/bin/zsh"}
	for name, c := range map[string]struct {
		old, new string
		ok       bool
	}{
		"as it is":           {"", "", true},
		"two users":          {"gecos: Ann Onym\n\n", "gecos: Ann Onym\n\nname: root\nuid: 0\ngid: 0\n", true},
		"a long field":       {"gecos: Ann Onym\n", "gecos: Ann\n of a long name\n", true},
		"nobody":             {said, "", false},
		"no number":          {"uid: 501\n", "", false},
		"root by a trick":    {"gecos: Ann Onym\n", "uid: 0\n", false},
		"a number too large": {"uid: 501", "uid: 4294967295", false},
		"a negative one":     {"uid: 501", "uid: -2", false},
		"no shell":           {"shell: /bin/zsh\n", "", false},
		"a home anywhere":    {"/Users/ann", "Users/ann", false},
		"no name":            {"name: ann", "name: -ann", false},
	} {
		t.Run(name, func(t *testing.T) {
			a, ok := fromDirectory([]byte(strings.Replace(said, c.old, c.new, 1)))
			if ok != c.ok || ok && (a.Name != ann.Name || a.UID != ann.UID || a.GID != ann.GID || a.Home != ann.Home || a.Shell != ann.Shell) {
				t.Errorf("got %+v, %v", a, ok)
			}
		})
	}
}

func TestLapsedMaster(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for name, c := range map[string]struct{ line, want string }{
		"no limits":      {"ann:*:1001:1001::0:0:Ann:/home/ann:/bin/sh", ""},
		"nothing":        {"ann:*:1001:1001::::Ann:/home/ann:/bin/sh", ""},
		"both to come":   {"ann:*:1001:1001::1800000001:1800000001:Ann:/home/ann:/bin/sh", ""},
		"expired":        {"ann:*:1001:1001::0:1800000000:Ann:/home/ann:/bin/sh", "has expired"},
		"to be changed":  {"ann:*:1001:1001::1700000000:0:Ann:/home/ann:/bin/sh", "must be changed"},
		"a field less":   {"ann:*:1001:1001:0:0:Ann:/home/ann:/bin/sh", "makes no sense"},
		"no number":      {"ann:*:1001:1001::0:soon:Ann:/home/ann:/bin/sh", "makes no sense"},
		"no number too":  {"ann:*:1001:1001::soon:0:Ann:/home/ann:/bin/sh", "makes no sense"},
		"somebody else":  {"bob:*:1002:1002::1:1:Bob:/home/bob:/bin/sh", ""},
		"without a line": {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := lapsedMaster([]byte("root:*:0:0::0:0:Root:/root:/bin/sh\n"+c.line+"\n"), "ann", now)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
