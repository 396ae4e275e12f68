// Package policy says who may do what, and under which obligations. It is
// pure: no clock, no input or output, no goroutine, and no other package of
// this program. What isn't allowed by something here is denied.
package policy

import (
	"errors"
	"fmt"
	"regexp"
	"time"
)

// Bounds of the values in [Config].
const (
	// MinutesMost is the longest visit that can be configured, in minutes.
	MinutesMost = 12 * 60
	// ReasonMost is the longest "shortest reason", in characters.
	ReasonMost = 200
	// rulesMost and groupsMost bound what a decision has to go through; a
	// request carries the names of as many groups.
	rulesMost  = 1000
	groupsMost = 64
	// IdleLeast is the shortest time that a technician may be given to think.
	IdleLeast = 5 * time.Second
)

// Config is the section [policy] of the configuration. Its single values are
// those of every rule that doesn't say otherwise.
type Config struct {
	LongestMinutes int    `toml:"longest_minutes"` // of a visit; a longer wish is cut to it
	DefaultMinutes int    `toml:"default_minutes"` // where the technician names none
	ReasonRequired bool   `toml:"reason_required"`
	ReasonMin      int    `toml:"reason_min"` // characters, where a reason is required
	TicketRequired bool   `toml:"ticket_required"`
	TicketPattern  string `toml:"ticket_pattern"` // RE2, for the whole ticket; empty takes any
	// Override says when a visit may be opened without consent.
	Override Override `toml:"override"`

	Groups []Group `toml:"group"`
	Rules  []Rule  `toml:"rule"` // none: nobody may ask for anything
}

// Group is one entry of [[policy.group]]: people under one name.
type Group struct {
	Name    string   `toml:"name"`
	Members []string `toml:"members"` // names of people, "group:NAME", "principal:NAME"
}

// The effects of a rule. A deny wins over every allow, wherever it stands.
const (
	effectAllow = "allow"
	effectDeny  = "deny"
)

// Rule is one entry of [[policy.rule]]. It speaks of a request where who,
// devices, capabilities and hours all fit. What is nil is as in [Config].
type Rule struct {
	Name   string `toml:"name"`
	Effect string `toml:"effect"` // "allow", which is the default, or "deny"
	// Who are names of people, "group:NAME", "principal:NAME" of a certificate
	// and "role:NAME"; any of them.
	Who []string `toml:"who"`
	// Devices are selectors such as "site=lyon,name=web-*", of which all parts
	// must hold; any of the selectors is enough, and none is every device.
	Devices []string `toml:"devices"`
	// Capabilities are names, "files.*", "action:*" or "*"; any of them.
	Capabilities []string `toml:"capabilities"`
	Hours        string   `toml:"hours"` // "Mon-Fri 08:00-18:00, Sat 09:00-12:00"; empty: always
	Zone         string   `toml:"zone"`  // of the hours: an IANA name

	LongestMinutes *int    `toml:"longest_minutes"`
	ReasonRequired *bool   `toml:"reason_required"`
	ReasonMin      *int    `toml:"reason_min"`
	TicketRequired *bool   `toml:"ticket_required"`
	TicketPattern  *string `toml:"ticket_pattern"`

	Idle        time.Duration `toml:"idle"`         // without input a visit ends after it; 0: never
	Watched     bool          `toml:"watched"`      // a colleague must watch
	Hands       bool          `toml:"hands"`        // who watches may type too
	RecordInput bool          `toml:"record_input"` // what is typed is recorded too
	Replay      bool          `toml:"replay"`       // the user may replay the visit on the device
	AskUser     bool          `toml:"ask_user"`     // no standing consent of a device's owner will do
}

// Defaults are the values in force without a file: one rule, by which a
// technician may ask for everything that a device offers. The zero [Config]
// allows nothing.
func Defaults() Config {
	return Config{
		LongestMinutes: 60, DefaultMinutes: 30, ReasonRequired: true, ReasonMin: 4, Override: OverrideDefaults(),
		Rules: []Rule{{Name: "technicians", Effect: effectAllow, Who: []string{"role:technician"}, Capabilities: []string{"*"}}},
	}
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

// Check refuses single values that can't be, with a [Mistake]. Rules and groups
// are checked by [NewRulebook].
func (c Config) Check() error {
	if err := c.checkTerms(); err != nil {
		return err
	}
	return under("override", c.Override.Check())
}

// checkTerms refuses what can't be asked of a request.
func (c Config) checkTerms() error {
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
	return nil
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
