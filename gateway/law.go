package gateway

import (
	"errors"

	"accord/policy"
)

// law is what the configuration says of people and of what they may do. It
// never changes: reading the configuration anew puts another in its place, all
// of it at once. Whoever decides something takes it once, by [Gateway.law], and
// keeps to that one until the decision is made.
type law struct {
	policy policy.Config
	rules  *policy.Rulebook
	people *policy.People
}

// newLaw checks and indexes what the configuration says. Without people nobody
// could ever log in, which is no law.
func newLaw(o Options) (*law, error) {
	if len(o.People) == 0 {
		return nil, errors.New("the gateway knows no people, so nobody could log in: add [[people]] with name, keys and roles to the configuration")
	}
	people, err := policy.NewPeople(o.People, nil)
	if err != nil {
		return nil, err
	}
	rules, err := policy.NewRulebook(o.Policy, o.People)
	if err != nil {
		return nil, err
	}
	return &law{policy: o.Policy, rules: rules, people: people}, nil
}

// law is the one in force now.
func (g *Gateway) law() *law { return g.inForce.Load() }

// find is who somebody is by this law: found by what they proved at the door,
// never by a name. A key that is another's by now is not theirs any more.
func (l *law) find(p person) (policy.Person, bool) {
	found, ok := l.people.Find(p.key)
	return found, ok && found.Name == p.Name
}

// me is the session's person as the law has them now; nobody, who may do
// nothing, where it has them no longer.
func (s *session) me() policy.Person {
	found, ok := s.gateway.law().find(s.person)
	if !ok {
		return policy.Person{}
	}
	return found
}
