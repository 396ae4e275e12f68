package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
	sshagent "golang.org/x/crypto/ssh/agent"

	"accord/agent"
	"accord/gateway"
	"accord/policy"
	"accord/wire"
)

func upVerb() verb {
	return verb{
		name:  "up",
		usage: "[--state FOLDER] [--config FILE] [--plain]",
		line:  "try it: gateway, agent and user's screen on this machine",
		help: `Runs the same gateway and agent as 'accord gateway' and 'accord agent', on
this machine only, with this machine already enrolled, and shows the screen of
the person at the device in this terminal. A second terminal is the
technician's: the line to type there is printed.

Who may log in: the [[people]] of the configuration, or, where it names none,
you, with the keys of your ssh agent and of ~/.ssh. If there is no key one is
made in the folder. Everything is kept in the folder; remove it to start anew.

Options:
  -d, --state FOLDER   where everything is kept (.accord)
  -c, --config FILE    ports, policy and people as in config.toml
  -p, --plain          questions line by line, for screen readers

Examples:
  accord up
  accord up --config config.toml --state /tmp/accord`,
		run:    runUp,
		serves: true,
	}
}

// trial is one `accord up`.
type trial struct {
	call     *call
	state    string
	file     File
	source   gateway.Source // where the file is read anew
	identity string         // the key that was made, for ssh -i; empty: the caller's own
	notes    []string
}

func runUp(ctx context.Context, c *call, args []string) error {
	if runtime.GOOS == "windows" {
		return errGatewayUnix
	}
	fs := flags("up")
	state := stringFlag(fs, "state", "d", ".accord")
	path := stringFlag(fs, "config", "c", "")
	plain := boolFlag(fs, "plain", "p")
	if _, err := parse(c, fs, args, 0); err != nil {
		return err
	}
	f, err := readConfig(*path, true)
	if err != nil {
		return err
	}
	t := &trial{call: c, file: f}
	if err := t.prepare(*state); err != nil {
		return err
	}
	ctx, again, stop := c.onHangup(ctx)
	defer stop()
	t.source = gateway.Source{File: *path, Again: again, Read: func() (gateway.Options, error) {
		f, err := readConfig(*path, true)
		if err != nil {
			return gateway.Options{}, err
		}
		anew := &trial{call: c, file: f}
		err = anew.prepare(*state)
		return gatewayOptions(anew.file), err
	}}
	return t.run(ctx, *plain)
}

// prepare puts all state under the one folder and finds out who may log in.
func (t *trial) prepare(state string) error {
	var err error
	if t.state, err = filepath.Abs(state); err != nil {
		return fmt.Errorf("find the folder %s: %w", state, err)
	}
	if err := os.MkdirAll(t.state, 0o755); err != nil {
		return fmt.Errorf("make the folder for everything: %w", err)
	}
	t.file.Gateway.State = filepath.Join(t.state, "gateway")
	t.file.Agent.State = filepath.Join(t.state, "agent")
	t.file.Recordings.Dir = filepath.Join(t.state, "recordings")
	t.file.Agent.Socket, t.file.Agent.Gateway = "", ""
	if t.file, err = t.withPeople(); err != nil {
		return err
	}
	return nil
}

// withPeople adds the caller where the configuration names nobody.
func (t *trial) withPeople() (File, error) {
	if len(t.file.People) > 0 {
		t.notes = append(t.notes, t.call.phrases().Say("UpPeople", "Count", len(t.file.People)))
		return t.file, nil
	}
	me, err := user.Current()
	if err != nil {
		return t.file, fmt.Errorf("find out who you are: %w", err)
	}
	keys := append(agentKeys(t.call.getenv("SSH_AUTH_SOCK")), fileKeys(t.call.getenv("HOME"))...)
	slices.Sort(keys)
	keys = slices.Compact(keys)
	if len(keys) == 0 {
		line, err := t.makeKey()
		if err != nil {
			return t.file, err
		}
		keys = []string{line}
	} else {
		t.notes = append(t.notes, t.call.phrases().Say("UpKeys", "Count", len(keys)))
	}
	t.file.People = []policy.Person{{
		Name: personOf(me.Username), Keys: keys,
		Roles: []string{string(policy.Technician), string(policy.Supervisor), string(policy.Auditor)},
	}}
	return t.file, t.file.Check()
}

// personOf makes a person's name of an account's.
func personOf(account string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '-'
	}, strings.ToLower(account))
	if name = strings.Trim(name, "-."); name == "" {
		return "me"
	}
	return name
}

