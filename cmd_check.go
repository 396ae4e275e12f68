package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"accord/config"
	"accord/gateway"
	"accord/policy"
)

func checkVerb() verb {
	return verb{
		name:  "check",
		usage: "[--json] [FILE]",
		line:  "what a configuration puts in force, or what is wrong in it",
		help: `Reads FILE as gateway and agent would and says what is in force: every key
with its value, the rules, who may log in, and what deserves a second look:
rules that can never apply among it. Without FILE it shows the defaults, which
are in force where there is no file.

The first mistake is told in one line with file, line, key and what was
expected; the exit code is then 2.

Options:
  -j, --json   for programs

Examples:
  accord check config.toml
  accord check config.toml --json | jq '.people[].name'
  accord check | grep agent.prompt
  accord check /etc/accord/config.toml && systemctl restart accord-gateway`,
		run: runCheck,
	}
}

// report is what check says.
type report struct {
	File    string         `json:"file,omitempty"`
	InForce map[string]any `json:"in_force"`
	Rules   []string       `json:"rules"`  // a sentence each
	Groups  []string       `json:"groups"` // likewise
	People  []personReport `json:"people"`
	// Authorities are those whose certificates log people in.
	Authorities []authorityReport `json:"authorities"`
	Notes       []string          `json:"notes"`
}

type authorityReport struct {
	Name    string   `json:"name"`
	Key     string   `json:"key"` // SHA-256 fingerprint
	Revoked []string `json:"revoked"`
}

type personReport struct {
	Name  string   `json:"name"`
	Full  string   `json:"full,omitempty"`
	Roles []string `json:"roles"`
	Keys  []string `json:"keys"` // SHA-256 fingerprints

	Principals []string `json:"principals,omitempty"`
	Codes      bool     `json:"one_time_codes"`
	Trained    string   `json:"trained_until,omitempty"`
}

func runCheck(_ context.Context, c *call, args []string) error {
	fs := flags("check")
	asJSON := boolFlag(fs, "json", "j")
	rest, err := parse(c, fs, args, 1)
	if err != nil {
		return err
	}
	path := ""
	if len(rest) == 1 {
		path = rest[0]
	}
	f, err := readFile(path, false)
	if err != nil {
		return &configError{err}
	}
	r := report{
		File: path, InForce: map[string]any{}, Rules: []string{}, Groups: []string{},
		People: reportPeople(f.People), Authorities: reportAuthorities(f.Authorities), Notes: append(notes(path, f), doubts(path, f)...),
	}
	for _, rule := range f.Policy.Rules {
		r.Rules = append(r.Rules, rule.String())
	}
	for _, group := range f.Policy.Groups {
		r.Groups = append(r.Groups, group.String())
	}
	for _, e := range settings(f) {
		r.InForce[e.Key] = e.Value
	}
	if *asJSON {
		return writeJSON(c, r)
	}
	return writeReport(c, r, settings(f))
}

// settings are all keys but those of people, authorities, rules and groups.
func settings(f File) []config.Entry {
	f.Authorities, f.People, f.Policy.Rules, f.Policy.Groups = nil, nil, nil, nil
	return config.Entries(f)
}

func reportPeople(people []policy.Person) []personReport {
	list := make([]personReport, 0, len(people))
	for _, p := range people {
		r := personReport{
			Name: p.Name, Full: p.Full, Roles: p.Roles, Keys: []string{},
			Principals: p.Principals, Codes: p.TOTPFile != "", Trained: p.TrainedUntil.String(),
		}
		for _, line := range p.Keys {
			if key, err := policy.ParseKey(line); err == nil { // checked when it was read
				r.Keys = append(r.Keys, ssh.FingerprintSHA256(key))
			}
		}
		list = append(list, r)
	}
	return list
}

// more is what is said of a person, a line each.
func (p personReport) more() []string {
	lines := slices.Clone(p.Keys)
	if len(p.Principals) > 0 {
		lines = append(lines, "in certificates also "+strings.Join(p.Principals, ", "))
	}
	if p.Codes {
		lines = append(lines, "with one-time codes")
	}
	if p.Trained != "" {
		lines = append(lines, "trained until "+p.Trained)
	}
	return lines
}

