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
	"os/signal"
	"path/filepath"
	"syscall"

	"golang.org/x/term"

	"accord/agent"
	"accord/gateway"
)

// readConfig reads the configuration at path, as readFile does.
func readConfig(path string, trusted bool) (File, error) {
	f, err := readFile(path, trusted)
	if err != nil {
		return f, &configError{err}
	}
	return f, nil
}

// installed is the configuration at path; where none is named, the one of an
// installed program, if there is one.
func installed(path, name string) string {
	if path != "" {
		return path
	}
	path = filepath.Join(etc(), name)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	return path // one that can't be looked at is an error where it is read
}

// logger writes for people on a terminal, for the journal where systemd collects
// what is written, and one JSON object a line elsewhere.
func (c *call) logger(w io.Writer) *slog.Logger {
	if f, ok := w.(*os.File); ok && isJournal(f, c.getenv("JOURNAL_STREAM")) {
		return slog.New(newJournal(f))
	}
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

// listen takes all ports of a gateway, or none.
func listen(cfg gateway.Config) (p gateway.Ports, err error) {
	var taken []net.Listener
	take := func(address, whom string) net.Listener {
		if err != nil {
			return nil
		}
		var l net.Listener
		if l, err = net.Listen("tcp", address); err != nil {
			err = fmt.Errorf("can't listen for %s on %s (another gateway may be running there): %w", whom, address, err)
			return nil
		}
		taken = append(taken, l)
		return l
	}
	p.Technicians, p.Agents = take(cfg.Listen, "technicians"), take(cfg.Agents, "agents")
	if cfg.WebSocket.Listen != "" {
		p.WebSocket = take(cfg.WebSocket.Listen, "WebSockets")
	}
	if err != nil {
		for _, l := range taken {
			err = errors.Join(err, l.Close())
		}
		return gateway.Ports{}, err
	}
	return p, nil
}

// gatewayOptions are those of a configuration.
func gatewayOptions(f File) gateway.Options {
	return gateway.Options{
		Config: f.Gateway, Policy: f.Policy, People: f.People, Authorities: f.Authorities, Charter: f.Charter, Recordings: f.Recordings, Digest: f.digest,
		Version: thisBuild().Version, StandIn: standIn,
	}
}

// standIn has the agent's package stand in for a device that has no agent.
func standIn(ctx context.Context, s gateway.StandIn) error {
	return agent.StandIn{
		Folder: s.Folder, Device: s.Device, Organisation: s.Organisation, Gateway: s.Gateway, Call: s.Call, Dial: s.Dial,
		Login: s.Login, Key: s.Key, HostKey: s.HostKey, Authorize: s.Authorize,
		Terminal: s.Terminal, Out: s.Out, Locale: s.Locale, Owner: s.Owner, Log: s.Log,
	}.Run(ctx)
}

// openGateway makes the gateway of a configuration, which it reads anew from
// the source.
func openGateway(ctx context.Context, f File, src gateway.Source, log *slog.Logger) (*gateway.Gateway, error) {
	o := gatewayOptions(f)
	o.Source, o.Log = src, log
	return gateway.New(ctx, o)
}

// onHangup sorts the SIGHUPs of a program that serves. Where the terminal that
// it was started on has gone they end it, as they end any program; else they
// tell it to read its configuration anew. The caller must call stop.
func (c *call) onHangup(ctx context.Context) (_ context.Context, again <-chan os.Signal, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	hangups, told, done := make(chan os.Signal, 1), make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(hangups, syscall.SIGHUP)
	had := len(c.terminals())
	go func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case s := <-hangups:
				if len(c.terminals()) < had {
					cancel()
					return
				}
				select {
				case told <- s:
				default: // it has been told, and hasn't begun
				}
			}
		}
	}()
	return ctx, told, func() {
		signal.Stop(hangups)
		cancel()
		<-done
	}
}

// terminals are the terminals among the program's three streams.
func (c *call) terminals() []*os.File {
	var list []*os.File
	for _, stream := range []any{c.stdin, c.stdout, c.stderr} {
		if f, ok := stream.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
			list = append(list, f)
		}
	}
	return list
}

// agentOptions are those of a configuration.
func agentOptions(f File, log *slog.Logger) (agent.Options, error) {
	me, err := self()
	b := thisBuild()
	return agent.Options{Config: f.Agent, Version: b.Version, Made: b.Made, Log: log, Self: me}, err
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
	f, err := readConfig(installed(path, "agent.toml"), false)
	if err != nil {
		return "", err
	}
	cfg, err := f.Agent.Resolved()
	return cfg.Socket, err
}
