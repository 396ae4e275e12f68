package proc

// Identity is who an account is to the system. Two are the same account if, and
// only if, they are equal.
type Identity struct {
	UID int
	SID string // on Windows, where the uid is only a part of it; else empty
}

// Root reports the account that nothing is kept from: uid 0, on Windows SYSTEM.
func (i Identity) Root() bool { return i.UID == 0 }

// Identity is who the account is.
func (a Account) Identity() Identity { return Identity{UID: a.UID, SID: a.SID} }
