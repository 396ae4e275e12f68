package proc

import "strconv"

// directory asks the system's directories in the order that the device is set to:
// its own accounts are in no file that could be read.
const directory = "/usr/bin/dscacheutil"

func accountNamed(name string) (a Account, found bool, err error) {
	said, err := ask(directory, "-q", "user", "-a", "name", name)
	if err != nil {
		return Account{}, false, err
	}
	if a, found = fromDirectory(said); !found || a.Name != name {
		return Account{}, false, nil
	}
	a.Groups, err = askGroups(name)
	return a, err == nil, err
}

func accountNumbered(uid int) (Account, bool) {
	said, err := ask(directory, "-q", "user", "-a", "uid", strconv.Itoa(uid))
	if err != nil {
		return Account{}, false
	}
	a, found := fromDirectory(said)
	return a, found && a.UID == uid
}
