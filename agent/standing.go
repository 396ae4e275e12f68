package agent

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"accord/config"
	"accord/policy"
	"accord/wire"
)

// standingMost bounds the standing consents of a device, and groupsMost the
// groups of one.
const (
	standingMost = 32
	groupsMost   = 64
)

// Standing is the owner's consent in advance, for a device at which nobody
// sits: `[[agent.standing]]`. It stands in the device's own file, and no gateway
// can widen it.
type Standing struct {
	Name           string   `toml:"name"`            // said in the receipt and on the screens
	Groups         []string `toml:"groups"`          // the technician is in one of them
	Capabilities   []string `toml:"capabilities"`    // all that is asked for is among them
	Hours          string   `toml:"hours"`           // "Mon-Fri 08:00-18:00"; empty: always
	Zone           string   `toml:"zone"`            // of Hours
	LongestMinutes int      `toml:"longest_minutes"` // of a visit; 0: as long as was asked for
}

// checkStanding refuses standing consents that can't be, and any on a device
// where somebody is to be asked.
func (c Config) checkStanding() error {
	if c.Class != wire.Attended && c.Class != wire.Unattended {
		return config.Badf("class", "%q is no class of devices; write %q or %q", c.Class, wire.Attended, wire.Unattended)
	}
	if len(c.Standing) > 0 && c.Class != wire.Unattended {
		return config.Badf("standing", `a consent in advance is only for a device whose class is "unattended"; remove it, or change agent.class`)
	}
	if len(c.Standing) > standingMost {
		return config.Badf("standing", "%d are too many; up to %d are allowed", len(c.Standing), standingMost)
	}
	for i, s := range c.Standing {
		if slices.ContainsFunc(c.Standing[:i], func(o Standing) bool { return o.Name == s.Name }) {
			return config.Badf(fmt.Sprintf("standing[%d].name", i), "%q stands twice", s.Name)
		}
		if err := s.check(c); err != nil {
			return config.Under(fmt.Sprintf("standing[%d]", i), err)
		}
	}
	return nil
}

func (s Standing) check(c Config) error {
	switch {
	case s.Name == "" || wire.Clean(s.Name, wire.MaxName) != s.Name:
		return config.Badf("name", "%.60q is no name; write a few words for the receipt, such as \"servers at night\"", s.Name)
	case len(s.Groups) == 0 || len(s.Groups) > groupsMost:
		return config.Badf("groups", "%d groups are named; 1 to %d are needed, or nobody is meant", len(s.Groups), groupsMost)
	case len(s.Capabilities) == 0:
		return config.Badf("capabilities", `none is named, so nothing is allowed; write for example ["shell"]`)
	case s.LongestMinutes < 0 || s.LongestMinutes > int(wire.VisitLongest/time.Minute):
		return config.Badf("longest_minutes", "%d is impossible; 1 to %d are allowed", s.LongestMinutes, int(wire.VisitLongest/time.Minute))
	}
	for i, g := range s.Groups {
		if g == "" || strings.Contains(g, " ") || wire.Clean(g, wire.MaxName) != g {
			return config.Badf(fmt.Sprintf("groups[%d]", i), "%.60q is no name of a group", g)
		}
	}
	for i, name := range s.Capabilities {
		action, is := wire.Capability(name).Action()
		declared := slices.ContainsFunc(c.Actions, func(a Action) bool { return a.Name == action })
		if !wire.Capability(name).Valid() || is && !declared {
			return config.Badf(fmt.Sprintf("capabilities[%d]", i), "%.60q is nothing that this device could allow", name)
		}
	}
	_, err := policy.ReadHours(s.Hours, s.Zone)
	return err
}

// standing is the consent in advance that answers a request now; nil where the
// user is to be asked. It never answers where the gateway's policy wants the
// user asked all the same.
func (c Config) standing(req *wire.Request, at time.Time) *Standing {
	if c.Class != wire.Unattended || req.AskUser || req.Override != nil {
		return nil
	}
	i := slices.IndexFunc(c.Standing, func(s Standing) bool { return s.covers(req, at) })
	if i < 0 {
		return nil
	}
	return &c.Standing[i]
}

func (s Standing) covers(req *wire.Request, at time.Time) bool {
	hours, err := policy.ReadHours(s.Hours, s.Zone)
	if err != nil || !hours.At(at) {
		return false
	}
	if !slices.ContainsFunc(req.Technician.Groups, func(g string) bool { return slices.Contains(s.Groups, g) }) {
		return false
	}
	return !slices.ContainsFunc(req.Capabilities, func(c wire.Capability) bool { return !slices.Contains(s.Capabilities, string(c)) })
}

// minutes is how long a visit may be that was asked for so long.
func (s Standing) minutes(asked int) int {
	if s.LongestMinutes == 0 {
		return asked
	}
	return min(asked, s.LongestMinutes)
}

// stand answers a request by the owner's consent in advance.
func (a *Agent) stand(c *wire.Consent, s *Standing, login string) {
	t, req := now(), &c.Request
	until := t.add(time.Duration(s.minutes(req.Minutes)) * time.Minute)
	a.mu.Lock()
	err := a.judge.approve(req.Visit, c.Nonce, req.Capabilities, login, until, t)
	a.mu.Unlock()
	if err != nil {
		a.unasked(c, err)
		return
	}
	end := until.wall.UTC()
	c.Answered, c.Choice, c.Standing = t.wall.UTC(), wire.Approve, s.Name
	c.Granted, c.Login, c.Until = slices.Clone(req.Capabilities), login, &end
	if a.far != nil {
		c.Text = farStanding
	}
	a.log.Info("the owner's standing consent opens a visit", "standing", s.Name, "visit", req.Visit, "technician", req.Technician.Name)
}
