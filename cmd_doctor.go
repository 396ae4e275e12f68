package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"accord/agent"
	"accord/doctor"
	"accord/gateway"
	"accord/wire"
)

func doctorVerb() verb {
	return verb{
		name:  "doctor",
		usage: "[--config FILE] [--json] [gateway | device]",
		line:  "look whether gateway and device are well, and say what to do",
		help: `Looks at the gateway or the device on this machine, or both, while they run or
are stopped: the configuration, keys and pins, folders and the socket, the
database, recordings, room on the disks, ports, the clock, how the device's user
would be reached, and from a device the gateway itself: whether it answers and
proves the pinned key. It changes nothing, starts nothing and takes no lock.

Each finding is a line: ok, look (it works, and deserves a second look, or could
not be seen) or bad; then what to do. As root it sees everything; any account
may run it and reads what it could not see.

The clocks of device and gateway may be 30 s apart; from 5 minutes on it is bad.

Options:
  -c, --config FILE   the configuration; else gateway.toml and agent.toml in
                      /etc/accord, else what 'accord up' keeps in .accord here
  -j, --json          for programs: an array of findings

Exit code: 0 all is well, 1 something deserves a look, 2 something is bad, or
the command line is wrong.

Examples:
  accord doctor
  accord doctor device --json | jq -r '.[] | select(.verdict != "ok") | .says'`,
		run: runDoctor,
	}
}

// patient is a part of this machine that the doctor looks at.
type patient struct {
	part string // "gateway" or "device"
	path string // of its configuration; empty: the defaults
	// here is the folder of an `accord up`, which keeps everything below it.
	here string
}

func runDoctor(ctx context.Context, c *call, args []string) error {
	fs := flags("doctor")
	path := stringFlag(fs, "config", "c", "")
	asJSON := boolFlag(fs, "json", "j")
	rest, err := parse(c, fs, args, 1)
	if err != nil {
		return err
	}
	part := ""
	if len(rest) == 1 {
		if part = rest[0]; part != "gateway" && part != "device" {
			return usage("doctor", "%q is neither gateway nor device", part)
		}
	}
	all := []doctor.Finding{}
	for _, p := range patients(part, *path) {
		all = append(all, p.examine(ctx)...)
	}
	if len(all) == 0 {
		r := doctor.New("machine")
		r.Bad("config", "name the configuration with --config, or say gateway or device", "Nothing of Accord was found on this machine.")
		all = r.Findings
	}
	if *asJSON {
		if err := writeJSON(c, all); err != nil {
			return err
		}
	} else if err := tellFindings(c, all); err != nil {
		return err
	}
	switch doctor.Worst(all) {
	case doctor.Bad:
		return exitStatus(exitBad)
	case doctor.Look:
		return exitStatus(exitLook)
	}
	return nil
}

// Exit codes of the doctor, as its help lists them.
const (
	exitLook = 1
	exitBad  = 2
)

// patients are the parts to look at: the one that is named, else what there are
// traces of.
func patients(part, path string) []patient {
	var found []patient
	for _, p := range []patient{{part: "gateway"}, {part: "device"}} {
		if part != "" && part != p.part {
			continue
		}
		name := map[string]string{"gateway": "gateway.toml", "device": "agent.toml"}[p.part]
		if p.path = installed(path, name); p.path == "" && there(".accord") {
			p.here = ".accord"
		}
		if part != "" || p.traces(path != "") {
			found = append(found, p)
		}
	}
	return found
}

// traces reports whether this machine has the part. named says that the
// configuration was named, and may be that of either.
func (p patient) traces(named bool) bool {
	f, err := p.read()
	if err != nil {
		return true // which is a finding
	}
	if p.part == "gateway" {
		return len(f.People) > 0 || there(f.Gateway.State)
	}
	return there(f.Agent.State) || p.path != "" && (!named || len(f.People) == 0)
}

// there reports whether there is something of that name, or something that can't
// be looked at.
func there(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// read reads the configuration, with the folders of an `accord up`.
func (p patient) read() (File, error) {
	f, err := readFile(p.path, false)
	if err == nil && p.here != "" {
		f.Gateway.State, f.Recordings.Dir = filepath.Join(p.here, "gateway"), filepath.Join(p.here, "recordings")
		f.Agent.State, f.Agent.Socket, f.Agent.Gateway = filepath.Join(p.here, "agent"), "", ""
	}
	return f, err
}

// examine looks at one part.
func (p patient) examine(ctx context.Context) []doctor.Finding {
	r := doctor.New(p.part)
	f, err := p.read()
	switch {
	case err == nil:
	case r.Unseen("config", "The configuration "+p.path, err):
		return r.Findings
	default:
		r.Bad("config", "mend that line; accord check FILE reads it again", "The configuration can't be used: %s.", strings.TrimSuffix(wire.Clean(err.Error(), wire.MaxReason), "."))
		return r.Findings
	}
	p.config(f, r)
	if p.part == "gateway" {
		gateway.Examine(ctx, gatewayOptions(f), p.here == "", r)
	} else {
		agent.Examine(ctx, f.Agent, r)
	}
	return r.Findings
}

// config says which configuration it is, and what `accord check` says of it.
func (p patient) config(f File, r *doctor.Report) {
	switch {
	case p.here != "":
		r.OK("config", "This is what accord up keeps in %s; people and ports are of its run.", p.here)
		return
	case p.path == "":
		r.OK("config", "There is no configuration file, so the defaults are in force.")
	default:
		r.OK("config", "The configuration is %s, and it can be read.", p.path)
	}
	remarks := doubts(p.path, f)
	if p.part == "gateway" {
		remarks = append(notes(p.path, f), remarks...)
	}
	for _, n := range remarks {
		r.Look("config", "accord check "+p.path+" says more", "%s.", strings.TrimSuffix(n, "."))
	}
}

// tellFindings writes a finding a line, and what to do below it.
func tellFindings(c *call, all []doctor.Finding) error {
	var b strings.Builder
	count, part := map[doctor.Verdict]int{}, ""
	for _, f := range all {
		if f.Part != part {
			part = f.Part
			fmt.Fprintf(&b, "%s\n", part)
		}
		count[f.Verdict]++
		fmt.Fprintf(&b, "  %-4s  %-10s  %s\n", f.Verdict, f.Area, wire.Clean(f.Says, 2*wire.MaxReason))
		if f.Do != "" {
			fmt.Fprintf(&b, "        %-10s  → %s\n", "", wire.Clean(f.Do, wire.MaxReason))
		}
	}
	fmt.Fprintf(&b, "%d ok, %d to look at, %d bad\n", count[doctor.OK], count[doctor.Look], count[doctor.Bad])
	_, err := fmt.Fprint(c.stdout, b.String())
	return err
}
