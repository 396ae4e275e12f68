package gateway

import (
	"cmp"
	"context"
	"strings"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/policy"
)

// personJSON is one person as `people` lists them.
type personJSON struct {
	Name       string      `json:"name"`
	Full       string      `json:"full,omitempty"`
	Roles      []string    `json:"roles"`
	Groups     []string    `json:"groups,omitempty"` // without those by certificates
	Keys       []string    `json:"keys"`             // SHA-256 fingerprints
	Principals []string    `json:"principals,omitempty"`
	Codes      bool        `json:"one_time_codes"`
	Charter    *signedJSON `json:"charter,omitempty"`
	Trained    string      `json:"trained_until,omitempty"`
	Locked     *lockJSON   `json:"locked,omitempty"`
	LastLogin  *time.Time  `json:"last_login,omitempty"`
	// Bars are what keeps the person from any visit now, by name.
	Bars []string `json:"bars,omitempty"`
}

type signedJSON struct {
	Version string    `json:"version"`
	Signed  time.Time `json:"signed"`
}

type lockJSON struct {
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
	Since  time.Time `json:"since"`
}

func (s *session) cmdPeople(ctx context.Context, c *call) error {
	if err := c.none("json"); err != nil {
		return err
	}
	l := s.gateway.law()
	var list []personJSON
	for _, p := range l.people.All() {
		one, err := s.gateway.personJSON(ctx, l, p)
		if err != nil {
			return err
		}
		list = append(list, one)
	}
	if c.has("json") {
		return s.printJSON(list)
	}
	rows := make([][]string, 0, len(list))
	for _, p := range list {
		rows = append(rows, p.row())
	}
	return s.table([]string{"NAME", "ROLES", "GROUPS", "LOCKED", "CHARTER", "TRAINED UNTIL", "LAST LOGIN", "KEYS"}, rows)
}

func (g *Gateway) personJSON(ctx context.Context, l *law, p policy.Person) (personJSON, error) {
	out := personJSON{
		Name: p.Name, Full: p.Full, Roles: p.Roles, Groups: l.rules.GroupsOf(p, nil), Keys: []string{}, Principals: p.Principals,
		Codes: p.TOTPFile != "", Trained: p.TrainedUntil.String(),
	}
	for _, line := range p.Keys {
		if key, err := policy.ParseKey(line); err == nil { // checked when it was read
			out.Keys = append(out.Keys, gossh.FingerprintSHA256(key))
		}
	}
	st := g.standing(l, p.Name)
	if !st.Signed.At.IsZero() {
		out.Charter = &signedJSON{st.Signed.Version, st.Signed.At.UTC()}
	}
	if st.Lock != (policy.Lock{}) {
		out.Locked = &lockJSON{st.Lock.By, st.Lock.Reason, st.Lock.At.UTC()}
	}
	for _, b := range st.Bars(p, time.Now()) {
		out.Bars = append(out.Bars, b.Rule)
	}
	last, err := g.store.LastLogin(ctx, p.Name)
	out.LastLogin = stamp(last)
	return out, err
}

// row is a person as a line of the table.
func (p personJSON) row() []string {
	locked, signed, trained, last := "-", "-", "-", "-"
	if p.Locked != nil {
		locked = "by " + p.Locked.By
	}
	if p.Charter != nil {
		signed = p.Charter.Version + ", " + p.Charter.Signed.Local().Format(time.DateOnly)
	}
	if p.Trained != "" {
		trained = p.Trained
	}
	if p.LastLogin != nil {
		last = since(*p.LastLogin)
	}
	return []string{p.Name, strings.Join(p.Roles, ","), cmp.Or(strings.Join(p.Groups, ","), "-"), locked, signed, trained, last, strings.Join(p.Keys, " ")}
}
