package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"accord/packaging"
	"accord/push"
	"accord/tui"
	"accord/wire"
)

// sampleConfig is what a device's first configuration is cut from.
//
//go:embed config.toml
var sampleConfig string

// Bounds of a push.
const (
	pushMost     = 200 // hosts
	pushParallel = 8   // at once, unless it is said
)

func pushVerb() verb {
	return verb{
		name:  "push",
		usage: "[OPTIONS] --gateway GATEWAY [USER@]HOST…",
		line:  "put the agent on hosts by your own ssh, and let them join",
		help: `Copies the program that fits each host, installs it with its systemd unit and
/etc/accord/agent.toml, lets it join the gateway and starts it. It then waits
until the gateway sees the device online, 45 s at most, and else says what the
agent there said last. A second time it changes nothing, or brings another
version. Hosts and gateway are as your ssh knows them; where USER is not root,
'sudo -n' must do. A host that fails is left as it was, and the others go on.

What is there is kept: a configuration, a device's key (and so its identity), a
program of a package. A new version starts the agent again, which ends visits
that are open there. On several hosts ssh asks for nothing: log in by key.

Options:
  -g, --gateway GATEWAY   the gateway, for a token a host (ssh GATEWAY enroll)
  -t, --token TOKEN       a token that you have, for one host; - reads it from
                          standard input. It takes --address
  -a, --address ADDRESS   HOST:PORT where devices call, if not as enroll says
  -P, --programs FOLDER   programs as make dist makes them, one for each kind of
                          machine; else this very one, to hosts like this
  -u, --user NAME         whose consent counts (agent.user), where there is no
                          configuration yet
  -n, --name NAME         what the device is called, of one host
  -l, --label KEY=VALUE   a label for those that join; as often as you like
  -H, --home              for the account alone, in its home, without root
  -m, --most N            so many hosts at once (8)
  -j, --json              the outcomes for programs
      --plain             one line for each step, for screen readers
  -o OPTION, -F FILE, -p PORT   for ssh to the hosts, -F to the gateway too

Exit codes: 0 all went well, 1 some host failed, 2 wrong call.

Examples:
  accord push --gateway gw root@shop-1 root@shop-2
  accord push -g gw -P dist -u camille -l site=lyon admin@laptop-7
  accord push -g gw --home me@build -p 2022`,
		run: runPush,
	}
}

// pushing is one call of the verb.
type pushing struct {
	*call
	hosts                   []string
	gateway, token, address string
	programs, user, name    string
	labels, options         []string
	config                  string // of ssh
	home, json, plain       bool
	most                    int
	sockets                 string // folder of ssh's
}

func parsePush(c *call, args []string) (*pushing, error) {
	p := &pushing{call: c}
	fs := flags("push")
	for _, f := range []struct {
		to          *string
		long, short string
	}{
		{&p.gateway, "gateway", "g"}, {&p.token, "token", "t"}, {&p.address, "address", "a"}, {&p.programs, "programs", "P"},
		{&p.user, "user", "u"}, {&p.name, "name", "n"},
	} {
		fs.StringVar(f.to, f.long, "", "")
		fs.StringVar(f.to, f.short, "", "")
	}
	fs.IntVar(&p.most, "most", pushParallel, "")
	fs.IntVar(&p.most, "m", pushParallel, "")
	home, asJSON := boolFlag(fs, "home", "H"), boolFlag(fs, "json", "j")
	fs.BoolVar(&p.plain, "plain", false, "")
	each(fs, "label", &p.labels, "")
	each(fs, "l", &p.labels, "")
	each(fs, "o", &p.options, "-o")
	each(fs, "p", &p.options, "-p")
	fs.StringVar(&p.config, "F", "", "")
	hosts, err := parse(c, fs, args, pushMost)
	p.hosts, p.home, p.json = hosts, *home, *asJSON
	if err != nil {
		return nil, err
	}
	return p, p.check()
}

// each declares an option that may be given several times; option is what goes
// before each value.
func each(fs *flag.FlagSet, name string, to *[]string, option string) {
	fs.Func(name, "", func(value string) error {
		if option != "" {
			*to = append(*to, option)
		}
		*to = append(*to, value)
		return nil
	})
}

func (p *pushing) check() error {
	bad := func(format string, args ...any) error { return usage("push", format, args...) }
	switch {
	case len(p.hosts) == 0:
		return bad("name the hosts, as your ssh knows them")
	case (p.gateway == "") == (p.token == ""):
		return bad("name the gateway (--gateway), or a token of it (--token)")
	case p.token != "" && p.address == "":
		return bad("a token says not where its gateway is: name it by --address HOST:PORT")
	case p.token != "" && len(p.hosts) > 1:
		return bad("a token serves one host; for several, name the gateway")
	case p.token != "" && len(p.labels) > 0:
		return bad("the labels are those of the token")
	case p.name != "" && (len(p.hosts) > 1 || !wire.ValidDevice(p.name)):
		return bad("--name takes the name of one device: lower case letters, digits, dots and dashes")
	case p.user != "" && !wire.ValidLogin(p.user):
		return bad("%q can't be the name of an account", p.user)
	case p.most < 1 || p.most > pushMost:
		return bad("--most takes a number from 1 to %d", pushMost)
	case strings.HasPrefix(p.gateway, "-"):
		return bad("%q is no gateway", p.gateway)
	}
	seen := make(map[string]bool)
	for _, host := range p.hosts {
		if host == "" || strings.HasPrefix(host, "-") || wire.Clean(host, 255) != host || seen[host] {
			return bad("%q is no host, or stands twice", host)
		}
		seen[host] = true
	}
	return nil
}

