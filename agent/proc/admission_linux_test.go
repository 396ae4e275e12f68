package proc

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// write makes a file with a text.
func write(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestExpired(t *testing.T) {
	const today = 20000
	for name, c := range map[string]struct{ line, want string }{
		"nothing said":            {"ann:x:::::::", ""},
		"as useradd writes it":    {"ann:!:19900:0:99999:7:::", ""},
		"no line":                 {"bob:x:0:0:0:0:0:0:", ""},
		"another's name in front": {"annabel:x:::::::\nann:x::::::1:", "has expired"},
		"ends tomorrow":           {"ann:x:19900::::: 20001:", "makes no sense"},
		"ends then":               {"ann:x:19900:::::20001:", ""},
		"ended today":             {"ann:x:19900:::::20000:", "has expired"},
		"chage -E 0":              {"ann:x:19900:::::0:", "has expired"},
		"chage -E -1":             {"ann:x:19900:::::-1:", ""},
		"chage -d 0":              {"ann:x:0:0:99999:7:::", "must get another password"},
		"password too old":        {"ann:x:19900:0:99:7:::", "password of account ann"},
		"on its last day":         {"ann:x:19900:0:100:7:::", ""},
		"too old, and inactive":   {"ann:x:19900:0:90:7:9::", "has expired: its password"},
		"too old, not inactive":   {"ann:x:19900:0:90:7:10::", "password of account ann"},
		"never changed":           {"ann:x::0:90:7:10::", ""},
		"changed in the future":   {"ann:x:30000:0:90:7:10::", ""},
		"no number":               {"ann:x:soon:0:90:7:10::", "makes no sense"},
		"too large":               {"ann:x:19900:::::99999999999999999999:", "makes no sense"},
		"negative":                {"ann:x:19900:::::-5:", "makes no sense"},
		"cut short":               {"ann:x:19900", "makes no sense"},
		"too long":                {"ann:x:19900:::::::::", "makes no sense"},
		"the first line counts":   {"ann:x:19900:::::0:\nann:x:19900::::::", "has expired"},
	} {
		t.Run(name, func(t *testing.T) {
			err := expired([]byte("root:*:19000:0:99999:7:::\n"+c.line+"\n"), "ann", today)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// TestFilesRefuse: what can't be read is a no, too.
func TestFilesRefuse(t *testing.T) {
	ann := Account{Name: "ann", UID: 1000, GID: 100, Home: "/", Shell: "/bin/sh"}
	root := Account{Name: "root", Home: "/root", Shell: "/bin/sh"}
	with := func(a Account, shell string) Account { a.Shell = shell; return a }
	none := filepath.Join(t.TempDir(), "none")
	for name, c := range map[string]struct {
		account         Account
		nologin, shadow string
		want            string
	}{
		"nothing against it":    {ann, none, none, ""},
		"nologin shell":         {with(ann, "/usr/sbin/nologin"), none, none, "its shell is /usr/sbin/nologin"},
		"false":                 {with(root, "/bin/false"), none, none, "its shell is /bin/false"},
		"no account":            {Account{}, none, none, "none is named"},
		"nologin":               {ann, write(t, "nologin", "Down for \x1b[2Jwork\nuntil 6\n", 0o600), none, "): Down for [2Jwork until 6"},
		"nologin says nothing":  {ann, write(t, "nologin", "", 0o600), none, "to allow them"},
		"nologin can't be read": {ann, t.TempDir(), none, "no logins at this time"},
		"nologin but root":      {root, write(t, "nologin", "down", 0o600), none, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := loginRules{nologin: []string{none, c.nologin}, shadow: c.shadow}.files(c.account, time.Now())
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	needRoot(t)
	for shadow, want := range map[string]string{
		write(t, "shadow", "ann:x:19900:::::1:\n", 0o600): "has expired",
		t.TempDir(): "can't find out",
	} {
		if err := (loginRules{shadow: shadow}).files(ann, time.Now()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// TestPAM asks by programs that stand for su: what they say is handed on, and
// what they leave open is a no.
func TestPAM(t *testing.T) {
	stack := write(t, "su", "", 0o600)
	none := filepath.Join(t.TempDir(), "none")
	su := func(script string) string { return write(t, "su", "#!/bin/sh\n"+script, 0o755) }
	for name, c := range map[string]struct{ stack, su, want string }{
		"allowed":        {stack, su(`test "$*" = "-s /bin/sh -c : nobody" && ! read x && ! (: </dev/tty) 2>/dev/null`), ""},
		"refused":        {stack, su("echo 'su: Permission\x1b[2J\ndenied' >&2; exit 1"), "log in: Permission[2J denied"},
		"says nothing":   {stack, su("exit 3"), "log in: exit status 3"},
		"killed":         {stack, su("kill -9 $$"), "log in: signal: killed"},
		"never answers":  {stack, su("sleep 1000 & sleep 1000"), "did not say in time"},
		"can't run":      {stack, write(t, "su", "\x00\x01", 0o755), "log in: fork/exec"},
		"endless words":  {stack, su("yes | head -c 300000; exit 1"), "log in: y y"},
		"no su":          {stack, none, "no su to ask it by"},
		"no PAM, no ask": {none, su("exit 1"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := loginRules{stacks: []string{none, c.stack}, su: []string{none, c.su}, limit: patience}
			if name == "never answers" {
				r.limit = 200 * time.Millisecond
			}
			err := r.pam(t.Context(), Account{Name: "nobody", UID: 65534})
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// TestMayLogIn asks this very device.
func TestMayLogIn(t *testing.T) {
	needRoot(t)
	root, err := LookupAccount("root")
	if err != nil {
		t.Fatal(err)
	}
	if err := MayLogIn(t.Context(), root, true); err != nil {
		t.Errorf("root: %v", err)
	}
	unknown := root
	unknown.Name = "nosuchaccount"
	if err := systemRules().pam(t.Context(), unknown); err == nil {
		t.Skip("this device has no PAM for su")
	} else if !strings.Contains(err.Error(), "nosuchaccount") {
		t.Error(err)
	}
}
