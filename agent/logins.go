package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"accord/agent/proc"
	"accord/config"
	"accord/wire"
)

// Limits is the section [agent.limits]: the most that all processes of a visit
// may use together. 0 is as much as the device has.
type Limits struct {
	Tasks     int `toml:"tasks"`      // processes and threads
	MemoryMiB int `toml:"memory_mib"` // of the kernel's count; what needs more is killed
}

// Bounds of the values in [Limits]. A login shell and what it starts first needs
// some dozen tasks.
const (
	tasksLeast  = 64
	tasksMost   = 1 << 22 // Linux's own, PID_MAX_LIMIT
	memoryLeast = 64      // MiB
	memoryMost  = 1 << 30
)

func (l Limits) check() error {
	switch {
	case l.Tasks != 0 && (l.Tasks < tasksLeast || l.Tasks > tasksMost):
		return config.Badf("tasks", "%d is impossible; %d to %d are allowed, and 0 for no limit", l.Tasks, tasksLeast, tasksMost)
	case l.MemoryMiB != 0 && (l.MemoryMiB < memoryLeast || l.MemoryMiB > memoryMost):
		return config.Badf("memory_mib", "%d is impossible; %d to %d are allowed, and 0 for no limit", l.MemoryMiB, memoryLeast, memoryMost)
	}
	return nil
}

func (l Limits) kernel() proc.Limits {
	return proc.Limits{Tasks: l.Tasks, Memory: int64(l.MemoryMiB) << 20}
}

// confine prepares the limits of visits, before anything is started, and says in
// the log what holds.
func (a *Agent) confine() {
	l := a.cfg.Limits
	groups, doubt := proc.Confine(l.kernel())
	a.groups = groups
	if doubt == nil {
		a.log.Info("each visit has a control group", "tasks", l.Tasks, "memory_mib", l.MemoryMiB)
		return
	}
	a.log.Warn("visits are not held to agent.limits by a control group; instead each process is held to agent.limits.tasks, counted by account, which does not bind root",
		"tasks", l.Tasks, "why", doubt)
}

// logins are the accounts that a visit may use, the default first. Without
// root there is only the agent's own.
func (a *Agent) logins() []string {
	list := []string{a.user.Name}
	if !proc.Me().Root() || a.far != nil {
		return list
	}
	for _, l := range a.cfg.Logins {
		if !slices.Contains(list, l) {
			list = append(list, l)
		}
	}
	return list
}

// login is the account for a request.
func (a *Agent) login(wanted string) (string, error) {
	list := a.logins()
	switch {
	case wanted == "" || wanted == list[0]:
		return list[0], nil
	case !proc.Me().Root() && a.far == nil:
		return "", fmt.Errorf("the agent of this device does not run as root, so a visit can only use the account %s, not %s", list[0], wanted)
	case !slices.Contains(list, wanted):
		return "", fmt.Errorf("this device does not let a visit use the account %s", wanted)
	}
	return wanted, nil
}

// logsIn reports whether a capability makes somebody log in to an account. A
// screen is its user's, a forward nobody's, and an action what its owner wrote.
func logsIn(c wire.Capability) bool {
	return c == wire.Shell || c == wire.FilesGet || c == wire.FilesPut
}

// admit asks the device about the account of a request before its user is asked.
func (a *Agent) admit(ctx context.Context, login string, caps []wire.Capability) error {
	if !slices.ContainsFunc(caps, logsIn) {
		return nil
	}
	_, err := a.account(ctx, login, a.cfg.PAM)
	return err
}

// account is one that may log in at this time.
func (a *Agent) account(ctx context.Context, login string, askPAM bool) (proc.Account, error) {
	if a.far != nil {
		return farAccount(login), nil
	}
	found, err := proc.LookupAccount(login)
	if err == nil {
		err = proc.MayLogIn(ctx, found, askPAM)
	}
	return found, err
}

// account is the visit's. PAM is asked once a visit, as sshd asks it once a
// connection, when the account is first used; the device's files each time.
func (v *visit) account(login string) (proc.Account, error) {
	v.mu.Lock()
	asked := v.admitted
	v.mu.Unlock()
	found, err := v.agent.account(context.Background(), login, v.agent.cfg.PAM && !asked)
	if err != nil {
		return found, err
	}
	v.mu.Lock()
	v.admitted = true
	v.mu.Unlock()
	return found, nil
}

// label is how the log of the device tells a visit's processes from others: with
// what its admin needs to ask back.
func (v *visit) label(account, what string) []any {
	t := v.req.Technician
	return []any{"visit", v.id(), "technician", t.Name, "key", t.Key, "ticket", v.req.Ticket, "account", account, "what", what}
}

// began and left say in the device's log who is in it, as which account.
func (s *session) began(account proc.Account, what wire.Capability) {
	s.label = s.visit.label(account.Name, string(what))
	if name := s.proc.TerminalName(); name != "" {
		s.label = append(s.label, "terminal", strings.TrimPrefix(name, "/dev/"))
	}
	s.visit.agent.log.Info("session begins", s.label...)
	if notice := s.proc.Notice(); notice != "" {
		s.visit.agent.log.Warn("the session is not listed by who and last as it should", "visit", s.visit.id(), "error", notice)
	}
}

func (s *session) left(e proc.Exit) {
	s.visit.agent.log.Info("session ends", append(s.label, "status", e.Status, "signal", e.Signal)...)
}
