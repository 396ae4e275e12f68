package proc

import "time"

func systemRules() loginRules {
	return loginRules{
		nologin: []string{"/var/run/nologin"},
		shadow:  "/etc/master.passwd",
		stacks:  []string{"/etc/pam.d/su", "/usr/local/etc/pam.d/su"},
		su:      []string{"/usr/bin/su"},
		limit:   pamLimit,
	}
}

func lapsed(master []byte, name string, now time.Time) error { return lapsedMaster(master, name, now) }
