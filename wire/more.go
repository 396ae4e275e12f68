package wire

import (
	"errors"
	"slices"
)

// More asks the device's user for further capabilities in the open visit on
// whose channel it comes: gateway to agent. One is asked at a time; [Prompt]
// and one [Answer] follow. The visit's end does not move.
type More struct {
	Capabilities []Capability `json:"capabilities"`
	AskUser      bool         `json:"ask_user,omitempty"` // no standing consent of the device's owner will do
}

// Withdraw takes the question of the last [More] back: gateway to agent. The
// answer comes all the same, and one that crossed it counts.
type Withdraw struct{}

func (*More) kind() string     { return "more" }
func (*Withdraw) kind() string { return "withdraw" }

func (m *More) check() error { return checkCapabilities(m.Capabilities) }
func (*Withdraw) check() error {
	return nil
}

// Further is the request that the device signs its answer to a [More] for: that
// of the visit, for the further capabilities alone. What opened the visit has
// no part in it.
func (m *More) Further(visit Request, login string) Request {
	visit.Capabilities, visit.AskUser = slices.Clone(m.Capabilities), m.AskUser
	visit.Login, visit.Override = login, nil
	return visit
}

// checkFurther refuses an answer about further capabilities that says more than
// such a one can.
func (c *Consent) checkFurther() error {
	if c.Further && (c.Choice == Overridden || c.Request.Override != nil || len(c.Signers) > 0) {
		return errors.New("further capabilities by an override")
	}
	return nil
}
