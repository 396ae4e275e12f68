package main

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// version and made are set by the linker: -X main.version=v1.2.3, and when the
// commit was made, as RFC 3339 writes it. Nothing else writes them.
var version, made string

// build says which program this is.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"` // built from files that were not committed
	// Made is when the commit was made: by it a newer release is told from an older.
	Made     time.Time `json:"made,omitzero"`
	Go       string    `json:"go"`
	Platform string    `json:"platform"`
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
		case "vcs.time":
			b.Made, _ = time.Parse(time.RFC3339, s.Value)
		}
	}
	if at, err := time.Parse(time.RFC3339, made); err == nil {
		b.Made = at
	}
	b.Made = b.Made.UTC()
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
