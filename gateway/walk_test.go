package gateway

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"accord/gateway/store"
	"accord/policy"
)

// Every command and every channel with every role, compared with the tables of
// this file. They are written out, so that a change of rights is a change here.

// The roles, as the tables name them.
const (
	technicians = string(policy.Technician) + " "
	supervisors = string(policy.Supervisor) + " "
	auditors    = string(policy.Auditor) + " "
	admins      = string(policy.Admin) + " "
	everybody   = technicians + supervisors + auditors + admins
)

// turn is how a command turns out for somebody.
type turn struct {
	exit int
	says string     // a part of what they read
	logs store.Kind // what they leave in the log; empty: nothing
}

// step is one call of a command.
type step struct {
	command policy.Command
	// line is what is typed. In it ME is who types, VISIT a visit of vic that
	// is open, RECORDING one that is over, CASE an override in the state that
	// setting names.
	line    string
	may     string // the roles for it; who has none of them is refused
	then    turn   // for them
	but     map[string]turn
	setting setting
	tty     bool   // on a terminal, where Ctrl-C is typed
	sign    string // namespace of the signature that is piped in
}

// setting is what must be so before a call.
type setting string

// The settings.
const (
	asItIs    setting = ""
	locked    setting = "vic is locked"
	unlocked  setting = "vic is not locked"
	apart     setting = "the device spare is in quarantine"
	spare     setting = "the device lab-9 is enrolled anew"
	proposed  setting = "a list of supervisors waits"
	waiting   setting = "an override waits: the caller's own where they may ask, else alice's"
	waitingBy setting = "an override of alice waits"
	approved  setting = "that is signed"
	used      setting = "that is used"
	usedBy    setting = "one of alice is used"
)

// unwatchable is what technicians read of a visit that needs no colleague.
const unwatchable = "Without the role supervisor you may only watch visits that a colleague must watch"

// whose is what somebody reads about a case that they may not see.
const whose = "that you may see"

