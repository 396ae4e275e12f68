package doctor

import (
	"io/fs"

	"accord/acl"
)

// private refuses what others can read; mode bits say nothing here.
func private(path string, _ fs.FileInfo) error { return acl.Unread(path) }

func todoPrivate(path string) string {
	return "icacls " + path + " /inheritance:r /grant *S-1-5-18:F *S-1-5-32-544:F; and if others were on this machine, make another"
}

// closed looks at who may use a folder. Accounts have no uid, so it returns -1.
func (r *Report) closed(what, path string, _ fs.FileInfo, private bool) (owner int) {
	const area = "folders"
	judge := acl.Unchanged
	if private {
		judge = acl.Unread
	}
	if err := judge(path); err != nil {
		r.Bad(area, "icacls "+path+" /inheritance:r /grant *S-1-5-18:(OI)(CI)F *S-1-5-32-544:(OI)(CI)F", "%s, %s, is open to others: %s.", path, what, err)
		return -1
	}
	r.OK(area, "%s, %s, is the system's and its administrators' alone.", path, what)
	return -1
}

func whoAmI() string {
	me, err := acl.Me()
	if err != nil {
		return "of this program"
	}
	return acl.Name(me)
}
