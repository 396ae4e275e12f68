//go:build darwin || freebsd

package proc

import "time"

// Accounting is nil: only the system's own library may write the files that
// who(1) and last(1) read here, and this program is linked with none.
func Accounting(string) *Record { return nil }

// EndStale has nothing to end.
func EndStale() error { return nil }

// login is one that is listed nowhere.
type login struct {
	pid  int
	line string
	at   time.Time
}

// begin and end list nothing.
func (*Record) begin(login) error { return nil }
func (*Record) end(login) error   { return nil }
