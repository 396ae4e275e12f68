package store

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// The errors that callers tell apart. All others are wrapped in one of them,
// or are the context's.
var (
	// ErrNotFound: no device, visit or entry of that name.
	ErrNotFound = errors.New("not found")
	// ErrExists: the id or token is already there.
	ErrExists = errors.New("exists already")
	// ErrInvalid: a value that the store does not take: too long, malformed,
	// or missing. Nothing was changed.
	ErrInvalid = errors.New("not allowed")
	// ErrState: the visit is in a state from which that step can't be made.
	ErrState = errors.New("that step can't be made now")
	// ErrQuarantined: the device is in quarantine, so nobody may visit it.
	ErrQuarantined = errors.New("the device is in quarantine; an admin must release it first")
	// ErrNameTaken: another device has that name.
	ErrNameTaken = errors.New("another device has that name; choose another")
	// ErrTokenUnknown: no such token was ever made here.
	ErrTokenUnknown = errors.New("this token is not known here; ask an admin for a new one")
	// ErrTokenSpent: the token has enrolled a device already.
	ErrTokenSpent = errors.New("this token has been used; ask an admin for a new one")
	// ErrTokenExpired: the token's time is over.
	ErrTokenExpired = errors.New("this token has expired; ask an admin for a new one")
	// ErrTokenKind: the token is for a device with an agent, and this one has
	// none, or the other way round.
	ErrTokenKind = errors.New("this token is for another kind of device: `enroll` makes one for a device with an agent, `enroll --agentless` one for a device without")
	// ErrCodeWrong: the one-time code is wrong, or was used.
	ErrCodeWrong = errors.New("this code is wrong, or it was used already")
	// ErrCodeRest: too many wrong codes in a row; none is looked at for a while.
	ErrCodeRest = errors.New("too many wrong codes were given in this name; wait half an hour")
	// ErrAltered: the audit log is not what was signed.
	ErrAltered = errors.New("the audit log was altered")
	// ErrUnavailable: the state can't be read or written (disk full,
	// read-only, damaged). What was asked for did not happen as far as anyone
	// may rely on; whoever can't record can't work.
	ErrUnavailable = errors.New("the gateway's state is not available")
	// ErrClosed: the store is closed, or closing.
	ErrClosed = errors.New("the gateway is stopping; try again when it is back")
)

// Bounds, in bytes where nothing else is said.
const (
	// MaxName bounds names, fingerprints, addresses, tickets and ids.
	MaxName = 512
	// MaxText bounds reasons, causes and notes.
	MaxText = 4096
	// MaxRecord bounds an entry as it is kept.
	MaxRecord = 64 << 10
	// MaxStatement bounds a signed statement, and its signature.
	MaxStatement = 64 << 10
	// MaxList bounds lists of labels, capabilities and logins, in members.
	MaxList = 64
	// MaxRows bounds what one call lists, in rows.
	MaxRows = 1000
	// MaxDevices bounds the devices that may be enrolled.
	MaxDevices = 50_000
)

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

// text wants UTF-8 without NUL (which PostgreSQL does not take), of at most
// limit bytes.
func text(what, s string, limit int) error {
	switch {
	case len(s) > limit:
		return invalid("the %s is %d bytes long, at most %d are taken", what, len(s), limit)
	case !utf8.ValidString(s) || strings.ContainsRune(s, 0):
		return invalid("the %s is not plain UTF-8 text", what)
	}
	return nil
}

// names checks short texts, given as what, value, what, value.
func names(pairs ...string) error {
	for i := 0; i < len(pairs); i += 2 {
		if err := text(pairs[i], pairs[i+1], MaxName); err != nil {
			return err
		}
	}
	return nil
}

// required checks like names, and wants something in each.
func required(pairs ...string) error {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			return invalid("the %s is missing", pairs[i])
		}
	}
	return names(pairs...)
}

func list(what string, members []string) error {
	if len(members) > MaxList {
		return invalid("%d %s, at most %d are taken", len(members), what, MaxList)
	}
	for _, m := range members {
		if err := required(what, m); err != nil {
			return err
		}
	}
	return nil
}

func labels(m map[string]string) error {
	if len(m) > MaxList {
		return invalid("%d labels, at most %d are taken", len(m), MaxList)
	}
	for k, v := range m {
		if err := required("label", k); err != nil {
			return err
		}
		if err := names("label's value", v); err != nil {
			return err
		}
	}
	return nil
}

func rows(limit int) int {
	if limit <= 0 || limit > MaxRows {
		return MaxRows
	}
	return limit
}
