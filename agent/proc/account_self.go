//go:build linux || darwin || freebsd

package proc

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// Self is the account that the agent runs as, with the groups it has now. An
// id without an entry, as in containers, gets HOME or / and /bin/sh.
func Self() (Account, error) {
	groups, err := os.Getgroups()
	if err != nil {
		return Account{}, fmt.Errorf("look up the agent's own groups: %w", err)
	}
	uid := os.Geteuid()
	a := Account{Name: strconv.Itoa(uid), Home: os.Getenv("HOME"), Shell: "/bin/sh"}
	if found, ok := accountNumbered(uid); ok {
		a = found
	}
	if !filepath.IsAbs(a.Home) {
		a.Home = "/"
	}
	a.UID, a.GID, a.Groups = uid, os.Getegid(), groups
	return a, nil
}
