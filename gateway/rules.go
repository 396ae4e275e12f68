package gateway

import (
	"cmp"
	"context"
	"strings"

	"accord/config"
	"accord/policy"
)

// rulesJSON is what `rules --json` says: what is in force, as the file has it.
type rulesJSON struct {
	Rules  []ruleJSON  `json:"rules"`
	Groups []groupJSON `json:"groups"`
}

type groupJSON struct {
	Name    string   `json:"name"`
	Members []string `json:"members"`
}

// ruleJSON is one rule. Terms that it doesn't name itself are left out: they
// are those of [policy].
type ruleJSON struct {
	Name           string   `json:"name"`
	Effect         string   `json:"effect"`
	Who            []string `json:"who"`
	Devices        []string `json:"devices"` // none: every device
	Capabilities   []string `json:"capabilities"`
	Hours          string   `json:"hours,omitempty"`
	Zone           string   `json:"zone,omitempty"`
	LongestMinutes *int     `json:"longest_minutes,omitempty"`
	ReasonRequired *bool    `json:"reason_required,omitempty"`
	ReasonMin      *int     `json:"reason_min,omitempty"`
	TicketRequired *bool    `json:"ticket_required,omitempty"`
	TicketPattern  *string  `json:"ticket_pattern,omitempty"`
	Idle           string   `json:"idle,omitempty"`
	Watched        bool     `json:"watched,omitempty"`
	Hands          bool     `json:"hands,omitempty"`
	RecordInput    bool     `json:"record_input,omitempty"`
	Replay         bool     `json:"replay,omitempty"`
}

func (s *session) cmdRules(_ context.Context, c *call) error {
	if err := c.none("json"); err != nil {
		return err
	}
	p := s.gateway.law().policy
	if c.has("json") {
		return s.printJSON(rulesOf(p))
	}
	rows := make([][]string, 0, len(p.Rules))
	for _, r := range p.Rules {
		hours := "always"
		if r.Hours != "" {
			hours = r.Hours + " " + r.Zone
		}
		rows = append(rows, []string{
			r.Name, effect(r), strings.Join(r.Who, " "), cmp.Or(strings.Join(r.Devices, " "), "every device"), strings.Join(r.Capabilities, " "),
			hours, strings.Join(r.Terms(), "; "),
		})
	}
	if err := s.table([]string{"RULE", "EFFECT", "WHO", "DEVICES", "CAPABILITIES", "HOURS", "TERMS"}, rows); err != nil {
		return err
	}
	if len(p.Groups) == 0 {
		return nil
	}
	s.print("\n")
	rows = nil
	for _, g := range p.Groups {
		rows = append(rows, []string{g.Name, strings.Join(g.Members, " ")})
	}
	return s.table([]string{"GROUP", "MEMBERS"}, rows)
}

func effect(r policy.Rule) string { return cmp.Or(r.Effect, "allow") }

func rulesOf(p policy.Config) rulesJSON {
	out := rulesJSON{Rules: []ruleJSON{}, Groups: []groupJSON{}}
	for _, r := range p.Rules {
		j := ruleJSON{
			Name: r.Name, Effect: effect(r), Who: append([]string{}, r.Who...), Devices: append([]string{}, r.Devices...),
			Capabilities: append([]string{}, r.Capabilities...), Hours: r.Hours, Zone: r.Zone,
			LongestMinutes: r.LongestMinutes, ReasonRequired: r.ReasonRequired, ReasonMin: r.ReasonMin,
			TicketRequired: r.TicketRequired, TicketPattern: r.TicketPattern,
			Watched: r.Watched, Hands: r.Hands, RecordInput: r.RecordInput, Replay: r.Replay,
		}
		if r.Idle > 0 {
			j.Idle = config.Duration(r.Idle)
		}
		out.Rules = append(out.Rules, j)
	}
	for _, g := range p.Groups {
		out.Groups = append(out.Groups, groupJSON{g.Name, append([]string{}, g.Members...)})
	}
	return out
}
