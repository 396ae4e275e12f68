package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"accord/agent/proc"
	"accord/config"
	"accord/wire"
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
	case a.About == "" || wire.Clean(a.About, wire.MaxLine) != a.About:
		return config.Badf("about", "%.60q says nothing to the person who is asked; write one line, such as \"isolate from the network\"", a.About)
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
	if os.Getuid() != 0 {
		return who, fmt.Errorf("the action %s is to run as %s, but an agent that isn't root can only use its own account", a.Name, a.User)
	}
	return proc.LookupAccount(a.User)
}

// capabilities are what a visit to this device may be granted.
func (a *Agent) capabilities() []wire.Capability {
	list := []wire.Capability{wire.Shell}
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
