// Package doctor is what a gateway or a device finds out about its own state:
// findings, and the looks that both sides have in common, at files, folders and
// disks. It changes nothing, and knows nothing of what it looks at.
package doctor

import (
	"fmt"
	"slices"
)

// Verdict says how bad a finding is.
type Verdict string

// The verdicts.
const (
	OK   Verdict = "ok"
	Look Verdict = "look" // it works, and deserves a second look; or it could not be seen
	Bad  Verdict = "bad"  // it doesn't work, or isn't safe
)

// Finding is one thing that was looked at.
type Finding struct {
	Part    string  `json:"part"` // of the machine: "gateway" or "device"
	Area    string  `json:"area"` // "config", "keys", "disk"
	Verdict Verdict `json:"verdict"`
	Says    string  `json:"says"`         // a sentence
	Do      string  `json:"do,omitempty"` // what to do about it; of what is not ok
}

// Report collects the findings about one part.
type Report struct {
	part     string
	Findings []Finding
}

// New begins the report about a part.
func New(part string) *Report { return &Report{part: part} }

func (r *Report) add(f Finding) {
	f.Part = r.part
	r.Findings = append(r.Findings, f)
}

// OK notes what is well.
func (r *Report) OK(area, format string, args ...any) {
	r.add(Finding{Area: area, Verdict: OK, Says: fmt.Sprintf(format, args...)})
}

// Look notes what deserves a second look, and what to do.
func (r *Report) Look(area, do, format string, args ...any) {
	r.add(Finding{Area: area, Verdict: Look, Says: fmt.Sprintf(format, args...), Do: do})
}

// Bad notes what is wrong, and what to do.
func (r *Report) Bad(area, do, format string, args ...any) {
	r.add(Finding{Area: area, Verdict: Bad, Says: fmt.Sprintf(format, args...), Do: do})
}

// Worst is the worst of some findings; OK for none.
func Worst(all []Finding) Verdict {
	has := func(v Verdict) bool {
		return slices.ContainsFunc(all, func(f Finding) bool { return f.Verdict == v })
	}
	switch {
	case has(Bad):
		return Bad
	case has(Look):
		return Look
	}
	return OK
}
