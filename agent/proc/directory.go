package proc

import "strings"

// fromDirectory reads what dscacheutil(1) of macOS says of a user: lines such as
// "name: ann", an empty one between two users. It takes the first, and a user of
// which something is said twice for none.
func fromDirectory(said []byte) (Account, bool) {
	fields := make(map[string]string)
	for line := range strings.Lines(strings.TrimLeft(string(said), "\n")) {
		name, v, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		if !ok {
			if strings.TrimSpace(line) == "" {
				break
			}
			continue // more lines of a long field
		}
		if _, twice := fields[name]; twice {
			return Account{}, false
		}
		fields[name] = v
	}
	uid, okUID := parseID(fields["uid"])
	gid, okGID := parseID(fields["gid"])
	a := Account{Name: fields["name"], UID: uid, GID: gid, Home: fields["dir"], Shell: fields["shell"]}
	ok := okUID && okGID && accountName().MatchString(a.Name) && a.check() == nil
	return a, ok
}
