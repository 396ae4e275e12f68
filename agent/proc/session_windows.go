package proc

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
)

// tokenOf is what a process of the account is started with: 0 for this process's
// own account, else the token of the session where that account is logged in. Only
// SYSTEM is given others' tokens. The caller closes it.
func tokenOf(a Account) (windows.Token, error) {
	me := Me()
	if me == a.Identity() {
		return 0, nil
	}
	if !me.Root() {
		return 0, fmt.Errorf("this agent is no service of the system, so it can only use its own account, not %s", a.Name)
	}
	var list *windows.WTS_SESSION_INFO
	var n uint32
	if err := windows.WTSEnumerateSessions(0, 0, 1, &list, &n); err != nil {
		return 0, fmt.Errorf("list who is logged in: %w", err)
	}
	defer windows.WTSFreeMemory(uintptr(unsafe.Pointer(list)))
	console := windows.WTSGetActiveConsoleSessionId()
	var found windows.Token
	for _, s := range unsafe.Slice(list, n) {
		if s.State != windows.WTSActive || found != 0 && s.SessionID != console {
			continue
		}
		token, ok := inSession(s.SessionID, a)
		if !ok {
			continue
		}
		if found != 0 {
			_ = found.Close()
		}
		found = token
	}
	if found == 0 {
		return 0, fmt.Errorf("%s is not logged in at this device", a.Name)
	}
	return found, nil
}

// inSession is the token of a session, if the account is the one that is logged in
// there.
func inSession(session uint32, a Account) (windows.Token, bool) {
	var token windows.Token
	if err := windows.WTSQueryUserToken(session, &token); err != nil {
		return 0, false
	}
	if u, err := token.GetTokenUser(); err == nil && IdentityOf(u.User.Sid) == a.Identity() {
		return token, true
	}
	_ = token.Close()
	return 0, false
}

// SeatedAs reports an account that is logged in where somebody sits.
func SeatedAs(a Account) bool {
	token, err := tokenOf(a)
	if token != 0 {
		_ = token.Close()
	}
	return err == nil
}
