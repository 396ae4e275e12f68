package policy

import (
	"fmt"
	"strings"
)

// Command is a management command: `ssh gw COMMAND`.
type Command string

// The commands.
const (
	Devices Command = "devices" // list them
	// ClientConfig prints what a client's configuration needs to reach them.
	ClientConfig Command = "config"
	ExplainOwn   Command = "explain" // what Decide says, and why
	// ExplainOthers is the same about somebody else: `explain` with a name.
	ExplainOthers Command = "explain others"
	Rules         Command = "rules"      // those in force, and groups
	Visits        Command = "visits"     // list those that are open
	Watch         Command = "watch"      // see one live; which, [MayWatch] says
	Say           Command = "say"        // a line in one; in which, [MaySay] says
	Kill          Command = "kill"       // end one
	Recordings    Command = "recordings" // list them
	Play          Command = "play"
	Verify        Command = "verify" // a recording's chain and seal
	Audit         Command = "audit"  // read the log
	Enroll        Command = "enroll" // make a token for a new device
	Status        Command = "status" // how the gateway fares
	// DevicesRelease ends a quarantine.
	DevicesRelease Command = "devices release"
	DevicesRename  Command = "devices rename"
	DevicesLabel   Command = "devices label"
	DevicesRetire  Command = "devices retire" // take one out of service for good
	// DevicesKeyRotate has a device make itself another key.
	DevicesKeyRotate Command = "devices key-rotate"
	// DevicesUpdate has devices run another release of the agent; DevicesUpdates lists
	// which they run, and what became of the orders.
	DevicesUpdate  Command = "devices update"
	DevicesUpdates Command = "devices updates"

	PeopleList   Command = "people"       // list them
	LockPerson   Command = "lock"         // bar one
	UnlockPerson Command = "unlock"       // see [MayUnlock] too
	CharterList  Command = "charter"      // who signed it
	CharterShow  Command = "charter show" // its text
	CharterSign  Command = "charter sign" // for oneself
)

// The commands about overrides of the user's consent.
const (
	OverrideRequest Command = "override request"
	OverrideDrill   Command = "override drill" // ask for one that opens nothing
	OverrideOpen    Command = "override open"  // use one
	OverrideList    Command = "override list"
	OverrideShow    Command = "override show" // the statement, to be signed
	OverrideApprove Command = "override approve"
	OverrideDeny    Command = "override deny"
	OverrideReview  Command = "override review"
	RosterList      Command = "override roster" // which list of supervisors is in force where
	RosterShow      Command = "override roster show"
	RosterSign      Command = "override roster sign"
)

// Commands are all commands, as help lists them.
func Commands() []Command {
	return []Command{Devices, ClientConfig, ExplainOwn, ExplainOthers, Rules, Visits, Watch, Say, Kill, Recordings, Play, Verify, Audit, Status, Enroll, DevicesRelease, DevicesRename, DevicesLabel, DevicesRetire, DevicesKeyRotate, DevicesUpdate, DevicesUpdates,
		PeopleList, LockPerson, UnlockPerson, CharterList, CharterShow, CharterSign,
		OverrideRequest, OverrideDrill, OverrideOpen, OverrideList, OverrideShow, OverrideApprove, OverrideDeny, OverrideReview,
		RosterList, RosterShow, RosterSign}
}

// roles is the one table of who may run what.
func (c Command) roles() []Role {
	switch c {
	case Devices, ClientConfig, ExplainOwn, CharterShow, CharterSign:
		return Roles()
	case Visits:
		return []Role{Supervisor, Auditor}
	case Watch, Say:
		return []Role{Technician, Supervisor}
	case Audit: // supervisors see in it who refused, and why
		return []Role{Supervisor, Auditor}
	case Kill, OverrideApprove, RosterSign:
		return []Role{Supervisor}
	case OverrideDeny: // a technician takes back what they asked for
		return []Role{Supervisor, Technician}
	case OverrideRequest, OverrideDrill, OverrideOpen:
		return []Role{Technician}
	case OverrideList, OverrideShow: // a technician sees their own
		return []Role{Technician, Supervisor, Auditor}
	case OverrideReview:
		return []Role{Supervisor, Auditor}
	case LockPerson:
		return []Role{Supervisor, Admin}
	case RosterList, RosterShow, ExplainOthers, Rules, PeopleList, CharterList, Status, DevicesUpdates:
		return []Role{Supervisor, Auditor, Admin}
	case Recordings, Play, Verify:
		return []Role{Auditor}
	case Enroll, DevicesRelease, DevicesRename, DevicesLabel, DevicesRetire, DevicesKeyRotate, DevicesUpdate, UnlockPerson:
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
