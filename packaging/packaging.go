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

// The agent's services of the systems that have some. Its configuration is
// /etc/accord/agent.toml.
var (
	//go:embed systemd/accord-agent.service
	agentUnit string // its program is [Program]
	//go:embed launchd/accord.agent.plist
	agentJob string
	//go:embed rc.d/accord_agent
	agentScript string
)

// Managers of services, as push finds them on a host.
const (
	Systemd = "systemd"
	Launchd = "launchd" // of macOS
	RC      = "rc"      // rc(8) of FreeBSD
)

// Service is how the agent is started by a manager of services, with the program
// at /usr/local/bin/accord.
type Service struct {
	Path, Text string // of its file
	Restart    string // what an admin types to start it anew
	Log        string // and to read what it says
}

// AgentService is that of a manager; its Path is empty where there is none.
func AgentService(manager string) Service {
	switch manager {
	case Systemd:
		unit := strings.ReplaceAll(agentUnit, Program+" ", "/usr/local/bin/accord ")
		return Service{"/etc/systemd/system/accord-agent.service", unit, "systemctl restart accord-agent", "journalctl -u accord-agent"}
	case Launchd:
		return Service{"/Library/LaunchDaemons/accord.agent.plist", agentJob, "launchctl kickstart -k system/accord.agent", "tail /var/log/accord-agent.log"}
	case RC:
		return Service{"/usr/local/etc/rc.d/accord_agent", agentScript, "service accord_agent restart", "grep accord-agent /var/log/messages"}
	}
	return Service{}
}

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
