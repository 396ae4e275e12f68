// Package packaging holds what an installed Accord consists of besides the
// program, so that packages and `accord push` install the same.
package packaging

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// AgentUnit is the agent's systemd unit. Its program is [Program], its
// configuration /etc/accord/agent.toml.
//
//go:embed systemd/accord-agent.service
var AgentUnit string

// Program is where packages put the program.
const Program = "/usr/bin/accord"

// heads begin the configuration of each side.
func heads(side string) (text string, tables []string) {
	switch side {
	case "gateway":
		return `# The gateway's configuration. It needs people before anybody can log in: see
# [[people]] below. Then: systemctl enable --now accord-gateway
`, []string{"gateway", "recordings", "policy", "people", "authorities", "charter"}
	case "agent":
		return `# This device's configuration. Set agent.user to the person who sits here; the rest will do. To join a gateway, use the line
# that its admin prints with ` + "`ssh GATEWAY enroll`" + `: accord join HOST:PORT TOKEN
# Then: systemctl enable --now accord-agent
`, []string{"agent"}
	}
	return "", nil
}

var (
	blank = regexp.MustCompile(`\n{2,}`)
	table = regexp.MustCompile(`(?m)^(?:# )?\[+([a-z]+)`)
	// Behind a firewall of its own a gateway listens for everybody; the sample is
	// for a trial on one machine.
	loopback = regexp.MustCompile(`(?m)^(listen|agents) = "127\.0\.0\.1(:222[23])"`)
)

// Settings is the configuration of one side, "gateway" or "agent", cut from the
// commented sample.
func Settings(side, sample string) (string, error) {
	head, tables := heads(side)
	if head == "" {
		return "", fmt.Errorf("there is no configuration of a %q, only of gateway and agent", side)
	}
	// A block belongs to the first table it names; one that names none, to the
	// one before it.
	kept, in := []string{head}, ""
	for _, block := range blank.Split(strings.Trim(sample, "\n"), -1) {
		if m := table.FindStringSubmatch(block); m != nil {
			in = m[1]
		}
		if slices.Contains(tables, in) {
			kept = append(kept, block+"\n")
		}
	}
	return loopback.ReplaceAllString(strings.Join(kept, "\n"), `$1 = "$2"`), nil
}
