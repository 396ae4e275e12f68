package gateway

import (
	"errors"
	"fmt"

	"accord/policy"
	"accord/wire"
)

// law is what the configuration says of people and of what they may do. It
// never changes: reading the configuration anew puts another in its place, all
// of it at once. Whoever decides something takes it once, by [Gateway.law], and
// keeps to that one until the decision is made.
type law struct {
	policy policy.Config
	rules  *policy.Rulebook
	people *policy.People
	charter
}

// newLaw checks and indexes what the configuration says. Without people nobody
// could ever log in, which is no law.
func newLaw(o Options) (*law, error) {
	if len(o.People) == 0 {
		return nil, errors.New("the gateway knows no people, so nobody could log in: add [[people]] with name, keys and roles to the configuration")
	}
	people, err := policy.NewPeople(o.People, o.Authorities)
	if err != nil {
		return nil, err
	}
	rules, err := policy.NewRulebook(o.Policy, o.People)
	if err != nil {
		return nil, err
	}
	if err := checkSecrets(o.Config.State, o.People); err != nil {
		return nil, err
	}
	charter, err := readCharter(o.Charter)
	if err != nil {
		return nil, err
	}
	return &law{policy: o.Policy, rules: rules, people: people, charter: charter}, nil
}

// law is the one in force now.
func (g *Gateway) law() *law { return g.inForce.Load() }

// nobody reports that nobody has a name, and which name was surely meant, if any.
func (l *law) nobody(name string) error {
	var names []string
	for _, p := range l.people.All() {
		names = append(names, p.Name)
	}
	name = wire.Clean(name, wire.MaxName)
	if near := wire.Near(name, names); near != "" {
		return fmt.Errorf("nobody is called %s here; did you mean %s?", name, near)
	}
	return fmt.Errorf("nobody is called %s here; `people` lists everybody", name)
}