// walk is the table of the commands.
func walk() []step {
	denied := store.LoginDenied
	colleague := turn{exitRefused, unwatchable, denied}
	return []step{
		{command: policy.Devices, line: "devices", may: everybody, then: turn{says: "lab-1"}},
		{command: policy.ClientConfig, line: "config", may: everybody, then: turn{says: "Host lab-1"}},
		{command: policy.ClientConfig, line: "config --ansible", may: everybody, then: turn{says: "lab-1 ansible_host="}},
		{command: policy.DevicesRelease, line: "devices release spare", may: admins, setting: apart, then: turn{0, "released", store.DeviceReleased}},
		{command: policy.DevicesRename, line: "devices rename lab-9 till-9", may: admins, setting: spare, then: turn{0, "is called till-9", store.DeviceRenamed}},
		{command: policy.DevicesLabel, line: "devices label lab-9 site=lyon", may: admins, setting: spare, then: turn{0, "Labels of lab-9: site=lyon", store.DeviceLabelled}},
		{command: policy.DevicesRetire, line: "devices retire lab-9 stolen", may: admins, setting: spare, then: turn{0, "is retired", store.DeviceRetired}},
		{command: policy.DevicesKeyRotate, line: "devices key-rotate lab-9", may: admins, setting: spare, then: turn{exitFailed, "away", ""}},
		{command: policy.DevicesUpdate, line: "devices update lab-9 --back", may: admins, setting: spare, then: turn{0, "what ran before is ordered; the device is away", store.DeviceUpdate}},
		{command: policy.DevicesUpdates, line: "devices updates", may: supervisors + auditors + admins, then: turn{says: "ORDERED"}},
		{command: policy.Enroll, line: "enroll", may: admins, then: turn{0, "accord join", store.TokenMade}},
		{command: policy.ExplainOwn, line: "explain lab-1 shell", may: everybody, then: turn{says: "shell on lab-1"}},
		{command: policy.ExplainOwn, line: "explain ME lab-1 shell", may: everybody, then: turn{says: "shell on lab-1 for ME"}},
		{command: policy.ExplainOthers, line: "explain vic lab-1 shell", may: supervisors + auditors + admins, then: turn{says: "shell on lab-1 for vic"}},
		{command: policy.Rules, line: "rules", may: supervisors + auditors + admins, then: turn{says: "technicians"}},

		{command: policy.Visits, line: "visits --json", may: supervisors + auditors, then: turn{says: "["}},
		{command: policy.Visits, line: "visits", may: supervisors + auditors, tty: true, then: turn{}},
		{
			command: policy.Watch, line: "watch VISIT", may: supervisors + technicians, tty: true, then: turn{logs: store.VisitWatched},
			but: map[string]turn{"alice": colleague, "duo": colleague, "ned": colleague},
		},
		{
			command: policy.Say, line: "say VISIT Mind the queue", may: supervisors + technicians, then: turn{says: "Said to"},
			but: map[string]turn{"alice": colleague, "duo": colleague, "ned": colleague},
		},
		{command: policy.Kill, line: "kill VISIT", may: supervisors, then: turn{0, "is over", store.VisitEnded}},

		{command: policy.Recordings, line: "recordings --json", may: auditors, then: turn{says: "["}},
		{command: policy.Play, line: "play RECORDING", may: auditors, tty: true, then: turn{logs: store.RecordingViewed}},
		{command: policy.Verify, line: "verify RECORDING", may: auditors, then: turn{says: "as it was written"}},
		{command: policy.Audit, line: "audit", may: supervisors + auditors, then: turn{0, "login.accepted", store.LogViewed}},
		{command: policy.Audit, line: "audit --check", may: supervisors + auditors, then: turn{0, "what was signed", store.LogViewed}},

		{command: policy.Status, line: "status", may: supervisors + auditors + admins, then: turn{says: "Devices"}},
		{command: policy.PeopleList, line: "people", may: supervisors + auditors + admins, then: turn{says: "vic"}},
		{command: policy.LockPerson, line: "lock vic", may: supervisors + admins, setting: unlocked, then: turn{0, "vic is locked", store.PersonLocked}},
		{command: policy.UnlockPerson, line: "unlock vic", may: admins, setting: locked, then: turn{0, "vic is unlocked", store.PersonUnlocked}},
		{command: policy.UnlockPerson, line: "unlock ME", may: admins, then: turn{exitRefused, "Nobody unlocks themself", denied}},
		{command: policy.CharterList, line: "charter", may: supervisors + auditors + admins, then: turn{says: "Version 1 of the charter"}},
		{command: policy.CharterShow, line: "charter show", may: everybody, then: turn{says: "Be kind."}},
		{
			command: policy.CharterSign, line: "charter sign", may: everybody, then: turn{says: "You have signed"},
			but: map[string]turn{"ned": {exitFailed, "needs a terminal", ""}},
		},

		{
			command: policy.OverrideRequest, line: "override request lab-1 --reason Fire", may: technicians, then: turn{0, "Override", store.OverrideAsked},
			but: map[string]turn{"ned": {exitRefused, "You have not signed", denied}},
		},
		{
			command: policy.OverrideDrill, line: "override drill lab-1", may: technicians, then: turn{0, "EXERCISE", store.OverrideAsked},
			but: map[string]turn{"ned": {exitRefused, "You have not signed", denied}},
		},
		{
			command: policy.OverrideOpen, line: "override open CASE", may: technicians, setting: approved, then: turn{0, "device: ", store.VisitOpened},
			but: map[string]turn{"ned": {exitFailed, whose, denied}},
		},
		{
			command: policy.OverrideOpen, line: "override open CASE", may: technicians, setting: waitingBy, then: turn{exitRefused, "is for alice", denied},
			but: map[string]turn{"alice": {exitFailed, "can't be used", ""}, "ned": {exitFailed, whose, denied}},
		},
		{command: policy.OverrideList, line: "override list", may: technicians + supervisors + auditors, then: turn{says: "There is no override"}},
		{
			command: policy.OverrideShow, line: "override show CASE", may: technicians + supervisors + auditors, setting: waitingBy, then: turn{says: "technician: alice"},
			but: map[string]turn{"ned": {exitFailed, whose, denied}},
		},
		{
			command: policy.OverrideApprove, line: "override approve CASE", may: supervisors, setting: waitingBy, sign: "override@accord",
			then: turn{0, "is approved", store.OverrideSigned},
		},
		{
			command: policy.OverrideApprove, line: "override approve CASE", may: supervisors, setting: waiting, sign: "override@accord",
			then: turn{0, "is approved", store.OverrideSigned}, but: map[string]turn{"boss": {exitRefused, "another supervisor must sign", denied}},
		},
		{
			command: policy.OverrideDeny, line: "override deny CASE", may: technicians + supervisors, setting: waitingBy, then: turn{0, "is denied", store.OverrideClosed},
			but: map[string]turn{"duo": {exitRefused, "is not yours", denied}, "ned": {exitFailed, whose, denied}},
		},
		{
			command: policy.OverrideDeny, line: "override deny CASE", may: technicians + supervisors, setting: waiting, then: turn{0, "is denied", store.OverrideClosed},
			but: map[string]turn{"ned": {exitFailed, whose, denied}},
		},
		{
			command: policy.OverrideReview, line: "override review CASE --verdict justified --note x", may: supervisors + auditors, setting: used,
			then: turn{0, "is reviewed", store.OverrideSettled},
			but:  map[string]turn{"boss": {exitRefused, "nobody reviews their own", denied}, "duo": {exitRefused, "nobody reviews their own", denied}},
		},
		{
			command: policy.OverrideReview, line: "override review CASE --verdict justified --note x", may: supervisors + auditors, setting: usedBy,
			then: turn{0, "is reviewed", store.OverrideSettled},
		},
		{command: policy.RosterList, line: "override roster", may: supervisors + auditors + admins, then: turn{says: "is in force"}},
		{command: policy.RosterShow, line: "override roster show", may: supervisors + auditors + admins, setting: proposed, then: turn{says: "version: 2"}},
		{
			command: policy.RosterSign, line: "override roster sign", may: supervisors, setting: proposed, sign: "roster@accord",
			then: turn{0, "is in force", store.RosterChanged},
		},
	}
}

