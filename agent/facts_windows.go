package agent

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"

	"accord/agent/proc"
	"accord/wire"
)

// machine is what is to be said of this machine, whoever uses it.
func machine() wire.Facts {
	v := windows.RtlGetVersion() // without asking what the program was made for
	kernel := fmt.Sprintf("Windows NT %d.%d.%d", v.MajorVersion, v.MinorVersion, v.BuildNumber)
	return wire.Facts{
		System: systemName(v.BuildNumber), Kernel: kernel, CPUs: int64(runtime.NumCPU()),
		Up: int64(windows.DurationSinceBoot().Seconds()),
	}
}

// windows11 is the first build of Windows 11, whose name in the registry stayed
// Windows 10.
const windows11 = 22000

// systemName is what the system calls itself: "Windows 11 Pro 23H2".
func systemName(build uint32) string {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, `SOFTWARE\Microsoft\Windows NT\CurrentVersion`, registry.QUERY_VALUE)
	if err != nil {
		return "Windows"
	}
	defer func() { _ = k.Close() }()
	name, _, err := k.GetStringValue("ProductName")
	if err != nil || name == "" {
		name = "Windows"
	}
	if rest, ok := strings.CutPrefix(name, "Windows 10"); ok && build >= windows11 {
		name = "Windows 11" + rest
	}
	if release, _, err := k.GetStringValue("DisplayVersion"); err == nil {
		name += " " + release
	}
	return strings.TrimSpace(name)
}

// seated is who is logged in where somebody sits, at the console or from afar. Only
// SYSTEM is told of others; how long nobody typed no other account's process is told.
func seated(func(uid int) time.Duration) []wire.Seat {
	var sessions *windows.WTS_SESSION_INFO
	var n uint32
	if err := windows.WTSEnumerateSessions(0, 0, 1, &sessions, &n); err != nil {
		return nil
	}
	defer windows.WTSFreeMemory(uintptr(unsafe.Pointer(sessions)))
	console := windows.WTSGetActiveConsoleSessionId()
	var list []wire.Seat
	for _, s := range unsafe.Slice(sessions, n) {
		name, ok := loggedIn(s.SessionID)
		if s.State != windows.WTSActive || !ok || len(list) == wire.MaxSeats {
			continue
		}
		place := strings.ToLower(windows.UTF16PtrToString(s.WindowStationName))
		if s.SessionID == console {
			place = "console"
		}
		list = append(list, wire.Seat{Name: name, Place: place, Idle: -1})
	}
	return list
}

// loggedIn names the account of a session, as far as this one may know. In session 0
// are services, and nobody sits there.
func loggedIn(session uint32) (name string, ok bool) {
	if session == 0 {
		return "", false
	}
	var token windows.Token
	if err := windows.WTSQueryUserToken(session, &token); err != nil {
		var own uint32
		me, serr := proc.Self()
		err := windows.ProcessIdToSessionId(uint32(os.Getpid()), &own)
		return me.Name, serr == nil && err == nil && own == session
	}
	defer func() { _ = token.Close() }()
	u, err := token.GetTokenUser()
	if err != nil {
		return "", false
	}
	account, _, _, err := u.User.Sid.LookupAccount("")
	return strings.ToLower(account), err == nil
}
