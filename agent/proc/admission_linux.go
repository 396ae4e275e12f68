package proc

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

func systemRules() loginRules {
	return loginRules{
		nologin: []string{"/etc/nologin", "/run/nologin"},
		shadow:  "/etc/shadow",
		stacks:  []string{"/etc/pam.d/su", "/usr/etc/pam.d/su", "/usr/lib/pam.d/su"},
		su:      []string{"/bin/su", "/usr/bin/su", "/run/wrappers/bin/su"},
		limit:   pamLimit,
	}
}

// suArguments have su run nothing as an account, in a shell that every account
// can use.
func suArguments(name string) []string { return []string{"-s", "/bin/sh", "-c", ":", name} }

func lapsed(shadow []byte, name string, now time.Time) error {
	return expired(shadow, name, now.Unix()/(24*60*60))
}

// expired reads shadow(5) for one account, by the rules of pam_unix(8): days are
// counted since 1970, an empty field is no limit. A locked password is no
// reason: nobody gives one here. An account without a line has no days.
func expired(shadow []byte, name string, today int64) error {
	for line := range strings.Lines(string(shadow)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if f[0] != name {
			continue
		}
		if len(f) != 9 {
			return fmt.Errorf("the line of account %s in the device's shadow file makes no sense, so it can't log in", name)
		}
		return expiredBy(f, name, today)
	}
	return nil
}

func expiredBy(f []string, name string, today int64) error {
	changed, err1 := days(f[2])
	longest, err2 := days(f[4])
	inactive, err3 := days(f[6])
	end, err4 := days(f[7])
	aged := today - changed
	switch {
	case errors.Join(err1, err2, err3, err4) != nil:
		return fmt.Errorf("the line of account %s in the device's shadow file makes no sense, so it can't log in", name)
	case end >= 0 && today >= end:
		return fmt.Errorf("the account %s of this device has expired; its admin can change that with chage -E", name)
	case changed == 0:
		return fmt.Errorf("the account %s of this device must get another password before anybody logs in to it", name)
	case changed > 0 && longest >= 0 && inactive >= 0 && aged > longest+inactive:
		return fmt.Errorf("the account %s of this device has expired: its password was not changed in time", name)
	case changed > 0 && longest >= 0 && aged > longest:
		return fmt.Errorf("the password of account %s of this device has expired; it must be changed before anybody logs in to it", name)
	}
	return nil
}

// days is a field of shadow(5): -1 where it is empty.
func days(field string) (int64, error) {
	if field == "" || field == "-1" {
		return -1, nil
	}
	n, err := strconv.ParseUint(field, 10, 31)
	return int64(n), err
}
