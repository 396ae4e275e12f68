package proc

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// lapsedMaster reads master.passwd(5) of the BSDs for one account: its password
// must be changed after one time, and it expires after another, in seconds since
// 1970; 0 or nothing is no limit. An account without a line has no times.
func lapsedMaster(master []byte, name string, now time.Time) error {
	for line := range strings.Lines(string(master)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if f[0] != name {
			continue
		}
		if len(f) != 10 {
			return fmt.Errorf("the line of account %s in the device's master.passwd makes no sense, so it can't log in", name)
		}
		change, err := after(f[5], now)
		if err == nil && change {
			return fmt.Errorf("the password of account %s of this device has expired; it must be changed before anybody logs in to it", name)
		}
		expire, eerr := after(f[6], now)
		switch {
		case err != nil || eerr != nil:
			return fmt.Errorf("the line of account %s in the device's master.passwd makes no sense, so it can't log in", name)
		case expire:
			return fmt.Errorf("the account %s of this device has expired; its admin can change that with pw usermod %[1]s -e 0", name)
		}
	}
	return nil
}

// after reports whether a time has come.
func after(field string, now time.Time) (bool, error) {
	if field == "" || field == "0" {
		return false, nil
	}
	n, err := strconv.ParseInt(field, 10, 64)
	return now.Unix() >= n, err
}