// TestWalkNamesAllCommands: a command that the walk doesn't know fails here, and
// so does one of the walk that there is not.
func TestWalkNamesAllCommands(t *testing.T) {
	walked, built := make(map[policy.Command]bool), map[policy.Command]bool{policy.ExplainOthers: true} // that is `explain` with a name
	for _, s := range walk() {
		walked[s.command] = true
	}
	for _, c := range commands() {
		built[c.name] = true
	}
	known := make(map[policy.Command]bool)
	for _, c := range policy.Commands() {
		known[c] = true
	}
	if !maps.Equal(walked, built) || !maps.Equal(built, known) {
		t.Errorf("walked:\n%v\nbuilt:\n%v\nknown to the policy:\n%v", walked, built, known)
	}
}

// TestWalk calls every command as everybody. Who has no role for it is told so,
// with exit status 3 and an entry in the log, and nothing else changes. For who
// has one, it does what it is for.
func TestWalk(t *testing.T) {
	changing := slices.DeleteFunc(walk(), step.idle)
	t.Run("what changes nothing", func(t *testing.T) {
		w := newWalkers(t)
		w.bar("lea")
		w.barred("lea")
		for _, s := range slices.DeleteFunc(walk(), func(s step) bool { return !s.idle() }) {
			for _, p := range w.people() {
				want, _ := s.turnOf(p)
				before := w.seen()
				w.takes(s, p.Name, want)
				if w.seen().state != before.state {
					t.Errorf("%s, %s: it is said to change nothing", p.Name, s.line)
				}
			}
		}
	})
	for _, s := range changing {
		t.Run(strings.TrimSpace(s.line+" "+string(s.setting)), func(t *testing.T) {
			w := newWalkers(t)
			w.bar("lea")
			w.barred("lea")
			// Those who change nothing come first.
			for _, refused := range []bool{true, false} {
				for _, p := range w.people() {
					want, ok := s.turnOf(p)
					if changes := ok && want.exit != exitRefused; changes != refused {
						w.takes(s, p.Name, want)
					}
				}
			}
		})
	}
}

