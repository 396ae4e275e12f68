package proc

import (
	"fmt"

	"golang.org/x/sys/windows"

	"accord/acl"
)

// nobody is the uid of what can't be identified; it equals no account's.
const nobody = -1

// systemUID is the uid that SYSTEM has here: nothing is kept from it either.
const systemUID = 0

// IdentityOf is who a SID is. The uid is the last part of the SID, which is
// unique on one machine or in one domain only: it is for people and for
// statements, and never decides by itself.
func IdentityOf(sid *windows.SID) Identity {
	if sid.IsWellKnown(windows.WinLocalSystemSid) {
		return Identity{UID: systemUID, SID: sid.String()}
	}
	n := uint32(sid.SubAuthorityCount())
	if n == 0 || sid.SubAuthority(n-1) == systemUID || sid.SubAuthority(n-1) >= 1<<31 {
		return Identity{UID: nobody, SID: sid.String()}
	}
	return Identity{UID: int(sid.SubAuthority(n - 1)), SID: sid.String()}
}

// Me is who this process is.
func Me() Identity {
	sid, err := acl.Me()
	if err != nil {
		return Identity{UID: nobody}
	}
	return IdentityOf(sid)
}

// IdentityOfProcess is who a process is.
func IdentityOfProcess(pid uint32) (Identity, error) {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, pid)
	if err != nil {
		return Identity{UID: nobody}, fmt.Errorf("look at process %d: %w", pid, err)
	}
	defer func() { _ = windows.CloseHandle(h) }()
	var token windows.Token
	if err := windows.OpenProcessToken(h, windows.TOKEN_QUERY, &token); err != nil {
		return Identity{UID: nobody}, fmt.Errorf("look at process %d: %w", pid, err)
	}
	defer func() { _ = token.Close() }()
	u, err := token.GetTokenUser()
	if err != nil {
		return Identity{UID: nobody}, fmt.Errorf("look at process %d: %w", pid, err)
	}
	return IdentityOf(u.User.Sid), nil
}