// agentKeys are the public keys in the caller's ssh agent; none without one.
func agentKeys(socket string) []string {
	if socket == "" {
		return nil
	}
	conn, err := net.DialTimeout("unix", socket, time.Second)
	if err != nil {
		return nil
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
	list, err := sshagent.NewClient(conn).List()
	if err != nil {
		return nil
	}
	var keys []string
	for _, k := range list {
		keys = appendKey(keys, k.String())
	}
	return keys
}

// fileKeys are the public keys in ~/.ssh whose private half lies beside them
// under a name that ssh tries by itself.
func fileKeys(home string) []string {
	var keys []string
	for _, kind := range []string{"ed25519", "ed25519_sk", "ecdsa", "ecdsa_sk", "rsa"} {
		private := filepath.Join(home, ".ssh", "id_"+kind)
		if _, err := os.Stat(private); err != nil {
			continue
		}
		text, err := os.ReadFile(private + ".pub")
		if err != nil {
			continue
		}
		keys = appendKey(keys, string(text))
	}
	return keys
}

// appendKey takes a key that the gateway would admit, without its comment.
func appendKey(keys []string, line string) []string {
	key, err := policy.ParseKey(strings.TrimSpace(line))
	if err != nil {
		return keys
	}
	return append(keys, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))))
}

// makeKey makes a key for a caller who has none, once.
func (t *trial) makeKey() (line string, err error) {
	t.identity = filepath.Join(t.state, "technician_key")
	text, err := os.ReadFile(t.identity)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = writeKey(t.identity)
	}
	if err != nil {
		return "", fmt.Errorf("a key for you: %w", err)
	}
	key, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return "", fmt.Errorf("the key in %s can't be read (%w): remove it, another is made", t.identity, err)
	}
	t.notes = append(t.notes, t.call.phrases().Say("UpKeyMade", "File", t.identity))
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key.PublicKey()))), nil
}

func writeKey(path string) ([]byte, error) {
	text, err := wire.NewPrivateKey("accord up")
	if err != nil {
		return nil, err
	}
	return text, os.WriteFile(path, text, 0o600)
}

// run starts the gateway, lets this machine join it, runs its agent, and shows
// its user's screen. When one of them ends, all do.
func (t *trial) run(ctx context.Context, plain bool) error {
	logFile, err := os.OpenFile(filepath.Join(t.state, "log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	defer func() { _ = logFile.Close() }()
	log := t.call.logger(logFile)
	g, err := openGateway(ctx, t.file, t.source, log)
	if err != nil {
		return err
	}
	ports, err := listen(t.file.Gateway)
	if err != nil {
		return errors.Join(err, g.Close())
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var parts sync.WaitGroup
	ended := make(chan error, 2)
	parts.Go(func() {
		ended <- g.Serve(ctx, ports)
		cancel()
	})
	o, err := agentOptions(t.file, log)
	if err == nil {
		err = t.join(ctx, g, o, ports.Agents.Addr().String())
	}
	var a *agent.Agent
	if err == nil {
		a, err = agent.New(o)
	}
	if err == nil {
		parts.Go(func() {
			ended <- a.Run(ctx)
			cancel()
		})
		err = t.attend(ctx, a.Socket(), hintFor(t, g, ports.Technicians.Addr()), plain)
	}
	cancel()
	parts.Wait()
	close(ended)
	for e := range ended {
		err = errors.Join(err, e)
	}
	return err
}

// join enrols this machine, unless it has been before. The gateway's address
// may be another one this time.
func (t *trial) join(ctx context.Context, g *gateway.Gateway, o agent.Options, address string) error {
	joined, err := agent.Rejoin(o, address, g.Key())
	if joined || err != nil {
		return err
	}
	cfg, err := o.Config.Resolved()
	if err != nil {
		return err
	}
	token, err := g.Enroll(ctx, cfg.Name)
	if err != nil {
		return err
	}
	_, err = agent.Join(ctx, o, agent.Enrolment{Address: address, Token: token.String(), Name: cfg.Name})
	return err
}

// attend shows the user's screen until it is left; without a terminal it says
// how to reach this and waits to be stopped.
func (t *trial) attend(ctx context.Context, socket string, hint []string, plain bool) error {
	lines := append(append([]string{}, t.notes...), hint...)
	for _, line := range lines {
		if _, err := fmt.Fprintln(t.call.stdout, line); err != nil {
			return err
		}
	}
	if !t.call.hasTerminal() {
		<-ctx.Done()
		return nil
	}
	term, done, err := t.call.terminal(plain)
	if err != nil {
		return err
	}
	defer done()
	return left(agent.User(ctx, socket, term, hint...))
}

// hintFor is how the technician gets here: the line for the second terminal.
func hintFor(t *trial, g *gateway.Gateway, at net.Addr) []string {
	host, port, err := net.SplitHostPort(at.String())
	if err != nil {
		return nil
	}
	with := ""
	if t.identity != "" {
		with = "-i " + t.identity + " "
	}
	ph := t.call.phrases()
	return []string{
		ph.Say("UpSecond"),
		fmt.Sprintf("  ssh %s-p %s %s", with, port, host),
		ph.Say("UpFingerprint", "Fingerprint", ssh.FingerprintSHA256(g.Key())),
	}
}
