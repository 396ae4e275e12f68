package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Command is a management command: `ssh gw COMMAND`.
type Command string

// The commands.
const (
	Devices    Command = "devices"    // list them
	Explain    Command = "explain"    // what Decide says, and why
	Visits     Command = "visits"     // list those that are open
	Kill       Command = "kill"       // end one
	Recordings Command = "recordings" // list them
	Play       Command = "play"
	Verify     Command = "verify" // a recording's chain and seal
	Audit      Command = "audit"  // read the log
	Enroll     Command = "enroll" // make a token for a new device
	Manage     Command = "manage" // rename, release or remove a device
)

// Commands are all commands, as help lists them.
func Commands() []Command {
	return []Command{Devices, Explain, Visits, Kill, Recordings, Play, Verify, Audit, Enroll, Manage}
}

// roles is the one table of who may run what.
func (c Command) roles() []Role {
	switch c {
	case Devices, Explain:
		return Roles()
	case Visits:
		return []Role{Supervisor, Auditor}
	case Audit: // supervisors see in it who refused, and why
		return []Role{Supervisor, Auditor}
	case Kill:
		return []Role{Supervisor}
	case Recordings, Play, Verify:
		return []Role{Auditor}
	case Enroll, Manage:
		return []Role{Admin}
	}
	return nil
}

// May says whether a person may run a command, and if not, why, in a sentence
// for them. The name of the command may be anything.
func May(p Person, c Command) (bool, string) {
	allowed := c.roles()
	if allowed == nil {
		return false, fmt.Sprintf("There is no command %.40q; `help` lists them.", string(c))
	}
	names := make([]string, 0, len(allowed))
	for _, r := range allowed {
		if p.Has(r) {
			return true, ""
		}
		names = append(names, string(r))
	}
	return false, fmt.Sprintf("%s needs the role %s, and you don't have it; an admin can give it to you.", c, strings.Join(names, " or "))
}

// MayCommands are the commands that a person may run, for their help.
func MayCommands(p Person) []Command {
	return slices.DeleteFunc(Commands(), func(c Command) bool {
		ok, _ := May(p, c)
		return !ok
	})
}
