package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"accord/agent"
	"accord/wire/release"
)

func releaseVerb() verb {
	return verb{
		name:  "release",
		usage: "[OPTIONS] FOLDER",
		line:  "check a release that devices are to be updated to",
		help: `Checks a release as make dist leaves it in a folder: the manifest, RELEASE; its
signature, RELEASE.sig; and that each program is the one that was signed. It
says what is in it and by which key it is signed. With a device's configuration
it says whether that device takes the signature, too.

A release is signed with stock tools, a key on a FIDO token included:

  ssh-keygen -Y sign -n release@accord -f KEY dist/RELEASE

Options:
  -c, --config FILE   a device's configuration, with agent.update.signers
  -j, --json          for programs

Exit codes: 0 it is good, 1 it is not, 2 wrong call.

Examples:
  accord release dist
  accord release --config /etc/accord/agent.toml /srv/accord/releases/v1.2.0`,
		run: runRelease,
	}
}

// releaseReport is what there is to say of a release.
type releaseReport struct {
	Version  string    `json:"version"`
	Made     time.Time `json:"made"`
	Commit   string    `json:"commit"`
	For      []string  `json:"for"`
	SignedBy string    `json:"signed_by"`        // fingerprint of the key that the signature names
	Signer   string    `json:"signer,omitempty"` // as the device's configuration calls them
}

func runRelease(_ context.Context, c *call, args []string) error {
	fs := flags("release")
	path := stringFlag(fs, "config", "c", "")
	asJSON := boolFlag(fs, "json", "j")
	rest, err := parse(c, fs, args, 1)
	if err != nil {
		return err
	}
	if len(rest) != 1 {
		return usage("release", "name the folder of the release")
	}
	r, err := checkRelease(rest[0])
	if err != nil {
		return err
	}
	if *path != "" {
		f, err := readConfig(*path, false)
		if err != nil {
			return err
		}
		if r.Signer, err = taker(f.Agent.Update, rest[0]); err != nil {
			return err
		}
	}
	if *asJSON {
		return writeJSON(c, r)
	}
	line := fmt.Sprintf("Release %s, commit %s, made %s, for %s.\nAll its programs are those that were signed, by the key %s.\n",
		r.Version, r.Commit, r.Made.Format(time.RFC3339), strings.Join(r.For, ", "), r.SignedBy)
	if r.Signer != "" {
		line += "A device with this configuration takes it as signed by " + r.Signer + ".\n"
	}
	_, err = fmt.Fprint(c.stdout, line)
	return err
}

// checkRelease reads all of a release.
func checkRelease(folder string) (*releaseReport, error) {
	f, err := release.ReadFolder(folder)
	if err != nil {
		return nil, err
	}
	r := &releaseReport{Version: f.Version, Made: f.Made, Commit: f.Commit, SignedBy: f.SignedBy()}
	var errs []error
	for _, p := range f.Programs {
		r.For = append(r.For, p.System+"/"+p.Arch)
		if err := f.Check(p); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", f.File(p), err))
		}
	}
	return r, errors.Join(errs...)
}

// taker is who of a device's signers has signed a release.
func taker(u agent.Update, folder string) (string, error) {
	f, err := release.ReadFolder(folder)
	if err != nil {
		return "", err
	}
	var signers []release.Signer
	for _, line := range u.Signers {
		s, err := release.ParseSigner(line)
		if err != nil {
			return "", err
		}
		signers = append(signers, s)
	}
	_, who, err := release.Open(signers, f.Text, f.Signature)
	return who.Name, err
}
