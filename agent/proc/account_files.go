//go:build linux || freebsd

package proc

import (
	"fmt"
	"os"
	"strconv"
)

const (
	passwdFile = "/etc/passwd"
	groupFile  = "/etc/group"
)

// accountNamed looks in the device's own files first, then asks getent, for
// accounts that come from a directory.
func accountNamed(name string) (a Account, found bool, err error) {
	byName := func(a Account) bool { return a.Name == name }
	passwd, err := os.ReadFile(passwdFile)
	if err != nil {
		return Account{}, false, fmt.Errorf("look up account %s: %w", name, err)
	}
	if a, ok := findAccount(passwd, byName); ok {
		groups, err := os.ReadFile(groupFile)
		if err != nil {
			return Account{}, false, fmt.Errorf("look up the groups of account %s: %w", name, err)
		}
		a.Groups = memberOf(groups, a)
		return a, true, nil
	}
	if line, err := ask("getent", "passwd", name); err == nil {
		if a, ok := findAccount(line, byName); ok {
			a.Groups, err = askGroups(name)
			return a, true, err
		}
	}
	return Account{}, false, nil
}

// accountNumbered looks in the same places for who has a number.
func accountNumbered(uid int) (Account, bool) {
	byUID := func(a Account) bool { return a.UID == uid }
	passwd, _ := os.ReadFile(passwdFile) // a device without the file is served by getent or the defaults
	if a, ok := findAccount(passwd, byUID); ok {
		return a, true
	}
	line, _ := ask("getent", "passwd", strconv.Itoa(uid))
	return findAccount(line, byUID)
}
