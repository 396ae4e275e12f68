package proc

import "errors"

// Groups is where the agent makes the groups of its visits.
type Groups struct{ limits Limits }

// Confine says why a visit can't have limits as a whole, if it is to have some.
func Confine(l Limits) (g *Groups, doubt error) {
	g = &Groups{limits: l}
	if l != (Limits{}) {
		doubt = errors.New("this system has no control groups")
	}
	return g, doubt
}

// Visit makes the group of one visit.
func (g *Groups) Visit(string) (*Group, error) { return &Group{limits: g.limits}, nil }

// Group holds all processes of one visit.
type Group struct{ limits Limits }

// End has nothing left to do: the keepers of the visit's processes have killed all
// of them.
func (*Group) End() {}
