// Package policy says who may do what, and under which obligations. It is
// pure: no clock, no input or output, no goroutine, and no other package of
// this program. What isn't allowed by something here is denied.
package policy

import (
	"errors"
	"fmt"
	"regexp"
)

// Bounds of the values in [Config].
const (
	// MinutesMost is the longest visit that can be configured, in minutes.
	MinutesMost = 12 * 60
	// ReasonMost is the longest "shortest reason", in characters.
	ReasonMost = 200
)

// Config is the section [policy] of the configuration.
type Config struct {
	LongestMinutes int    `toml:"longest_minutes"` // of a visit; a longer wish is cut to it
	DefaultMinutes int    `toml:"default_minutes"` // where the technician names none
	ReasonRequired bool   `toml:"reason_required"`
	ReasonMin      int    `toml:"reason_min"` // characters, where a reason is required
	TicketRequired bool   `toml:"ticket_required"`
	TicketPattern  string `toml:"ticket_pattern"` // RE2, for the whole ticket; empty takes any
	// Override says when a visit may be opened without consent.
	Override Override `toml:"override"`
}

// Defaults are the values in force without a file. The zero [Config] allows
// nothing.
func Defaults() Config {
	return Config{LongestMinutes: 60, DefaultMinutes: 30, ReasonRequired: true, ReasonMin: 4, Override: OverrideDefaults()}
}

// Mistake is a value of the configuration that can't be, with the key it is
// about, relative to what was checked.
type Mistake struct {
	Key      string
	Sentence string
}

func (m Mistake) Error() string { return m.Key + ": " + m.Sentence }

// At is the key, for the reader of the configuration to find its line.
func (m Mistake) At() string { return m.Key }

func mistake(key, format string, args ...any) error {
	return Mistake{Key: key, Sentence: fmt.Sprintf(format, args...)}
}

// Check refuses what can't be, with a [Mistake].
func (c Config) Check() error {
	switch {
	case c.LongestMinutes < 1 || c.LongestMinutes > MinutesMost:
		return mistake("longest_minutes", "%d is impossible; 1 to %d minutes are allowed", c.LongestMinutes, MinutesMost)
	case c.DefaultMinutes < 1 || c.DefaultMinutes > c.LongestMinutes:
		return mistake("default_minutes", "%d is impossible; 1 to longest_minutes (%d) are allowed", c.DefaultMinutes, c.LongestMinutes)
	case c.ReasonMin < 1 || c.ReasonMin > ReasonMost:
		return mistake("reason_min", "%d is impossible; 1 to %d characters are allowed", c.ReasonMin, ReasonMost)
	}
	if _, err := c.ticket(); err != nil {
		return mistake("ticket_pattern", "%q is no regular expression (%v); write for example '[A-Z]+-[0-9]+'", c.TicketPattern, err)
	}
	return under("override", c.Override.Check())
}

// under puts a [Mistake] of a section below the section's key.
func under(section string, err error) error {
	var m Mistake
	if errors.As(err, &m) {
		return Mistake{Key: section + "." + m.Key, Sentence: m.Sentence}
	}
	return err
}

// ticket compiles the pattern; it matches a whole ticket, never a part of one.
func (c Config) ticket() (*regexp.Regexp, error) {
	if c.TicketPattern == "" {
		return regexp.Compile(`^.*$`)
	}
	// Compiled alone first, so that no parenthesis in it closes ours.
	if _, err := regexp.Compile(c.TicketPattern); err != nil {
		return nil, err
	}
	return regexp.Compile(`^(?:` + c.TicketPattern + `)$`)
}
