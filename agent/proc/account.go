package proc

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Account is a login of the device.
type Account struct {
	Name     string
	UID, GID int
	SID      string // on Windows; see [Identity]
	// Groups are the supplementary groups; GID need not be among them.
	Groups []int
	// Home and Shell are absolute paths.
	Home, Shell string
}

const (
	// lookupLimit bounds what is asked for an account, as getent and id, which may
	// ask a directory server.
	lookupLimit = 5 * time.Second
	// noID is what setresuid(2) takes for "leave it as it is": never an account.
	noID = 1<<32 - 1
)

// accountName is stricter than any system's rule: what starts with a dash, has
// a colon or a slash, or is longer than login programs take, names nobody.
var accountName = pattern(`^[A-Za-z0-9_][A-Za-z0-9_.@\\+-]{0,63}\$?$`)

// LookupAccount finds a login by its name, where the device looks for its
// accounts. A number is looked up as a name, never as an id.
func LookupAccount(name string) (Account, error) {
	if !accountName().MatchString(name) {
		return Account{}, fmt.Errorf("%.80q can't be the name of an account", name)
	}
	a, ok, err := accountNamed(name)
	if err == nil && !ok {
		err = fmt.Errorf("this device has no account %s", name)
	}
	return a, err
}

// findAccount reads lines as in passwd(5) and returns the first one wanted.
// Lines that are malformed are no accounts.
func findAccount(passwd []byte, wanted func(Account) bool) (Account, bool) {
	for line := range bytes.Lines(passwd) {
		if a, ok := parseAccount(strings.TrimRight(string(line), "\n")); ok && wanted(a) {
			return a, true
		}
	}
	return Account{}, false
}

func parseAccount(line string) (Account, bool) {
	f := strings.Split(line, ":")
	if len(f) != 7 || !accountName().MatchString(f[0]) {
		return Account{}, false
	}
	uid, okUID := parseID(f[2])
	gid, okGID := parseID(f[3])
	a := Account{Name: f[0], UID: uid, GID: gid, Home: f[5], Shell: f[6]}
	if a.Home == "" {
		a.Home = "/"
	}
	if a.Shell == "" {
		a.Shell = "/bin/sh" // as passwd(5) says
	}
	return a, okUID && okGID && a.check() == nil
}

func parseID(s string) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return int(n), err == nil && n != noID
}

// memberOf reads group(5) for the groups that list the account.
func memberOf(groups []byte, a Account) []int {
	var ids []int
	for s := bufio.NewScanner(bytes.NewReader(groups)); s.Scan(); {
		f := strings.Split(s.Text(), ":")
		if len(f) != 4 || !slices.Contains(strings.Split(f[3], ","), a.Name) {
			continue
		}
		if id, ok := parseID(f[2]); ok && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

func askGroups(name string) ([]int, error) {
	out, err := ask("id", "-G", name)
	if err != nil {
		return nil, fmt.Errorf("look up the groups of account %s: %w", name, err)
	}
	var ids []int
	for _, f := range strings.Fields(string(out)) {
		id, ok := parseID(f)
		if !ok {
			return nil, fmt.Errorf("look up the groups of account %s: id answered %.40q", name, f)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// ask runs a tool of the device; the last argument is a checked name, which
// starts with no dash.
func ask(tool string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), lookupLimit)
	defer cancel()
	return exec.CommandContext(ctx, tool, args...).Output()
}

// check refuses what would become another account than meant, above all the
// zero value, whose UID is root's.
func (a Account) check() error {
	switch {
	case a.Name == "":
		return fmt.Errorf("a shell needs an account, and none is named")
	case !validID(a.UID), !validID(a.GID), slices.ContainsFunc(a.Groups, func(id int) bool { return !validID(id) }):
		return fmt.Errorf("account %s has an impossible id", a.Name)
	case !filepath.IsAbs(a.Home), !filepath.IsAbs(a.Shell):
		return fmt.Errorf("account %s needs absolute paths as home and shell", a.Name)
	}
	return nil
}

func validID(id int) bool { return id >= 0 && int64(id) < noID }
