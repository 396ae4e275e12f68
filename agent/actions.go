package agent

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"accord/agent/proc"
	"accord/config"
	"accord/wire"
	"accord/wire/files"
)

// Limits of actions.
const (
	actionsMost    = 32
	argumentsMost  = 64
	argumentBytes  = 4 << 10
	actionTimeout  = time.Minute // where the file names none
	actionLongest  = wire.VisitLongest
	actionShortest = time.Second
)

// Action is a command that the device's owner declares, offered without a
// shell: `[[agent.action]]`.
type Action struct {
	Name    string        `toml:"name"`
	About   string        `toml:"about"`   // one line, for the prompt and the form
	Command []string      `toml:"command"` // a program by its absolute path, and its arguments
	User    string        `toml:"user"`    // account that it runs as; empty: the agent's own
	Timeout time.Duration `toml:"timeout"` // when it is killed; 0: after a minute
}

func (a Action) capability() wire.Capability { return wire.ActionCapability(a.Name) }

func (a Action) longest() time.Duration {
	if a.Timeout == 0 {
		return actionTimeout
	}
	return a.Timeout
}

// checkActions refuses what can't be declared.
func (c Config) checkActions() error {
	if len(c.Actions) > actionsMost {
		return config.Badf("action", "%d actions are too many; up to %d are allowed", len(c.Actions), actionsMost)
	}
	for i, a := range c.Actions {
		if slices.ContainsFunc(c.Actions[:i], func(b Action) bool { return b.Name == a.Name }) {
			return config.Badf(fmt.Sprintf("action[%d].name", i), "%q stands twice", a.Name)
		}
		if err := a.check(); err != nil {
			return config.Under(fmt.Sprintf("action[%d]", i), err)
		}
	}
	return nil
}

func (a Action) check() error {
	switch {
	case !a.capability().Valid():
		return config.Badf("name", "%q is no name of an action; up to 32 lower case letters, digits and - are allowed", a.Name)
	case a.About == "" || wire.Clean(a.About, wire.MaxName) != a.About:
		return config.Badf("about", "%.70q does not fit; write up to %d characters for the person who is asked, such as \"isolate from the network\"", a.About, wire.MaxName)
	case len(a.Command) == 0 || !filepath.IsAbs(a.Command[0]):
		return config.Badf("command", `a list is expected whose first entry is the absolute path of a program, such as ["/usr/sbin/poweroff"]`)
	case len(a.Command) > argumentsMost || len(strings.Join(a.Command, " ")) > argumentBytes || strings.ContainsRune(strings.Join(a.Command, ""), 0):
		return config.Badf("command", "up to %d entries and %d bytes are allowed, without NUL", argumentsMost, argumentBytes)
	case a.User != "" && !wire.ValidLogin(a.User):
		return config.Badf("user", "%q can't be the name of an account", a.User)
	case a.Timeout != 0 && (a.Timeout < actionShortest || a.Timeout > actionLongest):
		return config.Badf("timeout", "%s is impossible; %s to %s are allowed", config.Duration(a.Timeout), config.Duration(actionShortest), config.Duration(actionLongest))
	}
	return nil
}

// account is what an action runs as.
func (a Action) account() (proc.Account, error) {
	who, err := proc.Self()
	if a.User == "" || err == nil && a.User == who.Name {
		return who, err
	}
	if !proc.Me().Root() {
		return who, fmt.Errorf("the action %s is to run as %s, but an agent that isn't root can only use its own account", a.Name, a.User)
	}
	return proc.LookupAccount(a.User)
}

// capabilities are what a visit to this device may be granted.
func (a *Agent) capabilities() []wire.Capability {
	if a.far != nil {
		return []wire.Capability{wire.Shell, wire.FilesGet, wire.FilesPut}
	}
	list := append([]wire.Capability{wire.Shell}, a.cfg.Files.capabilities()...)
	if a.screenThere() {
		list = append(list, wire.ScreenView, wire.ScreenControl, wire.ClipboardGet, wire.ClipboardPut)
	}
	if a.cfg.Forward.offered() {
		list = append(list, wire.Forward)
	}
	for _, action := range a.cfg.Actions {
		list = append(list, action.capability())
	}
	return list
}

// abouts are the words of the declared actions, by their capabilities.
func (a *Agent) abouts() map[string]string {
	about := make(map[string]string, len(a.cfg.Actions))
	for _, action := range a.cfg.Actions {
		about[string(action.capability())] = action.About
	}
	return about
}

// action finds a declared action by its capability.
func (a *Agent) action(c wire.Capability) (Action, bool) {
	i := slices.IndexFunc(a.cfg.Actions, func(b Action) bool { return b.capability() == c })
	if i < 0 {
		return Action{}, false
	}
	return a.cfg.Actions[i], true
}

// exec runs what was asked for: a declared action by the name of its
// capability, which no shell ever sees; the other half of a tool that copies
// files; or else a command in the shell.
func (s *session) exec(command string) bool {
	c := wire.Capability(command)
	if _, is := c.Action(); is {
		return s.act(c)
	}
	if tool, is := files.ParseCommand(command); is {
		return s.copyBy(tool, command)
	}
	return s.start(command)
}

// act runs a declared action: as the owner wrote it, with nothing of what the
// technician's client sent, and no longer than its time.
func (s *session) act(c wire.Capability) bool {
	_, err := s.visit.agent.may(s.visit.id(), c)
	action, declared := s.visit.agent.action(c)
	if err == nil && !declared {
		err = fmt.Errorf("this device does not offer %s", c)
	}
	var account proc.Account
	if err == nil {
		account, err = action.account()
	}
	if err != nil {
		s.refuse(err)
		return false
	}
	s.lines, s.pty = s.pty != nil, nil
	if !s.launch(c, proc.Spec{Account: account, Args: action.Command}, nil) {
		return false
	}
	_ = s.proc.Stdin().Close()
	go func() { _, _ = io.Copy(io.Discard, s.ch) }() // ends with the channel; what is piped in goes nowhere
	go s.within(action.longest())
	return true
}

// within kills an action that goes on for too long, and says so.
func (s *session) within(limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-s.ended:
		return
	case <-timer.C:
	}
	said := make(chan struct{})
	go func() { // ends with the channel: a gateway that doesn't read holds up nothing
		defer close(said)
		_, _ = io.WriteString(s.ch.Stderr(), "accord: the action was stopped after "+config.Duration(limit)+"\r\n")
	}()
	select {
	case <-said:
	case <-time.After(wire.Settle):
	}
	s.proc.Kill()
}

// out is where a process's output goes. An action has no terminal; where the
// technician's client has one, its lines end as a terminal's would.
func (s *session) out(w io.Writer) io.Writer {
	if !s.lines {
		return w
	}
	return lineEnds{w}
}

// lineEnds writes CR LF for LF, as ONLCR does (termios(3)).
type lineEnds struct{ w io.Writer }

func (l lineEnds) Write(p []byte) (int, error) {
	if _, err := l.w.Write(bytes.ReplaceAll(p, []byte("\n"), []byte("\r\n"))); err != nil {
		return 0, err
	}
	return len(p), nil
}
