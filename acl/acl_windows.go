// Package acl says on Windows who can change or read a file or a folder, by its
// owner and its access control list, and makes folders that are kept to the
// system, its administrators and the account that made them. On other systems
// mode bits say that, and this package is not there.
//
// It is strict: an entry that it can't judge alone is a no.
package acl

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// What an entry of a list lets somebody do (ACCESS_MASK in winnt.h).
const (
	readData    = 0x0001
	writeData   = 0x0002 // of a folder: make files in it
	appendData  = 0x0004 // of a folder: make folders in it
	writeEA     = 0x0010
	deleteChild = 0x0040
	writeAttrs  = 0x0100

	// changes are the rights that change a file, or put another in its place.
	changes = writeData | appendData | writeEA | writeAttrs | replaces
	// replaces are the rights over a folder by which something in it that is
	// there already becomes something else. To make new files is none: names
	// that are taken stay.
	replaces = deleteChild | windows.DELETE | windows.WRITE_DAC | windows.WRITE_OWNER |
		windows.GENERIC_WRITE | windows.GENERIC_ALL | windows.MAXIMUM_ALLOWED
	reads = readData | windows.GENERIC_READ | windows.GENERIC_ALL | windows.MAXIMUM_ALLOWED
)

// trustedInstaller owns the system's own files; nobody logs in as it.
const trustedInstaller = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"

// Unchanged refuses a file that another account can change.
func Unchanged(path string) error { return judge(path, changes, "change") }

// InPlace refuses a folder in which another account can put something in the
// place of what is there.
func InPlace(path string) error { return judge(path, replaces, "replace what is in") }

// Unread refuses a file or folder that another account can read or change.
func Unread(path string) error { return judge(path, changes|reads, "read or change") }

// judge refuses what somebody else can do.
func judge(path string, rights windows.ACCESS_MASK, what string) error {
	trusted, err := trusted()
	if err != nil {
		return err
	}
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT,
		windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return &os.PathError{Op: "read the permissions of", Path: path, Err: err}
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return &os.PathError{Op: "find the owner of", Path: path, Err: err}
	}
	if !among(trusted, owner) { // an owner can give itself any right
		return fmt.Errorf("%s belongs to %s: let Administrators own it", path, Name(owner))
	}
	list, _, err := sd.DACL()
	if err != nil || list == nil { // without a list everybody may do everything
		return fmt.Errorf("%s has no list of who may use it, so everybody may %s it: set its permissions", path, what)
	}
	return each(list, func(kind uint8, mask windows.ACCESS_MASK, who *windows.SID) error {
		switch {
		case kind == windows.ACCESS_DENIED_ACE_TYPE: // it only takes away
		case kind != windows.ACCESS_ALLOWED_ACE_TYPE:
			return fmt.Errorf("the permissions of %s have an entry of a kind that can't be judged (%d): replace it by a plain one", path, kind)
		case mask&rights != 0 && !among(trusted, who):
			return fmt.Errorf("%s may %s %s: take that right away", Name(who), what, path)
		}
		return nil
	})
}

// each goes over the entries of a list that are in force for the object itself.
func each(list *windows.ACL, see func(kind uint8, mask windows.ACCESS_MASK, who *windows.SID) error) error {
	for i := range uint32(list.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(list, i, &ace); err != nil {
			return fmt.Errorf("read permissions: %w", err)
		}
		if ace.Header.AceFlags&windows.INHERIT_ONLY_ACE != 0 {
			continue
		}
		// Only entries of the two plain kinds have their SID here; see leaves the
		// others alone.
		who := (*windows.SID)(unsafe.Pointer(&ace.SidStart))
		if err := see(ace.Header.AceType, ace.Mask, who); err != nil {
			return err
		}
	}
	return nil
}

// trusted are those whom a system can't be kept from, and the account that asks.
func trusted() ([]*windows.SID, error) {
	me, err := Me()
	if err != nil {
		return nil, err
	}
	list := []*windows.SID{me}
	for _, kind := range []windows.WELL_KNOWN_SID_TYPE{windows.WinLocalSystemSid, windows.WinBuiltinAdministratorsSid} {
		sid, err := windows.CreateWellKnownSid(kind)
		if err != nil {
			return nil, fmt.Errorf("name the system's accounts: %w", err)
		}
		list = append(list, sid)
	}
	installer, err := windows.StringToSid(trustedInstaller)
	if err != nil {
		return nil, fmt.Errorf("name the system's accounts: %w", err)
	}
	return append(list, installer), nil
}

// Trusts reports the system, its administrators and the account that asks.
func Trusts(who *windows.SID) bool {
	list, err := trusted()
	return err == nil && among(list, who)
}

func among(list []*windows.SID, who *windows.SID) bool {
	for _, sid := range list {
		if sid.Equals(who) {
			return true
		}
	}
	return false
}

// Me is the account of this process.
func Me() (*windows.SID, error) {
	u, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, fmt.Errorf("find the account of this process: %w", err)
	}
	return u.User.Sid.Copy()
}

// Owner is the account that a file belongs to.
func Owner(path string) (*windows.SID, error) {
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return nil, &os.PathError{Op: "find the owner of", Path: path, Err: err}
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return nil, &os.PathError{Op: "find the owner of", Path: path, Err: err}
	}
	return owner.Copy()
}

// Name is an account for people.
func Name(sid *windows.SID) string {
	account, domain, _, err := sid.LookupAccount("")
	switch {
	case err != nil:
		return sid.String()
	case domain == "":
		return account
	}
	return domain + `\` + account
}

// Keep lets nobody but the system, its administrators and the account of this
// process use a folder and what is in it, whatever the folder above says.
func Keep(path string) error {
	me, err := Me()
	if err != nil {
		return err
	}
	return set(path, ours+"(A;OICI;FA;;;"+me.String()+")")
}

// ours is a list of the system and its administrators. P: nothing is inherited;
// OICI: all below inherits. FA is every right, SY the system, BA its administrators.
const ours = "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"

// Publish makes a folder, if there is none, that everybody may read and only the
// system and its administrators change. One that is another account's is refused.
func Publish(path string) error {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	// FR and FX, to read and to go through; BU are the users of this machine.
	if err := set(path, ours+"(A;OICI;FRFX;;;BU)"); err != nil {
		return err
	}
	return Unchanged(path)
}

// set puts a list in the place of the one that a folder has.
func set(path, text string) error {
	sd, err := windows.SecurityDescriptorFromString(text)
	if err != nil {
		return fmt.Errorf("write permissions: %w", err)
	}
	list, _, err := sd.DACL()
	if err != nil {
		return fmt.Errorf("write permissions: %w", err)
	}
	err = windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT,
		windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, list, nil)
	if err != nil {
		return &os.PathError{Op: "set the permissions of", Path: path, Err: err}
	}
	return nil
}

// ProgramData is where installed programs keep what is no account's own. It is asked
// for, because an environment is for its account to change.
func ProgramData() string {
	path, err := windows.KnownFolderPath(windows.FOLDERID_ProgramData, windows.KF_FLAG_DEFAULT)
	if err != nil {
		return `C:\ProgramData`
	}
	return path
}
