//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"

	"golang.org/x/crypto/ssh"
)

// redial is the longest wait of a device before it calls again, in seconds.
const redial = 1

// startGateway writes the one configuration and starts the gateway. Its limits
// are the ones in force without a file; recording is always on.
func (l *lab) startGateway(ctx context.Context) error {
	err := l.write("config.toml", `[gateway]
listen = %q
agents = %q
state = %q
organisation = "bench"
[agent]
state = %q
name = "bench"
socket = %q
redial = "%ds"
[recordings]
dir = %q
[policy]
default_minutes = 60
reason_required = false
[[people]]
name = "bench"
keys = [%q]
roles = ["technician", "admin"]
`, loopback(l.ports.technicians), loopback(l.ports.agents), l.path("gateway"), l.path("agent"), l.path("sock"), redial,
		l.path("recordings"), l.line)
	if err != nil {
		return err
	}
	return l.restartGateway(ctx)
}

// restartGateway starts the gateway, after its end. It tells of each garbage
// collection in its log, which is how much of its memory is in use.
func (l *lab) restartGateway(ctx context.Context) error {
	l.gateway.stop()
	var err error
	l.gateway, err = start(l.path("gateway.log"), []string{"GODEBUG=gctrace=1"}, l.accord, "gateway", "--config", l.path("config.toml"))
	if err != nil {
		return err
	}
	return l.gateway.answers(ctx, "tcp", loopback(l.ports.agents))
}

// startAgent enrols this machine and starts its agent, with a person who says
// yes to everything.
func (l *lab) startAgent(ctx context.Context) error {
	admin, err := l.admin()
	if err != nil {
		return err
	}
	defer admin.Close()
	token, err := enroll(admin, "bench")
	if err != nil {
		return err
	}
	join := exec.CommandContext(ctx, l.accord, "join", "--config", l.path("config.toml"), loopback(l.ports.agents), token)
	if out, err := join.CombinedOutput(); err != nil {
		return fmt.Errorf("accord join: %w: %s", err, out)
	}
	l.agent, err = start(l.path("agent.log"), nil, l.accord, "agent", "--config", l.path("config.toml"))
	if err != nil {
		return err
	}
	if err := l.agent.answers(ctx, "unix", l.path("sock")); err != nil {
		return err
	}
	l.person, err = newApprover(l.path("sock"))
	return err
}

// admin logs in to the gateway's own commands.
func (l *lab) admin() (*ssh.Client, error) {
	return ssh.Dial("tcp", loopback(l.ports.technicians), &ssh.ClientConfig{
		User: "gw", Auth: []ssh.AuthMethod{ssh.PublicKeys(l.key)},
		HostKeyCallback: ssh.InsecureIgnoreHostKey(), // it is our own, started a moment ago
	})
}

// command runs one of the gateway's commands.
func command(admin *ssh.Client, line string) ([]byte, error) {
	s, err := admin.NewSession()
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return s.Output(line)
}

// enroll asks for a token, as it is given to `accord join`.
func enroll(admin *ssh.Client, name string) (string, error) {
	out, err := command(admin, "enroll --json --name "+name)
	if err != nil {
		return "", fmt.Errorf("enroll %s: %w", name, err)
	}
	var m struct{ Token string }
	err = json.Unmarshal(out, &m)
	return m.Token, err
}

// openVisit opens the visit that everything is measured in, and keeps it open
// with a session that waits for the end of its input.
func (l *lab) openVisit(ctx context.Context) error {
	l.holder = l.ssh(ctx, "accord", "echo open; exec cat")
	in, err := l.holder.StdinPipe()
	if err != nil {
		return err
	}
	l.hold = in
	out, err := l.holder.StdoutPipe()
	if err != nil {
		return err
	}
	if err := l.holder.Start(); err != nil {
		l.holder = nil
		return err
	}
	var word [4]byte
	if _, err := out.Read(word[:]); err != nil {
		return errors.Join(errors.New("the visit did not open"), err)
	}
	return nil
}
