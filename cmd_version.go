package main

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// version is set by the linker: -X main.version=v1.2.3. Nothing else writes it.
var version string

// build says which program this is.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"` // built from files that were not committed
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// thisBuild takes the linker's version, else what the go command stamped in.
func thisBuild() build {
	b := build{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	if b.Version == "" {
		b.Version = strings.Trim(info.Main.Version, "()")
	}
	if b.Version == "" {
		b.Version = "devel"
	}
	return b
}

func versionVerb() verb {
	return verb{
		name:  "version",
		usage: "[--json]",
		line:  "which build this is",
		help: `Says the version, the commit it was built from, the Go release and the platform.

Options:
  -j, --json   for programs

Examples:
  accord version
  accord version --json | jq -r .version`,
		run: runVersion,
	}
}

func runVersion(_ context.Context, c *call, args []string) error {
	fs := flags("version")
	asJSON := boolFlag(fs, "json", "j")
	if _, err := parse(c, fs, args, 0); err != nil {
		return err
	}
	b := thisBuild()
	if *asJSON {
		return writeJSON(c, b)
	}
	line := "accord " + b.Version
	if b.Revision != "" {
		line += " (" + b.Revision
		if b.Modified {
			line += ", with changes"
		}
		line += ")"
	}
	_, err := fmt.Fprintf(c.stdout, "%s, %s, %s\n", line, b.Go, b.Platform)
	return err
}

func writeJSON(c *call, v any) error {
	enc := json.NewEncoder(c.stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