func runPush(ctx context.Context, c *call, args []string) error {
	p, err := parsePush(c, args)
	if err != nil {
		return err
	}
	if p.sockets, err = os.MkdirTemp("", "push"); err != nil {
		return fmt.Errorf("make a folder for ssh's sockets: %w", err)
	}
	defer func() { _ = os.RemoveAll(p.sockets) }()
	o, done, err := p.prepare(ctx)
	if err != nil {
		return err
	}
	defer done()
	outcomes, err := p.run(ctx, o)
	if err != nil {
		return err
	}
	if err := p.report(outcomes); err != nil {
		return err
	}
	failed := 0
	for _, o := range outcomes {
		if o.Outcome == push.Failed {
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d hosts failed", failed, len(outcomes))
	}
	return nil
}

// prepare finds the gateway and the programs. The admin may be asked by ssh here,
// before the screen.
func (p *pushing) prepare(ctx context.Context) (push.Options, func(), error) {
	me, err := self()
	if err != nil {
		return push.Options{}, nil, err
	}
	settings, err := packaging.Settings("agent", sampleConfig)
	if err != nil {
		return push.Options{}, nil, err
	}
	build := thisBuild()
	o := push.Options{
		Hosts: p.hosts, Home: p.home, Name: p.name, Settings: settings, User: p.user, Parallel: p.most,
		Shell:    &push.Shell{Env: p.env, Options: p.options, Ask: len(p.hosts) == 1, Sockets: p.sockets},
		Programs: push.Programs{Self: me[0], Version: build.Version, Platform: build.Platform, Folder: p.programs},
	}
	var shared []string // by all of ssh that is run
	if p.config != "" {
		shared = []string{"-F", p.config}
		o.Shell.Options = append(slices.Clone(shared), p.options...)
	}
	if p.token != "" {
		return p.withToken(o)
	}
	gw := &push.Gateway{Shell: &push.Shell{Env: p.env, Options: shared, Ask: true, Sockets: p.sockets}, Host: p.gateway, Address: p.address}
	for _, l := range p.labels {
		gw.Flags = append(gw.Flags, "--label", l)
	}
	if o.Gateway, err = gw.Key(ctx); err != nil {
		gw.Close()
		return o, nil, err
	}
	o.Tokens, o.Devices = gw.Tokens, gw.Devices
	return o, gw.Close, nil
}

// withToken is a push with a token that the admin has.
func (p *pushing) withToken(o push.Options) (push.Options, func(), error) {
	word, err := p.secret(p.token)
	if err != nil {
		return o, nil, err
	}
	token, err := wire.ParseToken(word)
	if err != nil {
		return o, nil, err
	}
	o.Gateway = token.Gateway
	o.Tokens = func(context.Context, int) (string, []string, error) { return p.address, []string{word}, nil }
	return o, func() {}, nil
}

// run pushes, and shows how it goes: on a screen, or line by line.
func (p *pushing) run(ctx context.Context, o push.Options) ([]push.Outcome, error) {
	if p.json || !p.hasTerminal() || len(p.hosts) == 1 {
		o.Tell = p.line
		return push.Run(ctx, o), nil
	}
	t, restore, err := p.terminal(p.plain)
	if err != nil {
		return nil, err
	}
	restore = sync.OnceFunc(restore)
	defer restore()
	if t.Plain() {
		restore() // ssh and the table use it as it was
		o.Tell = p.line
		return push.Run(ctx, o), nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	updates := make(chan []tui.PushLine, 1)
	board := &pushBoard{hosts: p.hosts, lines: make(map[string]tui.PushLine), updates: updates}
	o.Tell = board.tell
	var outcomes []push.Outcome
	var pushed sync.WaitGroup
	pushed.Go(func() {
		outcomes = push.Run(ctx, o)
		close(updates)
	})
	if err := tui.Pushing(ctx, t, updates); err != nil {
		cancel(errors.New("stopped by you"))
	}
	pushed.Wait()
	return outcomes, nil
}

// line says a step on a line of its own; the outcomes come in a table.
func (p *pushing) line(g push.Progress) {
	if p.json || g.Stage == push.Copying || g.Stage == push.Waiting {
		return
	}
	_, _ = fmt.Fprintf(p.stderr, "%s: %s\n", g.Host, g.Stage)
}

// pushBoard keeps the screen's list; updates hold the newest only.
type pushBoard struct {
	hosts   []string
	lines   map[string]tui.PushLine
	updates chan []tui.PushLine
}

func (b *pushBoard) tell(g push.Progress) {
	b.lines[g.Host] = tui.PushLine{Host: g.Host, Stage: string(g.Stage), Done: g.Done, Total: g.Total}
	list := make([]tui.PushLine, len(b.hosts))
	for i, host := range b.hosts {
		list[i] = b.lines[host]
		list[i].Host = host
	}
	select {
	case <-b.updates: // older
	default:
	}
	b.updates <- list
}

// report prints the table of outcomes.
func (p *pushing) report(outcomes []push.Outcome) error {
	if p.json {
		return writeJSON(p.call, outcomes)
	}
	rows := make([][]string, 0, len(outcomes))
	for _, o := range outcomes {
		rows = append(rows, []string{o.Host, outcomeText(o), orDash(o.Device), o.Sentence})
	}
	var b strings.Builder
	if err := tui.Table(&b, []string{"HOST", "OUTCOME", "DEVICE", ""}, rows, 0); err != nil {
		return err
	}
	_, err := io.WriteString(p.stdout, b.String())
	return err
}

func outcomeText(o push.Outcome) string {
	switch o.Outcome {
	case push.Joined:
		return "joined, " + o.Version
	case push.Updated:
		if o.From == "" {
			return "installed " + o.Version
		}
		return "updated " + o.From + " → " + o.Version
	case push.Same:
		return "already joined, same version " + o.Version
	}
	return string(o.Outcome)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