func reportAuthorities(authorities []policy.Authority) []authorityReport {
	list := make([]authorityReport, 0, len(authorities))
	for _, a := range authorities {
		r := authorityReport{Name: a.Name, Revoked: append([]string{}, a.Revoked...)}
		if key, err := policy.ParseKey(a.Key); err == nil { // checked when it was read
			r.Key = ssh.FingerprintSHA256(key)
		}
		list = append(list, r)
	}
	return list
}

// notes are what is allowed and yet deserves a second look.
func notes(path string, f File) []string {
	list := []string{}
	if path != "" {
		if err := config.Trusted(path); err != nil {
			list = append(list, err.Error()+"; a gateway and an agent refuse to start from it")
		}
	}
	holders := func(r policy.Role) int {
		n := 0
		for _, p := range f.People {
			if p.Has(r) {
				n++
			}
		}
		return n
	}
	switch {
	case len(f.People) == 0:
		list = append(list, "nobody may log in to a gateway: add [[people]]")
	case holders(policy.Technician) == 0:
		list = append(list, "nobody has the role technician, so nobody may ask for a visit")
	}
	if len(f.People) > 0 && holders(policy.Auditor) == 0 {
		list = append(list, "nobody has the role auditor, so nobody may replay a recording")
	}
	if f.Gateway.Compat {
		list = append(list, "gateway.compat admits older algorithms for everybody")
	}
	return append(list, gateway.PaperNotes(f.Gateway, time.Now())...)
}

// doubts are about rules and groups that can't be meant, with their lines.
func doubts(path string, f File) []string {
	found := f.Policy.Doubts(f.People)
	line := func(string) int { return 0 }
	if path != "" {
		if find, err := config.Lines(path); err == nil {
			line = find
		}
	}
	list := make([]string, 0, len(found))
	for _, m := range found {
		key, text := "policy."+m.Key, "policy."+m.Error()
		if n := line(key); n > 0 {
			text = fmt.Sprintf("%s:%d: %s", path, n, text)
		}
		list = append(list, text)
	}
	return list
}

// writeReport writes what a person reads. Its settings are themselves TOML.
func writeReport(c *call, r report, in []config.Entry) error {
	var b strings.Builder
	name := r.File
	if name == "" {
		name = "Without a file, this"
	}
	fmt.Fprintf(&b, "# %s is in force:\n", name)
	writeSettings(&b, in)
	fmt.Fprint(&b, "\n# Who may ask for what:\n")
	for _, line := range slices.Concat(r.Rules, r.Groups) {
		fmt.Fprintf(&b, "# %s\n", line)
	}
	if len(r.Rules) == 0 {
		fmt.Fprint(&b, "# nobody for anything\n")
	}
	if len(r.People) > 0 {
		fmt.Fprint(&b, "\n# Who may log in:\n")
	}
	for _, p := range r.People {
		who := p.Name
		if p.Full != "" {
			who += " (" + p.Full + ")"
		}
		fmt.Fprintf(&b, "# %s: %s\n", who, strings.Join(p.Roles, ", "))
		for _, more := range p.more() {
			fmt.Fprintf(&b, "#   %s\n", more)
		}
	}
	if len(r.Authorities) > 0 {
		fmt.Fprint(&b, "\n# Whose certificates count:\n")
	}
	for _, a := range r.Authorities {
		fmt.Fprintf(&b, "# %s: %s, %d revoked\n", a.Name, a.Key, len(a.Revoked))
	}
	if len(r.Notes) > 0 {
		fmt.Fprint(&b, "\n# Look again:\n")
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "# %s\n", n)
	}
	_, err := io.WriteString(c.stdout, b.String())
	return err
}

// writeSettings writes one key a line, and which of them are defaults.
func writeSettings(w io.Writer, in []config.Entry) {
	standard := map[string]string{}
	for _, e := range settings(defaults()) {
		standard[e.Key] = e.Literal()
	}
	lines, widest := make([]string, len(in)), 0
	for i, e := range in {
		lines[i] = e.Key + " = " + e.Literal()
		if standard[e.Key] == e.Literal() {
			widest = max(widest, len(lines[i]))
		}
	}
	for i, e := range in {
		if standard[e.Key] == e.Literal() {
			lines[i] = fmt.Sprintf("%-*s  # default", widest, lines[i])
		}
		fmt.Fprintln(w, lines[i])
	}
}