// idle says that a step leaves everything as it was, whoever takes it: what changes
// something is noted in the log.
func (s step) idle() bool {
	changes := func(t turn) bool { return t.exit == exitOK && t.logs != "" }
	return s.setting == asItIs && !s.tty && s.sign == "" && !strings.Contains(s.line, "VISIT") && !strings.Contains(s.line, "RECORDING") &&
		!changes(s.then) && !slices.ContainsFunc(slices.Collect(maps.Values(s.but)), changes)
}

// turnOf is what the table says of a person.
func (s step) turnOf(p policy.Person) (want turn, role bool) {
	if !slices.ContainsFunc(strings.Fields(s.may), func(r string) bool { return p.Has(policy.Role(r)) }) {
		return turn{exitRefused, "needs the role", store.LoginDenied}, false
	}
	if but, ok := s.but[p.Name]; ok {
		return but, true
	}
	return s.then, true
}

// takes has a person take a step and compares.
func (w *walkers) takes(s step, name string, want turn) {
	w.t.Helper()
	line, statement := w.prepare(s, name)
	before := w.seen()
	var got said
	switch {
	case s.tty:
		got = w.onTerminal(name, line)
	case s.sign != "":
		got = w.pipe(name, line, w.sign(w.keys[name], s.sign, statement))
	default:
		got = w.pipe(name, line, nil)
	}
	says := strings.ReplaceAll(want.says, "ME", name)
	if got.status != want.exit || !strings.Contains(got.out+got.errs, says) {
		w.t.Errorf("%s, %s: status %d with %q, want %d with %q", name, line, got.status, got.out+got.errs, want.exit, says)
	}
	after := w.seen()
	if err := before.differs(after, name, want); err != nil {
		w.t.Errorf("%s, %s: %v", name, line, err)
	}
}

// differs says what is not as it should be after somebody has had a turn.
func (before sight) differs(after sight, name string, want turn) error {
	news := after.entries[len(before.entries):]
	if want.exit == exitOK {
		mine := slices.DeleteFunc(slices.Clone(news), func(e store.Entry) bool { return e.Actor != name })
		if want.logs == "" && len(mine) > 0 || want.logs != "" && !slices.ContainsFunc(mine, func(e store.Entry) bool { return e.Kind == want.logs && e.Success }) {
			return fmt.Errorf("in the log stands %v, want %q", mine, want.logs)
		}
		return nil
	}
	if before.state != after.state {
		return fmt.Errorf("it changed\n%s\nto\n%s", before.state, after.state)
	}
	if want.logs == "" && len(news) > 0 || want.logs != "" && (len(news) != 1 || news[0].Kind != want.logs || news[0].Success || news[0].Actor != name) {
		return fmt.Errorf("in the log stands %v, want one of %q and nothing else", news, want.logs)
	}
	if want.logs == store.LoginDenied && (news[0].Data["what"] == "" || news[0].Data["why"] == "") {
		return fmt.Errorf("in the log stands neither what nor why: %v", news)
	}
	return nil
}

// TestHelp: it names to everybody what they have a role for, and nothing else.
func TestHelp(t *testing.T) {
	w := newWalkers(t)
	heads := make(map[policy.Command]string)
	for _, c := range commands() {
		heads[c.name] = "\n  " + strings.TrimSpace(string(c.name)+" "+c.usage) + "\n"
	}
	for _, p := range w.people() {
		help := w.pipe(p.Name, "help", nil)
		for _, s := range walk() {
			_, role := s.turnOf(p)
			head, listed := heads[s.command]
			if listed && strings.Contains(help.out, head) != role {
				t.Errorf("%s: help names %s: %v, want %v", p.Name, s.command, !role, role)
			}
		}
	}
}
