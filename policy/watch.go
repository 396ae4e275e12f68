package policy

// WatchFacts are what decides who may watch a visit.
type WatchFacts struct {
	Technician string // the name of who visits
	Key        string // fingerprint of the key that proved it
	Demanded   bool   // a colleague must watch
	Hands      bool   // who watches may type too
}

// MayWatch says whether a person who proved the key with this fingerprint may
// watch a visit, and if not, why. A supervisor may watch any but their own; a
// technician may where a colleague must. Who may, counts where a colleague must
// watch: so it is never the visit's own technician, nor that technician's key
// under another name.
func MayWatch(p Person, key string, v WatchFacts) (bool, string) {
	ok, why := May(p, Watch)
	switch {
	case !ok:
		return false, why
	case v.Technician == "" || v.Key == "" || key == "":
		return false, "It is not known whose visit this is, so nobody may watch it."
	case p.Name == v.Technician || key == v.Key:
		return false, "This is your own visit: somebody else must watch it."
	case p.Has(Supervisor), v.Demanded:
		return true, ""
	}
	return false, "Without the role supervisor you may only watch visits that a colleague must watch, and this is none."
}

// MayType says whether a person who may watch a visit may also type in it.
func MayType(p Person, key string, v WatchFacts) (bool, string) {
	ok, why := MayWatch(p, key, v)
	switch {
	case !ok:
		return false, why
	case !p.Has(Supervisor):
		return false, "Typing in another's visit needs the role supervisor."
	case !v.Hands:
		return false, "This visit was asked for without a second pair of hands; nobody but its technician may type."
	}
	return true, ""
}

// MaySay says whether a person may say a line to technician and user: whoever
// may watch, and the technician.
func MaySay(p Person, key string, v WatchFacts) (bool, string) {
	if ok, why := May(p, Say); !ok {
		return false, why
	}
	if p.Name == v.Technician && key == v.Key {
		return true, ""
	}
	return MayWatch(p, key, v)
}
