package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"

	"accord/agent"
	"accord/gateway"
)

// configFlag declares --config, the file that most verbs read.
func readConfig(path string, trusted bool) (File, error) {
	f, err := readFile(path, trusted)
	if err != nil {
		return f, &configError{err}
	}
	return f, nil
}

// logger writes for people on a terminal, and one JSON object a line elsewhere.
func (c *call) logger(w io.Writer) *slog.Logger {
	if f, ok := w.(*os.File); ok && f == c.stderr && c.hasTerminal() {
		return slog.New(slog.NewTextHandler(w, nil))
	}
	return slog.New(slog.NewJSONHandler(w, nil))
}

// self is the command that runs this program again.
func self() ([]string, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	return []string{path}, nil
}

// listen takes both ports of a gateway, or neither.
func listen(cfg gateway.Config) (technicians, agents net.Listener, err error) {
	technicians, err = net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, nil, fmt.Errorf("can't listen for technicians on %s (another gateway may be running there): %w", cfg.Listen, err)
	}
	agents, err = net.Listen("tcp", cfg.Agents)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("can't listen for agents on %s (another gateway may be running there): %w", cfg.Agents, err), technicians.Close())
	}
	return technicians, agents, nil
}

// openGateway makes the gateway of a configuration.
func openGateway(ctx context.Context, f File, log *slog.Logger) (*gateway.Gateway, error) {
	return gateway.New(ctx, gateway.Options{
		Config: f.Gateway, Policy: f.Policy, People: f.People, Authorities: f.Authorities, Charter: f.Charter,
		Recordings: f.Recordings, Version: thisBuild().Version, Log: log,
	})
}

// agentOptions are those of a configuration.
func agentOptions(f File, log *slog.Logger) (agent.Options, error) {
	me, err := self()
	return agent.Options{Config: f.Agent, Version: thisBuild().Version, Log: log, Self: me}, err
}

// socketPath is where the agent of this device answers: the flag, the
// environment, or the configuration.
func (c *call) socketPath(flagged, path string) (string, error) {
	if flagged != "" {
		return flagged, nil
	}
	if v := c.getenv("ACCORD_SOCKET"); v != "" {
		return v, nil
	}
	if path == "" {
		const local = ".accord/agent/agent.sock"
		if _, err := os.Stat(local); err == nil {
			return local, nil // an `accord up` in this folder
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("find the agent: %w", err)
		}
	}
	f, err := readConfig(path, false)
	if err != nil {
		return "", err
	}
	cfg, err := f.Agent.Resolved()
	return cfg.Socket, err
}
