package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"accord/agent"
)

func agentVerb() verb {
	return verb{
		name:  "agent",
		usage: "[--config FILE]",
		line:  "run the agent: this device calls home and can be asked for",
		help: `Runs the agent of this device until it is told to stop (Ctrl-C, SIGTERM). It
calls the gateway that the device has joined, asks the person at the device
about each request, and runs what was consented to. Nothing listens on the
network.

As root it can let visits use the accounts in agent.logins; else only its own.

Where agent.update.signers names keys, it takes releases that they have signed
from its gateway when an admin orders it (ssh GATEWAY devices update), runs them
in place of the installed program, and goes back by itself from one that does
not come online.

Options:
  -c, --config FILE   the configuration; else /etc/accord/agent.toml, and
                      without that the defaults, see config.toml

Examples:
  accord agent
  accord agent --config ./agent.toml`,
		run: runAgent,
	}
}

func runAgent(ctx context.Context, c *call, args []string) error {
	fs := flags("agent")
	path := stringFlag(fs, "config", "c", "")
	if _, err := parse(c, fs, args, 0); err != nil {
		return err
	}
	f, err := readConfig(installed(*path, "agent.toml"), true)
	if err != nil {
		return err
	}
	o, err := agentOptions(f, c.logger(c.stderr))
	if err != nil {
		return err
	}
	err = agent.Serve(ctx, o, append(slices.Clone(o.Self), append([]string{"agent"}, args...)...), c.env)
	if status, ok := errors.AsType[agent.Exit](err); ok {
		return exitStatus(status)
	}
	return err
}

func joinVerb() verb {
	return verb{
		name:  "join",
		usage: "[OPTIONS] HOST:PORT|wss://HOST TOKEN",
		line:  "let this device join a gateway, once",
		help: `Enrols this device. An admin gets the whole line from 'ssh GATEWAY enroll';
the token in it serves once and not for long. The device proves itself with a
key of its own, which it makes the first time and keeps, and pins the
gateway's key: from then on it admits that gateway and nobody else. The
supervisors that the gateway names are pinned too, unless agent.supervisors
names the owner's own: only their signed override opens the device without its
user's consent, and only they can change the list.

With wss:// it calls by HTTPS, through the proxy in HTTPS_PROXY where there is
one. The agent then calls by the same way, so its own environment needs
HTTPS_PROXY too. agent.gateway_ca names an authority of your own.

For '-' in place of TOKEN it is read from standard input, where no other account
of the device can see it.

Options:
  -c, --config FILE   the configuration of the agent; else
                      /etc/accord/agent.toml, where there is one
  -n, --name NAME     what the device wants to be called; else agent.name, else
                      the machine's name
  -k, --keep          do nothing where the device has joined that gateway
                      already, and refuse where it has joined another

Examples:
  accord join gateway.example.org:2223 accord1.…
  HTTPS_PROXY=http://proxy:3128 accord join wss://gw.example.org accord1.…
  accord agent`,
		run: runJoin,
	}
}

func runJoin(ctx context.Context, c *call, args []string) error {
	fs := flags("join")
	path := stringFlag(fs, "config", "c", "")
	name := stringFlag(fs, "name", "n", "")
	keep := boolFlag(fs, "keep", "k")
	rest, err := parse(c, fs, args, 2)
	if err != nil {
		return err
	}
	if len(rest) != 2 {
		return usage("join", "name the gateway and the token, as 'ssh GATEWAY enroll' prints them")
	}
	f, err := readConfig(installed(*path, "agent.toml"), true)
	if err != nil {
		return err
	}
	if *name != "" {
		f.Agent.Name = *name
		if err := f.Agent.Check(); err != nil {
			return usage("join", "%s", err)
		}
	}
	o, err := agentOptions(f, c.logger(c.stderr))
	if err != nil {
		return err
	}
	cfg, err := o.Config.Resolved()
	if err != nil {
		return err
	}
	token, err := c.secret(rest[1])
	if err != nil {
		return err
	}
	joined, err := agent.Join(ctx, o, agent.Enrolment{Address: rest[0], Token: token, Name: cfg.Name, Keep: *keep})
	if err != nil {
		return err
	}
	return c.sayJoined(joined, cfg.Name)
}

// secret is a token that stands on the command line or, for "-", on the first
// line of standard input.
func (c *call) secret(word string) (string, error) {
	if word != "-" {
		return word, nil
	}
	line, err := bufio.NewReader(io.LimitReader(c.stdin, 1024)).ReadString('\n')
	if err != nil && line == "" {
		return "", fmt.Errorf("the token can't be read from standard input: %w", err)
	}
	return strings.TrimSpace(line), nil
}

// sayJoined says what the device is now, and whom its owner has given the power
// to open it without a consent.
func (c *call) sayJoined(j *agent.Joined, wished string) error {
	overrides := "It has no supervisors, so no override can open it."
	if len(j.Supervisors) > 0 {
		overrides = fmt.Sprintf("Signatures it takes for an override, %d at a time: %s.", j.Signers, strings.Join(j.Supervisors, ", "))
	}
	if strings.HasPrefix(j.Device, wished+"-") {
		overrides = fmt.Sprintf("Another device has or had the name %s. If that was this one, before its key was lost: ssh GATEWAY devices retire %[1]s, then rename %s.\n", wished, j.Device) + overrides
	}
	_, err := fmt.Fprintf(c.stdout, "This device is %s of %s now. Start it with: accord agent\n%s\n", j.Device, j.Organisation, overrides)
	return err
}
