package proc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
)

// accountNamed asks Windows who a name is; local accounts come before those of the
// domain. Only people's accounts are accounts here, no groups.
func accountNamed(name string) (a Account, found bool, err error) {
	if me, err := Self(); err == nil && me.Name == plainName(name) {
		return me, true, nil
	}
	sid, _, kind, err := windows.LookupSID("", name)
	if errors.Is(err, windows.ERROR_NONE_MAPPED) || err == nil && kind != windows.SidTypeUser {
		return a, false, nil
	}
	if err != nil {
		return a, false, fmt.Errorf("look up account %s: %w", name, err)
	}
	a = described(sid)
	a.Home = filepath.Join(filepath.Dir(os.Getenv("PUBLIC")), a.Name) // its token knows, see [Start]
	return a, a.UID != nobody, nil
}

// Self is the account that the agent runs as.
func Self() (Account, error) {
	u, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return Account{}, fmt.Errorf("find the agent's own account: %w", err)
	}
	a := described(u.User.Sid)
	if a.UID == nobody {
		return a, errors.New("the agent's own account can't be told from others")
	}
	if a.Home, err = windows.GetCurrentProcessToken().GetUserProfileDirectory(); err != nil {
		a.Home = system("")
	}
	return a, nil
}

// described is an account as Windows names it: in lower case, without the domain,
// because case says nothing here.
func described(sid *windows.SID) Account {
	who := IdentityOf(sid)
	a := Account{UID: who.UID, SID: who.SID, Shell: system("cmd.exe"), Name: strings.ToLower(who.SID)}
	if name, _, _, err := sid.LookupAccount(""); err == nil {
		a.Name = plainName(name)
	}
	return a
}

func plainName(name string) string {
	return strings.ToLower(name[strings.LastIndexByte(name, '\\')+1:])
}

// system is a file of the system's own folder.
func system(name string) string {
	dir, err := windows.GetSystemDirectory()
	if err != nil {
		dir = `C:\Windows\System32`
	}
	return filepath.Join(dir, name)
}
